//! Disks as the process that looks into one asks for them.

use std::{fs::File, io, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chunks::Reader;
use disks::{
    ReadAt as _,
    qcow2::{self, Extent, Kind, Rules},
};

use super::formats::refused;
use crate::error::{Error, Result};

/// Bytes of a disk.
#[async_trait]
pub trait Source: Send + Sync {
    /// How many there are.
    fn size_bytes(&self) -> u64;

    /// These; all of them.
    async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes>;
}

#[async_trait]
impl Source for Reader {
    fn size_bytes(&self) -> u64 {
        Reader::size_bytes(self)
    }

    async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let bytes = self.read_at(offset, len).await.map_err(io::Error::other)?;
        if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A stopped instance's disk: what it changed, over the disk it was launched from.
pub struct Overlaid {
    overlay: Arc<File>,
    /// The clusters of the overlay, in the order of the disk.
    extents: Vec<Extent>,
    base: Reader,
    size_bytes: u64,
}

impl Overlaid {
    /// Opens the disk of an instance at rest.
    ///
    /// # Errors
    /// The overlay is not one of ours.
    pub async fn open(overlay: File, base: Reader, size_bytes: u64) -> Result<Overlaid> {
        let map = move || -> std::result::Result<(File, Vec<Extent>), disks::Rejection> {
            let file = qcow2::File::open(&overlay, Rules::Overlay)?;
            let extents = file
                .extents(0..file.virtual_size_bytes())
                .filter(|extent| !matches!(extent, Ok(Extent { kind: Kind::Unallocated, .. })));
            let extents = extents.collect::<std::result::Result<Vec<_>, _>>()?;
            drop(file);
            Ok((overlay, extents))
        };
        let (overlay, extents) = tokio::task::spawn_blocking(map).await.map_err(Error::internal)?.map_err(refused)?;
        Ok(Overlaid { overlay: Arc::new(overlay), extents, base, size_bytes })
    }

    /// The base's bytes; zeroes behind its end, where an instance's disk may go on.
    async fn of_base(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let bytes = self.base.read_at(offset, len).await.map_err(io::Error::other)?;
        if bytes.len() == len {
            return Ok(bytes);
        }
        let mut filled = BytesMut::from(&bytes[..]);
        filled.resize(len, 0);
        Ok(filled.freeze())
    }

    async fn of_overlay(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let overlay = self.overlay.clone();
        let read = move || {
            let mut bytes = vec![0; len];
            overlay.read_exact_at(&mut bytes, offset).map(|()| bytes)
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Source for Overlaid {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            let left = (len - bytes.len()) as u64;
            let next = self.extents.partition_point(|extent| extent.guest_offset + extent.len <= at);
            match self.extents.get(next) {
                Some(extent) if extent.guest_offset <= at => {
                    let within = at - extent.guest_offset;
                    let count = (extent.len - within).min(left) as usize; // At most `len`.
                    match extent.kind {
                        Kind::Data { file_offset } => {
                            bytes.extend_from_slice(&self.of_overlay(file_offset + within, count).await?);
                        }
                        Kind::Zero | Kind::Unallocated => bytes.resize(bytes.len() + count, 0),
                        Kind::Compressed { .. } => return Err(io::Error::other("an overlay with compressed clusters")),
                    }
                }
                later => {
                    let count = later.map_or(left, |extent| (extent.guest_offset - at).min(left)) as usize;
                    bytes.extend_from_slice(&self.of_base(at, count).await?);
                }
            }
        }
        Ok(bytes.freeze())
    }
}
