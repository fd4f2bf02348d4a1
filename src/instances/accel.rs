//! Whether guests can run under KVM here.
//!
//! That `/dev/kvm` opens proves nothing: there are hosts where it opens, machines can be made, and guests then hang.
//! So the probe guest (512 bytes, `probe/probe.asm`) is booted once and has two seconds to say its words.

use std::{path::PathBuf, time::Duration};

use tokio::{io::AsyncReadExt as _, sync::OnceCell};

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
/// What it says.
const WORDS: &[u8] = b"PROBE-OK";
/// How long it may take; under a working KVM it takes a tenth of that.
const PATIENCE: Duration = Duration::from_secs(2);
/// A disk that SeaBIOS boots has at least this many bytes.
const DISK_BYTES: usize = 64 << 10;

/// How guests run here, found out once.
pub(super) struct Acceleration {
    setting: config::Accel,
    program: PathBuf,
    folder: PathBuf,
    user: Option<u32>,
    found: OnceCell<Accel>,
}

impl Acceleration {
    /// Nothing is found out yet. `user`: whom the probe runs as, where we are root.
    pub(super) fn new(setting: config::Accel, program: PathBuf, folder: PathBuf, user: Option<u32>) -> Acceleration {
        Acceleration { setting, program, folder, user, found: OnceCell::new() }
    }

    /// What was found out, if it was.
    pub(super) fn known(&self) -> Option<Accel> {
        self.found.get().copied()
    }

    /// Finds out, once; everyone who asks meanwhile waits for the same answer.
    ///
    /// # Errors
    /// `Unavailable` when the settings insist on KVM and there is none.
    pub(super) async fn get(&self) -> Result<Accel> {
        self.found.get_or_try_init(|| self.find_out()).await.copied()
    }

    async fn find_out(&self) -> Result<Accel> {
        if self.setting == config::Accel::Tcg {
            return Ok(Accel::Tcg);
        }
        match (self.probe().await, self.setting) {
            (Ok(()), _) => {
                tracing::info!("instances run under KVM: the probe guest booted");
                Ok(Accel::Kvm)
            }
            (Err(why), config::Accel::Kvm) => {
                Err(Error::Unavailable(format!("instances are set to run under KVM, and it does not work here: {why}")))
            }
            (Err(why), _) => {
                tracing::warn!(
                    "instances run under emulation, which is slow and promises no isolation: KVM does not work here: \
                     {why}"
                );
                Ok(Accel::Tcg)
            }
        }
    }

    async fn probe(&self) -> std::result::Result<(), String> {
        if !std::path::Path::new("/dev/kvm").exists() {
            return Err("there is no /dev/kvm".into());
        }
        let folder = Folder::open(&self.folder, self.user).map_err(|error| error.to_string())?;
        let answer = self.boot(&folder).await;
        let _ = Folder::remove(&self.folder);
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
                    Ok(1..) if said.len() > 4096 => return Err("the probe guest talks nonsense".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
