//! The answers that Nova once gave in other services' names, up to 2.35, for clients that still ask it; and extensions.

use axum::{
    Json,
    extract::Path,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};

use super::{microversion::Microversion, network};
use crate::{
    api::{Api, Rooms, caller::Asked, error::Answer},
    error::Error,
    identity::policy,
    ids::ProjectId,
    instances::{Instance, ListInstances},
};

/// This list has no pages; the Network API's has.
const MAX_FLOATING_IPS: u32 = 1000;

/// `GET /os-networks` and `GET /os-tenant-networks`
pub(super) async fn networks(Asked { rooms, .. }: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    Ok(Json(json!({ "networks": [network_view(&rooms)] })))
}

/// `GET /os-networks/{id}` and `GET /os-tenant-networks/{id}`
pub(super) async fn network(Asked { rooms, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    version.ends(35)?;
    if id != network::ID {
        return Err(Error::NotFound(format!("Network {id} could not be found.")).into());
    }
    Ok(Json(json!({ "network": network_view(&rooms) })))
}

fn network_view(rooms: &Rooms) -> Value {
    let subnet = rooms.instances.subnet();
    let subnet = subnet.as_ref();
    json!({
        "id": network::ID,
        "label": network::NAME,
        "cidr": subnet.map(|subnet| &subnet.cidr),
        "gateway": subnet.and_then(|subnet| subnet.gateway),
        "dns1": subnet.and_then(|subnet| subnet.name_servers.first()),
        "project_id": null,
    })
}

/// `GET /os-security-groups`
pub(super) async fn security_groups(Asked { caller, .. }: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    Ok(Json(json!({ "security_groups": [security_group_of(policy::in_a_project(&caller)?)] })))
}

/// `GET /os-security-groups/{id}`
pub(super) async fn security_group(
    Asked { caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    version.ends(35)?;
    if id != network::SECURITY_GROUP_ID {
        return Err(Error::NotFound(format!("Security group {id} not found.")).into());
    }
    Ok(Json(json!({ "security_group": security_group_of(policy::in_a_project(&caller)?) })))
}

/// The one security group, as it looks to a project.
pub(super) fn security_group_of(project: ProjectId) -> Value {
    json!({
        "id": network::SECURITY_GROUP_ID,
        "name": network::SECURITY_GROUP,
        "description": "The ports that are forwarded come in, everything goes out",
        "tenant_id": project,
        "rules": [],
    })
}

/// A list of something that Nova once had and that there is none of here, up to 2.35: clients ask before they work.
pub(super) fn none(name: &'static str) -> MethodRouter<Api> {
    get(move |_: Asked, version: Microversion| async move {
        version.ends(35)?;
        Answer::Ok(Json(json!({name: []})))
    })
}

/// `GET /os-floating-ips` and its like, up to 2.35
pub(super) async fn floating_ips(Asked { rooms, caller, .. }: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    let wanted = ListInstances { limit: Some(MAX_FLOATING_IPS), ..ListInstances::default() };
    let found = rooms.instances.list(&caller, &wanted).await?;
    let view = |instance: &Instance| {
        let addresses = instance.addresses.as_ref()?;
        Some(json!({
            "id": network::Part::FloatingIp.id(instance.id),
            "ip": addresses.floating_ip?,
            "fixed_ip": addresses.fixed_ip,
            "instance_id": instance.id,
            "pool": network::NAME,
        }))
    };
    Ok(Json(json!({"floating_ips": found.iter().filter_map(view).collect::<Vec<_>>()})))
}

/// The names by which older clients look for a part of the API that is here, as Nova has them.
const EXTENSIONS: [(&str, &str); 29] = [
    ("OS-DCF", "DiskConfig"),
    ("OS-EXT-AZ", "ExtendedAvailabilityZone"),
    ("OS-EXT-SRV-ATTR", "ExtendedServerAttributes"),
    ("OS-EXT-STS", "ExtendedStatus"),
    ("OS-SCH-HNT", "SchedulerHints"),
    ("OS-SRV-USG", "ServerUsage"),
    ("os-access-ips", "AccessIPs"),
    ("os-availability-zone", "AvailabilityZone"),
    ("os-config-drive", "ConfigDrive"),
    ("os-console-output", "ConsoleOutput"),
    ("os-consoles", "Consoles"),
    ("os-create-backup", "CreateBackup"),
    ("os-flavor-access", "FlavorAccess"),
    ("os-flavor-extra-specs", "FlavorExtraSpecs"),
    ("os-flavor-manage", "FlavorManage"),
    ("os-hypervisors", "Hypervisors"),
    ("os-instance-actions", "InstanceActions"),
    ("os-keypairs", "Keypairs"),
    ("os-lock-server", "LockServer"),
    ("os-multiple-create", "MultipleCreate"),
    ("os-pause-server", "PauseServer"),
    ("os-personality", "Personality"),
    ("os-quota-sets", "Quotas"),
    ("os-remote-consoles", "Consoles"),
    ("os-server-groups", "ServerGroups"),
    ("os-services", "Services"),
    ("os-simple-tenant-usage", "SimpleTenantUsage"),
    ("os-used-limits", "UsedLimits"),
    ("os-user-data", "UserData"),
];

fn extension_view((alias, name): (&str, &str)) -> Value {
    json!({
        "alias": alias,
        "name": name,
        "description": "A part of the API itself.",
        // Both as Nova says them of all of its own.
        "namespace": "http://docs.openstack.org/compute/ext/fake_xml",
        "updated": "2014-12-03T00:00:00Z",
        "links": [],
    })
}

/// `GET /extensions`
pub(super) async fn extensions(_: Asked) -> Json<Value> {
    Json(json!({"extensions": EXTENSIONS.map(extension_view)}))
}

/// `GET /extensions/{alias}`
pub(super) async fn extension(_: Asked, Path(alias): Path<String>) -> Answer {
    let found = EXTENSIONS.into_iter().find(|(known, _)| *known == alias);
    let found = found.ok_or_else(|| Error::NotFound(format!("There is no extension {alias}.")))?;
    Ok(Json(json!({"extension": extension_view(found)})))
}
