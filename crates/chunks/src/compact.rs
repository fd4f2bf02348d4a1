//! Compaction: moving the last live records out of segments that are mostly garbage.
//!
//! Records are copied as they are, after verification; their rows are pointed to the copies when
//! these are durable, those only that still point to the originals. A chunk that is found damaged
//! stays where it is, and so does its segment, until it heals or is swept.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::Workshop;
use crate::error::Error;
use crate::fetch::{self, Place};
use crate::files::Files;
use crate::index::{Location, Move, Row};
use crate::record::{self, Entry, record_end};
use crate::recover;
use crate::segment::OpenSegment;
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
}

impl Compaction<'_> {
    pub(crate) fn new(inner: &Inner) -> Compaction<'_> {
        Compaction { inner, target: None, published: (0, 0), moves: Vec::new(), moved_bytes: 0 }
    }

    /// Moves the sound rows out of a segment, so that it can be dropped before the next one is begun: a compaction
    /// needs the room of one segment, however many there are. Returns how many bytes were copied.
    ///
    /// # Errors
    /// When there is no room for the copies, before any is made. After any other failure the copies are taken back.
    pub(crate) async fn empty(&mut self, segment: u64, live_bytes: u64) -> Result<u64, Error> {
        let free_bytes = self.inner.files.free_bytes()?;
        if free_bytes < live_bytes + MARGIN_BYTES {
            return Err(Error::NoRoom { free_bytes, reserve_bytes: live_bytes + MARGIN_BYTES });
        }
        let before = self.moved_bytes;
        let copied = self.copy_all(segment).await;
        if let Err(error) = copied {
            self.moves.clear();
            self.leave().await?;
            return Err(error);
        }
        self.publish().await?;
        Ok(self.moved_bytes - before)
    }

    /// Lets go of the target. Nothing stays of copies that no row points to.
    pub(crate) async fn leave(&mut self) -> Result<(), Error> {
        let Some(target) = self.target.take() else { return Ok(()) };
        if self.inner.segments.cut(&target, self.published) {
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
        let files = self.inner.files.clone();
        let copied = Workshop::run(&self.inner.contents.cpu, move || read(&files, rows)).await??;
        for (row, reason) in copied.damaged {
            fetch::quarantine(&self.inner.contents, row.digest, row.location, reason).await;
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
        let target = self.target.insert(self.inner.segments.take().await?).clone();
        self.published = self.inner.segments.end(&target);
        Ok(target)
    }

    async fn publish(&mut self) -> Result<(), Error> {
        let Some(target) = &self.target else { return Ok(()) };
        // From here on rows may point to the copies, also when this fails: they are not taken back any more.
        self.published = self.inner.segments.end(target);
        let moves = std::mem::take(&mut self.moves);
        self.inner.segments.publish_moves(target, moves).await
    }
}

/// Records in one buffer, as they are appended.
struct Copied {
    bytes: Vec<u8>,
    entries: Vec<(Row, Entry)>,
    damaged: Vec<(Row, &'static str)>,
}

fn read(files: &Files, rows: Vec<Row>) -> Result<Copied, Error> {
    let mut copied = Copied { bytes: Vec::new(), entries: Vec::new(), damaged: Vec::new() };
    for row in rows {
        let Location { segment, start, .. } = row.location;
        let len = (record_end(&row.location) - start) as usize;
        let record = match files.read_at(segment, start, len) {
            Ok(record) => Bytes::from(record),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                copied.damaged.push((row, "the segment's file ends before it"));
                continue;
            }
            Err(error) => return Err(Error::io(&files.path(segment), error)),
        };
        let sound = record::decode(&record, row.digest).and_then(|_| record::parse_header(&record));
        match sound {
            Ok(header) => {
                let start = copied.bytes.len() as u32;
                copied.bytes.extend_from_slice(&record);
                copied.entries.push((row, Entry { start, header }));
            }
            Err(_) if row.damaged => {}
            Err(reason) => copied.damaged.push((row, reason)),
        }
    }
    Ok(copied)
}
