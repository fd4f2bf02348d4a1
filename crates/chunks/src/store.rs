//! The store: opening, closing, and the door to everything else.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::batch::BATCHES_AT_ONCE;
use crate::bucket::{Bucket, BucketStats, OBJECT_BYTES};
use crate::contents::{Bounds, Contents};
use crate::digest::Digest;
use crate::error::Error;
use crate::files::{Files, OwnerLock};
use crate::index::Index;
use crate::lane::Lane;
use crate::lately::Lately;
use crate::reader::Reader;
use crate::recover;
use crate::segment::Segments;
use crate::session::{Hold, Session};

/// How often idle segments are sealed and idle memory is given back.
const JANITOR_PERIOD: Duration = Duration::from_secs(5);
/// How long a segment waits on the shelf for the next save.
const SHELF_LIFE: Duration = Duration::from_secs(10);
/// The bytes that all streams together may read ahead: enough for sixteen at full speed.
const READ_AHEAD_BYTES: usize = 64 << 20;
/// Segments' places are kept in 32 bits, with room for a batch past the end.
const LARGEST_SEGMENT_BYTES: u64 = 1 << 30;

/// How a store works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a session is believed alive without a sign of life. Short enough that a hung save
    /// does not stop the sweep for long, long enough for a database that is being restarted.
    pub lease: Duration,
    /// How long a segment grows before it is sealed.
    pub segment_bytes: u64,
    /// How many bytes stay free on the file system for others: no save writes into them. A sweep may, as it gives
    /// back more than it takes.
    pub reserve_bytes: u64,
    /// The bucket that has the sealed segments; `None` when the folder has them.
    pub bucket: Option<Bucket>,
    /// How many bytes of decoded chunks are kept in memory at most.
    pub chunk_cache_bytes: u64,
    /// How many bytes of manifest leaves and chunk places are kept in memory at most.
    pub leaf_cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            lease: Duration::from_secs(120),
            segment_bytes: 64 << 20,
            reserve_bytes: 0,
            bucket: None,
            chunk_cache_bytes: 32 << 20,
            leaf_cache_bytes: 16 << 20,
        }
    }
}

/// The chunk store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) index: Arc<dyn Index>,
    pub(crate) files: Arc<Files>,
    pub(crate) contents: Arc<Contents>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) options: Options,
    pub(crate) owner: u64,
    /// The sessions of this process; those that have ended are not there any more.
    pub(crate) sessions: Mutex<Vec<Weak<Hold>>>,
    /// A permit for each batch that all saves together may have under way.
    pub(crate) batches: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
    lock: Mutex<Option<OwnerLock>>,
    /// The lock of the cache before a bucket.
    cache_lock: Mutex<Option<OwnerLock>>,
}

impl Store {
    /// Opens the store in `dir`, making it when it is not there, and clears up after stores that
    /// died on it. Several processes may have it open at once, with the same index.
    pub async fn open(dir: &Path, index: Arc<dyn Index>, options: Options) -> Result<Store, Error> {
        let bucket = options.bucket.clone().map(|bucket| (bucket, index.clone()));
        let most_bytes = if bucket.is_some() { OBJECT_BYTES } else { LARGEST_SEGMENT_BYTES };
        let files = Arc::new(Files::open(dir, bucket)?);
        recover::open_bucket(&files).await?;
        let (owner, lock) = register(&files, &*index).await?;
        // One more than there are processors, so that one that waits for the disk idles none.
        let cores = crate::cores();
        let cpu = Arc::new(Semaphore::new(cores + 1));
        let bounds = Bounds {
            manifests: options.leaf_cache_bytes / 4,
            leaves: options.leaf_cache_bytes,
            chunks: options.chunk_cache_bytes,
        };
        let lately = Arc::new(Lately::new());
        let contents = Arc::new(Contents::new(index.clone(), files.clone(), lately.clone(), cpu, bounds));
        let segment_bytes = options.segment_bytes.min(most_bytes);
        let segments =
            Arc::new(Segments::new(files.clone(), index.clone(), lately, owner, segment_bytes, options.reserve_bytes));
        let ahead = Arc::new(Semaphore::new(READ_AHEAD_BYTES >> 10));
        // Two for each thread that works on them: one in hand, one that waits.
        let batches = Arc::new(Semaphore::new((2 * (cores + 1)).max(BATCHES_AT_ONCE)));
        let (sessions, lock, cache_lock) = (Mutex::default(), Mutex::new(Some(lock)), Mutex::default());
        let inner =
            Inner { index, files, contents, segments, options, owner, sessions, batches, ahead, lock, cache_lock };
        let inner = Arc::new(inner);
        match recover::clear_up(&inner).await {
            // The next sweep clears up, when the bucket answers.
            Err(error @ Error::Io { .. }) if inner.files.objects.is_some() => {
                tracing::warn!(%error, "cannot clear up: {error}")
            }
            cleared => cleared?,
        }
        // Objects that were kept for a while go in the sweeps: a start need not wait for so many requests.
        if inner.files.objects.is_none() {
            recover::remove_dropped(&inner).await?;
        }
        // The files that were left are sealed or gone by now.
        inner.take_cache().await?;
        tokio::spawn(look_after(Arc::downgrade(&inner)));
        Ok(Store { inner })
    }

    /// Begins a save in a lane of its own.
    pub async fn begin(&self) -> Result<Session, Error> {
        self.begin_in(&Lane::default()).await
    }

    /// Begins a save.
    pub async fn begin_in(&self, lane: &Lane) -> Result<Session, Error> {
        Session::begin(self.inner.clone(), lane.clone()).await
    }

    /// Opens the content of this root. Costs one read of the root, or none when it is cached.
    pub async fn reader(&self, root: Digest) -> Result<Reader, Error> {
        Reader::open(self.inner.contents.clone(), self.inner.ahead.clone(), root).await
    }

    /// How many bytes the file system under the store has free for it.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        self.inner.files.free_bytes()
    }

    /// The requests to its bucket and the bytes in its cache; `None` when it has none.
    pub fn bucket_stats(&self) -> Option<BucketStats> {
        self.inner.files.objects.as_ref().map(|objects| objects.stats())
    }

    /// Whether its bucket failed to answer lately: nothing can be saved now. Always false for a folder.
    pub fn is_away(&self) -> bool {
        self.inner.files.objects.as_ref().is_some_and(|objects| objects.is_away())
    }

    /// Asks its bucket whether it is there and the right one; a folder is not asked.
    ///
    /// # Errors
    /// [`Error::Io`] when it does not answer, or belongs to another index.
    pub async fn probe(&self) -> Result<(), Error> {
        match &self.inner.files.objects {
            Some(objects) => objects.probe().await.map_err(Error::bucket),
            None => Ok(()),
        }
    }

    /// How many bytes saves have appended since the store was opened.
    pub fn appended_bytes(&self) -> u64 {
        self.inner.segments.appended_bytes()
    }

    /// Seals the open segments; call it when no save is under way any more. Without it they are
    /// sealed when the store is opened next.
    pub async fn close(&self) {
        self.inner.segments.seal_idle(Duration::ZERO).await;
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "the store was not left tidily; the next one to open it clears up");
        }
    }

    async fn leave(&self) -> Result<(), Error> {
        let Inner { index, owner, lock, .. } = &*self.inner;
        index.end_sessions_of(*owner).await.map_err(Error::index)?;
        let segments = recover::all_segments(&**index).await?;
        let left = segments.iter().any(|segment| segment.owner == *owner && recover::is_open(segment));
        let lock = lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lock) = lock.filter(|_| !left) {
            lock.remove();
        }
        if let Some(objects) = &self.inner.files.objects {
            objects.cache.leave();
        }
        self.inner.cache_lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }
}

impl Inner {
    /// Takes the cache before a bucket, unless another process has it. A service that starts beside a command gets it when
    /// that ends.
    async fn take_cache(&self) -> Result<(), Error> {
        let is_taken = self.cache_lock.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if self.files.objects.is_none() || is_taken {
            return Ok(());
        }
        let taken = recover::take_cache(&self.files, &*self.index).await?;
        *self.cache_lock.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        Ok(())
    }
}

async fn register(files: &Files, index: &dyn Index) -> Result<(u64, OwnerLock), Error> {
    loop {
        let owner = index.register_owner().await.map_err(Error::index)?;
        // A restored index may give out a number again that is in use.
        if let Some(lock) = files.lock_owner(owner)? {
            return Ok((owner, lock));
        }
    }
}

/// Looks after an open store until it is dropped.
async fn look_after(store: Weak<Inner>) {
    loop {
        tokio::time::sleep(JANITOR_PERIOD).await;
        let Some(inner) = store.upgrade() else { return };
        inner.contents.tidy();
        inner.files.close_idle();
        if let Some(objects) = &inner.files.objects {
            objects.look_after().await;
            if let Err(error) = inner.take_cache().await {
                tracing::debug!(%error, "the cache is not taken yet");
            }
        }
        // Last, as it may wait for a bucket.
        inner.segments.seal_idle(SHELF_LIFE).await;
    }
}
