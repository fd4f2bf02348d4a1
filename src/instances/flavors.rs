//! Flavors: the sizes of instances.
//!
//! A flavor never changes its size: an instance keeps a copy of the one it was made with, and a new size is a
//! new flavor. Only the description, the extra specs and who sees it change.

use std::collections::BTreeMap;

use crate::{
    db::Database,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::ProjectId,
};

pub use crate::model::flavor::{Flavor, FlavorsSeen};

/// The longest id, name and value of a flavor's words (Nova's columns).
const TEXT_CHARS: usize = 255;
/// The largest number of a flavor (Nova's integer columns).
const LARGEST: u64 = 0x7fff_ffff;
/// Extra specs of one flavor.
const EXTRA_SPECS: usize = 128;

/// The flavors. Cheap to clone.
#[derive(Clone)]
pub struct Flavors {
    db: Database,
}

impl Flavors {
    /// Opens the flavors.
    pub fn new(db: Database) -> Flavors {
        Flavors { db }
    }

    /// The flavors the caller sees; `is_public` narrows them for the admin, `None` being all, and means nothing
    /// to anyone else.
    pub async fn list(&self, caller: &Caller, is_public: Option<bool>) -> Result<Vec<Flavor>> {
        self.db.flavors(policy::list_flavors(caller, is_public)?).await
    }

    /// The flavor of this id, if the caller sees it.
    pub async fn show(&self, caller: &Caller, id: &str) -> Result<Flavor> {
        policy::see_flavors(caller)?;
        let flavor = self.db.flavor(id).await?.ok_or_else(|| no_such_flavor(id))?;
        if flavor.is_public {
            return Ok(flavor);
        }
        let access = self.db.flavor_access(id).await?;
        if policy::see_private_flavor(caller, &access) { Ok(flavor) } else { Err(no_such_flavor(id)) }
    }

    /// Makes a flavor.
    ///
    /// # Errors
    /// `Conflict` when its id or name is taken, `Invalid` when a value is out of range.
    pub async fn create(&self, caller: &Caller, flavor: Flavor) -> Result<Flavor> {
        policy::write_flavors(caller)?;
        check(&flavor)?;
        self.db.add_flavor(&flavor).await?;
        Ok(flavor)
    }

    /// Changes the description.
    pub async fn describe(&self, caller: &Caller, id: &str, description: Option<&str>) -> Result<Flavor> {
        policy::write_flavors(caller)?;
        if !self.db.describe_flavor(id, description).await? {
            return Err(no_such_flavor(id));
        }
        self.show(caller, id).await
    }

    /// Deletes a flavor; instances made with it go on.
    pub async fn delete(&self, caller: &Caller, id: &str) -> Result<()> {
        policy::write_flavors(caller)?;
        if self.db.delete_flavor(id).await? { Ok(()) } else { Err(no_such_flavor(id)) }
    }

    /// Sets extra specs, keeping the others.
    pub async fn set_extra_specs(
        &self,
        caller: &Caller,
        id: &str,
        specs: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        policy::write_flavors(caller)?;
        check_specs(&specs)?;
        let all = self.db.change_extra_specs(id, |held| {
            held.extend(specs);
            check_specs(held)
        });
        all.await?.ok_or_else(|| no_such_flavor(id))
    }

    /// Deletes one extra spec.
    pub async fn delete_extra_spec(&self, caller: &Caller, id: &str, key: &str) -> Result<()> {
        policy::write_flavors(caller)?;
        let left = self.db.change_extra_specs(id, |held| match held.remove(key) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(format!("Flavor {id} has no extra specs with key {key}."))),
        });
        left.await?.map(drop).ok_or_else(|| no_such_flavor(id))
    }

    /// The projects that see a flavor which is not public.
    pub async fn access(&self, caller: &Caller, id: &str) -> Result<Vec<ProjectId>> {
        policy::write_flavors(caller)?;
        if self.show(caller, id).await?.is_public {
            return Err(Error::NotFound("Access list not available for public flavors.".into()));
        }
        self.db.flavor_access(id).await
    }

    /// Lets a project see a flavor that is not public.
    pub async fn add_access(&self, caller: &Caller, id: &str, project: ProjectId) -> Result<Vec<ProjectId>> {
        policy::write_flavors(caller)?;
        if self.show(caller, id).await?.is_public {
            return Err(Error::Conflict("Cannot add access to a public flavor: every project sees it.".into()));
        }
        if !self.db.add_flavor_access(id, project).await? {
            return Err(Error::Conflict(format!(
                "Flavor access already exists for flavor {id} and project {project}."
            )));
        }
        self.db.flavor_access(id).await
    }

    /// Ends a project's sight of a flavor.
    pub async fn remove_access(&self, caller: &Caller, id: &str, project: ProjectId) -> Result<Vec<ProjectId>> {
        policy::write_flavors(caller)?;
        if self.show(caller, id).await?.is_public {
            return Err(Error::Conflict("Cannot remove access from a public flavor: every project sees it.".into()));
        }
        if !self.db.remove_flavor_access(id, project).await? {
            return Err(Error::NotFound(format!("Flavor access not found for flavor {id} and project {project}.")));
        }
        self.db.flavor_access(id).await
    }
}

/// The words for a flavor that is not there, or that the caller may not know of.
pub fn no_such_flavor(id: &str) -> Error {
    Error::NotFound(format!("Flavor {id} could not be found."))
}

fn check(flavor: &Flavor) -> Result<()> {
    check_text("id", &flavor.id)?;
    check_text("name", &flavor.name)?;
    check_number("vcpus", u64::from(flavor.vcpus), 1)?;
    check_number("ram", flavor.memory_mib, 1)?;
    check_number("disk", flavor.disk_gib, 0)?;
    check_number("OS-FLV-EXT-DATA:ephemeral", flavor.ephemeral_gib, 0)?;
    check_number("swap", flavor.swap_mib, 0)?;
    if !flavor.rxtx_factor.is_finite() || flavor.rxtx_factor <= 0.0 {
        return Err(Error::Invalid("rxtx_factor must be a number above 0.".into()));
    }
    check_specs(&flavor.extra_specs)
}

fn check_text(field: &str, text: &str) -> Result<()> {
    let fits = !text.is_empty() && text.chars().count() <= TEXT_CHARS;
    if fits && text.trim() == text && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{field} must be 1 to {TEXT_CHARS} printable characters without a blank at either end."
    )))
}

fn check_number(field: &str, number: u64, least: u64) -> Result<()> {
    if (least..=LARGEST).contains(&number) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{field} must be a whole number from {least} to {LARGEST}.")))
}

fn check_specs(specs: &BTreeMap<String, String>) -> Result<()> {
    if specs.len() > EXTRA_SPECS {
        return Err(Error::Invalid(format!("A flavor can have at most {EXTRA_SPECS} extra specs.")));
    }
    for (key, value) in specs {
        // Nova: `nova/api/openstack/compute/schemas/flavors_extraspecs.py`, the pattern of a key.
        let plain = |c: char| c.is_ascii_alphanumeric() || " -_:.".contains(c);
        if key.is_empty() || key.len() > TEXT_CHARS || !key.chars().all(plain) {
            return Err(Error::Invalid(format!(
                "'{key}' is not a valid key of an extra spec: a key has 1 to {TEXT_CHARS} letters, digits, blanks and -_:."
            )));
        }
        if value.chars().count() > TEXT_CHARS {
            return Err(Error::Invalid(format!("The extra spec '{key}' is longer than {TEXT_CHARS} characters.")));
        }
    }
    Ok(())
}
