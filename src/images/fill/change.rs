//! The changes in an overlay of our own making, read and stored: the base's manifest with only its changed chunks
//! replaced.
//!
//! A blocking thread walks the overlay's tables and reads what changed in large pieces; the store's patch hashes,
//! compresses and writes them as they come. The work is in proportion to the change, never to the disk. A run that is
//! cut off leaves chunks that the sweep takes, and begins anew: nothing is kept of it.

use std::{fs::File, ops::Range, time::Duration};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Content, Patch};
use disks::{
    ReadAt as _,
    qcow2::{self, Kind, Rules},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    super::{Images, read},
    Fill, Filled,
};
use crate::{
    error::{Error, Result},
    model::fill::Saved,
    stores::{self, Place, Session},
};

/// How much is read at once: enough for a disk to be fast, and little beside what a capture may hold.
const PIECE_BYTES: u64 = 2 << 20;
/// Pieces read ahead of the store; with the piece's size, 16 MiB a capture.
const PIECES_AHEAD: usize = 8;
/// How often the image's progress is written.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A disk at rest that differs from an image's.
pub struct Changed {
    /// The changes, as a qcow2 overlay of our own making.
    pub overlay: File,
    /// The disk under them; `None`: nothing but zeroes.
    pub base: Option<Place>,
    pub disk_bytes: u64,
}

/// A content that differs from a base in some chunks, begun. The base stays as long as it does.
pub struct Changes {
    session: Session,
    patch: Patch,
}

/// A part of the disk that differs from the base; the numbers count chunks.
enum Change {
    Data {
        first: u64,
        bytes: Bytes,
    },
    Zeroes(Range<u64>),
    /// How many bytes the changes come to; the first thing told.
    Total(u64),
}

impl Images {
    /// Begins a content that differs from `base` in some chunks, in the same store; where that takes nothing new, in
    /// the default one, to which the base is copied first. Without a base it differs from zeroes.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot take it now.
    pub async fn begin_changes(&self, base: Option<&Place>, size_bytes: u64) -> Result<Changes> {
        let stores = &self.0.stores;
        let session = match base.map(|base| stores.holding(base).map(|store| (base, store))).transpose()? {
            Some((base, store)) if store.is_read_only => {
                stores::replicate(store, stores.default_store(), &[base.root].into()).await?
            }
            Some((_, store)) => store.begin().await?,
            None => stores.default_store().begin().await?,
        };
        let patch = session.chunks.patch(base.map(|base| base.root), size_bytes).await.map_err(Error::from);
        let (patch, session) = session.unless_failed(patch).await?;
        Ok(Changes { session, patch })
    }
}

impl Changes {
    /// Reads and stores what `changed` holds; the fill's progress goes on from `begun_percent`.
    ///
    /// # Errors
    /// `Conflict` for a disk that cannot be read; as [`Fill::while_held`].
    pub async fn fill(self, fill: &Fill, changed: Changed, begun_percent: u8) -> Result<Filled> {
        let saved = async {
            let disk = store(fill, self.patch, changed, begun_percent).await?;
            let reader = self.session.store.chunks.reader(disk.root).await?;
            Ok(Saved {
                size_bytes: read::rendering(&reader).await?.size_bytes() as i64,
                disk_bytes: disk.size_bytes as i64,
                disk_root: Some(disk.root.to_string()),
                rendering: Some(read::RENDERING),
                stored_bytes: disk.stored_bytes as i64,
                holds: vec![self.session.hold()],
                ..Saved::default()
            })
        };
        let saved = saved.await;
        let (saved, session) = self.session.unless_failed(saved).await?;
        Ok(Filled { saved, sessions: vec![session], with_checksums: true })
    }
}

/// Stores the changes as they are read.
async fn store(fill: &Fill, mut patch: Patch, changed: Changed, begun_percent: u8) -> Result<Content> {
    let (sender, mut changes) = mpsc::channel(PIECES_AHEAD);
    let reading = tokio::task::spawn_blocking(move || read_changes(&changed.overlay, changed.disk_bytes, &sender));
    let (mut total, mut done, mut told) = (0, 0, Instant::now());
    while let Some(change) = changes.recv().await {
        match change {
            Change::Total(bytes) => total = bytes,
            Change::Data { first, bytes } => {
                done += bytes.len() as u64;
                for (chunk, at) in (first..).zip((0..bytes.len()).step_by(CHUNK_BYTES)) {
                    patch.put(chunk, bytes.slice(at..at + CHUNK_BYTES)).await?;
                }
            }
            Change::Zeroes(chunks) => {
                for chunk in chunks {
                    patch.zero(chunk).await?;
                }
            }
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let left_percent = u64::from(100 - begun_percent.min(100));
            let percent = begun_percent + (left_percent * done).checked_div(total).unwrap_or(0) as u8;
            fill.tell(Some(percent.min(99)), String::new()).await?;
        }
    }
    reading.await.map_err(Error::internal)??;
    patch.finish().await.map_err(Error::from)
}

/// Sends every change of the overlay, in the order of the disk.
fn read_changes(overlay: &File, disk_bytes: u64, changes: &mpsc::Sender<Change>) -> Result<()> {
    let file = qcow2::File::open(overlay, Rules::Overlay).map_err(broken)?;
    if file.virtual_size_bytes() != disk_bytes {
        let found = file.virtual_size_bytes();
        return Err(Error::internal(anyhow::anyhow!(
            "the overlay's disk has {found} bytes, its row says {disk_bytes}"
        )));
    }
    let mut total = 0;
    for extent in file.extents(0..disk_bytes) {
        let extent = extent.map_err(broken)?;
        if matches!(extent.kind, Kind::Data { .. }) {
            total += extent.len;
        }
    }
    // A receiver that has gone has failed, and says so itself.
    if changes.blocking_send(Change::Total(total)).is_err() {
        return Ok(());
    }
    let chunk_bytes = CHUNK_BYTES as u64;
    for extent in file.extents(0..disk_bytes) {
        let extent = extent.map_err(broken)?;
        let first = extent.guest_offset / chunk_bytes;
        let sent = match extent.kind {
            Kind::Unallocated => true,
            Kind::Zero => {
                changes.blocking_send(Change::Zeroes(first..first + extent.len.div_ceil(chunk_bytes))).is_ok()
            }
            Kind::Data { file_offset } => read_data(overlay, file_offset, first, extent.len, changes)?,
            Kind::Compressed { .. } => {
                return Err(Error::internal(anyhow::anyhow!("an overlay with compressed clusters")));
            }
        };
        if !sent {
            break;
        }
    }
    Ok(())
}

/// Sends one run of data; says whether anybody listens.
fn read_data(overlay: &File, offset: u64, first: u64, len: u64, changes: &mpsc::Sender<Change>) -> Result<bool> {
    let mut at = 0;
    while at < len {
        let count = PIECE_BYTES.min(len - at);
        // Only the disk's last chunk can be short; what is missing reads as zeroes.
        let mut bytes = vec![0; (count as usize).next_multiple_of(CHUNK_BYTES)];
        overlay.read_exact_at(&mut bytes[..count as usize], offset + at).map_err(Error::internal)?;
        let change = Change::Data { first: first + at / CHUNK_BYTES as u64, bytes: bytes.into() };
        if changes.blocking_send(change).is_err() {
            return Ok(false);
        }
        at += count;
    }
    Ok(true)
}

fn broken(rejection: disks::Rejection) -> Error {
    Error::Conflict(format!("The disk cannot be read: {rejection}"))
}
