//! How images come to their bytes: the steps of a save, each by compare-and-set on state and holder.

use sqlx::Row as _;

use super::{
    Database, Write, image_tasks, image_usage,
    images::{self, word},
    now_ms,
};
use crate::{
    error::Result,
    ids::{ImageId, ProjectId},
    model::{
        Step,
        image::{Image, Status},
        job::NewJob,
        save::{Ending, Lease, Saved},
        usage::Limits,
    },
};

impl Database {
    /// queued -> saving (or, to stage them, uploading), held under `lease`, with `reserve_bytes` counted in advance.
    ///
    /// # Errors
    /// `OverQuota` when the project has no room for it.
    pub async fn begin_saving(
        &self,
        id: ImageId,
        to: Status,
        lease: &Lease,
        reserve_bytes: i64,
        limits: Limits,
    ) -> Result<Step> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "update images set status = $6, holder = $2, lease_until_ms = $3, reason = null, progress = null, \
             charged_bytes = charged_bytes + $4, updated_ms = $5, revision = revision + 1 \
             where id = $1 and status = 'queued' returning owner",
        )
        .bind(id.to_string())
        .bind(lease.holder.clone())
        .bind(now_ms() + lease.ms)
        .bind(reserve_bytes)
        .bind(now_ms())
        .bind(to.into_str())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(Step::Lost) };
        let owner = word(&row, 0)?;
        image_usage::charge_upload(&mut write, owner, reserve_bytes, limits).await?;
        if to == Status::Uploading {
            image_usage::check_staged(&mut write, owner, limits).await?;
        }
        write.commit().await?;
        Ok(Step::Done)
    }

    /// Counts more bytes for a save whose size nobody knew.
    pub async fn reserve_more(&self, id: ImageId, holder: &str, bytes: i64, limits: Limits) -> Result<Ending> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "update images set charged_bytes = charged_bytes + $3 where id = $1 and holder = $2 returning owner, status",
        )
        .bind(id.to_string())
        .bind(holder.to_owned())
        .bind(bytes)
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(Ending::Lost) };
        let (owner, status) = (word(&row, 0)?, word(&row, 1)?);
        if status == Status::Deleted {
            return Ok(Ending::Gone);
        }
        image_usage::charge_bytes(&mut write, owner, bytes, limits).await?;
        if matches!(status, Status::Uploading | Status::Importing) {
            image_usage::check_staged(&mut write, owner, limits).await?;
        }
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Shows a sign of life.
    pub async fn renew_lease(&self, id: ImageId, lease: &Lease) -> Result<Ending> {
        let mut write = self.write().await?;
        let row = sqlx::query("update images set lease_until_ms = $3 where id = $1 and holder = $2 returning status")
            .bind(id.to_string())
            .bind(lease.holder.clone())
            .bind(now_ms() + lease.ms)
            .fetch_optional(&mut *write)
            .await?;
        let Some(row) = row else { return Ok(Ending::Lost) };
        write.commit().await?;
        Ok(if word::<Status>(&row, 0)? == Status::Deleted { Ending::Gone } else { Ending::Done })
    }

    /// saving or importing -> active, and the reservation becomes the file's size. An image that was deleted meanwhile goes.
    pub async fn finish_saving(&self, id: ImageId, holder: &str, saved: &Saved) -> Result<Ending> {
        let mut write = self.write().await?;
        let Some(held) = held(&mut write, id, holder).await? else { return Ok(Ending::Lost) };
        if held.status == Status::Deleted {
            image_usage::release_upload(&mut write, held.owner, 0).await?;
            images::remove(&mut write, id).await?;
            write.commit().await?;
            return Ok(Ending::Gone);
        }
        image_usage::release_upload(&mut write, held.owner, held.charged_bytes - saved.charged_bytes()).await?;
        set_saved(&mut write, id, saved).await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Whatever it is held in -> queued with the reason; nothing of the save is counted any more.
    pub async fn fail_saving(&self, id: ImageId, holder: &str, reason: &str) -> Result<Ending> {
        let mut write = self.write().await?;
        let ending = fail(&mut write, id, holder, reason).await?;
        write.commit().await?;
        Ok(ending)
    }

    /// Fails every save whose lease has lapsed before `now_ms`; returns which.
    pub async fn fail_lapsed(&self, now_ms: i64, reason: &str) -> Result<Vec<ImageId>> {
        let mut write = self.write().await?;
        let lapsed = sqlx::query("select id, holder from images where lease_until_ms < $1")
            .bind(now_ms)
            .fetch_all(&mut *write)
            .await?;
        let mut failed = Vec::new();
        for row in &lapsed {
            let (id, holder): (ImageId, String) = (word(row, 0)?, row.try_get(1)?);
            fail(&mut write, id, &holder, reason).await?;
            failed.push(id);
        }
        write.commit().await?;
        Ok(failed)
    }

    /// Whether any save's lease has lapsed; asked before taking the writer's place in the queue.
    pub async fn has_lapsed(&self, now_ms: i64) -> Result<bool> {
        let found = sqlx::query("select 1 from images where lease_until_ms < $1 limit 1")
            .bind(now_ms)
            .fetch_optional(self.reads())
            .await?;
        Ok(found.is_some())
    }

    /// Adds an image that a job will fill, and the job, in one transaction.
    pub async fn insert_snapshot(&self, image: &Image, charged_bytes: i64, limits: Limits, job: &NewJob) -> Result<()> {
        let mut write = self.write().await?;
        images::insert(&mut write, image, charged_bytes, limits).await?;
        super::jobs::insert(&mut write, job).await?;
        write.commit().await?;
        Ok(())
    }

    /// Notes how far the job is that fills an image.
    pub async fn snapshot_progress(&self, id: ImageId, percent: i64) -> Result<Step> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "update images set progress = $2, revision = revision + 1 \
             where id = $1 and status = 'saving' and holder is null",
        )
        .bind(id.to_string())
        .bind(percent)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(if done.rows_affected() == 1 { Step::Done } else { Step::Lost })
    }

    /// saving -> active for an image that a job filled, with the job that computes its checksums.
    ///
    /// # Errors
    /// `OverQuota` when its file turned out larger than was reserved and the project has no room.
    pub async fn finish_snapshot(&self, id: ImageId, saved: &Saved, limits: Limits, then: &NewJob) -> Result<Ending> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "select owner, charged_bytes, status from images \
             where id = $1 and holder is null and (status = 'saving' or status = 'active' and rendering is not null)",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(Ending::Gone) };
        if word::<Status>(&row, 2)? == Status::Active {
            // The job ran again after a crash between this transaction and its own last one.
            return Ok(Ending::Done);
        }
        let more = saved.charged_bytes() - row.try_get::<i64, _>(1)?;
        let limits = if more > 0 { limits } else { Limits { bytes: i64::MAX, ..limits } };
        image_usage::charge_bytes(&mut write, word(&row, 0)?, more, limits).await?;
        set_saved(&mut write, id, saved).await?;
        super::jobs::insert(&mut write, then).await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// saving -> queued with the reason, for an image that a job could not fill.
    pub async fn fail_snapshot(&self, id: ImageId, reason: &str) -> Result<Ending> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "select owner, charged_bytes from images where id = $1 and status = 'saving' and holder is null",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(Ending::Gone) };
        let give_back: i64 = row.try_get(1)?;
        image_usage::charge_bytes(&mut write, word(&row, 0)?, -give_back, Limits::NONE).await?;
        set_failed(&mut write, id, reason).await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Notes the checksums of a file that was rendered, once they are known.
    pub async fn set_checksums(&self, id: ImageId, checksum: &str, os_hash: &str) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "update images set checksum = $2, os_hash = $3, revision = revision + 1 \
             where id = $1 and status in ('active', 'deactivated') and checksum is null",
        )
        .bind(id.to_string())
        .bind(checksum.to_owned())
        .bind(os_hash.to_owned())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }
}

pub(super) struct Held {
    pub(super) owner: ProjectId,
    pub(super) status: Status,
    pub(super) charged_bytes: i64,
}

pub(super) async fn held(write: &mut Write, id: ImageId, holder: &str) -> Result<Option<Held>> {
    let row = sqlx::query("select owner, status, charged_bytes from images where id = $1 and holder = $2")
        .bind(id.to_string())
        .bind(holder.to_owned())
        .fetch_optional(&mut **write)
        .await?;
    row.map(|row| Ok(Held { owner: word(&row, 0)?, status: word(&row, 1)?, charged_bytes: row.try_get(2)? }))
        .transpose()
}

async fn fail(write: &mut Write, id: ImageId, holder: &str, reason: &str) -> Result<Ending> {
    let Some(held) = held(write, id, holder).await? else { return Ok(Ending::Lost) };
    if held.status == Status::Deleted {
        image_usage::release_upload(write, held.owner, 0).await?;
        images::remove(write, id).await?;
        return Ok(Ending::Gone);
    }
    image_usage::release_upload(write, held.owner, held.charged_bytes).await?;
    set_failed(write, id, reason).await?;
    Ok(Ending::Done)
}

pub(super) async fn set_failed(write: &mut Write, id: ImageId, reason: &str) -> Result<()> {
    sqlx::query(
        "update images set status = 'queued', holder = null, lease_until_ms = null, progress = null, \
         charged_bytes = 0, reason = $2, updated_ms = $3, revision = revision + 1, staged_root = null, \
         staged_ms = null, stores = '', failed_import = case when import_task is null then failed_import else importing_to end, \
         importing_to = case when importing_to is null then null else '' end, import_task = null where id = $1",
    )
    .bind(id.to_string())
    .bind(reason.to_owned())
    .bind(now_ms())
    .execute(&mut **write)
    .await?;
    image_tasks::fail_those_of(write, id, reason).await
}

async fn set_saved(write: &mut Write, id: ImageId, saved: &Saved) -> Result<()> {
    // Or a sweep that gave the save up could take its chunks.
    for hold in &saved.holds {
        super::chunks::hold_session(write, hold).await?;
    }
    sqlx::query(
        "update images set status = 'active', holder = null, lease_until_ms = null, progress = null, reason = null, \
         size_bytes = $2, disk_bytes = $3, checksum = $4, os_hash = $5, file_root = $6, disk_root = $7, \
         rendering = $8, stored_bytes = $9, checked_by = $10, updated_ms = $11, charged_bytes = $12, stores = $13, \
         revision = revision + 1, staged_root = null, staged_ms = null, import_task = null, \
         failed_import = case when importing_to is null then null else $14 end, \
         importing_to = case when importing_to is null then null else '' end where id = $1",
    )
    .bind(id.to_string())
    .bind(saved.size_bytes)
    .bind(saved.disk_bytes)
    .bind(saved.checksum.clone())
    .bind(saved.os_hash.clone())
    .bind(saved.file_root.clone())
    .bind(saved.disk_root.clone())
    .bind(saved.rendering)
    .bind(saved.stored_bytes)
    .bind(saved.checked_by)
    .bind(now_ms())
    .bind(saved.charged_bytes())
    .bind(saved.stores())
    .bind(saved.failed_stores.clone())
    .execute(&mut **write)
    .await?;
    image_tasks::succeed_those_of(write, id).await
}
