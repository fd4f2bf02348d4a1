//! Lists that clients ask for and that are truly empty here.

use axum::Json;
use serde_json::Value;

use super::{super::caller::Asked, lists::Filters};

fn none(name: &str, filters: &Filters) -> Json<Value> {
    Json(filters.shown(name, Vec::<String>::new(), |id| id, |id| id.as_str().into()))
}

/// `GET /v3/registered_limits`
pub(super) async fn registered_limits(_: Asked, filters: Filters) -> Json<Value> {
    none("registered_limits", &filters)
}

/// `GET /v3/limits`
pub(super) async fn limits(_: Asked, filters: Filters) -> Json<Value> {
    none("limits", &filters)
}

/// `GET /v3/credentials`
pub(super) async fn credentials(_: Asked, filters: Filters) -> Json<Value> {
    none("credentials", &filters)
}

/// `GET /v3/policies`
pub(super) async fn policies(_: Asked, filters: Filters) -> Json<Value> {
    none("policies", &filters)
}
