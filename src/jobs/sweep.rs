//! Deleting chunks that nothing refers to.

use std::time::{Duration, Instant};

use chunks::SweepReport;
use tokio_util::sync::CancellationToken;

use crate::{
    error::Result,
    stores::{Store, Stores},
};

/// How often the stores are looked at, and so the least time between the sweep that condemns a content and the one that
/// removes it. More than what the downloads of a deleted image take to end ([`crate::identity::lasting`]).
const LOOK: Duration = Duration::from_secs(3);
/// A store is short when it has less than so many times its reserve: the rest is for the saves that come until it is swept,
/// and by default it begins before guests are paused.
const SHORT_RESERVES: u64 = 4;
/// A store has grown when saves have written this part of it since its last sweep, and so many bytes at least. Each byte
/// of a store is then passed by few sweeps, and what was deleted takes little more than what is kept.
const GROWN_PART: u64 = 8;
const GROWN_BYTES: u64 = 64 << 20;
/// So many chunks are nothing: saves under way leave a few leaves and roots at each sweep.
const LEFT_BY_MOVES: u64 = 256;
/// After a sweep that found nothing, the store rests for so many times as long as the sweep took. No fixed time is added:
/// while saves go on, a sweep may find nothing only since a save that had begun before it still ran, and the next one does.
const RESTS: u32 = 20;

/// The last early sweep of a store.
struct Swept {
    rests_until: Instant,
    /// The store's count of appended bytes as the sweep began.
    appended_bytes: u64,
    /// The bytes that it left; 0 before the first one, so that this comes soon.
    live_bytes: u64,
    /// Whether it condemned what the next one is to remove. That one owes nothing, whatever it condemns: otherwise a
    /// large store, in which something is always deleted, would be swept without an end.
    owes: bool,
}

/// Keeps room for saves: a store that is short of room, or has grown, is swept now, not when the next sweep is due. Otherwise
/// a project that saves and deletes again and again would fill the disk past every quota.
pub async fn keep_room(stores: Stores, stop: CancellationToken) {
    let never = || Swept { rests_until: Instant::now(), appended_bytes: 0, live_bytes: 0, owes: false };
    let mut last: Vec<Swept> = stores.all().iter().map(|_| never()).collect();
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        for (store, last) in stores.all().iter().zip(&mut last) {
            let (began, appended_bytes) = (Instant::now(), store.chunks.appended_bytes());
            let has_grown = appended_bytes - last.appended_bytes >= (last.live_bytes / GROWN_PART).max(GROWN_BYTES);
            if began < last.rests_until || !(has_grown || last.owes || is_short(store)) {
                continue;
            }
            // Dropped where it is when the service stops, as every sweep may be.
            let Some(swept) = stop.run_until_cancelled(sweep(store)).await else { return };
            last.appended_bytes = appended_bytes;
            let report = swept.ok().flatten().unwrap_or_default();
            last.live_bytes = report.live_bytes;
            last.owes = has_grown && report.condemned > LEFT_BY_MOVES;
            if report.condemned + report.removed <= LEFT_BY_MOVES && report.dropped_bytes == 0 {
                last.rests_until = Instant::now() + began.elapsed() * RESTS;
            }
        }
    }
}

fn is_short(store: &Store) -> bool {
    // A sweep of a bucket gives its folder nothing.
    store.bucket.is_none()
        && store.free_bytes().is_ok_and(|free| free < store.reserve_bytes.saturating_mul(SHORT_RESERVES))
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
