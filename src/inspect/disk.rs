//! The disk in a file of any accepted format, as a content that shares the file's chunks.

use bytes::{Bytes, BytesMut};
use chunks::{CHUNK_BYTES, Content, Patch, Reader};
use disks::{Extent, Format, Kind, Limits};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{bytes::ContentBytes, formats::refused};
use crate::error::{Error, Result};

const CHUNK: u64 = CHUNK_BYTES as u64;

/// How much is read at a time of what cannot be shared: enough to read ahead, little enough to hold.
const READ_BYTES: u64 = 1 << 20;

/// The judge has looked at sizes already.
const JUDGED: Limits = Limits { virtual_size_bytes: u64::MAX };

/// The size of the disk in a file that was judged.
pub(super) async fn size_bytes(file: &Reader, format: Format) -> Result<u64> {
    let bytes = ContentBytes::new(file.clone());
    let read = move || match format {
        // Its tables are the largest of all, and are not needed for this.
        Format::Qcow2 => disks::qcow2::virtual_size_bytes(&bytes),
        format => disks::open(format, &bytes, &JUDGED).map(|disk| disk.virtual_size_bytes()),
    };
    tokio::task::spawn_blocking(read).await.map_err(Error::internal)?.map_err(refused)
}

/// Fills `patch` with the disk and finishes it; on a blocking thread.
pub(super) fn of_file(file: &ContentBytes, format: Format, patch: Patch, stop: &CancellationToken) -> Result<Content> {
    let image = disks::open(format, file, &JUDGED).map_err(refused)?;
    let mut disk = Disk { patch, runtime: file.runtime().clone(), chunk: 0, begun: BytesMut::new() };
    for extent in image.extents() {
        let extent = extent.map_err(refused)?;
        match extent.kind {
            Kind::Unallocated | Kind::Zero => {}
            Kind::Data { file_offset } => disk.take_data(file.reader(), extent, file_offset, stop)?,
            Kind::Compressed { .. } => {
                go_on(stop)?;
                disk.copy(extent.guest_offset, &image.inflate(&extent).map_err(refused)?)?;
            }
        }
    }
    disk.finish()
}

/// A disk that is being put together, front to back.
struct Disk {
    patch: Patch,
    runtime: Handle,
    /// The chunk that is begun, and what there is of it: empty or whole, zeroes where nothing came.
    chunk: u64,
    begun: BytesMut,
}

impl Disk {
    fn take_data(&mut self, file: &Reader, extent: Extent, file_offset: u64, stop: &CancellationToken) -> Result<()> {
        let shares = extent.guest_offset % CHUNK == file_offset % CHUNK;
        let mut done = 0;
        while done < extent.len {
            go_on(stop)?;
            let (guest, place, left) = (extent.guest_offset + done, file_offset + done, extent.len - done);
            // A chunk that both have whole. The file's last one may have fewer bytes, and so may the disk's.
            if shares && guest.is_multiple_of(CHUNK) && left >= CHUNK && place + CHUNK <= file.size_bytes() {
                self.share(guest / CHUNK, file, place / CHUNK)?;
                done += CHUNK;
                continue;
            }
            let len = if shares { CHUNK - guest % CHUNK } else { READ_BYTES - guest % READ_BYTES }.min(left);
            let bytes = self.runtime.block_on(file.read_at(place, len as usize))?;
            if bytes.len() as u64 != len {
                return Err(Error::internal(anyhow::anyhow!("a file that was judged ends too early")));
            }
            self.give(guest, bytes)?;
            done += len;
        }
        Ok(())
    }

    /// Sets a chunk to one of the file's.
    fn share(&mut self, chunk: u64, file: &Reader, place: u64) -> Result<()> {
        self.flush()?;
        match self.runtime.block_on(file.chunk_digest(place))? {
            Some(digest) => self.runtime.block_on(self.patch.put_digest(chunk, digest)).map_err(Error::from),
            None => Ok(()),
        }
    }

    /// Sets bytes from `guest` on, without a copy where they are whole chunks.
    fn give(&mut self, mut guest: u64, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            let len = bytes.len().min((CHUNK - guest % CHUNK) as usize);
            let piece = bytes.split_to(len);
            if len == CHUNK_BYTES {
                self.flush()?;
                self.runtime.block_on(self.patch.put(guest / CHUNK, piece))?;
            } else {
                self.copy(guest, &piece)?;
            }
            guest += len as u64;
        }
        Ok(())
    }

    /// Copies bytes into the chunks they belong to.
    fn copy(&mut self, mut guest: u64, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.chunk != guest / CHUNK || self.begun.is_empty() {
                self.flush()?;
                self.chunk = guest / CHUNK;
                self.begun.resize(CHUNK_BYTES, 0);
            }
            let within = (guest % CHUNK) as usize;
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - within));
            self.begun[within..within + now.len()].copy_from_slice(now);
            guest += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        let whole = self.begun.split().freeze();
        self.runtime.block_on(self.patch.put(self.chunk, whole)).map_err(Error::from)
    }

    fn finish(mut self) -> Result<Content> {
        self.flush()?;
        self.runtime.block_on(self.patch.finish()).map_err(Error::from)
    }
}

fn go_on(stop: &CancellationToken) -> Result<()> {
    match stop.is_cancelled() {
        true => Err(Error::Unavailable("The image was given up.".to_owned())),
        false => Ok(()),
    }
}
