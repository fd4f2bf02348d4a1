//! Domains and what is in them: users, groups and projects.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Kept;

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its id; `default` for the one that is always there.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Whether anybody of it may sign in.
    pub enabled: bool,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    pub description: Option<String>,
    /// Where to write to it.
    pub email: Option<String>,
    pub enabled: bool,
    /// Where it works when it does not say.
    pub default_project_id: Option<String>,
    /// An argon2id hash in PHC form; `None` for a user without a password.
    pub password: Option<String>,
    pub password_changed_ms: i64,
    /// Further attributes that clients wrote.
    pub extra: Kept<Map<String, Value>>,
}

/// The conditions of a list of users; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Users<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    pub enabled: Option<bool>,
    pub group_id: Option<&'a str>,
    pub marker: Option<&'a str>,
    pub limit: u32,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: String,
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    pub description: String,
}

/// The conditions of a list of groups; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    pub user_id: Option<&'a str>,
    pub marker: Option<&'a str>,
    pub limit: u32,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: String,
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    pub description: String,
    /// Whether anybody may work in it.
    pub enabled: bool,
    pub tags: Kept<BTreeSet<String>>,
    /// The project it stands below; `None` for one that stands below its domain.
    pub parent_id: Option<String>,
    /// Whether it is a domain, shown as a project.
    pub is_domain: bool,
}

/// The conditions of a list of projects; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Projects<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    pub enabled: Option<bool>,
    /// In which this user holds a role, granted there or inherited.
    pub user_id: Option<&'a str>,
    /// Directly below this project or domain.
    pub parent_id: Option<&'a str>,
    pub marker: Option<&'a str>,
    pub limit: u32,
}
