//! The second half of a save: records into segments, digests into a manifest, all of it durable.
//!
//! One task for each content. It takes prepared batches in order, so that neighbouring chunks lie
//! side by side; it ends with the leaves and the root.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::batch::{Prepared, Slot, Workshop, encode_one};
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::{LEAF_CHUNKS, Manifest, encode_leaf, leaf_count};
use crate::open::OpenSegment;
use crate::prove::prove;
use crate::record::Kind;
use crate::segment::{Appended, NewRecord, Room};
use crate::{CHUNK_BYTES, Content};

/// Distinct chunks that are counted exactly: 64 GiB of content, 20 MiB of memory. Beyond it every
/// chunk counts as distinct.
const COUNTED_CHUNKS: usize = 1 << 20;

/// A step of a save.
pub(crate) enum Step {
    Batch(JoinHandle<Result<Prepared, Error>>),
    /// The session moves on: the content so far is made readable, and chunks are claimed for this epoch from now on.
    MoveOn {
        epoch: u64,
        done: oneshot::Sender<SoFar>,
    },
    Finish {
        size_bytes: u64,
        done: oneshot::Sender<Content>,
    },
}

/// The root of what a save has placed so far; `None` while that is nothing but zeroes.
pub(crate) type SoFar = Result<Option<Digest>, Error>;

/// The content that a patch starts from.
pub(crate) struct Base {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) content_bytes: u64,
}

pub(crate) struct Builder {
    workshop: Workshop,
    leaves: Vec<Digest>,
    leaf: Option<(usize, Vec<Digest>)>,
    segment: Option<Arc<OpenSegment>>,
    durable_with: HashMap<u64, Arc<OpenSegment>>,
    seals: VecDeque<JoinHandle<Result<(), Error>>>,
    counted: HashSet<u64>,
    finished: Finished,
    stored_bytes: u64,
    further_bytes: u64,
    replaced: Vec<Digest>,
    /// Whether chunks of the content were lost with their segment.
    is_lost: bool,
}

/// The contents that a session has finished.
pub(crate) type Finished = Arc<Mutex<Contained>>;

#[derive(Default)]
pub(crate) struct Contained {
    pub(crate) roots: Vec<Digest>,
    /// Their chunks, as far as they were counted.
    counted: HashSet<u64>,
}

impl Builder {
    pub(crate) fn new(workshop: Workshop, finished: Finished, base: Option<Base>) -> Builder {
        let leaves = base.as_ref().map_or_else(Vec::new, |base| base.manifest.leaves.clone());
        Builder {
            workshop,
            leaves,
            stored_bytes: base.as_ref().map_or(0, |base| base.content_bytes),
            leaf: None,
            segment: None,
            durable_with: HashMap::new(),
            seals: VecDeque::new(),
            counted: HashSet::new(),
            finished,
            further_bytes: 0,
            replaced: Vec::new(),
            is_lost: false,
        }
    }

    /// Takes steps until the content is finished, or given up by the other side.
    pub(crate) async fn run(
        mut self,
        mut steps: mpsc::UnboundedReceiver<Step>,
        given_up: CancellationToken,
    ) -> Result<(), Error> {
        let outcome = self.take_steps(&mut steps, &given_up).await;
        self.give_back();
        outcome
    }

    fn give_back(&mut self) {
        if let Some(segment) = self.segment.take() {
            self.workshop.segments.give_back(segment);
        }
    }

    async fn take_steps(
        &mut self,
        steps: &mut mpsc::UnboundedReceiver<Step>,
        given_up: &CancellationToken,
    ) -> Result<(), Error> {
        // Given up only between two steps: the segment goes back to the shelf, and an append that is
        // still under way would meet the next writer's.
        while let Some(step) = given_up.run_until_cancelled(steps.recv()).await.flatten() {
            match step {
                Step::Batch(batch) => self.take_batch(batch.await??).await?,
                Step::MoveOn { epoch, done } => {
                    self.workshop.epoch = epoch;
                    let so_far = self.so_far().await;
                    // Told or not: the session stays where it is when it cannot move, and the save goes on.
                    let goes_on = match &so_far {
                        Err(error) if self.is_lost || !error.is_passing() => Err(error.clone()),
                        _ => Ok(()),
                    };
                    let _ = done.send(so_far);
                    goes_on?;
                }
                Step::Finish { size_bytes, done } => {
                    let content = self.finish(size_bytes).await?;
                    self.give_back();
                    // Nobody may wait any more; the content is garbage then.
                    let _ = done.send(content);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn take_batch(&mut self, mut batch: Prepared) -> Result<(), Error> {
        self.durable_with.extend(batch.durable_with.drain(..).map(|segment| (segment.id, segment)));
        // A chunk that is new has its stored length only since it was compressed.
        let lengths: HashMap<Digest, u64> = batch
            .records
            .iter()
            .map(|record| (record.entry.header.digest, u64::from(record.entry.header.stored_bytes)))
            .collect();
        self.append(std::mem::take(&mut batch.bytes), std::mem::take(&mut batch.records), Room::Beyond).await?;
        for slot in &batch.slots {
            let stored_bytes = lengths.get(&slot.digest).copied().unwrap_or(slot.stored_bytes);
            self.place(Slot { stored_bytes, ..*slot }).await?;
        }
        Ok(())
    }

    async fn append(&mut self, bytes: Vec<u8>, records: Vec<NewRecord>, room: Room) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let segments = self.workshop.segments.clone();
        let (mut bytes, mut records) = (bytes, records);
        loop {
            if let Some(full) = self.segment.take_if(|segment| segments.is_full(segment, bytes.len())) {
                self.seal(full).await?;
            }
            let segment = match &self.segment {
                Some(segment) => segment.clone(),
                None => self.segment.insert(segments.take().await?).clone(),
            };
            match segments.append(&segment, bytes, records, self.workshop.epoch, room).await? {
                Appended::Done(durable_with) => {
                    self.durable_with.extend(durable_with.into_iter().map(|segment| (segment.id, segment)));
                    return Ok(());
                }
                // Another save's commit closed it; it is full now, and the next one is asked for.
                Appended::Closed(again, of) => (bytes, records) = (again, of),
            }
        }
    }

    /// Seals a full segment beside the work on the next.
    async fn seal(&mut self, full: Arc<OpenSegment>) -> Result<(), Error> {
        if self.seals.len() >= self.workshop.segments.seals_at_once()
            && let Some(oldest) = self.seals.pop_front()
        {
            self.sealed(oldest).await?;
        }
        // Its seal is its commit.
        self.durable_with.remove(&full.id);
        let segments = self.workshop.segments.clone();
        self.seals.push_back(tokio::spawn(async move { segments.retire(full).await }));
        Ok(())
    }

    /// Waits for a seal. When it fails, the rows of its chunks are gone with it, and nobody waits for them again.
    async fn sealed(&mut self, seal: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
        let done = seal.await.map_err(Error::from).flatten();
        self.is_lost |= done.is_err();
        done
    }

    async fn place(&mut self, slot: Slot) -> Result<(), Error> {
        let leaf = (slot.chunk / LEAF_CHUNKS) as usize;
        if self.leaf.as_ref().is_none_or(|(open, _)| *open != leaf) {
            self.close_leaf().await?;
            self.open_leaf(leaf).await?;
        }
        let Some((_, chunks)) = &mut self.leaf else { return Ok(()) };
        let at = (slot.chunk % LEAF_CHUNKS) as usize;
        if chunks.len() <= at {
            chunks.resize(at + 1, Digest::ZERO);
        }
        let before = std::mem::replace(&mut chunks[at], slot.digest);
        if before == slot.digest {
            return Ok(());
        }
        if !before.is_zero() {
            self.replaced.push(before);
        }
        self.count(slot);
        Ok(())
    }

    fn count(&mut self, slot: Slot) {
        let full = self.counted.len() >= COUNTED_CHUNKS;
        let prefix = slot.digest.prefix();
        if slot.digest.is_zero() || !full && !self.counted.insert(prefix) {
            return;
        }
        self.stored_bytes += slot.stored_bytes;
        if slot.has_data && !lock(&self.finished).counted.contains(&prefix) {
            self.further_bytes += slot.stored_bytes;
        }
    }

    async fn open_leaf(&mut self, leaf: usize) -> Result<(), Error> {
        if self.leaves.len() <= leaf {
            self.leaves.resize(leaf + 1, Digest::ZERO);
        }
        let chunks = match self.leaves[leaf] {
            digest if digest.is_zero() => Vec::new(),
            digest => self.workshop.contents.leaf(digest).await?.chunks().to_vec(),
        };
        self.leaf = Some((leaf, chunks));
        Ok(())
    }

    async fn close_leaf(&mut self) -> Result<(), Error> {
        let Some((leaf, chunks)) = self.leaf.take() else { return Ok(()) };
        self.leaves[leaf] = match encode_leaf(&chunks) {
            None => Digest::ZERO,
            Some(bytes) => self.store(bytes, Kind::Leaf, None, Room::Beyond).await?,
        };
        self.uncount_replaced().await
    }

    /// Takes what a patch replaced out of the figure that its base brought along.
    async fn uncount_replaced(&mut self) -> Result<(), Error> {
        let replaced = std::mem::take(&mut self.replaced);
        if replaced.is_empty() {
            return Ok(());
        }
        let rows = self.workshop.contents.locate(&replaced).await?;
        let gone: u64 = rows.iter().flatten().map(|row| u64::from(row.location.stored_bytes)).sum();
        self.stored_bytes = self.stored_bytes.saturating_sub(gone);
        Ok(())
    }

    /// Stores a leaf or a root, unless it is there.
    async fn store(
        &mut self,
        bytes: Bytes,
        kind: Kind,
        content_bytes: Option<u64>,
        room: Room,
    ) -> Result<Digest, Error> {
        let digest = Digest::of(&bytes);
        let mut known = self.workshop.segments.resolve(self.workshop.epoch, &[digest]).await?;
        prove(&self.workshop.contents, &[Some(bytes.clone())], &mut known).await?;
        if let Some(known) = known.into_iter().flatten().next() {
            self.durable_with.extend(known.pending.map(|segment| (segment.id, segment)));
            return Ok(digest);
        }
        let encode = move || {
            let mut out = Vec::new();
            let record = encode_one(digest, kind, &bytes, &mut out, content_bytes);
            (out, record)
        };
        let (out, record) = Workshop::run(&self.workshop.contents.cpu, encode).await?;
        self.append(out, vec![record], room).await?;
        Ok(digest)
    }

    /// Stores the content of everything placed so far, its last leaf as it is. It may take the reserve for that, as the
    /// sweep that asks gives back more. The content itself goes on as
    /// if it had not been asked.
    async fn so_far(&mut self) -> SoFar {
        let mut leaves = self.leaves.clone();
        if let Some((at, bytes)) = self.leaf.as_ref().map(|(at, chunks)| (*at, encode_leaf(chunks))) {
            leaves[at] = match bytes {
                None => Digest::ZERO,
                Some(bytes) => self.store(bytes, Kind::Leaf, None, Room::Reserve).await?,
            };
        }
        if leaves.iter().all(Digest::is_zero) {
            return Ok(None);
        }
        // It may be the whole content, whose root is not stored again.
        self.uncount_replaced().await?;
        let size_bytes = leaves.len() as u64 * LEAF_CHUNKS * CHUNK_BYTES as u64;
        let manifest = Manifest { size_bytes, leaves };
        self.settle(Settle::Others).await?;
        let root = self.store(manifest.encode(), Kind::Root, Some(self.stored_bytes), Room::Reserve).await?;
        self.settle(Settle::All).await?;
        Ok(Some(root))
    }

    async fn finish(&mut self, size_bytes: u64) -> Result<Content, Error> {
        self.close_leaf().await?;
        self.leaves.resize(leaf_count(size_bytes), Digest::ZERO);
        let manifest = Manifest { size_bytes, leaves: std::mem::take(&mut self.leaves) };
        // The chunks and leaves in other segments are durable before the root that names them is
        // written. Those in its own segment are published in the root's commit, before it.
        self.settle(Settle::Others).await?;
        let root = self.store(manifest.encode(), Kind::Root, Some(self.stored_bytes), Room::Beyond).await?;
        self.settle(Settle::All).await?;
        let counted = std::mem::take(&mut self.counted);
        let mut finished = lock(&self.finished);
        finished.roots.push(root);
        // Most sessions have one content: nothing is copied then.
        match finished.counted.is_empty() {
            true => finished.counted = counted,
            false => finished.counted.extend(counted),
        }
        drop(finished);
        let (stored_bytes, further_bytes) = (self.stored_bytes, self.further_bytes);
        Ok(Content { root, size_bytes, stored_bytes, further_bytes, session: self.workshop.session })
    }

    async fn settle(&mut self, which: Settle) -> Result<(), Error> {
        while let Some(seal) = self.seals.pop_front() {
            self.sealed(seal).await?;
        }
        let own = self.segment.as_ref().map(|segment| segment.id);
        let due: Vec<_> = self.durable_with.values().cloned().collect();
        for segment in due {
            if which == Settle::All || Some(segment.id) != own {
                self.workshop.segments.commit(&segment).await?;
                self.durable_with.remove(&segment.id);
            }
        }
        Ok(())
    }
}

/// No code that holds one of these locks panics; if it did, its state would still be whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settle {
    Others,
    All,
}
