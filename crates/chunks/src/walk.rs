//! Walking manifests: which chunks does a root reach?

use std::collections::HashSet;
use std::ops::RangeInclusive;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::index::Row;
use crate::manifest::Manifest;
use crate::store::Inner;

/// Marks in memory at once: some 40 MiB. More chunks are marked in several passes, each over a
/// part of the digests.
const MARKS_AT_ONCE: u64 = 2 << 20;
/// Leaves that are read from a bucket at the same time: 4 MiB of digests.
const LEAVES_AT_ONCE: usize = 32;
/// Rows in one page.
pub(crate) const ROWS_PAGE: usize = 1_000;

/// A part of all digests, by their first eight bytes.
#[derive(Debug, Clone)]
pub(crate) struct Part(RangeInclusive<u64>);

impl Part {
    /// Parts all digests so that the marks of one part fit into memory.
    pub(crate) fn parts(chunks: u64) -> Vec<Part> {
        Part::split(chunks.div_ceil(MARKS_AT_ONCE).max(1))
    }

    fn split(count: u64) -> Vec<Part> {
        let width = u64::MAX / count;
        let part = |number: u64| {
            let start = if number == 0 { 0 } else { number * width + 1 };
            let end = if number + 1 == count { u64::MAX } else { (number + 1) * width };
            Part(start..=end)
        };
        (0..count).map(part).collect()
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.0.contains(&digest.prefix())
    }

    /// The last digest before the part.
    fn before(&self) -> Option<Digest> {
        let before = self.0.start().checked_sub(1)?;
        let mut bytes = [0xff; 32];
        bytes[..8].copy_from_slice(&before.to_be_bytes());
        Some(Digest::from_bytes(bytes))
    }

    /// Lists the rows of the part, a page at a time.
    pub(crate) fn pages<'a>(&self, inner: &'a Inner) -> Pages<'a> {
        Pages { inner, part: self.clone(), after: self.before(), more: true }
    }
}

/// A walk over the rows of a part.
pub(crate) struct Pages<'a> {
    inner: &'a Inner,
    part: Part,
    after: Option<Digest>,
    more: bool,
}

impl Pages<'_> {
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        if !self.more {
            return Ok(None);
        }
        let mut rows = self.inner.index.rows(self.after, ROWS_PAGE).await.map_err(Error::index)?;
        self.after = rows.last().map(|row| row.digest);
        self.more = rows.len() == ROWS_PAGE && self.after.is_some_and(|last| self.part.has(&last));
        rows.retain(|row| self.part.has(&row.digest));
        Ok(Some(rows))
    }
}

/// The chunks of a part that were reached.
#[derive(Debug)]
pub(crate) struct Marks {
    part: Part,
    prefixes: HashSet<u64>,
    leaves: HashSet<Digest>,
}

impl Marks {
    pub(crate) fn new(part: Part) -> Marks {
        Marks { part, prefixes: HashSet::new(), leaves: HashSet::new() }
    }

    /// Marks everything that a root reaches.
    pub(crate) async fn mark(&mut self, contents: &Contents, root: Digest) -> Result<(), Error> {
        if !self.leaves.insert(root) {
            return Ok(());
        }
        let manifest = contents.manifest(root).await?;
        self.set(&root);
        let new: Vec<Digest> = named(&manifest.leaves).filter(|leaf| self.leaves.insert(**leaf)).copied().collect();
        let mut read = std::pin::pin!(read_leaves(contents, new));
        while let Some((leaf, chunks)) = read.try_next().await? {
            self.set(&leaf);
            named(&chunks).for_each(|chunk| self.set(chunk));
        }
        Ok(())
    }

    fn set(&mut self, digest: &Digest) {
        if self.part.has(digest) {
            self.prefixes.insert(digest.prefix());
        }
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.prefixes.contains(&digest.prefix())
    }
}

/// Calls `visit` for a root, its leaves and its chunks; leaves that `skip` names are left out with
/// all they name.
pub(crate) async fn walk(
    contents: &Contents,
    root: Digest,
    manifest: &Manifest,
    mut skip: impl FnMut(&Digest) -> bool,
    mut visit: impl FnMut(&Digest),
) -> Result<(), Error> {
    visit(&root);
    let leaves = named(&manifest.leaves).filter(|leaf| !skip(leaf)).copied().collect();
    let mut read = std::pin::pin!(read_leaves(contents, leaves));
    while let Some((leaf, chunks)) = read.try_next().await? {
        visit(&leaf);
        named(&chunks).for_each(&mut visit);
    }
    Ok(())
}

/// Reads leaves in order; from a bucket several at once, as one takes longer there than all of them from a disk.
fn read_leaves(
    contents: &Contents,
    leaves: Vec<Digest>,
) -> impl Stream<Item = Result<(Digest, Vec<Digest>), Error>> + Send + '_ {
    let read = async move |leaf| contents.leaf_chunks(leaf).await.map(|chunks| (leaf, chunks));
    let at_once = if contents.files.objects.is_some() { LEAVES_AT_ONCE } else { 1 };
    stream::iter(leaves).map(read).buffered(at_once)
}

/// The digests that are not zeroes.
pub(crate) fn named(digests: &[Digest]) -> impl Iterator<Item = &Digest> {
    digests.iter().filter(|digest| !digest.is_zero())
}

/// Counts the rows, to choose the parts.
pub(crate) async fn parts(inner: &Inner) -> Result<Vec<Part>, Error> {
    let totals = inner.index.totals().await.map_err(Error::index)?;
    Ok(Part::parts(totals.chunks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_digest_once() {
        for count in [1, 2, 3, 7, 1_000] {
            let parts = Part::split(count);
            assert_eq!(*parts[0].0.start(), 0);
            assert_eq!(*parts[parts.len() - 1].0.end(), u64::MAX);
            for pair in parts.windows(2) {
                assert_eq!(pair[0].0.end() + 1, *pair[1].0.start());
                assert!(pair[0].has(&pair[1].before().unwrap()));
            }
        }
    }
}
