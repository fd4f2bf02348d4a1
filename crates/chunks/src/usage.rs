//! How much a content takes, and how much all of them do.

use std::collections::HashSet;

use crate::Roots;
use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::index::{SegmentState, Totals};
use crate::manifest::chunk_count;
use crate::recover::all_segments;
use crate::store::Store;
use crate::walk::{self, Part};

/// The bytes that one content takes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The content's length.
    pub logical_bytes: u64,
    /// The stored bytes of its distinct chunks, leaves and root.
    pub stored_bytes: u64,
    /// The part of them that no other root reaches: what deleting it frees.
    pub unique_bytes: u64,
}

/// The rows, segments and bytes of the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Counts over all rows.
    pub totals: Totals,
    /// Segments, and how many of them may still grow.
    pub segments: u64,
    /// Open segments.
    pub open_segments: u64,
    /// The length of all segments.
    pub file_bytes: u64,
}

impl Store {
    /// Counts rows, segments and sessions. Reads every row: seconds for millions of them.
    pub async fn stats(&self) -> Result<Stats, Error> {
        let inner = &self.inner;
        let totals = inner.index.totals().await.map_err(Error::index)?;
        let segments = all_segments(&*inner.index).await?;
        let open = segments.iter().filter(|segment| segment.state == SegmentState::Open).count();
        let file_bytes = match &inner.files.objects {
            // A list of objects is paid for; their lengths are in the rows.
            Some(_) => segments.iter().map(|segment| segment.file_bytes).sum(),
            None => {
                let files = inner.files.clone();
                let (files, _) = tokio::task::spawn_blocking(move || files.list()).await??;
                files.iter().map(|(_, len)| len).sum()
            }
        };
        Ok(Stats { totals, segments: segments.len() as u64, open_segments: open as u64, file_bytes })
    }

    /// Says what a content takes. `roots` are all committed roots, this one among them as often as
    /// it is committed. Walks all
    /// manifests, each leaf once.
    pub async fn usage(&self, root: Digest, roots: &dyn Roots) -> Result<Usage, Error> {
        let contents = &self.inner.contents;
        let mut others = roots.roots().await.map_err(Error::roots)?;
        if let Some(own) = others.iter().position(|other| *other == root) {
            others.swap_remove(own);
        }
        others.sort_unstable();
        others.dedup();
        let manifest = contents.manifest(root).await?;
        let mut usage = Usage { logical_bytes: manifest.size_bytes, ..Usage::default() };
        for part in Part::parts(chunk_count(manifest.size_bytes)) {
            let mut chunks = HashSet::new();
            let (mut own, mut seen) = (HashSet::new(), HashSet::new());
            let take = |digest: &Digest| {
                if part.has(digest) {
                    chunks.insert(*digest);
                }
            };
            walk::walk(contents, root, &manifest, |leaf| !own.insert(*leaf), take).await?;
            usage.stored_bytes += stored_bytes(contents, &chunks).await?;
            for other in &others {
                exclude(contents, *other, &mut chunks, &mut seen).await?;
            }
            usage.unique_bytes += stored_bytes(contents, &chunks).await?;
        }
        Ok(usage)
    }
}

/// Takes out of `chunks` what another root reaches. Each leaf is read once for all roots.
async fn exclude(
    contents: &Contents,
    other: Digest,
    chunks: &mut HashSet<Digest>,
    seen: &mut HashSet<Digest>,
) -> Result<(), Error> {
    if chunks.is_empty() {
        return Ok(());
    }
    let manifest = contents.manifest(other).await?;
    let take = |digest: &Digest| {
        chunks.remove(digest);
    };
    walk::walk(contents, other, &manifest, |leaf| !seen.insert(*leaf), take).await
}

async fn stored_bytes(contents: &Contents, chunks: &HashSet<Digest>) -> Result<u64, Error> {
    let chunks: Vec<Digest> = chunks.iter().copied().collect();
    let mut bytes = 0;
    for some in chunks.chunks(crate::BATCH_ROWS) {
        let rows = contents.locate(some).await?;
        bytes += rows.iter().flatten().map(|row| u64::from(row.location.stored_bytes)).sum::<u64>();
    }
    Ok(bytes)
}
