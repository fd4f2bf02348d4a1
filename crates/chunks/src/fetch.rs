//! Reading chunks out of segments: neighbours in one read, every byte verified.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;

use crate::batch::Workshop;
use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::files::Files;
use crate::index::Location;
use crate::record::{self, HEADER_BYTES, record_end};

/// One read at most: so much that its set-up costs nothing beside it, so little that a window of
/// 1 MiB keeps two cores busy.
const RUN_BYTES: u64 = 512 << 10;
/// What lies between two wanted records is read along when it is no more than a record.
const GAP_BYTES: u64 = 64 << 10;

/// Chunks as they were asked for.
pub(crate) struct Fetched {
    pub(crate) chunks: Vec<Bytes>,
    /// Whether each chunk has its memory for itself.
    pub(crate) alone: bool,
    /// Whether a place was out of date.
    pub(crate) stale: bool,
}

/// Records that lie side by side.
struct Run {
    segment: u64,
    start: u64,
    end: u64,
    records: Vec<Wanted>,
}

#[derive(Clone, Copy)]
struct Wanted {
    at: usize,
    digest: Digest,
    location: Location,
}

/// Why a chunk could not be read.
enum Bad {
    /// The stored bytes are wrong or gone.
    Damaged(String),
    /// The system refused; the chunk may be fine.
    Failed(Arc<io::Error>),
}

/// Reads chunks from their places. A place that is out of date is looked up again; a chunk that is
/// damaged is quarantined.
pub(crate) async fn fetch(contents: &Contents, wanted: Vec<(Digest, Location)>) -> Result<Fetched, Error> {
    let count = wanted.len();
    let runs = plan(wanted);
    let alone = count == runs.len();
    let read = |run: Run| {
        let files = contents.files.clone();
        Workshop::run(&contents.cpu, move || read(&files, &run))
    };
    let mut chunks = vec![Bytes::new(); count];
    let mut stale = false;
    for (wanted, outcome) in try_join_all(runs.into_iter().map(read)).await?.into_iter().flatten() {
        chunks[wanted.at] = match outcome {
            Ok(chunk) => chunk,
            Err(bad) => {
                stale = true;
                second_look(contents, wanted, bad).await?
            }
        };
    }
    Ok(Fetched { chunks, alone, stale })
}

fn plan(wanted: Vec<(Digest, Location)>) -> Vec<Run> {
    let number = |(at, (digest, location))| Wanted { at, digest, location };
    let mut wanted: Vec<Wanted> = wanted.into_iter().enumerate().map(number).collect();
    wanted.sort_by_key(|wanted| (wanted.location.segment, wanted.location.start));
    let mut runs: Vec<Run> = Vec::new();
    for wanted in wanted {
        let Location { segment, start, .. } = wanted.location;
        let end = record_end(&wanted.location);
        match runs.last_mut() {
            Some(run) if run.segment == segment && start <= run.end + GAP_BYTES && end - run.start <= RUN_BYTES => {
                run.end = run.end.max(end);
                run.records.push(wanted);
            }
            _ => runs.push(Run { segment, start, end, records: vec![wanted] }),
        }
    }
    runs
}

fn read(files: &Files, run: &Run) -> Vec<(Wanted, Result<Bytes, Bad>)> {
    match files.read_at(run.segment, run.start, (run.end - run.start) as usize) {
        Ok(bytes) => {
            let bytes = Bytes::from(bytes);
            let decode = |wanted: &Wanted| {
                let from = (wanted.location.start - run.start) as usize;
                let len = HEADER_BYTES + wanted.location.stored_bytes as usize;
                let chunk = record::decode(&bytes.slice(from..from + len), wanted.digest);
                (*wanted, chunk.map_err(|reason| Bad::Damaged(reason.to_owned())))
            };
            run.records.iter().map(decode).collect()
        }
        // One record may be gone, and the others are good: each is read by itself.
        Err(_) if run.records.len() > 1 => {
            let alone = |wanted: &Wanted| {
                let Location { segment, start, .. } = wanted.location;
                Run { segment, start, end: record_end(&wanted.location), records: vec![*wanted] }
            };
            run.records.iter().flat_map(|wanted| read(files, &alone(wanted))).collect()
        }
        Err(error) => run.records.iter().map(|wanted| (*wanted, Err(Bad::of(&error)))).collect(),
    }
}

impl Bad {
    fn of(error: &io::Error) -> Bad {
        // EIO is the disk's word that it cannot read these bytes. Other failures (too many open files)
        // say nothing about the chunk, and must not quarantine it.
        const EIO: i32 = 5;
        let gone = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof);
        match gone || error.raw_os_error() == Some(EIO) {
            true => Bad::Damaged(error.to_string()),
            false => Bad::Failed(Arc::new(io::Error::new(error.kind(), error.to_string()))),
        }
    }
}

/// Reads a chunk once more from where the index has it now: a sweep may have moved it.
async fn second_look(contents: &Contents, wanted: Wanted, bad: Bad) -> Result<Bytes, Error> {
    let Wanted { digest, location, .. } = wanted;
    if let Bad::Failed(source) = bad {
        return Err(Error::Io { path: contents.files.path(location.segment), source });
    }
    let row = contents.locate(&[digest]).await?.into_iter().flatten().next();
    let location = row.ok_or(Error::Missing(digest))?.location;
    let Location { segment, start, .. } = location;
    let run = Run { segment, start, end: record_end(&location), records: vec![Wanted { location, ..wanted }] };
    let files = contents.files.clone();
    let read = Workshop::run(&contents.cpu, move || read(&files, &run)).await?;
    match read.into_iter().next() {
        Some((_, Ok(chunk))) => Ok(chunk),
        Some((_, Err(Bad::Failed(source)))) => Err(Error::Io { path: contents.files.path(segment), source }),
        Some((_, Err(Bad::Damaged(reason)))) => Err(quarantine(contents, digest, location, &reason).await),
        None => Err(Error::Missing(digest)),
    }
}

/// Marks a chunk as damaged, so that it is written again by the next save that has it.
pub(crate) async fn quarantine(contents: &Contents, digest: Digest, location: Location, reason: &str) -> Error {
    let error = record::damaged(digest, &location, reason);
    match contents.index.mark_damaged(digest, location).await {
        Ok(true) => tracing::error!(chunk = %digest, "{error}; it heals when its content is saved again"),
        Ok(false) => tracing::warn!(chunk = %digest, "{error}; it was moved meanwhile"),
        Err(index) => tracing::error!(chunk = %digest, %index, "{error}; it could not be quarantined"),
    }
    error
}
