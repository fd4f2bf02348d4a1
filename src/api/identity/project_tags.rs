//! `/v3/projects/{id}/tags`.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{body::JsonBody, caller::Asked, error::Answer};

/// `GET /v3/projects/{id}/tags`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, Path(id): Path<String>) -> Answer {
    let tags = rooms.identity.project_tags(&caller, &id).await?;
    Ok(Json(json!({"tags": tags, "links": links(&url, &id)})))
}

#[derive(Deserialize)]
pub(super) struct Body {
    tags: Vec<String>,
}

/// `PUT /v3/projects/{id}/tags`
pub(super) async fn replace(
    Asked { rooms, caller, url }: Asked,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Answer {
    let tags = rooms.identity.set_project_tags(&caller, &id, body.tags).await?;
    Ok(Json(json!({"tags": tags, "links": links(&url, &id)})))
}

/// `DELETE /v3/projects/{id}/tags`
pub(super) async fn clear(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.identity.set_project_tags(&caller, &id, Vec::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET` and `HEAD /v3/projects/{id}/tags/{tag}`
pub(super) async fn check(
    Asked { rooms, caller, .. }: Asked,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.check_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v3/projects/{id}/tags/{tag}`
pub(super) async fn add(
    Asked { rooms, caller, .. }: Asked,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.add_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /v3/projects/{id}/tags/{tag}`
pub(super) async fn remove(
    Asked { rooms, caller, .. }: Asked,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.remove_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn links(url: &str, id: &str) -> Value {
    json!({"self": format!("{url}/identity/v3/projects/{id}/tags"), "next": null, "previous": null})
}
