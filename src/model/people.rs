//! Domains and what is in them: users, groups and projects.

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its id; `default` for the one that is always there.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description, by an admin.
    pub description: String,
    /// Whether anybody of it may sign in.
    pub enabled: bool,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its domain.
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    /// Its description, by an admin.
    pub description: Option<String>,
    /// Where to write to it.
    pub email: Option<String>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Where it works when it does not say.
    pub default_project_id: Option<String>,
    /// An argon2id hash in PHC form; `None` for a user without a password.
    pub password: Option<String>,
    /// When the password last changed.
    pub password_changed_ms: i64,
    /// Further attributes that clients wrote: a JSON object.
    pub extra: String,
}

/// The conditions of a list of users; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Users<'a> {
    /// Of this domain.
    pub domain_id: Option<&'a str>,
    /// Of this name.
    pub name: Option<&'a str>,
    /// Enabled, or not.
    pub enabled: Option<bool>,
    /// Members of this group.
    pub group_id: Option<&'a str>,
    /// After this user.
    pub marker: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its domain.
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    /// Its description, by an admin.
    pub description: String,
}

/// The conditions of a list of groups; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups<'a> {
    /// Of this domain.
    pub domain_id: Option<&'a str>,
    /// Of this name.
    pub name: Option<&'a str>,
    /// That this user is a member of.
    pub user_id: Option<&'a str>,
    /// After this group.
    pub marker: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its domain.
    pub domain_id: String,
    /// Its name, unique in the domain.
    pub name: String,
    /// Its description, by an admin.
    pub description: String,
    /// Whether anybody may work in it.
    pub enabled: bool,
    /// A JSON array of strings.
    pub tags: String,
    /// The project it stands below; `None` for one that stands below its domain.
    pub parent_id: Option<String>,
    /// Whether it is a domain, shown as a project.
    pub is_domain: bool,
}

/// The conditions of a list of projects; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Projects<'a> {
    /// Of this domain.
    pub domain_id: Option<&'a str>,
    /// Of this name.
    pub name: Option<&'a str>,
    /// Enabled, or not.
    pub enabled: Option<bool>,
    /// In which this user holds a role, granted there or inherited.
    pub user_id: Option<&'a str>,
    /// Directly below this project or domain.
    pub parent_id: Option<&'a str>,
    /// After this project.
    pub marker: Option<&'a str>,
    /// At most so many.
    pub limit: u32,
}
