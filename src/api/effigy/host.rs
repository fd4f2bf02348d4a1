//! The host, its stores and the work in hand.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        Rooms,
        caller::Asked,
        compute::hosts::host_name,
        error::{Answer, ErrorBody},
        health::{self, Health},
        times,
    },
    error::Result,
    identity::policy,
    instances::Host,
    queue::{JobState, Lane, LastRun, Work},
    stores::Store,
};

/// The host and what lies on it.
#[derive(Serialize, ToSchema)]
#[schema(as = HostAnswer)]
pub(super) struct Shown {
    /// The name of the host, as its kernel has it.
    host: String,
    health: Health,
    /// Processors that the service may use.
    cpus: u64,
    /// The threads that wanted one over the last minute, in percent of the processors. Null where the kernel does not tell.
    load_percent: Option<u64>,
    memory_mib: u64,
    /// Null where the kernel does not tell.
    memory_available_mib: Option<u64>,
    /// Null where no instances are run.
    guests: Option<Guests>,
    stores: Vec<ShownStore>,
    /// Every lane of jobs.
    jobs: Vec<Jobs>,
    sweep: Housekeeping,
    scrub: Housekeeping,
}

/// The instances that run, of all projects, and what they take.
#[derive(Serialize, ToSchema)]
struct Guests {
    /// How they run: `kvm`, or `tcg` for emulation. Null until that is known.
    accel: Option<&'static str>,
    running: u64,
    vcpus: u64,
    memory_mib: u64,
    /// Memory that they may have together.
    memory_limit_mib: u64,
    /// Their disks at full size; each takes what its guest has changed.
    disk_gib: u64,
    disk_free_bytes: Option<u64>,
    /// Kept free: guests are paused before they eat it.
    disk_reserve_bytes: u64,
}

/// A store.
#[derive(Serialize, ToSchema)]
#[schema(as = HostStore)]
struct ShownStore {
    name: String,
    description: String,
    is_default: bool,
    is_read_only: bool,
    /// Bytes of its segments.
    used_bytes: u64,
    /// Free bytes of its file system; null when it does not say.
    free_bytes: Option<u64>,
    /// Kept free: no save is taken that would eat it.
    reserve_bytes: u64,
    /// Whether it takes what is saved: there is more room than is kept free.
    has_room: bool,
    /// Chunks that are known to be damaged.
    damaged_chunks: u64,
    /// Whether the last sweep left something undone.
    is_sweep_stopped: bool,
    /// The bucket of its segments; null when its folder has them.
    bucket: Option<ShownBucket>,
}

/// The bucket of a store.
#[derive(Serialize, ToSchema)]
#[schema(as = HostBucket)]
struct ShownBucket {
    name: String,
    /// The beginning of the names of its objects.
    prefix: String,
    /// The server; null for Amazon's.
    endpoint: Option<String>,
    /// Whether it did not answer, or take, the last that it was asked: nothing can be saved now.
    is_away: bool,
    /// Bytes of it that the folder keeps for reading, and the most that it keeps.
    cached_bytes: u64,
    cache_bytes: u64,
}

/// The jobs of a lane.
#[derive(Serialize, ToSchema)]
#[schema(as = JobsInHand)]
struct Jobs {
    /// `front` (captures and verifications), `import`, `clean` or `back` (checksums and housekeeping).
    lane: &'static str,
    waiting: i64,
    running: i64,
    /// How many of them run at a time.
    workers: usize,
}

/// How a work that the clock begins went last.
#[derive(Serialize, ToSchema)]
struct Housekeeping {
    is_under_way: bool,
    /// Null before the first one ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Why it failed; null when it did not.
    failure: Option<String>,
}

/// Shows the host, its stores and the work in hand.
///
/// For administrators.
#[utoipa::path(
    get, path = "/host", operation_id = "show_host", tag = "administration",
    responses(
        (status = 200, description = "The host", body = Shown),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    policy::administer(&caller, "see the host")?;
    let guests = match rooms.instances.are_enabled() {
        true => Some(guests(rooms.instances.host(&caller).await?, rooms.instances.accel())),
        false => None,
    };
    let mut stores = Vec::new();
    for store in rooms.stores.all() {
        stores.push(shown(store).await?);
    }
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Ok(Json(Shown {
        host: host_name(),
        health: health::lately(&rooms).await,
        cpus,
        load_percent: load().map(|threads| (threads * 100.0) as u64 / cpus),
        memory_mib: memory_mib("MemTotal:").unwrap_or(0),
        memory_available_mib: memory_mib("MemAvailable:"),
        guests,
        stores,
        jobs: jobs(&rooms).await?,
        sweep: housekeeping(rooms.jobs.last(Work::Sweep).await?),
        scrub: housekeeping(rooms.jobs.last(Work::Scrub).await?),
    }))
}

fn guests(host: Host, accel: Option<&'static str>) -> Guests {
    Guests {
        accel,
        running: host.running.instances,
        vcpus: host.running.vcpus,
        memory_mib: host.running.memory_mib,
        memory_limit_mib: host.memory_mib,
        disk_gib: host.running.disk_gib,
        disk_free_bytes: host.disk_free_bytes,
        disk_reserve_bytes: host.disk_reserve_bytes,
    }
}

async fn shown(store: &Store) -> Result<ShownStore> {
    Ok(ShownStore {
        name: store.name.clone(),
        description: store.description.clone(),
        is_default: store.is_default,
        is_read_only: store.is_read_only,
        used_bytes: store.index.file_bytes().await?,
        free_bytes: store.free_bytes().ok(),
        reserve_bytes: store.reserve_bytes,
        has_room: store.check_room().is_ok(),
        damaged_chunks: store.index.damaged_chunks().await?,
        is_sweep_stopped: store.is_sweep_stopped(),
        bucket: store.bucket.as_ref().map(|bucket| ShownBucket {
            name: bucket.bucket.clone(),
            prefix: bucket.prefix.clone(),
            endpoint: bucket.endpoint.clone(),
            is_away: store.chunks.is_away(),
            cached_bytes: store.chunks.bucket_stats().map_or(0, |stats| stats.cached_bytes),
            cache_bytes: bucket.cache_bytes,
        }),
    })
}

async fn jobs(rooms: &Rooms) -> Result<Vec<Jobs>> {
    let counted = rooms.jobs.in_hand().await?;
    let of = |lane, state| counted.iter().find(|(of, is, _)| (*of, *is) == (lane, state)).map_or(0, |(.., n)| *n);
    let lanes = Lane::ALL.map(|lane| Jobs {
        lane: lane.into_str(),
        waiting: of(lane, JobState::Waiting),
        running: of(lane, JobState::Running),
        workers: lane.workers(),
    });
    Ok(lanes.into())
}

fn housekeeping(last: Option<LastRun>) -> Housekeeping {
    let is_under_way = last.as_ref().is_some_and(|last| last.is_under_way);
    let ended = last.and_then(|last| last.ended);
    let is_done = ended.as_ref().is_some_and(|job| job.state == JobState::Done);
    Housekeeping {
        is_under_way,
        ended_at: ended.as_ref().map(|job| times::seconds_z(job.updated_ms)),
        failure: ended.and_then(|job| job.reason).filter(|_| !is_done),
    }
}

fn load() -> Option<f64> {
    of_proc("loadavg").split(' ').next()?.parse().ok()
}

/// A figure of `/proc/meminfo`, which is in KiB.
fn memory_mib(name: &str) -> Option<u64> {
    let info = of_proc("meminfo");
    let kib = info.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map(|kib: u64| kib / 1024)
}

fn of_proc(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{name}")).unwrap_or_default()
}
