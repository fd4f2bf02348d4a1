//! Where chunks lie, and who counts on them: the seam to the database.
//!
//! The index is the only thing that several processes change together, so every rule about who
//! may do what at the same time is a property of one of its methods. Each method is atomic, and
//! what it says is durable when it returns. The arguments for the sweep are in `sweep.rs`.
//!
//! **Epochs.** The store has a number that only a sweep raises. A session carries the epoch in
//! which it began, or to which it moved on. A row carries the highest epoch of the sessions that
//! counted on it. A sweep condemns only rows older than every live session.

use std::time::Duration;

use async_trait::async_trait;

use crate::digest::Digest;
use crate::error::ForeignError;

/// The answer of an index.
pub type Answer<T> = Result<T, ForeignError>;

/// Digests or rows in one call at most; an index may count on it.
pub const BATCH_ROWS: usize = 1_000;

/// Where a chunk's record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The number of the segment.
    pub segment: u64,
    /// Where in the segment's file the record's header starts.
    pub start: u64,
    /// How long the payload is, as stored.
    pub stored_bytes: u32,
    /// How long the chunk is.
    pub raw_bytes: u32,
}

/// A chunk's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The chunk.
    pub digest: Digest,
    /// Where it lies.
    pub location: Location,
    /// The highest epoch of the sessions that counted on it.
    pub epoch: u64,
    /// The epoch of the sweep that condemned it; 0 while it lives.
    pub condemned: u64,
    /// Whether its stored bytes were found to be damaged.
    pub damaged: bool,
    /// For the root of a manifest: the stored bytes of its distinct chunks.
    pub content_bytes: Option<u64>,
}

impl Row {
    /// Tells whether a save may count on this row.
    pub fn is_good(&self) -> bool {
        self.condemned == 0 && !self.damaged
    }
}

/// A session as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRow {
    /// Its number, never used twice.
    pub id: u64,
    /// The store's epoch when it began.
    pub epoch: u64,
}

/// How far a segment's file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// Its owner may still append.
    Open,
    /// Nothing is ever appended again.
    Sealed,
    /// No row points into it; its file is being removed.
    Dropping,
}

/// A segment's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentRow {
    /// Its number, never used twice; the name of its file, or of its object.
    pub id: u64,
    /// The number of the open store that appends to it.
    pub owner: u64,
    /// How far it has come.
    pub state: SegmentState,
    /// The length of the file, once sealed.
    pub file_bytes: u64,
}

/// A chunk's way from one segment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The chunk.
    pub digest: Digest,
    /// Where its row must still point for the move to happen.
    pub from: Location,
    /// Where it points afterwards.
    pub to: Location,
}

/// The epochs that a sweep goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepRow {
    /// The epoch that this sweep began.
    pub epoch: u64,
    /// The lowest epoch of a live session, or the sweep's own.
    pub horizon: u64,
}

/// Counts over all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Rows.
    pub chunks: u64,
    /// The length of their chunks.
    pub raw_bytes: u64,
    /// The length of their payloads.
    pub stored_bytes: u64,
    /// Rows that a sweep has condemned.
    pub condemned: u64,
    /// Rows whose bytes are damaged.
    pub damaged: u64,
    /// Sessions that have not ended.
    pub sessions: u64,
    /// The store's epoch.
    pub epoch: u64,
    /// The counter of the youngest segment.
    pub last_segment: u64,
}

/// Keeps the rows of chunks, sessions and segments.
#[async_trait]
pub trait Index: Send + Sync + 'static {
    /// Numbers a store that opens.
    async fn register_owner(&self) -> Answer<u64>;

    /// Begins a session in the present epoch. No sweep may begin between the reading of the epoch
    /// and the moment the session's row is seen by others.
    async fn begin_session(&self, owner: u64, lease: Duration) -> Answer<SessionRow>;
    /// Prolongs a session's lease; `false` when the session has ended.
    async fn renew_session(&self, session: u64, lease: Duration) -> Answer<bool>;
    /// Has a session count on everything that `root` holds; `false` when the session has ended.
    async fn pin(&self, session: u64, root: Digest) -> Answer<bool>;
    /// Moves a session on to a later epoch: it counts on what `pins` hold from now on, not on what `unpins` hold, and on
    /// younger rows; `false`, and nothing, when it has ended.
    async fn move_session(&self, session: u64, epoch: u64, pins: &[Digest], unpins: &[Digest]) -> Answer<bool>;
    /// Ends a session. Its pins hold until the next sweep has begun.
    async fn end_session(&self, session: u64) -> Answer<()>;
    /// Ends every session whose lease has lapsed, and returns how many.
    async fn end_lapsed_sessions(&self) -> Answer<u64>;
    /// Ends every session of a store that is no more, and returns how many.
    async fn end_sessions_of(&self, owner: u64) -> Answer<u64>;
    /// Lists the stores that have sessions which have not ended.
    async fn session_owners(&self) -> Answer<Vec<u64>>;

    /// Returns the rows of these digests, in their order.
    async fn locate(&self, digests: &[Digest]) -> Answer<Vec<Option<Row>>>;
    /// Returns the good rows of these digests, in their order, after raising their epoch to at
    /// least `epoch`. A row that is condemned or damaged is told as absent.
    async fn claim(&self, epoch: u64, digests: &[Digest]) -> Answer<Vec<Option<Row>>>;
    /// Adds rows that point into `segment`, all or none; an error unless the segment is open, so
    /// that nothing is published into one that was taken from a dead owner. A row that is there
    /// and good stays where it is and takes the higher epoch; one that is condemned or damaged is
    /// replaced.
    async fn publish(&self, segment: u64, rows: &[Row]) -> Answer<()>;
    /// Marks a chunk as damaged if its row still points to this location.
    async fn mark_damaged(&self, digest: Digest, location: Location) -> Answer<bool>;
    /// Takes the mark off a chunk if its row still points to this location, where it was read well.
    async fn clear_damaged(&self, digest: Digest, location: Location) -> Answer<bool>;
    /// Points rows into `segment`, those that still point to their old place; returns how many. An
    /// error unless the segment is open.
    async fn relocate(&self, segment: u64, moves: &[Move]) -> Answer<u64>;

    /// Numbers a new open segment: with a counter, which is the upper half of the number when the lower one is to be a
    /// nonce. A counter alone comes again when the index goes back in time (a restored copy), and then names another
    /// file.
    async fn create_segment(&self, owner: u64, nonce: Option<u32>) -> Answer<u64>;
    /// Seals a segment, again when it is sealed already: then only its length changes.
    async fn seal_segment(&self, segment: u64, file_bytes: u64) -> Answer<()>;
    /// Sets a segment to be dropped; `false`, and nothing, while a row points into it.
    async fn drop_segment(&self, segment: u64) -> Answer<bool>;
    /// Lists the segments that were set to be dropped at least so long ago.
    async fn dropped_segments(&self, ago: Duration) -> Answer<Vec<u64>>;
    /// Forgets a segment whose file is gone.
    async fn forget_segment(&self, segment: u64) -> Answer<()>;
    /// Lists segments by number, at most `limit` from after `after`.
    async fn segments(&self, after: u64, limit: usize) -> Answer<Vec<SegmentRow>>;
    /// Lists the rows that point into a segment by their place, from `start` on.
    async fn segment_rows(&self, segment: u64, start: u64, limit: usize) -> Answer<Vec<Row>>;
    /// Returns where the last record ends that a row points to, without its header's length:
    /// the highest `start + stored_bytes`; `None` when no row points into the segment.
    async fn segment_end(&self, segment: u64) -> Answer<Option<u64>>;

    /// Begins a sweep: raises the epoch and forgets the sessions that had ended before.
    async fn begin_sweep(&self) -> Answer<u64>;
    /// Returns the lowest epoch of the sessions that have not ended.
    async fn oldest_session(&self) -> Answer<Option<u64>>;
    /// Lists the pinned roots of all sessions, ended or not, that no sweep has forgotten.
    async fn pinned_roots(&self) -> Answer<Vec<Digest>>;
    /// Lists rows by digest, at most `limit` from after `after`.
    async fn rows(&self, after: Option<Digest>, limit: usize) -> Answer<Vec<Row>>;
    /// Condemns those of these rows that live and are older than the sweep's horizon, as long as no
    /// later sweep has begun; returns how many.
    async fn condemn(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64>;
    /// Takes condemned rows back to life; returns how many.
    async fn spare(&self, digests: &[Digest]) -> Answer<u64>;
    /// Removes those of these rows that a sweep before this one condemned, as long as no later sweep
    /// has begun; returns how many.
    async fn remove(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64>;

    /// Counts.
    async fn totals(&self) -> Answer<Totals>;
    /// Returns the mark of the bucket that has the segments; `None` when they are in a folder, or none was bound yet.
    async fn bucket(&self) -> Answer<Option<String>>;
    /// Sets the mark of the bucket, unless one is set; returns the one that is set then.
    async fn set_bucket(&self, mark: &str) -> Answer<String>;
    /// Returns the segment up to which the last scrub came; 0 when it came to the end.
    async fn scrub_position(&self) -> Answer<u64>;
    /// Remembers how far a scrub has come.
    async fn set_scrub_position(&self, segment: u64) -> Answer<()>;
}
