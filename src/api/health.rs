//! Whether the service lives, whether it can work, and which one it is.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Api;

/// The process lives.
pub(super) async fn healthz() -> &'static str {
    "OK"
}

/// The service can work: database and store answer.
pub(super) async fn readyz(State(rooms): State<Api>) -> Response {
    let checks = [("database", rooms.db.ping().await), ("store", rooms.stores.default_store().check_room())];
    let is_ready = checks.iter().all(|(_, check)| check.is_ok());
    let mut shown = json!({ "ready": is_ready });
    for (part, check) in checks {
        shown[part] = check.map_or_else(|error| json!(error.to_string()), |()| json!("ok"));
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(shown)).into_response()
}

/// The version and the build of this program.
pub(super) async fn version() -> Json<serde_json::Value> {
    Json(json!({"name": "effigy", "version": env!("CARGO_PKG_VERSION")}))
}
