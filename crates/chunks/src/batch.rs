//! One batch of chunks on its way: hashed, looked up, and what is new compressed.
//!
//! Batches of one save are worked on at the same time, each by its own task that hops onto
//! blocking threads for its CPU work; the appender takes their outcomes in order.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::CHUNK_BYTES;
use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::open::OpenSegment;
use crate::prove::prove;
use crate::record::{self, Entry, Kind};
use crate::segment::{Known, NewRecord, Segments};

/// Chunks in a batch: 2 MiB, big enough that the look-up of 32 digests costs little beside it.
pub(crate) const BATCH_CHUNKS: usize = 32;
/// Batches of one save at the same time, of the few that all saves share. Each holds at most its bytes
/// twice, plain and compressed: 16 MiB for a save.
pub(crate) const BATCHES_AT_ONCE: usize = 4;

/// The new value of a chunk of the content.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Data(Bytes),
    Known(Digest),
    Zero,
}

/// A chunk's place in the content, and its new digest with the length it has in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) chunk: u64,
    pub(crate) digest: Digest,
    pub(crate) stored_bytes: u64,
    /// Whether its bytes came with it, and not only its digest.
    pub(crate) has_data: bool,
}

/// A batch that is ready to be appended.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) slots: Vec<Slot>,
    /// The records of the chunks that were not in the store.
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<NewRecord>,
    /// Segments that hold chunks which another save appended and has not committed.
    pub(crate) durable_with: Vec<Arc<OpenSegment>>,
    pub(crate) _permits: [OwnedSemaphorePermit; 3],
}

/// The things that the preparation of a batch uses: parts of the store, and the session's numbers.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) segments: Arc<Segments>,
    pub(crate) contents: Arc<Contents>,
    pub(crate) session: u64,
    pub(crate) epoch: u64,
}

struct Hashed {
    chunk: u64,
    digest: Digest,
    data: Option<Bytes>,
}

impl Workshop {
    /// Runs CPU work on a blocking thread, when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        cpu: &Arc<Semaphore>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = cpu.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let work = tokio::task::spawn_blocking(move || {
            // Held by the work: a caller that is dropped does not stop the thread.
            let _permit = permit;
            work()
        });
        Ok(work.await?)
    }

    pub(crate) async fn prepare(
        self,
        changes: Vec<(u64, Change)>,
        permits: [OwnedSemaphorePermit; 3],
    ) -> Result<Prepared, Error> {
        let hashed = Workshop::run(&self.contents.cpu, move || hash(changes)).await?;
        let wanted: Vec<Digest> = hashed.iter().map(|chunk| chunk.digest).filter(|digest| !digest.is_zero()).collect();
        let mut known = match wanted.is_empty() {
            true => Vec::new(),
            false => self.segments.resolve(self.epoch, &wanted).await?,
        };
        let at_hand: Vec<Option<Bytes>> =
            hashed.iter().filter(|chunk| !chunk.digest.is_zero()).map(|chunk| chunk.data.clone()).collect();
        prove(&self.contents, &at_hand, &mut known).await?;
        // They would keep the bytes of the batch while it is compressed.
        drop(at_hand);
        let mut slots = Vec::with_capacity(hashed.len());
        let mut new = Vec::new();
        let mut durable_with: Vec<Arc<OpenSegment>> = Vec::new();
        let mut known = known.into_iter();
        for Hashed { chunk, digest, data } in hashed {
            let found = if digest.is_zero() { None } else { known.next().flatten() };
            let stored_bytes = found.as_ref().map_or(0, |found| u64::from(found.location.stored_bytes));
            slots.push(Slot { chunk, digest, stored_bytes, has_data: data.is_some() });
            match (found, data) {
                // Leaves and roots are named by digests too, but a content consists of neither.
                (Some(known), None) if known.location.raw_bytes != CHUNK_BYTES as u32 => {
                    return Err(Error::Missing(digest));
                }
                (Some(Known { pending, .. }), _) => durable_with.extend(pending),
                (None, Some(data)) => new.push((digest, data)),
                (None, None) if digest.is_zero() => {}
                (None, None) => return Err(Error::Missing(digest)),
            }
        }
        durable_with.dedup_by_key(|segment| segment.id);
        let (bytes, records) = match new.is_empty() {
            true => Default::default(),
            false => Workshop::run(&self.contents.cpu, move || encode(new)).await?,
        };
        Ok(Prepared { slots, bytes, records, durable_with, _permits: permits })
    }
}

fn hash(changes: Vec<(u64, Change)>) -> Vec<Hashed> {
    let hash = |(chunk, change)| match change {
        Change::Data(data) if is_zero(&data) => Hashed { chunk, digest: Digest::ZERO, data: None },
        Change::Data(data) => Hashed { chunk, digest: Digest::of(&data), data: Some(data) },
        Change::Known(digest) => Hashed { chunk, digest, data: None },
        Change::Zero => Hashed { chunk, digest: Digest::ZERO, data: None },
    };
    changes.into_iter().map(hash).collect()
}

fn encode(new: Vec<(Digest, Bytes)>) -> (Vec<u8>, Vec<NewRecord>) {
    let mut bytes = Vec::with_capacity(new.len() * (CHUNK_BYTES + record::HEADER_BYTES));
    let mut records = Vec::with_capacity(new.len());
    // A content may repeat a chunk within a batch; the index was asked about it before either was there.
    let mut seen = HashSet::with_capacity(new.len());
    for (digest, data) in new {
        if seen.insert(digest) {
            records.push(encode_one(digest, Kind::Data, &data, &mut bytes, None));
        }
    }
    (bytes, records)
}

/// Appends one record to a buffer that becomes a part of a segment.
pub(crate) fn encode_one(
    digest: Digest,
    kind: Kind,
    data: &[u8],
    bytes: &mut Vec<u8>,
    content_bytes: Option<u64>,
) -> NewRecord {
    let start = bytes.len() as u32;
    let header = record::encode(digest, kind, data, bytes);
    NewRecord { entry: Entry { start, header }, content_bytes }
}

fn is_zero(data: &[u8]) -> bool {
    // Blocks without an early way out inside become vector instructions.
    let (blocks, rest) = data.as_chunks::<128>();
    blocks.iter().all(|block| block.iter().fold(0, |any, byte| any | byte) == 0) && rest.iter().all(|byte| *byte == 0)
}
