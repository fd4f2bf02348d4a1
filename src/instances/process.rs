//! A QEMU process as we know it: found again after a restart, watched, and never taken for another.
//!
//! A pid is not a name, because the kernel gives it out again. Pid, start time and boot together are one.

use std::{collections::HashMap, fs, io, os::fd::OwnedFd, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use super::{folder::Folder, types::Forward};
use crate::ids::InstanceId;

/// The file in an instance's folder that says which process runs it.
const RECORD: &str = "process";

/// The facts a process was started with. Only its file has them when the service ends before the row is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) accel: Option<String>,
    pub(super) forwards: Vec<Forward>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    record: Record,
    facts: Facts,
}

/// The marks that tell a process from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// Clock ticks since the boot (`man 5 proc`, field 22 of `stat`).
    start_ticks: u64,
    boot_id: String,
}

/// A process that runs, or did until a moment ago.
pub(super) struct Process {
    record: Record,
    fd: AsyncFd<OwnedFd>,
}

impl Process {
    /// Takes hold of the process with this pid; `None` when there is none.
    pub(super) fn open(pid: i32) -> io::Result<Option<Process>> {
        let Some(id) = Pid::from_raw(pid) else { return Ok(None) };
        // The hold comes before the look: from here on the pid cannot become another's unnoticed.
        let fd = match pidfd_open(id, PidfdFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(start_ticks) = start_ticks(pid) else { return Ok(None) };
        let record = Record { pid, start_ticks, boot_id: boot_id()? };
        #[expect(deprecated, reason = "its fault is types that give out another descriptor later; `OwnedFd` cannot")]
        let fd = AsyncFd::new(fd)?;
        Ok(Some(Process { record, fd }))
    }

    /// Its pid.
    pub(super) fn pid(&self) -> i32 {
        self.record.pid
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&self) {
        // A pidfd becomes readable when its process ends (`man 2 pidfd_open`), and never before.
        if self.fd.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends it soon: it may still run for a moment.
    pub(super) fn kill(&self) {
        // It may have ended by itself: that is as good.
        let _ = pidfd_send_signal(self.fd.get_ref(), Signal::KILL);
    }

    /// Ends it, and waits until it is gone with its memory, its open files and its folder.
    pub(super) async fn end(&self) {
        self.kill();
        self.ended().await;
    }

    /// Writes down which process it is, so that the next service finds it.
    pub(super) fn record(&self, folder: &Folder, facts: Facts) -> io::Result<()> {
        folder.write(RECORD, &serde_json::to_vec(&Written { record: self.record.clone(), facts })?)
    }

    /// Forgets what [`Process::record`] wrote.
    pub(super) fn forget(folder: &Folder) {
        let _ = fs::remove_file(folder.path().join(RECORD));
    }

    /// The recorded facts about this process; `None` when there are none, or they are about another one.
    pub(super) fn facts(&self, folder: &Folder) -> Option<Facts> {
        let bytes = fs::read(folder.path().join(RECORD)).ok()?;
        let written: Written = serde_json::from_slice(&bytes).ok()?;
        (written.record == self.record).then_some(written.facts)
    }
}

/// The pids of all QEMU processes that run in a folder below `root`, by the instance they say they are.
///
/// No other process can pretend to be one: the kernel tells the working directory, and only we may enter `root`.
pub(super) fn running(root: &Path) -> io::Result<HashMap<InstanceId, i32>> {
    let root = root.canonicalize()?;
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(folder) = fs::read_link(entry.path().join("cwd")) else { continue };
        let Some(id) = folder.strip_prefix(&root).ok().and_then(Path::to_str).and_then(|id| id.parse().ok()) else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let name = guest_name(id);
        if line.split(|byte| *byte == 0).any(|word| word == name.as_bytes()) && start_ticks(pid).is_some() {
            found.insert(id, pid);
        }
    }
    Ok(found)
}

/// How a QEMU process says whose it is.
pub(super) fn guest_name(id: InstanceId) -> String {
    format!("guest=effigy-{id}")
}

/// When a process started; `None` when it has ended (a zombie has).
fn start_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything; count from its last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18)?.parse().ok())?
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn process_that_has_ended_is_not_opened_and_one_that_runs_is_known_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("a"), None);
        folder.make().unwrap();
        let own = Process::open(std::process::id() as i32).unwrap().unwrap();
        let facts = Facts { accel: Some("tcg".into()), forwards: vec![] };
        own.record(&folder, facts.clone()).unwrap();
        assert_eq!(own.facts(&folder), Some(facts));
        let other = Process { record: Record { start_ticks: 1, ..own.record.clone() }, fd: own.fd };
        assert_eq!(other.facts(&folder), None);
        assert!(Process::open(i32::MAX).unwrap().is_none());
    }
}
