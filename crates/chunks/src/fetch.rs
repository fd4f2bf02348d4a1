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
use crate::index::{Location, Row};
use crate::record::{self, HEADER_BYTES, record_end};

/// One read at most: so much that its set-up costs nothing beside it, so little that a window of
/// 1 MiB keeps two cores busy.
const RUN_BYTES: u64 = 512 << 10;
/// A gap between two wanted records is read along when it is no longer than this: about a record.
const GAP_BYTES: u64 = 64 << 10;

/// Chunks as they were asked for.
pub(crate) struct Fetched {
    pub(crate) chunks: Vec<Bytes>,
    /// Whether each chunk has its memory for itself.
    pub(crate) alone: bool,
    /// Whether a place was out of date.
    pub(crate) stale: bool,
}

/// A chunk and where its row says that it lies.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) digest: Digest,
    pub(crate) location: Location,
    /// Whether it was found damaged. Read well, it is not: its disk was away, or a cable was loose.
    pub(crate) is_marked: bool,
}

impl Place {
    pub(crate) fn of(row: &Row) -> Place {
        Place { digest: row.digest, location: row.location, is_marked: row.damaged }
    }
}

/// Records that lie side by side, each with its number in the question.
pub(crate) struct Run {
    segment: u64,
    start: u64,
    end: u64,
    records: Vec<(usize, Place)>,
}

/// Why a chunk could not be read.
pub(crate) enum Bad {
    /// The stored bytes are wrong, or end too early.
    Damaged(String),
    /// The system refused, or the file is not there. That is an outage (a mount that is away, a bus that
    /// resets, too many open files) and says nothing about the chunk, which is not quarantined for it.
    Failed(Arc<io::Error>),
}

/// Reads chunks from their places. A place that is out of date is looked up again; a chunk that is
/// damaged is quarantined, and one that was and reads well is taken out of quarantine.
pub(crate) async fn fetch(contents: &Contents, wanted: Vec<Place>) -> Result<Fetched, Error> {
    let runs = plan(wanted.clone());
    let alone = wanted.len() == runs.len();
    let read = |run: Run| {
        let files = contents.files.clone();
        Workshop::run(&contents.cpu, move || read(&files, &run, &decode))
    };
    let mut chunks = vec![Bytes::new(); wanted.len()];
    let (mut good, mut stale) = (Vec::with_capacity(wanted.len()), false);
    for (nth, outcome) in try_join_all(runs.into_iter().map(read)).await?.into_iter().flatten() {
        chunks[nth] = match outcome {
            Ok(chunk) => {
                good.push((wanted[nth].digest, wanted[nth].location));
                if wanted[nth].is_marked {
                    stale = true;
                    unmark(contents, wanted[nth]).await;
                }
                chunk
            }
            Err(_) => {
                stale = true;
                second_look(contents, wanted[nth]).await?
            }
        };
    }
    contents.lately.note(good);
    Ok(Fetched { chunks, alone, stale })
}

fn decode(_: usize, place: &Place, record: &Bytes) -> Result<Bytes, &'static str> {
    record::decode(record, place.digest)
}

/// Puts records that lie side by side into runs.
pub(crate) fn plan(wanted: Vec<Place>) -> Vec<Run> {
    let mut wanted: Vec<(usize, Place)> = wanted.into_iter().enumerate().collect();
    wanted.sort_by_key(|(_, place)| (place.location.segment, place.location.start));
    let mut runs: Vec<Run> = Vec::new();
    for (nth, place) in wanted {
        let Location { segment, start, .. } = place.location;
        let end = record_end(&place.location);
        match runs.last_mut() {
            Some(run) if run.segment == segment && start <= run.end + GAP_BYTES && end - run.start <= RUN_BYTES => {
                run.end = run.end.max(end);
                run.records.push((nth, place));
            }
            _ => runs.push(Run { segment, start, end, records: vec![(nth, place)] }),
        }
    }
    runs
}

/// Reads a run, and has each of its records judged.
pub(crate) fn read<T>(
    files: &Files,
    run: &Run,
    judge: &impl Fn(usize, &Place, &Bytes) -> Result<T, &'static str>,
) -> Vec<(usize, Result<T, Bad>)> {
    match files.read_at(run.segment, run.start, (run.end - run.start) as usize) {
        Ok(bytes) => {
            let bytes = Bytes::from(bytes);
            let judge = |(nth, place): &(usize, Place)| {
                let from = (place.location.start - run.start) as usize;
                let len = HEADER_BYTES + place.location.stored_bytes as usize;
                let judged = judge(*nth, place, &bytes.slice(from..from + len));
                (*nth, judged.map_err(|reason| Bad::Damaged(reason.to_owned())))
            };
            run.records.iter().map(judge).collect()
        }
        // One record may be gone, and the others are good: each is read by itself.
        Err(_) if run.records.len() > 1 => {
            let alone = |(nth, place): &(usize, Place)| read(files, &Run::of(*nth, *place), judge);
            run.records.iter().flat_map(alone).collect()
        }
        Err(error) => run.records.iter().map(|(nth, _)| (*nth, Err(Bad::of(&error)))).collect(),
    }
}

impl Run {
    fn of(nth: usize, place: Place) -> Run {
        let Location { segment, start, .. } = place.location;
        Run { segment, start, end: record_end(&place.location), records: vec![(nth, place)] }
    }
}

impl Bad {
    fn of(error: &io::Error) -> Bad {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Bad::Damaged(error.to_string()),
            kind => {
                let error = error.raw_os_error().map_or_else(|| kind.into(), io::Error::from_raw_os_error);
                Bad::Failed(Arc::new(error))
            }
        }
    }
}

/// Reads a chunk once more from where the index has it now: a sweep may have moved it, and removed the
/// file since.
pub(crate) async fn second_look(contents: &Contents, place: Place) -> Result<Bytes, Error> {
    let row = contents.locate(&[place.digest]).await?.into_iter().flatten().next();
    let place = Place::of(&row.ok_or(Error::Missing(place.digest))?);
    let files = contents.files.clone();
    let read = Workshop::run(&contents.cpu, move || read(&files, &Run::of(0, place), &decode)).await?;
    match read.into_iter().next() {
        Some((_, Ok(chunk))) => {
            if place.is_marked {
                unmark(contents, place).await;
            }
            Ok(chunk)
        }
        Some((_, Err(Bad::Failed(source)))) => {
            Err(Error::Io { path: contents.files.path(place.location.segment), source })
        }
        Some((_, Err(Bad::Damaged(reason)))) => Err(quarantine(contents, place.digest, place.location, &reason).await),
        None => Err(Error::Missing(place.digest)),
    }
}

/// Takes a chunk that was read well out of quarantine.
pub(crate) async fn unmark(contents: &Contents, place: Place) {
    let Place { digest, location, .. } = place;
    match contents.index.clear_damaged(digest, location).await {
        Ok(true) => tracing::info!(chunk = %digest, "chunk {digest} was found damaged and reads well again"),
        Ok(false) => {}
        Err(error) => tracing::warn!(chunk = %digest, %error, "cannot take chunk {digest} out of quarantine: {error}"),
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
