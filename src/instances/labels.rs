//! The owner's words on an instance: name, description, metadata, tags; and the lock that keeps it as it is.

use std::collections::BTreeMap;

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
/// The longest description (Nova's column).
const DESCRIPTION_BYTES: usize = 65_535;
/// Metadata of one instance (Nova's quota).
const METADATA: usize = 128;
/// Tags of one instance, and the longest (Nova's limits).
const TAGS: usize = 50;
const TAG_CHARS: usize = 60;

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
        check_hostname(&hostname)?;
        row.hostname = hostname;
    }
    Ok(())
}

/// Adds a tag; says whether it is new.
pub(super) fn add_tag(row: &mut InstanceRow, tag: &str) -> Result<bool> {
    match row.tags.binary_search_by(|held| held.as_str().cmp(tag)) {
        Ok(_) => Ok(false),
        Err(at) => {
            row.tags.insert(at, tag.to_owned());
            check_tags(&row.tags)?;
            Ok(true)
        }
    }
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
    if text.len() <= DESCRIPTION_BYTES && text.chars().all(plain) {
        return Ok(());
    }
    Err(Error::Invalid(format!("A description can have at most {DESCRIPTION_BYTES} bytes of printable text.")))
}

/// RFC 1123, section 2.1, with the 63 characters of one label for the whole.
pub(super) fn check_hostname(name: &str) -> Result<()> {
    let fits = (2..=63).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-');
    if fits && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.') {
        return Ok(());
    }
    Err(Error::Invalid(
        "A host name must have 2 to 63 letters, digits, hyphens and points, and no hyphen at either end.".into(),
    ))
}

pub(super) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    if metadata.len() > METADATA {
        return Err(Error::Forbidden(format!("Maximum number of metadata items exceeds {METADATA}.")));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.chars().count() > TEXT_CHARS || key.chars().any(char::is_control) {
            return Err(Error::Invalid(format!("A key of metadata must have 1 to {TEXT_CHARS} printable characters.")));
        }
        if value.chars().count() > TEXT_CHARS {
            return Err(Error::Invalid(format!("The metadata '{key}' is longer than {TEXT_CHARS} characters.")));
        }
    }
    Ok(())
}

pub(super) fn check_tags(tags: &[String]) -> Result<()> {
    if tags.len() > TAGS {
        return Err(Error::Invalid(format!("The number of tags exceeded the per-server limit {TAGS}")));
    }
    for tag in tags {
        let fits = (1..=TAG_CHARS).contains(&tag.chars().count());
        if !fits || tag.contains(['/', ',']) || tag.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "A tag must have 1 to {TAG_CHARS} printable characters, none of them '/' or ','."
            )));
        }
    }
    Ok(())
}
