//! Open segments: appending records, and making them durable and known.
//!
//! ```text
//!   create -> append* -> commit (sync data, publish rows) -> append* -> … -> seal (footer)
//! ```
//!
//! A segment has one writer at a time; between two saves it lies on a shelf. A record is *pending*
//! from its append to its commit. Another save of this process may count on a pending chunk: it
//! raises the epoch under which the chunk will be published, remembers the segment, and commits it
//! before its own content is called saved. So nothing counts on bytes that a crash could take.
//!
//! Before a bucket a commit is a seal: the segment is sent whole, and only then do rows point into it. So another save that
//! counts on a pending chunk may seal a segment under its writer's hands; the writer finds it *closed* and takes another.
//!
//! **Locks**, in the order in which they are taken: a segment's `turn`; its `writing`; one of `pending` and `shelf`; a
//! segment's `tail`. Nobody holds two turns. Only a turn is held over an
//! `.await`: a commit is as long as a sync and its statements, the others are a few lines each.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::bucket;
use crate::build::lock;
use crate::digest::Digest;
use crate::error::Error;
use crate::files::Files;
use crate::index::{BATCH_ROWS, Index, Location, Move, Row};
use crate::lately::Lately;
use crate::open::{OpenSegment, Tail, Then};
use crate::record::{Entry, SEGMENT_HEADER_BYTES};

/// Records in a segment at most: bounds the footer kept in memory (under 1 MiB) and the rows of a
/// commit when chunks compress to almost nothing.
const MAX_RECORDS: usize = 16_384;

/// Full segments of one save that are being synced while it goes on: their pages are the
/// system's, so this bounds what a crash of the machine costs, not memory.
const SYNCS_AT_ONCE: usize = 2;
/// The same before a bucket, whose answers take longer than its bytes: the files that one save has in the folder.
const SENDS_AT_ONCE: usize = 4;

/// Bytes written between two questions to the file system: others write to it too, so no more than this goes into the
/// reserve, and a question costs nothing beside it.
const ROOM_BYTES: u64 = 4 << 20;

/// A record on its way into a segment: its place in the buffer, and its row's figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRecord {
    pub(crate) entry: Entry,
    pub(crate) content_bytes: Option<u64>,
}

/// A chunk that is there: in the index, or about to be.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) digest: Digest,
    pub(crate) location: Location,
    pub(crate) pending: Option<Arc<OpenSegment>>,
}

#[derive(Debug)]
struct Pending {
    segment: Arc<OpenSegment>,
    row: Row,
    publishing: bool,
}

/// The open segments of one store.
pub(crate) struct Segments {
    files: Arc<Files>,
    index: Arc<dyn Index>,
    lately: Arc<Lately>,
    owner: u64,
    segment_bytes: u64,
    reserve_bytes: u64,
    /// The bytes that may be written before the file system is asked again for its free bytes.
    room: AtomicU64,
    /// The bytes that saves have appended; never fewer.
    appended: AtomicU64,
    pending: Mutex<HashMap<Digest, Pending>>,
    shelf: Mutex<Vec<(Arc<OpenSegment>, Instant)>>,
}

/// The outcome of an append.
pub(crate) enum Appended {
    /// The segments with which the caller's chunks become durable: its own, and those where another save was faster with
    /// the same chunk.
    Done(Vec<Arc<OpenSegment>>),
    /// Somebody sealed the segment meanwhile: nothing was appended.
    Closed(Vec<u8>, Vec<NewRecord>),
}

/// The room that an append may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// The free room of the file system, but for the reserve.
    Beyond,
    /// The reserve, too.
    Reserve,
}

impl Segments {
    pub(crate) fn new(
        files: Arc<Files>,
        index: Arc<dyn Index>,
        lately: Arc<Lately>,
        owner: u64,
        segment_bytes: u64,
        reserve_bytes: u64,
    ) -> Segments {
        let (pending, shelf, room, appended) = Default::default();
        Segments { files, index, lately, owner, segment_bytes, reserve_bytes, room, appended, pending, shelf }
    }

    /// Takes room for these bytes from what the file system has free beyond the reserve. The one who writes asks, so
    /// no road into the store can forget to.
    fn take_room(&self, bytes: u64) -> Result<(), Error> {
        let take = |left: u64| left.checked_sub(bytes);
        if self.reserve_bytes == 0 || self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            return Ok(());
        }
        let (free_bytes, reserve_bytes) = (self.files.free_bytes()?, self.reserve_bytes);
        let Some(left) = free_bytes.checked_sub(reserve_bytes).and_then(take) else {
            return Err(Error::NoRoom { free_bytes, reserve_bytes });
        };
        self.room.store(left.min(ROOM_BYTES), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn seals_at_once(&self) -> usize {
        if self.files.objects.is_some() { SENDS_AT_ONCE } else { SYNCS_AT_ONCE }
    }

    /// The bytes that saves have appended since this was made; what a sweep moves is not counted.
    pub(crate) fn appended_bytes(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// Takes a segment to append to: one from the shelf, or a new one.
    pub(crate) async fn take(&self) -> Result<Arc<OpenSegment>, Error> {
        let shelved = {
            let mut shelf = lock(&self.shelf);
            let fit = shelf.iter().position(|(segment, _)| !segment.tail().full);
            fit.map(|fit| shelf.swap_remove(fit).0)
        };
        match shelved {
            Some(segment) => Ok(segment),
            None => self.create().await,
        }
    }

    /// Makes a new segment, of which no save has a chunk.
    pub(crate) async fn create(&self) -> Result<Arc<OpenSegment>, Error> {
        loop {
            let nonce = self.files.objects.as_ref().map(|_| bucket::nonce()).transpose();
            let nonce = nonce.map_err(|error| Error::io(Path::new("getrandom"), error))?;
            let id = self.index.create_segment(self.owner, nonce).await.map_err(Error::index)?;
            // The index may be older than the folder, after a restore: skip what is there.
            let Some(file) = self.files.create(id)? else { continue };
            let made = OpenSegment::new(id, self.files.path(id), file);
            if made.is_err() {
                // Otherwise a full disk would gather an empty file for each save it refuses.
                self.files.remove(id)?;
                self.index.forget_segment(id).await.map_err(Error::index)?;
            }
            return made.map(Arc::new);
        }
    }

    /// Puts a segment back for the next save. One whose sync failed stays out of use: it is cut and
    /// sealed when the folder's next store clears up after this one.
    pub(crate) fn give_back(&self, segment: Arc<OpenSegment>) {
        let is_of_use = |tail: MutexGuard<'_, Tail>| tail.failed.is_none() && !tail.sealed;
        if is_of_use(segment.tail()) {
            lock(&self.shelf).push((segment, Instant::now()));
        }
    }

    /// Tells whether a segment should be sealed before this many more bytes.
    pub(crate) fn is_full(&self, segment: &OpenSegment, more: usize) -> bool {
        let tail = segment.tail();
        let long = tail.end > SEGMENT_HEADER_BYTES && tail.end + more as u64 > self.segment_bytes;
        tail.full || long || tail.entries.len() >= MAX_RECORDS
    }

    /// Appends records.
    pub(crate) async fn append(
        self: &Arc<Self>,
        segment: &Arc<OpenSegment>,
        bytes: Vec<u8>,
        records: Vec<NewRecord>,
        epoch: u64,
        room: Room,
    ) -> Result<Appended, Error> {
        let (segments, segment) = (self.clone(), segment.clone());
        // Blocking work runs to its end when its caller is dropped. So every record in the file is
        // entered, and the next one starts behind it.
        tokio::task::spawn_blocking(move || {
            if room == Room::Beyond {
                segments.take_room(bytes.len() as u64)?;
            }
            // Entered before anybody else may close the segment, so that a commit has all that is in the file.
            let _writing = lock(&segment.writing);
            if segment.tail().closed {
                return Ok(Appended::Closed(bytes, records));
            }
            let base = segment.write(&bytes)?;
            segments.appended.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(Appended::Done(segments.enter(&segment, base, &records, epoch)))
        })
        .await?
    }

    fn enter(&self, segment: &Arc<OpenSegment>, base: u64, records: &[NewRecord], epoch: u64) -> Vec<Arc<OpenSegment>> {
        let mut durable_with = vec![segment.clone()];
        let mut pending = lock(&self.pending);
        let mut tail = segment.tail();
        for record in records {
            let entry = Entry { start: record.entry.start + base as u32, ..record.entry };
            let digest = entry.header.digest;
            tail.entries.push(entry);
            let row = Row {
                digest,
                location: entry.location(segment.id),
                epoch,
                condemned: 0,
                damaged: false,
                content_bytes: record.content_bytes,
            };
            match pending.get_mut(&digest) {
                // Another save was faster. Its row carries this save's epoch too, and its commit is
                // one to wait for. The bytes written here are garbage, for a compaction.
                Some(other) if !other.publishing => {
                    other.row.epoch = other.row.epoch.max(epoch);
                    durable_with.push(other.segment.clone());
                }
                // The other row is on its way to the index with the epoch that it had. This row
                // follows it; the index keeps one place and the higher epoch, whichever comes first.
                Some(_) => tail.uncommitted.push(row),
                None => {
                    tail.uncommitted.push(row);
                    pending.insert(digest, Pending { segment: segment.clone(), row, publishing: false });
                }
            }
        }
        durable_with
    }

    /// Copies records as they are, for a move: it is durable and known after
    /// [`Segments::publish_moves`]. Returns where the first one starts.
    pub(crate) async fn append_copies(
        self: &Arc<Self>,
        segment: &Arc<OpenSegment>,
        bytes: Vec<u8>,
        entries: Vec<Entry>,
    ) -> Result<u64, Error> {
        let segment = segment.clone();
        tokio::task::spawn_blocking(move || {
            let _writing = lock(&segment.writing);
            let base = segment.write(&bytes)?;
            let place = |entry: Entry| Entry { start: entry.start + base as u32, ..entry };
            segment.tail().entries.extend(entries.into_iter().map(place));
            Ok(base)
        })
        .await?
    }

    /// Where a segment ends now, for [`Segments::cut`].
    pub(crate) fn end(&self, segment: &OpenSegment) -> (u64, usize) {
        let tail = segment.tail();
        (tail.end, tail.entries.len())
    }

    /// Takes back what was appended since, to which no row points; says whether anything is left in the segment.
    pub(crate) fn cut(&self, segment: &OpenSegment, (end, entries): (u64, usize)) -> bool {
        let _writing = lock(&segment.writing);
        let mut tail = segment.tail();
        // Where the file cannot be cut, its end is garbage, and what follows goes behind it.
        if segment.file.set_len(end).is_ok() {
            tail.end = end;
            tail.entries.truncate(entries);
        }
        !tail.entries.is_empty()
    }

    /// Syncs a segment and points rows into it.
    pub(crate) async fn publish_moves(
        self: &Arc<Self>,
        segment: &Arc<OpenSegment>,
        mut moves: Vec<Move>,
    ) -> Result<(), Error> {
        // From before the sync until its failure is noted, so that no commit syncs in between and
        // takes its own success for this one's. This is not an owned task, as `settle` is: given up
        // between two statements, some rows point to the copies, the others to the originals, and
        // both are good.
        let _turn = segment.turn.lock().await;
        if let Some(error) = &segment.tail().failed {
            return Err(error.clone());
        }
        let then = self.after_commit(Then::GoOn);
        let file_bytes = self.make_durable(segment, then).await?;
        for moves in moves.chunks_mut(BATCH_ROWS) {
            moves.sort_unstable_by_key(|step| step.digest);
            self.index.relocate(segment.id, moves).await.map_err(Error::index)?;
        }
        self.seal_row(segment, then, file_bytes).await
    }

    /// Finds which chunks are there and has them kept for a session of this epoch.
    pub(crate) async fn resolve(&self, epoch: u64, digests: &[Digest]) -> Result<Vec<Option<Known>>, Error> {
        let mut known = vec![None; digests.len()];
        let (mut ask, mut publishing) = (Vec::new(), Vec::new());
        {
            let mut pending = lock(&self.pending);
            for (at, digest) in digests.iter().enumerate() {
                match pending.get_mut(digest) {
                    Some(found) if !found.publishing => {
                        found.row.epoch = found.row.epoch.max(epoch);
                        known[at] = Some(Known::new(&found.row, Some(found.segment.clone())));
                    }
                    found => {
                        publishing.extend(found.map(|found| found.segment.clone()));
                        ask.push(at);
                    }
                }
            }
        }
        // A row that is being published takes no higher epoch any more, and may not be in the index yet.
        // The end of its commit settles that. If the commit failed, the index does not know the chunk,
        // and it is written again.
        publishing.dedup_by_key(|segment| segment.id);
        for segment in publishing {
            drop(segment.turn.lock().await);
        }
        // A chunk that another save appends from here on is written twice; `enter` makes one of the two.
        for ask in ask.chunks(BATCH_ROWS) {
            let wanted: Vec<Digest> = ask.iter().map(|at| digests[*at]).collect();
            let rows = self.index.claim(epoch, &wanted).await.map_err(Error::index)?;
            for (at, row) in ask.iter().zip(rows) {
                known[*at] = row.map(|row| Known::new(&row, None));
            }
        }
        Ok(known)
    }

    /// Makes what was appended so far durable and known.
    pub(crate) async fn commit(self: &Arc<Self>, segment: &Arc<OpenSegment>) -> Result<(), Error> {
        self.settle(segment, Then::GoOn).await
    }

    /// Commits a segment and ends it with its footer.
    pub(crate) async fn seal(self: &Arc<Self>, segment: &Arc<OpenSegment>) -> Result<(), Error> {
        self.settle(segment, Then::Seal).await
    }

    /// Seals a segment that its writer is done with; if that fails, it is tried again later.
    pub(crate) async fn retire(self: &Arc<Self>, segment: Arc<OpenSegment>) -> Result<(), Error> {
        // Marked, so that nothing is appended after a footer that may have been written.
        segment.tail().full = true;
        let sealed = self.seal(&segment).await;
        if let Err(error) = &sealed {
            tracing::warn!(segment = segment.id, %error, "a segment could not be sealed");
            self.give_back(segment);
        }
        sealed
    }

    async fn settle(self: &Arc<Self>, segment: &Arc<OpenSegment>, then: Then) -> Result<(), Error> {
        let (segments, segment) = (self.clone(), segment.clone());
        // An owned task, since the caller may be dropped at any `.await`. Rows that a commit took out
        // of `uncommitted` must be published or put back, or a save that counts on them would call
        // itself saved without them.
        tokio::spawn(async move {
            let _turn = segment.turn.lock().await;
            segments.settle_in_turn(&segment, then).await
        })
        .await?
    }

    async fn settle_in_turn(&self, segment: &Arc<OpenSegment>, then: Then) -> Result<(), Error> {
        let has_rows = segment.has_uncommitted()?;
        if !has_rows && then == Then::GoOn {
            return Ok(());
        }
        let then = self.after_commit(then);
        // Before the rows are taken: what is appended to a file while it is sent is in none of them.
        if self.files.objects.is_some() {
            segment.close();
        }
        let mut rows = segment.start_commit();
        let file_bytes = match self.make_durable(segment, then).await {
            Ok(file_bytes) => file_bytes,
            Err(error) => {
                // Others may have raised the epochs of these rows, and count on that when they commit them.
                self.start_publishing(segment, &mut rows);
                self.forget_pending(segment, &rows);
                // A bucket may take the same object in a moment; of a disk nothing is believed any more.
                if self.files.objects.is_some() {
                    segment.tail().uncommitted.extend(rows);
                }
                return Err(error);
            }
        };
        self.start_publishing(segment, &mut rows);
        let published = self.publish(segment.id, &rows).await;
        self.forget_pending(segment, &rows);
        if let Err(error) = published {
            // Their bytes are durable, but which rows the index took is not known. The next commit
            // publishes all of them; that changes nothing about those that are there.
            segment.tail().uncommitted.extend(rows);
            return Err(error);
        }
        self.lately.note(rows.iter().map(|row| (row.digest, row.location)));
        self.seal_row(segment, then, file_bytes).await
    }

    /// Before a bucket every commit is a seal.
    fn after_commit(&self, then: Then) -> Then {
        if self.files.objects.is_some() { Then::Seal } else { then }
    }

    /// Syncs a segment, or sends it to the bucket; returns how long it is.
    async fn make_durable(&self, segment: &Arc<OpenSegment>, then: Then) -> Result<u64, Error> {
        if let Some(objects) = &self.files.objects {
            return segment.send(objects).await;
        }
        let (syncing, files) = (segment.clone(), self.files.clone());
        let synced = tokio::task::spawn_blocking(move || syncing.sync(&files, then)).await?;
        synced.inspect_err(|error| segment.tail().failed = Some(error.clone()))
    }

    async fn seal_row(&self, segment: &OpenSegment, then: Then, file_bytes: u64) -> Result<(), Error> {
        match then {
            Then::Seal => self.index.seal_segment(segment.id, file_bytes).await.map_err(Error::index)?,
            Then::GoOn => return Ok(()),
        }
        segment.tail().sealed = true;
        Ok(())
    }

    async fn publish(&self, segment: u64, rows: &[Row]) -> Result<(), Error> {
        // In the order of their append, each batch all or none: chunks come before the leaves that name
        // them, or with them, and the root is in the last batch.
        for rows in rows.chunks(BATCH_ROWS) {
            // Everyone names rows in the order of their digests, so that two statements which lock the
            // same rows wait for each other and do not deadlock. No statement may name a row twice.
            let mut rows = rows.to_vec();
            rows.sort_by_key(|row| row.digest);
            rows.dedup_by(|again, first| {
                let same = again.digest == first.digest;
                if same {
                    first.epoch = first.epoch.max(again.epoch);
                }
                same
            });
            self.index.publish(segment, &rows).await.map_err(Error::index)?;
        }
        Ok(())
    }

    fn start_publishing(&self, segment: &OpenSegment, rows: &mut [Row]) {
        let mut pending = lock(&self.pending);
        for row in rows {
            if let Some(found) = pending.get_mut(&row.digest).filter(|found| found.segment.id == segment.id) {
                found.publishing = true;
                row.epoch = row.epoch.max(found.row.epoch);
            }
        }
    }

    fn forget_pending(&self, segment: &OpenSegment, rows: &[Row]) {
        let mut pending = lock(&self.pending);
        for row in rows {
            if pending.get(&row.digest).is_some_and(|found| found.segment.id == segment.id) {
                pending.remove(&row.digest);
            }
        }
        pending.shrink_to(MAX_RECORDS);
    }

    /// Seals the segments that lie on the shelf for longer than `idle`, and the full ones there. A
    /// segment that fails to seal is tried again next time.
    pub(crate) async fn seal_idle(self: &Arc<Self>, idle: Duration) {
        let idle_segments: Vec<_> = {
            let mut shelf = lock(&self.shelf);
            let (seal, keep) =
                shelf.drain(..).partition(|(segment, since)| since.elapsed() >= idle || segment.tail().full);
            *shelf = keep;
            seal
        };
        let mut left = idle_segments.into_iter();
        while let Some((segment, _)) = left.next() {
            // It logs its own failure, and puts the segment back for the next time.
            if self.retire(segment).await.is_err() && self.files.objects.is_some() {
                // The others would wait for a bucket that does not answer, one after the other.
                // Before the one that failed, so that no one of them is always the first.
                lock(&self.shelf).splice(0..0, left);
                return;
            }
        }
    }
}

impl Known {
    fn new(row: &Row, pending: Option<Arc<OpenSegment>>) -> Known {
        Known { digest: row.digest, location: row.location, pending }
    }
}
