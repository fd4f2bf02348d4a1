//! An instance as JSON, truthful at every microversion.
//!
//! Source: `nova/api/openstack/compute/views/servers.py` and the REST API version history.

use std::net::Ipv4Addr;

use openssl::hash::{MessageDigest, hash};
use serde_json::{Map, Value, json};

use super::{microversion::Microversion, network};
use crate::{
    api::times,
    instances::{Addresses, Flavor, Instance, Status, TaskState},
};

/// The answer that an instance is rendered for; Nova shows a little more or less in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// `GET /servers/{id}`.
    Show,
    /// One of `GET /servers/detail`.
    List,
    /// The answer to `PUT /servers/{id}`, and to a rebuild.
    Update,
}

/// The caller and the version, which the rendering depends on beside the instance.
pub(super) struct View<'a> {
    /// The shape asked for.
    pub version: Microversion,
    /// The address clients know the service by.
    pub url: &'a str,
    /// Whether the caller sees the admin's fields.
    pub is_admin: bool,
}

impl View<'_> {
    /// The short form: id, name, links.
    pub(super) fn brief(&self, instance: &Instance) -> Value {
        json!({"id": instance.id, "name": instance.name, "links": self.links(instance)})
    }

    /// The links of an instance.
    pub(super) fn links(&self, instance: &Instance) -> Value {
        let (url, id) = (self.url, instance.id);
        json!([
            {"rel": "self", "href": format!("{url}/compute/v2.1/servers/{id}")},
            {"rel": "bookmark", "href": format!("{url}/compute/servers/{id}")},
        ])
    }

    /// The whole of it.
    pub(super) fn full(&self, instance: &Instance, purpose: For) -> Value {
        let mut server = self.core(instance);
        // Up to 2.74 the answer to an update had only the core, and what later versions added to it.
        if purpose != For::Update || self.version.since(75) {
            server.insert("addresses".into(), addresses(instance.addresses.as_ref()));
            server.extend(self.extensions(instance));
        } else {
            server.insert("addresses".into(), plain_addresses(instance.addresses.as_ref()));
        }
        self.add_by_version(instance, purpose, &mut server);
        Value::Object(server)
    }

    fn core(&self, instance: &Instance) -> Map<String, Value> {
        let mut server = Map::new();
        let mut set = |name: &str, value: Value| drop(server.insert(name.to_owned(), value));
        set("id", json!(instance.id));
        set("name", json!(instance.name));
        set("status", json!(status(instance)));
        set("tenant_id", json!(instance.project_id));
        set("user_id", json!(instance.user_id));
        set("metadata", json!(instance.metadata));
        set("hostId", json!(host_id(instance)));
        set("image", self.image(instance));
        set("flavor", self.flavor(&instance.flavor));
        set("created", json!(times::seconds_z(instance.created_ms)));
        set("updated", json!(times::seconds_z(instance.updated_ms)));
        // Where its owner names none, the one under which this host reaches it.
        let reached = instance.access.v4.or_else(|| instance.addresses.as_ref()?.access_ip);
        set("accessIPv4", json!(reached.map(|address| address.to_string()).unwrap_or_default()));
        set("accessIPv6", json!(instance.access.v6.map(|address| address.to_string()).unwrap_or_default()));
        set("links", self.links(instance));
        set("OS-DCF:diskConfig", json!("MANUAL"));
        if matches!(instance.status, Status::Build | Status::Active | Status::Reboot) {
            set("progress", json!(if instance.status == Status::Build { instance.progress } else { 0 }));
        }
        // Nova has no fault beside PAUSED and SHUTOFF; here it says why it is paused or off though nobody asked for that.
        if let (
            Status::Error | Status::Paused | Status::Shutoff | Status::VerifyResize | Status::Deleted,
            Some(fault),
        ) = (instance.status, &instance.fault)
        {
            let created = times::seconds_z(fault.created_ms);
            set("fault", json!({"code": fault.code, "created": created, "message": fault.message}));
        }
        server
    }

    fn extensions(&self, instance: &Instance) -> Map<String, Value> {
        let mut server = Map::new();
        let mut set = |name: &str, value: Value| drop(server.insert(name.to_owned(), value));
        set("OS-EXT-AZ:availability_zone", json!(if instance.host.is_empty() { "" } else { super::hosts::ZONE }));
        // Always attached: every instance has a config drive.
        set("config_drive", json!("True"));
        set("key_name", json!(instance.key_name));
        set("OS-SRV-USG:launched_at", json!(instance.launched_ms.map(times::micros)));
        set("OS-SRV-USG:terminated_at", json!(instance.terminated_ms.map(times::micros)));
        if instance.addresses.is_some() {
            set("security_groups", json!([{"name": network::SECURITY_GROUP}]));
        }
        set("OS-EXT-STS:task_state", json!(instance.task.map(|task| task.into_str())));
        set("OS-EXT-STS:vm_state", json!(vm_state(instance.status)));
        set("OS-EXT-STS:power_state", json!(power_state(instance)));
        set("os-extended-volumes:volumes_attached", json!([]));
        if self.is_admin {
            set("OS-EXT-SRV-ATTR:host", json!(instance.host));
            set("OS-EXT-SRV-ATTR:hypervisor_hostname", json!(instance.host));
            set("OS-EXT-SRV-ATTR:instance_name", json!(format!("instance-{}", instance.id)));
        }
        if self.is_admin && self.version.since(3) {
            set("OS-EXT-SRV-ATTR:reservation_id", json!(instance.reservation_id));
            set("OS-EXT-SRV-ATTR:launch_index", json!(instance.launch_index));
            set("OS-EXT-SRV-ATTR:kernel_id", json!(""));
            set("OS-EXT-SRV-ATTR:ramdisk_id", json!(""));
            set("OS-EXT-SRV-ATTR:root_device_name", json!("/dev/vda"));
            set("OS-EXT-SRV-ATTR:user_data", Value::Null);
        }
        // The host name was the admin's to see before 2.90, and is everyone's from there on.
        if self.version.since(90) || (self.is_admin && self.version.since(3)) {
            set("OS-EXT-SRV-ATTR:hostname", json!(instance.hostname));
        }
        if self.is_admin && self.version.since(16) {
            set("host_status", json!("UP"));
        }
        server
    }

    fn add_by_version(&self, instance: &Instance, purpose: For, server: &mut Map<String, Value>) {
        let mut since = |minor: u16, name: &str, value: Value| {
            if self.version.since(minor) {
                server.insert(name.to_owned(), value);
            }
        };
        since(9, "locked", json!(instance.lock.is_some()));
        since(19, "description", json!(instance.description));
        since(26, "tags", json!(instance.tags));
        since(63, "trusted_image_certificates", Value::Null);
        if purpose != For::List {
            since(71, "server_groups", json!(Vec::from_iter(instance.server_group)));
        }
        since(73, "locked_reason", json!(instance.lock.as_ref().and_then(|lock| lock.reason.as_deref())));
        since(96, "pinned_availability_zone", Value::Null);
    }

    fn image(&self, instance: &Instance) -> Value {
        match instance.image {
            None => json!(""),
            Some(id) => json!({
                "id": id,
                "links": [{"rel": "bookmark", "href": format!("{}/compute/images/{id}", self.url)}],
            }),
        }
    }

    /// A link to the flavor before 2.47; from there on the flavor itself, as it was at the launch.
    fn flavor(&self, flavor: &Flavor) -> Value {
        if !self.version.since(47) {
            let href = format!("{}/compute/flavors/{}", self.url, flavor.id);
            return json!({"id": flavor.id, "links": [{"rel": "bookmark", "href": href}]});
        }
        json!({
            "original_name": flavor.name,
            "vcpus": flavor.vcpus,
            "ram": flavor.memory_mib,
            "disk": flavor.disk_gib,
            "ephemeral": flavor.ephemeral_gib,
            "swap": flavor.swap_mib,
            "extra_specs": flavor.extra_specs,
        })
    }
}

/// The addresses by network. How to reach the guest from its host is in the network's port: Nova's clients check that
/// an address has no other words than these.
pub(super) fn addresses(addresses: Option<&Addresses>) -> Value {
    let Some(addresses) = addresses else { return json!({}) };
    let address = |(kind, address): (&str, String)| {
        json!({
            "version": 4,
            "addr": address,
            "OS-EXT-IPS:type": kind,
            "OS-EXT-IPS-MAC:mac_addr": addresses.mac,
        })
    };
    json!({network::NAME: by_kind(addresses).map(address).collect::<Vec<_>>()})
}

/// The same without the extensions, as `/ips` and the answers to changes have them.
pub(super) fn plain_addresses(addresses: Option<&Addresses>) -> Value {
    let Some(addresses) = addresses else { return json!({}) };
    let address = |(_, address)| json!({"version": 4, "addr": address});
    json!({network::NAME: by_kind(addresses).map(address).collect::<Vec<_>>()})
}

/// The guest's address on its network, then that of this host where its ports are open.
fn by_kind(addresses: &Addresses) -> impl Iterator<Item = (&'static str, String)> {
    let of_kind = |kind, address: Option<Ipv4Addr>| address.map(|address| (kind, address.to_string()));
    of_kind("fixed", addresses.fixed_ip).into_iter().chain(of_kind("floating", addresses.floating_ip))
}

/// The status in Nova's words: a hard reboot has one of its own.
fn status(instance: &Instance) -> &'static str {
    match (instance.status, instance.task) {
        (Status::Reboot, Some(TaskState::RebootingHard)) => "HARD_REBOOT",
        (Status::Resize, Some(TaskState::ResizeReverting)) => "REVERT_RESIZE",
        (status, _) => status.into_str(),
    }
}

/// Nova: `nova/compute/vm_states.py`.
pub(super) fn vm_state(status: Status) -> &'static str {
    match status {
        Status::Build => "building",
        Status::Active | Status::Reboot | Status::Rebuild | Status::Resize => "active",
        Status::VerifyResize => "resized",
        Status::Paused => "paused",
        Status::Suspended => "suspended",
        Status::Rescue => "rescued",
        Status::ShelvedOffloaded => "shelved_offloaded",
        Status::Shutoff => "stopped",
        Status::Error => "error",
        Status::Deleted => "deleted",
    }
}

/// Nova: `nova/compute/power_state.py`: 0 none, 1 running, 3 paused, 4 shut down, as it is where a memory was saved.
pub(super) fn power_state(instance: &Instance) -> u8 {
    match instance.status {
        Status::Paused => 3,
        _ if instance.runs => 1,
        Status::Shutoff | Status::VerifyResize | Status::Suspended | Status::ShelvedOffloaded => 4,
        _ => 0,
    }
}

/// Tells instances of one host apart from those of another, without naming it.
/// Nova: sha224 of the project's id and the host's name.
pub(super) fn host_id(instance: &Instance) -> String {
    if instance.host.is_empty() {
        return String::new();
    }
    let text = format!("{}{}", instance.project_id, instance.host);
    let digest = hash(MessageDigest::sha224(), text.as_bytes());
    digest.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect()).unwrap_or_default()
}
