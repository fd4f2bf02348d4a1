//! Options of users, projects, domains and roles, by Keystone's names.
//!
//! Each that is kept has its effect, or holds for everybody here; any other is refused. One that is taken and forgotten
//! would be a rule that its administrator relies on and nobody keeps.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
pub(super) use crate::model::people::Options;

/// The user does not change the password; an administrator does.
pub(super) const LOCK_PASSWORD: &str = "lock_password";
/// Failed sign-ins do not lock the user.
pub(super) const NEVER_LOCKED: &str = "ignore_lockout_failure_attempts";
/// The thing is neither changed nor deleted.
const IMMUTABLE: &str = "immutable";
/// More than one factor is needed. Only its absence can be kept: there is no second factor here.
const FACTORS: &str = "multi_factor_auth_enabled";
const FACTOR_RULES: &str = "multi_factor_auth_rules";

/// Options of users. The last three hold for everybody: no password ends by itself or must be changed at its first use,
/// and nobody is locked for having been away.
const OF_USERS: [&str; 6] = [
    LOCK_PASSWORD,
    NEVER_LOCKED,
    FACTORS,
    "ignore_password_expiry",
    "ignore_change_password_upon_first_use",
    "ignore_user_inactivity",
];

/// Whether an option is on.
pub(super) fn is_on(options: &Options, name: &str) -> bool {
    options.get(name).copied().unwrap_or(false)
}

/// Sets a user's options; null takes one away, and those that are not named stay.
///
/// # Errors
/// `Invalid` for an option that would have no effect.
pub(super) fn set_of_user(options: &mut Options, mut given: Map<String, Value>) -> Result<()> {
    let rules = given.remove(FACTOR_RULES).unwrap_or_default();
    let has_rules = !rules.is_null() && rules.as_array().is_none_or(|rules| !rules.is_empty());
    if has_rules || given.get(FACTORS) == Some(&Value::Bool(true)) {
        let name = if has_rules { FACTOR_RULES } else { FACTORS };
        return Err(Error::Invalid(format!(
            "The option {name} would not hold: there is one factor here, a password or an application credential. \
             Leave the option out."
        )));
    }
    set(options, given, &OF_USERS)
}

/// Sets the options of a project, a domain or a role.
///
/// # Errors
/// As [`set_of_user`].
pub(super) fn set_of_thing(options: &mut Options, given: Map<String, Value>) -> Result<()> {
    set(options, given, &[IMMUTABLE])
}

fn set(options: &mut Options, given: Map<String, Value>, known: &[&str]) -> Result<()> {
    for (name, value) in given {
        if !known.contains(&name.as_str()) {
            let shown: String = name.chars().take(64).collect();
            return Err(Error::Invalid(format!("There is no option '{shown}' here; there are: {}.", known.join(", "))));
        }
        match value {
            Value::Bool(value) => {
                options.insert(name, value);
            }
            Value::Null => {
                options.remove(&name);
            }
            _ => {
                return Err(Error::Invalid(format!("The option {name} is true or false; null takes it away.")));
            }
        }
    }
    Ok(())
}

/// Refuses to change an immutable thing, but for the change that ends this and does nothing else.
pub(super) fn check_change(options: &Options, given: &Map<String, Value>, is_alone: bool) -> Result<()> {
    let ends_it = matches!(given.get(IMMUTABLE), Some(Value::Null | Value::Bool(false)));
    if ends_it && is_alone { Ok(()) } else { check_mutable(options) }
}

/// Refuses an immutable thing.
pub(super) fn check_mutable(options: &Options) -> Result<()> {
    if !is_on(options, IMMUTABLE) {
        return Ok(());
    }
    let message = "It is immutable, neither to be changed nor to be deleted: set its option immutable to false first, \
                   in a request of its own.";
    Err(Error::Forbidden(message.into()))
}
