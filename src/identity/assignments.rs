//! Role assignments: what was granted, and what it comes to.
//!
//! In effect, a grant to a group is each member's, one that is inherited is held in every project below, a role brings
//! what it implies, and a role of a domain brings nothing else.

use std::collections::{HashMap, HashSet};

use super::{
    Caller, Identity,
    domains::ListDomains,
    policy,
    roles::{Actor, ActorKind, Grant, Target, TargetKind},
};
use crate::{
    db::ALL,
    error::{Error, Result},
    model::role::Grants,
};

/// The assignments to list; `None` asks for all.
#[derive(Clone, Debug, Default)]
pub struct ListAssignments {
    pub actor: Option<Actor>,
    pub target: Option<Target>,
    pub role_id: Option<String>,
    /// The roles that users hold in effect: groups opened, inherited and implied roles added.
    pub is_effective: bool,
    /// Only what is inherited by projects below.
    pub is_inherited: bool,
    /// On the projects below the target as well.
    pub has_subtree: bool,
}

impl Identity {
    /// Role assignments, as granted or in effect.
    ///
    /// # Errors
    /// `Invalid` for a subtree of anything but a project or, as in Keystone, a domain that is named as one.
    pub async fn assignments(&self, caller: &Caller, wanted: &ListAssignments) -> Result<Vec<Grant>> {
        policy::administer(caller, "list role assignments")?;
        let root = match &wanted.target {
            _ if !wanted.has_subtree => return self.assignments_on(wanted).await,
            Some(Target::Project(root)) => root,
            _ => return Err(Error::Invalid("include_subtree needs scope.project.id, the root of the subtree.".into())),
        };
        let mut projects = match self.db.domain(root).await? {
            Some(_) => self.db.projects_below(TargetKind::BelowDomain, root).await?,
            None => self.db.projects_below(TargetKind::BelowProject, root).await?,
        };
        if self.db.project(root).await?.is_some() {
            projects.insert(0, root.clone());
        }
        let mut rows = Vec::new();
        for project in projects {
            let here = ListAssignments { target: Some(Target::Project(project)), ..wanted.clone() };
            rows.extend(self.assignments_on(&here).await?);
        }
        Ok(rows)
    }

    async fn assignments_on(&self, wanted: &ListAssignments) -> Result<Vec<Grant>> {
        let actor = wanted.actor.as_ref().map(Actor::row);
        let target = wanted.target.as_ref().map(Target::row);
        // In effect, a user's roles come through its groups too, and any role may be an implied one.
        let asks_actor = |(kind, _): &(ActorKind, &str)| !(wanted.is_effective && *kind == ActorKind::User);
        let narrow = actor.filter(asks_actor);
        let grants = Grants {
            actor_kind: narrow.map(|(kind, _)| kind),
            actor_id: narrow.map(|(_, id)| id),
            role_id: wanted.role_id.as_deref().filter(|_| !wanted.is_effective),
            ..Grants::default()
        };
        if !wanted.is_effective {
            let mut rows = self.db.grants(&Grants { target_id: target.map(|(_, id)| id), ..grants }).await?;
            rows.retain(|row| {
                let kind = row.target_kind.place();
                target.is_none_or(|(wanted, _)| wanted == kind)
                    && (!wanted.is_inherited || row.target_kind.is_inherited())
            });
            return Ok(rows);
        }
        let mut rows = Vec::new();
        match &wanted.target {
            None => rows.extend(self.db.grants(&grants).await?),
            Some(target) => {
                for (kind, id) in self.places(target).await? {
                    let here = Grants { target_kind: Some(kind), target_id: Some(&id), ..grants };
                    rows.extend(self.db.grants(&here).await?);
                }
            }
        }
        let mut rows = self.in_effect(rows, wanted.target.as_ref()).await?;
        rows.retain(|row| {
            actor.is_none_or(|(kind, id)| kind == ActorKind::Group || row.actor_id == id)
                && wanted.role_id.as_ref().is_none_or(|role| row.role_id == *role)
        });
        Ok(rows)
    }

    /// The names of the ids in these assignments: name, domain id, domain name; the last two empty for a role.
    pub async fn names_of(&self, caller: &Caller, rows: &[Grant]) -> Result<HashMap<String, [String; 3]>> {
        policy::administer(caller, "list role assignments")?;
        let domains = self.db.domains(&ListDomains { limit: ALL, ..ListDomains::default() }).await?;
        let domains: HashMap<String, String> = domains.into_iter().map(|domain| (domain.id, domain.name)).collect();
        let mut names: HashMap<String, [String; 3]> =
            domains.iter().map(|(id, name)| (id.clone(), [name.clone(), String::new(), String::new()])).collect();
        for role in self.db.roles(None).await? {
            names.insert(role.id, [role.name, String::new(), String::new()]);
        }
        for row in rows {
            let target = row.target_kind.place().into_str();
            for (kind, id) in [(row.actor_kind.into_str(), &row.actor_id), (target, &row.target_id)] {
                if names.contains_key(id) {
                    continue;
                }
                let named = match kind {
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

    /// The targets whose grants count on this one: itself, and what its projects inherit from.
    async fn places(&self, target: &Target) -> Result<Vec<(TargetKind, String)>> {
        let (kind, id) = target.row();
        let mut places = vec![(kind, id.to_owned())];
        if let Target::Project(id) = target {
            places.push((TargetKind::BelowDomain, self.some_project(id).await?.domain_id));
            let above = self.db.projects_above(id).await?;
            places.extend(above.into_iter().map(|project| (TargetKind::BelowProject, project.id)));
        }
        Ok(places)
    }

    /// Opens groups into their members, hands inherited roles down to the projects below (or only to the one asked
    /// for), and adds the implied roles.
    async fn in_effect(&self, rows: Vec<Grant>, asked: Option<&Target>) -> Result<Vec<Grant>> {
        let pairs = self.db.role_implications().await?;
        let of_domains: Vec<String> = self
            .db
            .roles(None)
            .await?
            .into_iter()
            .filter(|role| role.domain_id.is_some())
            .map(|role| role.id)
            .collect();
        let mut effect: Vec<Grant> = Vec::new();
        for row in rows {
            let users = match row.actor_kind {
                ActorKind::Group => self.db.group_member_ids(&row.actor_id).await?,
                ActorKind::User => vec![row.actor_id.clone()],
            };
            let targets = match (row.target_kind.is_inherited(), asked) {
                (false, _) => vec![(row.target_kind, row.target_id.clone())],
                (true, Some(Target::Project(id))) => vec![(TargetKind::Project, id.clone())],
                (true, _) => {
                    let below = self.db.projects_below(row.target_kind, &row.target_id).await?;
                    below.into_iter().map(|id| (TargetKind::Project, id)).collect()
                }
            };
            let mut roles = with_implied(&row.role_id, &pairs);
            roles.retain(|role| !of_domains.contains(role));
            for role_id in &roles {
                for user in &users {
                    effect.extend(targets.iter().map(|(target_kind, target_id)| Grant {
                        actor_kind: ActorKind::User,
                        actor_id: user.clone(),
                        target_kind: *target_kind,
                        target_id: target_id.clone(),
                        role_id: role_id.clone(),
                    }));
                }
            }
        }
        let mut seen = HashSet::new();
        effect.retain(|row| seen.insert((row.actor_id.clone(), row.target_id.clone(), row.role_id.clone())));
        Ok(effect)
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
