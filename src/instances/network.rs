//! The one network instances have, as the Compute and the Network API and the config drive name it.

use uuid::Uuid;

use crate::ids::InstanceId;

/// Its name, which is also the key of a server's `addresses`.
pub(crate) const NAME: &str = "default";
/// Its id: the same on every installation, so that templates can name it.
pub(crate) const ID: &str = "e4f16b00-0000-4000-8000-000000000001";
/// The id of its subnet.
pub(crate) const SUBNET_ID: &str = "e4f16b00-0000-4000-8000-000000000002";
/// QEMU's user-mode network.
pub(crate) const CIDR: &str = "10.0.2.0/24";
/// The host, as guests see it.
pub(crate) const GATEWAY: &str = "10.0.2.2";
/// The guest's address: each guest has a network of its own, so all have the same.
pub(crate) const FIXED_IP: &str = "10.0.2.15";
/// QEMU's name server.
pub(crate) const NAME_SERVER: &str = "10.0.2.3";
/// The one security group: what is forwarded comes in, everything goes out.
pub(crate) const SECURITY_GROUP: &str = "default";
/// Its id.
pub(crate) const SECURITY_GROUP_ID: &str = "e4f16b00-0000-4000-8000-000000000003";
/// The id of its one rule.
pub(crate) const SECURITY_GROUP_RULE_ID: &str = "e4f16b00-0000-4000-8000-000000000004";

/// The id of an instance's port: its own, with the last bit of the node turned, because a port is its own thing.
pub(crate) fn port_id(instance: InstanceId) -> Uuid {
    Uuid::from_u128(instance.uuid().as_u128() ^ 1)
}

/// The instance whose port has this id, if there is one; `None` for what is not an id.
pub(crate) fn instance_of(port: &str) -> Option<InstanceId> {
    let port = port.parse::<InstanceId>().ok()?;
    port_id(port).to_string().parse().ok()
}
