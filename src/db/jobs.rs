//! The rows of jobs: work that outlives its request.

use sqlx::{FromRow as _, Row as _};

use super::{Database, Write, columns::from_row, now_ms, statement::sql};
use crate::{
    error::Result,
    ids::JobId,
    model::job::{HeldJob, JobRow, JobStanding, JobState, Lane, NewJob},
};

impl Database {
    /// Takes on a job; nothing happens while one of the same `once` name waits or runs.
    pub async fn add_job(&self, job: &NewJob) -> Result<()> {
        let mut write = self.write().await?;
        insert(&mut write, job).await?;
        write.commit().await?;
        Ok(())
    }

    /// The next job of the lane whose turn it is, now held by `holder`; also one whose holder has lapsed. The projects
    /// take turns: the one with the fewest running jobs is first, and one that has its share of the lane waits. Two
    /// workers that claim at the same moment may exceed a share by one.
    pub async fn claim_job(&self, lane: Lane, holder: &str, lease_ms: i64) -> Result<Option<HeldJob>> {
        let now = now_ms();
        let due = "with held as (select coalesce(project_id, '') as project, count(*) as jobs from jobs \
                     where lane = $1 and state = 'running' and lease_until_ms >= $2 group by coalesce(project_id, '')) \
                   select j.id from jobs j left join held h on h.project = coalesce(j.project_id, '') \
                   where j.lane = $1 and (j.state = 'waiting' and j.run_at_ms <= $2 \
                     or j.state = 'running' and j.lease_until_ms < $2) and coalesce(h.jobs, 0) < $3 \
                   order by coalesce(h.jobs, 0), j.run_at_ms limit 1";
        let found =
            sqlx::query(due).bind(lane).bind(now).bind(lane.share() as i64).fetch_optional(self.reads()).await?;
        let Some(found) = found else { return Ok(None) };
        let mut write = self.write().await?;
        let row = sqlx::query(
            "update jobs set state = 'running', holder = $2, lease_until_ms = $3, \
             updated_ms = $4 where id = $1 and (state = 'waiting' or state = 'running' and lease_until_ms < $4) \
             returning id, work, caller, failures",
        )
        .bind(found.try_get::<String, _>(0)?)
        .bind(holder.to_owned())
        .bind(now + lease_ms)
        .bind(now)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        Ok(row.as_ref().map(HeldJob::from_row).transpose()?)
    }

    /// Shows a sign of life; false when another has taken the job.
    pub async fn renew_job(&self, id: JobId, holder: &str, lease_ms: i64) -> Result<bool> {
        let text = "update jobs set lease_until_ms = $3 where id = $1 and holder = $2 and state = 'running'";
        sql!(text, id, holder, now_ms() + lease_ms).commit(self).await.map(|rows| rows == 1)
    }

    /// Notes how far the job is.
    pub async fn set_job_progress(&self, id: JobId, percent: i64) -> Result<()> {
        let text = "update jobs set progress = $2, updated_ms = $3 where id = $1";
        sql!(text, id, percent, now_ms()).commit(self).await.map(drop)
    }

    /// Ends a job, well or (with a reason) not.
    pub async fn end_job(&self, id: JobId, holder: &str, failure: Option<&str>) -> Result<()> {
        sql!(
            "update jobs set state = $3, reason = $4, once = null, holder = null, lease_until_ms = null, \
             updated_ms = $5 where id = $1 and holder = $2",
            id,
            holder,
            if failure.is_some() { JobState::Failed } else { JobState::Done },
            failure.map(str::to_owned),
            now_ms()
        )
        .commit(self)
        .await
        .map(drop)
    }

    /// Puts a job back for another attempt.
    pub async fn retry_job(&self, id: JobId, holder: &str, run_at_ms: i64, reason: &str) -> Result<()> {
        let text = "update jobs set state = 'waiting', failures = failures + 1, run_at_ms = $3, reason = $4, \
             holder = null, lease_until_ms = null, updated_ms = $5 where id = $1 and holder = $2";
        sql!(text, id, holder, run_at_ms, reason, now_ms()).commit(self).await.map(drop)
    }

    /// Puts back a job that was left unfinished without having failed.
    pub async fn release_job(&self, id: JobId, holder: &str) -> Result<()> {
        let text =
            "update jobs set state = 'waiting', holder = null, lease_until_ms = null where id = $1 and holder = $2";
        sql!(text, id, holder).commit(self).await.map(drop)
    }

    /// Puts every running job back, when it is known that nobody runs them: at the start of the only service.
    pub async fn release_jobs(&self) -> Result<u64> {
        let text = "update jobs set state = 'waiting', holder = null, lease_until_ms = null where state = 'running'";
        sql!(text).commit(self).await
    }

    /// Forgets jobs that ended before `before_ms`.
    pub async fn forget_jobs(&self, before_ms: i64) -> Result<u64> {
        sql!("delete from jobs where state in ('done', 'failed') and updated_ms < $1", before_ms).commit(self).await
    }

    /// How many jobs of each lane wait, and how many run.
    pub async fn jobs_in_hand(&self) -> Result<Vec<(Lane, JobState, i64)>> {
        let text = "select lane, state, count(*) from jobs where state in ('waiting', 'running') group by lane, state";
        sql!(text).rows(self).await
    }

    /// The jobs of a work that have begun, the newest first; this many.
    pub async fn last_jobs(&self, lane: Lane, work: &str, limit: u32) -> Result<Vec<JobStanding>> {
        let text = "select state, reason, updated_ms from jobs where lane = $1 and work = $2 \
             and (state <> 'waiting' or failures > 0) order by updated_ms desc limit $3";
        sql!(text, lane, work, i64::from(limit)).rows(self).await
    }

    /// A job.
    pub async fn job(&self, id: JobId) -> Result<Option<JobRow>> {
        sql!("select id, work, state, failures, progress, reason from jobs where id = $1", id).row(self).await
    }
}

from_row!(HeldJob { id, work, caller, failures });
from_row!(JobStanding { state, reason, updated_ms });
from_row!(JobRow { id, work, state, failures, progress, reason });

/// Takes on a job as part of a larger transaction.
pub(super) async fn insert(write: &mut Write, job: &NewJob) -> Result<()> {
    sql!(
        "insert into jobs (id, lane, work, caller, once, project_id, state, failures, run_at_ms, created_ms, \
         updated_ms) values ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, $8, $8) on conflict do nothing",
        job.id,
        job.lane,
        &job.work,
        &job.caller,
        &job.once,
        job.project.map(|project| project.to_string()),
        job.run_at_ms,
        now_ms()
    )
    .run(write)
    .await
    .map(drop)
}
