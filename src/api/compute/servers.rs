//! Servers: `/servers`.

use axum::{
    Json,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    launch, link_next,
    microversion::{Microversion, NEWEST},
    server_filters::Wanted,
    server_id,
    server_view::{For, View},
};
use crate::{
    api::{
        Rooms,
        caller::Asked,
        error::Answer,
        paging::{Page, Query},
    },
    error::{Error, Result},
    identity::{Caller, policy},
    instances::{Changes, Instance},
};

/// `GET /servers`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    let view = View { version, url: &url, is_admin: policy::see_hosts(&caller) };
    let page = page(&rooms, &caller, version, &query).await?;
    let servers: Vec<_> = page.items.iter().map(|instance| view.brief(instance)).collect();
    let mut answer = json!({ "servers": servers });
    link_next(&mut answer, "servers_links", &query, &format!("{url}/compute/v2.1/servers"), page.next);
    Ok(Json(answer))
}

/// `GET /servers/detail`
pub(super) async fn detail(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    let view = View { version, url: &url, is_admin: policy::see_hosts(&caller) };
    let page = page(&rooms, &caller, version, &query).await?;
    let servers: Vec<_> = page.items.iter().map(|instance| view.full(instance, For::List)).collect();
    let mut answer = json!({ "servers": servers });
    link_next(&mut answer, "servers_links", &query, &format!("{url}/compute/v2.1/servers/detail"), page.next);
    Ok(Json(answer))
}

async fn page(rooms: &Rooms, caller: &Caller, version: Microversion, query: &Query) -> Result<Page<Instance>> {
    let wanted = Wanted::read(query, version, policy::see_hosts(caller))?;
    if wanted.is_empty || wanted.limit == 0 {
        policy::list_instances(caller, wanted.list.all_projects)?;
        return Ok(Page { items: Vec::new(), next: None });
    }
    let page = rooms.instances.list_those(caller, &wanted.list, |instance| wanted.admits(instance)).await?;
    Ok(Page::full(page, wanted.limit, |instance| instance.id.to_string()))
}

/// How many instances the list with this query has on all of its pages.
pub(in crate::api) async fn count(rooms: &Rooms, caller: &Caller, query: &Query) -> Result<u64> {
    let mut wanted = Wanted::read(query, NEWEST, policy::see_hosts(caller))?;
    if wanted.is_empty {
        policy::list_instances(caller, wanted.list.all_projects)?;
        return Ok(0);
    }
    (wanted.list.marker, wanted.list.limit) = (None, None);
    let mut count = 0;
    // None is kept: a count takes the memory of a batch.
    let tally = |instance: &Instance| {
        count += u64::from(wanted.admits(instance));
        false
    };
    rooms.instances.list_those(caller, &wanted.list, tally).await?;
    Ok(count)
}

/// `GET /servers/{id}`
pub(super) async fn show(Asked { rooms, caller, url }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    let view = View { version, url: &url, is_admin: policy::see_hosts(&caller) };
    Ok(Json(json!({"server": view.full(&instance, For::Show)})))
}

/// `POST /servers`
pub(super) async fn create(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Body(body): Body,
) -> Answer<Response> {
    let asked = launch::read(body, version)?;
    let made = rooms.instances.create(&caller, asked.launch).await?;
    let first = made.first().ok_or_else(|| Error::internal(anyhow::anyhow!("a launch made no instance")))?;
    if asked.wants_reservation {
        return Ok((StatusCode::ACCEPTED, Json(json!({"reservation_id": first.reservation_id}))).into_response());
    }
    let view = View { version, url: &url, is_admin: policy::see_hosts(&caller) };
    let mut server = json!({
        "id": first.id,
        "links": view.links(first),
        "OS-DCF:diskConfig": "MANUAL",
        "adminPass": asked.admin_password,
    });
    if first.addresses.is_some() || asked.has_network {
        server["security_groups"] = json!([{"name": super::network::SECURITY_GROUP}]);
    }
    let location = format!("{url}/compute/v2.1/servers/{}", first.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(json!({ "server": server }))).into_response())
}

/// `PUT /servers/{id}`
pub(super) async fn update(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let instance = rooms
        .instances
        .change(&caller, server_id(&id)?, changes(Fields::under(body, "server", &[])?, version)?)
        .await?;
    let view = View { version, url: &url, is_admin: policy::see_hosts(&caller) };
    Ok(Json(json!({"server": view.full(&instance, For::Update)})))
}

/// The labels of a server in a body, of which nothing else may be left.
pub(super) fn changes(mut fields: Fields, version: Microversion) -> Result<Changes> {
    let mut changes = Changes { name: fields.name("name")?, ..Changes::default() };
    changes.access_ipv4 = launch::access_address(&mut fields, "accessIPv4")?;
    changes.access_ipv6 = launch::access_address(&mut fields, "accessIPv6")?;
    fields.text("OS-DCF:diskConfig", 16)?;
    if version.since(19) {
        changes.description = match fields.take_with_null("description") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(Value::String(text)) if text.chars().count() <= 255 => Some(Some(text)),
            Some(value) => return Err(fields.invalid("description", &value, "a text of at most 255 characters")),
        };
    }
    changes.hostname = launch::hostname(&mut fields, version)?;
    fields.done()?;
    Ok(changes)
}

/// `DELETE /servers/{id}`
pub(super) async fn delete(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.instances.delete(&caller, server_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
