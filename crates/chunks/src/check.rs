//! The check: proving that every content is whole and every row true.
//!
//! It runs beside saves and sweeps. A fault is looked at again before it is reported: a content may
//! have been deleted, or a chunk moved, between two of its steps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Roots;
use crate::digest::Digest;
use crate::error::Error;
use crate::files::{Files, OwnerState};
use crate::index::{Row, SegmentRow, SegmentState};
use crate::record::{self, Entry, HEADER_BYTES, SEGMENT_HEADER_BYTES, TRAILER_BYTES, record_end};
use crate::recover::all_segments;
use crate::store::{Inner, Store};
use crate::walk::{self, Marks, Part, ROWS_PAGE};

/// Problems in a report at most; all are counted.
const REPORTED: usize = 1_000;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A committed content cannot be read in full.
    Content {
        /// The content.
        root: Digest,
        /// The chunk that is missing or damaged.
        chunk: Digest,
        /// The chunk's fault, in words.
        reason: String,
    },
    /// A row points to something that is not its chunk.
    Row {
        /// The chunk.
        chunk: Digest,
        /// The row's fault, in words.
        reason: String,
    },
}

/// Chunks, bytes and files that are of no use. None of them is a fault: the sweep takes them in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// Chunks that no root and no live session reaches.
    pub chunks: u64,
    /// Their stored bytes.
    pub chunk_bytes: u64,
    /// Bytes in segments that no row points to.
    pub dead_bytes: u64,
    /// Segments that a store left open when it died.
    pub segments: u64,
    /// Files in the folder of segments that the index does not know.
    pub unknown_files: u64,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// Committed roots.
    pub roots: u64,
    /// Rows.
    pub chunks: u64,
    /// Segments.
    pub segments: u64,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// All problems.
    pub problem_count: u64,
    /// Chunks, bytes and files that are of no use.
    pub leftovers: Leftovers,
}

impl CheckReport {
    /// Tells whether every content is whole and every row true.
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < REPORTED {
            self.problems.push(problem);
        }
    }
}

impl Store {
    /// Proves that every committed root reaches only chunks that are there, and that every row
    /// points to the record it says; counts what is left over. Chunks themselves are read by
    /// [`Store::scrub`].
    pub async fn check(&self, roots: &dyn Roots) -> Result<CheckReport, Error> {
        let inner = &*self.inner;
        let mut report = CheckReport::default();
        // Where the store is away, all of it would be told as broken.
        there(inner).await?;
        let mut committed = roots.roots().await.map_err(Error::roots)?;
        report.roots = committed.len() as u64;
        committed.sort_unstable();
        committed.dedup();
        check_contents(inner, &committed, roots, &mut report).await?;
        check_rows(inner, &mut report).await?;
        count_leftovers(inner, &committed, &mut report).await?;
        Ok(report)
    }
}

async fn check_contents(
    inner: &Inner,
    committed: &[Digest],
    roots: &dyn Roots,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let mut sound = HashSet::new();
    let mut problems = Vec::new();
    for root in committed {
        if let Some((chunk, reason)) = check_content(inner, *root, &mut sound).await? {
            problems.push((*root, chunk, reason));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let still: HashSet<Digest> = roots.roots().await.map_err(Error::roots)?.into_iter().collect();
    for (root, chunk, reason) in problems.into_iter().filter(|(root, ..)| still.contains(root)) {
        report.problem(Problem::Content { root, chunk, reason });
    }
    Ok(())
}

/// Finds the first chunk of a content that is missing or damaged. Leaves that were found sound are
/// not looked at again.
async fn check_content(
    inner: &Inner,
    root: Digest,
    sound: &mut HashSet<Digest>,
) -> Result<Option<(Digest, String)>, Error> {
    if let Some(wrong) = wrong_chunk(inner, &[root]).await? {
        return Ok(Some(wrong));
    }
    let manifest = match fault(inner, inner.contents.manifest(root).await, root)? {
        Ok(manifest) => manifest,
        Err(wrong) => return Ok(Some(wrong)),
    };
    for leaf in walk::named(&manifest.leaves) {
        if sound.contains(leaf) {
            continue;
        }
        let mut chunks = match fault(inner, inner.contents.leaf_chunks(*leaf).await, *leaf)? {
            Ok(chunks) => chunks,
            Err(wrong) => return Ok(Some(wrong)),
        };
        chunks.retain(|chunk| !chunk.is_zero());
        if let Some(wrong) = wrong_chunk(inner, &chunks).await? {
            return Ok(Some(wrong));
        }
        sound.insert(*leaf);
    }
    Ok(None)
}

/// Tells a fault of the content from a failure of the check.
#[allow(clippy::type_complexity)]
fn fault<T>(inner: &Inner, read: Result<T, Error>, digest: Digest) -> Result<Result<T, (Digest, String)>, Error> {
    match read {
        Ok(read) => Ok(Ok(read)),
        // A bucket that does not answer says nothing about any content.
        Err(Error::Io { path, source }) if inner.files.is_away(&source) => Err(Error::Io { path, source }),
        // A file that is not there, or that the disk refuses to read, is told as well.
        Err(error @ (Error::Missing(_) | Error::Damaged { .. } | Error::NotAManifest { .. } | Error::Io { .. })) => {
            Ok(Err((digest, error.to_string())))
        }
        Err(error) => Err(error),
    }
}

async fn wrong_chunk(inner: &Inner, chunks: &[Digest]) -> Result<Option<(Digest, String)>, Error> {
    let rows = inner.contents.locate(chunks).await?;
    for (chunk, row) in chunks.iter().zip(rows) {
        match row {
            None => return Ok(Some((*chunk, Error::Missing(*chunk).to_string()))),
            Some(row) if row.damaged => {
                let damaged = record::damaged(*chunk, &row.location, "it is quarantined");
                return Ok(Some((*chunk, damaged.to_string())));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

async fn check_rows(inner: &Inner, report: &mut CheckReport) -> Result<(), Error> {
    let segments = all_segments(&*inner.index).await?;
    report.segments = segments.len() as u64;
    let mut in_segments = 0;
    for segment in &segments {
        in_segments += check_segment(inner, segment, report).await?;
    }
    let totals = inner.index.totals().await.map_err(Error::index)?;
    report.chunks = totals.chunks;
    if totals.chunks > in_segments {
        find_rows_without_segment(inner, report).await?;
    }
    Ok(())
}

/// Compares a segment's rows with its footer, or with its records' headers; returns how many rows
/// there are.
async fn check_segment(inner: &Inner, segment: &SegmentRow, report: &mut CheckReport) -> Result<u64, Error> {
    let id = segment.id;
    let footer = match segment.state {
        SegmentState::Sealed => read_footer(&inner.files, id).await,
        _ => None,
    };
    let (mut start, mut count) = (0, 0);
    loop {
        let rows = inner.index.segment_rows(id, start, ROWS_PAGE).await.map_err(Error::index)?;
        let Some(last) = rows.last() else { return Ok(count) };
        start = last.location.start + 1;
        count += rows.len() as u64;
        for (row, reason) in wrong_rows(inner, footer.as_ref(), rows).await? {
            if is_current(inner, &row).await? {
                report.problem(Problem::Row { chunk: row.digest, reason });
            }
        }
    }
}

type Footer = HashMap<u32, Entry>;

async fn read_footer(files: &Arc<Files>, segment: u64) -> Option<Footer> {
    let len = files.len_there(segment).await.ok()?;
    let header = files.read_there(segment, 0, SEGMENT_HEADER_BYTES as usize).await.ok()?;
    let trailer_start = len.checked_sub(TRAILER_BYTES as u64)?;
    let start = record::parse_trailer(&files.read_there(segment, trailer_start, TRAILER_BYTES).await.ok()?)?;
    if !record::is_segment_header(&header, segment) || start > trailer_start {
        return None;
    }
    let footer = record::parse_footer(&files.read_there(segment, start, (len - start) as usize).await.ok()?)?;
    Some(footer.into_iter().map(|entry| (entry.start, entry)).collect())
}

async fn wrong_rows(inner: &Inner, footer: Option<&Footer>, rows: Vec<Row>) -> Result<Vec<(Row, String)>, Error> {
    if let Some(footer) = footer {
        let entry = |row: &Row| footer.get(&u32::try_from(row.location.start).ok()?).copied();
        let wrong = |row: &Row| wrong_header(row, entry(row).map(|entry| entry.header));
        return Ok(rows.iter().filter_map(|row| Some((*row, wrong(row)?))).collect());
    }
    let mut wrong = Vec::new();
    for row in rows {
        if let Some(reason) = wrong_record(&inner.files, &row).await? {
            wrong.push((row, reason));
        }
    }
    Ok(wrong)
}

async fn wrong_record(files: &Arc<Files>, row: &Row) -> Result<Option<String>, Error> {
    let segment = row.location.segment;
    let header = async {
        if record_end(&row.location) > files.len_there(segment).await? {
            return Ok(None);
        }
        files.read_there(segment, row.location.start, HEADER_BYTES).await.map(Some)
    };
    match header.await {
        Ok(Some(header)) => Ok(wrong_header(row, record::parse_header(&header).ok())),
        Ok(None) => Ok(Some("the segment ends before it".to_owned())),
        Err(error) if files.is_away(&error) => Err(Error::object(segment, error)),
        Err(error) => Ok(Some(error.to_string())),
    }
}

fn wrong_header(row: &Row, header: Option<record::Header>) -> Option<String> {
    let Some(header) = header else { return Some("no record starts there".to_owned()) };
    let lengths = (header.raw_bytes, header.stored_bytes);
    let same = header.digest == row.digest && lengths == (row.location.raw_bytes, row.location.stored_bytes);
    (!same).then(|| "another record starts there".to_owned())
}

/// Tells whether a row still says what it said.
async fn is_current(inner: &Inner, row: &Row) -> Result<bool, Error> {
    let now = inner.contents.locate(&[row.digest]).await?;
    Ok(now.into_iter().flatten().any(|now| now.location == row.location))
}

/// Names rows that point into no segment at all.
async fn find_rows_without_segment(inner: &Inner, report: &mut CheckReport) -> Result<(), Error> {
    let known: HashSet<u64> = all_segments(&*inner.index).await?.iter().map(|row| row.id).collect();
    for part in Part::parts(0) {
        let mut pages = part.pages(inner);
        while let Some(mut rows) = pages.next().await? {
            rows.retain(|row| !known.contains(&row.location.segment));
            for row in rows {
                // A segment that was made after the list was taken surprises nobody.
                let made =
                    inner.index.segments(row.location.segment.saturating_sub(1), 1).await.map_err(Error::index)?;
                let made = made.first().is_some_and(|made| made.id == row.location.segment);
                if !made && is_current(inner, &row).await? {
                    let reason = "its segment is not in the index".to_owned();
                    report.problem(Problem::Row { chunk: row.digest, reason });
                }
            }
        }
    }
    Ok(())
}

async fn count_leftovers(inner: &Inner, committed: &[Digest], report: &mut CheckReport) -> Result<(), Error> {
    let mut live: HashMap<u64, u64> = HashMap::new();
    let oldest = inner.index.oldest_session().await.map_err(Error::index)?.unwrap_or(u64::MAX);
    let pinned = inner.index.pinned_roots().await.map_err(Error::index)?;
    for part in walk::parts(inner).await? {
        let mut marks = Marks::new(part.clone());
        for root in committed.iter().chain(&pinned) {
            // A root that cannot be read was reported above, or was never there.
            let marked = marks.mark(&inner.contents, *root).await;
            if let Err(error) = fault(inner, marked, *root)?.map_err(|(_, reason)| reason) {
                tracing::debug!(root = %root, reason = %error, "a content is not whole");
            }
        }
        let mut pages = part.pages(inner);
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let record = HEADER_BYTES as u64 + u64::from(row.location.stored_bytes);
                *live.entry(row.location.segment).or_default() += record;
                if !marks.has(&row.digest) && row.epoch < oldest {
                    report.leftovers.chunks += 1;
                    report.leftovers.chunk_bytes += u64::from(row.location.stored_bytes);
                }
            }
        }
    }
    count_files(inner, &live, report).await
}

/// The segments that are there with their lengths, and how many other names.
async fn there(inner: &Inner) -> Result<(Vec<(u64, u64)>, u64), Error> {
    if let Some(objects) = &inner.files.objects {
        let listed = objects.list().await.map_err(Error::bucket)?;
        let segments: Vec<_> = listed.iter().filter_map(|object| Some((object.segment?, object.bytes))).collect();
        let strangers = (listed.len() - segments.len()) as u64;
        return Ok((segments, strangers));
    }
    let files = inner.files.clone();
    let (segments, strangers) = tokio::task::spawn_blocking(move || files.list()).await??;
    Ok((segments, strangers.len() as u64))
}

async fn count_files(inner: &Inner, live: &HashMap<u64, u64>, report: &mut CheckReport) -> Result<(), Error> {
    let (files, strangers) = there(inner).await?;
    let segments: HashMap<u64, SegmentRow> =
        all_segments(&*inner.index).await?.into_iter().map(|segment| (segment.id, segment)).collect();
    report.leftovers.unknown_files = strangers;
    for (id, len) in files {
        let used = SEGMENT_HEADER_BYTES + live.get(&id).copied().unwrap_or(0);
        match segments.get(&id).map(|segment| segment.state) {
            None => report.leftovers.unknown_files += 1,
            Some(SegmentState::Open) => {}
            Some(_) => report.leftovers.dead_bytes += len.saturating_sub(used),
        }
    }
    for segment in segments.values() {
        let open = segment.state == SegmentState::Open;
        if open && segment.owner != inner.owner && !matches!(inner.files.owner(segment.owner)?, OwnerState::Alive) {
            report.leftovers.segments += 1;
        }
    }
    Ok(())
}
