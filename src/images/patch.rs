//! Changes to an image's record, as JSON patch has them.
//!
//! Semantics are Glance's: `add` sets, whether or not the name is there; `replace` and `remove` want it there.

use serde_json::Value;

use super::{Image, record};
use crate::{
    config::SharingScope,
    error::{Error, Result},
    identity::Caller,
};

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Sets an attribute or property.
    Add(String, Value),
    /// Sets an attribute or property that is there.
    Replace(String, Value),
    /// Removes a property.
    Remove(String),
}

/// Applies the changes, all or none (`image` is to be thrown away on an error).
pub(super) fn apply(caller: &Caller, image: &mut Image, changes: &[Change], sharing: SharingScope) -> Result<()> {
    let mut properties = record::properties_of(image)?;
    for change in changes {
        let (Change::Add(name, _) | Change::Replace(name, _) | Change::Remove(name)) = change;
        record::refuse_read_only(name)?;
        let missing = || Error::Conflict(format!("Property {name} does not exist."));
        match change {
            Change::Add(name, value) | Change::Replace(name, value) if record::is_attribute(name) => {
                record::set_attribute(caller, image, name, value.clone(), sharing)?;
            }
            Change::Remove(name) if record::is_attribute(name) => {
                return Err(Error::Forbidden(format!("Property {name} may not be removed.")));
            }
            Change::Replace(name, _) if !properties.contains_key(name) => return Err(missing()),
            Change::Add(name, value) | Change::Replace(name, value) => {
                record::set_property(&mut properties, name, value.clone())?;
            }
            Change::Remove(name) => drop(properties.remove(name).ok_or_else(missing)?),
        }
    }
    record::write_properties(image, &properties)
}
