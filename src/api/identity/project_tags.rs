//! `/v3/projects/{id}/tags`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Authenticated, error::ApiError},
    lists::Filters,
};
use crate::error::Result;

/// `GET /v3/projects/{id}/tags`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let tags = api.identity.project_tags(&caller, &id).await?;
    Ok(Json(json!({"tags": tags, "links": links(&filters, &id)})))
}

#[derive(Deserialize)]
pub(super) struct Body {
    tags: Vec<String>,
}

/// `PUT /v3/projects/{id}/tags`
pub(super) async fn replace(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    let tags = api.identity.set_project_tags(&caller, &id, body.tags).await?;
    Ok(Json(json!({"tags": tags, "links": links(&filters, &id)})))
}

/// `DELETE /v3/projects/{id}/tags`
pub(super) async fn clear(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.set_project_tags(&caller, &id, Vec::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET` and `HEAD /v3/projects/{id}/tags/{tag}`
pub(super) async fn check(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.check_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v3/projects/{id}/tags/{tag}`
pub(super) async fn add(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.add_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /v3/projects/{id}/tags/{tag}`
pub(super) async fn remove(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((id, tag)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.remove_project_tag(&caller, &id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn links(filters: &Filters, id: &str) -> Value {
    json!({"self": filters.base_of(&format!("/v3/projects/{id}/tags")), "next": null, "previous": null})
}
