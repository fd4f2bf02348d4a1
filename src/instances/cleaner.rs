//! The cleaner: a guest of our own that cleans the copy of an image.
//!
//! ```text
//! image's disk ◄─ NBD, read only ─ overlay ◄─ virtio ─ guest: our kernel and memory disk, nothing of the image's
//!                                     │                  │ serial: begun, cleaning N, cured RULE COUNT, CLEANED
//!                                     ▼                  ▼
//!                              what it changed       how it went
//! ```
//!
//! No crate writes ext4 well, so Linux does. It mounts what may be hostile: it runs in the jail of every instance's
//! QEMU ([`super::qemu`]) with a user of its own, without any network, and its one disk is the overlay. It is known by
//! its folder like an instance's, so that what a service leaves behind the next one ends and clears away; and it ends
//! with the service.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Child,
    sync::watch,
};

use super::{
    Instances, console,
    folder::Folder,
    process::Process,
    qemu::{self, Cleaner},
    room::Room,
    start::DISK,
};
use crate::{
    error::{Error, Result},
    ids::InstanceId,
    images::{Changed, Cleanable},
};

/// The files of the cleaner, where `inspect.cleaner` says and in the folder of each run.
const FILES: [&str; 2] = [qemu::CLEANER_KERNEL, qemu::CLEANER_MEMORY];
/// How long a cleaning may take. Under emulation a small disk takes a quarter of a minute; most of a large one's time
/// is spent on checking its file systems.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most bytes read from the console: some forty lines a volume, and the last words of a kernel.
const MAX_SAID_BYTES: usize = 256 << 10;
/// Characters of a reason that the guest gives.
const MAX_REASON_CHARS: usize = 300;

/// A cleaned disk.
pub struct Cleaned {
    /// The changes, over the image's disk.
    pub disk: Changed,
    /// The cleaned findings, in words for the log.
    pub findings: String,
}

impl Instances {
    /// Cleans a copy of an image's disk; tells `percent` how far it is. A caller with a [`Cleanable`] may read the
    /// image. Dropping this ends the guest.
    ///
    /// # Errors
    /// `Conflict` with the reason why the file systems cannot be cleaned; `Unavailable` when guests cannot be run now.
    pub async fn clean(&self, source: &Cleanable, percent: &watch::Sender<u8>) -> Result<Cleaned> {
        check(&self.0)?;
        let accel = self.0.accel.get().await?;
        let id = InstanceId::new();
        let folder = Temporary::lay_out(&self.0, id, source.disk_bytes).await?;
        let socket = folder.0.path().join("nbd.sock");
        let export = self.0.exports.serve(id, &socket, folder.0.owner(), &source.disk).await?;
        let word = word()?;
        let cleaner = Cleaner { id, disk_bytes: source.disk_bytes, accel, word: &word, volumes: &source.volumes };
        let started = qemu::start_cleaner(&self.0.settings.qemu, &cleaner, &folder.0);
        let (child, process) = started.map_err(|error| Error::internal(anyhow::anyhow!("QEMU: {error}")))?;
        self.0.bound(id, &process, 1, qemu::CLEANER_MEMORY_MIB.into());
        let guest = Guest { process, folder };
        let heard = tokio::time::timeout(PATIENCE, hear(child, &word, percent)).await;
        let heard = heard
            .unwrap_or_else(|_| Err(format!("it took longer than {} minutes and was ended", PATIENCE.as_secs() / 60)));
        // Nobody who hears how it went finds the guest still running.
        guest.process.end().await;
        export.stop().await;
        self.0.clear_bounds();
        let findings = heard.map_err(|why| {
            let last_words = console::last_words(guest.folder.0.path());
            tracing::warn!(image.id = %source.id, last_words, "could not clean a copy of image {}: {why}", source.id);
            Error::Conflict(format!("Image {} cannot be cleaned: {why}.", source.id))
        })?;
        let overlay = File::open(guest.folder.0.path().join(DISK)).map_err(Error::internal)?;
        let disk = Changed { overlay, base: Some(source.disk.clone()), disk_bytes: source.disk_bytes };
        Ok(Cleaned { disk, findings })
    }
}

/// Checks that there is a cleaner to run.
///
/// # Errors
/// `Conflict` with what the operator has to set up.
pub(super) fn check(room: &Room) -> Result<()> {
    if !room.settings.enabled {
        return Err(Error::Conflict(
            "Images are cleaned in a guest, and this service runs none (instances.enabled).".into(),
        ));
    }
    let Some(folder) = &room.images.inspector().settings().cleaner else {
        return Err(Error::Conflict(
            "Images are cleaned in a guest of their own, and none is set up here: the operator makes it with \
             'guests/cleaner.sh FOLDER' and sets inspect.cleaner to that folder."
                .into(),
        ));
    };
    match FILES.iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(()),
        Some(name) => Err(Error::Conflict(format!(
            "The folder that inspect.cleaner names has no {name}: the operator makes it with 'guests/cleaner.sh FOLDER'."
        ))),
    }
}

/// The word that begins the guest's lines, so that nothing else is taken for one.
fn word() -> Result<String> {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).map_err(Error::internal)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The folder of one run; it goes with the run.
struct Temporary(Folder);

impl Temporary {
    async fn lay_out(room: &Arc<Room>, id: InstanceId, disk_bytes: u64) -> Result<Temporary> {
        let cleaner = room.images.inspector().settings().cleaner.clone().unwrap_or_default();
        let (path, owner) = (room.folder_of(id), room.cleaner_user());
        let laid = tokio::task::spawn_blocking(move || Temporary::fill(path, owner, &cleaner, disk_bytes)).await;
        laid.map_err(Error::internal)?.map_err(Error::internal)
    }

    fn fill(path: PathBuf, owner: Option<u32>, cleaner: &Path, disk_bytes: u64) -> std::io::Result<Temporary> {
        let folder = Temporary(Folder::at(path, owner));
        folder.0.make()?;
        for name in FILES {
            // QEMU's user may not be able to read the operator's.
            folder.0.write(name, &std::fs::read(cleaner.join(name))?)?;
        }
        folder.0.write_for_qemu(DISK, &disks::qcow2::create_overlay(disk_bytes))?;
        Ok(folder)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = Folder::remove(self.0.path()) {
            tracing::warn!(%error, "cannot remove {}; the next start removes it", self.0.path().display());
        }
    }
}

/// The guest of one run; it ends with the run, whatever becomes of it.
struct Guest {
    process: Process,
    folder: Temporary,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// Listens to the guest until it has ended.
///
/// # Errors
/// Why its disk is not to be used, in words that go on after a colon.
async fn hear(mut child: Child, word: &str, percent: &watch::Sender<u8>) -> Result<String, String> {
    let output = child.stdout.take().ok_or("the guest has no console")?;
    let findings = listen(output, word, percent).await?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    // QEMU has written everything when it ends well, and only then.
    if status.success() { Ok(findings) } else { Err(format!("QEMU ended with {status}")) }
}

async fn listen(mut output: impl AsyncRead + Unpin, word: &str, percent: &watch::Sender<u8>) -> Result<String, String> {
    let mut said = Vec::new();
    let (mut findings, mut outcome) = (Vec::new(), None);
    let (mut heard, mut piece) = (0, [0; 4096]);
    loop {
        let count = output.read(&mut piece).await.map_err(|error| error.to_string())?;
        said.extend_from_slice(&piece[..count]);
        while let Some(end) = said.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = said.drain(..=end).collect();
            match parse(word, &String::from_utf8_lossy(&line)) {
                Some(Said::Far(far)) => drop(percent.send_replace(far)),
                Some(Said::Cured(what)) => findings.push(what),
                Some(Said::Cleaned) => outcome = Some(Ok(())),
                Some(Said::Failed(why)) => outcome = Some(Err(why)),
                None => {}
            }
        }
        heard += count;
        if count == 0 || heard > MAX_SAID_BYTES {
            break;
        }
    }
    match outcome {
        Some(Ok(())) if findings.is_empty() => Ok("nothing".into()),
        Some(Ok(())) => Ok(findings.join(", ")),
        Some(Err(why)) => Err(why),
        None => Err("the cleaning guest ended without a result, or wrote too much".into()),
    }
}

/// The meaning of a line of the console.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// How far the guest is, in percent.
    Far(u8),
    /// A rule, and how many of its findings were cleaned.
    Cured(String),
    Cleaned,
    Failed(String),
}

fn parse(word: &str, line: &str) -> Option<Said> {
    let line: String = line.trim().strip_prefix(word)?.chars().filter(|c| !c.is_control()).collect();
    let (verb, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let rest: String = rest.chars().take(MAX_REASON_CHARS).collect();
    match verb {
        "begun" => Some(Said::Far(20)),
        "cleaning" => Some(Said::Far(50)),
        "cured" => Some(Said::Cured(rest)),
        "CLEANED" => Some(Said::Cleaned),
        "FAILED" => Some(Said::Failed(rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(console: &str) -> Result<String, String> {
        listen(console.as_bytes(), "abc", &watch::channel(0).0).await
    }

    #[tokio::test]
    async fn only_lines_with_the_word_of_this_run_are_heard() {
        let console = "\r\nabc begun\r\n[ 1.0] abc FAILED x\r\nxyz FAILED no\r\nabc cured machine_id 1\r\n\
                       abc cured ssh_host_key 4\r\nabc CLEANED\r\n";
        assert_eq!(heard(console).await.unwrap(), "machine_id 1, ssh_host_key 4");
        assert_eq!(heard("abc CLEANED\n").await.unwrap(), "nothing");
    }

    #[tokio::test]
    async fn a_guest_that_fails_or_falls_silent_has_cleaned_nothing() {
        assert_eq!(heard("abc begun\nabc FAILED it is\u{7} damaged\n").await.unwrap_err(), "it is damaged");
        for console in ["", "abc begun\n", "CLEANED\n", "xyz CLEANED\n", "abc CLEANED"] {
            assert!(heard(console).await.unwrap_err().contains("without a result"), "{console}");
        }
        let noise = "x\n".repeat(MAX_SAID_BYTES);
        assert!(heard(&format!("{noise}abc CLEANED\n")).await.is_err());
    }

    #[test]
    fn a_reason_is_bounded() {
        let Some(Said::Failed(why)) = parse("abc", &format!("abc FAILED {}", "x".repeat(1000))) else { panic!() };
        assert_eq!(why.len(), MAX_REASON_CHARS);
    }
}
