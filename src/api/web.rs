//! What every request passes: its id, the audit of what it changed, the service's own pages.

use std::{
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{FromRequest, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{error::Elapsed, timeout};
use uuid::Uuid;

use super::{
    Api, audit,
    error::{self, ApiError},
    links::PublicUrl,
};
use crate::{
    error::Error,
    identity::{
        Caller,
        sign_in::{Named, Proof},
    },
};

/// The largest JSON body: a list of properties, tags and user data fits many times.
const MAX_JSON_BYTES: usize = 1 << 20;

/// This request's id, `req-…`, as the answer carries it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The URL as it was sent: below `nest`, a request knows only the rest of it.
#[derive(Clone, Debug)]
pub struct WholeUri(pub Uri);

/// What a request turns out to be about, noted on its way for the audit event.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Noted>>);

/// What was noted.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Who asked.
    pub caller: Option<Caller>,
    /// Who tried to sign in, in its own words.
    pub tried: Option<String>,
    /// What was done, where the URL alone does not say it.
    pub action: Option<String>,
    /// To what, where the URL alone does not say it.
    pub target: Option<String>,
}

impl Trail {
    /// What was noted so far.
    pub fn noted(&self) -> Noted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes who asks.
    pub fn asks(&self, caller: &Caller) {
        self.note(|noted| noted.caller = Some(caller.clone()));
    }

    /// Notes who tries to sign in.
    pub fn tries(&self, proofs: &[Proof]) {
        let tried = proofs.iter().find_map(|proof| match proof {
            Proof::Password { user: Named::Id(who), .. }
            | Proof::Password { user: Named::Name { name: who, .. }, .. } => Some(who.clone()),
            Proof::Credential { credential, .. } => Some(format!("application credential {credential}")),
            Proof::Token(_) => None,
        });
        self.note(|noted| noted.tried = tried);
    }

    /// Notes who somebody without a token says it is.
    pub fn tries_as(&self, who: &str) {
        self.note(|noted| noted.tried = Some(who.to_owned()));
    }

    /// Notes what was done to what, where the URL alone does not say it.
    pub fn does(&self, action: &str, target: Option<String>) {
        self.note(|noted| (noted.action, noted.target) = (Some(action.to_owned()), target));
    }

    fn note(&self, write: impl FnOnce(&mut Noted)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A JSON body, whatever the client says its type is; what does not fit is a 400 that says where.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

/// The same where the body may be left out.
#[derive(Clone, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<JsonBody<T>, ApiError> {
        parse(&whole(request, api).await?).map(JsonBody)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<OptionalJson<T>, ApiError> {
        let body = whole(request, api).await?;
        if body.is_empty() { Ok(OptionalJson(T::default())) } else { parse(&body).map(OptionalJson) }
    }
}

/// The whole body of a request that has JSON in it.
pub(super) async fn whole(request: Request, api: &Api) -> Result<Bytes, ApiError> {
    read(request.into_body(), api.patience).await.map_err(|error| {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        if causes.clone().any(|cause| cause.is::<LengthLimitError>()) {
            return Error::TooLarge(format!("A JSON body has at most {MAX_JSON_BYTES} bytes.")).into();
        }
        if causes.any(|cause| cause.is::<Elapsed>()) {
            let message = format!("The body did not come within {} s.", api.patience.as_secs());
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, message);
        }
        Error::Invalid("The body ended before it was whole.".into()).into()
    })
}

/// Reads a body of JSON, and waits for it no longer than this.
pub(super) async fn read(body: Body, patience: Duration) -> Result<Bytes, axum::Error> {
    timeout(patience, axum::body::to_bytes(body, MAX_JSON_BYTES)).await.map_err(axum::Error::new)?
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let parsed = serde_json::from_slice(body);
    Ok(parsed.map_err(|error| Error::Invalid(format!("The body is not what was expected: {error}.")))?)
}

/// Gives the request its id and a span, and the answer its common headers.
pub async fn envelope(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = format!("req-{}", Uuid::new_v4());
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(Trail::default());
    let uri = WholeUri(request.uri().clone());
    request.extensions_mut().insert(uri);
    let client_id = client_request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let base = PublicUrl::of(&api, request.headers());
    let started = std::time::Instant::now();
    let action = route.as_deref().and_then(|route| audit::action_of(&method, route));
    let mut response = match action {
        Some(action) => audit::watch(api.clone(), action, request, next).await,
        None => next.run(request).await,
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        let value = HeaderValue::from_str(&format!("Keystone uri=\"{}/identity\"", base.0));
        value.into_iter().for_each(|value| drop(response.headers_mut().insert(header::WWW_AUTHENTICATE, value)));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-openstack-request-id", value);
    }
    let (status, route, took) = (response.status().as_u16(), route.unwrap_or_default(), started.elapsed());
    api.metrics.answered(method.as_str(), &route, status, took);
    let ms = took.as_millis() as u64;
    let client_id = client_id.as_deref().unwrap_or_default();
    tracing::debug!(
        request.id = %id, request.client_id = client_id, %method, route, status, ms,
        "{method} {route} answered {status}"
    );
    response
}

/// The client's own id of its request, if it is one: it goes to the log and the audit.
pub fn client_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-openstack-request-id")?.to_str().ok()?;
    let is_plain = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| id.to_owned())
}

/// The process lives.
pub async fn healthz() -> &'static str {
    "OK"
}

/// The service can work: database and store answer.
pub async fn readyz(State(api): State<Api>) -> Response {
    let checks = [("database", api.db.ping().await), ("store", api.stores.default_store().check_room())];
    let is_ready = checks.iter().all(|(_, check)| check.is_ok());
    let mut shown = json!({ "ready": is_ready });
    for (part, check) in checks {
        shown[part] = check.map_or_else(|error| json!(error.to_string()), |()| json!("ok"));
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(shown)).into_response()
}

/// What was built.
pub async fn version() -> Json<serde_json::Value> {
    Json(json!({"name": "effigy", "version": env!("CARGO_PKG_VERSION")}))
}

/// The answer to a URL of instances where none are run.
pub async fn no_instances() -> ApiError {
    let message = "There is nothing at this URL: this service runs no instances (instances.enabled).";
    ApiError::new(StatusCode::NOT_FOUND, message)
}

/// The answer to a URL nobody serves.
pub async fn no_such_url() -> Response {
    let missing = error::ApiError::new(StatusCode::NOT_FOUND, "There is nothing at this URL.");
    error::render(error::Dialect::Keystone, missing.into_response()).await
}
