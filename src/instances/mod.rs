//! Instances and the QEMU processes behind them.
//!
//! ```text
//!   create ──► BUILD ──────► ACTIVE ◄──────► REBOOT
//!                │ fault      │  ▲
//!                ▼       stop │  │ start
//!              ERROR          ▼  │        ACTIVE ◄──► PAUSED, SUSPENDED (see `pause.rs`, `suspend.rs`)
//!                            SHUTOFF  (task image_snapshot: being captured into an image)
//!   ACTIVE, SHUTOFF ◄──► REBUILD, RESIZE, VERIFY_RESIZE, RESCUE, SHELVED_OFFLOADED  (see `remake.rs`, `rescue.rs`, `shelve.rs`)
//!   any ── delete ──► DELETED
//! ```
//!
//! - One driver task owns one instance and is the only hand that writes its state; everyone else sends it a message.
//! - QEMU outlives the service: a driver that starts adopts what runs.
//! - An instance's disk is an overlay in its own folder over the image's disk, which comes over NBD: a launch copies
//!   nothing, and a capture reads only what changed.
//! - The guest, and QEMU with it, is untrusted: see [`qemu`] for what it is left with.

pub mod flavors;
pub mod key_pairs;
pub mod network;
pub mod server_groups;

mod accel;
mod activity;
mod adopt;
mod capture;
mod cgroup;
mod cleaner;
mod config_drive;
mod console;
mod doors;
mod driver;
mod firmware;
mod folder;
mod hardware;
mod host;
mod labels;
mod launch;
mod list;
mod pause;
mod process;
mod qemu;
mod qmp;
mod remake;
mod rescue;
mod rights;
mod room;
mod row;
mod running;
mod shelve;
mod shutdown;
mod space;
mod start;
mod state;
mod suspend;
mod taps;
mod types;

use std::sync::Arc;

pub use cleaner::Cleaned;
pub use console::Ticket;
pub use flavors::Flavor;
pub use host::Host;
pub use labels::{HostName, MAX_METADATA, Metadata, Tags};
pub use launch::{MAX_FILE_BYTES, MAX_FILE_PATH_BYTES, MAX_FILES};
pub use room::Foundations;
use room::Room;
use state::Order;
use tokio::net::UnixStream;
pub use types::*;

use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::{ImageId, InstanceId},
    images::Backup,
    model::instance::InstanceRow,
};

/// How long after the start of the service the probe guest is booted, unless an instance is wanted before.
const PROBE_DELAY: std::time::Duration = std::time::Duration::from_millis(500);
/// The actions of one instance that are shown: more than anybody reads.
const MAX_ACTIONS: u32 = 1000;

/// The instances part, open. Cheap to clone.
#[derive(Clone)]
pub struct Instances(Arc<Room>);

impl Instances {
    /// Opens the part and adopts every guest that runs. Where instances are not enabled, those that are there stay as
    /// they are: nothing drives them, and nothing is started.
    ///
    /// # Errors
    /// The database or the folder is out of reach.
    pub async fn open(on: Foundations) -> Result<Instances> {
        let room = Arc::new(Room::new(on)?);
        if !room.settings.enabled {
            return Ok(Instances(room));
        }
        room.take_up().await?;
        let prober = room.clone();
        // Not before somebody may want an instance, and not in the way of the first answers.
        room.tasks.spawn(async move {
            tokio::time::sleep(PROBE_DELAY).await;
            if let Err(error) = prober.accel.refresh().await {
                tracing::error!("instances cannot be started: {error}");
            }
        });
        Ok(Instances(room))
    }

    /// Whether this service runs instances (`instances.enabled`).
    pub fn are_enabled(&self) -> bool {
        self.0.settings.enabled
    }

    /// Whether cleaned copies can be made here (`inspect.cleaner`).
    pub fn can_clean(&self) -> bool {
        cleaner::check(&self.0).is_ok()
    }

    /// Lets the drivers go; the guests go on, and the next service adopts them.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Launches instances; answers them in `BUILD`, and their drivers go on.
    ///
    /// # Errors
    /// `Invalid` for an image, flavor or key pair the caller does not see, and for what makes no sense together;
    /// `Forbidden` for an image the caller may not launch; `OverQuota`; `Conflict` when the host has no room.
    pub async fn create(&self, caller: &Caller, wanted: Launch) -> Result<Vec<Instance>> {
        launch::launch(&self.0, caller, wanted).await?.into_iter().map(|row| self.view(row)).collect()
    }

    /// Shows one instance.
    pub async fn show(&self, caller: &Caller, id: InstanceId) -> Result<Instance> {
        let row = self.0.db.instance(id).await?.filter(|row| !row.is_deleted());
        let row = row.ok_or_else(|| policy::no_such_instance(id))?;
        policy::see_instance(caller, row.project_id, id)?;
        self.view(row)
    }

    /// Deletes an instance, whatever it is doing; its files are gone when the driver is done.
    pub async fn delete(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Delete).await
    }

    /// Starts a stopped instance.
    ///
    /// # Errors
    /// `Conflict` when it is not stopped, is being captured, or does not fit the host now.
    pub async fn start(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Start).await
    }

    /// Asks the guest to shut down, and switches it off when it does not within the grace period.
    pub async fn stop(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Stop).await
    }

    /// Switches an instance off without asking the guest; also while it is being asked.
    ///
    /// # Errors
    /// `Conflict` when it is not running.
    pub async fn force_off(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::ForceOff).await
    }

    /// Reboots.
    pub async fn reboot(&self, caller: &Caller, id: InstanceId, kind: RebootKind) -> Result<()> {
        self.order(caller, id, Order::Reboot(kind)).await
    }

    /// Lets a guest stand still: it keeps its memory and takes no processor, over restarts of the service too.
    ///
    /// # Errors
    /// `Conflict` when it does not run.
    pub async fn pause(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Pause).await
    }

    /// Lets a paused guest go on.
    ///
    /// # Errors
    /// `Conflict` when it is not paused, or for want of room on its host.
    pub async fn unpause(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Unpause).await
    }

    /// Saves the memory of a guest and ends its process: it takes neither processor nor memory of its host.
    ///
    /// # Errors
    /// `Conflict` when it does not run, or its host's disk is nearly full.
    pub async fn suspend(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Suspend).await
    }

    /// Lets a suspended guest go on where it stood.
    ///
    /// # Errors
    /// `Conflict` when it is not suspended, or does not fit the host now.
    pub async fn resume(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.order(caller, id, Order::Resume).await
    }

    /// Locks an instance: until it is unlocked, everything below that changes it, or starts or stops it, answers
    /// `Conflict` to everyone but the admin. Locking again changes the reason.
    pub async fn lock(&self, caller: &Caller, id: InstanceId, reason: Option<String>) -> Result<()> {
        self.0.write_lock(caller, id, Some(reason)).await
    }

    /// Unlocks an instance; what the admin locked, only the admin unlocks (`Forbidden`).
    pub async fn unlock(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.0.write_lock(caller, id, None).await
    }

    /// Renames or describes an instance.
    pub async fn change(&self, caller: &Caller, id: InstanceId, changes: Changes) -> Result<Instance> {
        self.view(self.0.write_labels(caller, id, |row| labels::apply(row, changes)).await?)
    }

    /// Replaces an instance's metadata.
    pub async fn set_metadata(&self, caller: &Caller, id: InstanceId, metadata: Metadata) -> Result<Instance> {
        let written = self.0.write_labels(caller, id, |row| {
            row.metadata = metadata.0;
            Ok(())
        });
        self.view(written.await?)
    }

    /// Adds to an instance's metadata (keys there already take the new value).
    pub async fn merge_metadata(&self, caller: &Caller, id: InstanceId, metadata: Metadata) -> Result<Instance> {
        self.view(self.0.write_labels(caller, id, |row| labels::merge(row, metadata)).await?)
    }

    /// Removes one key of an instance's metadata.
    pub async fn remove_metadata(&self, caller: &Caller, id: InstanceId, key: &str) -> Result<()> {
        let written = self.0.write_labels(caller, id, |row| match row.metadata.remove(key) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound("Metadata item was not found".into())),
        });
        written.await.map(drop)
    }

    /// Replaces an instance's tags.
    pub async fn set_tags(&self, caller: &Caller, id: InstanceId, tags: Tags) -> Result<Instance> {
        let written = self.0.write_labels(caller, id, |row| {
            row.tags = tags.0;
            Ok(())
        });
        self.view(written.await?)
    }

    /// Adds one tag; answers whether it is new.
    pub async fn add_tag(&self, caller: &Caller, id: InstanceId, tag: String) -> Result<bool> {
        let mut is_new = false;
        let written = self.0.write_labels(caller, id, |row| {
            is_new = labels::add_tag(row, tag)?;
            Ok(())
        });
        written.await?;
        Ok(is_new)
    }

    /// Removes one tag.
    pub async fn remove_tag(&self, caller: &Caller, id: InstanceId, tag: &str) -> Result<()> {
        let written = self.0.write_labels(caller, id, |row| match row.tags.iter().position(|held| held == tag) {
            Some(at) => {
                row.tags.remove(at);
                Ok(())
            }
            None => Err(Error::NotFound(format!("Instance {id} has no tag '{tag}'"))),
        });
        written.await.map(drop)
    }

    /// The output of the guest's serial port: the last `lines`, or all that is kept.
    pub async fn console_output(&self, caller: &Caller, id: InstanceId, lines: Option<usize>) -> Result<String> {
        self.0.may_use(caller, id).await?;
        let folder = self.0.folder_of(id);
        let read = tokio::task::spawn_blocking(move || console::output(&folder, lines)).await;
        read.map_err(Error::internal)?.map_err(Error::internal)
    }

    /// Hands out the right to open a console of a running instance.
    ///
    /// # Errors
    /// `Conflict` when it does not run.
    pub async fn remote_console(&self, caller: &Caller, id: InstanceId, kind: ConsoleKind) -> Result<ConsoleToken> {
        let row = self.0.may_use(caller, id).await?;
        // A guest that stands still keeps its screen, and what is typed reaches it when it goes on.
        if !row.state.runs() {
            return Err(Error::Conflict(format!("Instance {id} is not running; start it first.")));
        }
        self.0.consoles.issue(caller, id, kind)
    }

    /// The console that a token stands for. It opens nothing yet: the caller is asked again.
    ///
    /// # Errors
    /// `NotFound` when the token is unknown, expired, or its instance gone.
    pub fn console_of(&self, token: &str) -> Result<Ticket> {
        self.0.consoles.look_up(token)
    }

    /// Whether the caller may have a console of the instance open.
    ///
    /// # Errors
    /// `NotFound` and `Forbidden` when not, as for every instance.
    pub async fn may_use_console(&self, caller: &Caller, id: InstanceId) -> Result<()> {
        self.0.may_use(caller, id).await.map(drop)
    }

    /// Opens a console. A serial console that was open before is closed.
    ///
    /// # Errors
    /// As [`Instances::may_use_console`]; `Conflict` when the instance does not run now.
    pub async fn open_console(&self, caller: &Caller, ticket: &Ticket) -> Result<UnixStream> {
        let (id, kind) = (ticket.instance, ticket.kind);
        let row = self.0.may_use(caller, id).await?;
        let is_off = |_| Error::Conflict(format!("Instance {id} is not running; start it first."));
        self.0.consoles.connect(id, kind, &self.0.folder(&row)).await.map_err(is_off)
    }

    /// The actions on an instance, the newest first; also on a deleted one.
    pub async fn actions(&self, caller: &Caller, id: InstanceId) -> Result<Vec<ActionRow>> {
        let row = self.0.db.instance(id).await?.ok_or_else(|| policy::no_such_instance(id))?;
        policy::see_instance(caller, row.project_id, id)?;
        self.0.db.instance_actions(id, MAX_ACTIONS).await
    }

    /// How often the guest has restarted itself since it was switched on, or since this service began to look after it.
    pub async fn guest_restarts(&self, caller: &Caller, id: InstanceId) -> Result<u32> {
        self.show(caller, id).await?;
        self.0.ask(id, |reply| driver::Message::GuestRestarts { reply }).await
    }

    /// Begins to capture a stopped instance into an image; a job does the work.
    ///
    /// # Errors
    /// `Conflict` when the instance is not stopped, or is being captured already.
    pub async fn create_image(
        &self,
        caller: &Caller,
        id: InstanceId,
        name: &str,
        metadata: Metadata,
    ) -> Result<ImageId> {
        capture::begin(&self.0, caller, id, name.to_owned(), metadata, capture::Why::Image).await
    }

    /// The same for a backup: when it is made, the oldest of its kind are deleted.
    ///
    /// # Errors
    /// As [`Instances::create_image`].
    pub async fn create_backup(
        &self,
        caller: &Caller,
        id: InstanceId,
        name: &str,
        metadata: Metadata,
        backup: Backup,
    ) -> Result<ImageId> {
        capture::begin(&self.0, caller, id, name.to_owned(), metadata, capture::Why::Backup(backup)).await
    }

    /// Begins a cleaned copy of a Linux image; a job does the work, in a guest of its own.
    ///
    /// # Errors
    /// As [`crate::images::Images::cleanable`]; `Conflict` when no cleaner is set up; `Invalid` for the name;
    /// `OverQuota`.
    pub async fn begin_clean(&self, caller: &Caller, image: ImageId, name: Option<String>) -> Result<ImageId> {
        let source = self.0.images.cleanable(caller, image).await?;
        cleaner::check(&self.0)?;
        self.0.images.begin_clean(caller, &source, name).await
    }

    /// The subnet that instances have addresses of; `None`: it is what is behind the operator's bridge.
    pub fn subnet(&self) -> Option<network::Subnet> {
        network::Subnet::of(&self.0.settings.network)
    }

    /// The present usage of the caller's project.
    pub async fn usage(&self, caller: &Caller) -> Result<Usage> {
        self.0.db.instance_usage(policy::in_a_project(caller)?).await
    }

    /// How guests' instructions run on this host: `kvm` or `tcg`; `None` until that has been found out.
    pub fn accel(&self) -> Option<&'static str> {
        self.0.accel.known().map(|accel| accel.into_str())
    }

    async fn order(&self, caller: &Caller, id: InstanceId, order: Order) -> Result<()> {
        let row = self.0.changeable(caller, id).await?;
        let action = action(caller, &row, order.action());
        self.0.ask(id, |reply| driver::Message::Order { order, action: Box::new(action), reply }).await
    }

    fn view(&self, row: InstanceRow) -> Result<Instance> {
        let addresses = self.0.addresses(&row);
        let (make, state) = (row.make, row.state);
        let (runs, host) = (state.runs(), self.0.host_of(&state));
        Ok(Instance {
            id: row.id,
            project_id: row.project_id,
            user_id: row.user_id,
            name: row.name,
            description: row.description,
            status: state.status,
            runs,
            task: state.task,
            image: Some(make.image),
            image_name: make.image_name,
            flavor: make.flavor,
            key_name: make.key_name,
            metadata: row.metadata,
            tags: row.tags,
            access: row.access,
            addresses,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            launched_ms: state.launched_ms,
            terminated_ms: state.terminated_ms,
            fault: state.fault,
            lock: row.lock,
            host,
            hostname: row.hostname,
            server_group: row.server_group,
            launch_index: make.launch_index,
            reservation_id: make.reservation_id,
            accel: state.accel,
            progress: if state.status == Status::Build { 0 } else { 100 },
        })
    }
}

/// The record that something begins to be done to an instance.
fn action(caller: &Caller, row: &InstanceRow, what: &str) -> ActionRow {
    ActionRow {
        id: uuid::Uuid::new_v4().to_string(),
        action: what.to_owned(),
        instance_id: row.id,
        request_id: caller.request_id.clone(),
        user_id: caller.user.id,
        project_id: caller.project.as_ref().map_or(row.project_id, |project| project.id),
        start_ms: now_ms(),
        finish_ms: None,
        result: None,
        message: None,
    }
}
