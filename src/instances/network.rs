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
