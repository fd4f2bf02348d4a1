//! Orphans: objects in a bucket that no row knows.
//!
//! A PUT that was late, or a process that died between a row and its object, leaves one. The pass reads what is there
//! first and what the index knows then: a segment's row comes before its object, so an object that was listed and has no
//! row lost it. Objects of numbers that the index has not given out yet are of its own future: the index was restored
//! from a copy. They are only told. An error anywhere ends the pass with nothing removed.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use crate::error::Error;
use crate::recover::all_segments;
use crate::store::Store;

/// Objects that one pass removes without being forced: more are likely the sign of a wrong index.
const REMOVED_AT_ONCE: usize = 1_000;
/// The share of all objects that it removes without being forced.
const REMOVED_PERCENT: usize = 1;
/// Orphans that are removed whatever their share.
const FEW: usize = 16;

/// The result of a look for orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrphanReport {
    /// Objects that were listed.
    pub objects: u64,
    /// Objects without a row, old enough to be removed, and their bytes.
    pub orphans: u64,
    /// The bytes of the orphans.
    pub orphan_bytes: u64,
    /// Objects that this pass removed.
    pub removed: u64,
    /// Objects of segments that the index has not numbered yet: it is older than the bucket.
    pub of_the_future: u64,
    /// Objects that have no segment's name.
    pub strangers: u64,
    /// Whether orphans were left since they are more than one would expect.
    pub is_doubtful: bool,
}

impl Store {
    /// Removes objects that no row knows and that are older than `age`. A folder has none: nothing is done there.
    /// More than [`REMOVED_AT_ONCE`], or than a hundredth of all objects, are removed only when it is forced.
    ///
    /// # Errors
    /// The bucket or the index cannot be read to the end; nothing was removed then.
    pub async fn remove_orphans(&self, age: Duration, is_forced: bool) -> Result<OrphanReport, Error> {
        let inner = &*self.inner;
        let mut report = OrphanReport::default();
        let Some(objects) = &inner.files.objects else { return Ok(report) };
        let failed = |error: io::Error| Error::bucket(error);
        let last_segment = inner.index.totals().await.map_err(Error::index)?.last_segment;
        let listed = objects.list().await.map_err(failed)?;
        let known: HashSet<u64> = all_segments(&*inner.index).await?.iter().map(|row| row.id).collect();
        report.objects = listed.len() as u64;
        let mut orphans = Vec::new();
        for object in &listed {
            match object.segment {
                None => report.strangers += 1,
                Some(segment) if known.contains(&segment) => {}
                Some(segment) if segment >> 32 > last_segment => report.of_the_future += 1,
                Some(_) if object.age < age => {}
                Some(_) => orphans.push(object),
            }
        }
        report.orphans = orphans.len() as u64;
        report.orphan_bytes = orphans.iter().map(|object| object.bytes).sum();
        let expected = (listed.len() * REMOVED_PERCENT / 100).clamp(FEW, REMOVED_AT_ONCE);
        report.is_doubtful = orphans.len() > expected && !is_forced;
        if report.is_doubtful {
            return Ok(report);
        }
        for object in orphans {
            objects.delete(&object.name).await.map_err(failed)?;
            report.removed += 1;
        }
        Ok(report)
    }
}
