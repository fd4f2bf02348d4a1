//! From a room's [`Error`] to a status, and from a status to each dialect's JSON.
//!
//! A handler answers `Answer<_>`. The error travels to its dialect's layer as an [`ErrorNote`] in the
//! response's extensions, because only the layer knows whose words to use. Answers that axum itself refused
//! (no such method, a body that is not JSON) pass the same layer and come out in the same shape.

use axum::{
    Json, Router,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Api;
use crate::error::Error;

/// Whose error words an answer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error": {code, title, message}}`, in which Effigy's own API speaks too.
    Keystone,
    /// The same shape, as glanceclient reads it.
    Image,
    /// `{"itemNotFound": {code, message}}` and its siblings.
    Compute,
    /// `{"NeutronError": {type, message, detail}}`
    Network,
}

/// When a client may ask again after a 503 or a 429: most of their reasons have passed then.
const RETRY_AFTER_SECS: &str = "5";

/// The answer of a handler: JSON, unless it says otherwise.
pub type Answer<T = Json<Value>> = Result<T, ApiError>;

/// An error as Keystone, Glance and Effigy's own API write it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody {
    error: ErrorSays,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorSays {
    /// The status of the answer.
    code: u16,
    /// The name of the status.
    title: &'static str,
    /// The fault, and the remedy.
    message: String,
}

/// An error on its way out.
#[derive(Debug)]
pub struct ApiError {
    /// The status of the answer.
    pub status: StatusCode,
    /// The fault, and the remedy.
    pub message: String,
    /// Whether a quota is used up: Nova answers 403 to that, Glance 413.
    pub is_over_quota: bool,
}

/// The facts from which a dialect's layer renders an error.
#[derive(Clone, Debug)]
pub struct ErrorNote {
    /// The fault, and the remedy.
    pub message: String,
    /// Whether a quota is used up.
    pub is_over_quota: bool,
}

impl ApiError {
    /// An error with a status of its own, for what only HTTP knows (415 of a media type, 501).
    pub fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into(), is_over_quota: false }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        let status = match &error {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::OverQuota(_) | Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Refused { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::BadRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Error::Gone(_) => StatusCode::GONE,
            Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let message = match &error {
            Error::Internal(chain) => {
                tracing::error!("internal error: {chain:#}");
                "The service failed; the request id leads the operator to the reason in the log.".into()
            }
            other => other.to_string(),
        };
        ApiError { status, message, is_over_quota: matches!(error, Error::OverQuota(_)) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS));
        }
        response.extensions_mut().insert(ErrorNote { message: self.message, is_over_quota: self.is_over_quota });
        response
    }
}

/// Puts the dialect's layer around its routes.
pub fn dialect(dialect: Dialect, routes: Router<Api>) -> Router<Api> {
    routes.layer(map_response(move |response: Response| render(dialect, response)))
}

/// Renders a failed answer in its dialect; others pass untouched.
pub async fn render(dialect: Dialect, response: Response) -> Response {
    let status = response.status();
    let note = response.extensions().get::<ErrorNote>().cloned();
    let is_failure = status.is_client_error() || status.is_server_error();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
    if !is_failure || (note.is_none() && is_json) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    if dialect == Dialect::Compute && note.as_ref().is_some_and(|note| note.is_over_quota) {
        parts.status = StatusCode::FORBIDDEN;
    }
    let status = parts.status;
    let message = match note {
        Some(note) => note.message,
        None => plain_text(body).await.unwrap_or_else(|| status.canonical_reason().unwrap_or("error").into()),
    };
    let body = in_words_of(dialect, status, &message).to_string();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // The rest of the body is still on its way: nothing else comes over this connection.
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Response::from_parts(parts, Body::from(body))
}

async fn plain_text(body: Body) -> Option<String> {
    let bytes = body.collect().await.ok()?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn in_words_of(dialect: Dialect, status: StatusCode, message: &str) -> Value {
    let code = status.as_u16();
    match dialect {
        Dialect::Keystone | Dialect::Image => {
            let title = status.canonical_reason().unwrap_or("Error");
            json!(ErrorBody { error: ErrorSays { code, title, message: message.to_owned() } })
        }
        // Neutron: `neutron/api/api_common.py`; clients show the message.
        Dialect::Network => {
            let kind = status.canonical_reason().unwrap_or("Error").replace(' ', "");
            json!({"NeutronError": {"type": kind, "message": message, "detail": ""}})
        }
        // Nova: `nova/api/openstack/wsgi.py`, Fault._fault_names.
        Dialect::Compute => {
            let name = match code {
                400 => "badRequest",
                401 => "unauthorized",
                403 => "forbidden",
                404 => "itemNotFound",
                405 => "badMethod",
                409 => "conflictingRequest",
                413 => "overLimit",
                415 => "badMediaType",
                429 => "overLimit",
                501 => "notImplemented",
                503 => "serviceUnavailable",
                _ => "computeFault",
            };
            json!({name: {"code": code, "message": message}})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn busy_service_says_when_to_ask_again() {
        for dialect in [Dialect::Keystone, Dialect::Image, Dialect::Compute, Dialect::Network] {
            for busy in [Error::Unavailable("too many".into()), Error::TooMany("too many".into())] {
                let busy = ApiError::from(busy).into_response();
                assert_eq!(render(dialect, busy).await.headers()[header::RETRY_AFTER], RETRY_AFTER_SECS);
            }
        }
    }

    #[test]
    fn each_dialect_has_its_own_words() {
        let nova = in_words_of(Dialect::Compute, StatusCode::CONFLICT, "stop it first");
        assert_eq!(nova["conflictingRequest"]["message"], "stop it first");
        let glance = in_words_of(Dialect::Image, StatusCode::NOT_FOUND, "no such image");
        assert_eq!(glance["error"]["code"], 404);
    }
}
