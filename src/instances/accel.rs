//! Whether guests can run under KVM here.
//!
//! That `/dev/kvm` opens proves nothing: there are hosts where it opens, machines can be made, and guests then hang.
//! So the probe guest (512 bytes, `probe/probe.asm`) is booted and has two seconds to say its words.
//!
//! The answer is kept in a file. The next service goes by it at once, so that no launch waits, and asks again beside
//! it: a host may have changed, or have been too busy to answer.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::io::AsyncReadExt as _;

use super::{
    folder::Folder,
    qemu::{self, Accel},
};
use crate::{
    config,
    error::{Error, Result},
};

/// The probe guest.
const PROBE: &[u8; 512] = include_bytes!("probe/probe.bin");
/// The words that it writes.
const WORDS: &[u8] = b"PROBE-OK";
/// How long it may take; under a working KVM it takes a tenth of that.
const PATIENCE: Duration = Duration::from_secs(2);
/// A disk that SeaBIOS boots has at least this many bytes.
const DISK_BYTES: usize = 64 << 10;
/// The file of the last answer, in the folder of all instances.
const ANSWER: &str = "accel";

/// How guests run here.
pub(super) struct Acceleration {
    setting: config::Accel,
    program: PathBuf,
    root: PathBuf,
    user: Option<u32>,
    known: Mutex<Option<Accel>>,
    /// One probe at a time: everyone who asks meanwhile waits for the same answer.
    probing: tokio::sync::Mutex<()>,
}

impl Acceleration {
    /// Reads the last service's answer. `root`: the folder of all instances; `user`: the user the probe runs as,
    /// where we are root.
    pub(super) fn new(setting: config::Accel, program: PathBuf, root: PathBuf, user: Option<u32>) -> Acceleration {
        let known = match setting {
            config::Accel::Tcg => Some(Accel::Tcg),
            // Where the settings insist on KVM, the kept answer does not count.
            config::Accel::Kvm => None,
            config::Accel::Auto => remembered(&root),
        };
        Acceleration { setting, program, root, user, known: Mutex::new(known), probing: Default::default() }
    }

    /// The answer, if it is known.
    pub(super) fn known(&self) -> Option<Accel> {
        *self.lock()
    }

    /// The way guests run here; boots the probe guest if that is not known yet.
    ///
    /// # Errors
    /// `Unavailable` when the settings insist on KVM and there is none.
    pub(super) async fn get(&self) -> Result<Accel> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let _turn = self.probing.lock().await;
        match self.known() {
            Some(known) => Ok(known),
            None => self.find_out().await,
        }
    }

    /// Finds out again, whatever is known.
    ///
    /// # Errors
    /// As [`Acceleration::get`].
    pub(super) async fn refresh(&self) -> Result<Accel> {
        let _turn = self.probing.lock().await;
        self.find_out().await
    }

    async fn find_out(&self) -> Result<Accel> {
        if self.setting == config::Accel::Tcg {
            return Ok(Accel::Tcg);
        }
        let found = match (self.probe().await, self.setting) {
            (Ok(()), _) => {
                tracing::info!("instances run under KVM: the probe guest booted");
                Accel::Kvm
            }
            (Err(why), config::Accel::Kvm) => {
                let message = format!("instances are set to run under KVM, and it does not work here: {why}");
                return Err(Error::Unavailable(message));
            }
            (Err(why), _) => {
                tracing::warn!(
                    "instances run under emulation, which is slow and promises no isolation: KVM does not work here: \
                     {why}"
                );
                Accel::Tcg
            }
        };
        *self.lock() = Some(found);
        if let Err(error) = std::fs::write(self.root.join(ANSWER), found.into_str()) {
            tracing::warn!(%error, "cannot store whether KVM works; the next start tests it again");
        }
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Accel>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn probe(&self) -> std::result::Result<(), String> {
        if !std::path::Path::new("/dev/kvm").exists() {
            return Err("there is no /dev/kvm".into());
        }
        let path = self.root.join("probe");
        let folder = Folder::at(path.clone(), self.user);
        folder.make().map_err(|error| error.to_string())?;
        let answer = self.boot(&folder).await;
        let _ = Folder::remove(&path);
        answer
    }

    async fn boot(&self, folder: &Folder) -> std::result::Result<(), String> {
        let mut disk = PROBE.to_vec();
        disk.resize(DISK_BYTES, 0);
        folder.write("probe.img", &disk).map_err(|error| error.to_string())?;
        let started = qemu::start_probe(&self.program, folder, "probe.img", Accel::Kvm);
        let (mut child, process) = started.map_err(|error| error.to_string())?;
        let mut said = Vec::new();
        let mut output = child.stdout.take().ok_or("the probe guest has no output")?;
        let listening = async {
            let mut piece = [0; 64];
            while !said.windows(WORDS.len()).any(|words| words == WORDS) {
                match output.read(&mut piece).await {
                    Ok(1..) if said.len() > 4096 => return Err("the probe guest wrote something unexpected".to_owned()),
                    Ok(count @ 1..) => said.extend_from_slice(&piece[..count]),
                    _ => return Err(super::console::last_words(folder.path())),
                }
            }
            Ok(())
        };
        let answer = match tokio::time::timeout(PATIENCE, listening).await {
            Ok(answer) => answer,
            Err(_) => Err("/dev/kvm opens, but a guest does not boot within two seconds".into()),
        };
        process.kill();
        let _ = child.wait().await;
        answer
    }
}

/// The answer that the last service kept. A torn or foreign file counts as none.
fn remembered(root: &Path) -> Option<Accel> {
    std::fs::read_to_string(root.join(ANSWER)).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accel(setting: config::Accel, root: &Path) -> Acceleration {
        Acceleration::new(setting, "qemu-system-x86_64".into(), root.to_owned(), None)
    }

    #[test]
    fn last_answer_is_gone_by_unless_kvm_is_insisted_on() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(accel(config::Accel::Auto, root.path()).known(), None);
        std::fs::write(root.path().join(ANSWER), "kvm").unwrap();
        assert_eq!(accel(config::Accel::Auto, root.path()).known(), Some(Accel::Kvm));
        assert_eq!(accel(config::Accel::Kvm, root.path()).known(), None);
        assert_eq!(accel(config::Accel::Tcg, root.path()).known(), Some(Accel::Tcg));
        std::fs::write(root.path().join(ANSWER), "kv").unwrap();
        assert_eq!(accel(config::Accel::Auto, root.path()).known(), None);
    }

    #[test]
    fn probe_guest_is_what_its_source_says() {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = ("src/instances/probe/probe.asm", folder.path().join("probe.bin"));
        let assembled = std::process::Command::new("nasm").args(["-f", "bin", "-o"]).arg(&out).arg(source).status();
        match assembled {
            Ok(status) => assert!(status.success()),
            // Without nasm there is nothing to compare with.
            Err(_) => return,
        }
        assert_eq!(std::fs::read(out).unwrap(), PROBE);
    }
}
