//! The cache in the folder before a bucket: parts of segments, in sparse files with the names of their segments.
//!
//! **The cache is never trusted.** A part is a range of a sparse file with the name of its segment; which ranges are there
//! is known in memory and learned from the file system at a start. Every record is verified after it was read, wherever it
//! came from; one that does not verify is read from the bucket once more ([`crate::fetch`]) before it is called damaged.
//!
//! One process has the cache of a folder, by a lock; others that open the store beside it read from the bucket. The cache
//! leaves room to others on its file system: where that is short nothing more is kept, and what was kept gives way.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use rustix::fs::FallocateFlags;

use crate::bucket::OBJECT_BYTES;
use crate::build::lock;
use crate::index::{SegmentRow, SegmentState};

/// The unit of the cache: ten to twenty chunks, neighbours in their content. A request for less takes as long.
pub(crate) const PART_BYTES: u64 = 512 << 10;

/// Room beyond what the cache leaves free, below which it grows no more: it does not give way for what it kept itself.
const MARGIN_BYTES: u64 = 256 << 20;

/// A part's segment and its number in it.
pub(crate) type Part = (u64, u32);

/// The parts that the folder has.
pub(crate) struct Parts {
    folder: PathBuf,
    leaves_free_bytes: u64,
    /// Whether this process has the lock of the cache.
    is_ours: AtomicBool,
    /// Their lengths.
    parts: Cache<Part, u32>,
    /// The parts that have left `parts`, and whose bytes are still there. `parts` tells of them under its own locks, and
    /// whoever asks for a part; the file system is asked by [`Parts::give_back`].
    gone: Arc<Mutex<Vec<Part>>>,
}

impl Parts {
    pub(crate) fn new(folder: PathBuf, cache_bytes: u64, leaves_free_bytes: u64) -> Parts {
        let gone = Arc::new(Mutex::new(Vec::new()));
        let going = gone.clone();
        let parts = Cache::builder()
            .max_capacity(cache_bytes)
            .weigher(|_, bytes: &u32| *bytes)
            .eviction_listener(move |part: Arc<Part>, _, cause| {
                if cause != RemovalCause::Replaced {
                    lock(&going).push(*part);
                }
            })
            .build();
        Parts { folder, leaves_free_bytes, is_ours: AtomicBool::new(false), parts, gone }
    }

    /// Leaves the cache to another process.
    pub(crate) fn leave(&self) {
        self.is_ours.store(false, Ordering::Relaxed);
    }

    /// Whether something may be kept.
    fn keeps(&self) -> bool {
        self.is_ours.load(Ordering::Relaxed) && self.free_bytes() >= self.leaves_free_bytes.saturating_add(MARGIN_BYTES)
    }

    /// None, where the file system does not say.
    fn free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.folder).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.parts.run_pending_tasks();
        self.parts.weighted_size()
    }

    /// Whether a part is there; asking makes it one that is used.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.get(&part).is_some()
    }

    /// Takes the file of a segment that was sent into the cache, or removes it.
    pub(crate) fn adopt(&self, segment: u64, bytes: u64) {
        if !self.keeps() {
            let _ = std::fs::remove_file(self.folder.join(file_name(segment)));
            return;
        }
        for part in 0..part_after(bytes) {
            let start = u64::from(part) * PART_BYTES;
            self.parts.insert((segment, part), (bytes - start).min(PART_BYTES) as u32);
        }
        self.give_back();
    }

    /// Learns from the folder which parts it has, as this process has the lock of the cache now. A file without a row is of
    /// no use to anybody, and is removed. One of a segment
    /// that is not sealed may be another process's, which has not sent it yet: it is no part of the cache, whose parts
    /// may be taken out at any time.
    pub(crate) fn learn(&self, files: &[(u64, u64)], rows: &[SegmentRow]) {
        self.is_ours.store(true, Ordering::Relaxed);
        let states: HashMap<u64, SegmentState> = rows.iter().map(|row| (row.id, row.state)).collect();
        for (segment, bytes) in files {
            let path = self.folder.join(file_name(*segment));
            match states.get(segment) {
                Some(SegmentState::Sealed) => {}
                Some(_) => continue,
                None => {
                    let _ = std::fs::remove_file(&path);
                    continue;
                }
            }
            let Ok(file) = File::open(&path) else { continue };
            for part in 0..part_after(*bytes) {
                let start = u64::from(part) * PART_BYTES;
                let end = (start + PART_BYTES).min(*bytes);
                if is_written(&file, start..end) {
                    self.parts.insert((*segment, part), (end - start) as u32);
                }
            }
        }
        self.give_back();
    }

    /// Takes parts out of the cache that did not read well.
    pub(crate) fn distrust(&self, segment: u64, range: &Range<u64>) {
        for part in parts_of(range) {
            self.parts.invalidate(&(segment, part));
        }
    }

    /// Takes all of a segment out of the cache, whose file is removed.
    pub(crate) fn forget(&self, segment: u64) {
        self.distrust(segment, &(0..2 * OBJECT_BYTES));
    }

    /// Writes parts into the segment's file. A failure only costs the next read another request.
    pub(crate) fn keep(&self, segment: u64, start: u64, bytes: &Bytes) {
        if !self.keeps() {
            return;
        }
        let path = self.folder.join(file_name(segment));
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let first = (start / PART_BYTES) as u32;
        if let Err(error) = opened.and_then(|file| file.write_all_at(bytes, start)) {
            tracing::debug!(path = %path.display(), %error, "a part is not kept");
            lock(&self.gone).extend((first..part_after(start + bytes.len() as u64)).map(|part| (segment, part)));
            self.give_back();
            return;
        }
        for (part, bytes) in (first..).zip(bytes.chunks(PART_BYTES as usize)) {
            self.parts.insert((segment, part), bytes.len() as u32);
        }
        self.give_back();
    }

    /// Gives the room of parts back that are in the cache no more.
    fn give_back(&self) {
        self.parts.run_pending_tasks();
        for part in std::mem::take(&mut *lock(&self.gone)) {
            // One that came again meanwhile stays. Should it come in this very moment, it is found to be wrong when it is
            // read, and comes once more.
            if !self.parts.contains_key(&part) {
                punch(&self.folder, part);
            }
        }
    }

    /// Reads a part, or some of it.
    pub(crate) fn read(&self, segment: u64, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        File::open(self.folder.join(file_name(segment)))?.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }

    /// Keeps within the bound, and gives way where others need the room.
    pub(crate) fn tidy(&self) {
        let mut short_bytes = self.leaves_free_bytes.saturating_sub(self.free_bytes());
        for (part, bytes) in &self.parts {
            if short_bytes == 0 {
                break;
            }
            self.parts.invalidate(&*part);
            short_bytes = short_bytes.saturating_sub(u64::from(bytes));
        }
        self.give_back();
    }
}

/// The name of a segment's file, and the last part of its object's.
pub(crate) fn file_name(segment: u64) -> String {
    format!("{segment:016x}.segment")
}

/// The segment whose name this is.
pub(crate) fn segment_of_file(name: &str) -> Option<u64> {
    let hex = name.strip_suffix(".segment").filter(|hex| hex.len() == 16)?;
    u64::from_str_radix(hex, 16).ok()
}

pub(crate) fn parts_of(range: &Range<u64>) -> Range<u32> {
    (range.start / PART_BYTES) as u32..part_after(range.end)
}

/// The number of the first part that starts at this place or behind it.
fn part_after(end: u64) -> u32 {
    end.div_ceil(PART_BYTES) as u32
}

/// Whether the file system has bytes for all of a range: a hole reads as zeroes, which no record starts with.
fn is_written(file: &File, range: Range<u64>) -> bool {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(range.start)) {
        Ok(data) if data <= range.start => {}
        _ => return false,
    }
    rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(range.start)).is_ok_and(|hole| hole >= range.end)
}

/// Gives the room of one part back; a file that has no part any more is removed. Where a file system cannot punch holes,
/// the whole file goes: its other parts are found missing when they are read, and come again.
fn punch(folder: &Path, (segment, part): Part) {
    let path = folder.join(file_name(segment));
    let Ok(file) = OpenOptions::new().write(true).open(&path) else { return };
    let start = u64::from(part) * PART_BYTES;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    // The whole part, also where the file ends in it: a file system frees whole blocks.
    let is_punched = rustix::fs::fallocate(&file, flags, start, PART_BYTES).is_ok();
    if !is_punched || file.metadata().is_ok_and(|left| left.blocks() == 0) {
        let _ = std::fs::remove_file(&path);
    }
}
