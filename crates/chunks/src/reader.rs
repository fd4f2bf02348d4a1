//! Reading a content: any range, or a stream that reads ahead.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use crate::CHUNK_BYTES;
use crate::contents::{Contents, Leaf};
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch;
use crate::lane::Lane;
use crate::manifest::{LEAF_CHUNKS, Manifest, chunk_count};

/// A stream's read-ahead window.
const WINDOW_BYTES: u64 = 1 << 20;
/// A stream's first window, and every window while the store's read-ahead memory is spent: so slow
/// readers, however many, hold little each.
const SMALL_WINDOW_BYTES: u64 = 128 << 10;
/// Windows of one stream at the same time.
const WINDOWS_AHEAD: usize = 4;
/// Reads up to this length leave their chunks in the cache. Longer ones are sequential: they would
/// only push out what the short ones come back for.
const CACHED_READ_CHUNKS: u64 = 4;

static ZEROES: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// Reads one content; cheap to clone.
///
/// A content whose last root is gone can be read until a sweep has found it unreachable twice.
#[derive(Clone)]
pub struct Reader {
    contents: Arc<Contents>,
    ahead: Arc<Semaphore>,
    lane: Lane,
    root: Digest,
    manifest: Arc<Manifest>,
}

impl Reader {
    pub(crate) async fn open(contents: Arc<Contents>, ahead: Arc<Semaphore>, root: Digest) -> Result<Reader, Error> {
        let manifest = contents.manifest(root).await?;
        Ok(Reader { contents, ahead, lane: Lane::default(), root, manifest })
    }

    /// The same, with its streams in this lane; a reader has one of its own at first.
    pub fn in_lane(self, lane: &Lane) -> Reader {
        Reader { lane: lane.clone(), ..self }
    }

    /// Returns how many bytes the content has.
    pub fn size_bytes(&self) -> u64 {
        self.manifest.size_bytes
    }

    /// Returns how many chunks the content has, the zero ones among them.
    pub fn chunk_count(&self) -> u64 {
        chunk_count(self.manifest.size_bytes)
    }

    /// Returns the digest that identifies the content.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Reads bytes; fewer than asked for only at the end. Every byte is verified.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, Error> {
        let mut pieces = self.read_pieces(offset, len).await?;
        if pieces.len() <= 1 {
            return Ok(pieces.pop().unwrap_or_default());
        }
        let mut bytes = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(bytes.freeze())
    }

    /// Reads as [`Reader::read_at`] does, without the copy that makes one piece of it.
    pub async fn read_pieces(&self, offset: u64, len: usize) -> Result<Vec<Bytes>, Error> {
        let end = offset.saturating_add(len as u64).min(self.size_bytes());
        if offset >= end {
            return Ok(Vec::new());
        }
        let chunk_bytes = CHUNK_BYTES as u64;
        let chunks = offset / chunk_bytes..end.div_ceil(chunk_bytes);
        let base = chunks.start * chunk_bytes;
        let mut pieces = self.chunks(chunks).await?;
        if let Some(last) = pieces.last_mut() {
            last.truncate(((end - 1) % chunk_bytes + 1) as usize);
        }
        if let Some(first) = pieces.first_mut() {
            *first = first.slice((offset - base) as usize..);
        }
        Ok(pieces)
    }

    /// Reads as [`Reader::read_pieces`] does, together with all who read the same now.
    async fn shared_pieces(&self, offset: u64, len: usize) -> Result<Vec<Bytes>, Error> {
        let reader = self.clone();
        let read = async move { reader.read_pieces(offset, len).await };
        Ok(self.contents.windows.take((self.root, offset), read).await?.to_vec())
    }

    /// Reads a range from its start to its end, reading ahead in bounded memory. An end past the
    /// content's is the content's.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let ahead = Ahead {
            next: range.start,
            end: range.end.min(self.size_bytes()),
            reader: self.clone(),
            windows: VecDeque::new(),
            ready: VecDeque::new(),
            permit: None,
        };
        futures::stream::unfold(Some(ahead), |ahead| async move {
            let mut ahead = ahead?;
            match ahead.piece().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(ahead))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Returns the digest of a chunk; `None` when it is zeroes or past the end.
    pub async fn chunk_digest(&self, chunk: u64) -> Result<Option<Digest>, Error> {
        let Some(leaf) = self.leaf(chunk).await? else { return Ok(None) };
        Ok(Some(leaf.chunk((chunk % LEAF_CHUNKS) as usize)).filter(|digest| !digest.is_zero()))
    }

    /// Tells for each chunk of a range whether it is more than zeroes.
    pub async fn present(&self, chunks: Range<u64>) -> Result<Vec<bool>, Error> {
        let mut present = Vec::with_capacity(chunks.end.saturating_sub(chunks.start) as usize);
        let mut next = chunks.start;
        while next < chunks.end {
            let end = (next / LEAF_CHUNKS + 1).saturating_mul(LEAF_CHUNKS).min(chunks.end);
            match self.leaf(next).await? {
                None => present.resize(present.len() + (end - next) as usize, false),
                Some(leaf) => {
                    present.extend((next..end).map(|chunk| !leaf.chunk((chunk % LEAF_CHUNKS) as usize).is_zero()))
                }
            }
            next = end;
        }
        Ok(present)
    }

    /// Returns the leaf that names a chunk; `None` when it names only zeroes.
    async fn leaf(&self, chunk: u64) -> Result<Option<Arc<Leaf>>, Error> {
        match self.manifest.leaves.get((chunk / LEAF_CHUNKS) as usize) {
            Some(leaf) if !leaf.is_zero() => Ok(Some(self.contents.leaf(*leaf).await?)),
            _ => Ok(None),
        }
    }

    /// Reads whole chunks.
    async fn chunks(&self, chunks: Range<u64>) -> Result<Vec<Bytes>, Error> {
        let cached = chunks.end - chunks.start <= CACHED_READ_CHUNKS;
        let mut pieces = Vec::with_capacity((chunks.end - chunks.start) as usize);
        let mut next = chunks.start;
        while next < chunks.end {
            let end = ((next / LEAF_CHUNKS + 1) * LEAF_CHUNKS).min(chunks.end);
            let first = (next % LEAF_CHUNKS) as usize;
            let inside = first..first + (end - next) as usize;
            match self.leaf(next).await? {
                None => pieces.extend(inside.map(|_| Bytes::from_static(&ZEROES))),
                Some(leaf) => self.leaf_chunks(&leaf, inside, cached, &mut pieces).await?,
            }
            next = end;
        }
        Ok(pieces)
    }

    async fn leaf_chunks(
        &self,
        leaf: &Leaf,
        inside: Range<usize>,
        cached: bool,
        pieces: &mut Vec<Bytes>,
    ) -> Result<(), Error> {
        let base = pieces.len();
        let mut wanted = Vec::new();
        for at in inside.clone() {
            let digest = leaf.chunk(at);
            let piece = match digest.is_zero() {
                true => Some(Bytes::from_static(&ZEROES)),
                false => self.contents.cached(&digest),
            };
            if piece.is_none() {
                wanted.push(at);
            }
            pieces.push(piece.unwrap_or_default());
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let places = leaf.places(&self.contents, &wanted).await?;
        let fetched = fetch::fetch(&self.contents, places).await?;
        if fetched.stale {
            leaf.forget_places();
        }
        for (at, chunk) in wanted.into_iter().zip(fetched.chunks) {
            if chunk.len() != CHUNK_BYTES {
                let digest = leaf.chunk(at);
                return Err(Error::NotAManifest { digest: self.root, reason: wrong_length(digest) });
            }
            if cached {
                self.contents.keep(leaf.chunk(at), &chunk, fetched.alone);
            }
            pieces[base + at - inside.start] = chunk;
        }
        Ok(())
    }
}

/// Only a manifest that was made by hand can name a chunk of another length.
fn wrong_length(digest: Digest) -> &'static str {
    tracing::error!(chunk = %digest, "a manifest names a chunk of another length than its own");
    "it names a chunk of another length than its own"
}

type Window = AbortOnDropHandle<Result<(Vec<Bytes>, Option<OwnedSemaphorePermit>), Error>>;

/// The windows of a stream that are being read.
struct Ahead {
    reader: Reader,
    next: u64,
    end: u64,
    windows: VecDeque<Window>,
    ready: VecDeque<Bytes>,
    /// The share of the window that is being handed out.
    permit: Option<OwnedSemaphorePermit>,
}

impl Ahead {
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            self.permit = None;
            self.read_ahead();
            let Some(window) = self.windows.front_mut() else { return Ok(None) };
            let (pieces, permit) = window.await??;
            self.windows.pop_front();
            self.ready = pieces.into();
            self.permit = permit;
        }
    }

    fn read_ahead(&mut self) {
        while self.next < self.end && self.windows.len() < WINDOWS_AHEAD {
            let permit = self.ahead_permit();
            if permit.is_none() && !self.windows.is_empty() {
                return;
            }
            let window = if permit.is_some() { WINDOW_BYTES } else { SMALL_WINDOW_BYTES };
            // Ends at multiples of the window, so that no chunk is read twice.
            let end = ((self.next / window + 1) * window).min(self.end);
            let (reader, start) = (self.reader.clone(), self.next);
            self.next = end;
            let len = (end - start) as usize;
            self.windows.push_back(AbortOnDropHandle::new(tokio::spawn(async move {
                // Held for the read alone: what was read waits for its client without it.
                let _turn = reader.lane.windows.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
                let pieces = match end - start == WINDOW_BYTES {
                    true => reader.shared_pieces(start, len).await?,
                    false => reader.read_pieces(start, len).await?,
                };
                Ok((pieces, permit))
            })));
        }
    }

    /// Takes a share of the store's read-ahead memory, if there is one and the stream has shown
    /// that somebody reads it.
    fn ahead_permit(&self) -> Option<OwnedSemaphorePermit> {
        let ahead = self.reader.ahead.clone();
        ahead.try_acquire_many_owned((WINDOW_BYTES >> 10) as u32).ok()
    }
}
