//! Verified chunks, manifests and leaves, from caches or from the segments.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{self, Place};
use crate::files::Files;
use crate::index::{BATCH_ROWS, Index, Location, Row};
use crate::lately::Lately;
use crate::manifest::{Manifest, decode_leaf};
use crate::windows::Windows;

/// Chunks whose places are looked up together when one is wanted: 16 MiB of content, about what
/// follows soon, in one statement.
const PLACES_AT_ONCE: usize = 256;
/// Manifests, leaves and chunks that nobody reads for so long leave the memory.
const IDLE_CACHE: Duration = Duration::from_secs(120);

/// The index, the files and the caches that all readers of a store share.
pub(crate) struct Contents {
    pub(crate) index: Arc<dyn Index>,
    pub(crate) files: Arc<Files>,
    pub(crate) cpu: Arc<Semaphore>,
    manifests: Cache<Digest, Arc<Manifest>>,
    leaves: Cache<Digest, Arc<Leaf>>,
    chunks: Cache<Digest, Bytes>,
    pub(crate) windows: Windows,
    pub(crate) lately: Arc<Lately>,
}

/// A leaf's digests, and the places of those that were read.
#[derive(Debug)]
pub(crate) struct Leaf {
    chunks: Vec<Digest>,
    places: Mutex<Vec<Option<Known>>>,
}

/// Where a chunk lies, and whether its row has the mark of damage.
type Known = (Location, bool);

/// How large the caches may grow, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) manifests: u64,
    pub(crate) leaves: u64,
    pub(crate) chunks: u64,
}

impl Contents {
    pub(crate) fn new(
        index: Arc<dyn Index>,
        files: Arc<Files>,
        lately: Arc<Lately>,
        cpu: Arc<Semaphore>,
        bounds: Bounds,
    ) -> Contents {
        Contents {
            index,
            files,
            cpu,
            manifests: Cache::builder()
                .max_capacity(bounds.manifests)
                .weigher(|_, manifest: &Arc<Manifest>| 256 + manifest.leaves.len() as u32 * 32)
                .time_to_idle(IDLE_CACHE)
                .build(),
            leaves: Cache::builder()
                .max_capacity(bounds.leaves)
                .weigher(|_, leaf: &Arc<Leaf>| 256 + leaf.chunks.len() as u32 * LEAF_CHUNK_WEIGHT)
                .time_to_idle(IDLE_CACHE)
                .build(),
            chunks: Cache::builder()
                .max_capacity(bounds.chunks)
                .weigher(|_, chunk: &Bytes| 256 + chunk.len() as u32)
                .time_to_idle(IDLE_CACHE)
                .build(),
            windows: Windows::default(),
            lately,
        }
    }

    pub(crate) async fn manifest(&self, root: Digest) -> Result<Arc<Manifest>, Error> {
        if let Some(manifest) = self.manifests.get(&root) {
            return Ok(manifest);
        }
        let bytes = self.chunk(root).await?;
        let manifest = Arc::new(Manifest::decode(root, &bytes)?);
        self.manifests.insert(root, manifest.clone());
        Ok(manifest)
    }

    pub(crate) async fn leaf(&self, digest: Digest) -> Result<Arc<Leaf>, Error> {
        if let Some(leaf) = self.leaves.get(&digest) {
            return Ok(leaf);
        }
        let leaf = Arc::new(Leaf::new(self.leaf_chunks(digest).await?));
        self.leaves.insert(digest, leaf.clone());
        Ok(leaf)
    }

    /// Reads a leaf past the cache, for walks over everything.
    pub(crate) async fn leaf_chunks(&self, digest: Digest) -> Result<Vec<Digest>, Error> {
        decode_leaf(digest, &self.chunk(digest).await?)
    }

    /// Reads a chunk past the caches.
    async fn chunk(&self, digest: Digest) -> Result<Bytes, Error> {
        let row = self.locate(&[digest]).await?.into_iter().flatten().next();
        let row = row.ok_or(Error::Missing(digest))?;
        let fetched = fetch::fetch(self, vec![Place::of(&row)]).await?;
        fetched.chunks.into_iter().next().ok_or(Error::Missing(digest))
    }

    pub(crate) async fn locate(&self, digests: &[Digest]) -> Result<Vec<Option<Row>>, Error> {
        let mut rows = Vec::with_capacity(digests.len());
        for digests in digests.chunks(BATCH_ROWS) {
            rows.extend(self.index.locate(digests).await.map_err(Error::index)?);
        }
        Ok(rows)
    }

    pub(crate) fn cached(&self, digest: &Digest) -> Option<Bytes> {
        self.chunks.get(digest)
    }

    /// Keeps a chunk in memory. A chunk that is a part of a longer buffer is copied, so that the
    /// cache holds no more bytes than it counts.
    pub(crate) fn keep(&self, digest: Digest, chunk: &Bytes, alone: bool) {
        let chunk = if alone { chunk.clone() } else { Bytes::copy_from_slice(chunk) };
        self.chunks.insert(digest, chunk);
    }

    /// Lets go of what nobody read for a while.
    pub(crate) fn tidy(&self) {
        self.manifests.run_pending_tasks();
        self.leaves.run_pending_tasks();
        self.chunks.run_pending_tasks();
        self.windows.tidy();
        self.lately.tidy();
    }
}

/// A digest and its place.
const LEAF_CHUNK_WEIGHT: u32 = (size_of::<Digest>() + size_of::<Option<Known>>()) as u32;

impl Leaf {
    fn new(chunks: Vec<Digest>) -> Leaf {
        let places = Mutex::new(vec![None; chunks.len()]);
        Leaf { chunks, places }
    }

    pub(crate) fn chunks(&self) -> &[Digest] {
        &self.chunks
    }

    /// Returns the digest of a chunk; zero past the leaf's end.
    pub(crate) fn chunk(&self, at: usize) -> Digest {
        self.chunks.get(at).copied().unwrap_or(Digest::ZERO)
    }

    /// Returns the places of these chunks, which are not zero, asking the index about those not
    /// known and their neighbours.
    pub(crate) async fn places(&self, contents: &Contents, wanted: &[usize]) -> Result<Vec<Place>, Error> {
        let unknown = self.unknown_around(wanted);
        if !unknown.is_empty() {
            let digests: Vec<Digest> = unknown.iter().map(|at| self.chunks[*at]).collect();
            let rows = contents.locate(&digests).await?;
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, row) in unknown.iter().zip(rows) {
                places[*at] = row.map(|row| (row.location, row.damaged));
            }
        }
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |at: &usize| {
            let digest = self.chunks[*at];
            let (location, is_marked) = places[*at].ok_or(Error::Missing(digest))?;
            Ok(Place { digest, location, is_marked })
        };
        wanted.iter().map(place).collect()
    }

    fn unknown_around(&self, wanted: &[usize]) -> Vec<usize> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = Vec::new();
        let mut asked_to = 0;
        for at in wanted.iter().filter(|at| places[**at].is_none()) {
            let group = at / PLACES_AT_ONCE * PLACES_AT_ONCE;
            let group = group.max(asked_to)..(group + PLACES_AT_ONCE).min(self.chunks.len());
            asked_to = group.end.max(asked_to);
            unknown.extend(group.filter(|at| places[*at].is_none() && !self.chunks[*at].is_zero()));
        }
        unknown
    }

    /// Forgets the places, after one was found to be out of date.
    pub(crate) fn forget_places(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).fill(None);
    }
}
