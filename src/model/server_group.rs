//! Server groups: instances that are to be together on a host, or apart.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{InstanceId, ProjectId, ServerGroupId, UserId};

/// The rule for the members of a server group (Nova's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<GroupPolicy>)]
pub enum GroupPolicy {
    /// All on one host.
    Affinity,
    /// Each on a host of its own.
    AntiAffinity,
    /// On one host if that can be.
    SoftAffinity,
    /// Apart if that can be.
    SoftAntiAffinity,
}

/// A server group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerGroup {
    pub id: ServerGroupId,
    pub project_id: ProjectId,
    pub user_id: UserId,
    pub name: String,
    pub policy: GroupPolicy,
    /// Of [`GroupPolicy::AntiAffinity`]: the most of its members on one host; `None`: one.
    pub on_a_host: Option<i64>,
    pub created_ms: i64,
}

impl ServerGroup {
    /// How many of its members a service with one host can have; `None`: any number.
    pub fn room(&self) -> Option<u64> {
        match self.policy {
            GroupPolicy::AntiAffinity => Some(self.on_a_host.unwrap_or(1).unsigned_abs()),
            GroupPolicy::Affinity | GroupPolicy::SoftAffinity | GroupPolicy::SoftAntiAffinity => None,
        }
    }
}

/// A server group with its members: the instances that are not deleted, by age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullServerGroup {
    pub group: ServerGroup,
    pub members: Vec<InstanceId>,
}
