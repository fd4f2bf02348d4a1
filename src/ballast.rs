//! Room set aside on each file system the service writes to, and given up when that is full.
//!
//! A delete, its event in the audit, a sweep and a start all write before they free anything. On a file system that
//! somebody else filled to the last byte none of them could, and nobody could make room. So there are a few files of
//! nothing, small enough to be missed by nobody: while the file system is nearly full they are deleted one by one, and
//! when there is plenty of room again they are made anew. Each also sets an inode aside.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FallocateFlags, StatVfs, fallocate, statvfs};
use tokio_util::sync::CancellationToken;

/// Files on each file system, and the bytes of each.
const FILES: usize = 16;
const FILE_BYTES: u64 = 2 << 20;
/// With less than this free, bytes or inodes, a file is given up.
const LOW_BYTES: u64 = 4 << 20;
const LOW_INODES: u64 = 8;
/// With at least this free, bytes and inodes, one is made.
const PLENTY_BYTES: u64 = 128 << 20;
const PLENTY_INODES: u64 = 128;
/// The pause between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The ballast of a service.
#[derive(Clone, Debug)]
pub struct Ballast(Vec<PathBuf>);

impl Ballast {
    /// The ballast of a service that writes to these folders: one for each of their file systems, in the first folder
    /// that lies there. A folder that is not there yet has none.
    pub fn of(written: impl IntoIterator<Item = PathBuf>) -> Ballast {
        let mut folders = BTreeMap::new();
        for folder in written {
            if let Ok(found) = fs::metadata(&folder) {
                folders.entry(found.dev()).or_insert_with(|| folder.join("ballast"));
            }
        }
        Ballast(folders.into_values().collect())
    }

    /// Gives up what is needed for the next writes, on each file system that is full.
    pub fn give_up(&self) {
        for folder in &self.0 {
            while is_low(folder)
                && let Some(file) = (0..FILES).map(|n| place(folder, n)).find(|file| file.exists())
            {
                match fs::remove_file(&file) {
                    Ok(()) => tracing::warn!(
                        "the file system of {} is full: a part of the ballast is given up",
                        folder.display()
                    ),
                    Err(error) => {
                        tracing::error!(%error, "cannot give up {}: {error}", file.display());
                        break;
                    }
                }
            }
        }
    }

    /// Keeps it: given up where a file system is full, and made where there is plenty of room.
    pub async fn tend(self, stop: CancellationToken) {
        loop {
            let ballast = self.clone();
            // A full or failing disk answers late, and the other tasks are not to wait for it.
            let tended = tokio::task::spawn_blocking(move || {
                ballast.give_up();
                ballast.make()
            });
            if let Ok(Err(error)) = tended.await {
                tracing::warn!(%error, "there is no room set aside for a full disk (docs/operations.md): {error}");
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Makes the files that are missing while there is plenty of room.
    ///
    /// # Errors
    /// The file system cannot set room aside, or not for this user.
    fn make(&self) -> io::Result<()> {
        for folder in &self.0 {
            for file in (0..FILES).map(|n| place(folder, n)) {
                if !file.exists() && is_plenty(folder) {
                    fs::create_dir_all(folder)?;
                    let made = fs::File::create(&file)?;
                    if let Err(error) = fallocate(&made, FallocateFlags::empty(), 0, FILE_BYTES) {
                        fs::remove_file(&file)?;
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(())
    }
}

fn place(folder: &Path, n: usize) -> PathBuf {
    folder.join(format!("{n:02}"))
}

fn free(folder: &Path) -> Option<StatVfs> {
    // The ballast's own folder may not be there yet; the one it lies in is.
    statvfs(folder.parent()?).ok()
}

fn is_low(folder: &Path) -> bool {
    free(folder).is_some_and(|free| bytes(&free) < LOW_BYTES || inodes(&free) < LOW_INODES)
}

fn is_plenty(folder: &Path) -> bool {
    free(folder).is_some_and(|free| bytes(&free) >= PLENTY_BYTES && inodes(&free) >= PLENTY_INODES)
}

fn bytes(free: &StatVfs) -> u64 {
    free.f_bavail.saturating_mul(free.f_frsize)
}

/// A file system that makes inodes as it needs them says that it has none at all.
fn inodes(free: &StatVfs) -> u64 {
    if free.f_files == 0 { u64::MAX } else { free.f_favail }
}
