//! Work that outlives its request.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::JobId;

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

/// A job to take on.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// The lane whose workers take it.
    pub lane: Lane,
    /// The work, as JSON.
    pub work: String,
    /// The caller, as JSON.
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
    /// The work, as JSON.
    pub work: String,
    /// The caller, as JSON.
    pub caller: Option<String>,
    /// How many attempts have failed. One that the service's end cut short does not count.
    pub failures: i64,
}

/// A job as operators see it.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// The work, as JSON.
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
