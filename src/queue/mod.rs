//! The durable queue: a row a job, claimed under a lease, retried until it is done or hopeless.
//!
//! ```text
//!   waiting ── claim ──► running ── end ──► done | failed
//!      ▲                   │
//!      └── retry (later), lease lapsed, service started anew
//! ```
//!
//! A job may run more than once, and at the worst twice at a time when a lease lapses on a stalled service: every
//! body is written so that a second run does no harm.
//!
//! The queue knows what there is to do ([`Work`]) and runs nothing itself: it lies below the rooms that add jobs, and
//! [`crate::jobs`], above them, runs each.

mod work;

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use crate::model::job::{JobStanding, JobState, Lane};
pub use work::{Backup, Source, Work};

use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
    identity::Caller,
    ids::JobId,
    model::job::{HeldJob, NewJob},
};

/// A job without a sign of life for this long is taken over.
const LEASE: Duration = Duration::from_secs(60);
/// How often a running job shows that it lives: several times a lease, so that one slow statement loses nothing.
const RENEWAL: Duration = Duration::from_secs(15);
/// A worker looks at the rows at least this often: another process may have added some, and a retry may be due.
const POLL: Duration = Duration::from_secs(2);
/// After so many failures a job is hopeless. With the waits between them that is about an hour and a half.
const MAX_FAILURES: i64 = 8;

/// A job as the worker that runs it knows it.
#[derive(Clone)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    /// The caller who asked for it; `None` for the service's own housekeeping.
    pub caller: Option<Caller>,
    /// Whether a failure now is the end of it, so that the body can leave things tidy.
    pub is_last_attempt: bool,
    /// Cancelled when the service stops or the job was taken over: leave it as it is and return.
    pub stop: CancellationToken,
    db: Database,
}

impl Job {
    /// Notes how far it is.
    pub async fn progress(&self, percent: i64) -> Result<()> {
        self.db.set_job_progress(self.id, percent.clamp(0, 100)).await
    }
}

/// The last run of a work that the clock adds.
#[derive(Clone, Debug)]
pub struct LastRun {
    pub is_under_way: bool,
    /// The last one that ended, or failed and will be tried again.
    pub ended: Option<JobStanding>,
}

/// The queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    db: Database,
    wake: Arc<Notify>,
}

impl Queue {
    /// The queue in this database.
    pub fn new(db: Database) -> Queue {
        Queue { db, wake: Arc::default() }
    }

    /// Takes on a job.
    pub async fn add(&self, work: Work, caller: Option<&Caller>) -> Result<()> {
        self.db.add_job(&Queue::row(work, caller)?).await?;
        self.wake();
        Ok(())
    }

    /// The row of a job, for a transaction that adds it together with what it is about; then call [`Queue::wake`].
    pub fn row(work: Work, caller: Option<&Caller>) -> Result<NewJob> {
        Ok(NewJob {
            id: JobId::new(),
            lane: work.lane(),
            once: work.once(),
            caller: caller.map(serde_json::to_string).transpose().map_err(Error::internal)?,
            project: caller.and_then(|caller| caller.project.as_ref()).map(|project| project.id),
            work: serde_json::to_string(&work).map_err(Error::internal)?,
            run_at_ms: now_ms(),
        })
    }

    /// Tells the workers that there may be something to do.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Puts back the jobs that ran when the service ended; only for the only service on its database.
    pub async fn recover(&self) -> Result<()> {
        let released = self.db.release_jobs().await?;
        if released > 0 {
            tracing::info!(released, "took up {released} jobs that the last service left unfinished");
        }
        Ok(())
    }

    /// How many jobs of each lane wait, and how many run.
    pub async fn in_hand(&self) -> Result<Vec<(Lane, JobState, i64)>> {
        self.db.jobs_in_hand().await
    }

    /// How a housekeeping work went last, and whether it is under way now. `None` before its first run.
    pub async fn last(&self, work: Work) -> Result<Option<LastRun>> {
        let row = Queue::row(work, None)?;
        let mut standings = self.db.last_jobs(row.lane, &row.work, 2).await?.into_iter().peekable();
        let is_under_way = standings.next_if(|job| job.state == JobState::Running).is_some();
        let ended = standings.next();
        Ok((is_under_way || ended.is_some()).then_some(LastRun { is_under_way, ended }))
    }

    /// Forgets jobs that ended longer ago than `keep`.
    pub async fn forget_ended(&self, keep: Duration) -> Result<()> {
        self.db.forget_jobs(now_ms() - keep.as_millis() as i64).await.map(drop)
    }

    /// Works on one lane until `stop`: claims a job, runs `body`, ends the job or puts it back.
    pub async fn work_on<F, R>(&self, lane: Lane, stop: CancellationToken, body: F)
    where
        F: Fn(Job) -> R,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        while !stop.is_cancelled() {
            // Listens before it looks: a job that is added in between wakes it.
            let woken = self.wake.notified();
            let holder = uuid::Uuid::new_v4().to_string();
            match self.db.claim_job(lane, &holder, LEASE.as_millis() as i64).await {
                Ok(Some(held)) => self.run_one(held, &holder, &stop, &body).await,
                Ok(None) => tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = stop.cancelled() => {}
                },
                Err(error) => {
                    tracing::error!(%error, "cannot claim a job: {error}");
                    tokio::select! { () = tokio::time::sleep(POLL) => {}, () = stop.cancelled() => {} }
                }
            }
        }
    }

    async fn run_one<F, R>(&self, held: HeldJob, holder: &str, stop: &CancellationToken, body: &F)
    where
        F: Fn(Job) -> R,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        let (id, failures) = (held.id, held.failures + 1);
        let stopped = stop.child_token();
        let outcome = match self.open(held, &stopped) {
            Ok(job) => {
                let work = format!("{:?}", job.work);
                tracing::debug!(job.id = %id, work, "job {id} begins: {work}");
                self.run_renewing(tokio::spawn(body(job)), id, holder, &stopped).await
            }
            Err(error) => Err(error),
        };
        let ended = match outcome {
            Ok(()) => self.db.end_job(id, holder, None).await,
            Err(_) if stop.is_cancelled() => self.db.release_job(id, holder).await,
            Err(error) => {
                tracing::warn!(job.id = %id, failures, "job {id} failed: {error}");
                self.end_failed(id, holder, failures, &error).await
            }
        };
        if let Err(error) = ended {
            tracing::warn!(job.id = %id, "cannot note how job {id} ended, so it runs again: {error}");
        }
    }

    fn open(&self, held: HeldJob, stop: &CancellationToken) -> Result<Job> {
        Ok(Job {
            id: held.id,
            work: serde_json::from_str(&held.work).map_err(Error::internal)?,
            caller: held.caller.as_deref().map(serde_json::from_str).transpose().map_err(Error::internal)?,
            is_last_attempt: held.failures + 1 >= MAX_FAILURES,
            stop: stop.clone(),
            db: self.db.clone(),
        })
    }

    /// Runs the body in a task of its own, so that a panic ends the job and not the worker.
    async fn run_renewing(
        &self,
        mut body: JoinHandle<Result<()>>,
        id: JobId,
        holder: &str,
        stop: &CancellationToken,
    ) -> Result<()> {
        loop {
            tokio::select! {
                ended = &mut body => return ended.map_err(Error::internal)?,
                () = tokio::time::sleep(RENEWAL) => {
                    if let Ok(false) = self.db.renew_job(id, holder, LEASE.as_millis() as i64).await {
                        tracing::warn!(job.id = %id, "another service has taken over job {id}");
                        stop.cancel();
                    }
                }
            }
        }
    }

    async fn end_failed(&self, id: JobId, holder: &str, failures: i64, error: &Error) -> Result<()> {
        let may_pass = matches!(error, Error::Unavailable(_) | Error::Internal(_));
        let reason = error.to_string();
        if !may_pass || failures >= MAX_FAILURES {
            return self.db.end_job(id, holder, Some(&reason)).await;
        }
        self.db.retry_job(id, holder, now_ms() + wait_ms(failures), &reason).await
    }
}

/// How long a job that has failed so often waits: 5 s, 10 s, 20 s and so on, half an hour at most.
fn wait_ms(failures: i64) -> i64 {
    (5_000_i64 << failures.clamp(1, 20).saturating_sub(1)).min(1_800_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::ImageId, model::job::JobState};

    async fn queue(folder: &tempfile::TempDir) -> Queue {
        Queue::new(Database::sqlite(&folder.path().join("rows.db")).await.unwrap())
    }

    #[tokio::test]
    async fn a_job_runs_once_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let image = ImageId::new();
        queue.add(Work::Checksum { image }, None).await.unwrap();
        queue.add(Work::Checksum { image }, None).await.unwrap();
        let stop = CancellationToken::new();
        let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (worker, stopped) = (queue.clone(), stop.clone());
        let worker = tokio::spawn(async move {
            let body = move |job: Job| {
                let sent = sent.clone();
                async move {
                    sent.send(job.work.clone()).map_err(Error::internal)?;
                    Ok(())
                }
            };
            worker.work_on(Lane::Back, stopped, body).await;
        });
        assert_eq!(seen.recv().await, Some(Work::Checksum { image }));
        queue.add(Work::Sweep, None).await.unwrap();
        assert_eq!(seen.recv().await, Some(Work::Sweep), "a second job of the same name was taken on");
        stop.cancel();
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn a_job_that_the_services_end_cut_short_runs_again() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        queue.add(Work::Sweep, None).await.unwrap();
        let lease = LEASE.as_millis() as i64;
        let held = queue.db.claim_job(Lane::Back, "the service that died", lease).await.unwrap().unwrap();
        assert!(queue.db.claim_job(Lane::Back, "another", lease).await.unwrap().is_none(), "held twice");
        queue.recover().await.unwrap();
        let again = queue.db.claim_job(Lane::Back, "another", lease).await.unwrap().unwrap();
        assert_eq!((again.id, again.failures), (held.id, 0));
    }

    #[tokio::test]
    async fn a_failed_job_waits_and_a_hopeless_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let lease = LEASE.as_millis() as i64;
        queue.add(Work::Scrub, None).await.unwrap();
        let held = queue.db.claim_job(Lane::Back, "me", lease).await.unwrap().unwrap();
        queue.end_failed(held.id, "me", 1, &Error::Unavailable("later".into())).await.unwrap();
        let row = queue.db.job(held.id).await.unwrap().unwrap();
        assert_eq!((row.state, row.failures, row.reason.as_deref()), (JobState::Waiting, 1, Some("later")));
        assert!(queue.db.claim_job(Lane::Back, "me", lease).await.unwrap().is_none(), "it does not wait");
        queue.add(Work::Sweep, None).await.unwrap();
        let held = queue.db.claim_job(Lane::Back, "me", lease).await.unwrap().unwrap();
        queue.end_failed(held.id, "me", 1, &Error::Gone("deleted".into())).await.unwrap();
        assert_eq!(queue.db.job(held.id).await.unwrap().unwrap().state, JobState::Failed);
    }
}
