//! Roles, and who was granted which.

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    pub id: String,
    pub name: String,
    /// Its purpose.
    pub description: Option<String>,
    /// The domain it belongs to: such a role gives only what it implies. `None` for a role of the whole cloud.
    pub domain_id: Option<String>,
}

/// One grant: this actor holds this role on this target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `user` or `group`.
    pub actor_kind: String,
    /// The user or group.
    pub actor_id: String,
    /// `project`, `domain` or `system`; `below-project` or `below-domain` for a role that is inherited by the
    /// projects below and not held on the target itself.
    pub target_kind: String,
    /// The project or domain; `all` for the system.
    pub target_id: String,
    pub role_id: String,
}

/// The conditions of a list of grants; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grants<'a> {
    /// `user` or `group`.
    pub actor_kind: Option<&'a str>,
    /// The user or group.
    pub actor_id: Option<&'a str>,
    /// As in [`Grant`].
    pub target_kind: Option<&'a str>,
    /// The project or domain; `all` for the system.
    pub target_id: Option<&'a str>,
    pub role_id: Option<&'a str>,
}
