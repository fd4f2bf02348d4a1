//! `/v3/services`, `/v3/endpoints` and `/v3/regions`.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{body::JsonBody, caller::Asked, error::Answer},
    collections::{Body, Collection, one},
    lists::{Filters, set},
};
use crate::{
    error::{Error, Result},
    identity::catalog::{Endpoint, EndpointFields, Region, RegionFields, Service, ServiceFields},
    model::Extra,
};

/// `/v3/services`
pub(super) struct Services;

impl Collection for Services {
    const ONE: &'static str = "service";
    const MANY: &'static str = "services";
    const FILTERS: &'static [&'static str] = &["name", "type"];
    type Row = Service;
    type Fields = ServiceFields;

    fn id(row: &Service) -> &str {
        &row.id
    }

    fn shown(row: &Service) -> Value {
        json!({
            "id": row.id,
            "type": row.kind,
            "name": row.name,
            "description": row.description,
            "enabled": row.enabled,
        })
    }

    fn extra(row: &Service) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Service>> {
        let mut rows = asked.rooms.identity.services(&asked.caller).await?;
        rows.retain(|row| is(filters.text("type"), &row.kind) && filters.is_named(&row.name));
        filters.begin(&mut rows, Services::id)?;
        Ok(rows)
    }

    async fn create(asked: &Asked, given: Self::Fields) -> Result<Service> {
        asked.rooms.identity.put_service(&asked.caller, None, given).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Service> {
        let found = asked.rooms.identity.services(&asked.caller).await?.into_iter().find(|row| row.id == id);
        found.ok_or_else(|| Error::NotFound(format!("Could not find service: {id}.")))
    }

    async fn update(asked: &Asked, id: &str, given: Self::Fields) -> Result<Service> {
        asked.rooms.identity.put_service(&asked.caller, Some(id), given).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_service(&asked.caller, id).await
    }
}

/// `/v3/endpoints`
pub(super) struct Endpoints;

impl Collection for Endpoints {
    const ONE: &'static str = "endpoint";
    const MANY: &'static str = "endpoints";
    // Clients of Keystone's older versions send the last two.
    const FILTERS: &'static [&'static str] = &["interface", "service_id", "region_id", "region", "enabled"];
    type Row = Endpoint;
    type Fields = EndpointGiven;

    fn id(row: &Endpoint) -> &str {
        &row.id
    }

    fn shown(row: &Endpoint) -> Value {
        json!({
            "id": row.id,
            "service_id": row.service_id,
            "interface": row.interface,
            "region": row.region_id,
            "region_id": row.region_id,
            "url": row.url,
            "enabled": row.enabled,
        })
    }

    fn extra(row: &Endpoint) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Endpoint>> {
        let mut rows = asked.rooms.identity.endpoints(&asked.caller, &asked.url).await?;
        rows.retain(|row| {
            is(filters.text("service_id"), &row.service_id)
                && is(filters.text("interface"), &row.interface)
                && ["region_id", "region"]
                    .iter()
                    .all(|name| is(filters.text(name), row.region_id.as_deref().unwrap_or_default()))
                && filters.flag("enabled").is_none_or(|enabled| enabled == row.enabled)
        });
        filters.begin(&mut rows, Endpoints::id)?;
        Ok(rows)
    }

    async fn create(asked: &Asked, given: Self::Fields) -> Result<Endpoint> {
        asked.rooms.identity.put_endpoint(&asked.caller, None, given.into()).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Endpoint> {
        let found =
            asked.rooms.identity.endpoints(&asked.caller, &asked.url).await?.into_iter().find(|row| row.id == id);
        found.ok_or_else(|| Error::NotFound(format!("Could not find endpoint: {id}.")))
    }

    async fn update(asked: &Asked, id: &str, given: Self::Fields) -> Result<Endpoint> {
        asked.rooms.identity.put_endpoint(&asked.caller, Some(id), given.into()).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_endpoint(&asked.caller, id).await
    }
}

#[derive(Deserialize)]
pub(super) struct EndpointGiven {
    service_id: Option<String>,
    interface: Option<String>,
    region_id: Option<String>,
    region: Option<String>,
    url: Option<String>,
    enabled: Option<bool>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl From<EndpointGiven> for EndpointFields {
    fn from(given: EndpointGiven) -> EndpointFields {
        EndpointFields {
            service_id: given.service_id,
            interface: given.interface,
            region_id: given.region_id.or(given.region),
            url: given.url,
            enabled: given.enabled,
            extra: given.extra,
        }
    }
}

/// `/v3/regions`
pub(super) struct Regions;

impl Collection for Regions {
    const ONE: &'static str = "region";
    const MANY: &'static str = "regions";
    const FILTERS: &'static [&'static str] = &["parent_region_id"];
    type Row = Region;
    type Fields = RegionGiven;

    fn id(row: &Region) -> &str {
        &row.id
    }

    fn shown(row: &Region) -> Value {
        json!({
            "id": row.id,
            "description": row.description,
            "parent_region_id": row.parent_region_id,
        })
    }

    fn extra(row: &Region) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<Region>> {
        let mut rows = asked.rooms.identity.regions(&asked.caller).await?;
        let parent = filters.text("parent_region_id");
        rows.retain(|row| parent.is_none_or(|parent| row.parent_region_id.as_deref() == Some(parent)));
        filters.begin(&mut rows, Regions::id)?;
        Ok(rows)
    }

    async fn create(asked: &Asked, given: Self::Fields) -> Result<Region> {
        let id = given.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        asked.rooms.identity.add_region(&asked.caller, &id, given.into()).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<Region> {
        let found = asked.rooms.identity.regions(&asked.caller).await?.into_iter().find(|row| row.id == id);
        found.ok_or_else(|| Error::NotFound(format!("Could not find region: {id}.")))
    }

    async fn update(asked: &Asked, id: &str, given: Self::Fields) -> Result<Region> {
        asked.rooms.identity.update_region(&asked.caller, id, given.into()).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_region(&asked.caller, id).await
    }
}

#[derive(Deserialize)]
pub(super) struct RegionGiven {
    id: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "set")]
    parent_region_id: Option<Option<String>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl From<RegionGiven> for RegionFields {
    fn from(given: RegionGiven) -> RegionFields {
        RegionFields { description: given.description, parent_region_id: given.parent_region_id, extra: given.extra }
    }
}

/// `PUT /v3/regions/{id}`
pub(super) async fn put_region(
    Asked { rooms, caller, url }: Asked,
    Path(id): Path<String>,
    JsonBody(Body(given)): JsonBody<Body<Regions>>,
) -> Answer<(StatusCode, Json<Value>)> {
    if given.id.as_ref().is_some_and(|given| *given != id) {
        return Err(Error::Invalid("The region's id in the body differs from the one in the URL.".into()).into());
    }
    let row = rooms.identity.add_region(&caller, &id, given.into()).await?;
    Ok((StatusCode::CREATED, one::<Regions>(&url, &row)))
}

fn is(wanted: Option<&str>, value: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}
