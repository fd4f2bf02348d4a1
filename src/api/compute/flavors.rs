//! Flavors: `/flavors`, their extra specs and who sees them.

use std::collections::BTreeMap;

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields, flag},
    link_next,
    microversion::Microversion,
};
use crate::{
    api::{
        Rooms,
        caller::Asked,
        error::Answer,
        paging::{Page, Query, begin_after, no_such_marker},
    },
    error::{Error, Result},
    identity::Caller,
    ids::ProjectId,
    instances::Flavor,
};

/// The longest description (Nova's column).
const DESCRIPTION_CHARS: usize = 65_535;

/// `GET /flavors`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    let page = page(&rooms, &caller, &query).await?;
    let brief = |flavor: &Flavor| {
        let mut shown = json!({"id": flavor.id, "name": flavor.name, "links": links(&url, flavor)});
        if version.since(55) {
            shown["description"] = json!(flavor.description);
        }
        shown
    };
    let mut answer = json!({"flavors": page.items.iter().map(brief).collect::<Value>()});
    link_next(&mut answer, "flavors_links", &query, &format!("{url}/compute/v2.1/flavors"), page.next);
    Ok(Json(answer))
}

/// `GET /flavors/detail`
pub(super) async fn detail(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    let page = page(&rooms, &caller, &query).await?;
    let shown: Value = page.items.iter().map(|flavor| full(flavor, version, &url)).collect();
    let mut answer = json!({ "flavors": shown });
    link_next(&mut answer, "flavors_links", &query, &format!("{url}/compute/v2.1/flavors/detail"), page.next);
    Ok(Json(answer))
}

/// Flavors are few: the page is cut here.
async fn page(rooms: &Rooms, caller: &Caller, query: &Query) -> Result<Page<Flavor>> {
    query.only(&["is_public", "minRam", "minDisk", "sort_key", "sort_dir", "limit", "marker"])?;
    let is_public = match query.one("is_public") {
        None => Some(true),
        Some("None" | "none") => None,
        Some(text) => Some(flag(text).ok_or_else(|| Error::Invalid(format!("Invalid is_public filter [{text}]")))?),
    };
    let number = |name: &str| {
        let text = query.one(name).unwrap_or("0");
        text.parse::<u64>().map_err(|_| Error::Invalid(format!("Invalid {name} filter [{text}]")))
    };
    let (least_memory, least_disk) = (number("minRam")?, number("minDisk")?);
    let mut flavors = rooms.flavors.list(caller, is_public).await?;
    flavors.retain(|flavor| flavor.memory_mib >= least_memory && flavor.disk_gib >= least_disk);
    sort(&mut flavors, query.one("sort_key").unwrap_or("flavorid"), query.one("sort_dir").unwrap_or("asc"))?;
    begin_after(&mut flavors, query.one("marker"), |flavor, marker| flavor.id == marker, no_such_marker)?;
    Ok(Page::cut(flavors, query.limit_of_nova()?, |flavor| flavor.id.clone()))
}

fn sort(flavors: &mut [Flavor], key: &str, direction: &str) -> Result<()> {
    match key {
        "flavorid" | "id" => flavors.sort_by(|a, b| a.id.cmp(&b.id)),
        "name" => flavors.sort_by(|a, b| a.name.cmp(&b.name)),
        "memory_mb" => flavors.sort_by_key(|flavor| flavor.memory_mib),
        "vcpus" => flavors.sort_by_key(|flavor| flavor.vcpus),
        "root_gb" => flavors.sort_by_key(|flavor| flavor.disk_gib),
        "ephemeral_gb" => flavors.sort_by_key(|flavor| flavor.ephemeral_gib),
        "swap" => flavors.sort_by_key(|flavor| flavor.swap_mib),
        "is_public" => flavors.sort_by_key(|flavor| flavor.is_public),
        "created_at" | "updated_at" | "disabled" | "rxtx_factor" | "vcpu_weight" => {}
        other => return Err(Error::Invalid(format!("Invalid input for query parameters sort_key. Value: {other}."))),
    }
    match direction {
        "asc" => {}
        "desc" => flavors.reverse(),
        other => return Err(Error::Invalid(format!("Invalid input for query parameters sort_dir. Value: {other}."))),
    }
    Ok(())
}

fn links(url: &str, flavor: &Flavor) -> Value {
    json!([
        {"rel": "self", "href": format!("{url}/compute/v2.1/flavors/{}", flavor.id)},
        {"rel": "bookmark", "href": format!("{url}/compute/flavors/{}", flavor.id)},
    ])
}

fn full(flavor: &Flavor, version: Microversion, url: &str) -> Value {
    let mut shown = json!({
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "vcpus": flavor.vcpus,
        "swap": flavor.swap_mib,
        "OS-FLV-DISABLED:disabled": false,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "os-flavor-access:is_public": flavor.is_public,
        "rxtx_factor": flavor.rxtx_factor,
        "links": links(url, flavor),
    });
    // Up to 2.74 Nova writes no swap as an empty text.
    if flavor.swap_mib == 0 && !version.since(75) {
        shown["swap"] = json!("");
    }
    if version.since(55) {
        shown["description"] = json!(flavor.description);
    }
    if version.since(61) {
        shown["extra_specs"] = json!(flavor.extra_specs);
    }
    shown
}

/// `GET /flavors/{id}`
pub(super) async fn show(Asked { rooms, caller, url }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    let flavor = rooms.flavors.show(&caller, &id).await?;
    Ok(Json(json!({"flavor": full(&flavor, version, &url)})))
}

/// `POST /flavors`
pub(super) async fn create(Asked { rooms, caller, url }: Asked, version: Microversion, Body(body): Body) -> Answer {
    let flavor = rooms.flavors.create(&caller, read(body, version)?).await?;
    Ok(Json(json!({"flavor": full(&flavor, version, &url)})))
}

fn read(body: Value, version: Microversion) -> Result<Flavor> {
    let mut fields = Fields::under(body, "flavor", &[])?;
    let id = match fields.take("id") {
        // `openstack flavor create` sends null, and `--id auto` for the same.
        None => uuid::Uuid::new_v4().to_string(),
        Some(Value::String(id)) if id == "auto" => uuid::Uuid::new_v4().to_string(),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(value) => return Err(fields.invalid("id", &value, "a text")),
    };
    let flavor = Flavor {
        id,
        name: fields.name("name")?.ok_or_else(|| fields.missing("name"))?,
        vcpus: fields.number("vcpus", 1)?.ok_or_else(|| fields.missing("vcpus"))? as u32,
        memory_mib: fields.number("ram", 1)?.ok_or_else(|| fields.missing("ram"))?,
        disk_gib: fields.number("disk", 0)?.ok_or_else(|| fields.missing("disk"))?,
        ephemeral_gib: fields.number("OS-FLV-EXT-DATA:ephemeral", 0)?.unwrap_or(0),
        swap_mib: fields.number("swap", 0)?.unwrap_or(0),
        rxtx_factor: match fields.take("rxtx_factor") {
            None => 1.0,
            Some(value) => {
                let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
                number.ok_or_else(|| fields.invalid("rxtx_factor", &value, "a number above 0"))?
            }
        },
        is_public: fields.flag("os-flavor-access:is_public")?.unwrap_or(true),
        description: if version.since(55) { fields.text("description", DESCRIPTION_CHARS)? } else { None },
        extra_specs: BTreeMap::new(),
    };
    fields.done()?;
    Ok(flavor)
}

/// `PUT /flavors/{id}`, from 2.55 on
pub(super) async fn update(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    version.begins(55)?;
    let mut fields = Fields::under(body, "flavor", &[])?;
    let description = match fields.take_with_null("description") {
        Some(Value::Null) => None,
        Some(Value::String(text)) if text.chars().count() <= DESCRIPTION_CHARS => Some(text),
        Some(value) => return Err(fields.invalid("description", &value, "a text").into()),
        None => return Err(fields.missing("description").into()),
    };
    fields.done()?;
    let flavor = rooms.flavors.describe(&caller, &id, description.as_deref()).await?;
    Ok(Json(json!({"flavor": full(&flavor, version, &url)})))
}

/// `DELETE /flavors/{id}`
pub(super) async fn delete(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.flavors.delete(&caller, &id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `GET /flavors/{id}/os-extra_specs`
pub(super) async fn extra_specs(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    let flavor = rooms.flavors.show(&caller, &id).await?;
    Ok(Json(json!({"extra_specs": flavor.extra_specs})))
}

/// `POST /flavors/{id}/os-extra_specs`
pub(super) async fn set_extra_specs(
    Asked { rooms, caller, .. }: Asked,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut outer = Fields::of(body, "the request")?;
    let specs = specs(outer.take("extra_specs").ok_or_else(|| outer.missing("extra_specs"))?)?;
    outer.done()?;
    rooms.flavors.set_extra_specs(&caller, &id, specs.clone()).await?;
    Ok(Json(json!({ "extra_specs": specs })))
}

/// `GET /flavors/{id}/os-extra_specs/{key}`
pub(super) async fn extra_spec(Asked { rooms, caller, .. }: Asked, Path((id, key)): Path<(String, String)>) -> Answer {
    let flavor = rooms.flavors.show(&caller, &id).await?;
    match flavor.extra_specs.get(&key) {
        Some(value) => Ok(Json(json!({key: value}))),
        None => Err(Error::NotFound(format!("Flavor {id} has no extra specs with key {key}.")).into()),
    }
}

/// `PUT /flavors/{id}/os-extra_specs/{key}`
pub(super) async fn set_extra_spec(
    Asked { rooms, caller, .. }: Asked,
    Path((id, key)): Path<(String, String)>,
    Body(body): Body,
) -> Answer {
    let spec = specs(body)?;
    if spec.len() != 1 || !spec.contains_key(&key) {
        return Err(Error::Invalid(
            "Request body and URI mismatch: the body must have the key of the URL and no other.".into(),
        )
        .into());
    }
    rooms.flavors.set_extra_specs(&caller, &id, spec.clone()).await?;
    Ok(Json(json!(spec)))
}

/// `DELETE /flavors/{id}/os-extra_specs/{key}`
pub(super) async fn delete_extra_spec(
    Asked { rooms, caller, .. }: Asked,
    Path((id, key)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.flavors.delete_extra_spec(&caller, &id, &key).await?;
    Ok(StatusCode::OK)
}

fn specs(value: Value) -> Result<BTreeMap<String, String>> {
    let Value::Object(pairs) = value else {
        return Err(Error::Invalid("extra_specs must be an object whose values are texts.".into()));
    };
    let text = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        // Nova takes numbers too, and keeps them as text.
        Value::Number(number) => Ok((key, number.to_string())),
        _ => Err(Error::Invalid(format!("The extra spec '{key}' must be a text."))),
    };
    pairs.into_iter().map(text).collect()
}

/// `GET /flavors/{id}/os-flavor-access`
pub(super) async fn access(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    let projects = rooms.flavors.access(&caller, &id).await?;
    Ok(Json(access_view(&id, &projects)))
}

/// `POST /flavors/{id}/action`
pub(super) async fn act(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>, Body(body): Body) -> Answer {
    let mut actions = Fields::of(body, "the request")?;
    let (add, remove) = (actions.take("addTenantAccess"), actions.take("removeTenantAccess"));
    actions.done()?;
    let projects = match (add, remove) {
        (Some(action), None) => rooms.flavors.add_access(&caller, &id, project(action)?).await?,
        (None, Some(action)) => rooms.flavors.remove_access(&caller, &id, project(action)?).await?,
        _ => return Err(Error::Invalid("The action must be addTenantAccess or removeTenantAccess.".into()).into()),
    };
    Ok(Json(access_view(&id, &projects)))
}

fn project(action: Value) -> Result<ProjectId> {
    let mut fields = Fields::of(action, "the action")?;
    let project = fields.required_text("tenant", 255)?;
    fields.done()?;
    project.parse().map_err(|_| Error::Invalid(format!("Project ID {project} is not a valid project.")))
}

fn access_view(id: &str, projects: &[ProjectId]) -> Value {
    let entries: Vec<_> = projects.iter().map(|project| json!({"flavor_id": id, "tenant_id": project})).collect();
    json!({ "flavor_access": entries })
}
