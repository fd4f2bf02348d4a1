//! Brings a machine up: its files, its ports, its process, its monitor.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::sync::mpsc;

use super::{
    config_drive, console,
    firmware::{self, VARIABLES},
    folder::Folder,
    hardware,
    process::{Facts, Process},
    qemu::{self, Accel, Beside, Machine},
    qmp::{Event, Qmp},
    remake, rescue,
    room::Room,
    suspend::{self, MEMORY, Saved},
    types::Forward,
};
use crate::{
    config,
    model::{
        hardware::Hardware,
        instance::{FirstBoot, InstanceRow},
    },
};

/// How long QEMU may take from its start to its monitor's greeting; a busy host with emulation takes a second.
const GREETING: Duration = Duration::from_secs(30);
/// Starts tried when another program takes a port between our look and QEMU's.
const ATTEMPTS: usize = 3;
/// The overlay's name in an instance's folder.
pub(super) const DISK: &str = "disk.qcow2";
/// An instance that ran and has no disk any more never starts on an empty one without a word.
pub(super) const DISK_IS_GONE: &str = "The instance's disk is gone from its host, or is damaged, and a new one would be \
    empty. Restore disk.qcow2 in the instance's folder from a backup and reboot the instance hard, or delete it and \
    launch another from its image.";

/// A machine that has come up.
pub(super) struct Started {
    pub(super) process: Unclaimed,
    pub(super) qmp: Qmp,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) accel: Accel,
    pub(super) forwards: Vec<Forward>,
}

/// Ends a process that nobody took over: a start that failed or was given up half-way.
pub(super) struct Unclaimed(Option<Process>);

impl Unclaimed {
    /// Takes the process over: it goes on.
    pub(super) fn claim(mut self) -> Process {
        self.0.take().expect("only this takes it, once")
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(process) = &self.0 {
            process.kill();
        }
    }
}

/// Brings the machine of this row up.
///
/// # Errors
/// Why it did not come up, in words for the owner.
pub(super) async fn start(room: Arc<Room>, row: Arc<InstanceRow>, folder: Arc<Folder>) -> Result<Started, String> {
    let saved = row.state.is_resuming().then(|| suspend::saved(&folder)).transpose()?;
    let accel = match &saved {
        Some(saved) => saved.accel()?,
        None => room.accel.get().await.map_err(|error| error.to_string())?,
    };
    let own = row.make.machine.clone().unwrap_or_else(|| hardware::as_before(&row.make.hardware));
    let own_disk = Beside { is_backed: own.cd.is_none(), sector_bytes: own.sector_bytes };
    let (hardware, beside) = match &row.state.rescue {
        None => (own, None),
        Some(rescue) => (rescue.machine.clone(), Some(own_disk)),
    };
    let files = firmware::files(&room.settings.firmware, hardware.firmware);
    let (lay_row, lay_folder, template) = (row.clone(), folder.clone(), files.clone().map(|files| files.template));
    let first_boot = room.db.first_boot(row.id).await.map_err(|error| error.to_string())?;
    let network = room.settings.network.clone();
    let lay_out = move || lay_out(&lay_row, &first_boot, &network, &lay_folder, template.as_deref());
    if saved.is_none() {
        let laid = tokio::task::spawn_blocking(lay_out).await;
        laid.map_err(|error| error.to_string())??;
    }
    let parts = Parts { accel, hardware, code: files.map(|files| files.code), saved, beside };
    // A new disk becomes durable while QEMU comes up, and nobody is told of the machine before both are done.
    let (durable, started) = tokio::join!(settle(&row, &folder), come_up(&room, &row, &folder, &parts));
    let started = started?;
    durable?;
    Ok(started)
}

/// Makes the names and the bytes of a disk durable that has not run yet.
///
/// # Errors
/// Why they are not, in words for the owner.
pub(super) async fn settle(row: &InstanceRow, folder: &Arc<Folder>) -> Result<(), String> {
    if row.state.launched_ms.is_some() {
        return Ok(());
    }
    let folder = folder.clone();
    let settle = move || {
        if folder.has_for_qemu(VARIABLES, 0)? {
            folder.settle(VARIABLES)?;
        }
        folder.settle(DISK)
    };
    let settled = tokio::task::spawn_blocking(settle).await.map_err(|error| error.to_string())?;
    settled.map_err(|error| format!("The instance's disk cannot be made durable: {error}."))
}

/// The parts of a machine that are found before its process is started.
struct Parts {
    accel: Accel,
    hardware: Hardware,
    /// Its firmware, where QEMU does not bring it.
    code: Option<PathBuf>,
    /// The memory that it goes on from.
    saved: Option<Saved>,
    /// The own disk of an instance that is rescued.
    beside: Option<Beside>,
}

async fn come_up(room: &Room, row: &InstanceRow, folder: &Folder, parts: &Parts) -> Result<Started, String> {
    // So many at a time that each comes up quickly, however many are asked for.
    let _turn = room.starts.acquire().await.map_err(|error| error.to_string())?;
    for _ in 1..ATTEMPTS {
        match attempt(room, row, folder, parts).await {
            // QEMU's own words for a port that is taken.
            Err(why) if why.contains("host forwarding rule") => {}
            other => return other,
        }
    }
    attempt(room, row, folder, parts).await
}

async fn attempt(room: &Room, row: &InstanceRow, folder: &Folder, parts: &Parts) -> Result<Started, String> {
    let tap = match room.tap(row) {
        Some(tap) => Some(room.taps.plug(&room.settings.network, row.id, tap, folder.owner()).await),
        None => None,
    };
    let bridge = &room.settings.network.bridge;
    let tap =
        tap.transpose().map_err(|error| format!("The instance cannot be put on the bridge '{bridge}': {error}."))?;
    let has_ports = row.make.mac.is_some() && tap.is_none();
    let wanted = if has_ports { room.settings.forward_ports.as_slice() } else { &[] };
    let forwards = room.doors.choose(room.loopback(row), wanted, &row.state.forwards).await;
    let forwards = forwards.map_err(|error| format!("No port of this host is free for the instance: {error}."))?;
    let accel = parts.accel;
    let machine = Machine {
        id: row.id,
        vcpus: row.make.vcpus,
        memory_mib: row.make.memory_mib,
        disk_bytes: row.make.disk_bytes.max(row.state.rescue.as_ref().map_or(0, |rescue| rescue.disk_bytes)),
        accel,
        hardware: &parts.hardware,
        firmware: parts.code.as_deref(),
        mac: row.make.mac.as_deref(),
        tap: tap.as_deref(),
        forwards: &forwards,
        outbound: room.settings.outbound,
        beside: parts.beside.as_ref(),
        resumes: parts.saved.as_ref().map(|saved| &*saved.machine),
    };
    // The child is dropped: the runtime reaps it when it ends, and we watch it by its pidfd.
    let with_last_words = |why| format!("{why} Its last words: {}", console::last_words(folder.path()));
    let (_, process) = qemu::start(&room.settings.qemu, &machine, folder)
        .map_err(|error| with_last_words(format!("QEMU cannot be started: {error}.")))?;
    let unclaimed = Unclaimed(Some(process));
    let process = unclaimed.0.as_ref().expect("it was just put there");
    room.bound(row.id, process, row.make.vcpus, row.make.memory_mib);
    let facts = Facts { accel: Some(accel.into_str().to_owned()), forwards: forwards.clone() };
    process.record(folder, facts).map_err(|error| format!("The instance's process cannot be recorded: {error}."))?;
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(GREETING, greet(folder, false)) => greeted.unwrap_or_else(|_| {
            Err(format!("QEMU did not answer within {} seconds.", GREETING.as_secs()))
        }),
        () = process.ended() => Err("QEMU ended as it started.".to_owned()),
    };
    let greeted = match (greeted, &parts.saved) {
        (Ok((qmp, events)), Some(_)) => tokio::select! {
            loaded = suspend::load(folder, &qmp) => loaded.map(|()| (qmp, events)),
            () = process.ended() => Err("QEMU ended as it read the saved memory.".to_owned()),
        },
        (greeted, _) => greeted,
    };
    if greeted.is_err() {
        // The next start opens the same disk.
        process.end().await;
    }
    let (qmp, events) = greeted.map_err(with_last_words)?;
    Ok(Started { process: unclaimed, qmp, events, accel, forwards })
}

/// Connects to the monitor of a machine's QEMU, waiting for it to come up. A machine that its owner holds stays paused.
pub(super) async fn greet(folder: &Folder, is_held: bool) -> Result<(Qmp, mpsc::Receiver<Event>), String> {
    let stream =
        folder.connect("qmp.sock").await.map_err(|error| format!("QEMU's monitor is out of reach: {error}."))?;
    let (qmp, events) = Qmp::greet(stream).await.map_err(|error| format!("{error}."))?;
    // A guest that was stopped by an error of its disk, or paused by the last service, goes on; one that runs does not
    // notice. If there still is no room for it, its driver pauses it again.
    let status = qmp.execute("query-status", json!({})).await.map_err(|error| format!("{error}."))?;
    match status["status"].as_str().unwrap_or_default() {
        _ if is_held => {}
        // After a suspend that failed.
        "finish-migrate" => return Err("QEMU is not done with its state.".into()),
        "io-error" | "paused" | "postmigrate" => drop(qmp.execute("cont", json!({})).await),
        _ => {}
    }
    Ok((qmp, events))
}

/// Lays the machine's files out. The disk of a machine that ran is kept; all else is made anew by every start, or where
/// it is missing.
fn lay_out(
    row: &InstanceRow,
    first_boot: &FirstBoot,
    network: &config::Network,
    folder: &Folder,
    template: Option<&Path>,
) -> Result<(), String> {
    let in_words = |error: std::io::Error| format!("The instance's files cannot be created: {error}.");
    // The guest that was suspended is given up: its disk moves on.
    folder.discard(MEMORY).map_err(in_words)?;
    let overlay = disks::qcow2::create_overlay(row.make.disk_bytes);
    match row.state.launched_ms {
        // Nothing of a guest's is in what a launch that was cut off left behind, and a power cut may have torn it.
        None => folder.write_for_qemu(DISK, &overlay).map_err(in_words)?,
        Some(_) if folder.has_for_qemu(DISK, overlay.len() as u64).map_err(in_words)? => {
            // After a resize.
            remake::grow(folder, row.make.disk_bytes).map_err(in_words)?;
        }
        Some(_) => return Err(DISK_IS_GONE.to_owned()),
    }
    let template = template.map(std::fs::read).transpose().map_err(in_words)?;
    let rescue = row.state.rescue.as_deref();
    rescue::lay_out(folder, rescue, template.as_deref()).map_err(in_words)?;
    if let Some(template) = template.filter(|_| rescue.is_none()) {
        lay_out_variables(row, folder, &template).map_err(in_words)?;
    }
    lay_out_rest(row, first_boot, network, folder).map_err(in_words)
}

/// Lays out the variables of the firmware. Where they are gone or torn, the guest gets new ones and boots from the place
/// where a firmware without any looks.
fn lay_out_variables(row: &InstanceRow, folder: &Folder, variables: &[u8]) -> std::io::Result<()> {
    // One that was shelved has a disk that is fresh and a system that is not.
    let has_some = row.state.launched_ms.is_some() || row.state.shelved.is_some();
    if has_some && folder.has_for_qemu(VARIABLES, variables.len() as u64)? {
        return Ok(());
    }
    folder.write_for_qemu(VARIABLES, variables)
}

fn lay_out_rest(
    row: &InstanceRow,
    first_boot: &FirstBoot,
    network: &config::Network,
    folder: &Folder,
) -> std::io::Result<()> {
    if !folder.has_for_qemu("console.log", 0)? {
        folder.write_for_qemu("console.log", b"")?;
    }
    folder.write("config.img", &config_drive::volume(row, first_boot, network)?)?;
    console::trim(folder.path())
}
