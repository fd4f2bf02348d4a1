//! The rights of callers: every rule of the service is on this page and, for images, in `image_policy`.
//!
//! A rule takes the caller and the facts about the thing, and answers `Ok` or the error the caller gets.
//! Not visible means `NotFound`, in the same words as for an id that never existed; visible and not allowed
//! means `Forbidden`.

use super::{Caller, Role, Session};
use crate::{
    error::{Error, Result},
    ids::{InstanceId, ProjectId, UserId},
    model::flavor::FlavorsSeen,
};

// Instances: members of a project work with its instances, readers look, the admin does both everywhere.
// Nova: `nova/policies/servers.py` with the secure defaults.

/// The words for an instance that is not there, or that the caller may not know of.
pub fn no_such_instance(id: impl std::fmt::Display) -> Error {
    Error::NotFound(format!("Instance {id} could not be found."))
}

/// The project in which the caller makes instances.
pub fn create_instance(caller: &Caller) -> Result<ProjectId> {
    let project = in_a_project(caller)?;
    require(caller, Role::Member, "create instances")?;
    Ok(project)
}

/// The project whose instances the caller lists; `None` is every project.
pub fn list_instances(caller: &Caller, all_projects: bool) -> Result<Option<ProjectId>> {
    if all_projects {
        administer(caller, "list the instances of all projects")?;
        return Ok(None);
    }
    let project = in_a_project(caller)?;
    require(caller, Role::Reader, "list instances")?;
    Ok(Some(project))
}

/// Whether the caller sees the instances of this project, and its server groups.
pub fn sees_instances(caller: &Caller, owner: ProjectId) -> bool {
    caller.is_admin() || caller.has_in(owner, Role::Reader)
}

/// Whether the caller sees the instance of this project.
pub fn see_instance(caller: &Caller, owner: ProjectId, id: InstanceId) -> Result<()> {
    if sees_instances(caller, owner) { Ok(()) } else { Err(no_such_instance(id)) }
}

/// Whether the caller changes the instance of this project, reads its log, opens its console.
pub fn change_instance(caller: &Caller, owner: ProjectId, id: InstanceId) -> Result<()> {
    see_instance(caller, owner, id)?;
    if caller.is_admin() { Ok(()) } else { require(caller, Role::Member, "change instances") }
}

/// Whether the caller changes an instance that somebody locked.
pub fn change_locked_instance(caller: &Caller, id: InstanceId) -> Result<()> {
    if caller.is_admin() { Ok(()) } else { Err(Error::Conflict(format!("Instance {id} is locked"))) }
}

/// Whether the caller unlocks an instance that the admin locked.
pub fn unlock_for_admin(caller: &Caller, id: InstanceId) -> Result<()> {
    only_admins(caller, &format!("Instance {id} was locked by the admin; only the admin unlocks it."))
}

/// Whether the caller sees where instances run, filters by it, and by other projects and deleted instances.
pub fn see_hosts(caller: &Caller) -> bool {
    caller.is_admin()
}

/// Whether the caller's lists of ports are of the instances of all projects.
pub fn see_all_ports(caller: &Caller) -> bool {
    caller.is_admin()
}

/// Whether the caller reads what this project used; `what` completes "only the admin may …".
pub fn see_usage(caller: &Caller, project: ProjectId, what: &str) -> Result<()> {
    let is_own = caller.project.as_ref().is_some_and(|own| own.id == project);
    if is_own { Ok(()) } else { administer(caller, what) }
}

/// Whether the caller reads what the instances of this project used over a time; `None`: of every project.
pub fn see_used(caller: &Caller, project: Option<ProjectId>) -> Result<()> {
    let Some(project) = project else { return administer(caller, "see the usage of all projects") };
    see_usage(caller, project, "see another project's usage")?;
    if caller.is_admin() { Ok(()) } else { require(caller, Role::Reader, "list instances") }
}

// Flavors: everyone looks, the admin writes.

/// The flavors that the caller lists; `is_public` narrows them for the admin, and means nothing to anyone else.
pub fn list_flavors(caller: &Caller, is_public: Option<bool>) -> Result<FlavorsSeen> {
    see_flavors(caller)?;
    Ok(match (caller.is_admin(), is_public, &caller.project) {
        (true, None, _) => FlavorsSeen::All,
        (true, Some(false), _) => FlavorsSeen::NotPublic,
        (true, Some(true), Some(project)) | (false, _, Some(project)) => FlavorsSeen::By(project.id),
        (_, _, None) => FlavorsSeen::Public,
    })
}

/// Whether the caller shows flavors at all.
pub fn see_flavors(caller: &Caller) -> Result<()> {
    require(caller, Role::Reader, "list flavors")
}

/// Whether the caller sees a flavor that only these projects have access to.
pub fn see_private_flavor(caller: &Caller, access: &[ProjectId]) -> bool {
    caller.is_admin() || caller.project.as_ref().is_some_and(|own| access.contains(&own.id))
}

/// Whether the caller makes, changes and deletes flavors and says who sees them.
pub fn write_flavors(caller: &Caller) -> Result<()> {
    administer(caller, "change flavors")
}

// Key pairs belong to their user. The admin may act for another user.

/// The user whose key pairs the caller works with.
pub fn key_pairs_of(caller: &Caller, user: Option<UserId>) -> Result<UserId> {
    match user {
        Some(user) if user != caller.user.id => {
            administer(caller, "work with another user's key pairs")?;
            Ok(user)
        }
        _ => Ok(caller.user.id),
    }
}

// Identity: the admin does everything; below is what others may do.
// Keystone: `keystone/common/policies/` with the secure defaults.

/// Whether the caller reads this user, its projects and its groups: the admin, or the user itself.
pub fn see_user(caller: &Caller, user: UserId) -> Result<()> {
    allow(caller.is_admin() || is_self(caller, user), "look at another user")
}

/// Whether the caller reads this project: the admin, or a user whose token is for it.
pub fn see_project(caller: &Caller, project: ProjectId) -> Result<()> {
    let is_own = caller.project.as_ref().is_some_and(|own| own.id == project);
    allow(caller.is_admin() || is_own, "look at a project that you do not work in with this token")
}

/// Whether the caller reads every project, and the domains as projects.
pub fn see_every_project(caller: &Caller) -> bool {
    caller.is_admin()
}

/// The answer for another's project and for one that does not exist: the same for both.
pub fn not_your_project() -> Error {
    Error::Forbidden("You may not look at this project: you hold no role in it.".into())
}

/// Whether the caller reads this domain: the admin, or a user of it.
pub fn see_domain(caller: &Caller, domain: &str) -> Result<()> {
    allow(caller.is_admin() || caller.user.domain_id == domain, "look at another domain")
}

/// Whether the caller looks tokens up at all: not with an application credential that has access rules,
/// for a token it could look up would escape them (tighter than Keystone, which leaves it to the rules).
pub fn look_up_tokens(caller: &Caller) -> Result<()> {
    let has_rules = credential_of(caller).is_some_and(|credential| credential.access_rules.is_some());
    allow(!has_rules, "look up tokens with this application credential")
}

/// Whether the caller reads what a token says: the admin, a service, or the token's own user.
pub fn see_token(caller: &Caller, subject: &Session) -> Result<()> {
    allow(see_ended_tokens(caller) || is_self(caller, subject.user.id), "look at another user's token")
}

/// Whether the caller is shown tokens whose time is over: the admin, or a service.
pub fn see_ended_tokens(caller: &Caller) -> bool {
    caller.is_admin() || caller.session.as_ref().is_some_and(|session| session.has_role("service"))
}

/// Whether the caller ends a token: the admin, or the token's own user.
pub fn end_token(caller: &Caller, subject: &Session) -> Result<()> {
    allow(caller.is_admin() || is_self(caller, subject.user.id), "end another user's token")
}

/// Whether the caller reviews its own sign-ins and ends them: not with an application credential, which is a program's.
pub fn review_sessions(caller: &Caller) -> Result<()> {
    allow(credential_of(caller).is_none(), "review sessions with an application credential")
}

/// Whether the caller reads a user's application credentials: the admin, or the user itself.
pub fn see_credentials(caller: &Caller, user: UserId) -> Result<()> {
    allow(caller.is_admin() || is_self(caller, user), "look at another user's application credentials")
}

/// Whether the caller makes an application credential of this user: the user itself, and not with a restricted one.
pub fn make_credential(caller: &Caller, user: UserId) -> Result<()> {
    allow(is_self(caller, user), "make application credentials for another user")?;
    manage_credentials(caller)
}

/// Whether the caller deletes an application credential of this user: the admin or the user itself, and not with a
/// restricted one.
pub fn delete_credential(caller: &Caller, user: UserId) -> Result<()> {
    allow(caller.is_admin() || is_self(caller, user), "delete another user's application credentials")?;
    manage_credentials(caller)
}

fn manage_credentials(caller: &Caller) -> Result<()> {
    let is_restricted = credential_of(caller).is_some_and(|credential| !credential.unrestricted);
    allow(!is_restricted, "manage application credentials with a restricted one")
}

fn credential_of(caller: &Caller) -> Option<&super::CredentialRef> {
    caller.session.as_ref().and_then(|session| session.credential.as_ref())
}

fn is_self(caller: &Caller, user: UserId) -> bool {
    caller.user.id == user
}

// The ground of all rules.

fn allow(is_allowed: bool, what: &str) -> Result<()> {
    if is_allowed { Ok(()) } else { Err(Error::Forbidden(format!("You may not {what}."))) }
}

/// Whether the caller is the cloud's admin; `what` completes "only the admin may …".
pub fn administer(caller: &Caller, what: &str) -> Result<()> {
    if caller.is_admin() { Ok(()) } else { Err(Error::Forbidden(format!("Only the admin may {what}."))) }
}

/// The same in a sentence of its own.
pub(super) fn only_admins(caller: &Caller, refusal: &str) -> Result<()> {
    if caller.is_admin() { Ok(()) } else { Err(Error::Forbidden(refusal.into())) }
}

/// The project the caller works in.
pub fn in_a_project(caller: &Caller) -> Result<ProjectId> {
    let unscoped = "This needs a token that is scoped to a project; ask for one with project_name or project_id.";
    caller.project.as_ref().map(|project| project.id).ok_or_else(|| Error::Forbidden(unscoped.into()))
}

fn require(caller: &Caller, role: Role, what: &str) -> Result<()> {
    if caller.has(role) {
        return Ok(());
    }
    let name = caller.project.as_ref().map_or("this project", |project| &project.name);
    let role = format!("{role:?}").to_lowercase();
    Err(Error::Forbidden(format!("You may not {what} in project {name}: that needs the role {role}.")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        identity::{CredentialRef, DomainRef, ProjectRef, RoleRef, Scope, UserRef},
        model::Kept,
    };

    /// Somebody of the default domain with these roles in a project; with `credential`, by an application credential.
    fn caller(user: UserId, project: ProjectId, roles: &[&str], credential: Option<(bool, bool)>) -> Caller {
        let domain = DomainRef { id: "default".into(), name: "Default".into() };
        let project = ProjectRef { id: project, name: "web".into(), domain_id: domain.id.clone() };
        let credential = credential.map(|(unrestricted, has_rules)| CredentialRef {
            id: String::new(),
            name: String::new(),
            unrestricted,
            access_rules: has_rules.then(Kept::default),
        });
        let session = Session {
            digest: String::new(),
            user: UserRef { id: user, name: "someone".into(), domain_id: domain.id.clone() },
            user_domain: domain.clone(),
            scope: Scope::Project(project.clone(), domain),
            roles: roles.iter().map(|role| RoleRef { id: String::new(), name: (*role).into() }).collect(),
            methods: vec!["password".into()],
            audit_ids: vec![String::new()],
            credential,
            issued_ms: 0,
            expires_ms: 0,
            password_changed_ms: 0,
            bearer: None,
        };
        Caller {
            user: session.user.clone(),
            project: Some(project),
            role: session.role(),
            request_id: String::new(),
            address: None,
            session: Some(Arc::new(session)),
        }
    }

    /// One letter for each case: `y` may, `n` may not.
    #[test]
    fn who_may_do_what_with_identity() {
        let (me, other, mine, theirs) = (UserId::new(), UserId::new(), ProjectId::new(), ProjectId::new());
        let callers = [
            caller(me, mine, &["admin", "manager", "member", "reader"], None),
            caller(me, mine, &["manager", "member", "reader"], None),
            caller(me, mine, &["reader"], None),
            caller(me, mine, &["service"], None),
            caller(me, mine, &["member", "reader"], Some((false, false))),
            caller(me, mine, &["member", "reader"], Some((true, true))),
        ];
        let others = caller(other, theirs, &["reader"], None).session.unwrap();
        let own = callers[0].session.clone().unwrap();
        type Rule<'a> = &'a dyn Fn(&Caller) -> Result<()>;
        // admin, manager, reader, service, restricted credential, unrestricted credential with access rules
        let table: [(&str, Rule, &str); 14] = [
            ("administer", &|c| administer(c, "do it"), "ynnnnn"),
            ("see itself", &|c| see_user(c, me), "yyyyyy"),
            ("see another", &|c| see_user(c, other), "ynnnnn"),
            ("see its project", &|c| see_project(c, mine), "yyyyyy"),
            ("see another project", &|c| see_project(c, theirs), "ynnnnn"),
            ("see its domain", &|c| see_domain(c, "default"), "yyyyyy"),
            ("see another domain", &|c| see_domain(c, "lab"), "ynnnnn"),
            ("look up tokens", &|c| look_up_tokens(c), "yyyyyn"),
            ("see its token", &|c| see_token(c, &own), "yyyyyy"),
            ("see another's token", &|c| see_token(c, &others), "ynnynn"),
            ("end another's token", &|c| end_token(c, &others), "ynnnnn"),
            ("review its sessions", &|c| review_sessions(c), "yyyynn"),
            ("make its credential", &|c| make_credential(c, me), "yyyyny"),
            ("delete another's credential", &|c| delete_credential(c, other), "ynnnnn"),
        ];
        for (what, rule, expected) in table {
            let found: String = callers.iter().map(|caller| if rule(caller).is_ok() { 'y' } else { 'n' }).collect();
            assert_eq!(found, expected, "{what}");
        }
        assert!(make_credential(&callers[0], other).is_err(), "not even the admin signs for another");
    }
}
