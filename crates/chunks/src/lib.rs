//! Content-addressed chunks in append-only segments: the store under Effigy's images.
//!
//! A *content* (a file, a disk) is cut into chunks of 64 KiB. Each chunk is named by its BLAKE3
//! digest and kept once, compressed, in a segment. A *manifest* lists the chunks of a content; the
//! digest of its root identifies the content. An [`Index`], kept in a database, says where each
//! chunk lies.
//!
//! ```text
//!   Store::begin -> Session -> Writer | Patch -> Content { root }    (the caller commits its row)
//!   Store::reader(root) -> Reader -> verified bytes
//!   Store::sweep(roots)                                              (what no root reaches goes)
//! ```
//!
//! The invariants, which hold at every moment, crashes included:
//! - A row is published after its bytes were synced, and a content's row, which is the caller's,
//!   is committed after all of its chunks' rows. A crash leaves garbage, never a hole.
//! - A record is never changed. It is verified by checksum and digest before a byte is handed out.
//! - A sweep never takes a chunk that a committed root reaches, or that a live session wrote or
//!   found already there. It needs no clock for that; see the head of `sweep.rs`.
//! - With a [`Bucket`] the sealed segments are objects there, and the folder keeps parts of them: see `bucket.rs`.
//! - Memory is bounded: 16 MiB for one writer, 2 MiB more for each further one, 4 MiB for each stream and
//!   64 MiB for all of them (beyond which each has 128 KiB), 8 MiB that they share, the caches by [`Options`]; before a
//!   bucket 64 MiB more for what is sent, and 64 MiB for what comes.
//!
//! `docs/storage-format.md` describes every byte.

mod batch;
mod bucket;
mod build;
mod cache;
mod check;
mod compact;
mod contents;
mod copy;
mod digest;
mod error;
mod fetch;
mod files;
mod index;
mod lane;
mod lately;
mod manifest;
mod open;
mod orphans;
mod prove;
mod reader;
mod record;
mod recover;
mod refused;
mod scrub;
mod segment;
mod session;
mod store;
#[cfg(feature = "suite")]
pub mod suite;
mod sweep;
mod usage;
mod walk;
mod windows;

pub use bucket::{Bucket, BucketStats};
pub use check::{CheckReport, Leftovers, Problem};
pub use digest::{Digest, NotADigest};
pub use error::{Error, ForeignError};
pub use index::{
    Answer, BATCH_ROWS, Index, Location, Move, Row, SegmentRow, SegmentState, SessionRow, SweepRow, Totals,
};
pub use lane::Lane;
pub use orphans::OrphanReport;
pub use reader::Reader;
pub use scrub::{ScrubOptions, ScrubReport};
pub use session::{Patch, Session, Writer};
pub use store::{Options, Store};
pub use sweep::SweepReport;
pub use usage::{Stats, Usage};

/// How much of a content one chunk holds: the cluster size of qcow2, so that an uncompressed
/// qcow2 file and its disk share every chunk.
pub const CHUNK_BYTES: usize = 65_536;

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// The result of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The digest that identifies the content.
    pub root: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// The compressed bytes of all its distinct chunks. Exact for a writer's content up to 64 GiB of
    /// distinct chunks; a patch adds and subtracts what it changed, so a chunk that the content
    /// holds more than once may be counted as often. It is the same whatever the store held before,
    /// so it tells nothing of what others keep.
    pub stored_bytes: u64,
    /// The part of `stored_bytes` that no content has which this session finished before, nor was
    /// set by its digest: what a second content adds to a first. It tells as little of others.
    pub further_bytes: u64,
    /// The session that protects it until it is reachable: see [`Session::id`].
    pub session: u64,
}

/// The contents that must be kept: the roots of all committed manifests.
#[async_trait::async_trait]
pub trait Roots: Send + Sync {
    /// Returns every root, in any order, repeated or not. It must see every row that was committed
    /// before it was called.
    async fn roots(&self) -> Result<Vec<Digest>, ForeignError>;
}
