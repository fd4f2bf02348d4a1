//! The rows of what was found inside disks and stated of images.

use sqlx::Row as _;

use super::{Database, now_ms};
use crate::{
    error::Result,
    ids::ImageId,
    model::{
        job::JobState,
        verification::{Verdict, VerificationRow},
    },
};

impl Database {
    /// The report about this disk by these rules.
    pub async fn disk_report(&self, root: &str, rules: i64) -> Result<Option<String>> {
        let row = sqlx::query("select report from disk_reports where root = $1 and rules = $2")
            .bind(root.to_owned())
            .bind(rules)
            .fetch_optional(self.reads())
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Keeps what was found on a disk.
    pub async fn keep_disk_report(&self, root: &str, rules: i64, report: &str) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "insert into disk_reports (root, rules, report, made_ms) values ($1, $2, $3, $4) \
             on conflict (root) do update set rules = $2, report = $3, made_ms = $4",
        )
        .bind(root.to_owned())
        .bind(rules)
        .bind(report.to_owned())
        .bind(now_ms())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Forgets what was found on disks that no image has any more.
    pub async fn forget_disk_reports(&self) -> Result<()> {
        let mut write = self.write().await?;
        let unused = "delete from disk_reports where not exists \
                      (select 1 from images i where i.disk_root = disk_reports.root)";
        sqlx::query(unused).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    /// The statement about an image.
    pub async fn verification(&self, image: ImageId) -> Result<Option<VerificationRow>> {
        let row = sqlx::query("select disk_root, rules, statement from verifications where image_id = $1")
            .bind(image)
            .fetch_optional(self.reads())
            .await?;
        row.map(|row| {
            Ok(VerificationRow { disk_root: row.try_get(0)?, rules: row.try_get(1)?, statement: row.try_get(2)? })
        })
        .transpose()
    }

    /// Keeps what was stated of an image that still has this disk, and beside its record, where lists read it, the
    /// verdict; false when it has not, or is gone.
    pub async fn keep_verification(&self, image: ImageId, row: &VerificationRow, verdict: Verdict) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "insert into verifications (image_id, disk_root, rules, statement, made_ms) \
             select i.id, $2, $3, $4, $5 from images i where i.id = $1 and i.disk_root = $2 and i.status <> 'deleted' \
             on conflict (image_id) do update set disk_root = $2, rules = $3, statement = $4, made_ms = $5",
        )
        .bind(image)
        .bind(row.disk_root.clone())
        .bind(row.rules.clone())
        .bind(row.statement.clone())
        .bind(now_ms())
        .execute(&mut *write)
        .await?;
        // No change that anybody made: neither a new revision nor a new time.
        sqlx::query("update images set verdict = $3 where id = $1 and disk_root = $2")
            .bind(image)
            .bind(row.disk_root.clone())
            .bind(verdict)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Images with bytes of which nothing is stated by these rules, the oldest first.
    pub async fn unverified_images(&self, rules: &str, limit: u32) -> Result<Vec<ImageId>> {
        let rows = sqlx::query(
            "select i.id from images i left join verifications v on v.image_id = i.id and v.disk_root = i.disk_root \
             and v.rules = $1 where i.disk_root is not null and i.status in ('active', 'deactivated') \
             and v.image_id is null order by i.created_ms, i.id limit $2",
        )
        .bind(rules.to_owned())
        .bind(i64::from(limit))
        .fetch_all(self.reads())
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Forgets the verdicts that are not by these rules.
    pub async fn forget_verdicts(&self, rules: &str) -> Result<()> {
        let mut write = self.write().await?;
        let old = "update images set verdict = null where verdict is not null and not exists \
                   (select 1 from verifications v where v.image_id = images.id and v.rules = $1)";
        sqlx::query(old).bind(rules.to_owned()).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Images that are declared public, those that are shared and held back, and where that `can_be_held`, all that are
    /// shared.
    pub async fn offered_images(&self, can_be_held: bool) -> Result<Vec<ImageId>> {
        let rows = sqlx::query(
            "select id from images where status <> 'deleted' and (visibility = 'public' \
             or visibility in ('shared', 'community') and (public_hold is not null or 1 = $1))",
        )
        .bind(i64::from(can_be_held))
        .fetch_all(self.reads())
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The version of the rules that an uploaded file was judged by last.
    pub async fn checked_by(&self, image: ImageId) -> Result<Option<i64>> {
        let row =
            sqlx::query("select checked_by from images where id = $1").bind(image).fetch_optional(self.reads()).await?;
        row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
    }

    /// Notes by which rules an uploaded file was judged.
    pub async fn set_checked_by(&self, image: ImageId, version: i64) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("update images set checked_by = $2 where id = $1")
            .bind(image)
            .bind(version)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Where the job of this name is: its state and its percent.
    pub async fn job_named(&self, once: &str) -> Result<Option<(JobState, Option<i64>)>> {
        let row = sqlx::query("select state, progress from jobs where once = $1")
            .bind(once.to_owned())
            .fetch_optional(self.reads())
            .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }
}
