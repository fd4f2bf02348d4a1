//! The versions of the API. Clients read features from the list: every minor version is in it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::api::links::PublicUrl;

/// The minor versions of Image v2 (Glance 2026.1).
const MINORS: std::ops::RangeInclusive<u32> = 0..=17;

/// `GET /image`: the choices.
pub async fn choices(url: PublicUrl) -> Response {
    (StatusCode::MULTIPLE_CHOICES, Json(versions(&url))).into_response()
}

/// `GET /image/versions`: the same as an ordinary answer.
pub(super) async fn list(url: PublicUrl) -> Json<Value> {
    Json(versions(&url))
}

fn versions(url: &PublicUrl) -> Value {
    let href = format!("{}/image/v2/", url.0);
    let version = |minor: u32| {
        let status = if minor == *MINORS.end() { "CURRENT" } else { "SUPPORTED" };
        json!({"id": format!("v2.{minor}"), "status": status, "links": [{"rel": "self", "href": href}]})
    };
    let versions: Vec<Value> = MINORS.rev().map(version).collect();
    json!({ "versions": versions })
}
