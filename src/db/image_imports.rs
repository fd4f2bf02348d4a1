//! Imports: how bytes are staged, and how a job makes an image of staged or fetched ones.

use sqlx::Row as _;

use super::{
    Database,
    image_saves::{held, set_failed},
    image_tasks, image_usage,
    images::{self, word},
    now_ms,
};
use crate::{
    error::Result,
    ids::ImageId,
    model::{
        Step,
        image::{Image, Status},
        job::NewJob,
        save::{Ending, Lease, Staged},
        task::ImageTask,
        usage::Limits,
    },
};

impl Database {
    /// The staging has ended: the image stays in uploading, held by nobody, with the bytes that wait.
    pub async fn finish_staging(&self, id: ImageId, holder: &str, staged: &Staged) -> Result<Ending> {
        let mut write = self.write().await?;
        let Some(held) = held(&mut write, id, holder).await? else { return Ok(Ending::Lost) };
        if held.status == Status::Deleted {
            image_usage::release_upload(&mut write, held.owner, 0).await?;
            images::remove(&mut write, id).await?;
            write.commit().await?;
            return Ok(Ending::Gone);
        }
        image_usage::release_upload(&mut write, held.owner, held.charged_bytes - staged.size_bytes).await?;
        super::chunks::hold_session(&mut write, &staged.hold).await?;
        sqlx::query(
            "update images set staged_root = $2, staged_ms = $3, charged_bytes = $4, stores = $5, holder = null, \
             lease_until_ms = null, updated_ms = $3, revision = revision + 1 where id = $1",
        )
        .bind(id.to_string())
        .bind(staged.root.clone())
        .bind(now_ms())
        .bind(staged.size_bytes)
        .bind(staged.hold.store.clone())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// `from` -> importing, with the task that clients watch and the job that does it, in one transaction. From
    /// uploading only what is staged already.
    pub async fn begin_import(&self, from: Status, stores: &str, task: &ImageTask, job: &NewJob) -> Result<Step> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "update images set status = 'importing', import_task = $3, importing_to = $4, failed_import = '', \
             reason = null, progress = 0, updated_ms = $5, revision = revision + 1 \
             where id = $1 and status = $2 and holder is null \
             and (status <> 'uploading' or staged_root is not null)",
        )
        .bind(task.image.to_string())
        .bind(from.into_str())
        .bind(task.id.to_string())
        .bind(stores.to_owned())
        .bind(now_ms())
        .execute(&mut *write)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(Step::Lost);
        }
        image_tasks::insert(&mut write, task).await?;
        super::jobs::insert(&mut write, job).await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// Makes an image's record together with the task and the job that import it.
    pub async fn insert_import(&self, image: &Image, limits: Limits, task: &ImageTask, job: &NewJob) -> Result<()> {
        let mut write = self.write().await?;
        images::insert(&mut write, image, 0, limits).await?;
        image_tasks::insert(&mut write, task).await?;
        super::jobs::insert(&mut write, job).await?;
        let text = "update images set import_task = $2, importing_to = $3, failed_import = '' where id = $1";
        let statement = sqlx::query(text).bind(image.id.to_string()).bind(task.id.to_string());
        statement.bind(image.importing_to.clone()).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Notes an import that had nothing to do: the image is in every store already.
    pub async fn note_import(&self, id: ImageId, task: &ImageTask) -> Result<()> {
        let mut write = self.write().await?;
        image_tasks::insert(&mut write, task).await?;
        let text = "update images set importing_to = '', failed_import = '' where id = $1";
        sqlx::query(text).bind(id.to_string()).execute(&mut *write).await?;
        write.commit().await?;
        Ok(())
    }

    /// A job begins to import: the image is held under `lease`, and counts as an upload.
    ///
    /// # Errors
    /// `OverQuota` when the project has no room for `reserve_bytes` more.
    pub async fn hold_import(
        &self,
        id: ImageId,
        task: &str,
        lease: &Lease,
        reserve_bytes: i64,
        limits: Limits,
    ) -> Result<Step> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "update images set holder = $3, lease_until_ms = $4, charged_bytes = charged_bytes + $5 \
             where id = $1 and status = 'importing' and import_task = $2 and holder is null returning owner",
        )
        .bind(id.to_string())
        .bind(task.to_owned())
        .bind(lease.holder.clone())
        .bind(now_ms() + lease.ms)
        .bind(reserve_bytes)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(Step::Lost) };
        let owner = word(&row, 0)?;
        image_usage::charge_upload(&mut write, owner, reserve_bytes, limits).await?;
        image_usage::check_staged(&mut write, owner, limits).await?;
        image_tasks::note_those_of(&mut write, id, "").await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// The service ends: the image is let go as it was before, for the job's next run. What is staged is kept.
    pub async fn release_import(&self, id: ImageId, holder: &str, staged_bytes: i64) -> Result<Ending> {
        let mut write = self.write().await?;
        let Some(held) = held(&mut write, id, holder).await? else { return Ok(Ending::Lost) };
        if held.status == Status::Deleted {
            image_usage::release_upload(&mut write, held.owner, 0).await?;
            images::remove(&mut write, id).await?;
            write.commit().await?;
            return Ok(Ending::Gone);
        }
        image_usage::release_upload(&mut write, held.owner, held.charged_bytes - staged_bytes).await?;
        let text = "update images set holder = null, lease_until_ms = null, charged_bytes = $2 where id = $1";
        sqlx::query(text).bind(id.to_string()).bind(staged_bytes).execute(&mut *write).await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Notes how far an import is, on the image and on its task.
    pub async fn import_progress(&self, id: ImageId, holder: &str, percent: Option<i64>, message: &str) -> Result<()> {
        let mut write = self.write().await?;
        let done = sqlx::query("update images set progress = $3 where id = $1 and holder = $2")
            .bind(id.to_string())
            .bind(holder.to_owned())
            .bind(percent)
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 1 {
            image_tasks::note_those_of(&mut write, id, message).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// importing -> queued with the reason, for an import that no job holds: it could not even begin.
    pub async fn fail_import(&self, id: ImageId, task: &str, reason: &str) -> Result<()> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "select owner, charged_bytes from images \
             where id = $1 and import_task = $2 and status = 'importing' and holder is null",
        )
        .bind(id.to_string())
        .bind(task.to_owned())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(row) = row {
            let give_back: i64 = row.try_get(1)?;
            image_usage::charge_bytes(&mut write, word(&row, 0)?, -give_back, Limits::NONE).await?;
            set_failed(&mut write, id, reason).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Gives up what was staged before `before_ms` and never imported; returns which.
    pub async fn fail_stale_staging(&self, before_ms: i64, reason: &str) -> Result<Vec<ImageId>> {
        let stale = "select id, owner, charged_bytes from images \
                     where status = 'uploading' and holder is null and staged_ms < $1";
        // Asked first without the writer's place in the queue: there hardly ever is any.
        if sqlx::query(stale).bind(before_ms).fetch_all(self.reads()).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.write().await?;
        let mut failed = Vec::new();
        for row in sqlx::query(stale).bind(before_ms).fetch_all(&mut *write).await? {
            let give_back: i64 = row.try_get(2)?;
            image_usage::charge_bytes(&mut write, word(&row, 1)?, -give_back, Limits::NONE).await?;
            set_failed(&mut write, word(&row, 0)?, reason).await?;
            failed.push(word(&row, 0)?);
        }
        write.commit().await?;
        Ok(failed)
    }
}
