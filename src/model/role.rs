//! Roles, and who was granted which.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{Extra, UnknownWord, people::Options};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    pub id: String,
    pub name: String,
    /// Its purpose.
    pub description: Option<String>,
    /// The domain it belongs to: such a role gives only what it implies. `None` for a role of the whole cloud.
    pub domain_id: Option<String>,
    pub options: Options,
    pub extra: Extra,
}

/// The kinds of actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<ActorKind>)]
pub enum ActorKind {
    User,
    Group,
}

/// The kinds of targets. A role below a target is inherited by the projects below it and not held on the target itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<TargetKind>)]
pub enum TargetKind {
    Project,
    Domain,
    System,
    BelowProject,
    BelowDomain,
}

impl TargetKind {
    /// The kind of the thing that is named.
    pub fn place(self) -> TargetKind {
        match self {
            TargetKind::BelowProject => TargetKind::Project,
            TargetKind::BelowDomain => TargetKind::Domain,
            place => place,
        }
    }

    /// Whether the projects below inherit the role.
    pub fn is_inherited(self) -> bool {
        self != self.place()
    }
}

/// One grant: this actor holds this role on this target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub actor_kind: ActorKind,
    /// The user or group.
    pub actor_id: String,
    pub target_kind: TargetKind,
    /// The project or domain; `all` for the system.
    pub target_id: String,
    pub role_id: String,
}

/// The conditions of a list of grants; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grants<'a> {
    pub actor_kind: Option<ActorKind>,
    /// The user or group.
    pub actor_id: Option<&'a str>,
    pub target_kind: Option<TargetKind>,
    /// The project or domain; `all` for the system.
    pub target_id: Option<&'a str>,
    pub role_id: Option<&'a str>,
}
