//! Who may do what: users, projects, roles, tokens, passwords, and the policy.
//!
//! A request's bearer becomes a [`Caller`] here and nowhere else; every public function of every room takes
//! `&Caller` first and asks [`policy`] before anything else.

pub mod policy;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, UserId};

/// A named right in a project. Each implies the ones after it: admin, manager, member, reader.
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

/// A user as a request carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// The id of its domain (`default` at first).
    pub domain_id: String,
}

/// A project as a request carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRef {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// The id of its domain.
    pub domain_id: String,
}

/// This request's user, project and roles. Jobs carry the caller that asked for them, so it can be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// Who asks.
    pub user: UserRef,
    /// In which project; `None` for an unscoped token.
    pub project: Option<ProjectRef>,
    /// The strongest of Effigy's own roles held in that project; `None` when only foreign roles are held.
    pub role: Option<Role>,
    /// This request's id, `req-…`.
    pub request_id: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Caller {
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
    #[allow(dead_code, reason = "used once tokens are kept")]
    db: crate::db::Database,
}

impl Identity {
    /// Opens the part.
    pub async fn open(db: crate::db::Database, _settings: crate::config::Identity) -> crate::Result<Identity> {
        Ok(Identity { db })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// `Unauthenticated` when it is unknown, expired or revoked.
    pub async fn caller(&self, _token: &str, _request_id: String, _address: Option<IpAddr>) -> crate::Result<Caller> {
        Err(crate::Error::Unauthenticated("The request you have made requires authentication.".into()))
    }
}
