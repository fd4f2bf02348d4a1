//! The attachments of a server: its one network interface, no volumes, and the pages that answer "nothing" truthfully.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{microversion::Microversion, network, server_id, server_view};
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ApiError},
    },
    error::Error,
    identity::policy,
    instances::Instance,
};

/// `GET /servers/{id}/os-volume_attachments`
pub(super) async fn volumes(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"volumeAttachments": []})))
}

/// `GET`, `PUT`, `DELETE /servers/{id}/os-volume_attachments/{volume}`
pub(super) async fn volume(Asked { rooms, caller, .. }: Asked, Path((id, volume)): Path<(String, String)>) -> Answer {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Err(Error::NotFound(format!("Instance {id} is not attached to volume {volume}: Effigy has no volumes.")).into())
}

/// `POST /servers/{id}/os-volume_attachments`
pub(super) async fn attach_volume(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Err(Error::Invalid("Effigy has no volumes that could be attached.".into()).into())
}

/// `GET /servers/{id}/os-interface`
pub(super) async fn interfaces(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"interfaceAttachments": interfaces_of(&instance, version)})))
}

/// `GET /servers/{id}/os-interface/{port}`
pub(super) async fn interface(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path((id, port)): Path<(String, String)>,
) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    let found = interfaces_of(&instance, version).into_iter().find(|interface| interface["port_id"] == port.as_str());
    match found {
        Some(interface) => Ok(Json(json!({ "interfaceAttachment": interface }))),
        None => Err(Error::NotFound(format!("Instance {id} does not have a port with id {port}")).into()),
    }
}

/// `POST /servers/{id}/os-interface`, `DELETE /servers/{id}/os-interface/{port}`
pub(super) async fn fixed_interfaces(
    Asked { rooms, caller, .. }: Asked,
    Path(path): Path<Vec<(String, String)>>,
) -> Answer {
    let id = path.first().map(|(_, id)| id.as_str()).unwrap_or_default();
    let instance = rooms.instances.show(&caller, server_id(id)?).await?;
    policy::change_instance(&caller, instance.project_id, instance.id)?;
    let message = "An instance keeps the interface it was launched with; launch another with or without a network.";
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, message))
}

fn interfaces_of(instance: &Instance, version: Microversion) -> Vec<Value> {
    let Some(addresses) = &instance.addresses else { return Vec::new() };
    let mut interface = json!({
        "port_id": network::Part::Port.id(instance.id),
        "net_id": network::ID,
        "mac_addr": addresses.mac,
        "port_state": if instance.runs { "ACTIVE" } else { "DOWN" },
        "fixed_ips": network::fixed_ips(addresses),
    });
    if version.since(70) {
        interface["tag"] = Value::Null;
    }
    vec![interface]
}

/// `GET /servers/{id}/ips`
pub(super) async fn addresses(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"addresses": server_view::plain_addresses(instance.addresses.as_ref())})))
}

/// `GET /servers/{id}/ips/{network}`
pub(super) async fn addresses_of_network(
    Asked { rooms, caller, .. }: Asked,
    Path((id, network)): Path<(String, String)>,
) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    match server_view::plain_addresses(instance.addresses.as_ref()).get(&network) {
        Some(addresses) => Ok(Json(json!({network: addresses}))),
        None => Err(Error::NotFound("Network not found".into()).into()),
    }
}

/// `GET /servers/{id}/os-security-groups`
pub(super) async fn security_groups(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    let groups = match instance.addresses {
        Some(_) => vec![super::proxies::security_group_of(instance.project_id)],
        None => Vec::new(),
    };
    Ok(Json(json!({ "security_groups": groups })))
}

/// `GET /servers/{id}/diagnostics`
pub(super) async fn diagnostics(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "Diagnostics of a running guest are not collected."))
}

/// `GET /servers/{id}/os-server-password`: guests do not post one.
pub(super) async fn password(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"password": ""})))
}

/// `DELETE /servers/{id}/os-server-password`: there is none that the service could forget.
pub(super) async fn forget_password(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /servers/{id}/migrations`, from 2.23 on: there is one host.
pub(super) async fn migrations(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    version.begins(23)?;
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"migrations": []})))
}

/// `GET /servers/{id}/topology`, from 2.78 on: guests have no NUMA nodes.
pub(super) async fn topology(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    version.begins(78)?;
    rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"nodes": [], "pagesize_kb": null})))
}
