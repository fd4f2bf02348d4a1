//! The errors of the store.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;

/// The error of somebody else's code: the index or the list of roots.
pub type ForeignError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No chunk of this digest is in the store.
    #[error("chunk {0} is not in the store")]
    Missing(Digest),
    /// The stored bytes of this chunk are not what its digest says. It is quarantined, and heals
    /// when the same content is saved again.
    #[error("chunk {digest} is damaged: {reason}")]
    Damaged {
        /// The chunk that was asked for.
        digest: Digest,
        /// The fault of its stored bytes, in words.
        reason: String,
    },
    /// The chunk is whole, but it is not the manifest it was taken for.
    #[error("chunk {digest} is not a manifest: {reason}")]
    NotAManifest {
        /// The chunk that was asked for.
        digest: Digest,
        /// Why it is not a manifest, in words.
        reason: &'static str,
    },
    /// The session's lease has lapsed, and a sweep may have taken what it wrote: save again.
    #[error("the save took too long to show a sign of life and was given up; save again")]
    SessionLost,
    /// The caller asked for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Another sweep is at work on this store.
    #[error("another sweep is at work on this store")]
    Busy,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The disk under the store has less free than is kept free.
    #[error("{} MiB are free under the store, which keeps {} MiB free", free_bytes >> 20, reserve_bytes >> 20)]
    NoRoom {
        /// The free bytes of the disk under the store.
        free_bytes: u64,
        /// The bytes that the store keeps free.
        reserve_bytes: u64,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// The index could not answer.
    #[error("the chunk index: {0}")]
    Index(Arc<dyn std::error::Error + Send + Sync>),
    /// The list of roots could not be read.
    #[error("the list of roots: {0}")]
    Roots(Arc<dyn std::error::Error + Send + Sync>),
    /// A worker thread died.
    #[error("a worker of the store died: {0}")]
    Worker(String),
}

impl Error {
    /// Whether it may be over soon, and has changed nothing of what was written before.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Error::NoRoom { .. } | Error::Index(_))
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Error {
        Error::Io { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn index(error: ForeignError) -> Error {
        Error::Index(error.into())
    }

    pub(crate) fn roots(error: ForeignError) -> Error {
        Error::Roots(error.into())
    }

    /// Tells whether the disk under the store is full.
    pub fn is_full(&self) -> bool {
        match self {
            Error::NoRoom { .. } => true,
            Error::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Error {
        Error::Worker(error.to_string())
    }
}
