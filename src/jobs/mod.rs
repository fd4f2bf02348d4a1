//! Work that outlives a request.
//!
//! [`crate::queue`] keeps the rows; this page joins them to the rooms: one match says which room does what. Each lane
//! has its workers ([`Lane::workers`]), of which one project gets its share.

mod capture;
mod clean;
pub mod scrub;
pub mod sweep;

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error::Result,
    identity::Identity,
    images::{Images, Targets},
    instances::Instances,
    queue::{Job, Lane, Queue, Work},
    stores::Stores,
};

/// How long an ended job's row is kept, for people who ask how it ended.
const KEEP_ENDED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often lapsed fills, and shares and releases whose time is over are looked for.
const LAPSE_CHECK: Duration = Duration::from_secs(10);

/// The rooms that jobs work in. Cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    pub images: Images,
    pub instances: Instances,
    /// The audit's events, which the clock forgets in time.
    pub identity: Identity,
    /// The chunks under both.
    pub stores: Stores,
}

/// Starts the workers and the clock; they end with `stop`, and `tasks` knows when.
pub fn start(queue: &Queue, rooms: &Rooms, sweep_interval: Duration, stop: &CancellationToken, tasks: &TaskTracker) {
    for lane in Lane::ALL.into_iter().flat_map(|lane| std::iter::repeat_n(lane, lane.workers())) {
        let (queue, rooms, stop) = (queue.clone(), rooms.clone(), stop.clone());
        tasks.spawn(async move {
            let body = move |job: Job| {
                let rooms = rooms.clone();
                async move { run(rooms, job).await }
            };
            queue.work_on(lane, stop, body).await;
        });
    }
    let (images, stopped) = (rooms.images.clone(), stop.clone());
    // The rules or settings may be new since the last start, and verifications may have been lost.
    tasks.spawn(async move {
        if let Some(Err(error)) = stopped.run_until_cancelled(images.verify_due()).await {
            tracing::error!(%error, "cannot add the verifications that are due: {error}");
        }
    });
    tasks.spawn(sweep::keep_room(rooms.stores.clone(), stop.clone()));
    tasks.spawn(keep_time(queue.clone(), rooms.clone(), sweep_interval, stop.clone()));
}

/// Runs a job in the room that its work belongs to.
async fn run(rooms: Rooms, job: Job) -> Result<()> {
    match job.work.clone() {
        Work::Import { image, source, stores, all_must_succeed } => {
            let stores = if stores.is_empty() { vec![rooms.stores.default_store().name.clone()] } else { stores };
            let targets = Targets { stores: Some(stores), all_must_succeed };
            rooms.images.run_import(&job, image, &source, &targets).await
        }
        Work::Copy { image, stores, all_must_succeed } => {
            rooms.images.run_copies(&job, image, &stores, all_must_succeed).await
        }
        Work::Checksum { image } => rooms.images.compute_checksums(image, &job.stop).await,
        Work::Capture { image, instance, backup } => {
            capture::capture(&rooms, &job, image, instance, backup.as_ref()).await
        }
        Work::Clean { image, source } => clean::clean(&rooms, &job, image, source).await,
        Work::Verify { image } => rooms.images.verify(image, &job).await,
        Work::Sweep => until(&job.stop, sweep::sweep_all(&rooms.stores)).await,
        Work::Scrub => until(&job.stop, scrub::scrub_all(&rooms.stores)).await,
    }
}

/// Drops housekeeping where it is when the service stops: what it did so far stands, and the next run does the rest.
async fn until<T>(stop: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<()> {
    match stop.run_until_cancelled(work).await {
        Some(done) => done.map(drop),
        None => Ok(()),
    }
}

/// Adds what is due by the clock.
async fn keep_time(queue: Queue, rooms: Rooms, sweep_interval: Duration, stop: CancellationToken) {
    let mut lapses = tokio::time::interval(LAPSE_CHECK);
    let mut sweeps = tokio::time::interval_at(tokio::time::Instant::now() + sweep_interval, sweep_interval);
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => return,
            _ = lapses.tick() => by_the_clock(&rooms).await,
            _ = sweeps.tick() => due(&queue, &rooms).await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "cannot add what is due: {error}");
        }
    }
}

async fn by_the_clock(rooms: &Rooms) -> Result<()> {
    rooms.images.fail_lapsed_fills().await?;
    rooms.images.retire_due().await?;
    // Before the shares end by which they are counted.
    rooms.images.write_downloads().await?;
    rooms.images.end_due_shares().await
}

async fn due(queue: &Queue, rooms: &Rooms) -> Result<()> {
    rooms.identity.forget_events().await?;
    rooms.images.forget_tasks().await?;
    rooms.images.forget_shares().await?;
    rooms.instances.forget_deleted().await?;
    queue.forget_ended(KEEP_ENDED).await?;
    rooms.images.verify_due().await?;
    queue.add(Work::Sweep, None).await?;
    queue.add(Work::Scrub, None).await
}
