//! Where chunks lie: the seam to the database.

/// Keeps the rows of chunks, sessions and segments.
pub trait Index: Send + Sync + 'static {}

/// An index that lives as long as its process: for tests.
#[derive(Debug, Default)]
pub struct MemoryIndex;

impl MemoryIndex {
    /// Makes an empty index.
    pub fn new() -> MemoryIndex {
        MemoryIndex
    }
}

impl Index for MemoryIndex {}
