//! The rows of images: records, states and leases. Pages of them are in `image_pages`, quotas in `image_usage`.

use std::{fmt, str::FromStr};

use sqlx::{Row as _, any::AnyRow};

use super::{Database, Write, is_duplicate, now_ms};
use crate::{
    error::{Error, Result},
    ids::{ImageId, ProjectId},
    model::{
        Step,
        image::{Image, Status},
        member::MemberStatus,
        usage::Limits,
    },
};

/// The columns of [`Image`], in the order [`Image::of`] reads them.
macro_rules! columns {
    () => {
        "i.id, i.owner, i.name, i.status, i.visibility, i.hidden, i.protected, i.disk_format, i.container_format, \
         i.min_disk_gib, i.min_ram_mib, i.size_bytes, i.disk_bytes, i.checksum, i.os_hash, i.file_root, i.disk_root, \
         i.rendering, i.stored_bytes, i.stores, i.tags, i.properties, i.created_ms, i.updated_ms, i.revision, i.progress, \
         i.reason, i.public_hold, i.public_why, i.verdict, i.import_task, i.importing_to, \
         i.failed_import"
    };
}
pub(super) const COLUMNS: &str = columns!();
/// The place after the last of [`COLUMNS`].
const AFTER_COLUMNS: usize = 33;

impl Image {
    pub(super) fn of(row: &AnyRow) -> Result<Image> {
        let mut at = 0..;
        let mut next = || at.next().unwrap_or_default();
        Ok(Image {
            id: word(row, next())?,
            owner: word(row, next())?,
            name: row.try_get(next())?,
            status: word(row, next())?,
            visibility: word(row, next())?,
            hidden: row.try_get::<i64, _>(next())? != 0,
            protected: row.try_get::<i64, _>(next())? != 0,
            disk_format: row.try_get(next())?,
            container_format: row.try_get(next())?,
            min_disk_gib: row.try_get(next())?,
            min_ram_mib: row.try_get(next())?,
            size_bytes: row.try_get(next())?,
            disk_bytes: row.try_get(next())?,
            checksum: row.try_get(next())?,
            os_hash: row.try_get(next())?,
            file_root: row.try_get(next())?,
            disk_root: row.try_get(next())?,
            rendering: row.try_get(next())?,
            stored_bytes: row.try_get(next())?,
            stores: row.try_get(next())?,
            tags: row.try_get(next())?,
            properties: row.try_get(next())?,
            created_ms: row.try_get(next())?,
            updated_ms: row.try_get(next())?,
            revision: row.try_get(next())?,
            progress: row.try_get(next())?,
            reason: row.try_get(next())?,
            public_hold: row.try_get(next())?,
            public_why: row.try_get(next())?,
            verdict: row.try_get(next())?,
            import_task: row.try_get(next())?,
            importing_to: row.try_get(next())?,
            failed_import: row.try_get(next())?,
        })
    }
}

/// Reads a column of one of our own words; anything else in it is a damaged row.
pub(super) fn word<T: FromStr>(row: &AnyRow, column: usize) -> Result<T>
where
    T::Err: fmt::Display,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error: T::Err| Error::internal(anyhow::anyhow!("a row holds '{text}': {error}")))
}

impl Database {
    /// Adds an image to its owner's usage and to the table.
    ///
    /// # Errors
    /// `Conflict` when the id is taken, `OverQuota` when the project has its number of images.
    pub async fn insert_image(&self, image: &Image, charged_bytes: i64, limits: Limits) -> Result<()> {
        let mut write = self.write().await?;
        insert(&mut write, image, charged_bytes, limits).await?;
        write.commit().await?;
        Ok(())
    }

    /// The image, and what `project` has made of it if it is shared with it.
    pub async fn image(
        &self,
        id: ImageId,
        project: Option<ProjectId>,
    ) -> Result<Option<(Image, Option<MemberStatus>)>> {
        let project = project.map(|project| project.to_string()).unwrap_or_default();
        let row = sqlx::query(SHOW).bind(id.to_string()).bind(project).fetch_optional(self.reads()).await?;
        row.map(|row| {
            let membership: Option<String> = row.try_get(AFTER_COLUMNS)?;
            Ok((Image::of(&row)?, membership.map(|status| status.parse()).transpose()?))
        })
        .transpose()
    }

    /// Writes what a person may change, unless the image has changed since it was read.
    pub async fn update_image(&self, image: &Image) -> Result<Step> {
        let mut write = self.write().await?;
        let before = sqlx::query(
            "select owner, charged_bytes, status from images where id = $1 and revision = $2 and status <> 'deleted'",
        )
        .bind(image.id.to_string())
        .bind(image.revision)
        .fetch_optional(&mut *write)
        .await?;
        let Some(before) = before else { return Ok(Step::Lost) };
        let owner: ProjectId = word(&before, 0)?;
        if owner != image.owner {
            if matches!(word(&before, 2)?, Status::Saving | Status::Uploading | Status::Importing) {
                return Err(Error::Conflict("an image changes hands only while nothing is being saved to it".into()));
            }
            super::image_usage::move_between(&mut write, owner, image.owner, before.try_get(1)?).await?;
        }
        let step = update(&mut write, image).await?;
        if step == Step::Done {
            write_labels(&mut write, image).await?;
            write.commit().await?;
        }
        Ok(step)
    }

    /// Withholds an active image or gives it back, if it is in `from`.
    pub async fn change_status(&self, id: ImageId, from: Status, to: Status) -> Result<Step> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "update images set status = $3, updated_ms = $4, revision = revision + 1 \
             where id = $1 and status = $2 and status in ('active', 'deactivated')",
        )
        .bind(id.to_string())
        .bind(from.into_str())
        .bind(to.into_str())
        .bind(now_ms())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Step::of(done.rows_affected()))
    }

    /// Deletes the image. While somebody is at work on its bytes it stays as `deleted`, seen by nobody, until they have
    /// noticed: what they reserved is counted until then. A copy to further stores reserves nothing of its own.
    pub async fn delete_image(&self, id: ImageId, revision: i64) -> Result<Step> {
        let mut write = self.write().await?;
        let hide = "update images set status = 'deleted', revision = revision + 1 \
                    where id = $1 and revision = $2 and status <> 'deleted'";
        let hidden = sqlx::query(hide).bind(id.to_string()).bind(revision).execute(&mut *write).await?;
        if hidden.rows_affected() == 0 {
            return Ok(Step::Lost);
        }
        let text = "select 1 from fills where image_id = $1 and holder is not null and kind <> 'copy'";
        if sqlx::query(text).bind(id.to_string()).fetch_optional(&mut *write).await?.is_none() {
            remove(&mut write, id).await?;
        }
        write.commit().await?;
        Ok(Step::Done)
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

    /// The images whose file, disk or staged bytes are this content.
    pub async fn images_of_root(&self, root: &str) -> Result<Vec<ImageId>> {
        let text = "select id from images where file_root = $1 or disk_root = $1 \
                    union select image_id from fills where staged_root = $1";
        let rows = sqlx::query(text).bind(root).fetch_all(self.reads()).await?;
        rows.iter().map(|row| word(row, 0)).collect()
    }
}

const SHOW: &str = concat!(
    "select ",
    columns!(),
    ", m.status from images i left join image_members m on m.image_id = i.id and m.project_id = $2 \
     where i.id = $1 and i.status <> 'deleted'"
);

/// Adds an image to its owner's usage and to the table.
pub(super) async fn insert(write: &mut Write, image: &Image, charged_bytes: i64, limits: Limits) -> Result<()> {
    super::image_usage::charge_image(write, image.owner, charged_bytes, limits).await?;
    let inserted = sqlx::query(
        "insert into images (id, owner, name, status, visibility, hidden, protected, disk_format, container_format, \
         min_disk_gib, min_ram_mib, tags, properties, created_ms, updated_ms, revision, charged_bytes, progress, \
         public_hold, public_why) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    )
    .bind(image.id.to_string())
    .bind(image.owner.to_string())
    .bind(image.name.clone())
    .bind(image.status.into_str())
    .bind(image.visibility.into_str())
    .bind(i64::from(image.hidden))
    .bind(i64::from(image.protected))
    .bind(image.disk_format.clone())
    .bind(image.container_format.clone())
    .bind(image.min_disk_gib)
    .bind(image.min_ram_mib)
    .bind(image.tags.clone())
    .bind(image.properties.clone())
    .bind(image.created_ms)
    .bind(image.updated_ms)
    .bind(image.revision)
    .bind(charged_bytes)
    .bind(image.progress)
    .bind(image.public_hold.clone())
    .bind(image.public_why.clone())
    .execute(&mut **write)
    .await;
    match inserted {
        Err(error) if is_duplicate(&error) => {
            Err(Error::Conflict(format!("an image with the id {} exists already", image.id)))
        }
        Err(error) => Err(error.into()),
        Ok(_) => write_labels(write, image).await,
    }
}

async fn update(write: &mut Write, image: &Image) -> Result<Step> {
    let updated = sqlx::query(
        "update images set owner = $3, name = $4, visibility = $5, hidden = $6, protected = $7, disk_format = $8, \
         container_format = $9, min_disk_gib = $10, min_ram_mib = $11, tags = $12, properties = $13, \
         updated_ms = $14, public_hold = $15, public_why = $16, revision = revision + 1 \
         where id = $1 and revision = $2 and status <> 'deleted'",
    )
    .bind(image.id.to_string())
    .bind(image.revision)
    .bind(image.owner.to_string())
    .bind(image.name.clone())
    .bind(image.visibility.into_str())
    .bind(i64::from(image.hidden))
    .bind(i64::from(image.protected))
    .bind(image.disk_format.clone())
    .bind(image.container_format.clone())
    .bind(image.min_disk_gib)
    .bind(image.min_ram_mib)
    .bind(image.tags.clone())
    .bind(image.properties.clone())
    .bind(now_ms())
    .bind(image.public_hold.clone())
    .bind(image.public_why.clone())
    .execute(&mut **write)
    .await?;
    Ok(Step::of(updated.rows_affected()))
}

/// The label that stands for a tag in `image_labels`.
pub(super) fn tag_label(tag: &str) -> String {
    format!("tag:{tag}")
}

/// The label that stands for a property: a digest, because PostgreSQL indexes no long text.
pub(super) fn property_label(name: &str, value: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(value.as_bytes());
    format!("property:{}", &hasher.finalize().to_hex()[..32])
}

async fn write_labels(write: &mut Write, image: &Image) -> Result<()> {
    let id = image.id.to_string();
    sqlx::query("delete from image_labels where image_id = $1").bind(id.clone()).execute(&mut **write).await?;
    let tags: Vec<String> = serde_json::from_str(&image.tags).map_err(Error::internal)?;
    let properties: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&image.properties).map_err(Error::internal)?;
    let labels = tags.iter().map(|tag| tag_label(tag));
    let labels = labels.chain(properties.iter().map(|(name, value)| property_label(name, value)));
    for label in labels {
        sqlx::query("insert into image_labels (label, image_id) values ($1, $2)")
            .bind(label)
            .bind(id.clone())
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

/// Removes the image's row and all that hangs on it, and gives back what it was charged.
pub(super) async fn remove(write: &mut Write, id: ImageId) -> Result<()> {
    let row = sqlx::query("delete from images where id = $1 returning owner, charged_bytes")
        .bind(id.to_string())
        .fetch_optional(&mut **write)
        .await?;
    if let Some(row) = row {
        super::image_usage::release_image(write, word(&row, 0)?, row.try_get(1)?).await?;
        super::image_tasks::fail_those_of(write, id, "the image was deleted").await?;
    }
    Ok(())
}
