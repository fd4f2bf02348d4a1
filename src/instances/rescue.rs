//! Rescuing: an instance runs another system for a while, with its own disk beside that one's.
//!
//! ```text
//! ACTIVE, SHUTOFF, ERROR ─ rescue ─► shut down, started from a fresh disk of the rescue image ─► RESCUE
//! RESCUE ─ unrescue ─► shut down, started from its own disk again ─► ACTIVE
//! ```
//!
//! The row names the rescue system from the order until the process that runs it has ended: so no QEMU is ever handed the
//! base of the other disk, and a sweep keeps both.

use super::{
    Instances,
    driver::Driver,
    folder::Folder,
    hardware, launch,
    remake::Remake,
    room::Room,
    state::Order,
    types::{Status, TaskState},
};
use crate::{
    error::Result,
    identity::Caller,
    ids::{ImageId, InstanceId},
    images::LaunchSource,
    model::{
        action::History,
        instance::{InstanceRow, InstanceState, Rescue},
    },
};

/// The disk of the rescue system in an instance's folder, and the variables of its firmware.
pub(super) const RESCUE_DISK: &str = "rescue.qcow2";
pub(super) const RESCUE_VARIABLES: &str = "rescue.vars";
/// The socket of the base of the instance's own disk while it is rescued.
pub(super) const OWN_BASE: &str = "own.sock";

impl Instances {
    /// Runs an instance from a fresh disk of `image`, or of the image it was made of, with its own disk as the second one.
    ///
    /// # Errors
    /// As [`Instances::create`] for the image; `Conflict` when it is neither running nor stopped nor failed.
    pub async fn rescue(&self, caller: &Caller, id: InstanceId, image: Option<ImageId>) -> Result<()> {
        let room = &self.0;
        let row = room.changeable(caller, id).await?;
        let source = match image {
            Some(image) => {
                Some(Box::new(room.images.launchable(caller, image).await.map_err(launch::named_in_the_request)?))
            }
            None => None,
        };
        room.remake(caller, &row, Remake::Rescue(source)).await
    }

    /// Runs a rescued instance from its own disk again.
    ///
    /// # Errors
    /// `Conflict` when it is not rescued.
    pub async fn unrescue(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Unrescue).await
    }
}

/// Has the row say that it is rescued with the disk of `source`, or of its own image.
pub(super) fn rescue(room: &Room, row: &mut InstanceRow, source: Option<&LaunchSource>) -> Result<()> {
    let own = &row.make;
    let made = source.map(|source| launch::make(room, source, &own.flavor)).transpose()?;
    let made = made.as_ref().unwrap_or(own);
    row.state.rescue = Some(Box::new(Rescue {
        base_root: made.base_root.clone(),
        base_store: made.base_store.clone(),
        disk_bytes: made.disk_bytes,
        machine: made.machine.clone().unwrap_or_else(|| hardware::as_before(&made.hardware)),
        runs: true,
    }));
    (row.state.task, row.state.fault) = (Some(TaskState::Rescuing), None);
    Ok(())
}

impl Driver {
    /// The rescue system has ended: its disk goes, and the instance starts from its own.
    pub(super) async fn end_rescue(&mut self) {
        let new = InstanceState { rescue: None, status: Status::Active, ..self.row.state.clone() };
        self.settle(new, History::GoesOn).await;
        self.begin_start().await;
    }
}

/// Lays a fresh disk out for the rescue system, or removes one that is no longer needed.
pub(super) fn lay_out(folder: &Folder, rescue: Option<&Rescue>, template: Option<&[u8]>) -> std::io::Result<()> {
    for name in [RESCUE_DISK, RESCUE_VARIABLES] {
        folder.forget(name)?;
    }
    let Some(rescue) = rescue else { return Ok(()) };
    if let Some(variables) = template {
        folder.write_for_qemu(RESCUE_VARIABLES, variables)?;
    }
    folder.write_for_qemu(RESCUE_DISK, &disks::qcow2::create_overlay(rescue.disk_bytes))
}
