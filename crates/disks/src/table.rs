//! Tables of words, read a piece at a time.

use crate::{ReadAt, Rejection};

/// The most of a table that is in memory at a time.
const PIECE_BYTES: u64 = 64 << 10;

/// Reads a table that is known to lie in the file, piece by piece.
pub(crate) struct Table<'a> {
    bytes: &'a dyn ReadAt,
    next: u64,
    end: u64,
    piece: Vec<u8>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(bytes: &'a dyn ReadAt, offset: u64, len: u64) -> Self {
        Self { bytes, next: offset, end: offset + len, piece: Vec::new() }
    }

    /// The next piece and the offset it lies at; its length is a multiple of 16 where the table's
    /// is.
    pub(crate) fn next_piece(&mut self) -> Result<Option<(u64, &[u8])>, Rejection> {
        let at = self.next;
        let len = (self.end - at).min(PIECE_BYTES);
        if len == 0 {
            return Ok(None);
        }
        self.piece.resize(len as usize, 0);
        self.bytes.read_exact_at(&mut self.piece, at).map_err(|error| Rejection::unread(at, &error))?;
        self.next = at + len;
        Ok(Some((at, &self.piece)))
    }

    /// Starts over with another table, keeping the memory.
    pub(crate) fn restart(&mut self, offset: u64, len: u64) {
        (self.next, self.end) = (offset, offset + len);
    }
}

/// One piece of one table kept for reading single words near each other.
pub(crate) struct Words<'a> {
    bytes: &'a dyn ReadAt,
    at: u64,
    piece: Vec<u8>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(bytes: &'a dyn ReadAt) -> Self {
        Self { bytes, at: 0, piece: Vec::new() }
    }

    /// The word of `N` bytes at `offset`, in a table that ends at `table_end`.
    pub(crate) fn get<const N: usize>(&mut self, offset: u64, table_end: u64) -> Result<[u8; N], Rejection> {
        let kept = offset >= self.at && offset + N as u64 <= self.at + self.piece.len() as u64;
        if !kept {
            let len = table_end.saturating_sub(offset).clamp(N as u64, PIECE_BYTES);
            self.piece.resize(len as usize, 0);
            if let Err(error) = self.bytes.read_exact_at(&mut self.piece, offset) {
                self.piece.clear();
                return Err(Rejection::unread(offset, &error));
            }
            self.at = offset;
        }
        let mut word = [0; N];
        let start = (offset - self.at) as usize;
        word.copy_from_slice(&self.piece[start..start + N]);
        Ok(word)
    }
}
