//! `/v3/projects`, and the projects of a user.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Authenticated, error::ApiError, links::PublicUrl},
    lists::Filters,
};
use crate::{
    error::{Error, Result},
    identity::projects::{ListProjects, Project, ProjectFields},
};

#[derive(Deserialize)]
pub(super) struct Body {
    project: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    domain_id: Option<String>,
    description: Option<String>,
    enabled: Option<bool>,
    tags: Option<Vec<String>>,
    parent_id: Option<String>,
    is_domain: Option<bool>,
}

impl From<Fields> for ProjectFields {
    fn from(fields: Fields) -> ProjectFields {
        ProjectFields {
            name: fields.name,
            domain_id: fields.domain_id,
            parent_id: fields.parent_id,
            is_domain: fields.is_domain,
            description: fields.description,
            enabled: fields.enabled,
            tags: fields.tags,
        }
    }
}

/// `GET /v3/projects`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = match filters.flag("is_domain") {
        Some(true) => api.identity.domain_projects(&caller, &super::domains::wanted(&filters)).await?,
        _ => api.identity.projects(&caller, &wanted(&filters)).await?,
    };
    Ok(Json(shown_list(&filters, rows)))
}

/// `GET /v3/auth/projects`
pub(super) async fn own(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let wanted = ListProjects { enabled: Some(true), ..wanted(&filters) };
    let rows = api.identity.projects_of(&caller, caller.user.id, &wanted).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `GET /v3/users/{id}/projects`
pub(super) async fn of_user(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(user): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let user = user.parse().map_err(|_| Error::NotFound(format!("Could not find user: {user}.")))?;
    let rows = api.identity.projects_of(&caller, user, &wanted(&filters)).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `POST /v3/projects`
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let project = api.identity.create_project(&caller, body.project.into()).await?;
    Ok((StatusCode::CREATED, one(&base, &project)))
}

/// `GET /v3/projects/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.project(&caller, &id).await?))
}

/// `PATCH /v3/projects/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.update_project(&caller, &id, body.project.into()).await?))
}

/// `DELETE /v3/projects/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_project(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted(filters: &Filters) -> ListProjects<'_> {
    ListProjects {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        enabled: filters.flag("enabled"),
        user_id: None,
        parent_id: filters.text("parent_id"),
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}

fn shown_list(filters: &Filters, rows: Vec<Project>) -> Value {
    filters.shown("projects", rows, |project| &project.id, |project| shown(&filters.base_of("/v3/projects"), project))
}

fn one(base: &PublicUrl, project: &Project) -> Json<Value> {
    Json(json!({"project": shown(&format!("{}/identity/v3/projects", base.0), project)}))
}

fn shown(collection: &str, project: &Project) -> Value {
    let tags: Value = serde_json::from_str(&project.tags).unwrap_or_default();
    json!({
        "id": project.id,
        "name": project.name,
        "domain_id": (!project.is_domain).then_some(&project.domain_id),
        "parent_id": (!project.is_domain).then(|| project.parent_id.as_ref().unwrap_or(&project.domain_id)),
        "is_domain": project.is_domain,
        "description": project.description,
        "enabled": project.enabled,
        "tags": tags,
        "options": {},
        "links": {"self": format!("{collection}/{}", project.id)},
    })
}
