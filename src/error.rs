//! Errors, in words that a person can act on.
//!
//! No HTTP here: `api::error` holds the one table from these cases to statuses.
//! Every message is written for the sender of the request: the fault, and the remedy.

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
    Internal(#[from] anyhow::Error),
}

impl Error {
    /// A fault of ours, from any error.
    pub fn internal(error: impl Into<anyhow::Error>) -> Error {
        Error::Internal(error.into())
    }
}
