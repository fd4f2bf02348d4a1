//! `/v3/domains`.

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
    identity::domains::{Domain, DomainFields, ListDomains},
};

#[derive(Deserialize)]
pub(super) struct Body {
    domain: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    description: Option<String>,
    enabled: Option<bool>,
}

impl From<Fields> for DomainFields {
    fn from(fields: Fields) -> DomainFields {
        DomainFields { name: fields.name, description: fields.description, enabled: fields.enabled }
    }
}

/// `GET /v3/domains`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.domains(&caller, &wanted(&filters)).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `GET /v3/auth/domains`
pub(super) async fn own(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.own_domains(&caller).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `POST /v3/domains`
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let domain = api.identity.create_domain(&caller, body.domain.into()).await?;
    Ok((StatusCode::CREATED, one(&base, &domain)))
}

/// `GET /v3/domains/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.domain(&caller, &id).await?))
}

/// `PATCH /v3/domains/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.update_domain(&caller, &id, body.domain.into()).await?))
}

/// `DELETE /v3/domains/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_domain(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn wanted(filters: &Filters) -> ListDomains<'_> {
    ListDomains {
        name: filters.text("name"),
        enabled: filters.flag("enabled"),
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}

fn shown_list(filters: &Filters, rows: Vec<Domain>) -> Value {
    filters.shown("domains", rows, |domain| &domain.id, |domain| shown(&filters.base_of("/v3/domains"), domain))
}

fn one(base: &PublicUrl, domain: &Domain) -> Json<Value> {
    Json(json!({"domain": shown(&format!("{}/identity/v3/domains", base.0), domain)}))
}

fn shown(collection: &str, domain: &Domain) -> Value {
    json!({
        "id": domain.id,
        "name": domain.name,
        "description": domain.description,
        "enabled": domain.enabled,
        "tags": [],
        "options": {},
        "links": {"self": format!("{collection}/{}", domain.id)},
    })
}
