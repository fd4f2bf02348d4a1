//! The one network instances have, as the Compute and the Network API and the config drive name it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use uuid::Uuid;

use super::types::Addresses;
use crate::{config, ids::InstanceId};

/// Its name, which is also the key of a server's `addresses`.
pub(crate) const NAME: &str = "default";
/// Its id: the same on every installation, so that templates can name it.
pub(crate) const ID: &str = "e4f16b00-0000-4000-8000-000000000001";
/// The id of its subnet.
pub(crate) const SUBNET_ID: &str = "e4f16b00-0000-4000-8000-000000000002";
/// QEMU's user-mode network.
pub(crate) const CIDR: &str = "10.0.2.0/24";
/// The host, as guests see it.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The guest's address: each guest has a network of its own, so all have the same.
pub(crate) const FIXED_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// QEMU's name server.
pub(crate) const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// The one security group: what is forwarded comes in, everything goes out.
pub(crate) const SECURITY_GROUP: &str = "default";
/// Its id.
pub(crate) const SECURITY_GROUP_ID: &str = "e4f16b00-0000-4000-8000-000000000003";
/// The id of its one rule.
pub(crate) const SECURITY_GROUP_RULE_ID: &str = "e4f16b00-0000-4000-8000-000000000004";

/// The subnet of the network, as the settings make it.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// As `10.0.2.0/24`.
    pub cidr: String,
    pub gateway: Option<Ipv4Addr>,
    pub name_servers: Vec<Ipv4Addr>,
    /// The first and the last address that instances have.
    pub pool: (Ipv4Addr, Ipv4Addr),
    pub has_dhcp: bool,
}

impl Subnet {
    /// `None`: it is what is behind the operator's bridge, and only that network's DHCP knows it.
    pub(super) fn of(settings: &config::Network) -> Option<Subnet> {
        if settings.mode == config::Mode::User {
            return Some(Subnet {
                cidr: CIDR.into(),
                gateway: Some(GATEWAY),
                name_servers: vec![NAME_SERVER],
                pool: (FIXED_IP, FIXED_IP),
                has_dhcp: true,
            });
        }
        let (subnet, pool) = settings.fixed()?;
        Some(Subnet {
            cidr: subnet.to_string(),
            gateway: settings.gateway,
            name_servers: settings.name_servers.clone(),
            pool: pool.ends(),
            has_dhcp: false,
        })
    }
}

/// The addresses of an instance within the subnet, in the Network API's words.
pub(crate) fn fixed_ips(addresses: &Addresses) -> Value {
    let one = |address: &Ipv4Addr| json!({"subnet_id": SUBNET_ID, "ip_address": address});
    addresses.fixed_ip.iter().map(one).collect()
}

/// The address that the instance with this number has of the bridge's pool; `None` without such a pool, and behind its end.
pub(super) fn of_pool(settings: &config::Network, number: u32) -> Option<Ipv4Addr> {
    settings.fixed().and_then(|(_, pool)| pool.get(number))
}

/// The things of the Network API that each instance has one of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Port = 1,
    FloatingIp = 2,
}

impl Part {
    /// Its id: the instance's own with a bit of the node turned, because it is its own thing.
    pub(crate) fn id(self, instance: InstanceId) -> Uuid {
        Uuid::from_u128(instance.uuid().as_u128() ^ self as u128)
    }

    /// The instance whose part has this id, if there is one; `None` for what is not an id.
    pub(crate) fn instance(self, id: &str) -> Option<InstanceId> {
        let id = id.parse::<InstanceId>().ok()?;
        self.id(id).to_string().parse().ok()
    }
}
