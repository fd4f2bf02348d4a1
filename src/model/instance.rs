//! Instances: what is settled when one is made, and what changes.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{UnknownWord, flavor::Flavor, hardware::Hardware};
use crate::ids::{ImageId, InstanceId, ProjectId, ServerGroupId, UserId};

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "UPPERCASE", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Status>)]
pub enum Status {
    /// Being made; not yet running.
    Build,
    /// Running.
    Active,
    /// Its guest stands still in memory: its owner paused it, or its host has no room for what it writes.
    Paused,
    /// Its guest's memory is a file, and no process runs.
    Suspended,
    /// Stopped; its disk is at rest.
    Shutoff,
    /// Between the stop and the start of a reboot.
    Reboot,
    /// Its disk is replaced by a fresh one of an image.
    Rebuild,
    /// It gets another flavor, or the one before it back.
    Resize,
    /// It has another flavor, and its owner has yet to confirm that or to go back.
    #[strum(serialize = "VERIFY_RESIZE")]
    VerifyResize,
    /// It runs another system, with its own disk as the second one.
    Rescue,
    /// Nothing of it is on the host: its disk is that of an image.
    #[strum(serialize = "SHELVED_OFFLOADED")]
    ShelvedOffloaded,
    /// Something failed; `fault` says what.
    Error,
    /// Gone; only its history is left.
    Deleted,
}

/// The task that is being done to an instance now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<TaskState>)]
pub enum TaskState {
    /// Its first start.
    Spawning,
    /// A start after a stop.
    PoweringOn,
    /// A stop: the guest has been asked to shut down.
    PoweringOff,
    /// A soft reboot: the guest has been asked to shut down.
    Rebooting,
    /// A hard reboot.
    #[strum(serialize = "rebooting_hard")]
    RebootingHard,
    /// Its owner pauses it.
    Pausing,
    /// Its owner lets it go on.
    Unpausing,
    /// Its guest's memory is being saved.
    Suspending,
    /// It is being made of its saved memory.
    Resuming,
    /// Gets a fresh disk, and stays off.
    Rebuilding,
    /// Gets a fresh disk, and runs from it.
    #[strum(serialize = "rebuild_spawning")]
    RebuildSpawning,
    /// Gets another flavor: a guest that runs has been asked to shut down.
    #[strum(serialize = "resize_prep")]
    ResizePrep,
    /// Gets its old flavor back: a guest that runs has been asked to shut down.
    #[strum(serialize = "resize_reverting")]
    ResizeReverting,
    /// Is shut down, and started from the rescue system.
    Rescuing,
    /// Is shut down, and started from its own disk.
    Unrescuing,
    /// Is shut down, and its disk captured into an image; then it leaves the host.
    Shelving,
    /// Comes back from its image.
    Unshelving,
    /// Its disk is being captured into an image; it cannot be started meanwhile.
    #[strum(serialize = "image_snapshot")]
    ImageSnapshot,
    /// Being deleted.
    Deleting,
}

/// One TCP port of a guest, open on this host's loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    pub guest_port: u16,
    /// The address of the host where it is open: that of the instance, where it has one.
    #[serde(default = "localhost")]
    pub address: Ipv4Addr,
    /// The port there: the guest's own, unless there is an obstacle.
    pub host_port: u16,
    /// The port that QEMU listens on, where the packet filter leads `host_port` to it.
    #[serde(default)]
    pub behind: Option<u16>,
    /// Why `host_port` is another than the guest's.
    #[serde(default)]
    pub obstacle: Option<Obstacle>,
}

impl Forward {
    /// The port that QEMU listens on.
    pub fn listens(&self) -> u16 {
        self.behind.unwrap_or(self.host_port)
    }
}

/// Where all instances' ports were, before each had an address.
fn localhost() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

/// The reason why a port of a guest has another number on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum Obstacle {
    /// Another program of the host has it.
    Taken,
    /// Only root may listen there, which QEMU is not, and there is no packet filter that leads it on.
    NoRight,
    /// The pool has no address for the instance.
    NoAddress,
}

/// Why an instance failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A status code in HTTP's sense, as Nova gives it.
    pub code: u16,
    /// The failure, and the way out of it.
    pub message: String,
    pub created_ms: i64,
}

/// The lock that lets only the admin change an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Whether the admin locked it; then only the admin unlocks it.
    pub by_admin: bool,
    /// Why, in the words of who locked it.
    pub reason: Option<String>,
}

/// The flavor that a resized instance had, until its owner confirms the new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResizedFrom {
    pub flavor: Flavor,
    /// The size of its disk before.
    pub disk_bytes: u64,
    /// Whether it runs, or will when what is being done is done. Queries look for it at the end of the JSON.
    pub runs: bool,
}

/// The system that an instance runs instead of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescue {
    /// The digest of the manifest under its disk, in hex.
    pub base_root: String,
    pub base_store: String,
    pub disk_bytes: u64,
    pub machine: Hardware,
    /// Whether it runs, or will when what is being done is done.
    pub runs: bool,
}

/// The part of a row that an instance's driver writes.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceState {
    pub status: Status,
    pub task: Option<TaskState>,
    /// Why its status is `ERROR` or `PAUSED`.
    pub fault: Option<Fault>,
    /// How its instructions run.
    pub accel: Option<String>,
    pub forwards: Vec<Forward>,
    /// The image that is being made of it.
    pub capture: Option<ImageId>,
    /// When its disk was first run from; `None`: nothing of a guest's is on it yet.
    pub launched_ms: Option<i64>,
    pub terminated_ms: Option<i64>,
    pub resized_from: Option<ResizedFrom>,
    pub rescue: Option<Box<Rescue>>,
    /// The image that its disk is in, until it has come back and that image is gone.
    pub shelved: Option<ImageId>,
}

impl InstanceState {
    /// Nothing is being done to it any more, and it runs or is off.
    pub fn at_rest(&mut self, runs: bool) {
        if self.task == Some(TaskState::ResizeReverting) {
            self.resized_from = None;
        }
        (self.task, self.fault) = (None, None);
        if let Some(rescue) = &mut self.rescue {
            (rescue.runs, self.status) = (runs, Status::Rescue);
            return;
        }
        self.status = match &mut self.resized_from {
            Some(from) => {
                from.runs = runs;
                Status::VerifyResize
            }
            None if runs => Status::Active,
            None => Status::Shutoff,
        };
    }

    /// Whether its machine runs, or may.
    pub fn runs(&self) -> bool {
        match self.status {
            Status::Active | Status::Paused | Status::Reboot => true,
            Status::Resize | Status::VerifyResize => self.runs_resized(),
            Status::Rescue => self.rescue.as_ref().is_some_and(|rescue| rescue.runs),
            Status::Build
            | Status::Rebuild
            | Status::ShelvedOffloaded
            | Status::Suspended
            | Status::Shutoff
            | Status::Error
            | Status::Deleted => false,
        }
    }

    /// Whether it is resized and runs, or is to be started when what is being done is done.
    pub fn runs_resized(&self) -> bool {
        self.resized_from.as_ref().is_some_and(|from| from.runs)
    }

    /// Whether its owner has paused it: a guest that is paused for want of room has a fault that says so.
    pub fn is_held(&self) -> bool {
        self.status == Status::Paused && self.fault.is_none()
    }

    /// Whether its guest stands still for its owner, and nobody else lets it go on.
    pub fn stands_still(&self) -> bool {
        self.is_held() || self.task == Some(TaskState::Suspending)
    }

    /// A state with nothing else known.
    pub fn new(status: Status, task: Option<TaskState>) -> InstanceState {
        InstanceState {
            status,
            task,
            fault: None,
            accel: None,
            forwards: Vec::new(),
            capture: None,
            launched_ms: None,
            terminated_ms: None,
            resized_from: None,
            rescue: None,
            shelved: None,
        }
    }
}

/// The decision of an instance's driver, for a transaction that writes it together with something else.
#[derive(Clone, Debug)]
pub struct StateChange {
    pub id: InstanceId,
    /// Its state as the driver knows it.
    pub old: InstanceState,
    /// Its state from then on.
    pub new: InstanceState,
    /// Whether what was being done goes on, or has ended, well or with a failure.
    pub ends: Option<Option<String>>,
}

impl StateChange {
    /// Whether the instance leaves its host, so that it stands on the disk of its image from then on.
    pub fn leaves_host(&self) -> bool {
        self.new.status == Status::ShelvedOffloaded && self.old.status != Status::ShelvedOffloaded
    }

    /// The same for an instance whose image is gone before it was whole: one that was to leave its host stays there.
    pub fn without_image(&self) -> StateChange {
        let mut change = self.clone();
        if self.leaves_host() {
            (change.new.status, change.new.shelved) = (change.old.status, change.old.shelved);
            change.new.launched_ms = change.old.launched_ms;
            change.ends = Some(Some("The image was deleted before it was made.".to_owned()));
        }
        change
    }
}

/// The part of an image's record that means nothing to its instance, and goes on to images of the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inherited {
    pub min_disk_gib: u64,
    pub min_ram_mib: u64,
    pub properties: BTreeMap<String, String>,
}

/// The part of a row that is settled when an instance is made, and changes only when it is rebuilt or resized.
#[derive(Clone, Debug)]
pub struct InstanceMake {
    pub image: ImageId,
    pub image_name: String,
    /// The image's properties that say what its guest needs or is.
    pub hardware: BTreeMap<String, String>,
    /// The rest of its image's record that an image of it has too.
    pub inherited: Inherited,
    /// Its machine; `None` for an instance of a version that did not settle it at the launch.
    pub machine: Option<Hardware>,
    /// The digest of the manifest under the overlay, in hex.
    pub base_root: String,
    pub base_store: String,
    pub base_bytes: u64,
    pub disk_bytes: u64,
    pub flavor: Flavor,
    pub vcpus: u32,
    pub memory_mib: u64,
    pub key_name: Option<String>,
    pub public_key: Option<String>,
    /// The network card's address; `None`: no network.
    pub mac: Option<String>,
    /// Its place among those of one call.
    pub launch_index: u32,
    pub reservation_id: String,
}

/// The data of its owner that a guest reads as it first boots. It may have 100 KiB, so that it is read for a start and in no
/// list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstBoot {
    pub user_data: Option<Vec<u8>>,
    pub files: Vec<GuestFile>,
}

/// A file that a guest writes as it first boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFile {
    /// Where the guest puts it.
    pub path: String,
    pub contents: Vec<u8>,
}

/// The addresses under which its owner says that an instance is reached. Nothing here answers there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

/// One instance.
#[derive(Clone, Debug)]
pub struct InstanceRow {
    pub id: InstanceId,
    pub project_id: ProjectId,
    pub user_id: UserId,
    pub name: String,
    pub description: Option<String>,
    /// The host name its guest is told.
    pub hostname: String,
    /// The user's own pairs.
    pub metadata: BTreeMap<String, String>,
    /// The user's own labels, sorted.
    pub tags: Vec<String>,
    pub access: Access,
    /// The part that a rebuild or a resize changes.
    pub make: InstanceMake,
    pub lock: Option<Lock>,
    /// The group that it was launched into, while that is there.
    pub server_group: Option<ServerGroupId>,
    /// The lowest number no other living instance has.
    pub number: u32,
    /// The part that the driver writes.
    pub state: InstanceState,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl InstanceRow {
    /// Whether only its history is left.
    pub fn is_deleted(&self) -> bool {
        self.state.status == Status::Deleted
    }
}

/// The usage of instances together, and its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Instances that are not deleted.
    pub instances: u64,
    pub vcpus: u64,
    pub memory_mib: u64,
    /// The greatest size of their disks, each rounded up.
    pub disk_gib: u64,
}

/// The part of an instance that its usage over a time is reckoned from.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedInstance {
    pub id: InstanceId,
    pub project_id: ProjectId,
    pub name: String,
    pub flavor: Flavor,
    pub status: Status,
    pub created_ms: i64,
    pub launched_ms: Option<i64>,
    pub terminated_ms: Option<i64>,
}

/// The share of a quota that one launch takes, for each instance.
#[derive(Clone, Copy, Debug)]
pub struct Reservation {
    /// The project that pays.
    pub project: ProjectId,
    pub min: u32,
    pub max: u32,
    pub vcpus: u32,
    pub memory_mib: u64,
    pub disk_bytes: u64,
    /// The whole quota of the project.
    pub quota: Usage,
    /// Memory that running instances of all projects may use.
    pub host_memory_mib: u64,
    /// The group that they are to be in.
    pub server_group: Option<ServerGroupId>,
}

/// The instances that a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstancesSeen {
    Living,
    Deleted,
    /// Both, if they changed at this time or later.
    ChangedSince(i64),
}
