//! The things that rest on an image: to know before it is deleted.
//!
//! It is for those who may change the image. Of other projects only numbers are told, as with channels, and the bytes that
//! deleting it frees are those of [`super::storage`]: compared with what the caller sees, so they tell nobody's chunks.

use super::{Image, Images, channels};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    model::{
        fill::FillKind,
        reference::{Broken, ReleasedIn, Resting, RestingImage, RestingInstance},
        share::Share,
    },
};

/// Things of a kind that are named.
const MAX_NAMED: u32 = 100;

/// The things that rest on an image.
#[derive(Clone, Debug)]
pub struct References {
    pub image: Image,
    pub instances: Resting<RestingInstance>,
    pub made: Resting<RestingImage>,
    pub release: Option<ReleasedIn>,
    pub shares: Vec<Share>,
    /// The road on which it gets bytes, or is copied to further stores.
    pub work: Option<FillKind>,
    /// Why deleting it is refused.
    pub refused: Option<String>,
    pub breaks: Vec<Broken>,
    /// The bytes that deleting it frees, at most; `None` where nobody counts them now.
    pub frees_bytes: Option<u64>,
}

impl Images {
    /// The things that rest on an image.
    ///
    /// # Errors
    /// `NotFound` when there is none that the caller may see; `Forbidden` for callers who may not change it.
    pub async fn references(&self, caller: &Caller, id: ImageId) -> Result<References> {
        let image = self.allowed(caller, id, ImageAction::Change).await?;
        let project = caller.project.as_ref().map(|project| project.id);
        let instances = self.0.db.instances_from(id, project, MAX_NAMED).await?;
        let made = self.0.db.images_from(id, project, MAX_NAMED).await?;
        let release = self.release_of(&image).await?;
        let shares =
            if self.check_sharing().is_ok() { self.shares_of(caller, &image, None).await? } else { Vec::new() };
        let work = self.0.db.fill_of(id).await?;
        let breaks = [
            (Broken::Rebuilds, instances.own_count + instances.elsewhere > 0),
            (Broken::Shares, !shares.is_empty()),
            (Broken::Release, release.is_some()),
            (Broken::Work, work.is_some()),
        ];
        let frees_bytes = match self.figures(caller, id).await {
            Ok(figures) => Some(figures.unique_bytes),
            Err(error @ (Error::NotFound(_) | Error::Forbidden(_))) => return Err(error),
            // Busy, or broken: the rest is asked for all the more.
            Err(error) => {
                tracing::warn!(image.id = %id, "the bytes of image {id} are not counted: {error}");
                None
            }
        };
        let refused = match check_deletable(&image) {
            Ok(()) => None,
            Err(Error::Forbidden(why) | Error::Conflict(why)) => Some(why),
            Err(error) => return Err(error),
        };
        let breaks = breaks.into_iter().filter_map(|(broken, is_so)| is_so.then_some(broken)).collect();
        Ok(References { image, instances, made, release, shares, work, refused, breaks, frees_bytes })
    }

    async fn release_of(&self, image: &Image) -> Result<Option<ReleasedIn>> {
        let (Some(channel), Some(number)) = (image.channel_id, image.release_number) else { return Ok(None) };
        let name = self.0.db.channel_name(channel).await?;
        Ok(name.map(|name| ReleasedIn { channel, name, number, is_current: image.is_current_release() }))
    }
}

/// Refuses to delete an image that is protected, or that its channel stands on.
pub(super) fn check_deletable(image: &Image) -> Result<()> {
    if image.protected {
        return Err(Error::Forbidden(format!(
            "Image {} is protected and cannot be deleted: set protected to false first.",
            image.id
        )));
    }
    channels::check_deletion(image)
}
