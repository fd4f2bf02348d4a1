//! Copying a content from one store to another.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::error::Error;
use crate::manifest::LEAF_CHUNKS;
use crate::reader::Reader;
use crate::session::Session;
use crate::{CHUNK_BYTES, Content};

impl Session {
    /// Writes the content that `from` reads, which lies in another store. Chunks that this store has
    /// already are not written again, and zeroes are not even read. The copy has the same root.
    ///
    /// The caller keeps the content in the other store meanwhile: see [`Session::pin`].
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Missing`] when it cannot be read there.
    pub async fn copy(&self, from: &Reader) -> Result<Content, Error> {
        let mut copy = self.patch(None, from.size_bytes()).await?;
        let chunk_bytes = CHUNK_BYTES as u64;
        let mut next = 0;
        while next < from.chunk_count() {
            let end = (next + LEAF_CHUNKS).min(from.chunk_count());
            let present = from.present(next..end).await?;
            for run in present.chunk_by(|one, other| one == other) {
                let start = next;
                next += run.len() as u64;
                if !run[0] {
                    continue;
                }
                let mut pieces = pin!(from.stream(start * chunk_bytes..next * chunk_bytes));
                let mut chunk = start;
                // A stream from a chunk's first byte on hands out one chunk after the other.
                while let Some(piece) = pieces.next().await {
                    copy.put(chunk, padded(piece?)).await?;
                    chunk += 1;
                }
            }
        }
        let content = copy.finish().await?;
        // A content is named by what it holds: under another name it would be another.
        match content.root == from.root() {
            true => Ok(content),
            false => Err(Error::Invalid(format!("the copy of {} came out as {}", from.root(), content.root))),
        }
    }
}

/// The last chunk of a content may be short.
fn padded(piece: Bytes) -> Bytes {
    if piece.len() == CHUNK_BYTES {
        return piece;
    }
    let mut chunk = BytesMut::from(&piece[..]);
    chunk.resize(CHUNK_BYTES, 0);
    chunk.freeze()
}
