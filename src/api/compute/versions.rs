//! The root and the version documents, which need no token.

use axum::Json;
use serde_json::{Value, json};

use super::microversion::{NEWEST, OLDEST};
use crate::api::links::PublicUrl;

/// `GET /compute/`: the one version there is.
pub(super) async fn list(PublicUrl(url): PublicUrl) -> Json<Value> {
    Json(json!({ "versions": [version(&url)] }))
}

/// `GET /compute/v2.1/`.
pub(super) async fn show(PublicUrl(url): PublicUrl) -> Json<Value> {
    let mut version = version(&url);
    version["media-types"] =
        json!([{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}]);
    Json(json!({ "version": version }))
}

fn version(url: &str) -> Value {
    json!({
        "id": "v2.1",
        "status": "CURRENT",
        "version": NEWEST.to_string(),
        "min_version": OLDEST.to_string(),
        // The day Nova gave this version out; clients show it.
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": format!("{url}/compute/v2.1/")}],
    })
}
