//! Casts a stopped instance's disk into an image: the base image's manifest with just the changed chunks replaced.
//!
//! A blocking thread walks the overlay's tables and reads what changed in large pieces; the store's patch hashes,
//! compresses and writes them as they come. The work is in proportion to the change, never to the disk. A run that is
//! cut off leaves chunks that the sweep takes, and begins anew: nothing is kept of it.

use std::{fs::File, ops::Range, time::Duration};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Content, Patch};
use disks::{
    ReadAt as _,
    qcow2::{Image as Overlay, Kind, Rules},
};
use tokio::{sync::mpsc, time::Instant};

use super::{Job, Rooms};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
    instances::Captured,
};

/// How much is read at once: enough for a disk to be fast, and little beside what a capture may hold.
const PIECE_BYTES: u64 = 2 << 20;
/// Pieces read ahead of the store; with the piece's size, 16 MiB a capture.
const PIECES_AHEAD: usize = 8;
/// How often the image's progress is written.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

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

/// Casts `instance` into `image`; the instance is free again when this ends for good.
///
/// # Errors
/// Why not. One that may pass leaves the capture begun, for the next attempt.
pub(super) async fn cast(rooms: &Rooms, job: &Job, image: ImageId, instance: InstanceId) -> Result<()> {
    let Some(caller) = &job.caller else { return Err(Error::internal(anyhow::anyhow!("a snapshot nobody asked for"))) };
    let outcome = attempt(rooms, job, caller, image, instance).await;
    let failure = match &outcome {
        Ok(()) => None,
        Err(_) if job.stop.is_cancelled() => return outcome,
        Err(Error::Unavailable(_) | Error::Internal(_)) if !job.is_last_attempt => return outcome,
        Err(error) => {
            let reason = reason(error);
            rooms.images.fail_snapshot(image, &reason).await?;
            Some(reason)
        }
    };
    rooms.instances.end_capture(caller, instance, failure.as_deref()).await?;
    outcome
}

fn reason(error: &Error) -> String {
    match error {
        // Its chain is for the log.
        Error::Internal(chain) => {
            tracing::error!("a snapshot failed: {chain:#}");
            "the service failed to read or store the disk; the operator finds the reason in the log".into()
        }
        other => other.to_string(),
    }
}

async fn attempt(rooms: &Rooms, job: &Job, caller: &Caller, image: ImageId, instance: InstanceId) -> Result<()> {
    let captured = rooms.instances.captured(caller, instance, image).await?;
    let session = rooms.store.begin().await.map_err(store_error)?;
    let patch = session.patch(Some(captured.base_root), captured.disk_bytes).await.map_err(store_error)?;
    let content = tokio::select! {
        content = fill(rooms, image, patch, captured) => content,
        () = job.stop.cancelled() => Err(Error::Unavailable("the service is ending".into())),
    };
    match content {
        Ok(content) => {
            rooms.images.finish_snapshot(caller, image, content).await?;
            session.finish().await;
            Ok(())
        }
        Err(error) => {
            session.abandon().await;
            Err(error)
        }
    }
}

async fn fill(rooms: &Rooms, image: ImageId, mut patch: Patch, captured: Captured) -> Result<Content> {
    let (sender, mut changes) = mpsc::channel(PIECES_AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(&captured.overlay, captured.disk_bytes, &sender));
    let (mut total, mut done, mut told) = (0, 0, Instant::now());
    while let Some(change) = changes.recv().await {
        match change {
            Change::Total(bytes) => total = bytes,
            Change::Data { first, bytes } => {
                done += bytes.len() as u64;
                for (chunk, at) in (first..).zip((0..bytes.len()).step_by(CHUNK_BYTES)) {
                    patch.put(chunk, bytes.slice(at..at + CHUNK_BYTES)).await.map_err(store_error)?;
                }
            }
            Change::Zeroes(chunks) => {
                for chunk in chunks {
                    patch.zero(chunk).await.map_err(store_error)?;
                }
            }
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let percent = (100 * done).checked_div(total).unwrap_or(0).min(99) as u8;
            // Also tells when the image was deleted: then there is nothing left to do.
            rooms.images.snapshot_progress(image, percent).await?;
        }
    }
    reading.await.map_err(Error::internal)??;
    patch.finish().await.map_err(store_error)
}

/// Sends every change of the overlay, in the order of the disk.
fn read(overlay: &File, disk_bytes: u64, changes: &mpsc::Sender<Change>) -> Result<()> {
    let image = Overlay::open(overlay, Rules::Overlay).map_err(broken)?;
    if image.virtual_size_bytes() != disk_bytes {
        let found = image.virtual_size_bytes();
        return Err(Error::internal(anyhow::anyhow!(
            "the overlay's disk has {found} bytes, its row says {disk_bytes}"
        )));
    }
    let mut total = 0;
    for extent in image.extents(0..disk_bytes) {
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
    for extent in image.extents(0..disk_bytes) {
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
    Error::Conflict(format!("The instance's disk cannot be read: {rejection}"))
}

fn store_error(error: chunks::Error) -> Error {
    Error::internal(error)
}
