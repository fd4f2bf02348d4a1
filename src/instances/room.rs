//! The state that the drivers and the door share, and the way of a message to its driver.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

use super::{
    accel::Acceleration,
    cgroup::Groups,
    console::Consoles,
    doors::Doors,
    driver::{Driver, MAILBOX, Message},
    flavors::Flavors,
    folder::Folder,
    key_pairs::KeyPairs,
    network,
    process::{self, Process},
    space::{self, Space},
    start::{DISK, DISK_IS_GONE},
    taps::{Tap, Taps},
    types::{Addresses, Forward},
};
use crate::{
    config,
    db::Database,
    error::{Error, Result},
    exports::Exports,
    identity::policy,
    ids::InstanceId,
    images::Images,
    model::instance::{InstanceRow, InstancesSeen, Usage},
};

/// Machines that come up at the same time: more only make each other slow.
const STARTS_AT_ONCE: usize = 8;
/// Memory that is the host's own, out of the reach of instances, unless the settings say a number.
const HOST_RESERVE_MIB: u64 = 1024;
/// The probe's number among the user ids: behind every instance's.
const PROBE_NUMBER: u32 = 99_999;

/// The cleaner's number: before the probe's. One at a time runs (`queue::Lane::Clean`).
const CLEANER_NUMBER: u32 = 99_998;

/// The parts that the room stands on.
pub struct Foundations {
    pub db: Database,
    /// Where instances are launched from, and what they are captured into.
    pub images: Images,
    /// How their disks reach them.
    pub exports: Exports,
    /// The sizes of instances.
    pub flavors: Flavors,
    /// The keys that sign in to instances.
    pub key_pairs: KeyPairs,
    pub settings: config::Instances,
    pub quota: config::Quota,
    /// The folder of their folders.
    pub folder: PathBuf,
}

pub(super) struct Room {
    pub(super) db: Database,
    pub(super) images: Images,
    pub(super) exports: Exports,
    pub(super) flavors: Flavors,
    pub(super) key_pairs: KeyPairs,
    pub(super) settings: config::Instances,
    pub(super) quota: Usage,
    pub(super) folder: PathBuf,
    pub(super) accel: Acceleration,
    pub(super) consoles: Consoles,
    pub(super) doors: Doors,
    pub(super) taps: Taps,
    pub(super) starts: Semaphore,
    pub(super) host: String,
    pub(super) host_memory_mib: u64,
    groups: Option<Groups>,
    /// Whether the file system of the disks has room.
    pub(super) space: watch::Receiver<Space>,
    pub(super) tasks: TaskTracker,
    drivers: Mutex<HashMap<InstanceId, mpsc::Sender<Message>>>,
    /// Where we are root, QEMU is not.
    is_root: bool,
}

impl Room {
    pub(super) fn new(on: Foundations) -> Result<Room> {
        let is_root = rustix::process::geteuid().is_root();
        if on.settings.enabled && !is_root {
            tracing::warn!(
                "not running as root: every QEMU is of this user, so a guest that takes its QEMU over reaches the database, \
                 the keys and all disks"
            );
        }
        let probe_user = is_root.then(|| on.settings.uid_base + PROBE_NUMBER);
        let (settings, folder) = (on.settings, on.folder);
        let accel = Acceleration::new(settings.accel, settings.qemu.clone(), folder.clone(), probe_user);
        let host_memory_mib = settings.memory_mib.unwrap_or_else(|| host_memory_mib().saturating_sub(HOST_RESERVE_MIB));
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".into());
        let quota = Usage {
            instances: on.quota.instances,
            vcpus: on.quota.vcpus,
            memory_mib: on.quota.memory_mib,
            disk_gib: on.quota.disk_gib,
        };
        // Its own folder tells whose a process is, so it is named in one way only.
        Folder::make_root(&folder).map_err(Error::internal)?;
        let folder = folder.canonicalize().map_err(Error::internal)?;
        let (space, watched) = (watch::Sender::new(Space::Enough), folder.clone());
        let watching = space.subscribe();
        if settings.enabled {
            // It ends with the last who listens, which is this room.
            tokio::spawn(space::watch(watched, settings.reserve_mib.saturating_mul(1 << 20), space));
        }
        let taps = Taps::new(&folder);
        Ok(Room {
            groups: if settings.enabled { Groups::announced() } else { None },
            space: watching,
            db: on.db,
            images: on.images,
            exports: on.exports,
            flavors: on.flavors,
            key_pairs: on.key_pairs,
            quota,
            accel,
            settings,
            folder,
            consoles: Consoles::default(),
            doors: Doors::default(),
            taps,
            starts: Semaphore::new(STARTS_AT_ONCE),
            host: host.trim().to_owned(),
            host_memory_mib,
            tasks: TaskTracker::new(),
            drivers: Mutex::default(),
            is_root,
        })
    }

    /// Gives every living instance its driver, and clears away what no instance owns.
    pub(super) async fn take_up(self: &Arc<Room>) -> Result<()> {
        let rows = self.db.instances(None, InstancesSeen::Living).await?;
        let mut pids = process::running(&self.folder).map_err(Error::internal)?;
        self.doors.take_up(&rows).await;
        if self.settings.network.mode == config::Mode::Bridge {
            let running = rows.iter().filter(|row| pids.contains_key(&row.id));
            let taps = running.filter_map(|row| Some((row.id, self.tap(row)?)));
            self.taps.take_up(&self.settings.network, taps).await;
        }
        let living: HashSet<InstanceId> = rows.iter().map(|row| row.id).collect();
        for row in rows {
            let pid = pids.remove(&row.id);
            self.drive(row, pid);
        }
        for (id, pid) in pids {
            tracing::warn!(instance.id = %id, pid, "ending the QEMU process of instance {id}, which is deleted");
            if let Ok(Some(process)) = Process::open(pid) {
                process.end().await;
            }
        }
        let root = self.folder.clone();
        let cleared = tokio::task::spawn_blocking(move || clear(&root, &living)).await;
        cleared.map_err(Error::internal)?.map_err(Error::internal)
    }

    /// Starts the driver of an instance.
    pub(super) fn drive(self: &Arc<Room>, row: InstanceRow, pid: Option<i32>) {
        let folder = self.folder(&row);
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let (id, room) = (row.id, self.clone());
        self.lock().insert(id, sender);
        self.tasks.spawn(async move {
            Driver::run(room.clone(), row, folder, mailbox, pid).await;
            room.lock().remove(&id);
        });
    }

    /// Lets the drivers go; the guests stay.
    pub(super) async fn close(&self) {
        self.lock().clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Sends a driver a message and waits for its answer. The message counts even if nobody waits any more.
    pub(super) async fn ask<T>(
        &self,
        id: InstanceId,
        message: impl FnOnce(oneshot::Sender<Result<T>>) -> Message,
    ) -> Result<T> {
        let driver = self.lock().get(&id).cloned().ok_or_else(|| policy::no_such_instance(id))?;
        let (reply, answer) = oneshot::channel();
        driver.send(message(reply)).await.map_err(|_| policy::no_such_instance(id))?;
        // A driver that ends without an answer has deleted its instance, or the service is ending.
        answer.await.map_err(|_| policy::no_such_instance(id))?
    }

    /// Bounds a QEMU that has just started, where the host can.
    pub(super) fn bound(&self, id: InstanceId, process: &Process, vcpus: u32, memory_mib: u64) {
        let Some(groups) = &self.groups else { return };
        if let Err(error) = groups.put(id, process.pid(), vcpus, memory_mib) {
            tracing::error!(instance.id = %id, %error, "the QEMU of {id} has no bounds of its own: {error}");
        }
    }

    /// Removes the bounds of QEMUs that have ended.
    pub(super) fn clear_bounds(&self) {
        if let Some(groups) = &self.groups {
            groups.clear();
        }
    }

    /// Where an instance's files are.
    pub(super) fn folder_of(&self, id: InstanceId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// The disk of an instance at rest.
    ///
    /// # Errors
    /// `Conflict` when it is gone, with the way out.
    pub(super) fn disk_of(&self, id: InstanceId) -> Result<File> {
        File::open(self.folder_of(id).join(DISK)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Conflict(DISK_IS_GONE.into()),
            _ => Error::Unavailable(format!("The disk of instance {id} cannot be opened: {error}; try again later.")),
        })
    }

    /// An instance's folder, for the user that its QEMU runs as where we are root.
    pub(super) fn folder(&self, row: &InstanceRow) -> Folder {
        Folder::at(self.folder_of(row.id), self.is_root.then(|| self.settings.uid_base + row.number))
    }

    /// The loopback address of an instance, where its ports are open; `None` where the pool has too few.
    pub(super) fn loopback(&self, row: &InstanceRow) -> Option<Ipv4Addr> {
        self.settings.network.loopback.get(row.number)
    }

    /// The tap of an instance; `None` without a network, and where there is no bridge.
    pub(super) fn tap(&self, row: &InstanceRow) -> Option<Tap> {
        let network = &self.settings.network;
        let mac = row.make.mac.clone().filter(|_| network.mode == config::Mode::Bridge)?;
        Some(Tap { mac, address: network::of_pool(network, row.number), project: row.project_id })
    }

    /// Where an instance is reached.
    pub(super) fn addresses(&self, row: &InstanceRow) -> Option<Addresses> {
        let mac = row.make.mac.clone()?;
        let network = &self.settings.network;
        if network.mode == config::Mode::User {
            let (floating_ip, forwards) = (self.floating_ip(row), row.state.forwards.clone());
            let fixed_ip = Some(network::FIXED_IP);
            return Some(Addresses { fixed_ip, floating_ip, access_ip: floating_ip, mac, forwards });
        }
        let fixed_ip = network::of_pool(network, row.number).filter(|_| !row.is_deleted());
        let place =
            |address, &port: &u16| Forward { guest_port: port, address, host_port: port, behind: None, obstacle: None };
        let at = |address| self.settings.forward_ports.iter().map(|port| place(address, port)).collect();
        let forwards = fixed_ip.map(at).unwrap_or_default();
        Some(Addresses { fixed_ip, floating_ip: None, access_ip: fixed_ip, mac, forwards })
    }

    /// The address where an instance's ports are open, or will be when it is started.
    fn floating_ip(&self, row: &InstanceRow) -> Option<Ipv4Addr> {
        if row.is_deleted() || self.settings.forward_ports.is_empty() {
            return None;
        }
        let open = row.state.forwards.first().filter(|_| row.state.runs()).map(|forward| forward.address);
        open.or_else(|| self.loopback(row)).filter(|address| *address != Ipv4Addr::LOCALHOST)
    }

    /// The user the cleaner's QEMU runs as, where we are root.
    pub(super) fn cleaner_user(&self) -> Option<u32> {
        self.is_root.then(|| self.settings.uid_base + CLEANER_NUMBER)
    }

    pub(super) fn stop_grace(&self) -> Duration {
        Duration::from_secs(self.settings.stop_grace_secs)
    }

    /// Whether another machine may begin to write to the file system of the disks.
    pub(super) fn disk_has_room(&self) -> Result<()> {
        match *self.space.borrow() {
            Space::Enough => Ok(()),
            Space::Short | Space::Used => Err(Error::Conflict(
                "No valid host was found. The disk of this host is nearly full; delete instances or images that nobody \
                 needs, or try again when the operator has made room."
                    .into(),
            )),
        }
    }

    /// Whether the host has the disk and the memory to run this instance beside those that run.
    pub(super) async fn host_has_room(&self, row: &InstanceRow) -> Result<()> {
        self.disk_has_room()?;
        self.has_memory(row, self.db.instance_memory_in_use(row.id).await?)
    }

    /// Whether the host has the memory to run this instance beside others that use so much.
    pub(super) fn has_memory(&self, row: &InstanceRow, used: u64) -> Result<()> {
        if used + row.make.memory_mib <= self.host_memory_mib {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "This host has {} MiB of memory for instances, {used} MiB are in use, and instance {} needs {} MiB; stop \
             another instance first.",
            self.host_memory_mib, row.id, row.make.memory_mib
        )))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceId, mpsc::Sender<Message>>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the folders of instances that are no more: their deletion was cut off.
fn clear(root: &Path, living: &HashSet<InstanceId>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.parse::<InstanceId>().ok());
        if id.is_some_and(|id| !living.contains(&id)) {
            Folder::remove(&entry.path())?;
        }
    }
    Ok(())
}

fn host_memory_mib() -> u64 {
    let facts = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = facts.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
