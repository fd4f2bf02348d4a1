//! The device: the bytes that a server reads from.

use std::io;

use bytes::Bytes;

/// A run of the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes, sent without a copy.
    Data(Bytes),
    /// So many zero bytes; a client that can is told that nothing is there.
    Zeroes(u32),
}

impl Part {
    /// How many bytes it stands for.
    #[expect(clippy::len_without_is_empty, reason = "empty parts are nowhere of use")]
    pub fn len(&self) -> u32 {
        match self {
            Part::Data(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            Part::Zeroes(len) => *len,
        }
    }
}

/// A run of bytes that are all there or all not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// How many bytes.
    pub len: u64,
    /// Nothing is stored for them: they read as zeroes.
    pub hole: bool,
}

/// Bytes of a fixed size that a server reads from.
///
/// The futures are polled in the connection's task: whatever computes for long belongs on a
/// blocking thread. They may be dropped at any await.
pub trait Device: Send + Sync + 'static {
    /// How many bytes there are; it does not change.
    fn size_bytes(&self) -> u64;

    /// Reads `len` bytes from `offset`: the parts follow one another and are `len` bytes
    /// together. Never called for bytes behind the end, nor for more than 32 MiB.
    ///
    /// # Errors
    /// Any; the client is told "input/output error".
    fn read(&self, offset: u64, len: u32) -> impl Future<Output = io::Result<Vec<Part>>> + Send;

    /// Tells which bytes from `offset` on are there, for at most `len` bytes: at least one extent,
    /// none of them empty; fewer bytes than asked for may be told of.
    ///
    /// # Errors
    /// Any; the client is told "input/output error".
    fn extents(&self, offset: u64, len: u32) -> impl Future<Output = io::Result<Vec<Extent>>> + Send;
}
