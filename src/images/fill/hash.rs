//! Whole-file checksums, each on a thread of its own.

use openssl::hash::{Hasher, MessageDigest};
use tokio::{sync::mpsc, task::JoinHandle};

use super::body::Piece;
use crate::error::{Error, Result};

/// Pieces on the way to a hash: enough that a short stall of one hash does not stop the other and the writer.
const PIECES_UNDER_WAY: usize = 4;

/// A hash under way.
pub(in crate::images) struct Hash {
    pieces: mpsc::Sender<Piece>,
    digest: JoinHandle<Result<String>>,
}

impl Hash {
    pub(in crate::images) fn md5() -> Hash {
        Hash::of(MessageDigest::md5())
    }

    pub(in crate::images) fn sha512() -> Hash {
        Hash::of(MessageDigest::sha512())
    }

    pub(super) fn of(kind: MessageDigest) -> Hash {
        let (pieces, mut taken) = mpsc::channel::<Piece>(PIECES_UNDER_WAY);
        let digest = tokio::task::spawn_blocking(move || {
            let mut hasher = Hasher::new(kind).map_err(Error::internal)?;
            while let Some(piece) = taken.blocking_recv() {
                for bytes in piece.iter() {
                    hasher.update(bytes).map_err(Error::internal)?;
                }
            }
            let digest = hasher.finish().map_err(Error::internal)?;
            Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
        });
        Hash { pieces, digest }
    }

    /// Hashes a piece after those before it.
    pub(in crate::images) async fn take(&self, piece: &Piece) {
        // A hash that failed says so at the end.
        let _ = self.pieces.send(piece.clone()).await;
    }

    /// The digest, in hex.
    pub(in crate::images) async fn end(self) -> Result<String> {
        drop(self.pieces);
        self.digest.await.map_err(Error::internal)?
    }
}
