//! Making another of an instance in its place: rebuilding it from an image, and resizing it.
//!
//! ```text
//! ACTIVE, SHUTOFF, ERROR ─ rebuild ─► REBUILD ─ the old disk goes, a fresh one comes ─► ACTIVE or SHUTOFF, as it was
//! ACTIVE, SHUTOFF ─ resize ─► RESIZE ─ shut down, started again where it ran ─► VERIFY_RESIZE
//!                                                                   confirm │ revert ─► RESIZE ─► as it was
//!                                                                           ▼
//!                                                                  ACTIVE or SHUTOFF
//! ```
//!
//! The order writes the new make together with the new state, in one transaction: from then on the row is the truth, and
//! each step that makes the files follow it may run again. A rebuilt row says that nothing ran from its disk yet, so that
//! every start lays a fresh one out.
//!
//! A disk grows, and never shrinks. It grows at the next start or when the resize is confirmed; a resize that is reverted
//! before leaves it as it was. One that is reverted later keeps the disk as it is then: nothing that was written is lost.

use std::io;

use super::{
    Instances, action,
    driver::{Driver, Message},
    firmware::VARIABLES,
    folder::Folder,
    hardware, launch, rescue,
    room::Room,
    start::DISK,
    state::{Order, legal},
    types::{Rebuild, Status, TaskState},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::Caller,
    ids::InstanceId,
    images::LaunchSource,
    model::{
        action::{ActionResult, ActionRow, History},
        flavor::Flavor,
        instance::{FirstBoot, InstanceMake, InstanceRow, ResizedFrom},
    },
};

/// The new thing that an instance shall be.
pub(super) enum Remake {
    /// One with a fresh disk.
    Rebuild(Box<Rebuilt>),
    /// One with this flavor.
    Resize(Flavor),
    /// The one it was before its resize.
    Revert,
    /// One that runs the system of this image, or of its own, beside its disk.
    Rescue(Option<Box<LaunchSource>>),
}

/// A rebuild, with all that it names looked up.
pub(super) struct Rebuilt {
    source: LaunchSource,
    public_key: Option<String>,
    wanted: Rebuild,
}

impl Remake {
    fn order(&self) -> Order {
        match self {
            Remake::Rebuild(_) => Order::Rebuild,
            Remake::Resize(_) => Order::Resize,
            Remake::Revert => Order::RevertResize,
            Remake::Rescue(_) => Order::Rescue,
        }
    }
}

impl Instances {
    /// Gives an instance a fresh disk of an image; all that was on the old one is lost. It keeps its id, its network, its
    /// flavor, and all else that the caller does not change. It runs again if it did not rest.
    ///
    /// # Errors
    /// As [`Instances::create`]; `Conflict` when it is neither running nor stopped nor failed.
    pub async fn rebuild(&self, caller: &Caller, id: InstanceId, wanted: Rebuild) -> Result<()> {
        let room = &self.0;
        let row = room.changeable(caller, id).await?;
        let source = room.images.launchable(caller, wanted.image).await.map_err(launch::named_in_the_request)?;
        let public_key = match &wanted.key_name {
            Some(Some(name)) => Some(launch::public_key(room, caller, name).await?),
            _ => None,
        };
        let remake = Remake::Rebuild(Box::new(Rebuilt { source, public_key, wanted }));
        room.remake(caller, &row, remake).await
    }

    /// The data for its first boot that an instance's owner gave it.
    ///
    /// # Errors
    /// As for every instance.
    pub async fn user_data(&self, caller: &Caller, id: InstanceId) -> Result<Option<Vec<u8>>> {
        self.0.may_use(caller, id).await?;
        Ok(self.0.db.first_boot(id).await?.user_data)
    }

    /// Gives an instance another flavor, which its owner then confirms or takes back. A guest that runs is shut down and
    /// started again.
    ///
    /// # Errors
    /// `Invalid` for a flavor that the caller does not see, that it has already, or that is too small; `OverQuota`;
    /// `Conflict` when it is neither running nor stopped, or the host has no room.
    pub async fn resize(&self, caller: &Caller, id: InstanceId, flavor: &str) -> Result<()> {
        let row = self.0.changeable(caller, id).await?;
        let flavor = self.0.flavors.show(caller, flavor).await.map_err(launch::named_in_the_request)?;
        self.0.remake(caller, &row, Remake::Resize(flavor)).await
    }

    /// Keeps the flavor that a resize gave.
    ///
    /// # Errors
    /// `Conflict` when no resize waits for that; `Unavailable` when its disk cannot be made larger now.
    pub async fn confirm_resize(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::ConfirmResize).await
    }

    /// Gives the flavor back that an instance had before its resize.
    ///
    /// # Errors
    /// As [`Instances::resize`].
    pub async fn revert_resize(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        let row = self.0.changeable(caller, id).await?;
        self.0.remake(caller, &row, Remake::Revert).await
    }
}

impl Room {
    pub(super) async fn remake(&self, caller: &Caller, row: &InstanceRow, remake: Remake) -> Result<()> {
        let action = Box::new(action(caller, row, remake.order().action()));
        self.ask(row.id, |reply| Message::Remake { remake, action, reply }).await
    }
}

impl Driver {
    /// Writes down what the instance shall be from now on, if that is legal.
    pub(super) async fn take_remake(&mut self, remake: Remake, action: &ActionRow) -> Result<()> {
        let room = self.room.clone();
        let (order, state) = (remake.order(), self.row.state.clone());
        let before = state.clone();
        legal(order, &state, self.row.id)?;
        if self.running.as_ref().is_some_and(|running| running.is_paused) && order != Order::Rebuild {
            return Err(Error::Conflict(format!(
                "Cannot '{}' instance {} while it is paused because its host's disk is nearly full: its guest could not shut \
                 down. It goes on by itself when there is room.",
                order.action(),
                self.row.id
            )));
        }
        let has_grown = matches!(remake, Remake::Revert) && self.has_grown().await;
        let is_running = self.running.is_some();
        let change = |row: &mut InstanceRow, first_boot: &mut FirstBoot| {
            row.state = state;
            match remake {
                Remake::Rebuild(rebuilt) => rebuild(&room, row, first_boot, *rebuilt),
                Remake::Resize(flavor) => resize(row, flavor),
                Remake::Revert => revert(row, has_grown),
                Remake::Rescue(source) => rescue::rescue(&room, row, source.as_deref()),
            }
        };
        let has_memory = |row: &InstanceRow, others_mib: u64| {
            let stays_off = match row.state.task {
                Some(TaskState::Rebuilding) => true,
                Some(TaskState::RebuildSpawning | TaskState::Rescuing) => false,
                _ => !row.state.runs_resized(),
            };
            if stays_off {
                return Ok(());
            }
            if !is_running {
                room.disk_has_room()?;
            }
            room.has_memory(row, others_mib)
        };
        let (id, quota) = (self.row.id, room.quota);
        self.row = room.db.remake_instance(id, &before, quota, action, change, has_memory).await?;
        Ok(())
    }

    /// Goes on with a remake: its row says which, and each step may run again.
    pub(super) async fn carry_on(&mut self) {
        let state = &self.row.state;
        match state.task {
            Some(TaskState::Rebuilding | TaskState::RebuildSpawning) if self.running.is_some() => self.quit().await,
            Some(TaskState::Rebuilding | TaskState::RebuildSpawning) => self.renew_disk().await,
            _ if self.running.is_some() => self.ask_to_shut_down().await,
            Some(TaskState::Rescuing) => self.begin_start().await,
            Some(TaskState::Unrescuing) => self.end_rescue().await,
            _ if state.runs_resized() => self.begin_start().await,
            _ => self.is_off(None).await,
        }
    }

    /// Throws the old disk away; then a start lays a fresh one out, or this does.
    async fn renew_disk(&mut self) {
        let (folder, disk_bytes) = (self.folder.clone(), self.row.make.disk_bytes);
        let starts = self.row.state.task == Some(TaskState::RebuildSpawning);
        let renew = move || {
            folder.make()?;
            // First, so that no failure leaves the old disk over the new image.
            for name in [DISK, VARIABLES, "console.log", "console.old"] {
                folder.forget(name)?;
            }
            if starts { io::Result::Ok(()) } else { lay_fresh(&folder, disk_bytes) }
        };
        match tokio::task::spawn_blocking(renew).await.map_err(io::Error::other).and_then(|renewed| renewed) {
            Ok(()) if starts => self.begin_start().await,
            Ok(()) => self.is_off(None).await,
            Err(error) => self.has_failed(&format!("The instance's disk cannot be replaced: {error}.")).await,
        }
    }

    /// Keeps the new flavor, and has the disk be as large as it says.
    pub(super) async fn confirm_resize(&mut self, action: &ActionRow) -> Result<()> {
        // A start has made the disk of one that runs larger, and lays out one that is not there.
        if !self.row.state.runs_resized() && self.folder.path().join(DISK).exists() {
            let (folder, disk_bytes) = (self.folder.clone(), self.row.make.disk_bytes);
            let grown =
                tokio::task::spawn_blocking(move || grow(&folder, disk_bytes)).await.map_err(Error::internal)?;
            grown
                .map_err(|error| Error::Unavailable(format!("The instance's disk cannot be made larger: {error}.")))?;
        }
        let mut new = self.row.state.clone();
        let runs = new.runs_resized();
        // A fault says why it is off though nobody asked for that; it still is.
        let fault = new.fault.take();
        new.resized_from = None;
        new.at_rest(runs);
        new.fault = fault;
        let done = ActionRow { finish_ms: Some(now_ms()), result: Some(ActionResult::Success), ..action.clone() };
        self.write_with(new, History::Begins(&done)).await
    }

    /// Whether the disk has its new size already. One that is gone or damaged counts as grown, so that a revert is a way out.
    async fn has_grown(&self) -> bool {
        if self.row.state.launched_ms.is_none() {
            return false;
        }
        let (file, disk_bytes) = (self.room.disk_of(self.row.id), self.row.make.disk_bytes);
        let read = move || file.ok().and_then(|file| disks::qcow2::virtual_size_bytes(&file).ok());
        let found = tokio::task::spawn_blocking(read).await.ok().flatten();
        found.is_none_or(|found| found >= disk_bytes)
    }

    /// Lays out the disk of an instance from which nothing ran yet, in the place of one that may be there.
    pub(super) async fn lay_fresh_disk(&self) -> Result<()> {
        let (folder, disk_bytes) = (self.folder.clone(), self.row.make.disk_bytes);
        let laid =
            tokio::task::spawn_blocking(move || lay_fresh(&folder, disk_bytes)).await.map_err(Error::internal)?;
        laid.map_err(|error| Error::Unavailable(format!("The instance's disk cannot be laid out: {error}.")))
    }
}

fn lay_fresh(folder: &Folder, disk_bytes: u64) -> io::Result<()> {
    folder.make()?;
    folder.write_for_qemu(DISK, &disks::qcow2::create_overlay(disk_bytes))?;
    folder.settle(DISK)
}

/// Makes an instance's disk at least this large.
pub(super) fn grow(folder: &Folder, disk_bytes: u64) -> io::Result<()> {
    let file = std::fs::File::options().read(true).write(true).open(folder.path().join(DISK))?;
    disks::qcow2::grow_overlay(&file, disk_bytes)
}

fn rebuild(room: &Room, row: &mut InstanceRow, first_boot: &mut FirstBoot, rebuilt: Rebuilt) -> Result<()> {
    let Rebuilt { source, public_key, wanted } = rebuilt;
    let runs = row.state.status != Status::Shutoff;
    row.state.status = Status::Rebuild;
    row.state.task = Some(if runs { TaskState::RebuildSpawning } else { TaskState::Rebuilding });
    // Nothing of a guest's is on its disk from now on.
    (row.state.launched_ms, row.state.resized_from, row.state.fault) = (None, None, None);
    row.state.rescue = None;
    super::labels::apply(row, wanted.changes)?;
    if let Some(metadata) = wanted.metadata {
        row.metadata = metadata.0;
    }
    if let Some(name) = wanted.key_name {
        (row.make.key_name, row.make.public_key) = (name, public_key);
    }
    if let Some(user_data) = wanted.user_data {
        first_boot.user_data = user_data;
    }
    if let Some(files) = wanted.files {
        first_boot.files = files;
    }
    launch::check_first_boot(first_boot)?;
    let made = launch::make(room, &source, &row.make.flavor)?;
    let old = row.make.clone();
    row.make = InstanceMake {
        key_name: old.key_name,
        public_key: old.public_key,
        mac: old.mac,
        launch_index: old.launch_index,
        reservation_id: old.reservation_id,
        ..made
    };
    Ok(())
}

fn resize(row: &mut InstanceRow, flavor: Flavor) -> Result<()> {
    let make = &mut row.make;
    if flavor.id == make.flavor.id {
        return Err(Error::Invalid("When resizing, instances must change flavor!".into()));
    }
    let from = ResizedFrom {
        flavor: make.flavor.clone(),
        disk_bytes: make.disk_bytes,
        runs: row.state.status == Status::Active,
    };
    let disk_bytes = grown(make, &flavor)?;
    give(make, flavor, disk_bytes)?;
    (row.state.status, row.state.task) = (Status::Resize, Some(TaskState::ResizePrep));
    (row.state.resized_from, row.state.fault) = (Some(from), None);
    Ok(())
}

/// `has_grown`: whether its disk has its new size by now.
fn revert(row: &mut InstanceRow, has_grown: bool) -> Result<()> {
    let from = row.state.resized_from.clone().ok_or_else(|| Error::Conflict("There is no resize to revert.".into()))?;
    let disk_bytes = if has_grown { row.make.disk_bytes } else { from.disk_bytes };
    give(&mut row.make, from.flavor, disk_bytes)?;
    (row.state.status, row.state.task, row.state.fault) = (Status::Resize, Some(TaskState::ResizeReverting), None);
    Ok(())
}

fn give(make: &mut InstanceMake, flavor: Flavor, disk_bytes: u64) -> Result<()> {
    if let Some(machine) = &mut make.machine {
        machine.topology = hardware::topology(&make.hardware, flavor.vcpus)?;
    }
    (make.vcpus, make.memory_mib, make.disk_bytes) = (flavor.vcpus, flavor.memory_mib, disk_bytes);
    make.flavor = flavor;
    Ok(())
}

/// The size of the disk with another flavor.
fn grown(make: &InstanceMake, flavor: &Flavor) -> Result<u64> {
    if flavor.memory_mib < make.inherited.min_ram_mib {
        return Err(Error::Invalid("Flavor's memory is too small for requested image.".into()));
    }
    // A flavor without a size of its own takes the disk as it is.
    let asked = match flavor.disk_gib {
        0 => make.disk_bytes,
        gib => gib.checked_mul(1 << 30).ok_or_else(|| Error::Invalid("Flavor's disk is too large.".into()))?,
    };
    if asked < make.disk_bytes {
        return Err(Error::Invalid(format!(
            "The disk of an instance grows and never shrinks: it has {} bytes, and flavor {} has {asked}. Choose a flavor \
             with a disk that is as large.",
            make.disk_bytes, flavor.name
        )));
    }
    let most = disks::qcow2::grows_to(make.disk_bytes);
    if asked > most {
        return Err(Error::Invalid(format!(
            "The disk of this instance grows to {} GiB at most: create an image of it, and launch that with flavor {}.",
            most >> 30,
            flavor.name
        )));
    }
    Ok(asked)
}
