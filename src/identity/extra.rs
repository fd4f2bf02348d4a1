//! The fields of users, projects and the other things of Identity that clients write beside those that are known: Keystone
//! keeps them in a column `extra`, and Terraform and people with `--property` read back what they wrote.

use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    model::{Extra, Kept},
};

/// The most bytes of one thing's, as JSON.
const MAX_EXTRA_BYTES: usize = 16 * 1024;
/// Words of every thing that are this service's to write; a client that sends them back changes nothing.
const OWN_WORDS: [&str; 2] = ["id", "links"];

/// Whether a client may write a field of this name.
fn is_clients(name: &str) -> bool {
    !OWN_WORDS.contains(&name)
}

/// Whether fields change nothing.
pub(super) fn is_nothing(given: &Map<String, Value>) -> bool {
    !given.keys().any(|name| is_clients(name))
}

/// Sets the fields that are given; null takes one away.
///
/// # Errors
/// `Invalid` for more than fits.
pub(super) fn set(extra: &mut Extra, mut given: Map<String, Value>) -> Result<()> {
    given.retain(|name, _| is_clients(name));
    if given.is_empty() {
        return Ok(());
    }
    let mut fields = extra.read()?;
    fields.extend(given);
    fields.retain(|_, value| !value.is_null());
    let new = Kept::of(&fields);
    // PostgreSQL keeps no NUL.
    if new.as_json().len() > MAX_EXTRA_BYTES || new.as_json().contains("\\u0000") {
        return Err(Error::Invalid(format!("Other fields may have at most {MAX_EXTRA_BYTES} bytes, and no NUL.")));
    }
    *extra = new;
    Ok(())
}
