//! Identity and rights: users, projects, roles, tokens, passwords, and the policy.
//!
//! A request's bearer becomes a [`Caller`] here and nowhere else ([`Identity::caller`]); a public
//! function that acts for somebody takes `&Caller` first and asks [`policy`] before anything else. The others are those by
//! which somebody becomes a caller ([`Identity::sign_in`], a change of one's own password), and those that the program
//! itself calls: the first start, the audit, the catalog.
//!
//! ```text
//! password | application credential | token ──sign_in──► token row ──caller──► Session ──► Caller
//!                                                            │
//!          sign-out, expiry, a change of user, password, project, domain, role or credential: the row is gone
//! ```
//!
//! - A token is 32 random bytes; only its digest is kept. Its row is its right to live: whatever ends a token
//!   deletes the row, in the transaction of the change itself.
//! - A session read from the rows is believed for at most a second ([`tokens`]), so that a revocation by another
//!   process (`effigy admin`) holds within that second.
//! - Roles imply: admin, manager, member, reader, each the ones after it. Admin in any scope is the cloud's admin.
//! - Password hashing is bounded in memory and off the async threads ([`passwords`]); its turns are shared out between the
//!   addresses that ask ([`turns`]), and a lock holds for one account and one address ([`failures`]): no stranger
//!   elsewhere keeps anybody out.
//! - Where Keystone has the users (`identity.mode`), its tokens make the sessions ([`keystone`]), and no row of people is
//!   read or written; the console's people sign in there by way of this service ([`keystone_console`]).
//! - Requests stand in lines, one for each project, and until their caller is known one for each address ([`lines`]).

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicI64},
};

use serde::{Deserialize, Serialize};

use self::lines::{Lines, Share};
use crate::{
    db::Database,
    error::{Error, Result},
    ids::{ProjectId, UserId},
    keystone::Keystone,
    model::credential::ScopeKind,
};

pub mod access_rules;
pub mod arrivals;
pub mod assignments;
pub mod audit;
pub mod catalog;
pub mod credentials;
pub mod domains;
mod extra;
mod failures;
pub mod first_start;
pub mod groups;
pub mod image_policy;
pub mod keystone;
mod keystone_console;
pub mod lasting;
pub mod lines;
mod options;
pub mod passwords;
pub mod policy;
pub mod project_tags;
pub mod projects;
mod refusals;
pub mod roles;
pub mod sessions;
pub mod sign_in;
pub mod tokens;
mod turns;
pub mod users;

pub use tokens::{CredentialRef, DomainRef, RoleRef, Scope, Session};
pub use turns::share_of;

/// Requests of one address that are at work before their caller is known; each takes a few statements.
const STRANGERS_AT_ONCE: usize = 2;
/// The same where Keystone knows the callers: they wait for its answers and cost little here, and all of Nova's requests
/// come from a few addresses.
const WAITING_FOR_KEYSTONE: usize = 8;

/// The id of the domain that is always there; its name is `Default`.
pub const DEFAULT_DOMAIN: &str = "default";

/// A named right in a project. Each implies the ones before it: admin, manager, member, reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Reader,
    /// Works.
    Member,
    /// Works, and manages the project's people.
    Manager,
    /// The cloud's operator.
    Admin,
}

impl Role {
    /// The role of this name, if it is one of Effigy's own.
    pub fn named(name: &str) -> Option<Role> {
        match name {
            "reader" => Some(Role::Reader),
            "member" => Some(Role::Member),
            "manager" => Some(Role::Manager),
            "admin" => Some(Role::Admin),
            _ => None,
        }
    }
}

/// A user as a request carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    pub id: UserId,
    pub name: String,
    /// The id of its domain (`default` at first).
    pub domain_id: String,
}

/// A project as a request carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRef {
    pub id: ProjectId,
    pub name: String,
    pub domain_id: String,
}

/// This request's user, project and roles. Jobs carry the caller that asked for them, so it can be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    pub user: UserRef,
    /// In which project; `None` for an unscoped token.
    pub project: Option<ProjectRef>,
    /// The strongest of Effigy's own roles held in that project; `None` when only foreign roles are held.
    pub role: Option<Role>,
    /// This request's id, `req-…`.
    pub request_id: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The token's session; `None` for a job's caller and for the operator at the command line.
    #[serde(skip)]
    pub session: Option<Arc<Session>>,
}

impl Caller {
    fn of(session: Arc<Session>, request_id: String, address: Option<IpAddr>) -> Caller {
        Caller {
            user: session.user.clone(),
            project: session.project().cloned(),
            role: session.role(),
            request_id,
            address,
            session: Some(session),
        }
    }

    /// The operator at the command line, who holds the data folder and therefore every right.
    pub fn operator() -> Caller {
        let nobody = UserId::nil();
        Caller {
            user: UserRef { id: nobody, name: "operator".into(), domain_id: DEFAULT_DOMAIN.into() },
            project: None,
            role: Some(Role::Admin),
            request_id: format!("req-{}", uuid::Uuid::new_v4()),
            address: None,
            session: None,
        }
    }

    /// Whether this is [`Caller::operator`].
    fn is_operator(&self) -> bool {
        self.user.id == UserId::nil()
    }

    /// Whether the caller is the cloud's admin (admin on any project is).
    pub fn is_admin(&self) -> bool {
        self.role == Some(Role::Admin)
    }

    /// Whether the caller holds at least `role` in its own project.
    pub fn has(&self, role: Role) -> bool {
        self.project.is_some() && self.role.is_some_and(|held| held >= role)
    }

    /// Whether `project` is the caller's own and the caller holds at least `role` in it.
    pub fn has_in(&self, project: ProjectId, role: Role) -> bool {
        self.has(role) && self.project.as_ref().is_some_and(|own| own.id == project)
    }
}

/// The identity part, open. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    db: Database,
    settings: Arc<crate::config::Identity>,
    passwords: passwords::Passwords,
    failures: failures::Failures,
    sessions: tokens::Sessions,
    recorder: audit::Recorder,
    refusals: refusals::Refusals,
    /// Of those who are not known yet.
    lines: Lines,
    purged_ms: Arc<AtomicI64>,
    catalog_has_instances: bool,
    keystone: Option<Keystone>,
}

impl Identity {
    /// Opens the part; the default domain and the roles are there afterwards.
    pub async fn open(db: Database, settings: crate::config::Identity) -> Result<Identity> {
        first_start::seed(&db).await?;
        Ok(Identity {
            recorder: audit::Recorder::start(db.clone()),
            refusals: refusals::Refusals::start(db.clone()),
            db,
            passwords: passwords::Passwords::new(settings.min_password_chars),
            settings: Arc::new(settings),
            failures: failures::Failures::new(),
            sessions: tokens::Sessions::new(),
            lines: Lines::new(STRANGERS_AT_ONCE),
            purged_ms: Arc::default(),
            catalog_has_instances: true,
            keystone: None,
        })
    }

    /// The part of a service whose users are Keystone's.
    pub fn with_keystone(self, keystone: Keystone) -> Identity {
        Identity { keystone: Some(keystone), lines: Lines::new(WAITING_FOR_KEYSTONE), ..self }
    }

    /// The part of a service that runs no instances: its catalog has neither their service nor that of their network.
    pub fn without_instances(self) -> Identity {
        Identity { catalog_has_instances: false, ..self }
    }

    /// The fewest characters of a new password.
    pub fn min_password_chars(&self) -> usize {
        self.settings.min_password_chars
    }

    /// The lines of those who are not known yet, for the metrics.
    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Whose token this is. On every request's path: a session read less than a second ago costs no query.
    ///
    /// # Errors
    /// `Unauthenticated` when it is unknown, expired or revoked; `TooMany` when too many wait at this address;
    /// `Unavailable` when Keystone is needed and out of reach.
    pub async fn caller(&self, token: &str, request_id: String, address: Option<IpAddr>) -> Result<Caller> {
        if let Some(keystone) = &self.keystone {
            return self.caller_at(keystone, token, request_id, address).await;
        }
        let digest = tokens::digest_of(token).ok_or_else(unauthenticated)?;
        let session = match self.session_at_hand(digest) {
            Some(session) => Some(session),
            None => {
                // Whose request it is, only the rows tell.
                let _place = self.lines.take(Share::of_address(address)).await?;
                self.session_in_rows(digest).await?
            }
        };
        let session = session.ok_or_else(unauthenticated)?;
        Ok(Caller::of(session, request_id, address))
    }

    /// The region every one of Effigy's own endpoints is in.
    pub fn region(&self) -> &str {
        &self.settings.region
    }

    /// Whether the caller holds a role, any role, in a project.
    ///
    /// # Errors
    /// `Unavailable` when Keystone is needed and out of reach.
    pub async fn belongs(&self, caller: &Caller, project: ProjectId) -> Result<bool> {
        if let Some(keystone) = &self.keystone {
            return self.belongs_at(keystone, caller, project).await;
        }
        let user = caller.user.id;
        Ok(!self.db.roles_held(&user.to_string(), ScopeKind::Project, &project.to_string()).await?.is_empty())
    }
}

/// The one answer to a request without a valid token.
fn unauthenticated() -> Error {
    Error::Unauthenticated("The request you have made requires authentication.".into())
}

/// The longest name of anything here, as Keystone has it for users.
const MAX_NAME_CHARS: usize = 255;

/// Checks a name.
fn check_name(name: &str) -> Result<()> {
    let is_plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if is_plain && name.chars().count() <= MAX_NAME_CHARS {
        return Ok(());
    }
    Err(Error::Invalid(format!("A name has 1 to {MAX_NAME_CHARS} characters and is not blank.")))
}

/// The longest name of a domain or a project, as Keystone has it.
const MAX_SHORT_NAME_CHARS: usize = 64;

/// Checks the name of a domain or a project.
fn check_short_name(name: &str) -> Result<()> {
    if name.chars().count() > MAX_SHORT_NAME_CHARS {
        return Err(Error::Invalid(format!("The name of a project has at most {MAX_SHORT_NAME_CHARS} characters.")));
    }
    check_name(name)
}

/// The longest free text.
const MAX_TEXT_CHARS: usize = 65_535;

/// Whether a free text may be kept.
fn check_text(text: &str) -> Result<()> {
    // PostgreSQL keeps no NUL.
    if text.chars().count() <= MAX_TEXT_CHARS && !text.contains('\0') {
        return Ok(());
    }
    Err(Error::Invalid(format!("A description has at most {MAX_TEXT_CHARS} characters and no NUL.")))
}
