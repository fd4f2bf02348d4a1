//! The errors of a bucket, with what to do about them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bucket::MARK;
use crate::cache::file_name;
use crate::error::Error;

/// The system's kind of error for one of a bucket.
pub(crate) fn io_error(error: object_store::Error) -> io::Error {
    use object_store::Error as Failure;
    let kind = match &error {
        Failure::NotFound { .. } => io::ErrorKind::NotFound,
        Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

pub(crate) fn foreign(prefix: &str) -> io::Error {
    let message = format!(
        "the bucket belongs to another database under '{prefix}': give this store a prefix of its own, or the database \
         that the bucket belongs to"
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

pub(crate) fn no_bucket() -> io::Error {
    let message = "there is no such bucket: make it, or correct its name or the server's address in the settings";
    io::Error::new(io::ErrorKind::InvalidData, message)
}

pub(crate) fn empty(prefix: &str) -> io::Error {
    let message = format!(
        "the bucket has no '{prefix}/{MARK}', which this store put there: it is another bucket or another prefix, or the \
         bucket was emptied; set the right one, or bring all objects back, that one too"
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl Error {
    /// An error of the bucket as a whole.
    pub(crate) fn bucket(source: io::Error) -> Error {
        Error::Io { path: PathBuf::from("the bucket"), source: Arc::new(source) }
    }

    /// An error of the bucket, at a segment's object.
    pub(crate) fn object(segment: u64, source: impl Into<Arc<io::Error>>) -> Error {
        Error::Io { path: PathBuf::from(file_name(segment)), source: source.into() }
    }
}
