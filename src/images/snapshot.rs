//! Images made of instances, and instances launched from images: what the instances room asks for.

use std::collections::BTreeMap;

use super::{Image, Images, Status, read, record, store_error};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{
        Caller,
        image_policy::{self, ImageAction},
    },
    ids::{ImageId, InstanceId},
    jobs::{Queue, Work},
    model::{
        Step,
        save::{Ending, Saved},
    },
    stores::{Place, Session},
};

/// How far back an image's origin is followed: more generations than anybody looks at.
const MAX_ANCESTORS: usize = 32;

/// What an instance is launched from.
#[derive(Clone, Debug)]
pub struct LaunchSource {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Option<String>,
    /// Its disk. Whoever keeps it there keeps it, also when the image is deleted.
    pub disk: Place,
    /// How large the disk is.
    pub virtual_size_bytes: u64,
    /// The smallest disk it boots on.
    pub min_disk_gib: u64,
    /// The least memory it boots with.
    pub min_ram_mib: u64,
    /// The image's properties.
    pub properties: BTreeMap<String, String>,
}

/// What is cast into an image.
#[derive(Clone, Debug)]
pub struct SnapshotOf {
    /// The instance.
    pub instance_id: InstanceId,
    /// The image it was launched from.
    pub base_image: Option<ImageId>,
    /// The new image's name.
    pub name: String,
    /// Properties that the new image gets: what the caller asked for, and what the base image's guests need.
    pub properties: BTreeMap<String, String>,
    /// How many bytes the file may come to, counted in the project's quota until it is known.
    pub expected_bytes: u64,
    /// The smallest disk it boots on.
    pub min_disk_gib: u64,
    /// The least memory it boots with.
    pub min_ram_mib: u64,
}

/// Where an image comes from.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    /// The image its instance was launched from.
    pub base_image: Option<String>,
    /// The instance it was cast from.
    pub instance: Option<String>,
}

impl Images {
    /// An image, and where it comes from.
    ///
    /// # Errors
    /// `NotFound` when there is none that the caller may see.
    pub async fn lineage(&self, caller: &Caller, id: ImageId) -> Result<(Image, Lineage)> {
        let image = self.allowed(caller, id, ImageAction::Show).await?;
        let mut properties = record::properties_of(&image)?;
        let lineage =
            Lineage { base_image: properties.remove("base_image_ref"), instance: properties.remove("instance_uuid") };
        Ok((image, lineage))
    }

    /// The images that this one goes back to and that the caller sees, the nearest first.
    ///
    /// # Errors
    /// `NotFound` when there is no such image that the caller may see.
    pub async fn ancestors(&self, caller: &Caller, id: ImageId) -> Result<Vec<Image>> {
        let (_, mut lineage) = self.lineage(caller, id).await?;
        let mut found: Vec<Image> = Vec::new();
        while let Some(Ok(base)) = lineage.base_image.as_deref().map(str::parse::<ImageId>) {
            // The property can be written by hand, in a ring too.
            if base == id || found.iter().any(|image| image.id == base) || found.len() == MAX_ANCESTORS {
                break;
            }
            match self.lineage(caller, base).await {
                Ok((image, further)) => {
                    found.push(image);
                    lineage = further;
                }
                // Deleted, or out of the caller's sight: the rest is too.
                Err(Error::NotFound(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// What it takes to launch an instance from an image.
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
            disk: self.0.stores.place(&image.stores, root).await?,
            virtual_size_bytes: size_bytes,
            min_disk_gib: image.min_disk_gib as u64,
            min_ram_mib: image.min_ram_mib as u64,
            properties: record::properties_of(&image)?,
            name: image.name,
        })
    }

    /// Begins an image of a stopped instance: its record, `saving`, and the job that will fill it, in one transaction.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `OverQuota` as for any new image.
    pub async fn begin_snapshot(&self, caller: &Caller, of: SnapshotOf) -> Result<ImageId> {
        image_policy::create_image(caller)
            .or(|| "You may not make images in this project.".into(), || "No such project.".into())?;
        let image = snapshot_image(caller, &of, self.0.sharing)?;
        let job = Queue::row(Work::Snapshot { image: image.id, instance: of.instance_id }, Some(caller))?;
        let expected = i64::try_from(of.expected_bytes).unwrap_or(i64::MAX);
        self.0.db.insert_snapshot(&image, expected, self.0.limits, &job).await?;
        self.0.queue.wake();
        Ok(image.id)
    }

    /// Notes how far the casting is.
    ///
    /// # Errors
    /// `Gone` when the image was deleted meanwhile: stop.
    pub async fn snapshot_progress(&self, id: ImageId, percent: u8) -> Result<()> {
        match self.0.db.snapshot_progress(id, i64::from(percent.min(100))).await? {
            Step::Done => Ok(()),
            Step::Lost => Err(gone(id)),
        }
    }

    /// Makes the image active with this disk. Call the session's `finish` afterwards; again after a crash does no harm.
    ///
    /// # Errors
    /// `Gone` when the image was deleted meanwhile; `OverQuota` when its file is larger than was expected and does
    /// not fit.
    pub async fn finish_snapshot(
        &self,
        caller: &Caller,
        id: ImageId,
        session: &Session,
        disk: chunks::Content,
    ) -> Result<()> {
        let reader = session.store.chunks.reader(disk.root).await.map_err(store_error)?;
        let saved = Saved {
            size_bytes: read::rendering(&reader).await?.size_bytes() as i64,
            disk_bytes: disk.size_bytes as i64,
            disk_root: Some(disk.root.to_string()),
            rendering: Some(read::RENDERING),
            stored_bytes: disk.stored_bytes as i64,
            holds: vec![session.hold()],
            ..Saved::default()
        };
        let checksums = Queue::row(Work::Checksum { image: id }, Some(caller))?;
        match self.0.db.finish_snapshot(id, &saved, self.0.limits, &checksums).await? {
            Ending::Done => {
                self.0.queue.wake();
                self.add_verification(id).await;
                tracing::info!(image.id = %id, bytes = disk.size_bytes, new_bytes = disk.new_bytes, "cast image {id}");
                Ok(())
            }
            Ending::Gone | Ending::Lost => Err(gone(id)),
        }
    }

    /// Gives the casting up: the image is `queued` with the reason. Nothing happens if it is gone.
    pub async fn fail_snapshot(&self, id: ImageId, reason: &str) -> Result<()> {
        tracing::warn!(image.id = %id, "could not cast image {id}: {reason}");
        self.0.db.fail_snapshot(id, reason).await.map(drop)
    }
}

fn gone(id: ImageId) -> Error {
    Error::Gone(format!("image {id} was deleted while it was being made"))
}

fn snapshot_image(caller: &Caller, of: &SnapshotOf, sharing: crate::config::SharingScope) -> Result<Image> {
    let lineage = BTreeMap::from([
        ("image_type", Some("snapshot".to_owned())),
        ("instance_uuid", Some(of.instance_id.to_string())),
        ("base_image_ref", of.base_image.map(|id| id.to_string())),
        ("user_id", Some(caller.user.id.to_string())),
    ]);
    let made = Made {
        name: of.name.clone(),
        properties: of.properties.clone(),
        lineage,
        min_disk_gib: of.min_disk_gib,
        min_ram_mib: of.min_ram_mib,
    };
    made_image(caller, made, sharing)
}

/// An image that a job will fill.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) properties: BTreeMap<String, String>,
    /// The properties that say where it comes from, whatever else they said.
    pub(super) lineage: BTreeMap<&'static str, Option<String>>,
    pub(super) min_disk_gib: u64,
    pub(super) min_ram_mib: u64,
}

/// The record of an image that a job will fill: `saving`, private, the caller's project's.
pub(super) fn made_image(caller: &Caller, made: Made, sharing: crate::config::SharingScope) -> Result<Image> {
    let mut attributes = record::Attributes::new();
    attributes.insert("name".into(), made.name.into());
    attributes.insert("disk_format".into(), "qcow2".into());
    attributes.insert("container_format".into(), "bare".into());
    attributes.insert("min_disk".into(), made.min_disk_gib.into());
    attributes.insert("min_ram".into(), made.min_ram_mib.into());
    let mut image = record::new_image(caller, attributes, sharing, now_ms())?;
    image.status = Status::Saving;
    image.progress = Some(0);
    let mut properties = made.properties;
    properties.retain(|name, _| {
        !record::is_attribute(name) && !name.starts_with("os_glance") && !super::publish::is_own(name)
    });
    for (name, value) in made.lineage {
        match value {
            Some(value) => drop(properties.insert(name.into(), value)),
            None => drop(properties.remove(name)),
        }
    }
    let mut checked = BTreeMap::new();
    for (name, value) in properties {
        record::set_property(&mut checked, &name, value.into())?;
    }
    record::write_properties(&mut image, &checked)?;
    Ok(image)
}
