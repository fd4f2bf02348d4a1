//! A snapshot that a Nova sends: judged as the capture of an instance of ours is (`instances/capture.rs`).
//!
//! Nova makes the record first and names the base's properties in it, then sends the disk. It deletes an image whose bytes
//! are refused, and shows its user the reason of a 400 only, so a refusal here is `Invalid`.

use super::{
    super::{CHANGE_ATTEMPTS, Image, Images, changed_by_others, not_found, record},
    Session,
};
use crate::{
    error::{Error, Result},
    ids::ImageId,
    inspect::sysprep,
    model::Step,
};

/// Nova also takes snapshots to put the same machine elsewhere, and ends their names so: a shelved instance, and one that
/// moves to another cell. Nobody makes a second machine of them. A backup has another `image_type`, for the same reason.
const SAME_MACHINE: [&str; 2] = ["-shelved", "-resize-temp"];

/// Whether an image is to become the snapshot of an instance, from which others are launched.
pub(super) fn is_one(image: &Image) -> Result<bool> {
    let name = image.name.as_deref().unwrap_or_default();
    let is_snapshot = record::properties_of(image)?.get("image_type").is_some_and(|kind| kind == "snapshot");
    Ok(is_snapshot && !SAME_MACHINE.iter().any(|ending| name.ends_with(ending)))
}

impl Images {
    /// Looks for Windows that is not generalised on a disk that was just stored.
    ///
    /// # Errors
    /// `Invalid` with the finding and the remedy.
    pub(super) async fn gate_snapshot(&self, session: &Session, image: &Image, disk: &chunks::Content) -> Result<()> {
        let reader = session.store.chunks.reader(disk.root).await?;
        let look = self.inspector().look(std::sync::Arc::new(reader), guest::Scope::Windows).await?;
        let properties = record::properties_of(image)?;
        match sysprep::judge(self.inspector().settings().windows, look, &properties).map_err(Error::Invalid)? {
            Some(warning) => self.note_warning(image.id, &warning).await,
            None => Ok(()),
        }
    }

    async fn note_warning(&self, id: ImageId, warning: &str) -> Result<()> {
        self.revise(id, |image| {
            let mut properties = record::properties_of(image)?;
            record::set_property(&mut properties, sysprep::WARNING, warning.into())?;
            record::write_properties(image, &properties)
        })
        .await
    }

    /// Changes the record of an image that is being filled, beside what others change in it.
    ///
    /// # Errors
    /// `NotFound` when it was deleted meanwhile; `Conflict` when others keep changing it.
    pub(super) async fn revise(&self, id: ImageId, change: impl Fn(&mut Image) -> Result<()>) -> Result<()> {
        for _ in 0..CHANGE_ATTEMPTS {
            let Some((mut image, _)) = self.0.db.image(id, None).await? else { return Err(not_found(id)) };
            change(&mut image)?;
            self.apply_hold(&mut image).await?;
            if self.0.db.update_image(&image).await? == Step::Done {
                return Ok(());
            }
        }
        Err(changed_by_others(id))
    }
}
