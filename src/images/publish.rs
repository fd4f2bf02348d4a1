//! The gate before *public*.
//!
//! ```text
//! declared public ─┬─ an admin's reason ──────────────► public in effect
//!                  ├─ verified: passed ───────────────► public in effect
//!                  ├─ no bytes or not verified yet ───► pending ─ verified ─► public or held
//!                  └─ verified: failed ───────────────► held (asking for it on such an image: 409)
//! ```
//!
//! `visibility` is what was declared; [`Image::public_hold`] is what keeps it from being so. Every road to *public*
//! writes the record with [`Images::apply_hold`]; rules and lists know an image that is held back as a private one.

use super::{Attributes, Change, Image, Images, Status, Visibility, verify};
use crate::{
    config::PublicRule,
    error::{Error, Result},
    identity::{Caller, audit::Event, image_policy},
    ids::ImageId,
    model::image::PublicHold,
};

/// The property with an admin's reason for a public image that did not pass.
pub(super) const REASON: &str = "effigy_public_reason";
/// The properties in which the service shows the gate's state; nobody sets them.
const SHOWN: [&str; 2] = ["effigy_public", "effigy_public_why"];

impl Images {
    /// Notes in a record why it is not public, if it is declared public.
    pub(super) async fn apply_hold(&self, image: &mut Image) -> Result<()> {
        (image.public_hold, image.public_why) = match self.hold_of(image).await? {
            Some((hold, why)) => (Some(hold), Some(why)),
            None => (None, None),
        };
        Ok(())
    }

    async fn hold_of(&self, image: &Image) -> Result<Option<(PublicHold, String)>> {
        let is_free = image.visibility != Visibility::Public
            || self.0.inspector.settings().public == PublicRule::Record
            || verify::override_of(image)?.is_some();
        if is_free {
            return Ok(None);
        }
        if !matches!(image.status, Status::Active | Status::Deactivated) {
            return Ok(Some((PublicHold::Pending, "It has no bytes yet; it is verified once it has.".into())));
        }
        Ok(match self.statement_of(image).await? {
            Ok(statement) if Images::passes(&statement) => None,
            Ok(statement) => Some((PublicHold::Held, statement.predicate.reasons.join(" "))),
            Err(why) => Some((PublicHold::Pending, why.into())),
        })
    }

    /// The same for a record that somebody changes: an image that is known to fail is not even declared public.
    ///
    /// # Errors
    /// `Conflict` with the findings.
    pub(super) async fn gate_change(&self, before: &Image, image: &mut Image) -> Result<()> {
        self.apply_hold(image).await?;
        let is_asked_for = before.visibility != Visibility::Public && image.visibility == Visibility::Public;
        match (&image.public_hold, &image.public_why) {
            (Some(hold), Some(why)) if is_asked_for && *hold == PublicHold::Held => Err(Error::Conflict(format!(
                "Image {} did not pass its verification and is not made public: {why} Clean a copy of it, or give a \
                 reason in the property {REASON}.",
                image.id
            ))),
            _ => Ok(()),
        }
    }

    /// Records that an admin lets an image be public for a reason. Before the change it is about.
    pub(super) async fn record_override(
        &self,
        caller: &Caller,
        id: ImageId,
        before: Option<&Image>,
        image: &Image,
    ) -> Result<()> {
        let was = before.map(verify::override_of).transpose()?.flatten();
        let reason = verify::override_of(image)?;
        if reason == was || image.visibility != Visibility::Public && reason.is_none() {
            return Ok(());
        }
        self.0
            .identity
            .record(Event {
                request_id: caller.request_id.clone(),
                user_id: Some(caller.user.id.to_string()),
                user_name: Some(caller.user.name.clone()),
                project_id: caller.project.as_ref().map(|project| project.id.to_string()),
                project_name: caller.project.as_ref().map(|project| project.name.clone()),
                action: "image.public_override".into(),
                target_id: Some(id.to_string()),
                outcome: "success".into(),
                status: 200,
                reason: Some(reason.unwrap_or_else(|| "the reason was withdrawn".into())),
                ..Event::default()
            })
            .await
    }
}

/// Refuses what only an admin, or nobody, may say about being public.
pub(super) fn check_attributes(caller: &Caller, attributes: &Attributes) -> Result<()> {
    attributes.keys().try_for_each(|name| check_name(caller, name))
}

/// The same for changes.
pub(super) fn check_changes(caller: &Caller, changes: &[Change]) -> Result<()> {
    changes.iter().try_for_each(|change| {
        let (Change::Add(name, _) | Change::Replace(name, _) | Change::Remove(name)) = change;
        check_name(caller, name)
    })
}

/// Whether a name is the gate's own.
pub(super) fn is_own(name: &str) -> bool {
    name == REASON || SHOWN.contains(&name)
}

fn check_name(caller: &Caller, name: &str) -> Result<()> {
    if SHOWN.contains(&name) {
        return Err(Error::Forbidden(format!("Attribute '{name}' is read-only.")));
    }
    if name == REASON { image_policy::override_verification(caller) } else { Ok(()) }
}
