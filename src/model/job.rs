//! Work that outlives its request.

use crate::ids::JobId;

/// A job to take on.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Which workers take it.
    pub lane: &'static str,
    /// What to do, as JSON.
    pub work: String,
    /// Who asked, as JSON.
    pub caller: Option<String>,
    /// While a job of this name waits or runs, no second is taken on.
    pub once: Option<String>,
    /// Not before.
    pub run_at_ms: i64,
}

/// A job that a worker holds.
#[derive(Clone, Debug)]
pub struct HeldJob {
    /// Its id.
    pub id: JobId,
    /// What to do, as JSON.
    pub work: String,
    /// Who asked, as JSON.
    pub caller: Option<String>,
    /// How many attempts have failed. One that the service's end cut short does not count.
    pub failures: i64,
}

/// A job as operators see it.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// What to do, as JSON.
    pub work: String,
    /// waiting, running, done, failed.
    pub state: String,
    /// How many attempts have failed.
    pub failures: i64,
    /// Percent, while it runs.
    pub progress: Option<i64>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}
