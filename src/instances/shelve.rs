//! Shelving: an instance leaves its host. It is shut down, its disk becomes an image, and nothing of it is left here but its
//! row; unshelved, it starts on a thin disk over that image's.
//!
//! ```text
//! ACTIVE, PAUSED, SHUTOFF ─ shelve ─► task shelving: one transaction begins the image, the guest shuts down, a job
//!                                     captures the disk ─ one transaction: image active, base new ─► SHELVED_OFFLOADED
//! SHELVED_OFFLOADED ─ unshelve ─► started on a fresh disk over the new base; its image goes ─► ACTIVE
//! ```
//!
//! The row's base is the image's disk from the transaction that makes the image active, so the instance comes back even
//! where somebody has deleted that image.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    Instances, capture,
    driver::Driver,
    labels::Metadata,
    room::Room,
    row::RETRY,
    running::Running,
    start::DISK,
    state::Order,
    types::{Status, TaskState},
};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
    model::{action::History, instance::InstanceState},
};

/// The end of the name of a shelved instance's image (Nova's).
const SUFFIX: &str = "-shelved";
/// How much longer than a guest's time to shut down its image waits: QEMU quits meanwhile.
const SLACK: Duration = Duration::from_secs(60);
/// The pause between two looks whether a guest has shut down.
const LOOK: Duration = Duration::from_millis(250);

impl Instances {
    /// Shuts an instance down, makes an image of it, and gives its disk and its memory back to the host.
    ///
    /// # Errors
    /// `Conflict` when it neither runs nor is paused nor stopped, or was made of a CD; as for every image that is made.
    pub async fn shelve(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        let row = self.0.changeable(caller, id).await?;
        if row.make.machine.as_ref().is_some_and(|machine| machine.cd.is_some()) {
            return Err(Error::Conflict(format!(
                "Cannot 'shelve' instance {id}: it was made of a CD, which would be missing when it comes back. Stop it, or \
                 make an image of it and launch that one."
            )));
        }
        let name = format!("{}{SUFFIX}", row.name);
        capture::begin(&self.0, caller, id, name, Metadata::default(), capture::Why::Shelve).await.map(drop)
    }

    /// Brings a shelved instance back.
    ///
    /// # Errors
    /// `Conflict` when it is not shelved, or does not fit the host now.
    pub async fn unshelve(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Unshelve).await
    }

    /// Waits until the guest of an instance that is being captured has shut down.
    ///
    /// # Errors
    /// `Conflict` when its guest does not shut down long after it should have been switched off; `Unavailable` when the
    /// database is away.
    pub async fn at_rest(&self, caller: &Caller, id: InstanceId, image: ImageId) -> Result<()> {
        let until = Instant::now() + self.0.stop_grace() + SLACK;
        loop {
            let row = self.0.may_use(caller, id).await?;
            let is_captured = row.state.capture == Some(image);
            if !is_captured || row.state.task != Some(TaskState::Shelving) || row.state.status == Status::Shutoff {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Error::Conflict("The guest does not shut down.".into()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Driver {
    /// The image of an instance that is being shelved is begun, or has ended: goes on with what comes next.
    pub(super) async fn go_on_shelving(&mut self) {
        let state = &self.row.state;
        match (state.status, state.task, &self.running) {
            (Status::ShelvedOffloaded, _, _) => self.leave_host().await,
            (_, Some(TaskState::Shelving), Some(Running { monitor: Some((qmp, _)), .. }))
                if state.capture.is_some() =>
            {
                // One that its owner had paused hears no power button. Refused, it runs already.
                let _ = qmp.execute("cont", json!({})).await;
                self.ask_to_shut_down().await;
            }
            (Status::Active, Some(TaskState::Shelving), None) => self.rests_for_shelving().await,
            _ => {}
        }
    }

    /// The guest has shut down; its job sees it by the status.
    pub(super) async fn rests_for_shelving(&mut self) {
        self.room.consoles.end(self.row.id);
        self.export = None;
        let new = InstanceState { status: Status::Shutoff, ..self.row.state.clone() };
        self.settle(new, History::GoesOn).await;
    }

    /// The disk is in an image: its own goes. Where it cannot, the next start of the service tries again.
    pub(super) async fn leave_host(&mut self) {
        let folder = self.folder.clone();
        let left = tokio::task::spawn_blocking(move || folder.discard(DISK)).await;
        if let Err(error) = left.map_err(std::io::Error::other).and_then(|left| left) {
            let id = self.row.id;
            tracing::error!(instance.id = %id, %error, "the disk of instance {id}, which is shelved, cannot be removed");
        }
    }

    /// It could not come back: it stays as it was, and may be asked for again.
    pub(super) async fn stays_shelved(&mut self, why: &str) {
        tracing::error!(instance.id = %self.row.id, "instance {} cannot come back: {why}", self.row.id);
        self.export = None;
        let new = InstanceState { task: None, ..self.row.state.clone() };
        self.settle(new, History::Ends(Some(why))).await;
        self.leave_host().await;
    }

    /// The image of an instance that has come back, or is deleted, goes with it.
    pub(super) async fn drop_shelved_image(&mut self) {
        let Some(image) = self.row.state.shelved else { return };
        let id = self.row.id;
        if let Err(error) = self.room.images.end_shelved(image, id).await {
            tracing::warn!(instance.id = %id, image.id = %image, "the image of shelved instance {id} stays for now: {error}");
            return;
        }
        let new = InstanceState { shelved: None, ..self.row.state.clone() };
        self.settle(new, History::GoesOn).await;
    }
}

impl Driver {
    /// The same, however long the database is away: a deleted instance is not looked after again.
    pub(super) async fn lose_shelved_image(&mut self) {
        while self.row.state.shelved.is_some() {
            self.drop_shelved_image().await;
            if self.row.state.shelved.is_some() {
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Room {
    /// Whether an instance is on this host: a shelved one is nowhere.
    pub(super) fn host_of(&self, state: &InstanceState) -> String {
        if state.status == Status::ShelvedOffloaded { String::new() } else { self.host.clone() }
    }
}
