//! Capturing a stopped instance into an image: the room's side. The work is a job ([`crate::jobs`]).
//!
//! ```text
//! SHUTOFF ─ order ─► task image_snapshot ─ one transaction: record, job, noted here ─ job ─ one transaction: image
//!                                                                            active, task none ─► SHUTOFF
//! ```
//!
//! From the order to the end of the job the instance cannot be started, so the disk that is read never changes. The
//! driver decides both states and waits while the transaction writes them: no order is looked at in between, so a
//! client that sees the image active finds the instance free.

use tokio::sync::oneshot;

use super::{
    Instances, action,
    driver::{Driver, Message},
    labels::Metadata,
    room::Room,
    state::Order,
    types::{Status, TaskState},
};
use crate::{
    config::Rule,
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
    images::{Backup, CaptureOf, Changed, Fill, Filled},
    inspect::sysprep,
    model::{
        action::History,
        instance::{InstanceRow, InstanceState, StateChange},
    },
    stores::Place,
};

/// A step of a capture, written in one transaction with the same step of the image.
#[derive(Clone, Debug)]
pub(super) enum CaptureStep {
    /// The image is begun.
    Begins,
    /// The image is active, or has failed for this reason.
    Ends(Option<String>),
}

/// The driver waits with what it decided, until this is dropped; then it reads what was written.
pub(super) struct Turn {
    /// The change to write; `None` when the step no longer concerns the instance.
    pub(super) change: Option<StateChange>,
    pub(super) _waits: oneshot::Sender<()>,
}

impl CaptureStep {
    /// The state after this step of the capture into `image`.
    pub(super) fn from(&self, state: &InstanceState, image: ImageId) -> Option<InstanceState> {
        let mut new = state.clone();
        match (self, state.task, state.capture) {
            (CaptureStep::Begins, Some(TaskState::ImageSnapshot | TaskState::Shelving), None) => {
                new.capture = Some(image);
                if new.status == Status::Paused {
                    // It is let go on, to shut down.
                    new.status = Status::Active;
                }
            }
            (CaptureStep::Ends(_), Some(TaskState::ImageSnapshot), Some(noted)) if noted == image => {
                (new.task, new.capture) = (None, None);
            }
            (CaptureStep::Ends(failure), Some(TaskState::Shelving), Some(noted)) if noted == image => {
                (new.task, new.capture) = (None, None);
                if failure.is_none() {
                    // Its base becomes the image's disk in the same transaction, and nothing ran from that yet.
                    (new.status, new.shelved, new.launched_ms) = (Status::ShelvedOffloaded, Some(image), None);
                    new.fault = None;
                }
            }
            // It is being deleted, or this was written before.
            _ => return None,
        }
        Some(new)
    }
}

impl Instances {
    /// The disk of an instance that is being captured into `image`.
    ///
    /// # Errors
    /// `NotFound` when the instance is gone; `Conflict` when it is not being captured into that image.
    pub async fn captured(&self, caller: &Caller, id: InstanceId, image: ImageId) -> Result<Changed> {
        let row = self.0.may_use(caller, id).await?;
        // Nobody can start it while the row says so.
        let rests = match row.state.task {
            Some(TaskState::ImageSnapshot) => true,
            Some(TaskState::Shelving) => row.state.status == Status::Shutoff,
            _ => false,
        };
        if !rests || row.state.capture != Some(image) {
            return Err(Error::Conflict(format!(
                "Instance {id} was started or changed before its image was made; stop it and create the image again."
            )));
        }
        Ok(Changed { overlay: self.0.disk_of(id)?, base: base_of(&row)?, disk_bytes: row.make.disk_bytes })
    }

    /// Makes the image active, and the instance free in the same moment.
    ///
    /// # Errors
    /// As [`Fill::finish`].
    pub async fn finish_capture(&self, id: InstanceId, image: ImageId, fill: &mut Fill, filled: Filled) -> Result<()> {
        let turn = self.0.capture_turn(id, image, CaptureStep::Ends(None)).await?;
        fill.finish(filled, turn.as_ref().and_then(|turn| turn.change.as_ref())).await
    }

    /// Fails the image, and frees the instance in the same moment.
    pub async fn fail_capture(&self, id: InstanceId, image: ImageId, fill: Fill, error: &Error) {
        let turn = self.0.capture_turn(id, image, CaptureStep::Ends(Some(error.to_string()))).await;
        let turn = turn.unwrap_or_default();
        fill.fail(error, turn.as_ref().and_then(|turn| turn.change.as_ref())).await;
    }

    /// Frees an instance whose image is gone. Nothing happens if it is free or gone itself.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn end_capture(&self, id: InstanceId, image: ImageId, why: &str) -> Result<()> {
        let turn = self.0.capture_turn(id, image, CaptureStep::Ends(Some(why.to_owned()))).await?;
        match turn.as_ref().and_then(|turn| turn.change.as_ref()) {
            Some(change) => self.0.db.change_instance_state(change).await,
            None => Ok(()),
        }
    }
}

/// The disk under an instance's own; `None` where the image is a CD beside it.
fn base_of(row: &InstanceRow) -> Result<Option<Place>> {
    let has_cd = row.make.machine.as_ref().is_some_and(|machine| machine.cd.is_some());
    (!has_cd).then(|| Place::of(&row.make.base_store, &row.make.base_root)).transpose()
}

impl Driver {
    /// Decides a step of a capture, and waits until the transaction that writes it has ended. Until then the state is
    /// neither the old one nor the new one, so no other message is looked at.
    pub(super) async fn take_turn(&mut self, image: ImageId, step: &CaptureStep, reply: oneshot::Sender<Result<Turn>>) {
        let (waits, written) = oneshot::channel();
        let change = step.from(&self.row.state, image).map(|new| StateChange {
            id: self.row.id,
            old: self.row.state.clone(),
            new,
            ends: match step {
                CaptureStep::Begins => None,
                CaptureStep::Ends(failure) => Some(failure.clone()),
            },
        });
        let is_change = change.is_some();
        if reply.send(Ok(Turn { change, _waits: waits })).is_err() || !is_change {
            return;
        }
        // It ends when the turn is dropped, also by a panic; the row tells whether it was written.
        let _ = written.await;
        self.read_again().await;
        self.go_on_shelving().await;
    }

    pub(super) async fn is_being_filled(&self, image: ImageId) -> Result<bool> {
        self.room.db.is_being_filled(image).await
    }

    /// Frees an instance that was ordered to be captured and of which no image is made.
    pub(super) async fn capture_undone(&mut self, failure: &str) -> Result<()> {
        if matches!(self.row.state.task, Some(TaskState::ImageSnapshot | TaskState::Shelving)) {
            let mut new = self.row.state.clone();
            (new.task, new.capture) = (None, None);
            self.write_with(new, History::Ends(Some(failure))).await?;
        }
        Ok(())
    }
}

impl Room {
    /// Has the driver wait with this step; `None` when the instance is gone.
    async fn capture_turn(&self, id: InstanceId, image: ImageId, step: CaptureStep) -> Result<Option<Turn>> {
        match self.ask(id, |reply| Message::Capture { image, step, reply }).await {
            Ok(turn) => Ok(Some(turn)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Frees an instance of which no image was begun.
    async fn undo_capture(&self, id: InstanceId, why: &Error) {
        let failure = why.to_string();
        if let Err(error) = self.ask(id, |reply| Message::CaptureUndone { failure, reply }).await {
            tracing::warn!(instance.id = %id, "the capture of instance {id} could not be undone: {error}");
        }
    }
}

/// The properties that tell of which flavor the instance was, by name and by memory in MiB: an image of it boots where
/// that much is, and nobody knows of how much less. (`min_ram` would forbid less: it is what the image said it needs.)
const FLAVOR: &str = "effigy_flavor";
const FLAVOR_RAM: &str = "effigy_flavor_ram";

/// The reason to capture an instance.
pub(super) enum Why {
    /// Its owner wants an image.
    Image,
    /// The same machine may be wanted again, as it was.
    Backup(Backup),
    /// It leaves its host.
    Shelve,
}

/// Begins a capture, as the door says.
pub(super) async fn begin(
    room: &Room,
    caller: &Caller,
    id: InstanceId,
    name: String,
    metadata: Metadata,
    why: Why,
) -> Result<ImageId> {
    let row = room.changeable(caller, id).await?;
    let order = if matches!(why, Why::Shelve) { Order::Shelve } else { Order::Capture };
    let action = action(caller, &row, if matches!(why, Why::Backup(_)) { "createBackup" } else { order.action() });
    room.ask(id, |reply| Message::Order { order, action: Box::new(action), reply }).await?;
    // A rebuild or a resize may have come before the order.
    let row = room.db.instance(id).await?.unwrap_or(row);
    let begun = async {
        let rule = match why {
            Why::Image => Some(room.images.inspector().settings().windows),
            // It is for the same machine again; the warning tells who would make a second one of it.
            Why::Backup(_) => Some(Rule::Warn),
            // As above, and it may still run.
            Why::Shelve => None,
        };
        let warning = match rule {
            Some(rule) => {
                let look = look_for_windows(room, &row).await?;
                sysprep::judge(rule, look, metadata.pairs()).map_err(Error::Conflict)?
            }
            None => None,
        };
        let inherited = &row.make.inherited;
        let mut properties = inherited.properties.clone();
        properties.extend(row.make.hardware.clone());
        let flavor = &row.make.flavor;
        properties.insert(FLAVOR.to_owned(), flavor.name.clone());
        properties.insert(FLAVOR_RAM.to_owned(), row.make.memory_mib.to_string());
        properties.extend(metadata.0);
        properties.extend(warning.map(|warning| (sysprep::WARNING.to_owned(), warning)));
        let image = ImageId::new();
        let of = CaptureOf {
            image,
            owner: row.project_id,
            instance: id,
            base_image: Some(row.make.image),
            name,
            properties,
            expected_bytes: row.make.disk_bytes,
            min_disk_gib: row.make.flavor.disk_gib.max(inherited.min_disk_gib),
            min_ram_mib: inherited.min_ram_mib,
            backup: if let Why::Backup(backup) = why { Some(backup) } else { None },
        };
        let turn = room.capture_turn(id, image, CaptureStep::Begins).await?;
        let Some(noted) = turn.as_ref().and_then(|turn| turn.change.as_ref()) else {
            return Err(crate::identity::policy::no_such_instance(id));
        };
        room.images.begin_capture(caller, of, Some(noted)).await?;
        Ok(image)
    };
    let begun = begun.await;
    if let Err(error) = &begun {
        room.undo_capture(id, error).await;
    }
    begun
}

/// Looks for Windows on the instance's disk, which is at rest and stays so: nothing of the image is written yet.
async fn look_for_windows(room: &Room, row: &InstanceRow) -> Result<Result<guest::Report, String>> {
    let overlay = room.disk_of(row.id)?;
    let base = match base_of(row)? {
        Some(_) => {
            let store = std::slice::from_ref(&row.make.base_store);
            Some(room.images.stores().reader(store, &row.make.base_root).await?)
        }
        None => None,
    };
    room.images.inspector().look_at_changes(overlay, base, row.make.disk_bytes, guest::Scope::Windows).await
}
