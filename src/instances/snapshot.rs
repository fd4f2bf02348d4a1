//! Casting a stopped instance into an image: the room's side. The work is a job ([`crate::jobs::snapshot`]).
//!
//! ```text
//! SHUTOFF ─ order ─► task image_snapshot ─ images: record + job ─► noted in the row ─ job ─► task none
//! ```
//!
//! From the order to the end of the job the instance cannot be started, so the disk that is read never changes. Where
//! a crash comes between two of these steps, whoever comes next goes on or undoes: [`super::adopt`] for the instance,
//! the job for the image.

use std::{collections::BTreeMap, fs::File, sync::Arc};

use super::{Instances, action, driver::Message, labels, room::Room, state::Order, windows};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
    images::SnapshotOf,
    stores::Place,
};

/// A disk at rest, ready to be cast.
pub struct Captured {
    /// What changed, as a qcow2 overlay of our own making.
    pub overlay: File,
    /// What it lies over.
    pub base: Place,
    /// The size of the disk.
    pub disk_bytes: u64,
}

impl Instances {
    /// The disk of an instance that `image` is being made of; takes the capture up again after a crash.
    ///
    /// # Errors
    /// `NotFound` when the instance is gone; `Conflict` when it was started or changed since, or this service runs no
    /// instances.
    pub async fn captured(&self, caller: &Caller, id: InstanceId, image: ImageId) -> Result<Captured> {
        let row = self.readable(caller, id).await?;
        if !self.are_enabled() {
            // Without its driver nobody keeps the instance from being changed meanwhile.
            return Err(Error::Conflict("This service runs no instances any more (instances.enabled).".into()));
        }
        self.0.ask(id, |reply| Message::TakeUpCapture { image, reply }).await?;
        let path = self.0.folder_of(id).join("disk.qcow2");
        Ok(Captured {
            overlay: File::open(path).map_err(Error::internal)?,
            base: Place::of(&row.make.base_store, &row.make.base_root)?,
            disk_bytes: row.make.disk_bytes,
        })
    }

    /// Ends the capture: the instance can be started again. Nothing happens if it is gone.
    pub async fn end_capture(&self, caller: &Caller, id: InstanceId, failure: Option<&str>) -> Result<()> {
        match self.readable(caller, id).await {
            Err(Error::NotFound(_)) => return Ok(()),
            other => other?,
        };
        match self.0.ask(id, |reply| Message::CaptureEnded { failure: failure.map(str::to_owned), reply }).await {
            Err(Error::NotFound(_)) => Ok(()),
            other => other,
        }
    }
}

/// Begins a capture, as the door says.
pub(super) async fn begin(
    room: Arc<Room>,
    caller: Caller,
    id: InstanceId,
    name: String,
    metadata: BTreeMap<String, String>,
) -> Result<ImageId> {
    let row = room.changeable(&caller, id).await?;
    labels::check_metadata(&metadata)?;
    let action = action(&caller, &row, Order::Capture.action());
    room.ask(id, |reply| Message::Order { order: Order::Capture, action, reply }).await?;
    let warning = match windows::gate(&room, &row, &metadata).await {
        Ok(warning) => warning,
        Err(refused) => {
            let failure = Some(refused.to_string());
            room.ask(id, |reply| Message::CaptureEnded { failure, reply }).await?;
            return Err(refused);
        }
    };
    let mut properties = row.make.hardware.clone();
    properties.extend(metadata);
    properties.extend(warning.map(|warning| (windows::WARNING.to_owned(), warning)));
    let flavor: super::Flavor = serde_json::from_str(&row.make.flavor).map_err(Error::internal)?;
    let of = SnapshotOf {
        instance_id: id,
        base_image: Some(row.make.image),
        name,
        properties,
        expected_bytes: row.make.disk_bytes,
        min_disk_gib: flavor.disk_gib,
        min_ram_mib: 0,
    };
    let begun = room.images.begin_snapshot(&caller, of).await;
    let told = match &begun {
        Ok(image) => room.ask(id, |reply| Message::CaptureMakes { image: *image, reply }).await,
        Err(error) => {
            let failure = Some(error.to_string());
            room.ask(id, |reply| Message::CaptureEnded { failure, reply }).await
        }
    };
    // The job notes it again, or finds the instance gone: what was begun is begun.
    if let Err(error) = told {
        tracing::warn!(instance.id = %id, "the capture of instance {id} could not be noted: {error}");
    }
    begun
}
