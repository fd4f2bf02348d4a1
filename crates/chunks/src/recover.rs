//! Clearing up after a store that died.
//!
//! Records that a dead store appended and did not publish are garbage by definition: its open
//! segments are cut behind the last record that a row points to, and sealed. Nothing before that
//! point is touched, whatever it looks like: it was synced before its rows were published, so if it
//! is damaged, that is for the scrub to find and not for us to cut.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::bucket::Objects;
use crate::error::Error;
use crate::files::{Files, Listed, OwnerLock, OwnerState};
use crate::index::{Index, SegmentRow, SegmentState};
use crate::record::{self, Entry, HEADER_BYTES, SEGMENT_HEADER_BYTES};
use crate::store::Inner;

/// Segments that are removed at the same time.
const REMOVALS_AT_ONCE: usize = 8;
/// Segments in one page of a list.
const PAGE: usize = 1_000;

/// Lists all segments: some 16,000 for a terabyte.
pub(crate) async fn all_segments(index: &dyn Index) -> Result<Vec<SegmentRow>, Error> {
    let mut all: Vec<SegmentRow> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.id);
        let page = index.segments(after, PAGE).await.map_err(Error::index)?;
        let done = page.len() < PAGE;
        all.extend(page);
        if done {
            return Ok(all);
        }
    }
}

pub(crate) fn is_open(segment: &SegmentRow) -> bool {
    segment.state == SegmentState::Open
}

/// Compares the bucket with the index. One that does not answer is compared with the first request that it does answer.
///
/// # Errors
/// The bucket belongs to another index, or the folder has the segments of a store without a bucket.
pub(crate) async fn open_bucket(files: &Arc<Files>) -> Result<(), Error> {
    let Some(objects) = &files.objects else { return Ok(()) };
    match objects.bound().await {
        Err(error) if Objects::is_foreign(&error) => return Err(Error::bucket(error)),
        Err(error) => tracing::warn!(%error, "the bucket does not answer: {error}"),
        Ok(()) => {}
    }
    let (found, _) = list(files).await?;
    match found.first() {
        // Segments before a bucket have a nonce in their numbers.
        Some((segment, _)) if *segment <= u64::from(u32::MAX) => Err(Error::Invalid(format!(
            "the folder has {}, a segment of a store without a bucket: give the store in the bucket a folder of its own",
            files.path(*segment).display()
        ))),
        _ => Ok(()),
    }
}

async fn list(files: &Arc<Files>) -> Result<Listed, Error> {
    let files = files.clone();
    tokio::task::spawn_blocking(move || files.list()).await?
}

/// Learns which parts of a bucket the folder has, if no other process has its cache; the lock says that none has.
pub(crate) async fn take_cache(files: &Arc<Files>, index: &dyn Index) -> Result<Option<OwnerLock>, Error> {
    let Some(objects) = files.objects.clone() else { return Ok(None) };
    let Some(lock) = files.lock_cache()? else { return Ok(None) };
    // In this order: a segment has its row before its file, so a file without a row lost it.
    let (found, _) = list(files).await?;
    let rows = all_segments(index).await?;
    tokio::task::spawn_blocking(move || objects.cache.learn(&found, &rows)).await?;
    Ok(Some(lock))
}

/// Ends the sessions of dead stores and seals their segments.
pub(crate) async fn clear_up(inner: &Inner) -> Result<(), Error> {
    let Inner { index, files, owner: own, .. } = inner;
    let segments = all_segments(&**index).await?;
    let mut owners: Vec<u64> = segments.iter().filter(|row| is_open(row)).map(|row| row.owner).collect();
    owners.extend(index.session_owners().await.map_err(Error::index)?);
    owners.sort_unstable();
    owners.dedup();
    owners.retain(|owner| owner != own);
    for owner in owners {
        if let OwnerState::Dead(lock) = files.owner(owner)? {
            clear_up_after(inner, owner, lock).await?;
        }
    }
    Ok(())
}

/// Ends removals that were cut short, and those that are due.
pub(crate) async fn remove_dropped(inner: &Inner) -> Result<(), Error> {
    let keep = inner.files.objects.as_ref().map_or(Duration::ZERO, |objects| objects.keep_removed());
    let dropped = inner.index.dropped_segments(keep).await.map_err(Error::index)?;
    let removals = stream::iter(dropped).map(|segment| remove(inner, segment));
    removals.buffer_unordered(REMOVALS_AT_ONCE).try_collect().await
}

/// Clears up after one store; its lock is held meanwhile, so its segments are listed again here.
async fn clear_up_after(inner: &Inner, owner: u64, lock: Option<OwnerLock>) -> Result<(), Error> {
    let ended = inner.index.end_sessions_of(owner).await.map_err(Error::index)?;
    let mut open = all_segments(&*inner.index).await?;
    open.retain(|segment| segment.owner == owner && is_open(segment));
    if ended > 0 || !open.is_empty() {
        let segments = open.len();
        tracing::info!(owner, sessions = ended, segments, "clearing up after a store that was not closed");
    }
    for segment in open {
        seal_left(inner, segment.id).await?;
    }
    if let Some(lock) = lock {
        lock.remove();
    }
    Ok(())
}

/// Cuts and seals a segment whose owner is dead, or drops it when nothing points into it.
async fn seal_left(inner: &Inner, segment: u64) -> Result<(), Error> {
    // First of all: from here on nothing is published into it, not even by a statement that the
    // database got from the dead store and has not run yet.
    inner.index.seal_segment(segment, 0).await.map_err(Error::index)?;
    let end = inner.index.segment_end(segment).await.map_err(Error::index)?;
    let Some(end) = end else {
        if inner.index.drop_segment(segment).await.map_err(Error::index)? {
            remove_when_due(inner, segment).await?;
        }
        return Ok(());
    };
    if inner.files.objects.is_some() {
        // At least so long, should the bucket not answer now.
        inner.index.seal_segment(segment, end + HEADER_BYTES as u64).await.map_err(Error::index)?;
        return seal_sent(inner, segment).await;
    }
    let files = inner.files.clone();
    let cut = move || cut_and_end(&files, segment, end + HEADER_BYTES as u64);
    let file_bytes = tokio::task::spawn_blocking(cut).await?;
    // A segment whose file is gone is sealed all the same: its rows are found damaged and heal.
    let file_bytes = file_bytes.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(0),
        _ => Err(Error::io(&inner.files.path(segment), error)),
    })?;
    inner.index.seal_segment(segment, file_bytes).await.map_err(Error::index)
}

/// Seals a segment that a dead store has sent: rows point into it, so the bucket has taken it, and it is never cut.
async fn seal_sent(inner: &Inner, segment: u64) -> Result<(), Error> {
    let bytes = match inner.files.len_there(segment).await {
        Ok(bytes) => bytes,
        // As a file that is gone: its rows are found out when they are read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::object(segment, error)),
    };
    inner.index.seal_segment(segment, bytes).await.map_err(Error::index)
}

fn cut_and_end(files: &Files, segment: u64, end: u64) -> io::Result<u64> {
    let file = files.reopen(segment)?;
    // Never longer: a file that lacks published bytes keeps its length, and the scrub tells.
    let end = end.min(file.metadata()?.len());
    file.set_len(end)?;
    let mut bytes = end;
    // A footer only saves time, so damage or a full disk leave the segment without one.
    if let Ok(entries) = walk(&file, end) {
        let footer = record::footer(&entries, end);
        match file.write_all_at(&footer, end) {
            Ok(()) => bytes += footer.len() as u64,
            Err(_) => file.set_len(end)?,
        }
    }
    file.sync_data()?;
    Ok(bytes)
}

/// Lists a segment's records by their headers.
fn walk(file: &std::fs::File, end: u64) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut next = SEGMENT_HEADER_BYTES;
    while next < end {
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, next)?;
        let header = record::parse_header(&header).map_err(io::Error::other)?;
        let entry = Entry { start: next as u32, header };
        next = entry.end();
        entries.push(entry);
    }
    Ok(entries)
}

/// Removes the file of a segment that is set to be dropped, then its row.
pub(crate) async fn remove(inner: &Inner, segment: u64) -> Result<(), Error> {
    if let Some(objects) = &inner.files.objects {
        objects.remove(segment).await.map_err(|error| Error::object(segment, error))?;
    }
    let files = inner.files.clone();
    tokio::task::spawn_blocking(move || files.remove(segment)).await??;
    inner.index.forget_segment(segment).await.map_err(Error::index)
}

/// The same, unless what is dropped is kept for a while.
pub(crate) async fn remove_when_due(inner: &Inner, segment: u64) -> Result<(), Error> {
    match &inner.files.objects {
        Some(objects) if !objects.keep_removed().is_zero() => {
            // Nobody reads it any more.
            let files = inner.files.clone();
            tokio::task::spawn_blocking(move || files.remove(segment)).await?
        }
        _ => remove(inner, segment).await,
    }
}
