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
#[derive(Clone)]
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
    // Bytes from a bucket are a part of a longer buffer.
    let alone = wanted.len() == runs.len() && contents.files.objects.is_none();
    expect(contents, &runs);
    let read = |run: Run| read(contents, run, decode);
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
            // A bucket that does not answer has the second look wait as long, once for each chunk.
            Err(Bad::Failed(source)) if contents.files.is_away(&source) => {
                return Err(Error::object(wanted[nth].location.segment, source));
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

/// Asks a bucket for all that is not in the folder, before the first run waits.
fn expect(contents: &Contents, runs: &[Run]) {
    let Some(objects) = &contents.files.objects else { return };
    for neighbours in runs.chunk_by(|run, next| run.segment == next.segment && next.start <= run.end + GAP_BYTES) {
        let (Some(first), Some(last)) = (neighbours.first(), neighbours.last()) else { continue };
        objects.expect(first.segment, first.start..last.end);
    }
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

/// Reads a run, and has each of its records judged, when the turn for such work comes. A record out of a bucket that is
/// wrong is read from the bucket once more: the folder before it is not trusted.
pub(crate) async fn read<T: Send + 'static>(
    contents: &Contents,
    run: Run,
    judge: impl Fn(usize, &Place, &Bytes) -> Result<T, &'static str> + Clone + Send + 'static,
) -> Result<Vec<(usize, Result<T, Bad>)>, Error> {
    let Some(objects) = &contents.files.objects else {
        let files = contents.files.clone();
        return Workshop::run(&contents.cpu, move || read_file(&files, &run, &judge)).await;
    };
    // The wait for the bucket has no permit for the processor.
    let brought = objects.bring(run.segment, run.start..run.end).await;
    if let Err(error) = &brought
        && error.kind() != io::ErrorKind::UnexpectedEof
    {
        return Ok(run.failed(error));
    }
    let (files, first, again) = (contents.files.clone(), run.clone(), judge.clone());
    let judged = Workshop::run(&contents.cpu, move || match brought {
        Ok(Some(bytes)) => first.judged(&bytes, &judge),
        Ok(None) => read_file(&files, &first, &judge),
        // The object ends in the run: some of its records may be there.
        Err(error) => first.failed(&error),
    });
    let mut judged = judged.await?;
    for (nth, outcome) in judged.iter_mut().filter(|(_, outcome)| outcome.is_err()) {
        let Some((_, place)) = run.records.iter().find(|(at, _)| at == nth) else { continue };
        let run = Run::of(*nth, *place);
        contents.files.distrust(run.segment, &(run.start..run.end));
        let len = (run.end - run.start) as usize;
        *outcome = match contents.files.read_there(run.segment, run.start, len).await {
            Ok(bytes) => again(*nth, place, &bytes).map_err(|reason| Bad::Damaged(reason.to_owned())),
            Err(error) => Err(Bad::of(&Arc::new(error))),
        };
    }
    Ok(judged)
}

/// Reads several runs. Of a folder they are read by one thread: whoever has many waits for one turn.
pub(crate) async fn read_all<T: Send + 'static>(
    contents: &Contents,
    runs: Vec<Run>,
    judge: impl Fn(usize, &Place, &Bytes) -> Result<T, &'static str> + Clone + Send + 'static,
) -> Result<Vec<(usize, Result<T, Bad>)>, Error> {
    if contents.files.objects.is_none() {
        let files = contents.files.clone();
        let read = move || runs.iter().flat_map(|run| read_file(&files, run, &judge)).collect();
        return Workshop::run(&contents.cpu, read).await;
    }
    let mut all = Vec::new();
    for run in runs {
        all.extend(read(contents, run, judge.clone()).await?);
    }
    Ok(all)
}

/// Reads a run from its file, and has each of its records judged.
fn read_file<T>(
    files: &Files,
    run: &Run,
    judge: &impl Fn(usize, &Place, &Bytes) -> Result<T, &'static str>,
) -> Vec<(usize, Result<T, Bad>)> {
    match files.read_at(run.segment, run.start, (run.end - run.start) as usize) {
        Ok(bytes) => run.judged(&Bytes::from(bytes), judge),
        // One record may be gone, and the others are good: each is read by itself.
        Err(_) if run.records.len() > 1 => {
            let alone = |(nth, place): &(usize, Place)| read_file(files, &Run::of(*nth, *place), judge);
            run.records.iter().flat_map(alone).collect()
        }
        Err(error) => run.failed(&Arc::new(error)),
    }
}

impl Run {
    fn of(nth: usize, place: Place) -> Run {
        let Location { segment, start, .. } = place.location;
        Run { segment, start, end: record_end(&place.location), records: vec![(nth, place)] }
    }

    fn judged<T>(
        &self,
        bytes: &Bytes,
        judge: &impl Fn(usize, &Place, &Bytes) -> Result<T, &'static str>,
    ) -> Vec<(usize, Result<T, Bad>)> {
        let judge = |(nth, place): &(usize, Place)| {
            let from = (place.location.start - self.start) as usize;
            let len = HEADER_BYTES + place.location.stored_bytes as usize;
            let judged = judge(*nth, place, &bytes.slice(from..from + len));
            (*nth, judged.map_err(|reason| Bad::Damaged(reason.to_owned())))
        };
        self.records.iter().map(judge).collect()
    }

    fn failed<T>(&self, error: &Arc<io::Error>) -> Vec<(usize, Result<T, Bad>)> {
        self.records.iter().map(|(nth, _)| (*nth, Err(Bad::of(error)))).collect()
    }
}

impl Bad {
    fn of(error: &Arc<io::Error>) -> Bad {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Bad::Damaged(error.to_string()),
            _ => Bad::Failed(error.clone()),
        }
    }
}

/// Reads a chunk once more from where the index has it now: a sweep may have moved it, and removed the
/// file since.
pub(crate) async fn second_look(contents: &Contents, place: Place) -> Result<Bytes, Error> {
    let row = contents.locate(&[place.digest]).await?.into_iter().flatten().next();
    let place = Place::of(&row.ok_or(Error::Missing(place.digest))?);
    let read = read(contents, Run::of(0, place), decode).await?;
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
