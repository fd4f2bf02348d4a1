//! The rows of what was found inside disks and stated of images.

use sqlx::Row as _;

use super::{Database, columns::from_row, now_ms, statement::sql};
use crate::{
    error::Result,
    ids::ImageId,
    model::{
        job::JobState,
        verification::{Outcome, VerificationRow},
    },
};

impl Database {
    /// The report about this disk by these rules.
    pub async fn disk_report(&self, root: &str, rules: i64) -> Result<Option<String>> {
        let report = sql!("select report from disk_reports where root = $1 and rules = $2", root, rules);
        Ok(report.row::<(String,)>(self).await?.map(|(report,)| report))
    }

    /// Keeps what was found on a disk.
    pub async fn keep_disk_report(&self, root: &str, rules: i64, report: &str) -> Result<()> {
        let text = "insert into disk_reports (root, rules, report, made_ms) values ($1, $2, $3, $4) \
             on conflict (root) do update set rules = $2, report = $3, made_ms = $4";
        sql!(text, root, rules, report, now_ms()).commit(self).await.map(drop)
    }

    /// Forgets what was found on disks that no image has any more.
    pub async fn forget_disk_reports(&self) -> Result<()> {
        let mut write = self.write().await?;
        let unused = "delete from disk_reports where not exists \
                      (select 1 from images i where i.disk_root = disk_reports.root)";
        sql!(unused).run(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// The statement about an image.
    pub async fn verification(&self, image: ImageId) -> Result<Option<VerificationRow>> {
        sql!("select disk_root, rules, statement from verifications where image_id = $1", image).row(self).await
    }

    /// Keeps what was stated of an image that still has this disk, and beside its record, where lists read it, the
    /// outcome; false when it has not, or is gone.
    pub async fn keep_verification(&self, image: ImageId, row: &VerificationRow, outcome: Outcome) -> Result<bool> {
        let mut write = self.write().await?;
        let text = "insert into verifications (image_id, disk_root, rules, statement, made_ms) \
             select i.id, $2, $3, $4, $5 from images i where i.id = $1 and i.disk_root = $2 and i.status <> 'deleted' \
             on conflict (image_id) do update set disk_root = $2, rules = $3, statement = $4, made_ms = $5";
        let done = sql!(text, image, &row.disk_root, &row.rules, &row.statement, now_ms()).run(&mut write).await?;
        // No change that anybody made: neither a new revision nor a new time.
        sqlx::query("update images set verdict = $3, seen = $4, problems = $5 where id = $1 and disk_root = $2")
            .bind(image)
            .bind(row.disk_root.clone())
            .bind(outcome.verdict)
            .bind(outcome.seen)
            .bind(outcome.problems)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done == 1)
    }

    /// Images with bytes of which nothing is stated by these rules, the oldest first.
    pub async fn unverified_images(&self, rules: &str, limit: u32) -> Result<Vec<ImageId>> {
        let text = "select i.id from images i left join verifications v on v.image_id = i.id and v.disk_root = i.disk_root \
             and v.rules = $1 where i.disk_root is not null and i.status in ('active', 'deactivated') \
             and v.image_id is null order by i.created_ms, i.id limit $2";
        sql!(text, rules, i64::from(limit)).column(self).await
    }

    /// Forgets the verdicts that are not by these rules.
    pub async fn forget_verdicts(&self, rules: &str) -> Result<()> {
        let mut write = self.write().await?;
        let old = "update images set verdict = null, seen = null, problems = null where verdict is not null and not exists \
                   (select 1 from verifications v where v.image_id = images.id and v.rules = $1)";
        sql!(old, rules).run(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Images that are declared public, those that are shared and held back, and where that `can_be_held`, all that are
    /// shared.
    pub async fn offered_images(&self, can_be_held: bool) -> Result<Vec<ImageId>> {
        let text = "select id from images where status <> 'deleted' and (visibility = 'public' \
             or visibility in ('shared', 'community') and (public_hold is not null or 1 = $1))";
        sql!(text, i64::from(can_be_held)).column(self).await
    }

    /// The version of the rules that an uploaded file was judged by last.
    pub async fn checked_by(&self, image: ImageId) -> Result<Option<i64>> {
        let row =
            sqlx::query("select checked_by from images where id = $1").bind(image).fetch_optional(self.reads()).await?;
        row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
    }

    /// Notes by which rules an uploaded file was judged.
    pub async fn set_checked_by(&self, image: ImageId, version: i64) -> Result<()> {
        sql!("update images set checked_by = $2 where id = $1", image, version).commit(self).await.map(drop)
    }

    /// Where the job of this name is: its state and its percent.
    pub async fn job_named(&self, once: &str) -> Result<Option<(JobState, Option<i64>)>> {
        sql!("select state, progress from jobs where once = $1", once).row(self).await
    }
}

from_row!(VerificationRow { disk_root, rules, statement });
