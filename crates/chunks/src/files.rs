//! The store's folder: segment files, and a lock file for each store that has it open.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::bucket::{Bucket, Objects};
use crate::cache;
use crate::error::Error;
use crate::index::Index;

/// Segment files that are kept open for reading.
const OPEN_FILES: usize = 256;
/// Handles cost descriptors, of which connections need many.
const IDLE_FILE: Duration = Duration::from_secs(60);

/// The folder of segments: their numbers with their lengths, and the names of other files.
pub(crate) type Listed = (Vec<(u64, u64)>, Vec<String>);

/// The store's folder, and the bucket behind it where there is one.
pub(crate) struct Files {
    segments: PathBuf,
    owners: PathBuf,
    dir: PathBuf,
    /// The device and the number of the folder of segments.
    home: (u64, u64),
    /// A plain map: a cache that drops its values later would keep removed files' space.
    open: Mutex<HashMap<u64, Handle>>,
    /// Where the segments are when they are sealed; the folder has parts of them then.
    pub(crate) objects: Option<Arc<Objects>>,
}

#[derive(Debug)]
struct Handle {
    file: Arc<File>,
    used: Instant,
}

impl Files {
    pub(crate) fn open(dir: &Path, bucket: Option<(Bucket, Arc<dyn Index>)>) -> Result<Files, Error> {
        let (segments, owners) = (dir.join("segments"), dir.join("owners"));
        for dir in [&segments, &owners] {
            fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
        }
        sync_dir(dir)?;
        let home = identity(&segments).map_err(|error| Error::io(&segments, error))?;
        let objects = bucket.map(|(bucket, index)| Arc::new(Objects::new(bucket, segments.clone(), index)));
        Ok(Files { segments, owners, dir: dir.to_owned(), home, open: Mutex::default(), objects })
    }

    /// Tells whether the folder of segments is the one that was opened (its disk may not be mounted any more), or the
    /// bucket answers and is the right one. Where that is not so, a segment that is missing says nothing.
    pub(crate) async fn are_present(&self) -> bool {
        match &self.objects {
            Some(objects) => objects.probe().await.is_ok(),
            None => identity(&self.segments).is_ok_and(|found| found == self.home),
        }
    }

    pub(crate) fn free_bytes(&self) -> Result<u64, Error> {
        let found = rustix::fs::statvfs(&self.dir).map_err(|error| Error::io(&self.dir, error.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    pub(crate) fn path(&self, segment: u64) -> PathBuf {
        self.segments.join(cache::file_name(segment))
    }

    /// Creates a segment's file; `None` when there is one of that number already.
    pub(crate) fn create(&self, segment: u64) -> Result<Option<File>, Error> {
        let path = self.path(segment);
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Opens a segment's file for reading, or takes the handle that is open.
    pub(crate) fn read(&self, segment: u64) -> io::Result<Arc<File>> {
        let now = Instant::now();
        if let Some(handle) = self.handles().get_mut(&segment) {
            handle.used = now;
            return Ok(handle.file.clone());
        }
        // Opened without the lock, which every reader needs. Two that open the same file keep one handle.
        let file = Arc::new(File::open(self.path(segment))?);
        let mut open = self.handles();
        if open.len() >= OPEN_FILES {
            let oldest = open.iter().min_by_key(|(_, handle)| handle.used).map(|(oldest, _)| *oldest);
            oldest.and_then(|oldest| open.remove(&oldest));
        }
        open.insert(segment, Handle { file: file.clone(), used: now });
        Ok(file)
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a part of a segment, into memory that nobody zeroes first: that and the faults of fresh
    /// pages took a third of a download.
    pub(crate) fn read_at(&self, segment: u64, start: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = self.read(segment)?;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let next = start + bytes.len() as u64;
            match rustix::io::pread(&file, rustix::buffer::spare_capacity(&mut bytes), next) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Opens a segment's file that its owner left, to cut and seal it.
    pub(crate) fn reopen(&self, segment: u64) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path(segment))
    }

    /// Reads a part of a segment from where it is for good, past every cache.
    pub(crate) async fn read_there(self: &Arc<Self>, segment: u64, start: u64, len: usize) -> io::Result<Bytes> {
        if let Some(objects) = &self.objects {
            let bytes = objects.get(segment, start..start + len as u64).await?;
            return if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let files = self.clone();
        let read = tokio::task::spawn_blocking(move || files.read_at(segment, start, len).map(Bytes::from));
        read.await.map_err(io::Error::other)?
    }

    /// The length of a segment where it is for good.
    pub(crate) async fn len_there(self: &Arc<Self>, segment: u64) -> io::Result<u64> {
        if let Some(objects) = &self.objects {
            return objects.len(segment).await;
        }
        let files = self.clone();
        let len = tokio::task::spawn_blocking(move || files.read(segment)?.metadata().map(|found| found.len()));
        len.await.map_err(io::Error::other)?
    }

    /// Whether this error says that the bucket did not answer.
    pub(crate) fn is_away(&self, error: &io::Error) -> bool {
        self.objects.is_some() && error.kind() != io::ErrorKind::NotFound
    }

    /// Removes parts of a segment that did not read well from the cache before a bucket.
    pub(crate) fn distrust(&self, segment: u64, range: &Range<u64>) {
        self.handles().remove(&segment);
        if let Some(objects) = &self.objects {
            objects.cache.distrust(segment, range);
        }
    }

    /// Removes a segment's file; it is fine when there is none.
    pub(crate) fn remove(&self, segment: u64) -> Result<(), Error> {
        self.handles().remove(&segment);
        if let Some(objects) = &self.objects {
            objects.cache.forget(segment);
        }
        let path = self.path(segment);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Makes the names of new segments durable.
    pub(crate) fn sync_names(&self) -> Result<(), Error> {
        sync_dir(&self.segments)
    }

    /// Lists the files in the folder of segments.
    pub(crate) fn list(&self) -> Result<Listed, Error> {
        let fail = |error| Error::io(&self.segments, error);
        let (mut segments, mut strangers) = (Vec::new(), Vec::new());
        for file in fs::read_dir(&self.segments).map_err(fail)? {
            let file = file.map_err(fail)?;
            let name = file.file_name().to_string_lossy().into_owned();
            match cache::segment_of_file(&name) {
                Some(id) => segments.push((id, file.metadata().map_or(0, |metadata| metadata.len()))),
                None => strangers.push(name),
            }
        }
        segments.sort_unstable();
        Ok((segments, strangers))
    }

    /// Lets go of handles that nobody used for a while, and of those whose files another process has removed: their
    /// space is free only when the last handle is closed.
    pub(crate) fn close_idle(&self) {
        let is_there = |handle: &Handle| handle.file.metadata().is_ok_and(|found| found.nlink() > 0);
        self.handles().retain(|_, handle| handle.used.elapsed() < IDLE_FILE && is_there(handle));
    }

    fn owner_path(&self, owner: u64) -> PathBuf {
        self.owners.join(format!("{owner:016x}.lock"))
    }

    /// Takes a new owner's lock; `None` when a store that is open has this number.
    pub(crate) fn lock_owner(&self, owner: u64) -> Result<Option<OwnerLock>, Error> {
        let path = self.owner_path(owner);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| Error::io(&path, error))?;
        lock(file, path)
    }

    /// Tells whether a store is still open somewhere. The lock of a dead one is held meanwhile, so
    /// that nobody else clears up after it at the same time.
    pub(crate) fn owner(&self, owner: u64) -> Result<OwnerState, Error> {
        let path = self.owner_path(owner);
        match OpenOptions::new().write(true).open(&path) {
            // A store makes its lock file before its first row and removes it after its last, so a store
            // without one is not open.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(OwnerState::Dead(None)),
            Err(error) => Err(Error::io(&path, error)),
            Ok(file) => Ok(match lock(file, path)? {
                Some(lock) => OwnerState::Dead(Some(lock)),
                None => OwnerState::Alive,
            }),
        }
    }

    /// Takes the lock that only one sweep has; `None` when another sweep has it.
    pub(crate) fn lock_sweep(&self) -> Result<Option<OwnerLock>, Error> {
        self.lock_named("sweep.lock")
    }

    /// Takes the lock of the process whose cache the folder is; `None` when another process has it.
    pub(crate) fn lock_cache(&self) -> Result<Option<OwnerLock>, Error> {
        self.lock_named("cache.lock")
    }

    fn lock_named(&self, name: &str) -> Result<Option<OwnerLock>, Error> {
        let path = self.dir.join(name);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| Error::io(&path, error))?;
        lock(file, path)
    }
}

/// Whether the store that wrote something is still open.
#[derive(Debug)]
pub(crate) enum OwnerState {
    Alive,
    Dead(Option<OwnerLock>),
}

/// A lock that the system lets go of when its holder dies.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    file: File,
    path: PathBuf,
}

impl Drop for OwnerLock {
    /// Closing the file is not enough: a child between `fork` and `exec` has it open too, and the
    /// lock would outlive its holder by that moment (flock(2)).
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::debug!(path = %self.path.display(), %error, "a lock is held until its file is closed everywhere");
        }
    }
}

impl OwnerLock {
    /// Removes the lock's file, as nothing of its owner is left.
    pub(crate) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "a lock file stays behind");
        }
    }
}

fn lock(file: File, path: PathBuf) -> Result<Option<OwnerLock>, Error> {
    match file.try_lock() {
        Ok(()) => Ok(Some(OwnerLock { file, path })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io(&path, error)),
    }
}

fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(dir)?;
    Ok((found.dev(), found.ino()))
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| Error::io(dir, error))
}
