//! `/v3/services`, `/v3/endpoints` and `/v3/regions`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Authenticated, error::ApiError, links::PublicUrl},
    lists::{Filters, set},
};
use crate::{
    error::{Error, Result},
    identity::catalog::{Endpoint, EndpointFields, Region, RegionFields, Service, ServiceFields},
};

/// `GET /v3/services`
pub(super) async fn services(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let mut rows = api.identity.services(&caller).await?;
    rows.retain(|row| is(filters.text("type"), &row.kind) && is(filters.text("name"), &row.name));
    let show = |row: &Service| shown_service(&filters.base_of(""), row);
    Ok(Json(filters.shown("services", rows, |row| &row.id, show)))
}

/// `GET /v3/services/{id}`
pub(super) async fn service(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let found = api.identity.services(&caller).await?.into_iter().find(|row| row.id == id);
    let row = found.ok_or_else(|| Error::NotFound(format!("Could not find service: {id}.")))?;
    Ok(Json(json!({"service": shown_service(&filters.base_of(""), &row)})))
}

#[derive(Deserialize)]
pub(super) struct ServiceBody {
    service: ServiceGiven,
}

#[derive(Deserialize)]
struct ServiceGiven {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    description: Option<String>,
    enabled: Option<bool>,
}

impl From<ServiceGiven> for ServiceFields {
    fn from(given: ServiceGiven) -> ServiceFields {
        let ServiceGiven { kind, name, description, enabled } = given;
        ServiceFields { kind, name, description, enabled }
    }
}

/// `POST /v3/services`
pub(super) async fn create_service(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
    JsonBody(body): JsonBody<ServiceBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let row = api.identity.put_service(&caller, None, body.service.into()).await?;
    Ok((StatusCode::CREATED, Json(json!({"service": shown_service(&filters.base_of(""), &row)}))))
}

/// `PATCH /v3/services/{id}`
pub(super) async fn update_service(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
    JsonBody(body): JsonBody<ServiceBody>,
) -> Result<Json<Value>, ApiError> {
    let row = api.identity.put_service(&caller, Some(&id), body.service.into()).await?;
    Ok(Json(json!({"service": shown_service(&filters.base_of(""), &row)})))
}

/// `DELETE /v3/services/{id}`
pub(super) async fn delete_service(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_service(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/endpoints`
pub(super) async fn endpoints(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let mut rows = api.identity.endpoints(&caller, &base.0).await?;
    rows.retain(|row| {
        is(filters.text("service_id"), &row.service_id)
            && is(filters.text("interface"), &row.interface)
            && is(filters.text("region_id"), row.region_id.as_deref().unwrap_or_default())
    });
    let show = |row: &Endpoint| shown_endpoint(&filters.base_of(""), row);
    Ok(Json(filters.shown("endpoints", rows, |row| &row.id, show)))
}

/// `GET /v3/endpoints/{id}`
pub(super) async fn endpoint(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let found = api.identity.endpoints(&caller, &base.0).await?.into_iter().find(|row| row.id == id);
    let row = found.ok_or_else(|| Error::NotFound(format!("Could not find endpoint: {id}.")))?;
    Ok(Json(json!({"endpoint": shown_endpoint(&filters.base_of(""), &row)})))
}

#[derive(Deserialize)]
pub(super) struct EndpointBody {
    endpoint: EndpointGiven,
}

#[derive(Deserialize)]
struct EndpointGiven {
    service_id: Option<String>,
    interface: Option<String>,
    region_id: Option<String>,
    region: Option<String>,
    url: Option<String>,
    enabled: Option<bool>,
}

impl From<EndpointGiven> for EndpointFields {
    fn from(given: EndpointGiven) -> EndpointFields {
        EndpointFields {
            service_id: given.service_id,
            interface: given.interface,
            region_id: given.region_id.or(given.region),
            url: given.url,
            enabled: given.enabled,
        }
    }
}

/// `POST /v3/endpoints`
pub(super) async fn create_endpoint(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
    JsonBody(body): JsonBody<EndpointBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let row = api.identity.put_endpoint(&caller, None, body.endpoint.into()).await?;
    Ok((StatusCode::CREATED, Json(json!({"endpoint": shown_endpoint(&filters.base_of(""), &row)}))))
}

/// `PATCH /v3/endpoints/{id}`
pub(super) async fn update_endpoint(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
    JsonBody(body): JsonBody<EndpointBody>,
) -> Result<Json<Value>, ApiError> {
    let row = api.identity.put_endpoint(&caller, Some(&id), body.endpoint.into()).await?;
    Ok(Json(json!({"endpoint": shown_endpoint(&filters.base_of(""), &row)})))
}

/// `DELETE /v3/endpoints/{id}`
pub(super) async fn delete_endpoint(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_endpoint(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/regions`
pub(super) async fn regions(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let mut rows = api.identity.regions(&caller).await?;
    let parent = filters.text("parent_region_id");
    rows.retain(|row| is(parent, row.parent_region_id.as_deref().unwrap_or_default()));
    let show = |row: &Region| shown_region(&filters.base_of(""), row);
    Ok(Json(filters.shown("regions", rows, |row| &row.id, show)))
}

/// `GET /v3/regions/{id}`
pub(super) async fn region(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let found = api.identity.regions(&caller).await?.into_iter().find(|row| row.id == id);
    let row = found.ok_or_else(|| Error::NotFound(format!("Could not find region: {id}.")))?;
    Ok(Json(json!({"region": shown_region(&filters.base_of(""), &row)})))
}

#[derive(Deserialize)]
pub(super) struct RegionBody {
    region: RegionGiven,
}

#[derive(Deserialize)]
struct RegionGiven {
    id: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "set")]
    parent_region_id: Option<Option<String>>,
}

impl From<RegionGiven> for RegionFields {
    fn from(given: RegionGiven) -> RegionFields {
        RegionFields { description: given.description, parent_region_id: given.parent_region_id }
    }
}

/// `POST /v3/regions`
pub(super) async fn create_region(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
    JsonBody(body): JsonBody<RegionBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let id = body.region.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let row = api.identity.add_region(&caller, &id, body.region.into()).await?;
    Ok((StatusCode::CREATED, Json(json!({"region": shown_region(&filters.base_of(""), &row)}))))
}

/// `PUT /v3/regions/{id}`
pub(super) async fn put_region(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
    JsonBody(body): JsonBody<RegionBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if body.region.id.as_ref().is_some_and(|given| *given != id) {
        return Err(Error::Invalid("The region's id in the body is another than in the URL.".into()).into());
    }
    let row = api.identity.add_region(&caller, &id, body.region.into()).await?;
    Ok((StatusCode::CREATED, Json(json!({"region": shown_region(&filters.base_of(""), &row)}))))
}

/// `PATCH /v3/regions/{id}`
pub(super) async fn update_region(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    filters: Filters,
    JsonBody(body): JsonBody<RegionBody>,
) -> Result<Json<Value>, ApiError> {
    let row = api.identity.update_region(&caller, &id, body.region.into()).await?;
    Ok(Json(json!({"region": shown_region(&filters.base_of(""), &row)})))
}

/// `DELETE /v3/regions/{id}`
pub(super) async fn delete_region(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_region(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is(wanted: Option<&str>, value: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}

fn shown_service(base: &str, row: &Service) -> Value {
    json!({
        "id": row.id,
        "type": row.kind,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "links": {"self": format!("{base}/v3/services/{}", row.id)},
    })
}

fn shown_endpoint(base: &str, row: &Endpoint) -> Value {
    json!({
        "id": row.id,
        "service_id": row.service_id,
        "interface": row.interface,
        "region": row.region_id,
        "region_id": row.region_id,
        "url": row.url,
        "enabled": row.enabled,
        "links": {"self": format!("{base}/v3/endpoints/{}", row.id)},
    })
}

fn shown_region(base: &str, row: &Region) -> Value {
    json!({
        "id": row.id,
        "description": row.description,
        "parent_region_id": row.parent_region_id,
        "links": {"self": format!("{base}/v3/regions/{}", row.id)},
    })
}
