//! Deleting chunks that nothing refers to.

use chunks::SweepReport;

use crate::{
    error::Result,
    stores::{Store, Stores},
};

/// Sweeps every store once, one after the other.
///
/// # Errors
/// As [`sweep`], of the last store that fails.
pub async fn sweep_all(stores: &Stores) -> Result<()> {
    let mut outcome = Ok(());
    for store in stores.all() {
        if let Err(error) = sweep(store).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// Sweeps a store once. Unreachable chunks are condemned, and the next sweep removes them.
///
/// A sweep that finds another at work leaves the work to it.
///
/// # Errors
/// `Unavailable` when the database is out of reach, `Internal` when a content cannot be read: no chunk is removed then.
pub async fn sweep(store: &Store) -> Result<Option<SweepReport>> {
    let swept = store.chunks.sweep(&store.index).await;
    if let Err(chunks::Error::Busy) = swept {
        tracing::info!("another sweep is running; this one leaves the work to it");
        return Ok(None);
    }
    store.note_sweep(swept.as_ref().is_err() || swept.as_ref().is_ok_and(|report| report.stopped.is_some()));
    let report = swept?;
    let SweepReport { epoch, condemned, removed, spared, dropped_bytes, .. } = report;
    tracing::info!(
        store = store.name,
        epoch,
        condemned,
        removed,
        spared,
        dropped_bytes,
        "swept the store {}: condemned {condemned} chunks, removed {removed}, gave back {dropped_bytes} bytes",
        store.name
    );
    match report.stopped {
        Some(why) => Err(why.into()),
        None => Ok(Some(report)),
    }
}
