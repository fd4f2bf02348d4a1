//! The scrub: reading everything again, slowly, before somebody needs it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{self, Place};
use crate::index::Row;
use crate::recover::all_segments;
use crate::store::{Inner, Store};
use crate::walk;

/// Rows read together: about a mebibyte.
const SCRUBBED_ROWS: usize = 32;

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
                Err(Error::Io { .. }) if contents.files.are_present() => hurt.push(*root),
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
            Err(Error::Io { path, source }) if contents.files.are_present() => {
                tracing::error!(chunk = %row.digest, path = %path.display(), "cannot read chunk {} now: {source}", row.digest);
                report.unread.push(row.digest);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
