//! Work that outlives its request.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{JobId, ProjectId};

/// The lanes of jobs: people wait for those in front, nobody waits for those in the back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Lane>)]
pub enum Lane {
    /// People wait for it.
    Front,
    /// People wait for it, and how long it takes is up to somebody else's network.
    Import,
    /// People wait for it, and it is a guest that runs for a minute: one at a time.
    Clean,
    /// Nobody waits for it, and it may take hours.
    Back,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Lane; 4] = [Lane::Front, Lane::Import, Lane::Clean, Lane::Back];

    /// How many jobs of the lane run at a time in one service.
    pub const fn workers(self) -> usize {
        match self {
            // A capture reads and compresses what changed on its own threads; two keep both busy.
            Lane::Front => 3,
            // A slow source keeps a worker waiting, so there are more; each holds an upload's buffers.
            Lane::Import => 4,
            Lane::Clean | Lane::Back => 1,
        }
    }

    /// How many of them one project may have: where there are several, one stays free for the others.
    pub const fn share(self) -> usize {
        match self.workers() {
            1 => 1,
            workers => workers - 1,
        }
    }
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<JobState>)]
pub enum JobState {
    Waiting,
    Running,
    Done,
    Failed,
}

/// A job to take on.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: JobId,
    /// The lane whose workers take it.
    pub lane: Lane,
    /// The work, as JSON.
    pub work: String,
    /// The caller, as JSON.
    pub caller: Option<String>,
    /// The project whose share of the lane it takes; the service's own jobs share one.
    pub project: Option<ProjectId>,
    /// While a job of this name waits or runs, no second is taken on.
    pub once: Option<String>,
    /// Not before.
    pub run_at_ms: i64,
}

/// A job that a worker holds.
#[derive(Clone, Debug)]
pub struct HeldJob {
    pub id: JobId,
    /// The work, as JSON.
    pub work: String,
    /// The caller, as JSON.
    pub caller: Option<String>,
    /// How many attempts have failed. One that the service's end cut short does not count.
    pub failures: i64,
}

/// How a job stands, for somebody who watches the whole service.
#[derive(Clone, Debug)]
pub struct JobStanding {
    pub state: JobState,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    pub updated_ms: i64,
}

/// A job as operators see it.
#[derive(Clone, Debug)]
pub struct JobRow {
    pub id: JobId,
    /// The work, as JSON.
    pub work: String,
    pub state: JobState,
    pub failures: i64,
    /// Percent, while it runs.
    pub progress: Option<i64>,
    pub reason: Option<String>,
}
