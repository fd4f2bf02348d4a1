//! Deleting chunks that nothing refers to.

use std::time::{Duration, Instant};

use chunks::SweepReport;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    stores::{Store, Stores},
};

/// How often the stores' room is looked at. It is also the least time that a download of a content has to end, when the
/// content was deleted and its room is needed.
const LOOK: Duration = Duration::from_secs(10);
/// A store is short when it has less than so many times its reserve: the rest is for the saves that come until it is swept,
/// and by default it begins before guests are paused.
const SHORT_RESERVES: u64 = 4;
/// After a sweep that found nothing, the store rests for so many times as long as the sweep took. No fixed time is added:
/// while saves go on, a sweep may find nothing only since a save that had begun before it still ran, and the next one does.
const RESTS: u32 = 20;

/// Keeps room for saves: a store that is short of it is swept now, not when the next sweep is due. Otherwise a project
/// that saves and deletes again and again would fill the disk past every quota.
pub async fn keep_room(stores: Stores, stop: CancellationToken) {
    let mut rests_until = vec![Instant::now(); stores.all().len()];
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        for (store, rests_until) in stores.all().iter().zip(&mut rests_until) {
            let began = Instant::now();
            if began < *rests_until || !is_short(store) {
                continue;
            }
            // Dropped where it is when the service stops, as every sweep may be.
            let Some(swept) = stop.run_until_cancelled(sweep(store)).await else { return };
            let has_found =
                matches!(swept, Ok(Some(report)) if report.condemned + report.removed + report.dropped_bytes > 0);
            if !has_found {
                *rests_until = Instant::now() + began.elapsed() * RESTS;
            }
        }
    }
}

fn is_short(store: &Store) -> bool {
    store.free_bytes().is_ok_and(|free| free < store.reserve_bytes.saturating_mul(SHORT_RESERVES))
}

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
