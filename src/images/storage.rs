//! The room that an image takes in the stores, and the room that deleting it would free.
//!
//! Chunks are shared across projects, and nobody may learn from a figure what another project keeps. So an image is
//! compared with what the caller's project sees anyhow: its own images, public ones, and those shared with it.

use std::collections::BTreeSet;

use chunks::Digest;

use super::{Image, Images, ListImages};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    model::usage::ImagesCounted,
};

/// The most images that are compared: each is a walk of its manifest, a millisecond for a GiB.
const MAX_COMPARED: u32 = 500;

/// The room that an image takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The bytes of its disk and of its file, as they are read.
    pub logical_bytes: u64,
    /// The bytes in all of its stores, compressed and each chunk once a store.
    pub stored_bytes: u64,
    /// The part of them that no other image the caller sees has: what deleting it frees, at most.
    pub unique_bytes: u64,
    /// With how many images it was compared.
    pub compared: usize,
}

/// The contents that an image is compared with.
struct Seen(Vec<Digest>);

#[async_trait::async_trait]
impl chunks::Roots for Seen {
    async fn roots(&self) -> std::result::Result<Vec<Digest>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.clone())
    }
}

impl Images {
    /// How many there are of each status and visibility, of every project.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn census(&self) -> Result<Vec<ImagesCounted>> {
        self.0.db.images_by_status().await
    }

    /// The room that an image takes in the stores, and the part that no other image the caller sees shares.
    ///
    /// # Errors
    /// `NotFound` when there is none that the caller may see; `Forbidden` for callers who may not change it;
    /// `Unavailable` while too many ask for figures.
    pub async fn figures(&self, caller: &Caller, id: ImageId) -> Result<Figures> {
        let image = self.allowed(caller, id, ImageAction::Change).await?;
        let busy =
            || Error::Unavailable("too many figures are being counted at the same time; try again in a moment".into());
        let _turn = self.0.counting.try_acquire().map_err(|_| busy())?;
        let wanted = ListImages { limit: MAX_COMPARED, ..ListImages::default() };
        let mut others = self.list(caller, wanted).await?.images;
        others.retain(|other| other.id != id);
        let mut figures = Figures { compared: others.len(), ..Figures::default() };
        for (nth, store) in self.0.stores.of(&image.stores.0).enumerate() {
            let (mut seen, mut own) = (Vec::new(), Vec::new());
            for other in others.iter().filter(|other| other.stores.0.contains(&store.name)) {
                seen.extend(contents(other)?);
            }
            for root in contents(&image)? {
                own.push(root);
                // File and disk share chunks: what the one has is not counted again for the other.
                let among_own = store.chunks.usage(root, &Seen(own.clone())).await?;
                let among_all = Seen([seen.as_slice(), &own].concat());
                let among_all = store.chunks.usage(root, &among_all).await?;
                // However many stores have it, it is read as one.
                figures.logical_bytes += if nth == 0 { among_own.logical_bytes } else { 0 };
                figures.stored_bytes += among_own.unique_bytes;
                figures.unique_bytes += among_all.unique_bytes;
            }
        }
        Ok(figures)
    }
}

/// The roots of an image's file and disk; for a raw file they are one.
fn contents(image: &Image) -> Result<BTreeSet<Digest>> {
    let roots = [&image.file_root, &image.disk_root].into_iter().flatten();
    roots.map(|root| root.parse().map_err(Error::internal)).collect()
}
