//! The scrub: reading everything again, slowly, before somebody needs it.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::bucket::{self, OBJECT_BYTES, Objects};
use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{self, Place};
use crate::index::Row;
use crate::record::{HEADER_BYTES, record_end};
use crate::recover::all_segments;
use crate::store::{Inner, Store};
use crate::walk;

/// Rows read together: about a mebibyte.
const SCRUBBED_ROWS: usize = 32;
/// Of so many objects in a bucket one is read in full in each pass.
const SAMPLED: u64 = 64;

/// How a scrub goes about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScrubOptions {
    /// Stored bytes a second at most; `None` is as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// Stops at the next segment after this time; the next scrub goes on from there.
    pub time: Option<Duration>,
}

/// The result of a scrub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrubReport {
    /// Chunks read and compared.
    pub chunks: u64,
    /// Their stored bytes.
    pub bytes: u64,
    /// Chunks whose bytes are not what their digest says; they are quarantined now.
    pub damaged: Vec<Digest>,
    /// Chunks that could not be read now: their segment's file is not there, or the disk refused. They are not
    /// quarantined, as they may be good again in a moment; a save of the same content writes them anew.
    pub unread: Vec<Digest>,
    /// Whether it came to the last segment; the next one starts at the first.
    pub finished: bool,
}

impl Store {
    /// Reads chunks again, from where the last scrub stopped, quarantines what is damaged, and takes out of
    /// quarantine what reads well.
    pub async fn scrub(&self, options: ScrubOptions) -> Result<ScrubReport, Error> {
        let inner = &*self.inner;
        let begun = Instant::now();
        let mut report = ScrubReport::default();
        let position = inner.index.scrub_position().await.map_err(Error::index)?;
        let mut segments = all_segments(&*inner.index).await?;
        segments.retain(|segment| segment.id > position);
        for segment in segments {
            if options.time.is_some_and(|time| begun.elapsed() >= time) {
                return Ok(report);
            }
            scrub_segment(inner, segment.id, &options, begun, &mut report).await?;
            inner.index.set_scrub_position(segment.id).await.map_err(Error::index)?;
        }
        inner.index.set_scrub_position(0).await.map_err(Error::index)?;
        report.finished = true;
        Ok(report)
    }

    /// Returns those of these roots that reach one of these chunks: the contents that damage hurts.
    /// A root whose own manifest cannot be read is among them.
    pub async fn hurt(&self, roots: &[Digest], damaged: &HashSet<Digest>) -> Result<Vec<Digest>, Error> {
        let contents = &self.inner.contents;
        let mut hurt = Vec::new();
        for root in roots {
            match reaches(contents, *root, damaged).await {
                Ok(false) => {}
                Ok(true) | Err(Error::Missing(_) | Error::Damaged { .. } | Error::NotAManifest { .. }) => {
                    hurt.push(*root);
                }
                Err(Error::Io { source, .. })
                    if !contents.files.is_away(&source) && contents.files.are_present().await =>
                {
                    hurt.push(*root);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(hurt)
    }
}

async fn reaches(contents: &Contents, root: Digest, chunks: &HashSet<Digest>) -> Result<bool, Error> {
    let manifest = contents.manifest(root).await?;
    let mut reached = false;
    walk::walk(contents, root, &manifest, |_| false, |digest| reached |= chunks.contains(digest)).await?;
    Ok(reached)
}

async fn scrub_segment(
    inner: &Inner,
    segment: u64,
    options: &ScrubOptions,
    begun: Instant,
    report: &mut ScrubReport,
) -> Result<(), Error> {
    if let Some(objects) = &inner.files.objects {
        if !is_sampled().map_err(|error| Error::object(segment, error))? {
            return scrub_object(inner, objects, segment, report).await;
        }
        // A copy in the folder says nothing about the object.
        inner.files.distrust(segment, &(0..2 * OBJECT_BYTES));
    }
    let mut start = 0;
    loop {
        let rows = inner.index.segment_rows(segment, start, SCRUBBED_ROWS).await.map_err(Error::index)?;
        let Some(last) = rows.last() else { return Ok(()) };
        start = last.location.start + 1;
        scrub_rows(&inner.contents, &rows, report).await?;
        report.chunks += rows.len() as u64;
        report.bytes += rows.iter().map(|row| u64::from(row.location.stored_bytes)).sum::<u64>();
        if let Some(rate) = options.bytes_per_second {
            let due = begun + Duration::from_millis(report.bytes.saturating_mul(1_000) / rate.max(1));
            tokio::time::sleep_until(due).await;
        }
    }
}

/// Whether all of an object is read: by lot.
fn is_sampled() -> io::Result<bool> {
    Ok(u64::from(bucket::nonce()?) % SAMPLED == 0)
}

/// Asks whether an object is there in full: a bucket guards its bytes itself, and reading them costs money. Rows that point
/// behind its end are told.
///
/// # Errors
/// The bucket is away, or not the right one: a missing object says nothing then.
async fn scrub_object(inner: &Inner, objects: &Objects, segment: u64, report: &mut ScrubReport) -> Result<(), Error> {
    let bytes = match objects.len(segment).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && objects.probe().await.is_ok() => 0,
        Err(error) => return Err(Error::object(segment, error)),
    };
    if inner
        .index
        .segment_end(segment)
        .await
        .map_err(Error::index)?
        .is_none_or(|end| end + HEADER_BYTES as u64 <= bytes)
    {
        return Ok(());
    }
    let mut start = 0;
    loop {
        let rows = inner.index.segment_rows(segment, start, SCRUBBED_ROWS).await.map_err(Error::index)?;
        let Some(last) = rows.last() else { return Ok(()) };
        start = last.location.start + 1;
        let lost = rows.iter().filter(|row| record_end(&row.location) > bytes).map(|row| row.digest);
        report.unread.extend(lost);
    }
}

/// Reads rows together, and one by one when something is wrong with one.
async fn scrub_rows(contents: &Contents, rows: &[Row], report: &mut ScrubReport) -> Result<(), Error> {
    if fetch::fetch(contents, rows.iter().map(Place::of).collect()).await.is_ok() {
        return Ok(());
    }
    for row in rows {
        match fetch::fetch(contents, vec![Place::of(row)]).await {
            Err(Error::Damaged { digest, .. }) => report.damaged.push(digest),
            // A sweep removed it meanwhile.
            Ok(_) | Err(Error::Missing(_)) => {}
            // Where the whole store is away, every chunk of it would be told: the scrub ends instead.
            Err(Error::Io { path, source })
                if !contents.files.is_away(&source) && contents.files.are_present().await =>
            {
                tracing::error!(chunk = %row.digest, path = %path.display(), "cannot read chunk {} now: {source}", row.digest);
                report.unread.push(row.digest);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
