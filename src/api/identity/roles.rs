//! `/v3/roles`, and what roles imply.

use axum::{
    Json,
    extract::{Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Authenticated, error::ApiError, links::PublicUrl},
    lists::{Filters, set},
};
use crate::{
    error::{Error, Result},
    identity::roles::{NewRole, RoleRecord},
};

#[derive(Deserialize)]
pub(super) struct Body {
    role: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    #[serde(default, deserialize_with = "set")]
    description: Option<Option<String>>,
    domain_id: Option<String>,
}

/// `GET /v3/roles`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    // Without a domain it is the roles of the whole cloud; some clients write that as null.
    let domain = filters.text("domain_id").filter(|domain| !["null", "None"].contains(domain));
    let rows = api.identity.roles(&caller, filters.text("name"), domain).await?;
    Ok(Json(filters.shown("roles", rows, |role| &role.id, |role| shown(&filters.base_of("/v3/roles"), role))))
}

/// `POST /v3/roles`
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    JsonBody(Body { role }): JsonBody<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let new = NewRole {
        name: role.name.unwrap_or_default(),
        description: role.description.flatten(),
        domain_id: role.domain_id,
    };
    let role = api.identity.create_role(&caller, new).await?;
    Ok((StatusCode::CREATED, one(&base, &role)))
}

/// `GET /v3/roles/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.role(&caller, &id).await?))
}

/// `PATCH /v3/roles/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    JsonBody(Body { role }): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.update_role(&caller, &id, role.name, role.description).await?))
}

/// `DELETE /v3/roles/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_role(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/role_inferences`
pub(super) async fn inferences(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
) -> Result<Json<Value>, ApiError> {
    let all = api.identity.implications(&caller).await?;
    let shown: Vec<Value> = all
        .iter()
        .map(|(prior, implied)| {
            let implies: Value = implied.iter().map(|role| short(&base, role)).collect();
            json!({"prior_role": short(&base, prior), "implies": implies})
        })
        .collect();
    Ok(Json(json!({"role_inferences": shown, "links": {"self": format!("{}/identity/v3/role_inferences", base.0)}})))
}

/// `GET /v3/roles/{id}/implies`
pub(super) async fn implied(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let prior = api.identity.role(&caller, &id).await?;
    let all = api.identity.implications(&caller).await?;
    let implied = all.into_iter().find(|(role, _)| role.id == prior.id).map(|(_, implied)| implied).unwrap_or_default();
    let implies: Value = implied.iter().map(|role| short(&base, role)).collect();
    Ok(Json(json!({"role_inference": {"prior_role": short(&base, &prior), "implies": implies}})))
}

/// `PUT /v3/roles/{id}/implies/{implied}`
pub(super) async fn imply(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let (prior, implied) = api.identity.imply(&caller, &prior, &implied).await?;
    let inference = json!({"prior_role": short(&base, &prior), "implies": short(&base, &implied)});
    Ok((StatusCode::CREATED, Json(json!({"role_inference": inference}))))
}

/// `GET` and `HEAD /v3/roles/{id}/implies/{implied}`
pub(super) async fn check_implied(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    method: Method,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let all = api.identity.implications(&caller).await?;
    let prior = all.into_iter().find(|(role, _)| role.id == prior);
    let found = prior.and_then(|(prior, all)| Some((prior, all.into_iter().find(|role| role.id == implied)?)));
    let (prior, implied) = found.ok_or_else(|| Error::NotFound("The one role does not imply the other.".into()))?;
    if method == Method::HEAD {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let inference = json!({"prior_role": short(&base, &prior), "implies": short(&base, &implied)});
    Ok(Json(json!({"role_inference": inference})).into_response())
}

/// `DELETE /v3/roles/{id}/implies/{implied}`
pub(super) async fn unimply(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((prior, implied)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.identity.unimply(&caller, &prior, &implied).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn one(base: &PublicUrl, role: &RoleRecord) -> Json<Value> {
    Json(json!({"role": shown(&format!("{}/identity/v3/roles", base.0), role)}))
}

fn short(base: &PublicUrl, role: &RoleRecord) -> Value {
    let link = format!("{}/identity/v3/roles/{}", base.0, role.id);
    json!({"id": role.id, "name": role.name, "links": {"self": link}})
}

pub(super) fn shown(collection: &str, role: &RoleRecord) -> Value {
    json!({
        "id": role.id,
        "name": role.name,
        "domain_id": role.domain_id,
        "description": role.description,
        "options": {},
        "links": {"self": format!("{collection}/{}", role.id)},
    })
}
