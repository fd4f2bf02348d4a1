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
use crate::index::{Location, Move, Row, SegmentRow};
use crate::record::{self, Entry, record_end};
use crate::segment::OpenSegment;
use crate::store::Inner;

/// Rows that are moved together.
const MOVED_ROWS: usize = 32;
/// Moves that wait for one sync: their rows' worth of a segment.
const MOVES_AT_ONCE: usize = 1_000;

/// A copy on its way.
struct Compaction<'a> {
    inner: &'a Inner,
    target: Option<Arc<OpenSegment>>,
    moves: Vec<Move>,
    moved_bytes: u64,
}

/// Moves the sound rows out of these segments; returns how many bytes were copied.
pub(crate) async fn compact(inner: &Inner, segments: &[SegmentRow]) -> Result<u64, Error> {
    let mut compaction = Compaction { inner, target: None, moves: Vec::new(), moved_bytes: 0 };
    let mut outcome = Ok(());
    for segment in segments {
        outcome = compaction.empty(segment.id).await;
        if outcome.is_err() {
            break;
        }
    }
    let outcome = match outcome {
        Ok(()) => compaction.publish().await,
        failed => failed,
    };
    // After a failure too: copies that no row points to are garbage, as those of a save given up.
    if let Some(target) = compaction.target {
        inner.segments.give_back(target);
    }
    outcome.map(|()| compaction.moved_bytes)
}

impl Compaction<'_> {
    async fn empty(&mut self, segment: u64) -> Result<(), Error> {
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
        if self.moves.len() >= MOVES_AT_ONCE {
            self.publish().await?;
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
        Ok(self.target.insert(self.inner.segments.take().await?).clone())
    }

    async fn publish(&mut self) -> Result<(), Error> {
        if let Some(target) = &self.target {
            self.inner.segments.publish_moves(target, &mut self.moves).await?;
        }
        self.moves.clear();
        Ok(())
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
