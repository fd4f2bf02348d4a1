//! Compaction: moving the last live records out of segments that are mostly garbage.
//!
//! Records are copied as they are, after verification; their rows are pointed to the copies when
//! these are durable, those only that still point to the originals. A chunk that is found damaged
//! stays where it is, and so does its segment, until it heals or is swept.
//!
//! Before a bucket one object takes what is left of many: rows are pointed to it when it is full or nothing more comes,
//! and only then are its sources empty.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Error;
use crate::fetch::{self, Bad, Place};
use crate::index::{Location, Move, Row, SegmentRow};
use crate::open::OpenSegment;
use crate::record::{self, Entry};
use crate::recover;
use crate::store::Inner;

/// Rows that are moved together.
const MOVED_ROWS: usize = 32;
/// Room beyond the records themselves: a footer and a name.
const MARGIN_BYTES: u64 = 1 << 20;

/// Copies on their way into a segment, from one source after the other.
pub(crate) struct Compaction<'a> {
    inner: &'a Inner,
    target: Option<Arc<OpenSegment>>,
    /// Where the target ended when the last rows were pointed into it.
    published: (u64, usize),
    moves: Vec<Move>,
    moved_bytes: u64,
    /// Segments of which everything sound is in the target, where rows do not point yet.
    copied: Vec<SegmentRow>,
    /// Segments that nothing sound is left in.
    emptied: Vec<SegmentRow>,
    /// How many of the moves are of the segments in `copied`.
    of_copied: usize,
    /// Whether the target took no more: its copies are not made durable.
    is_broken: bool,
}

impl Compaction<'_> {
    pub(crate) fn new(inner: &Inner) -> Compaction<'_> {
        let (moves, copied, emptied) = Default::default();
        Compaction {
            inner,
            target: None,
            published: (0, 0),
            moves,
            moved_bytes: 0,
            copied,
            emptied,
            of_copied: 0,
            is_broken: false,
        }
    }

    /// Moves the sound rows out of a segment. In a folder it can be dropped before the next one is begun: a compaction
    /// needs the room of one segment, however many there are. Returns how many bytes were copied.
    ///
    /// # Errors
    /// When there is no room for the copies, before any is made. After any other failure the copies are taken back.
    pub(crate) async fn empty(&mut self, segment: SegmentRow, live_bytes: u64) -> Result<u64, Error> {
        let free_bytes = self.inner.files.free_bytes()?;
        if free_bytes < live_bytes + MARGIN_BYTES {
            return Err(Error::NoRoom { free_bytes, reserve_bytes: live_bytes + MARGIN_BYTES });
        }
        let before = self.moved_bytes;
        self.of_copied = self.moves.len();
        let mut moved = self.copy_all(segment.id).await;
        if moved.is_ok() {
            self.copied.push(segment);
            self.of_copied = self.moves.len();
            if self.inner.files.objects.is_none() {
                moved = self.publish().await;
            }
        }
        match moved {
            Ok(()) => Ok(self.moved_bytes - before),
            // The segments before it lose nothing by this one; its copies are garbage.
            Err(error) if self.inner.files.objects.is_some() && !self.is_broken => {
                self.moves.truncate(self.of_copied);
                Err(error)
            }
            Err(error) => {
                self.moves.clear();
                self.copied.clear();
                self.leave().await?;
                Err(error)
            }
        }
    }

    /// The segments that can be dropped since this was asked last.
    pub(crate) fn emptied(&mut self) -> Vec<SegmentRow> {
        std::mem::take(&mut self.emptied)
    }

    /// Ends the compaction.
    ///
    /// # Errors
    /// The last copies could not be made durable: their rows point to the originals still.
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        let published = self.publish().await;
        self.leave().await?;
        published
    }

    /// Lets go of the target. Nothing stays of copies that no row points to.
    async fn leave(&mut self) -> Result<(), Error> {
        self.is_broken = false;
        let Some(target) = self.target.take() else { return Ok(()) };
        let is_of_use = match self.inner.files.objects {
            // Some rows may point into an object that was sent; whatever they do, it is not sealed twice.
            Some(_) => target.is_sent(),
            None => self.inner.segments.cut(&target, self.published),
        };
        if is_of_use {
            self.inner.segments.give_back(target);
        } else if self.inner.index.drop_segment(target.id).await.map_err(Error::index)? {
            recover::remove(self.inner, target.id).await?;
        }
        Ok(())
    }

    async fn copy_all(&mut self, segment: u64) -> Result<(), Error> {
        let mut start = 0;
        loop {
            let rows = self.inner.index.segment_rows(segment, start, MOVED_ROWS).await.map_err(Error::index)?;
            let Some(last) = rows.last() else { return Ok(()) };
            start = last.location.start + 1;
            self.copy(rows).await?;
        }
    }

    async fn copy(&mut self, rows: Vec<Row>) -> Result<(), Error> {
        let copied = read(self.inner, rows).await?;
        for (row, reason) in copied.damaged {
            fetch::quarantine(&self.inner.contents, row.digest, row.location, &reason).await;
        }
        if copied.entries.is_empty() {
            return Ok(());
        }
        let target = self.target(copied.bytes.len()).await?;
        let moved_bytes = copied.bytes.len() as u64;
        let entries = copied.entries.iter().map(|(_, entry)| *entry).collect();
        let base = self.inner.segments.append_copies(&target, copied.bytes, entries).await?;
        self.moved_bytes += moved_bytes;
        for (row, entry) in copied.entries {
            if row.damaged {
                fetch::unmark(&self.inner.contents, Place::of(&row)).await;
            }
            let start = base + u64::from(entry.start);
            let to = Location { segment: target.id, start, ..row.location };
            self.moves.push(Move { digest: row.digest, from: row.location, to });
        }
        Ok(())
    }

    async fn target(&mut self, more: usize) -> Result<Arc<OpenSegment>, Error> {
        let segments = &self.inner.segments;
        if let Some(target) = &self.target {
            if !segments.is_full(target, more) {
                return Ok(target.clone());
            }
            // While it is open: no row may be pointed into a sealed segment.
            self.publish().await?;
        }
        if let Some(full) = self.target.take() {
            self.inner.segments.retire(full).await?;
        }
        // Before a bucket never one that another save may close.
        let target = match self.inner.files.objects {
            Some(_) => segments.create().await?,
            None => segments.take().await?,
        };
        let target = self.target.insert(target).clone();
        self.published = self.inner.segments.end(&target);
        Ok(target)
    }

    async fn publish(&mut self) -> Result<(), Error> {
        // A segment without one sound row needs no target.
        let Some(target) = &self.target else {
            self.emptied.append(&mut self.copied);
            return Ok(());
        };
        // From here on rows may point to the copies, also when this fails: they are not taken back any more.
        self.published = self.inner.segments.end(target);
        let moves = std::mem::take(&mut self.moves);
        self.of_copied = 0;
        let published = self.inner.segments.publish_moves(target, moves).await;
        self.is_broken = published.is_err();
        published?;
        self.emptied.append(&mut self.copied);
        Ok(())
    }
}

/// Records in one buffer, as they are appended.
struct Copied {
    bytes: Vec<u8>,
    entries: Vec<(Row, Entry)>,
    damaged: Vec<(Row, String)>,
}

async fn read(inner: &Inner, rows: Vec<Row>) -> Result<Copied, Error> {
    let mut copied = Copied { bytes: Vec::new(), entries: Vec::new(), damaged: Vec::new() };
    let sound = |_: usize, place: &Place, record: &Bytes| {
        record::decode(record, place.digest)
            .and_then(|_| record::parse_header(record))
            .map(|header| (header, record.clone()))
    };
    let runs = fetch::plan(rows.iter().map(Place::of).collect());
    for (nth, outcome) in fetch::read_all(&inner.contents, runs, sound).await? {
        let row = rows[nth];
        match outcome {
            Ok((header, record)) => {
                let start = copied.bytes.len() as u32;
                copied.bytes.extend_from_slice(&record);
                copied.entries.push((row, Entry { start, header }));
            }
            Err(Bad::Damaged(_)) if row.damaged => {}
            Err(Bad::Damaged(reason)) => copied.damaged.push((row, reason)),
            Err(Bad::Failed(source)) => {
                return Err(Error::Io { path: inner.files.path(row.location.segment), source });
            }
        }
    }
    Ok(copied)
}
