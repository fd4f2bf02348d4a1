//! Why a connection ended before its time.

use std::io;

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream failed, or ended amid a message.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The client sent what the protocol does not allow.
    #[error("the client broke the protocol: {0}")]
    Protocol(&'static str),
    /// The client asked by the old way for an export there is not; it cannot be told so.
    #[error("the client asked for an export that does not exist")]
    UnknownExport,
    /// The client did not finish the handshake in time.
    #[error("the client was too slow to finish the handshake")]
    Slow,
}
