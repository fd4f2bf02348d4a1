//! Content-addressed chunks: the store under Effigy's images.

mod digest;
mod error;
mod index;
mod simple;

use std::time::Duration;

pub use digest::{Digest, NotADigest};
pub use error::{Error, ForeignError};
pub use index::{Index, MemoryIndex};
pub use simple::{Patch, Reader, Session, Store, Writer};

/// How much of a content one chunk holds: the cluster size of qcow2, so that an uncompressed
/// qcow2 file and its disk share every chunk.
pub const CHUNK_BYTES: usize = 65_536;

/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// The digest that identifies the content.
    pub root: Digest,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// The compressed bytes of all its distinct chunks, new or not.
    pub stored_bytes: u64,
    /// The bytes that this save added to the store.
    pub new_bytes: u64,
}

/// The contents that must be kept: the roots of all committed manifests.
#[async_trait::async_trait]
pub trait Roots: Send + Sync {
    /// Returns every root, in any order, repeated or not.
    async fn roots(&self) -> Result<Vec<Digest>, ForeignError>;
}

/// How a store works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a session is believed alive without a sign of life.
    pub lease: Duration,
    /// How many bytes of decoded chunks are kept in memory at most.
    pub chunk_cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { lease: Duration::from_secs(120), chunk_cache_bytes: 32 << 20 }
    }
}
