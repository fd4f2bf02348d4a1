//! Roles, what they imply, and who holds which where.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Caller, Identity, check_name, check_text,
    credentials::new_id,
    extra,
    options::{Options, check_change, check_mutable, set_of_thing},
    policy,
};
pub use crate::model::role::{ActorKind, Grant, RoleRecord, TargetKind};
use crate::{
    error::{Error, Result},
    model::{Extra, role::Grants},
};

/// The user or the group that is granted a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    User(String),
    /// A group, and through it each of its members.
    Group(String),
}

/// Where a role is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Project(String),
    Domain(String),
    System,
    /// In every project below this one, and not in itself.
    BelowProject(String),
    /// In every project of this domain, and not on itself.
    BelowDomain(String),
}

/// The fields of a new role.
#[derive(Clone, Debug, Default)]
pub struct NewRole {
    pub name: String,
    pub description: Option<String>,
    /// The domain it shall belong to.
    pub domain_id: Option<String>,
    /// Null takes one away.
    pub options: Map<String, Value>,
    /// Others; null takes one away.
    pub extra: Map<String, Value>,
}

/// The fields to set on a role.
#[derive(Clone, Debug, Default)]
pub struct RoleFields {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    /// Null takes one away.
    pub options: Map<String, Value>,
    /// Others; null takes one away.
    pub extra: Map<String, Value>,
}

/// The roles of Effigy's own rules; renaming or deleting one would lock every admin out.
const OWN_ROLES: [&str; 5] = ["admin", "manager", "member", "reader", "service"];

impl Identity {
    /// Every role of the whole cloud or of a domain, or those of a name. Everybody may read them: names of roles are
    /// not secret, and every user who makes an application credential names some (Keystone shows them only to admins).
    pub async fn roles(&self, _caller: &Caller, name: Option<&str>, domain: Option<&str>) -> Result<Vec<RoleRecord>> {
        let mut roles = self.db.roles(name).await?;
        roles.retain(|role| role.domain_id.as_deref() == domain);
        Ok(roles)
    }

    /// One role.
    pub async fn role(&self, _caller: &Caller, id: &str) -> Result<RoleRecord> {
        self.db.role(id).await?.ok_or_else(|| missing(id))
    }

    /// Makes a role. It gives no right by itself; it may imply others.
    pub async fn create_role(&self, caller: &Caller, fields: NewRole) -> Result<RoleRecord> {
        policy::administer(caller, "create roles")?;
        let NewRole { name, description, domain_id, options: given, extra: others } = fields;
        check_name(&name)?;
        check_text(description.as_deref().unwrap_or_default())?;
        if let Some(domain) = &domain_id {
            self.domain(caller, domain).await?;
        }
        let mut options = Options::new();
        set_of_thing(&mut options, given)?;
        let mut extra = Extra::default();
        extra::set(&mut extra, others)?;
        let role = RoleRecord { id: new_id(), name, description, domain_id, options, extra };
        let made = self.db.insert_role(&role).await?;
        made.then_some(()).ok_or_else(|| taken(&role.name))?;
        Ok(role)
    }

    /// Changes a role. `None` leaves a field as it is.
    pub async fn update_role(&self, caller: &Caller, id: &str, fields: RoleFields) -> Result<RoleRecord> {
        policy::administer(caller, "change roles")?;
        let RoleFields { name, description, options, extra } = fields;
        let mut role = self.db.role(id).await?.ok_or_else(|| missing(id))?;
        check_change(&role.options, &options, name.is_none() && description.is_none() && extra.is_empty())?;
        set_of_thing(&mut role.options, options)?;
        extra::set(&mut role.extra, extra)?;
        if let Some(name) = name.filter(|name| *name != role.name) {
            check_name(&name)?;
            keep(&role)?;
            let of_this_name = self.db.roles(Some(&name)).await?;
            of_this_name.is_empty().then_some(()).ok_or_else(|| taken(&name))?;
            role.name = name;
        }
        role.description = description.unwrap_or_else(|| role.description.take());
        check_text(role.description.as_deref().unwrap_or_default())?;
        let changed = self.db.update_role(&role).await?;
        self.sessions.forget();
        changed.then_some(role).ok_or_else(|| missing(id))
    }

    /// Deletes a role with its grants; the tokens and credentials that rest on it end.
    pub async fn delete_role(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::administer(caller, "delete roles")?;
        let role = self.db.role(id).await?.ok_or_else(|| missing(id))?;
        check_mutable(&role.options)?;
        keep(&role)?;
        let was_there = self.db.delete_role(id).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| missing(id))
    }

    /// Every role with the roles it implies itself.
    pub async fn implications(&self, caller: &Caller) -> Result<Vec<(RoleRecord, Vec<RoleRecord>)>> {
        policy::administer(caller, "list what roles imply")?;
        let roles: BTreeMap<String, RoleRecord> =
            self.db.roles(None).await?.into_iter().map(|role| (role.id.clone(), role)).collect();
        let pairs = self.db.role_implications().await?;
        let implied = |prior: &RoleRecord| -> Vec<RoleRecord> {
            let own = pairs.iter().filter(|(id, _)| *id == prior.id);
            own.filter_map(|(_, implied)| roles.get(implied).cloned()).collect()
        };
        Ok(roles.values().map(|role| (role.clone(), implied(role))).filter(|(_, i)| !i.is_empty()).collect())
    }

    /// Lets one role imply another; both are returned.
    pub async fn imply(&self, caller: &Caller, prior: &str, implied: &str) -> Result<(RoleRecord, RoleRecord)> {
        policy::administer(caller, "change what roles imply")?;
        let prior = self.db.role(prior).await?.ok_or_else(|| missing(prior))?;
        let implied = self.db.role(implied).await?.ok_or_else(|| missing(implied))?;
        // Keystone: the role of power cannot hide behind another.
        if implied.name == "admin" {
            return Err(Error::Forbidden("The role admin cannot be implied by another role.".into()));
        }
        if prior.domain_id.is_none() && implied.domain_id.is_some() {
            return Err(Error::Forbidden("A role of the whole cloud cannot imply one of a domain.".into()));
        }
        self.db.insert_implication(&prior.id, &implied.id).await?;
        self.sessions.forget();
        Ok((prior, implied))
    }

    /// Ends an implication.
    pub async fn unimply(&self, caller: &Caller, prior: &str, implied: &str) -> Result<()> {
        policy::administer(caller, "change what roles imply")?;
        let was_there = self.db.delete_implication(prior, implied).await?;
        self.sessions.forget();
        was_there.then_some(()).ok_or_else(|| Error::NotFound("The first role does not imply the second.".into()))
    }

    /// Grants a role; granting it again changes nothing.
    pub async fn grant_role(&self, caller: &Caller, actor: Actor, target: Target, role_id: &str) -> Result<()> {
        policy::administer(caller, "grant roles")?;
        let grant = self.checked(actor, target, role_id).await?;
        self.db.insert_grant(&grant).await?;
        self.sessions.forget();
        Ok(())
    }

    /// Takes a grant back; the tokens and credentials that rest on it end.
    pub async fn revoke_role(&self, caller: &Caller, actor: Actor, target: Target, role_id: &str) -> Result<()> {
        policy::administer(caller, "take roles back")?;
        let grant = self.checked(actor, target, role_id).await?;
        let was_there = self.db.delete_grant(&grant).await?;
        self.sessions.forget();
        let none = || Error::NotFound("There is no such role assignment.".into());
        was_there.then_some(()).ok_or_else(none)
    }

    /// The roles granted to an actor on a target itself.
    pub async fn granted_roles(&self, caller: &Caller, actor: Actor, target: Target) -> Result<Vec<RoleRecord>> {
        policy::administer(caller, "list role assignments")?;
        let grant = self.addressed(actor, target).await?;
        let wanted = Grants {
            actor_kind: Some(grant.actor_kind),
            actor_id: Some(&grant.actor_id),
            target_kind: Some(grant.target_kind),
            target_id: Some(&grant.target_id),
            role_id: None,
        };
        let ids: Vec<String> = self.db.grants(&wanted).await?.into_iter().map(|grant| grant.role_id).collect();
        Ok(self.db.roles(None).await?.into_iter().filter(|role| ids.contains(&role.id)).collect())
    }

    async fn some_domain(&self, id: &str) -> Result<String> {
        let found = self.db.domain(id).await?;
        Ok(found.ok_or_else(|| Error::NotFound(format!("Could not find domain: {id}.")))?.id)
    }

    async fn checked(&self, actor: Actor, target: Target, role_id: &str) -> Result<Grant> {
        let role = self.db.role(role_id).await?.ok_or_else(|| missing(role_id))?;
        if let Some(domain) = &role.domain_id {
            let is_its_own = match &target {
                Target::Project(id) | Target::BelowProject(id) => self.some_project(id).await?.domain_id == *domain,
                Target::Domain(id) | Target::BelowDomain(id) => id == domain,
                Target::System => false,
            };
            if !is_its_own {
                return Err(Error::Forbidden(format!(
                    "The role '{}' can be granted in its own domain only.",
                    role.name
                )));
            }
        }
        Ok(Grant { role_id: role.id, ..self.addressed(actor, target).await? })
    }

    /// The grant's actor and target, in the form the rows have, if both are there.
    async fn addressed(&self, actor: Actor, target: Target) -> Result<Grant> {
        let actor = match actor {
            Actor::User(id) => Actor::User(self.some_user(&id).await?.id),
            Actor::Group(id) => Actor::Group(self.some_group(&id).await?.id),
        };
        let target = match target {
            Target::Project(id) => Target::Project(self.some_project(&id).await?.id),
            Target::BelowProject(id) => Target::BelowProject(self.some_project(&id).await?.id),
            Target::Domain(id) => Target::Domain(self.some_domain(&id).await?),
            Target::BelowDomain(id) => Target::BelowDomain(self.some_domain(&id).await?),
            Target::System => Target::System,
        };
        let ((actor_kind, actor_id), (target_kind, target_id)) = (actor.row(), target.row());
        Ok(Grant {
            actor_kind,
            actor_id: actor_id.into(),
            target_kind,
            target_id: target_id.into(),
            role_id: String::new(),
        })
    }
}

impl Actor {
    pub(super) fn row(&self) -> (ActorKind, &str) {
        match self {
            Actor::User(id) => (ActorKind::User, id),
            Actor::Group(id) => (ActorKind::Group, id),
        }
    }
}

impl Target {
    pub(super) fn row(&self) -> (TargetKind, &str) {
        match self {
            Target::Project(id) => (TargetKind::Project, id),
            Target::Domain(id) => (TargetKind::Domain, id),
            Target::System => (TargetKind::System, "all"),
            Target::BelowProject(id) => (TargetKind::BelowProject, id),
            Target::BelowDomain(id) => (TargetKind::BelowDomain, id),
        }
    }
}

fn keep(role: &RoleRecord) -> Result<()> {
    if OWN_ROLES.contains(&role.name.as_str()) {
        return Err(Error::Forbidden(format!(
            "The role '{}' belongs to Effigy's own rules: it cannot be renamed or deleted.",
            role.name
        )));
    }
    Ok(())
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find role: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a role named '{name}' already."))
}
