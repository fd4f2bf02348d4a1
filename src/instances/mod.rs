//! Instances and the QEMU processes behind them.
//!
//! ```text
//!   create ──► BUILD ──────► ACTIVE ◄──────► REBOOT
//!                │ fault      │  ▲
//!                ▼       stop │  │ start
//!              ERROR          ▼  │
//!                            SHUTOFF  (task image_snapshot: being cast into an image)
//!   any ── delete ──► DELETED
//! ```
//!
//! - One driver task owns one instance and is the only hand that writes its state; everyone else sends it a message.
//! - QEMU outlives the service: a driver that starts adopts what runs.
//! - An instance's disk is an overlay in its own folder over the image's disk, which comes over NBD: a launch copies
//!   nothing, and a capture reads only what changed.
//! - The guest, and QEMU with it, is untrusted: see [`qemu`] for what it is left with.

// `create` asks `Flavors::show(caller, id)` (a flavor may be another project's alone) and
// `KeyPairs::show(caller, None, name)`; both are made from the database alone.
mod accel;
mod config_drive;
mod console;
pub mod flavors;
mod folder;
pub mod key_pairs;
mod process;
mod qemu;
mod qmp;
mod state;
mod types;

use std::{collections::BTreeMap, sync::Arc};

pub use flavors::Flavor;
use tokio::net::UnixStream;
pub use types::*;

use crate::{
    db::Database,
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
};

/// The instances part, open. Cheap to clone.
#[derive(Clone)]
pub struct Instances(Arc<Inner>);

struct Inner {
    #[allow(dead_code, reason = "used once the rows are kept")]
    db: Database,
}

impl Instances {
    /// Opens the part and adopts every guest that runs.
    pub async fn open(db: Database) -> Result<Instances> {
        Ok(Instances(Arc::new(Inner { db })))
    }

    /// Launches instances; answers them in `BUILD`, and their drivers go on.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` for an image the caller may not launch; `Invalid` for what makes no sense together;
    /// `OverQuota`; `Conflict` when the host has no room.
    pub async fn create(&self, _caller: &Caller, _launch: Launch) -> Result<Vec<Instance>> {
        Err(unserved())
    }

    /// Lists instances.
    pub async fn list(&self, _caller: &Caller, _filter: &ListInstances) -> Result<Vec<Instance>> {
        Err(unserved())
    }

    /// Shows one instance.
    pub async fn show(&self, _caller: &Caller, _id: InstanceId) -> Result<Instance> {
        Err(unserved())
    }

    /// Deletes an instance, whatever it is doing; its files are gone when the driver is done.
    pub async fn delete(&self, _caller: &Caller, _id: InstanceId) -> Result<()> {
        Err(unserved())
    }

    /// Starts a stopped instance.
    pub async fn start(&self, _caller: &Caller, _id: InstanceId) -> Result<()> {
        Err(unserved())
    }

    /// Asks the guest to shut down, and switches it off when it does not within the grace period.
    pub async fn stop(&self, _caller: &Caller, _id: InstanceId) -> Result<()> {
        Err(unserved())
    }

    /// Reboots.
    pub async fn reboot(&self, _caller: &Caller, _id: InstanceId, _kind: RebootKind) -> Result<()> {
        Err(unserved())
    }

    /// Locks an instance: until it is unlocked, everything below that changes it, or starts or stops it, answers
    /// `Conflict` to everyone but the admin. Locking again changes the reason.
    pub async fn lock(&self, _caller: &Caller, _id: InstanceId, _reason: Option<String>) -> Result<()> {
        Err(unserved())
    }

    /// Unlocks an instance; what the admin locked, only the admin unlocks (`Forbidden`).
    pub async fn unlock(&self, _caller: &Caller, _id: InstanceId) -> Result<()> {
        Err(unserved())
    }

    /// Renames or describes an instance.
    pub async fn change(&self, _caller: &Caller, _id: InstanceId, _changes: Changes) -> Result<Instance> {
        Err(unserved())
    }

    /// Replaces an instance's metadata.
    pub async fn set_metadata(
        &self,
        _caller: &Caller,
        _id: InstanceId,
        _metadata: BTreeMap<String, String>,
    ) -> Result<Instance> {
        Err(unserved())
    }

    /// Adds to an instance's metadata (keys there already take the new value).
    pub async fn merge_metadata(
        &self,
        _caller: &Caller,
        _id: InstanceId,
        _metadata: BTreeMap<String, String>,
    ) -> Result<Instance> {
        Err(unserved())
    }

    /// Removes one key of an instance's metadata.
    pub async fn remove_metadata(&self, _caller: &Caller, _id: InstanceId, _key: &str) -> Result<()> {
        Err(unserved())
    }

    /// Replaces an instance's tags.
    pub async fn set_tags(&self, _caller: &Caller, _id: InstanceId, _tags: Vec<String>) -> Result<Instance> {
        Err(unserved())
    }

    /// Adds one tag; answers whether it is new.
    pub async fn add_tag(&self, _caller: &Caller, _id: InstanceId, _tag: &str) -> Result<bool> {
        Err(unserved())
    }

    /// Removes one tag.
    pub async fn remove_tag(&self, _caller: &Caller, _id: InstanceId, _tag: &str) -> Result<()> {
        Err(unserved())
    }

    /// What the guest wrote to its serial port: the last `lines`, or all that is kept.
    pub async fn console_output(&self, _caller: &Caller, _id: InstanceId, _lines: Option<usize>) -> Result<String> {
        Err(unserved())
    }

    /// Hands out the right to open a console of a running instance.
    pub async fn remote_console(&self, _caller: &Caller, _id: InstanceId, _kind: ConsoleKind) -> Result<ConsoleToken> {
        Err(unserved())
    }

    /// Opens the console a token stands for; the token is the only authority. A serial console that was open before
    /// is closed.
    pub async fn open_console(&self, _token: &str) -> Result<(ConsoleKind, UnixStream)> {
        Err(unserved())
    }

    /// What was done to an instance, the newest first; a deleted one's too.
    pub async fn actions(&self, _caller: &Caller, _id: InstanceId) -> Result<Vec<ActionRecord>> {
        Err(unserved())
    }

    /// Begins to cast a stopped instance into an image; a job does the work.
    ///
    /// # Errors
    /// `Conflict` when the instance is not stopped, or is being captured already.
    pub async fn create_image(
        &self,
        _caller: &Caller,
        _id: InstanceId,
        _name: &str,
        _metadata: BTreeMap<String, String>,
    ) -> Result<ImageId> {
        Err(unserved())
    }

    /// What the caller's project uses now.
    pub async fn usage(&self, _caller: &Caller) -> Result<Usage> {
        Err(unserved())
    }

    /// How guests' instructions run on this host: `kvm` or `tcg`; `None` until that has been found out.
    pub fn accel(&self) -> Option<&'static str> {
        None
    }
}

fn unserved() -> Error {
    Error::Unavailable("instances are not served yet".into())
}
