//! Errors, in words that a person can act on.
//!
//! No HTTP here: `api::error` holds the one table from these cases to statuses.
//! Every message is written for the sender of the request: the fault, and the remedy.

use std::io;

/// The result of every fallible function of a room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The failures of a room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(String),
    /// The thing is in a state that does not allow this now.
    #[error("{0}")]
    Conflict(String),
    /// The request makes no sense as it was sent.
    #[error("{0}")]
    Invalid(String),
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller is known, and not allowed to do this.
    #[error("{0}")]
    Forbidden(String),
    /// A quota of the project is used up.
    #[error("{0}")]
    OverQuota(String),
    /// More at once than there is room for in the line of the sender's project or address.
    #[error("{0}")]
    TooMany(String),
    /// Larger than a limit allows.
    #[error("{0}")]
    TooLarge(String),
    /// The content breaks a rule of its format; `rule` is its stable name.
    #[error("{message} (rule: {rule})")]
    Refused {
        /// The stable name of the rule, such as `external_reference`.
        rule: &'static str,
        /// The finding, its place, and the remedy.
        message: String,
    },
    /// The range asked for lies outside a content of this many bytes.
    #[error("the requested range lies outside the {size_bytes} bytes there are")]
    BadRange {
        /// How many bytes there are.
        size_bytes: u64,
    },
    /// The thing was deleted while the request was under way.
    #[error("{0}")]
    Gone(String),
    /// Something this service needs is out of reach; the same request may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours. The chain goes to the log, never to the client.
    #[error("internal error: {0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    /// A fault of ours, from any error; or, where a disk or the system's limits are behind it, one that may pass.
    pub fn internal(error: impl Into<anyhow::Error>) -> Error {
        let error = error.into();
        if !error.chain().any(|cause| cause.downcast_ref().is_some_and(may_pass)) {
            return Error::Internal(error);
        }
        tracing::error!("a file cannot be read or written: {error:#}");
        let message =
            "the service failed to read or write a file; try again in a moment, and tell the operator if it stays so";
        Error::Unavailable(message.into())
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        Error::internal(error)
    }
}

/// Whether a file call failed for its disk, or for what the system has none of now, and not for what was asked.
fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    use rustix::io::Errno;
    let is_kind = matches!(
        error.kind(),
        Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::ReadOnlyFilesystem
            | Kind::OutOfMemory
            | Kind::StaleNetworkFileHandle
    );
    let errors = [Errno::IO, Errno::NFILE, Errno::MFILE];
    is_kind || errors.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_disk_may_pass_wherever_it_is_in_the_chain() {
        let full = anyhow::Error::from(io::Error::from(io::ErrorKind::StorageFull)).context("cannot write the folder");
        assert!(matches!(Error::from(full), Error::Unavailable(_)));
        let failed = io::Error::from(rustix::io::Errno::IO);
        assert!(matches!(Error::internal(failed), Error::Unavailable(_)));
        assert!(matches!(Error::internal(io::Error::from(io::ErrorKind::NotFound)), Error::Internal(_)));
    }
}
