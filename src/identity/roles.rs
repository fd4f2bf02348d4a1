//! Roles, what they imply, and who holds which where.

use std::collections::{BTreeMap, HashMap};

use super::{Caller, Identity, check_name, check_text, credentials::new_id, policy};
pub use crate::db::roles::{GrantRow as Grant, RoleRow as RoleRecord};
use crate::{
    db::{ALL, roles::Grants},
    error::{Error, Result},
};

/// Who is granted a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user.
    User(String),
    /// A group, and through it each of its members.
    Group(String),
}

/// Where a role is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In a project.
    Project(String),
    /// On a domain.
    Domain(String),
    /// On the whole system.
    System,
}

/// Which assignments to list; `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct ListAssignments {
    /// Of this actor.
    pub actor: Option<Actor>,
    /// On this target.
    pub target: Option<Target>,
    /// Of this role.
    pub role_id: Option<String>,
    /// What users hold in effect: groups opened, implied roles added.
    pub is_effective: bool,
}

/// The roles of Effigy's own rules; renaming or deleting one would leave nobody in power.
const OWN_ROLES: [&str; 5] = ["admin", "manager", "member", "reader", "service"];

impl Identity {
    /// Every role, or those of a name. Everybody may read them: names of roles are no secret, and whoever makes an
    /// application credential names some (Keystone shows them to admins alone).
    pub async fn roles(&self, _caller: &Caller, name: Option<&str>) -> Result<Vec<RoleRecord>> {
        self.db.roles(name).await
    }

    /// One role.
    pub async fn role(&self, _caller: &Caller, id: &str) -> Result<RoleRecord> {
        self.db.role(id).await?.ok_or_else(|| missing(id))
    }

    /// Makes a role. It gives no right by itself; it may imply others.
    pub async fn create_role(&self, caller: &Caller, name: String, description: Option<String>) -> Result<RoleRecord> {
        policy::administer(caller, "create roles")?;
        check_name(&name)?;
        check_text(description.as_deref().unwrap_or_default())?;
        let role = RoleRecord { id: new_id(), name, description };
        let made = self.db.insert_role(&role).await?;
        made.then_some(()).ok_or_else(|| taken(&role.name))?;
        Ok(role)
    }

    /// Changes a role's name or description.
    pub async fn update_role(
        &self,
        caller: &Caller,
        id: &str,
        name: Option<String>,
        description: Option<Option<String>>,
    ) -> Result<RoleRecord> {
        policy::administer(caller, "change roles")?;
        let mut role = self.db.role(id).await?.ok_or_else(|| missing(id))?;
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
        keep(&self.db.role(id).await?.ok_or_else(|| missing(id))?)?;
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
            return Err(Error::Forbidden("No role can imply the role admin.".into()));
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
        was_there.then_some(()).ok_or_else(|| Error::NotFound("The one role does not imply the other.".into()))
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
            actor_kind: Some(&grant.actor_kind),
            actor_id: Some(&grant.actor_id),
            target_kind: Some(&grant.target_kind),
            target_id: Some(&grant.target_id),
            role_id: None,
        };
        let ids: Vec<String> = self.db.grants(&wanted).await?.into_iter().map(|grant| grant.role_id).collect();
        Ok(self.db.roles(None).await?.into_iter().filter(|role| ids.contains(&role.id)).collect())
    }

    /// Role assignments, as granted or in effect.
    pub async fn assignments(&self, caller: &Caller, wanted: &ListAssignments) -> Result<Vec<Grant>> {
        policy::administer(caller, "list role assignments")?;
        let actor = wanted.actor.as_ref().map(Actor::row);
        let target = wanted.target.as_ref().map(Target::row);
        // In effect, a user's roles come through its groups too, and any role may be an implied one.
        let asks_actor = |(kind, _): &(&str, &str)| !(wanted.is_effective && *kind == "user");
        let narrow = actor.filter(asks_actor);
        let rows = self
            .db
            .grants(&Grants {
                actor_kind: narrow.map(|(kind, _)| kind),
                actor_id: narrow.map(|(_, id)| id),
                target_kind: target.map(|(kind, _)| kind),
                target_id: target.map(|(_, id)| id),
                role_id: wanted.role_id.as_deref().filter(|_| !wanted.is_effective),
            })
            .await?;
        if !wanted.is_effective {
            return Ok(rows);
        }
        let mut rows = self.in_effect(rows).await?;
        rows.retain(|row| {
            actor.is_none_or(|(kind, id)| kind == "group" || row.actor_id == id)
                && wanted.role_id.as_ref().is_none_or(|role| row.role_id == *role)
        });
        Ok(rows)
    }

    /// What the ids in these assignments are called: name, domain id, domain name; the last two empty for a role.
    pub async fn names_of(&self, caller: &Caller, rows: &[Grant]) -> Result<HashMap<String, [String; 3]>> {
        policy::administer(caller, "list role assignments")?;
        let domains: HashMap<String, String> =
            self.db.domains(None, None, None, ALL).await?.into_iter().map(|domain| (domain.id, domain.name)).collect();
        let mut names: HashMap<String, [String; 3]> =
            domains.iter().map(|(id, name)| (id.clone(), [name.clone(), String::new(), String::new()])).collect();
        for role in self.db.roles(None).await? {
            names.insert(role.id, [role.name, String::new(), String::new()]);
        }
        for row in rows {
            for (kind, id) in [(&row.actor_kind, &row.actor_id), (&row.target_kind, &row.target_id)] {
                if names.contains_key(id) {
                    continue;
                }
                let named = match kind.as_str() {
                    "user" => self.db.user(id).await?.map(|user| (user.name, user.domain_id)),
                    "group" => self.db.group(id).await?.map(|group| (group.name, group.domain_id)),
                    "project" => self.db.project(id).await?.map(|project| (project.name, project.domain_id)),
                    _ => None,
                };
                if let Some((name, domain_id)) = named {
                    let domain = domains.get(&domain_id).cloned().unwrap_or_default();
                    names.insert(id.clone(), [name, domain_id, domain]);
                }
            }
        }
        Ok(names)
    }

    /// Opens groups into their members and adds what roles imply.
    async fn in_effect(&self, rows: Vec<Grant>) -> Result<Vec<Grant>> {
        let pairs = self.db.role_implications().await?;
        let mut seen = std::collections::HashSet::new();
        let mut effect = Vec::new();
        for row in rows {
            let users = match row.actor_kind.as_str() {
                "group" => self.db.group_member_ids(&row.actor_id).await?,
                _ => vec![row.actor_id.clone()],
            };
            for role_id in with_implied(&row.role_id, &pairs) {
                for user in &users {
                    let key = (user.clone(), row.target_id.clone(), role_id.clone());
                    if seen.insert(key) {
                        effect.push(Grant {
                            actor_kind: "user".into(),
                            actor_id: user.clone(),
                            role_id: role_id.clone(),
                            ..row.clone()
                        });
                    }
                }
            }
        }
        Ok(effect)
    }

    async fn checked(&self, actor: Actor, target: Target, role_id: &str) -> Result<Grant> {
        let role = self.db.role(role_id).await?.ok_or_else(|| missing(role_id))?;
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
            Target::Domain(id) => {
                let found = self.db.domain(&id).await?;
                Target::Domain(found.ok_or_else(|| Error::NotFound(format!("Could not find domain: {id}.")))?.id)
            }
            Target::System => Target::System,
        };
        let ((actor_kind, actor_id), (target_kind, target_id)) = (actor.row(), target.row());
        Ok(Grant {
            actor_kind: actor_kind.into(),
            actor_id: actor_id.into(),
            target_kind: target_kind.into(),
            target_id: target_id.into(),
            role_id: String::new(),
        })
    }
}

impl Actor {
    fn row(&self) -> (&'static str, &str) {
        match self {
            Actor::User(id) => ("user", id),
            Actor::Group(id) => ("group", id),
        }
    }
}

impl Target {
    fn row(&self) -> (&'static str, &str) {
        match self {
            Target::Project(id) => ("project", id),
            Target::Domain(id) => ("domain", id),
            Target::System => ("system", "all"),
        }
    }
}

/// A role and everything it implies.
fn with_implied(role_id: &str, pairs: &[(String, String)]) -> Vec<String> {
    let mut held = vec![role_id.to_owned()];
    let mut next = 0;
    while let Some(prior) = held.get(next).cloned() {
        for (_, implied) in pairs.iter().filter(|(id, _)| *id == prior) {
            if !held.contains(implied) {
                held.push(implied.clone());
            }
        }
        next += 1;
    }
    held
}

fn keep(role: &RoleRecord) -> Result<()> {
    if OWN_ROLES.contains(&role.name.as_str()) {
        return Err(Error::Forbidden(format!("The role '{}' is one that Effigy's rules name; it stays.", role.name)));
    }
    Ok(())
}

fn missing(id: &str) -> Error {
    Error::NotFound(format!("Could not find role: {id}."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There is a role named '{name}' already."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_imply_through_others_and_circles_end() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let pairs = [pair("admin", "member"), pair("member", "reader"), pair("reader", "member")];
        assert_eq!(with_implied("admin", &pairs), ["admin", "member", "reader"]);
    }
}
