//! The first thing that a client asks: which version there is, and where.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::super::links::PublicUrl;

/// `GET /identity`: 300, as Keystone answers at its root.
pub async fn versions(base: PublicUrl) -> Response {
    (StatusCode::MULTIPLE_CHOICES, Json(json!({"versions": {"values": [described(&base)]}}))).into_response()
}

/// `GET /identity/v3`.
pub(super) async fn version(base: PublicUrl) -> Json<Value> {
    Json(json!({"version": described(&base)}))
}

// 3.14 is the version with application credentials' access rules, the last that Keystone announced.
fn described(base: &PublicUrl) -> Value {
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{}/identity/v3/", base.0)}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    })
}
