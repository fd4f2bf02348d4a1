//! The pieces of a file as it is kept: as they come, or out of the one layer of compression that they come in.
//!
//! Nothing is unpacked unasked. A client asks by the `Content-Encoding` of an upload, or by the container format
//! `compressed` of its image, as Glance's clients do; the last step of the fill makes that `bare`.
//!
//! ```text
//! body ─► packed ─► decoder (a thread of its own) ─► plain ─► hashed, written, judged
//! ```

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use disks::{Compression, Decoder, Rule};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
};

use super::{
    super::{Image, Images},
    Declared,
    body::{Body, Piece},
    bytes::check_declared,
    hash::Hash,
};
use crate::{
    error::{Error, Result},
    inspect::formats,
};

/// The container format that asks for it.
pub const PACKED: &str = "compressed";
/// Files that are unpacked at the same time: each may need a window of 64 MiB.
pub(in crate::images) const AT_ONCE: usize = 3;
/// Pieces on the way to a decoder, and from it.
const PIECES_UNDER_WAY: usize = 2;
/// The bytes of a piece that a decoder gives.
const PLAIN_BYTES: usize = 512 << 10;
/// Bytes by which every compression is known.
const HEAD_BYTES: usize = 6;

/// The pieces of a file as it is kept.
pub(super) struct Pieces<'a> {
    body: &'a mut Body,
    declared: &'a Declared,
    unpacking: Option<Unpacking>,
}

struct Unpacking {
    /// `None` once all has come.
    packed: Option<mpsc::Sender<Piece>>,
    plain: mpsc::Receiver<Piece>,
    decoder: JoinHandle<Result<()>>,
    /// Where the client declared a digest: it is one of the bytes that it sends.
    hashes: [Option<Hash>; 2],
    came_bytes: u64,
    _place: OwnedSemaphorePermit,
}

impl<'a> Pieces<'a> {
    /// Begins to take the pieces of an image's file.
    ///
    /// # Errors
    /// `Unavailable` when a client sends one to be unpacked and too many are. A job waits for its turn.
    pub(super) async fn begin(
        images: &Images,
        image: &Image,
        declared: &'a Declared,
        body: &'a mut Body,
        is_job: bool,
    ) -> Result<Pieces<'a>> {
        let is_packed = declared.compression.is_some() || image.container_format.as_deref() == Some(PACKED);
        let unpacking = match is_packed {
            true => Some(Unpacking::begin(images, declared, is_job).await?),
            false => None,
        };
        Ok(Pieces { body, declared, unpacking })
    }

    /// The declarations that hold for the pieces, not for the bytes that come.
    pub(super) fn declared(&self) -> Declared {
        match &self.unpacking {
            None => self.declared.clone(),
            Some(_) => Declared { size_bytes: None, md5: None, sha512: None, ..self.declared.clone() },
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// As [`Body::next_piece`]; `Refused` when the bytes are not compressed as they should be; `Invalid` when they are not
    /// as declared.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        let Some(unpacking) = &mut self.unpacking else { return self.body.next_piece().await };
        loop {
            let Some(packed) = unpacking.packed.clone() else {
                return match unpacking.plain.recv().await {
                    Some(piece) => Ok(Some(piece)),
                    None => unpacking.ended().await.map(|()| None),
                };
            };
            tokio::select! {
                // Unpacked bytes are taken first, so that the decoder never waits for bytes that need it to go on.
                biased;
                plain = unpacking.plain.recv() => match plain {
                    Some(piece) => return Ok(Some(piece)),
                    // It has refused the bytes before their end.
                    None => return unpacking.ended().await.map(|()| None),
                },
                // An error: the decoder has just ended, and the next turn meets that.
                Ok(place) = packed.reserve_owned() => match self.body.next_piece().await? {
                    Some(piece) => {
                        unpacking.note(&piece).await;
                        place.send(piece);
                    }
                    None => {
                        unpacking.packed = None;
                        unpacking.check(self.declared).await?;
                    }
                },
            }
        }
    }
}

impl Unpacking {
    async fn begin(images: &Images, declared: &Declared, is_job: bool) -> Result<Unpacking> {
        let places = images.0.unpackings.clone();
        let place = match is_job {
            true => places.acquire_owned().await.map_err(Error::internal)?,
            false => places.try_acquire_owned().map_err(|_| {
                let message = "this service is unpacking as many files as it can; try again later, or send it unpacked";
                Error::Unavailable(message.into())
            })?,
        };
        let (packed, source) = mpsc::channel(PIECES_UNDER_WAY);
        let (sink, plain) = mpsc::channel(PIECES_UNDER_WAY);
        let (named, max_bytes) = (declared.compression, images.0.settings.max_size_bytes);
        let decoder = tokio::task::spawn_blocking(move || {
            let source = Source { pieces: source, piece: Vec::new().into_iter(), bytes: Bytes::new() };
            unpack(source, named, max_bytes, &sink)
        });
        let hashes = [declared.md5.as_ref().map(|_| Hash::md5()), declared.sha512.as_ref().map(|_| Hash::sha512())];
        Ok(Unpacking { packed: Some(packed), plain, decoder, hashes, came_bytes: 0, _place: place })
    }

    /// Counts and hashes bytes as they come.
    async fn note(&mut self, piece: &Piece) {
        self.came_bytes += piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        for hash in self.hashes.iter().flatten() {
            hash.take(piece).await;
        }
    }

    /// Compares the bytes that came with what was declared of them.
    async fn check(&mut self, declared: &Declared) -> Result<()> {
        let mut found = [String::new(), String::new()];
        for (hash, found) in self.hashes.iter_mut().zip(&mut found) {
            if let Some(hash) = hash.take() {
                *found = hash.end().await?;
            }
        }
        let [md5, sha512] = found;
        check_declared(declared, self.came_bytes, &md5, &sha512)
    }

    /// The decoder's last word, once it gives nothing more.
    async fn ended(&mut self) -> Result<()> {
        (&mut self.decoder).await.map_err(Error::internal)?
    }
}

/// Unpacks all of a source, on a thread that may block. It ends early when nobody takes the pieces any more.
fn unpack(mut source: Source, named: Option<Compression>, max_bytes: u64, sink: &mpsc::Sender<Piece>) -> Result<()> {
    let mut head = Vec::new();
    let read = source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head);
    read.expect("a channel does not fail");
    let found = Compression::of_head(&head);
    let compression = match (found, named) {
        (Some(found), None) => found,
        (Some(found), Some(named)) if found == named => found,
        _ => return Err(not_as_named(found, named)),
    };
    let mut decoder =
        Decoder::new(compression, Read::chain(io::Cursor::new(head), source), max_bytes).map_err(formats::refused)?;
    loop {
        let (mut piece, mut len) = (vec![0; PLAIN_BYTES], 0);
        while len < PLAIN_BYTES {
            match decoder.read(&mut piece[len..]).map_err(formats::refused)? {
                0 => break,
                more => len += more,
            }
        }
        piece.truncate(len);
        if len == 0 || sink.blocking_send(Arc::new(vec![piece.into()])).is_err() {
            return Ok(());
        }
    }
}

fn not_as_named(found: Option<Compression>, named: Option<Compression>) -> Error {
    let said = match named {
        Some(named) => format!("its Content-Encoding is {named}"),
        None => format!("the container format of its image is {PACKED}"),
    };
    let is = match found {
        Some(found) => format!("it is compressed with {found}"),
        None => "it is not compressed with gzip, zstd, xz or bzip2".to_owned(),
    };
    let remedy = match named {
        Some(_) => "Send it with the right Content-Encoding, or without one if it is not compressed.",
        None => "Set container_format to bare if it is not compressed, and send it again.",
    };
    let message = format!("The image is refused: {said}, but {is}. {remedy}");
    Error::Refused { rule: Rule::FormatMismatch.word(), message }
}

/// The bytes that come, as a decoder reads them.
struct Source {
    pieces: mpsc::Receiver<Piece>,
    piece: std::vec::IntoIter<Bytes>,
    bytes: Bytes,
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_empty() {
            match self.piece.next() {
                Some(bytes) => self.bytes = bytes,
                None => match self.pieces.blocking_recv() {
                    Some(piece) => self.piece = Arc::unwrap_or_clone(piece).into_iter(),
                    None => return Ok(0),
                },
            }
        }
        let len = buf.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }
}
