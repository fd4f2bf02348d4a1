//! The owner's words on an instance: name, description, metadata, tags; and the lock that keeps it as it is.

use std::{collections::BTreeMap, mem};

use super::{
    room::Room,
    types::{Changes, Lock},
};
use crate::{
    error::{Error, Result},
    identity::{Caller, policy},
    ids::InstanceId,
    model::instance::InstanceRow,
};

/// The longest name, key and value (Nova's columns).
const TEXT_CHARS: usize = 255;
/// Metadata of one instance (Nova's quota).
pub const MAX_METADATA: usize = 128;
/// Tags of one instance, and the longest (Nova's limits).
const TAGS: usize = 50;
const TAG_CHARS: usize = 60;

/// A host name that a guest can be told.
#[derive(Clone, Debug)]
pub struct HostName(pub(super) String);

/// The key-value pairs of an instance, or those that become properties of an image of it.
#[derive(Clone, Debug, Default)]
pub struct Metadata(pub(super) BTreeMap<String, String>);

/// The labels of an instance, each once, sorted.
#[derive(Clone, Debug, Default)]
pub struct Tags(pub(super) Vec<String>);

impl HostName {
    /// Checks a host name: RFC 1123, section 2.1, with at most `longest` characters; each part has 63 at most.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn new(name: String, longest: usize) -> Result<HostName> {
        let is_part = |part: &str| {
            let is_plain = part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
            is_plain && (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
        };
        if (2..=longest).contains(&name.len()) && name.split('.').all(is_part) {
            return Ok(HostName(name));
        }
        Err(Error::Invalid(format!(
            "Invalid input for field/attribute hostname. Value: {name}. A host name must have 2 to {longest} letters, \
             digits, hyphens and points, and no part of it may be empty, have more than 63, or have a hyphen at either end."
        )))
    }
}

impl Metadata {
    /// Checks key-value pairs; a later pair replaces an earlier one of its key.
    ///
    /// # Errors
    /// `OverQuota` for too many pairs, `Invalid` for one that breaks a rule.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Metadata> {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        if pairs.len() > MAX_METADATA {
            return Err(Error::OverQuota(format!("Maximum number of metadata items exceeds {MAX_METADATA}.")));
        }
        let is_short = |text: &str| text.chars().count() <= TEXT_CHARS;
        // Nova: `nova/api/validation/parameter_types.py`, metadata.
        let is_plain = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "-_:. ".contains(c));
        let is_good = |key: &str, value: &str| !key.is_empty() && is_short(key) && is_plain(key) && is_short(value);
        match pairs.iter().find(|(key, value)| !is_good(key, value)) {
            None => Ok(Metadata(pairs)),
            Some((key, _)) => Err(Error::Invalid(format!(
                "Invalid input for field/attribute metadata: '{}' must be 1 to {TEXT_CHARS} letters, digits, blanks \
                 and -_:. and its value a text of at most {TEXT_CHARS} characters.",
                key.chars().take(80).collect::<String>()
            ))),
        }
    }

    /// The pairs.
    pub fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl Tags {
    /// Checks tags.
    ///
    /// # Errors
    /// `Invalid` for too many, or for one that breaks a rule.
    pub fn new(mut tags: Vec<String>) -> Result<Tags> {
        tags.sort_unstable();
        tags.dedup();
        let is_tag = |tag: &String| {
            (1..=TAG_CHARS).contains(&tag.chars().count())
                && !tag.contains(['/', ','])
                && !tag.chars().any(char::is_control)
        };
        if tags.len() <= TAGS && tags.iter().all(is_tag) {
            return Ok(Tags(tags));
        }
        Err(Error::Invalid(format!(
            "Invalid input for field/attribute tags: they are a list of at most {TAGS} texts of 1 to {TAG_CHARS} \
             printable characters without '/' and ','."
        )))
    }
}

impl Room {
    /// Changes what its owner may change.
    pub(super) async fn write_labels(
        &self,
        caller: &Caller,
        id: InstanceId,
        change: impl FnOnce(&mut InstanceRow) -> Result<()>,
    ) -> Result<InstanceRow> {
        self.changeable(caller, id).await?;
        let changed = self.db.change_instance(id, change).await?;
        changed.ok_or_else(|| policy::no_such_instance(id))
    }

    /// Locks or unlocks.
    pub(super) async fn write_lock(&self, caller: &Caller, id: InstanceId, lock: Option<Option<String>>) -> Result<()> {
        let row = self.may_use(caller, id).await?;
        let is_admins = row.lock.as_ref().is_some_and(|lock| lock.by_admin);
        if is_admins {
            policy::unlock_for_admin(caller, id)?;
        }
        let lock = lock.map(|reason| Lock { by_admin: caller.is_admin(), reason });
        let changed = self.db.change_instance(id, |row| {
            row.lock = lock;
            Ok(())
        });
        changed.await?.map(drop).ok_or_else(|| policy::no_such_instance(id))
    }
}

/// Applies changes of the name, the description, the host name.
pub(super) fn apply(row: &mut InstanceRow, changes: Changes) -> Result<()> {
    if let Some(name) = changes.name {
        check_name(&name)?;
        row.name = name;
    }
    if let Some(description) = changes.description {
        description.as_deref().map(check_description).transpose()?;
        row.description = description;
    }
    if let Some(hostname) = changes.hostname {
        row.hostname = hostname.0;
    }
    row.access.v4 = changes.access_ipv4.unwrap_or(row.access.v4);
    row.access.v6 = changes.access_ipv6.unwrap_or(row.access.v6);
    Ok(())
}

/// Adds a tag; says whether it is new.
pub(super) fn add_tag(row: &mut InstanceRow, tag: String) -> Result<bool> {
    let is_new = !row.tags.contains(&tag);
    row.tags = Tags::new(mem::take(&mut row.tags).into_iter().chain([tag]).collect())?.0;
    Ok(is_new)
}

/// Adds pairs to the metadata; a key that is there takes the new value.
pub(super) fn merge(row: &mut InstanceRow, more: Metadata) -> Result<()> {
    row.metadata = Metadata::new(mem::take(&mut row.metadata).into_iter().chain(more.0))?.0;
    Ok(())
}

pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = (1..=TEXT_CHARS).contains(&name.chars().count()) && !name.trim().is_empty();
    if fits && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::Invalid(format!("The name of an instance must have 1 to {TEXT_CHARS} printable characters.")))
}

pub(super) fn check_description(text: &str) -> Result<()> {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() <= TEXT_CHARS && text.chars().all(plain) {
        return Ok(());
    }
    Err(Error::Invalid(format!("A description can have at most {TEXT_CHARS} characters of printable text.")))
}
