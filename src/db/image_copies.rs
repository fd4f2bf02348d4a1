//! Images in several stores: how a copy comes to a further one, and how one goes.
//!
//! A project is charged an image's file once for each store that has it or is to have it. So the lists of the row say
//! what it is charged, and every change of them settles it.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, Write, chunks::hold_session, image_tasks, image_usage, images::word, now_ms};
use crate::{
    error::Result,
    ids::{ImageId, ProjectId},
    model::{Step, image::store_names, job::NewJob, save::Hold, task::ImageTask, usage::Limits},
};

/// The lists of an image's row, and what it is charged for them.
struct Copies {
    owner: ProjectId,
    size_bytes: i64,
    charged_bytes: i64,
    stores: Vec<String>,
    importing_to: Vec<String>,
    failed: Vec<String>,
}

/// Reads the row that a statement changed, which holds it to the end of the transaction.
const LISTS: &str = "returning owner, coalesce(size_bytes, 0), charged_bytes, stores, coalesce(importing_to, ''), \
                     coalesce(failed_import, '')";

impl Database {
    /// An active image is to be copied to these stores, with the task that clients watch and the job that does it.
    ///
    /// # Errors
    /// `OverQuota` when its project has no room for so many more files.
    pub async fn begin_copies(
        &self,
        stores: &[String],
        limits: Limits,
        task: &ImageTask,
        job: &NewJob,
    ) -> Result<Step> {
        let mut write = self.write().await?;
        let text = format!(
            "update images set import_task = $2, importing_to = '', failed_import = '', revision = revision + 1 \
             where id = $1 and status = 'active' and import_task is null {LISTS}"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(text)).bind(task.image.to_string()).bind(task.id.to_string());
        let Some(row) = statement.fetch_optional(&mut *write).await? else { return Ok(Step::Lost) };
        let mut copies = Copies::of(&row)?;
        copies.importing_to = stores.to_vec();
        copies.settle(&mut write, task.image, limits).await?;
        image_tasks::insert(&mut write, task).await?;
        super::jobs::insert(&mut write, job).await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// A further store has the image.
    pub async fn add_copy(&self, id: ImageId, task: &str, hold: &Hold) -> Result<Step> {
        self.change_copies(id, task, Some(hold), |copies| {
            copies.importing_to.retain(|store| *store != hold.store);
            copies.stores.push(hold.store.clone());
        })
        .await
    }

    /// A store could not take the image.
    pub async fn fail_copy(&self, id: ImageId, task: &str, store: &str) -> Result<Step> {
        self.change_copies(id, task, None, |copies| {
            copies.importing_to.retain(|other| other != store);
            copies.failed.push(store.to_owned());
        })
        .await
    }

    /// None of these stores is to have the image, as one could not take it.
    pub async fn undo_copies(&self, id: ImageId, task: &str, stores: &[String]) -> Result<Step> {
        self.change_copies(id, task, None, |copies| {
            copies.stores.retain(|store| !stores.contains(store));
            copies.importing_to.clear();
            copies.failed = stores.to_vec();
        })
        .await
    }

    async fn change_copies(
        &self,
        id: ImageId,
        task: &str,
        hold: Option<&Hold>,
        change: impl FnOnce(&mut Copies),
    ) -> Result<Step> {
        let mut write = self.write().await?;
        let text = format!(
            "update images set revision = revision + 1 \
             where id = $1 and import_task = $2 and status in ('active', 'deactivated') {LISTS}"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string()).bind(task.to_owned());
        let Some(row) = statement.fetch_optional(&mut *write).await? else { return Ok(Step::Lost) };
        if let Some(hold) = hold {
            // Or a sweep that gave the copy up could take its chunks.
            hold_session(&mut write, hold).await?;
        }
        let mut copies = Copies::of(&row)?;
        change(&mut copies);
        copies.settle(&mut write, id, Limits::NONE).await?;
        image_tasks::note_those_of(&mut write, id, "").await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// The copying has ended, and its task with it.
    pub async fn end_copies(&self, id: ImageId, task: &str, failure: Option<&str>) -> Result<()> {
        let mut write = self.write().await?;
        let text = "update images set import_task = null, revision = revision + 1 where id = $1 and import_task = $2";
        let ended = sqlx::query(text).bind(id.to_string()).bind(task.to_owned()).execute(&mut *write).await?;
        if ended.rows_affected() == 1 {
            match failure {
                Some(reason) => image_tasks::fail_those_of(&mut write, id, reason).await?,
                None => image_tasks::succeed_those_of(&mut write, id).await?,
            }
        }
        write.commit().await?;
        Ok(())
    }

    /// Takes an active image's bytes out of one of its stores, unless it has changed since it was read.
    pub async fn drop_copy(&self, id: ImageId, revision: i64, store: &str) -> Result<Step> {
        let mut write = self.write().await?;
        let text = format!(
            "update images set revision = revision + 1, updated_ms = $3 \
             where id = $1 and revision = $2 and status = 'active' {LISTS}"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string()).bind(revision).bind(now_ms());
        let Some(row) = statement.fetch_optional(&mut *write).await? else { return Ok(Step::Lost) };
        let mut copies = Copies::of(&row)?;
        copies.stores.retain(|other| other != store);
        copies.settle(&mut write, id, Limits::NONE).await?;
        write.commit().await?;
        Ok(Step::Done)
    }
}

impl Copies {
    fn of(row: &AnyRow) -> Result<Copies> {
        let list = |column| -> Result<Vec<String>> {
            let list: String = row.try_get(column)?;
            Ok(store_names(&list).map(str::to_owned).collect())
        };
        Ok(Copies {
            owner: word(row, 0)?,
            size_bytes: row.try_get(1)?,
            charged_bytes: row.try_get(2)?,
            stores: list(3)?,
            importing_to: list(4)?,
            failed: list(5)?,
        })
    }

    /// Writes the lists and charges the project what they come to.
    async fn settle(&mut self, write: &mut Write, id: ImageId, limits: Limits) -> Result<()> {
        self.stores.sort_unstable();
        let charged_bytes = self.size_bytes * (self.stores.len() + self.importing_to.len()) as i64;
        image_usage::charge_bytes(write, self.owner, charged_bytes - self.charged_bytes, limits).await?;
        // Who never imported sees nothing of imports.
        let text = "update images set stores = $2, charged_bytes = $5, \
                    importing_to = case when importing_to is null then null else $3 end, \
                    failed_import = case when failed_import is null then null else $4 end where id = $1";
        sqlx::query(text)
            .bind(id.to_string())
            .bind(self.stores.join(","))
            .bind(self.importing_to.join(","))
            .bind(self.failed.join(","))
            .bind(charged_bytes)
            .execute(&mut **write)
            .await?;
        Ok(())
    }
}
