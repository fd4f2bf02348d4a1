//! The sweep: deleting what nothing reaches, beside running saves, in any process.
//!
//! One sweep, which is one epoch:
//!
//! ```text
//!   1 raise the epoch to E; forget the sessions that had ended before; let those of this process move on to E
//!   2 horizon H = the lowest epoch of a live session, or E
//!   3 read the committed roots
//!   4 read the pinned roots of all sessions, those that ended since 1 too
//!   5 mark what 3 and 4 reach
//!   6 for each row: marked and condemned              -> spare
//!                   unmarked, living, epoch < H       -> condemn at E
//!                   unmarked, condemned before E      -> remove
//!   7 drop segments without rows; then, one after the other, move the rows out of each segment that is
//!     less than 70 % live, and drop it
//! ```
//!
//! **Why no chunk is lost that a save counts on.** Say a session S began in epoch s, or has moved on to it.
//! - *It wrote the chunk, or found it:* the row's epoch is at least s. While S lives, every sweep's
//!   H is at most s (an older sweep's is lower, as epochs only rise), so none condemns the row.
//!   Finding it condemned, S writes it again; the row is then new. Finding and condemning change
//!   the same row, so one of them comes first and the other sees it.
//! - *It wrote the chunk, or found it, before it moved on to s:* the content that it had written so far is
//!   pinned, in the transaction that gave S its epoch. A sweep whose H is above the row's epoch has read that
//!   epoch in 2, so it finds the pin in 4.
//! - *S has finished:* its root was committed before it ended. If it ended before 2, then 3 sees
//!   the root, or it was deleted. If after 2, H protects.
//! - *The chunk is in the base of S's patch:* the base was reachable when S pinned it. If the pin
//!   came before 4, the sweep marks it. If it came after 4, and so after 3, then at 3 the base was
//!   either there, and is marked, or came from a session that lived after 3, to which this list
//!   applies. A sweep at whose 3 the base was already deleted, but not yet pinned, may condemn
//!   its chunks; the next one finds the pin, or S's own root, and spares them before it removes.
//! - *S was ended from outside* (its process died, or hung past its lease): then the transaction
//!   that would commit its root does not find its session and fails.
//!
//! Removal takes two sweeps, and each marks anew; so a reader of a content whose last root is gone
//! has a whole epoch to come to its end. The order of removal is row, then segment, so a crash
//! leaves a segment without rows, which the next sweep drops.

use std::collections::HashMap;
use std::time::Duration;

use crate::compact::Compaction;
use crate::digest::Digest;
use crate::error::Error;
use crate::files::OwnerLock;
use crate::index::{Row, SegmentRow, SegmentState, SweepRow};
use crate::record::{HEADER_BYTES, SEGMENT_HEADER_BYTES};
use crate::store::{Inner, Store};
use crate::walk::{self, Marks, Part};
use crate::{Roots, recover, session};

/// A segment with less than this share of live bytes is compacted: at 70 % a store wastes 18 % on
/// the average, and each freed byte costs a copy of two and a third.
const LIVE_PERCENT: u64 = 70;
/// Sealed segments shorter than this are merged, when there are many.
const SHORT_SEGMENT_BYTES: u64 = 4 << 20;
const SHORT_SEGMENTS: usize = 16;

/// The result of a sweep.
#[derive(Debug, Clone, Default)]
pub struct SweepReport {
    /// The epoch that it began.
    pub epoch: u64,
    /// Committed roots.
    pub roots: u64,
    /// Chunks newly found unreachable: the next sweep removes them.
    pub condemned: u64,
    /// Chunks that an earlier sweep condemned and that are reachable again.
    pub spared: u64,
    /// Chunks removed.
    pub removed: u64,
    /// The stored bytes of the chunks removed.
    pub removed_bytes: u64,
    /// The stored bytes of the chunks that are left.
    pub live_bytes: u64,
    /// Segments whose file is gone.
    pub segments_dropped: u64,
    /// The length of those files.
    pub dropped_bytes: u64,
    /// Stored bytes that were copied into new segments.
    pub moved_bytes: u64,
    /// The first reason why something was left undone. The rest was done, as far as that is safe.
    pub stopped: Option<Error>,
}

/// A sweep that is under way.
struct Sweep<'a> {
    inner: &'a Inner,
    row: SweepRow,
    report: SweepReport,
    /// Bytes of each segment that rows point to.
    live: HashMap<u64, u64>,
    _lock: OwnerLock,
}

impl Store {
    /// Deletes chunks that neither a committed root nor a live session needs; see the module's head
    /// for why this is safe beside saves. Unreachable chunks are condemned, and the next sweep removes
    /// those that are still unreachable. [`Error::Busy`] when another sweep is at work. No chunk is
    /// condemned or removed when a committed root cannot be read to its end; segments that are
    /// empty already are dropped, and others are compacted, all the same.
    pub async fn sweep(&self, roots: &dyn Roots) -> Result<SweepReport, Error> {
        let inner = &*self.inner;
        let lock = inner.files.lock_sweep()?.ok_or(Error::Busy)?;
        // Sessions of dead stores would hold the horizon down for ever.
        recover::clear_up(inner).await?;
        // Segments on the shelf may hold garbage too, and only a sealed one is compacted or dropped.
        inner.segments.seal_idle(Duration::ZERO).await;
        inner.index.end_lapsed_sessions().await.map_err(Error::index)?;
        let epoch = inner.index.begin_sweep().await.map_err(Error::index)?;
        session::move_on(inner, epoch).await;
        let horizon = inner.index.oldest_session().await.map_err(Error::index)?.unwrap_or(epoch);
        let row = SweepRow { epoch, horizon };
        let report = SweepReport { epoch, ..SweepReport::default() };
        let mut sweep = Sweep { inner, row, report, live: HashMap::new(), _lock: lock };
        // Objects that cannot be deleted now hinder nothing else.
        if let Err(error) = recover::remove_dropped(inner).await {
            sweep.stop(error);
        }
        let committed = roots.roots().await.map_err(Error::roots)?;
        let pinned = inner.index.pinned_roots().await.map_err(Error::index)?;
        sweep.report.roots = committed.len() as u64;
        for part in walk::parts(inner).await? {
            sweep.sweep_part(part, &committed, &pinned).await?;
        }
        sweep.sweep_segments().await?;
        Ok(sweep.report)
    }
}

impl Sweep<'_> {
    async fn sweep_part(&mut self, part: Part, committed: &[Digest], pinned: &[Digest]) -> Result<(), Error> {
        let marks = match self.mark(&part, committed, pinned).await {
            Ok(marks) => Some(marks),
            Err(error) => {
                self.stop(error);
                None
            }
        };
        let mut pages = part.pages(self.inner);
        while let Some(rows) = pages.next().await? {
            match &marks {
                Some(marks) => self.sweep_rows(marks, rows).await?,
                None => self.count(rows, &[]),
            }
        }
        Ok(())
    }

    async fn mark(&self, part: &Part, committed: &[Digest], pinned: &[Digest]) -> Result<Marks, Error> {
        let contents = &self.inner.contents;
        let mut marks = Marks::new(part.clone());
        for root in committed {
            marks.mark(contents, *root).await?;
        }
        for root in pinned {
            match marks.mark(contents, *root).await {
                // There is no such content: `Session::patch` pins a root before it looks for it, and has
                // told its caller so. Any other failure stops the sweep, which may not guess.
                Err(Error::Missing(missing)) if missing == *root => {}
                marked => marked?,
            }
        }
        Ok(marks)
    }

    /// Remembers why something is left undone.
    fn stop(&mut self, error: Error) {
        tracing::error!(%error, "the sweep leaves something undone: {error}");
        self.report.stopped.get_or_insert(error);
    }

    async fn sweep_rows(&mut self, marks: &Marks, rows: Vec<Row>) -> Result<(), Error> {
        let (mut spare, mut condemn, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            match (marks.has(&row.digest), row.condemned) {
                (true, 0) => {}
                (true, _) => spare.push(row.digest),
                (false, 0) if row.epoch < self.row.horizon => condemn.push(row.digest),
                (false, 0) => {}
                (false, condemned) if condemned < self.row.epoch => remove.push(row.digest),
                (false, _) => {}
            }
        }
        let index = &self.inner.index;
        if !spare.is_empty() {
            self.report.spared += index.spare(&spare).await.map_err(Error::index)?;
        }
        if !condemn.is_empty() {
            self.report.condemned += index.condemn(self.row, &condemn).await.map_err(Error::index)?;
        }
        if !remove.is_empty() {
            self.report.removed += index.remove(self.row, &remove).await.map_err(Error::index)?;
        }
        self.count(rows, &remove);
        Ok(())
    }

    /// Counts the bytes that stay in each segment, and those removed. `remove` is sorted.
    fn count(&mut self, rows: Vec<Row>, remove: &[Digest]) {
        for row in rows {
            let record = HEADER_BYTES as u64 + u64::from(row.location.stored_bytes);
            match remove.binary_search(&row.digest) {
                Ok(_) => self.report.removed_bytes += record,
                Err(_) => {
                    self.report.live_bytes += record;
                    *self.live.entry(row.location.segment).or_default() += record;
                }
            }
        }
    }

    async fn sweep_segments(&mut self) -> Result<(), Error> {
        let mut sealed = recover::all_segments(&*self.inner.index).await?;
        sealed.retain(|segment| segment.state == SegmentState::Sealed);
        let live = |segment: &SegmentRow| self.live.get(&segment.id).copied().unwrap_or(0);
        let (empty, mut sealed): (Vec<_>, Vec<_>) = sealed.into_iter().partition(|row| live(row) == 0);
        let short = sealed.iter().filter(|row| row.file_bytes < SHORT_SEGMENT_BYTES).count();
        sealed.retain(|segment| {
            let used = SEGMENT_HEADER_BYTES + live(segment);
            let merge = short >= SHORT_SEGMENTS && segment.file_bytes < SHORT_SEGMENT_BYTES;
            merge || used * 100 < segment.file_bytes * LIVE_PERCENT
        });
        // The order of the least to copy first: with little room it makes the most.
        sealed.sort_by_key(live);
        let sealed: Vec<_> = sealed.into_iter().map(|segment| (segment, live(&segment))).collect();
        // Empty segments cost no room to drop, and give the room that the others need.
        for segment in empty {
            self.drop_segment(&segment).await?;
        }
        let (segments, bytes) = (self.report.segments_dropped, self.report.dropped_bytes);
        tracing::info!(segments, bytes, "gave back {bytes} bytes in {segments} segments that were empty");
        let mut compaction = Compaction::new(self.inner);
        for (segment, live_bytes) in sealed {
            let emptied = compaction.empty(segment, live_bytes).await;
            if let Err(error) = self.drop_emptied(&mut compaction).await {
                compaction.finish().await?;
                return Err(error);
            }
            match emptied {
                Ok(moved_bytes) => self.report.moved_bytes += moved_bytes,
                Err(error) => {
                    let is_full = error.is_full();
                    self.stop(error);
                    // The next ones need as much room, or more.
                    if is_full {
                        break;
                    }
                }
            }
        }
        let finished = compaction.finish().await;
        self.drop_emptied(&mut compaction).await?;
        if let Err(error) = finished {
            self.stop(error);
        }
        Ok(())
    }

    async fn drop_emptied(&mut self, compaction: &mut Compaction<'_>) -> Result<(), Error> {
        for segment in compaction.emptied() {
            self.drop_segment(&segment).await?;
        }
        Ok(())
    }

    /// Drops a segment if no row points into it, which the index decides.
    async fn drop_segment(&mut self, segment: &SegmentRow) -> Result<(), Error> {
        if self.inner.index.drop_segment(segment.id).await.map_err(Error::index)? {
            recover::remove_when_due(self.inner, segment.id).await?;
            self.report.segments_dropped += 1;
            self.report.dropped_bytes += segment.file_bytes;
        }
        Ok(())
    }
}
