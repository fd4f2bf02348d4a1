//! An image as a launch sees it: its disk, its needs and its origin.

use std::collections::BTreeMap;

use super::{Found, Image, Images, Status, record};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    stores::Place,
};

/// How far back an image's origin is followed: more generations than anybody looks at.
const MAX_ANCESTORS: usize = 32;

/// The image that an instance is launched from.
#[derive(Clone, Debug)]
pub struct LaunchSource {
    pub id: ImageId,
    pub name: Option<String>,
    /// Its disk. An instance's row keeps it there, also when the image is deleted.
    pub disk: Place,
    pub virtual_size_bytes: u64,
    pub min_disk_gib: u64,
    pub min_ram_mib: u64,
    pub properties: BTreeMap<String, String>,
    /// The facts about its disk, as far as they are known by now.
    pub found: Found,
    /// Whether it is a CD (ISO 9660, UDF), and not a disk.
    pub is_cd: bool,
    /// Bytes of the sectors that its partition table counts in, where they are not 512.
    pub sector_bytes: Option<u32>,
}

impl Images {
    /// The images that this one goes back to and that the caller sees, the nearest first.
    ///
    /// # Errors
    /// `NotFound` when there is no such image that the caller may see.
    pub async fn ancestors(&self, caller: &Caller, id: ImageId) -> Result<Vec<Image>> {
        let mut base = base_of(&self.show(caller, id).await?)?;
        let mut found: Vec<Image> = Vec::new();
        while let Some(of) = base {
            // The property can be written by hand, in a ring too.
            if of == id || found.iter().any(|image| image.id == of) || found.len() == MAX_ANCESTORS {
                break;
            }
            match self.show(caller, of).await {
                Ok(image) => {
                    base = base_of(&image)?;
                    found.push(image);
                }
                // Deleted, or out of the caller's sight: the rest is too.
                Err(Error::NotFound(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The disk and the needs of an image, to launch an instance from it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` by the rules; `Invalid` for an image that is not ready or has no bytes.
    pub async fn launchable(&self, caller: &Caller, id: ImageId) -> Result<LaunchSource> {
        let image = self.allowed(caller, id, ImageAction::Launch).await?;
        if !matches!(image.status, Status::Active | Status::Deactivated) {
            return Err(Error::Invalid(format!("Image {id} is not active but {}: wait until it is.", image.status)));
        }
        let size_bytes = image.disk_bytes.unwrap_or_default() as u64;
        let (Some(root), true) = (&image.disk_root, size_bytes > 0) else {
            return Err(Error::Invalid(format!("Image {id} has no bytes, so nothing boots from it.")));
        };
        self.judge_by_todays_rules(&image).await?;
        Ok(LaunchSource {
            id,
            is_cd: image.disk_format.as_deref() == Some("iso"),
            sector_bytes: self.large_sectors(&image, root).await?,
            disk: self.0.stores.place(&image.stores.0, root).await?,
            virtual_size_bytes: size_bytes,
            min_disk_gib: image.min_disk_gib as u64,
            min_ram_mib: image.min_ram_mib as u64,
            properties: record::properties_of(&image)?,
            found: self.found_in(&image).await?,
            name: image.name,
        })
    }
}

/// The sectors of disks that are no longer the usual ones.
const LARGE_SECTOR_BYTES: u32 = 4096;
/// The beginning of the header of a GPT, which is the second sector of its disk.
const GPT: &[u8] = b"EFI PART";

impl Images {
    /// The size of a disk's sectors, where its partition table tells that they are large ones.
    async fn large_sectors(&self, image: &Image, root: &str) -> Result<Option<u32>> {
        let reader = self.reader(image, root).await?;
        let usual = reader.read_at(512, GPT.len()).await?;
        let large = reader.read_at(u64::from(LARGE_SECTOR_BYTES), GPT.len()).await?;
        Ok((usual != GPT && large == GPT).then_some(LARGE_SECTOR_BYTES))
    }
}

/// The image that this one was made from, if its record names one.
fn base_of(image: &Image) -> Result<Option<ImageId>> {
    let base = record::properties_of(image)?.remove("base_image_ref");
    Ok(base.and_then(|id| id.parse().ok()))
}
