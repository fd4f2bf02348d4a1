//! Domains and what is in them: users, groups and projects.

use std::collections::{BTreeMap, BTreeSet};

use super::{Extra, Kept};

/// Options by their names: `identity::options` says what each does.
pub type Options = BTreeMap<String, bool>;

/// A part of a name that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePart {
    place: Place,
    ignores_case: bool,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    Start,
    End,
}

impl NamePart {
    /// Reads a comparator of Keystone: `contains`, `startswith` or `endswith`, with an `i` before it where the case does
    /// not count. `None` for any other word.
    pub fn read(comparator: &str, text: &str) -> Option<NamePart> {
        let (ignores_case, word) = match comparator.strip_prefix('i') {
            Some(word) => (true, word),
            None => (false, comparator),
        };
        let place = match word {
            "contains" => Place::Anywhere,
            "startswith" => Place::Start,
            "endswith" => Place::End,
            _ => return None,
        };
        let text = if ignores_case { text.to_lowercase() } else { text.to_owned() };
        Some(NamePart { place, ignores_case, text })
    }

    /// Whether a name has it.
    pub fn is_in(&self, name: &str) -> bool {
        if self.ignores_case { self.is_at_place(&name.to_lowercase()) } else { self.is_at_place(name) }
    }

    fn is_at_place(&self, name: &str) -> bool {
        match self.place {
            Place::Anywhere => name.contains(&self.text),
            Place::Start => name.starts_with(&self.text),
            Place::End => name.ends_with(&self.text),
        }
    }
}

/// When a user last signed in, and got the password of now: in milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub id: String,
    pub last_sign_in_ms: Option<i64>,
    pub password_changed_ms: i64,
}

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its id; `default` for the one that is always there.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Whether anybody of it may sign in.
    pub enabled: bool,
    pub options: Options,
    pub extra: Extra,
}

/// The conditions of a list of domains; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Domains<'a> {
    pub name: Option<&'a str>,
    /// With all of these in their names.
    pub parts: &'a [NamePart],
    pub enabled: Option<bool>,
    pub marker: Option<&'a str>,
    pub limit: u32,
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
    pub extra: Extra,
    pub options: Options,
}

/// The conditions of a list of users; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Users<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// With all of these in their names.
    pub parts: &'a [NamePart],
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
    pub extra: Extra,
}

/// The conditions of a list of groups; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// With all of these in their names.
    pub parts: &'a [NamePart],
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
    pub options: Options,
    pub extra: Extra,
}

/// The conditions of a list of projects; `None` admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Projects<'a> {
    pub domain_id: Option<&'a str>,
    pub name: Option<&'a str>,
    /// With all of these in their names.
    pub parts: &'a [NamePart],
    pub tags: Option<&'a WantedTags>,
    pub enabled: Option<bool>,
    /// In which this user holds a role, granted there or inherited.
    pub user_id: Option<&'a str>,
    /// Directly below this project or domain.
    pub parent_id: Option<&'a str>,
    pub marker: Option<&'a str>,
    pub limit: u32,
}

/// The conditions on a project's tags; an empty list admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedTags {
    /// It has all of these.
    pub all: Vec<String>,
    /// It has one of these.
    pub any: Vec<String>,
    /// It has not all of these.
    pub not_all: Vec<String>,
    /// It has none of these.
    pub none: Vec<String>,
}

impl WantedTags {
    /// Whether a project with these tags is wanted.
    pub fn admit(&self, tags: &BTreeSet<String>) -> bool {
        let has = |tag: &String| tags.contains(tag);
        self.all.iter().all(has)
            && (self.any.is_empty() || self.any.iter().any(has))
            && (self.not_all.is_empty() || !self.not_all.iter().all(has))
            && !self.none.iter().any(has)
    }
}
