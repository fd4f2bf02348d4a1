//! One loose file a chunk: the first working form of the store's interface.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;

use crate::digest::Digest;
use crate::error::Error;
use crate::index::Index;
use crate::{CHUNK_BYTES, Content, Options};

/// The chunk store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    dir: Arc<PathBuf>,
}

impl Store {
    /// Opens the store in `dir`, making it when it is not there.
    pub async fn open(dir: &Path, index: Arc<dyn Index>, options: Options) -> Result<Store, Error> {
        let _ = (index, options.lease > Duration::ZERO);
        std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, error))?;
        Ok(Store { dir: Arc::new(dir.to_owned()) })
    }

    /// Begins a save.
    pub async fn begin(&self) -> Result<Session, Error> {
        Ok(Session { store: self.clone() })
    }

    /// Opens the content of this root.
    pub async fn reader(&self, root: Digest) -> Result<Reader, Error> {
        let bytes = self.get(root)?;
        let (size, list) = bytes.split_first_chunk::<8>().ok_or(Error::Missing(root))?;
        let digests = list.chunks_exact(32).filter_map(Digest::from_slice).collect();
        Ok(Reader { store: self.clone(), root, size_bytes: u64::from_le_bytes(*size), digests })
    }

    /// Stops the store's tasks.
    pub async fn close(&self) {}

    fn get(&self, digest: Digest) -> Result<Bytes, Error> {
        let path = self.dir.join(digest.to_string());
        std::fs::read(&path).map(Bytes::from).map_err(|error| Error::io(&path, error))
    }

    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        let path = self.dir.join(digest.to_string());
        std::fs::write(&path, bytes).map_err(|error| Error::io(&path, error))?;
        Ok(digest)
    }

    fn put_root(&self, digests: &[Digest], size_bytes: u64) -> Result<Content, Error> {
        let mut bytes = size_bytes.to_le_bytes().to_vec();
        digests.iter().for_each(|digest| bytes.extend(digest.as_bytes()));
        let root = self.put(&bytes)?;
        Ok(Content { root, size_bytes, stored_bytes: size_bytes, new_bytes: size_bytes })
    }
}

/// A save that is under way.
pub struct Session {
    store: Store,
}

impl Session {
    /// Starts to write one content from its first byte to its last.
    pub fn writer(&self) -> Writer {
        Writer { store: self.store.clone(), buffer: BytesMut::new(), digests: Vec::new(), size_bytes: 0 }
    }

    /// Starts to write a content that differs from `base` in some chunks.
    pub async fn patch(&self, base: Option<Digest>, size_bytes: u64) -> Result<Patch, Error> {
        let mut digests = match base {
            Some(base) => self.store.reader(base).await?.digests,
            None => Vec::new(),
        };
        digests.resize(size_bytes.div_ceil(CHUNK_BYTES as u64) as usize, Digest::ZERO);
        Ok(Patch { store: self.store.clone(), digests, size_bytes })
    }

    /// Ends the save, after the row that makes its content reachable is committed.
    pub async fn finish(self) {}

    /// Gives the save up.
    pub async fn abandon(self) {}
}

/// Writes one content from its first byte to its last.
pub struct Writer {
    store: Store,
    buffer: BytesMut,
    digests: Vec<Digest>,
    size_bytes: u64,
}

impl Writer {
    /// Takes the next bytes, as many as there are.
    pub async fn write(&mut self, data: Bytes) -> Result<(), Error> {
        self.size_bytes += data.len() as u64;
        self.buffer.extend_from_slice(&data);
        while self.buffer.len() >= CHUNK_BYTES {
            let chunk = self.buffer.split_to(CHUNK_BYTES);
            self.chunk(&chunk)?;
        }
        Ok(())
    }

    /// Ends the content; it is durable when this returns.
    pub async fn finish(mut self) -> Result<Content, Error> {
        if !self.buffer.is_empty() {
            let mut chunk = self.buffer.split();
            chunk.resize(CHUNK_BYTES, 0);
            self.chunk(&chunk)?;
        }
        self.store.put_root(&self.digests, self.size_bytes)
    }

    fn chunk(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let digest = match chunk.iter().all(|byte| *byte == 0) {
            true => Digest::ZERO,
            false => self.store.put(chunk)?,
        };
        self.digests.push(digest);
        Ok(())
    }
}

/// Writes a content that differs from another in some chunks.
pub struct Patch {
    store: Store,
    digests: Vec<Digest>,
    size_bytes: u64,
}

impl Patch {
    /// Sets a chunk's bytes: exactly [`CHUNK_BYTES`], the last chunk's tail padded with zeroes.
    pub async fn put(&mut self, chunk: u64, data: Bytes) -> Result<(), Error> {
        self.digests[chunk as usize] = self.store.put(&data)?;
        Ok(())
    }

    /// Sets a chunk to one that this session wrote or a committed manifest holds.
    pub async fn put_digest(&mut self, chunk: u64, digest: Digest) -> Result<(), Error> {
        self.digests[chunk as usize] = digest;
        Ok(())
    }

    /// Sets a chunk to zeroes.
    pub async fn zero(&mut self, chunk: u64) -> Result<(), Error> {
        self.digests[chunk as usize] = Digest::ZERO;
        Ok(())
    }

    /// Ends the content; it is durable when this returns.
    pub async fn finish(self) -> Result<Content, Error> {
        self.store.put_root(&self.digests, self.size_bytes)
    }
}

/// Reads one content; cheap to clone.
#[derive(Clone)]
pub struct Reader {
    store: Store,
    root: Digest,
    size_bytes: u64,
    digests: Vec<Digest>,
}

impl Reader {
    /// Returns how many bytes the content has.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns the digest that identifies the content.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Reads bytes; fewer than asked for only at the end. Every byte is verified.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, Error> {
        let end = (offset + len as u64).min(self.size_bytes);
        let mut out = BytesMut::new();
        let mut at = offset;
        while at < end {
            let (chunk, from) = (at / CHUNK_BYTES as u64, (at % CHUNK_BYTES as u64) as usize);
            let take = (CHUNK_BYTES - from).min((end - at) as usize);
            match self.digests[chunk as usize].is_zero() {
                true => out.resize(out.len() + take, 0),
                false => out.extend_from_slice(&self.store.get(self.digests[chunk as usize])?[from..from + take]),
            }
            at += take as u64;
        }
        Ok(out.freeze())
    }

    /// Reads a range from its start to its end, reading ahead.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let reader = self.clone();
        let end = range.end.min(self.size_bytes);
        futures::stream::unfold(range.start, move |at| {
            let reader = reader.clone();
            async move {
                if at >= end {
                    return None;
                }
                let len = (end - at).min(1 << 20) as usize;
                Some((reader.read_at(at, len).await, at + len as u64))
            }
        })
    }

    /// Returns the digest of a chunk; `None` is zeroes.
    pub async fn chunk_digest(&self, chunk: u64) -> Result<Option<Digest>, Error> {
        Ok(self.digests.get(chunk as usize).copied().filter(|digest| !digest.is_zero()))
    }

    /// Tells for each chunk of a range whether it is more than zeroes.
    pub async fn present(&self, chunks: Range<u64>) -> Result<Vec<bool>, Error> {
        Ok(self.digests[chunks.start as usize..chunks.end as usize].iter().map(|digest| !digest.is_zero()).collect())
    }
}
