//! Images in several stores: how a copy comes to a further one, and how one goes.
//!
//! A project is charged an image's file once for each store that has it or is to have it. So the lists of the row say
//! what it is charged, and every change of them settles it.

use sqlx::{Row as _, any::AnyRow};

use super::{
    Database, Write,
    chunks::hold_session,
    fills::lock_own,
    image_tasks,
    image_usage::{self, Change},
    now_ms,
    roots::HELD,
    statement::sql,
};
use crate::{
    error::Result,
    ids::{ImageId, ProjectId},
    model::{
        Step,
        fill::{CopyStep, Ending},
        image::{Status, StoreNames},
        task::ImageTask,
        usage::Limits,
    },
};

/// The lists of an image's row, and what it is charged for them.
#[derive(Clone)]
pub(super) struct Copies {
    pub(super) owner: ProjectId,
    pub(super) charged_bytes: i64,
    /// The charge for each of its stores.
    charged_each: i64,
    stores: StoreNames,
    importing_to: StoreNames,
    failed: StoreNames,
}

/// Reads the row that a statement changed, which locks it to the end of the transaction.
const LISTS: &str = "returning owner, charged_bytes, stores, coalesce(importing_to, ''), \
                     coalesce(failed_import, ''), status";

impl Database {
    /// Takes one step of a copy that `holder` is at work on.
    pub async fn change_copies(&self, id: ImageId, holder: &str, step: CopyStep<'_>) -> Result<Ending> {
        let mut write = self.write().await?;
        let held = match lock_own(&mut write, id, holder).await? {
            Ok(held) => held,
            Err(ending) => return Ok(ending),
        };
        let mut copies = held.copies;
        match step {
            CopyStep::Taken(hold) => {
                // Or a sweep that gave the copy up could take its chunks.
                hold_session(&mut write, hold).await?;
                copies.importing_to.0.retain(|store| *store != hold.store);
                copies.stores.0.push(hold.store.clone());
            }
            CopyStep::Failed(store) => {
                copies.importing_to.0.retain(|other| other != store);
                copies.failed.0.push(store.to_owned());
            }
            CopyStep::Undone(stores) => {
                copies.stores.0.retain(|store| !stores.contains(store));
                copies.importing_to.0.clear();
                copies.failed = StoreNames(stores.to_vec());
            }
        }
        copies.settle(&mut write, id, Limits::NONE).await?;
        image_tasks::note_those_of(&mut write, id, "").await?;
        write.commit().await?;
        Ok(Ending::Done)
    }

    /// Takes an image's bytes out of one of its stores, unless it has changed since it was read.
    pub async fn drop_copy(&self, id: ImageId, revision: i64, store: &str) -> Result<Step> {
        let mut write = self.write().await?;
        let text = format!(
            "update images set revision = revision + 1, updated_ms = $3 \
             where id = $1 and revision = $2 and status in ('active', 'deactivated') {LISTS}"
        );
        let statement = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string()).bind(revision).bind(now_ms());
        let Some(row) = statement.fetch_optional(&mut *write).await? else { return Ok(Step::Lost) };
        let mut copies = Copies::of(&row)?;
        copies.stores.0.retain(|other| other != store);
        copies.settle(&mut write, id, Limits::NONE).await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// The images whose bytes a store has and that are done, by id, at most `limit` from after `after`.
    pub async fn images_in_store(&self, store: &str, after: Option<ImageId>, limit: u32) -> Result<Vec<ImageId>> {
        let text = format!(
            "select id from images where {HELD} and status in ('active', 'deactivated') and id > $2 order by id limit $3"
        );
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let statement =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(store.to_owned()).bind(after).bind(i64::from(limit));
        let rows = statement.fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
    }

    /// Notes a copy that had nothing to do: the image is in every store already.
    pub async fn note_copy(&self, id: ImageId, task: &ImageTask) -> Result<()> {
        let mut write = self.write().await?;
        image_tasks::insert(&mut write, task).await?;
        let text = "update images set importing_to = '', failed_import = '' where id = $1";
        sql!(text, id).run(&mut write).await?;
        write.commit().await?;
        Ok(())
    }
}

impl Copies {
    /// Locks an image's row and reads its state and its lists.
    pub(super) async fn lock(write: &mut Write, id: ImageId) -> Result<Option<(Status, Copies)>> {
        let text = format!("update images set charged_bytes = charged_bytes where id = $1 {LISTS}");
        let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string()).fetch_optional(&mut **write).await?;
        row.map(|row| Ok((row.try_get(5)?, Copies::of(&row)?))).transpose()
    }

    fn of(row: &AnyRow) -> Result<Copies> {
        let charged_bytes: i64 = row.try_get(1)?;
        let (stores, importing_to): (StoreNames, StoreNames) = (row.try_get(2)?, row.try_get(3)?);
        let count = stores.0.len() + importing_to.0.len();
        Ok(Copies {
            owner: row.try_get(0)?,
            charged_bytes,
            charged_each: charged_bytes / count.max(1) as i64,
            stores,
            importing_to,
            failed: row.try_get(4)?,
        })
    }

    /// Names the stores that a copy is for.
    pub(super) fn begin(&mut self, stores: &[String]) {
        self.importing_to = StoreNames(stores.to_vec());
        self.failed = StoreNames::default();
    }

    /// The stores that were not reached do not get the image.
    pub(super) fn fail_rest(&mut self) {
        self.failed.0.append(&mut self.importing_to.0);
    }

    /// Writes the lists and charges the project what they come to.
    pub(super) async fn settle(&self, write: &mut Write, id: ImageId, limits: Limits) -> Result<()> {
        let charged_bytes = self.charged_each * (self.stores.0.len() + self.importing_to.0.len()) as i64;
        let more = Change { bytes: charged_bytes - self.charged_bytes, ..Change::default() };
        image_usage::count(write, self.owner, more, limits).await?;
        // An image that was never imported shows nothing of imports.
        let text = "update images set stores = $2, charged_bytes = $5, revision = revision + 1, \
                    importing_to = case when importing_to is null then null else $3 end, \
                    failed_import = case when failed_import is null then null else $4 end where id = $1";
        sql!(text, id, &self.stores, &self.importing_to, &self.failed, charged_bytes).run(write).await.map(drop)
    }
}
