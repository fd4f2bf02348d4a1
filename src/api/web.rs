//! What every request passes: its id, the audit of what it changed, the service's own pages.

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::{Api, error};

/// This request's id, `req-…`, as the answer carries it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives the request its id and a span, and the answer its common headers.
pub async fn envelope(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = format!("req-{}", Uuid::new_v4());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-openstack-request-id", value);
    }
    let (status, route, took) = (response.status().as_u16(), route.unwrap_or_default(), started.elapsed());
    api.metrics.answered(method.as_str(), &route, status, took);
    let ms = took.as_millis() as u64;
    tracing::debug!(request.id = %id, %method, route, status, ms, "{method} {route} answered {status}");
    response
}

/// The process lives.
pub async fn healthz() -> &'static str {
    "OK"
}

/// The service can work: database and store answer.
pub async fn readyz(State(api): State<Api>) -> Response {
    match api.db.ping().await {
        Ok(()) => Json(json!({"ready": true})).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"ready": false, "database": error.to_string()})))
            .into_response(),
    }
}

/// What was built.
pub async fn version() -> Json<serde_json::Value> {
    Json(json!({"name": "effigy", "version": env!("CARGO_PKG_VERSION")}))
}

/// The answer to a URL nobody serves.
pub async fn no_such_url() -> Response {
    let missing = error::ApiError::new(StatusCode::NOT_FOUND, "There is nothing at this URL.");
    error::render(error::Dialect::Keystone, missing.into_response()).await
}
