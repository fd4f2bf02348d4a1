//! The gate before *public*, and where `inspect.share` refuses, before *shared* and *community*.
//!
//! ```text
//! declared ─┬─ an admin's reason ───────────────► in effect
//!           ├─ verified: nothing against it ────► in effect
//!           ├─ no bytes or not verified yet ────► pending ─ verified ─► in effect or held
//!           └─ verified: something against it ──► held (asking for it on such an image: 409)
//! ```
//!
//! Against *public* is a verdict that is not *passed*, against sharing a concern. `visibility` is what was declared;
//! [`Image::public_hold`] is what keeps it from being so. Every road to one of these writes the record with
//! [`Images::apply_hold`]; rules and lists know an image that is held back as a private one.

use super::{Attributes, Change, Image, Images, Status, Visibility, verify};
use crate::{
    config::{PublicRule, Rule},
    error::{Error, Result},
    identity::{Caller, audit::Event, image_policy},
    ids::ImageId,
    model::{event::Outcome, image::PublicHold},
};

/// The property with an admin's reason for a public image that did not pass.
pub(super) const REASON: &str = "effigy_public_reason";
/// The properties in which the service shows the gate's state, and an image's place in its channel; nobody sets them.
const SHOWN: [&str; 7] = [
    "os_effigy_public",
    "os_effigy_public_why",
    "os_effigy_sharing",
    "os_effigy_sharing_why",
    "os_effigy_release",
    "os_effigy_deprecated_at",
    "os_effigy_retired_at",
];

impl Images {
    /// Notes in a record why it is not yet what it is declared to be to others.
    pub(super) async fn apply_hold(&self, image: &mut Image) -> Result<()> {
        (image.public_hold, image.public_why) = match self.hold_of(image).await? {
            Some((hold, why)) => (Some(hold), Some(why)),
            None => (None, None),
        };
        Ok(())
    }

    pub(super) async fn hold_of(&self, image: &Image) -> Result<Option<(PublicHold, String)>> {
        let settings = self.0.inspector.settings();
        let is_free = match image.visibility {
            Visibility::Private => true,
            Visibility::Shared | Visibility::Community => settings.share == Rule::Warn,
            Visibility::Public => settings.public == PublicRule::Record,
        };
        if is_free || verify::override_of(image)?.is_some() {
            return Ok(None);
        }
        if !matches!(image.status, Status::Active | Status::Deactivated) {
            return Ok(Some((PublicHold::Pending, "It has no bytes yet; it is verified once it has.".into())));
        }
        let statement = match self.statement_of(image).await? {
            Ok(statement) => statement,
            Err(why) => return Ok(Some((PublicHold::Pending, why.into()))),
        };
        let against = match image.visibility {
            Visibility::Public => (!Images::passes(&statement)).then(|| statement.predicate.reasons.join(" ")),
            _ => verify::concern_of(&statement),
        };
        Ok(against.map(|why| (PublicHold::Held, why)))
    }

    /// The same for a record that somebody changes: an image that is known to fail is not even declared public, nor, where
    /// that is refused, shared.
    ///
    /// # Errors
    /// `Conflict` with the findings.
    pub(super) async fn gate_change(&self, before: &Image, image: &mut Image) -> Result<()> {
        self.apply_hold(image).await?;
        if before.visibility == image.visibility { Ok(()) } else { refuse_held(image) }
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
                outcome: Outcome::Success,
                status: 200,
                reason: Some(reason.unwrap_or_else(|| "the reason was withdrawn".into())),
                ..Event::default()
            })
            .await
    }
}

/// Refuses to declare an image to be what it is known not to become.
pub(super) fn refuse_held(image: &Image) -> Result<()> {
    let (Some(PublicHold::Held), Some(why)) = (image.public_hold, &image.public_why) else { return Ok(()) };
    let remedy = format!("Clean a copy of it, or let an administrator give a reason in the property {REASON}.");
    Err(Error::Conflict(match image.visibility {
        Visibility::Public => {
            format!("Image {} did not pass its verification and is not made public: {why} {remedy}", image.id)
        }
        _ => format!("{why} This deployment does not share such an image. {remedy}"),
    }))
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
