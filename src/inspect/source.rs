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

/// A stopped instance's disk: what it changed, over the disk it was launched from. Where its bytes are is looked up in the
/// overlay's tables for each read, so a guest has no say in how much memory that takes.
pub(super) struct Overlaid {
    overlay: Arc<File>,
    /// `None`: nothing but zeroes.
    base: Option<Reader>,
    size_bytes: u64,
}

/// A run of bytes of a read.
enum Piece {
    Overlay(Vec<u8>),
    Zeroes(usize),
    Base(u64, usize),
}

impl Overlaid {
    /// Opens the disk of an instance at rest.
    ///
    /// # Errors
    /// The overlay is not one of ours; `Conflict` when it is of a disk of another size.
    pub(super) async fn open(overlay: File, base: Option<Reader>, size_bytes: u64) -> Result<Overlaid> {
        let overlay = Arc::new(overlay);
        let judged = overlay.clone();
        let judge = move || qcow2::File::open(&*judged, Rules::Overlay).map(|file| file.virtual_size_bytes());
        let found = tokio::task::spawn_blocking(judge).await.map_err(Error::internal)?.map_err(refused)?;
        if found != size_bytes {
            return Err(Error::Conflict(format!(
                "The disk of this instance has {found} bytes where its record says {size_bytes}: it was replaced, so \
                 nobody looks into it. Launch a new instance."
            )));
        }
        Ok(Overlaid { overlay, base, size_bytes })
    }

    /// The bytes of a part of the disk, and where those are that the overlay does not have.
    async fn pieces(&self, offset: u64, len: usize) -> io::Result<Vec<Piece>> {
        let overlay = self.overlay.clone();
        let read = move || {
            let file = qcow2::File::reopen(&*overlay).map_err(io::Error::other)?;
            let extents = file.extents(offset..offset + len as u64);
            extents.map(|extent| piece(&overlay, &extent.map_err(io::Error::other)?)).collect()
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }

    /// The base's bytes; zeroes behind its end, where an instance's disk may go on.
    async fn of_base(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let bytes = match &self.base {
            Some(base) => base.read_at(offset, len).await.map_err(io::Error::other)?,
            None => Bytes::new(),
        };
        if bytes.len() == len {
            return Ok(bytes);
        }
        let mut filled = BytesMut::from(&bytes[..]);
        filled.resize(len, 0);
        Ok(filled.freeze())
    }
}

/// On a blocking thread; no extent is longer than the read it is for.
fn piece(overlay: &File, extent: &Extent) -> io::Result<Piece> {
    let len = extent.len as usize;
    match extent.kind {
        Kind::Data { file_offset } => {
            let mut bytes = vec![0; len];
            overlay.read_exact_at(&mut bytes, file_offset).map(|()| Piece::Overlay(bytes))
        }
        Kind::Zero => Ok(Piece::Zeroes(len)),
        Kind::Unallocated => Ok(Piece::Base(extent.guest_offset, len)),
        Kind::Compressed { .. } => Err(io::Error::other("an overlay with compressed clusters")),
    }
}

#[async_trait]
impl Source for Overlaid {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    async fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(len);
        for piece in self.pieces(offset, len).await? {
            match piece {
                Piece::Overlay(of_overlay) => bytes.extend_from_slice(&of_overlay),
                Piece::Zeroes(count) => bytes.resize(bytes.len() + count, 0),
                Piece::Base(at, count) => bytes.extend_from_slice(&self.of_base(at, count).await?),
            }
        }
        if bytes.len() == len { Ok(bytes.freeze()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use chunks::{Options, Store, suite::MemoryIndex};

    use super::*;

    const CLUSTER: usize = 65_536;

    fn qemu(program: &str, arguments: &[&str]) {
        let output = Command::new(program).args(arguments).output().expect("QEMU's tools are needed by this test");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A base of `a`, and an overlay in which each second cluster is changed: to `b`, or to zeroes.
    async fn disk(folder: &Path, clusters: usize) -> (File, Reader, Vec<u8>) {
        let store = Store::open(&folder.join("store"), Arc::new(MemoryIndex::new()), Options::default()).await.unwrap();
        let session = store.begin().await.unwrap();
        let mut writer = session.writer();
        let mut whole = vec![b'a'; clusters * CLUSTER];
        // The disk goes on behind the end of its base.
        whole[(clusters - 1) * CLUSTER..].fill(0);
        writer.write(Bytes::from(whole[..(clusters - 1) * CLUSTER].to_vec())).await.unwrap();
        let base = writer.finish().await.unwrap();
        session.finish().await;
        let path = folder.join("overlay");
        std::fs::write(&path, qcow2::create_overlay(whole.len() as u64)).unwrap();
        let mut arguments = vec!["-f".to_owned(), "qcow2".into(), path.to_str().unwrap().into()];
        for cluster in (0..clusters - 1).step_by(2) {
            let (at, is_zero) = (cluster * CLUSTER, cluster % 4 == 0);
            let how = if is_zero { "-z" } else { "-P 98" };
            arguments.extend(["-c".into(), format!("write {how} {at} {CLUSTER}")]);
            whole[at..at + CLUSTER].fill(if is_zero { 0 } else { b'b' });
        }
        qemu("qemu-io", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        (File::open(path).unwrap(), store.reader(base.root).await.unwrap(), whole)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_instances_disk_is_read_as_its_guest_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let (overlay, base, whole) = disk(folder.path(), 40).await;
        let disk = Overlaid::open(overlay, Some(base), whole.len() as u64).await.unwrap();
        for (offset, len) in [(0, 1 << 20), (65_000, 2000), (3, 300_000), (whole.len() - 70_000, 70_000)] {
            let read = disk.read(offset as u64, len).await.unwrap();
            assert!(read == whole[offset..offset + len], "{len} bytes at {offset}");
        }
        assert!(disk.read(whole.len() as u64 - 1, 2).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_overlay_of_another_size_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (overlay, base, whole) = disk(folder.path(), 8).await;
        let refused = Overlaid::open(overlay, Some(base), whole.len() as u64 - 512).await.err().expect("a refusal");
        assert!(refused.to_string().contains("it was replaced"), "{refused}");
    }
}
