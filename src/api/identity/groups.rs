//! `/v3/groups`, and the groups of a user.

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
    error::Result,
    identity::groups::{Group, GroupFields, ListGroups},
};

#[derive(Deserialize)]
pub(super) struct Body {
    group: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    domain_id: Option<String>,
    description: Option<String>,
}

impl From<Fields> for GroupFields {
    fn from(fields: Fields) -> GroupFields {
        GroupFields { name: fields.name, domain_id: fields.domain_id, description: fields.description }
    }
}

/// `GET /v3/groups`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.groups(&caller, &wanted(&filters)).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `GET /v3/users/{id}/groups`
pub(super) async fn of_user(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(user): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.groups_of(&caller, &user, &wanted(&filters)).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `POST /v3/groups`
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let group = api.identity.create_group(&caller, body.group.into()).await?;
    Ok((StatusCode::CREATED, one(&base, &group)))
}

/// `GET /v3/groups/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.group(&caller, &id).await?))
}

/// `PATCH /v3/groups/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.update_group(&caller, &id, body.group.into()).await?))
}

/// `DELETE /v3/groups/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_group(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v3/groups/{id}/users/{user}`
pub(super) async fn add_member(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((group, user)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.add_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET` and `HEAD /v3/groups/{id}/users/{user}`
pub(super) async fn check_member(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((group, user)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.check_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v3/groups/{id}/users/{user}`
pub(super) async fn remove_member(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((group, user)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.remove_member(&caller, &group, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted(filters: &Filters) -> ListGroups<'_> {
    ListGroups {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        user_id: None,
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}

fn shown_list(filters: &Filters, rows: Vec<Group>) -> Value {
    filters.shown("groups", rows, |group| &group.id, |group| shown(&filters.base_of("/v3/groups"), group))
}

fn one(base: &PublicUrl, group: &Group) -> Json<Value> {
    Json(json!({"group": shown(&format!("{}/identity/v3/groups", base.0), group)}))
}

fn shown(collection: &str, group: &Group) -> Value {
    json!({
        "id": group.id,
        "name": group.name,
        "domain_id": group.domain_id,
        "description": group.description,
        "links": {"self": format!("{collection}/{}", group.id)},
    })
}
