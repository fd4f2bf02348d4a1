//! Reading chunks again before somebody needs them.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use chunks::{Digest, Roots as _, ScrubOptions, ScrubReport};

use crate::{
    error::Result,
    stores::{Store, Stores},
};

/// How fast the service scrubs: a terabyte in nine hours, a tenth of one core.
const BYTES_PER_SECOND: u64 = 32 << 20;
/// How long at a stretch; the next scrub goes on from there.
const STRETCH: Duration = Duration::from_secs(30 * 60);

/// Scrubs every store for a while, one after the other.
///
/// # Errors
/// As [`scrub`], of the last store that fails.
pub async fn scrub_all(stores: &Stores) -> Result<()> {
    let mut outcome = Ok(());
    for store in stores.all() {
        if let Err(error) = scrub(store).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// Scrubs a store for a while, slowly, from where the last scrub stopped, and reports the images that damage hurts.
///
/// # Errors
/// `Internal` when the store or the database cannot be read.
pub async fn scrub(store: &Store) -> Result<ScrubReport> {
    let options = ScrubOptions { bytes_per_second: Some(BYTES_PER_SECOND), time: Some(STRETCH) };
    let report = store.chunks.scrub(options).await?;
    let ScrubReport { chunks, bytes, damaged, .. } = &report;
    tracing::info!(chunks, bytes, "scrubbed {chunks} chunks, {bytes} bytes; {} are damaged", damaged.len());
    for name in hurt_by(store, damaged).await? {
        tracing::error!("{name} is damaged: upload the same file again, or delete it");
    }
    for name in hurt_by(store, &report.unread).await? {
        tracing::error!(
            "{name} cannot be read now: a segment's file is not there, or the disk refuses; look at the disk"
        );
    }
    Ok(report)
}

/// Names the images and instances that damaged chunks hurt.
///
/// # Errors
/// `Internal` when the store or the database cannot be read.
pub async fn hurt_by(store: &Store, damaged: &[Digest]) -> Result<Vec<String>> {
    if damaged.is_empty() {
        return Ok(Vec::new());
    }
    let roots: BTreeSet<Digest> =
        store.index.roots().await.map_err(|error| anyhow::anyhow!(error))?.into_iter().collect();
    let roots: Vec<Digest> = roots.into_iter().collect();
    let damaged: HashSet<Digest> = damaged.iter().copied().collect();
    let mut names = Vec::new();
    for root in store.chunks.hurt(&roots, &damaged).await? {
        names.extend(store.index.names_of_root(&root.to_string()).await?);
    }
    Ok(names)
}
