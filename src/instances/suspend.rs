//! Suspending: a guest's memory becomes a file, its QEMU ends, and another goes on with it later.
//!
//! ```text
//! ACTIVE ─ suspend ─► task suspending: the guest stands still, QEMU sends its state, `memory.new` takes it
//!                       durable, named `memory` ─► QEMU ends ─► SUSPENDED
//! SUSPENDED ─ resume ─► task resuming: a new QEMU waits, reads `memory`, which is then forgotten ─► ACTIVE
//! ```
//!
//! The name is the truth. While `memory` is there, no guest runs on the disk beside it: the file is named after its last
//! byte is durable and before QEMU ends, and forgotten before the guest that came out of it goes on. So a kill at any time
//! leaves either the guest as it stood, or the one that went on, and never a memory that does not belong to its disk.
//!
//! QEMU writes into a socket of ours, not into a file: what is written is compressed, bounded, and stops at the reserve of
//! the host's disk. The state names the board with its version, since a later QEMU makes another of the plain word.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

use super::{
    driver::Driver,
    folder::Folder,
    qemu::Accel,
    qmp::Qmp,
    running::Running,
    space,
    types::{Status, TaskState},
};
use crate::model::{action::History, instance::InstanceState};

/// The name of a guest's memory in its instance's folder.
pub(super) const MEMORY: &str = "memory";
/// The socket that QEMU writes its state to; and the one that it reads it from, which it makes itself.
const OUT: &str = "memory.sock";
const IN: &str = "vnc/memory.sock";
/// The bytes of a state beside the guest's memory: that of the screen, of the firmware and of the devices.
const BESIDES_BYTES: u64 = 256 << 20;
/// The bytes that are handed on at a time.
const PIECE_BYTES: usize = 4 << 20;
/// How long QEMU may neither give nor take a byte: it copies memory.
const STALL: Duration = Duration::from_secs(60);
/// The fastest level: the guest waits.
const LEVEL: i32 = 1;
/// How long QEMU may take, once its last byte is read, to say that this was all.
const LAST_WORD: Duration = Duration::from_secs(10);
/// The pause between two questions for that.
const ASKED_AGAIN: Duration = Duration::from_millis(20);

/// The first line of a saved memory: what the QEMU that reads it must be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The board, with its version.
    pub(super) machine: String,
    accel: String,
}

impl Saved {
    /// How its guest's instructions ran, and have to run again.
    pub(super) fn accel(&self) -> Result<Accel, String> {
        self.accel.parse().map_err(|_| damaged("its first line names no accelerator"))
    }
}

impl Driver {
    /// Lets the guest stand still, and begins to save its memory; the loop takes the outcome.
    pub(super) async fn begin_save(&mut self) {
        match self.tell_to_save().await {
            Ok(saving) => self.saving = Some(saving),
            Err(why) => self.save_failed(&why).await,
        }
    }

    async fn tell_to_save(&self) -> Result<JoinHandle<Result<(), String>>, String> {
        let Some(Running { monitor: Some((qmp, _)), .. }) = &self.running else {
            return Err("QEMU's monitor is out of reach.".into());
        };
        let qemu = |error: super::qmp::QmpError| format!("{error}.");
        // A state that was sent and then lost is not sent again before the guest has gone on: QEMU refuses.
        if qmp.execute("query-status", json!({})).await.map_err(qemu)?["status"] == "postmigrate" {
            // As always before a guest goes on.
            self.folder.discard(MEMORY).map_err(|error| format!("{MEMORY} cannot be removed: {error}."))?;
            qmp.execute("cont", json!({})).await.map_err(qemu)?;
        }
        qmp.execute("stop", json!({})).await.map_err(qemu)?;
        let machine = qmp.execute("qom-get", json!({"path": "/machine", "property": "type"})).await.map_err(qemu)?;
        let machine =
            machine.as_str().and_then(|machine| machine.strip_suffix("-machine")).filter(|name| is_board(name));
        let saved = Saved {
            machine: machine.ok_or("QEMU does not say what its board is.")?.to_owned(),
            accel: self.row.state.accel.clone().ok_or("Nobody knows how the guest's instructions run.")?,
        };
        let file = |error: io::Error| format!("The guest's memory cannot be saved: {error}.");
        let listener = self.folder.listen_for_qemu(OUT).map_err(file)?;
        listener.set_nonblocking(true).map_err(file)?;
        let listener = UnixListener::from_std(listener).map_err(file)?;
        let bounds = Bounds {
            most_bytes: most_bytes(self.row.make.memory_mib),
            reserve_bytes: self.room.settings.reserve_mib << 20,
        };
        let saving = tokio::spawn(save(self.folder.clone(), listener, saved, bounds));
        if let Err(error) = qmp.execute("migrate", json!({"uri": format!("unix:{OUT}")})).await {
            saving.abort();
            return Err(qemu(error));
        }
        Ok(saving)
    }

    /// All that QEMU sent is written, or not: then the guest goes on.
    pub(super) async fn has_saved(&mut self, outcome: Result<(), String>) {
        self.saving = None;
        let kept = match outcome {
            Ok(()) => self.keep_memory().await,
            Err(why) => Err(why),
        };
        match kept {
            // Its end is the end of the order.
            Ok(()) => self.quit().await,
            Err(why) => self.save_failed(&why).await,
        }
    }

    /// Gives the memory its name, if it is whole: from here on its guest does not go on in this process.
    async fn keep_memory(&self) -> Result<(), String> {
        let Some(Running { monitor: Some((qmp, _)), .. }) = &self.running else {
            return Err("QEMU's monitor was lost before it said that its state was whole.".into());
        };
        migrated(qmp).await?;
        let folder = self.folder.clone();
        let kept = tokio::task::spawn_blocking(move || folder.keep(MEMORY)).await;
        let kept = kept.map_err(io::Error::other).and_then(|kept| kept);
        kept.map_err(|error| format!("The guest's memory cannot be saved: {error}."))
    }

    /// The guest goes on as if nobody had asked.
    async fn save_failed(&mut self, why: &str) {
        let id = self.row.id;
        tracing::warn!(instance.id = %id, "instance {id} is not suspended: {why}");
        // One that has its name after all would not be the memory of the guest that goes on.
        if let Err(error) = self.folder.discard(MEMORY) {
            tracing::error!(instance.id = %id, %error, "instance {id} has a memory that cannot be removed");
            return self.quit().await;
        }
        if let Some(running) = &mut self.running
            && let Some((qmp, _)) = &running.monitor
        {
            // Refused where no state is being sent.
            let _ = qmp.execute("migrate_cancel", json!({})).await;
            if qmp.execute("cont", json!({})).await.is_err() {
                // QEMU may not be done with what was cancelled: the next greeting lets the guest go on.
                running.monitor = None;
            }
        }
        let new = InstanceState { task: None, ..self.row.state.clone() };
        self.settle(new, History::Ends(Some(why))).await;
    }

    /// QEMU has ended while its guest was being suspended, or is found to have.
    pub(super) async fn save_has_ended(&mut self) {
        if let Some(saving) = self.saving.take() {
            saving.abort();
        }
        if !self.has_memory() {
            return self.is_off(Some("QEMU ended while the guest's memory was being saved.")).await;
        }
        self.is_suspended(None).await;
    }

    /// Its memory waits to be gone on with. `why`: a resume was tried, and failed.
    pub(super) async fn is_suspended(&mut self, why: Option<&str>) {
        let id = self.row.id;
        tracing::info!(instance.id = %id, "instance {id} is suspended");
        self.room.consoles.end(id);
        self.export = None;
        let new = InstanceState { status: Status::Suspended, task: None, fault: None, ..self.row.state.clone() };
        self.settle(new, History::Ends(why)).await;
    }

    /// Whether a memory is there that is gone on with.
    pub(super) fn has_memory(&self) -> bool {
        self.folder.path().join(MEMORY).exists()
    }
}

impl InstanceState {
    /// Whether it is being made of a saved memory.
    pub(super) fn is_resuming(&self) -> bool {
        self.task == Some(TaskState::Resuming)
    }
}

/// Whether this is a board's name and nothing else: it comes from a process that a guest may have taken over, and becomes a
/// part of the next one's command line.
fn is_board(name: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '.' | '-');
    !name.is_empty() && name.chars().all(is_sign)
}

/// The bytes that the state of a guest with so much memory may come to: each page of 4 KiB has a header of eight bytes.
fn most_bytes(memory_mib: u64) -> u64 {
    let memory = memory_mib << 20;
    memory + memory / 256 + BESIDES_BYTES
}

/// The bounds of a file that somebody else's bytes go into.
#[derive(Clone, Copy)]
struct Bounds {
    most_bytes: u64,
    /// The room that is left free on its file system.
    reserve_bytes: u64,
}

/// Writes what the first who connects sends; then it is durable, and has no name yet.
async fn save(folder: Arc<Folder>, listener: UnixListener, saved: Saved, bounds: Bounds) -> Result<(), String> {
    let words = |error: io::Error| format!("The guest's memory cannot be saved: {error}.");
    let (mut stream, _) = within(listener.accept()).await.map_err(words)?;
    let open = {
        let folder = folder.clone();
        move || {
            let mut file = folder.create_aside(MEMORY)?;
            serde_json::to_writer(&mut file, &saved)?;
            file.write_all(b"\n")?;
            let mut encoder = zstd::Encoder::new(file, LEVEL)?;
            // The only check of its own that a frame has.
            encoder.include_checksum(true)?;
            io::Result::Ok(encoder)
        }
    };
    let mut encoder = blocking(open).await.map_err(words)?;
    let mut total = 0;
    loop {
        let piece = within(next_piece(&mut stream)).await.map_err(words)?;
        if piece.is_empty() {
            break;
        }
        total += piece.len() as u64;
        let folder = folder.clone();
        let write = move || {
            bounds.check(&folder, total)?;
            encoder.write_all(&piece)?;
            io::Result::Ok(encoder)
        };
        encoder = blocking(write).await.map_err(words)?;
    }
    blocking(move || encoder.finish()?.sync_all()).await.map_err(words)
}

impl Bounds {
    fn check(self, folder: &Folder, total: u64) -> io::Result<()> {
        if total > self.most_bytes {
            return Err(io::Error::other("QEMU sends more than its machine can have"));
        }
        // It may need all that is asked for, and never more.
        if space::free_bytes(folder.path()).is_some_and(|free| free < self.reserve_bytes + PIECE_BYTES as u64) {
            return Err(io::Error::other(
                "the disk of its host is nearly full; delete instances or images that nobody needs",
            ));
        }
        Ok(())
    }
}

/// As much as comes at once, up to a piece; nothing at the end.
async fn next_piece(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    // A socket gives some 200 KiB at a time; a thread is asked for once for many of them.
    while piece.len() < PIECE_BYTES && stream.read_buf(&mut piece).await? > 0 {}
    Ok(piece)
}

/// Asks QEMU until its state is sent or taken whole.
async fn migrated(qmp: &Qmp) -> Result<(), String> {
    let asked = async {
        loop {
            let told = qmp.execute("query-migrate", json!({})).await.map_err(|error| format!("{error}."))?;
            match told["status"].as_str() {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => {
                    let why = told["error-desc"].as_str().unwrap_or("it does not say why");
                    return Err(format!("QEMU could not do it: {why}."));
                }
                _ => tokio::time::sleep(ASKED_AGAIN).await,
            }
        }
    };
    tokio::time::timeout(LAST_WORD, asked).await.unwrap_or_else(|_| Err("QEMU does not say whether it is done.".into()))
}

/// The first line of the memory that an instance is suspended with.
///
/// # Errors
/// Why it cannot be gone on with, and the way out.
pub(super) fn saved(folder: &Folder) -> Result<Saved, String> {
    open(folder).map(|(saved, _)| saved).map_err(|error| damaged(&error.to_string()))
}

fn damaged(why: &str) -> String {
    format!(
        "The saved memory of the guest cannot be read ({why}). Reboot the instance hard to start it from its disk, as after \
         a power cut."
    )
}

fn open(folder: &Folder) -> io::Result<(Saved, BufReader<File>)> {
    let mut file = BufReader::new(File::open(folder.path().join(MEMORY))?);
    let mut line = Vec::new();
    // Far more than it takes.
    file.by_ref().take(4096).read_until(b'\n', &mut line)?;
    let saved: Saved = serde_json::from_slice(&line)?;
    if !is_board(&saved.machine) {
        return Err(io::Error::other("its first line names no board"));
    }
    Ok((saved, file))
}

/// Has a QEMU that waits for it read the saved memory, and the guest in it go on.
///
/// # Errors
/// Why not, in words for the owner. The memory is still there, unless the guest may have gone on already.
pub(super) async fn load(folder: &Folder, qmp: &Qmp) -> Result<(), String> {
    let qemu = |error: super::qmp::QmpError| format!("{error}.");
    folder.forget(IN).map_err(|error| format!("{IN} cannot be made: {error}."))?;
    qmp.execute("migrate-incoming", json!({"uri": format!("unix:{IN}")})).await.map_err(qemu)?;
    let words = |error: io::Error| damaged(&error.to_string());
    let mut stream = folder.connect(IN).await.map_err(|error| format!("QEMU does not take it: {error}."))?;
    let (_, file) = open(folder).map_err(words)?;
    let mut decoder = zstd::Decoder::with_buffer(file).map_err(words)?.single_frame();
    loop {
        let read = move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            decoder.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            io::Result::Ok((decoder, piece))
        };
        let (back, piece) = blocking(read).await.map_err(words)?;
        if piece.is_empty() {
            break;
        }
        decoder = back;
        within(stream.write_all(&piece)).await.map_err(|error| format!("QEMU does not take it: {error}."))?;
    }
    stream.shutdown().await.map_err(|error| format!("QEMU does not take it: {error}."))?;
    migrated(qmp).await?;
    // First: from here on the guest's disk moves on.
    folder.discard(MEMORY).map_err(|error| format!("The saved memory cannot be removed: {error}."))?;
    qmp.execute("cont", json!({})).await.map(drop).map_err(qemu)
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(STALL, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "QEMU stands still")),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
