//! The rows of images: records, states and leases. Pages of them are in `image_pages`, quotas in `image_usage`.

use sqlx::{
    Any, AssertSqlSafe, Row as _,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{
    Database, Write, channels,
    columns::{Flag, flag},
    image_usage::{self, Change},
    is_duplicate, members, now_ms, shares,
    statement::sql,
};
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

/// Reads a column by its place, as a flag where that is said.
macro_rules! read {
    ($row:ident, $at:expr) => {
        $row.try_get($at)?
    };
    ($row:ident, $at:expr, $flag:ident) => {
        $flag($row, $at)?
    };
}

/// The columns of [`Image`], each called as its field: the one list of what is read of an image.
// By place and not by name: a list reads some hundred rows of them, and looking a name up costs more than reading it.
macro_rules! read_columns {
    ($first:ident $(, $column:ident $(as $flag:ident)?)* $(,)?) => {
        pub(super) const COLUMNS: &str = concat!("i.", stringify!($first) $(, ", i.", stringify!($column))*);
        /// The place after the last of [`COLUMNS`].
        pub(super) const AFTER_COLUMNS: usize = [stringify!($first) $(, stringify!($column))*].len();

        impl Image {
            pub(super) fn of(row: &AnyRow) -> Result<Image> {
                let mut at = 0..;
                let mut next = || at.next().unwrap_or_default();
                Ok(Image { $first: read!(row, next()) $(, $column: read!(row, next() $(, $flag)?))* })
            }
        }
    };
}

read_columns!(
    id,
    owner,
    name,
    status,
    visibility,
    hidden as flag,
    protected as flag,
    disk_format,
    container_format,
    min_disk_gib,
    min_ram_mib,
    size_bytes,
    disk_bytes,
    checksum,
    os_hash,
    file_root,
    disk_root,
    rendering,
    stored_bytes,
    stores,
    tags,
    properties,
    created_ms,
    updated_ms,
    revision,
    progress,
    reason,
    public_hold,
    public_why,
    verdict,
    seen,
    problems,
    import_task,
    importing_to,
    failed_import,
    channel_id,
    release_number,
    deprecate_ms,
    retire_ms,
);

/// The columns that people set, each called as its field: an insert and an update write them.
macro_rules! said_columns {
    ($($column:ident $(as $flag:ident)?),+ $(,)?) => {
        const SAID: &[&str] = &[$(stringify!($column)),+];

        fn bind_said<'q>(statement: Statement<'q>, image: &'q Image) -> Statement<'q> {
            statement $(.bind(bound!(image.$column $(, $flag)?)))+
        }
    };
}

/// A field as it is bound.
macro_rules! bound {
    ($field:expr) => {
        &$field
    };
    ($field:expr, flag) => {
        Flag($field)
    };
}

said_columns!(
    owner,
    name,
    visibility,
    hidden as flag,
    protected as flag,
    disk_format,
    container_format,
    min_disk_gib,
    min_ram_mib,
    tags,
    properties,
    public_hold,
    public_why,
);

type Statement<'q> = Query<'q, Any, AnyArguments>;

impl Database {
    /// Adds an image to its owner's usage and to the table.
    ///
    /// # Errors
    /// `Conflict` when the id is or was taken, `OverQuota` when the project has its number of images.
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
        let text = format!(
            "select {COLUMNS}, m.status from images i \
             left join image_members m on m.image_id = i.id and m.project_id = $2 and {} \
             where i.id = $1 and i.status <> 'deleted'",
            members::live("$3")
        );
        let row = sqlx::query(AssertSqlSafe(text))
            .bind(id.to_string())
            .bind(project)
            .bind(now_ms())
            .fetch_optional(self.reads())
            .await?;
        row.map(|row| Ok((Image::of(&row)?, row.try_get(AFTER_COLUMNS)?))).transpose()
    }

    /// Writes what a person may change, unless the image has changed since it was read.
    pub async fn update_image(&self, image: &Image) -> Result<Step> {
        let mut write = self.write().await?;
        let before = sqlx::query(
            "select owner, charged_bytes, status, name, hidden from images \
             where id = $1 and revision = $2 and status <> 'deleted'",
        )
        .bind(image.id.to_string())
        .bind(image.revision)
        .fetch_optional(&mut *write)
        .await?;
        let Some(before) = before else { return Ok(Step::Lost) };
        let owner: ProjectId = before.try_get(0)?;
        if owner != image.owner {
            if matches!(before.try_get(2)?, Status::Saving | Status::Uploading | Status::Importing) {
                return Err(Error::Conflict(
                    "an image cannot change its owner while bytes are being saved to it".into(),
                ));
            }
            image_usage::move_between(&mut write, owner, image.owner, before.try_get(1)?).await?;
        }
        let step = update(&mut write, image).await?;
        if step == Step::Done {
            let (name, hidden): (Option<String>, bool) = (before.try_get(3)?, flag(&before, 4)?);
            if owner != image.owner || name != image.name || hidden != image.hidden {
                image_usage::lock(&mut write, image.owner).await?;
                channels::leave_names(&mut write, image).await?;
            }
            write_labels(&mut write, image).await?;
            write.commit().await?;
        }
        Ok(step)
    }

    /// Withholds an active image or gives it back, if it is in `from`.
    pub async fn change_status(&self, id: ImageId, from: Status, to: Status) -> Result<Step> {
        // One that is given back is not withdrawn again by the same date.
        let text = "update images set status = $3, updated_ms = $4, revision = revision + 1, \
             retire_ms = case when $3 = 'active' then null else retire_ms end \
             where id = $1 and status = $2 and status in ('active', 'deactivated')";
        sql!(text, id, from.into_str(), to.into_str(), now_ms()).commit(self).await.map(Step::of)
    }

    /// Deletes the image. While somebody is at work on its bytes it stays as `deleted`, seen by nobody, until they have
    /// noticed: what they reserved is counted until then. A copy to further stores reserves nothing of its own.
    pub async fn delete_image(&self, id: ImageId, revision: i64) -> Result<Step> {
        let mut write = self.write().await?;
        let hide = "update images set status = 'deleted', revision = revision + 1 \
                    where id = $1 and revision = $2 and status <> 'deleted' and not (channel_id is not null and hidden = 0)";
        let hidden = sql!(hide, id, revision).run(&mut write).await?;
        if hidden == 0 {
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
        let text = "update images set checksum = $2, os_hash = $3, revision = revision + 1 \
             where id = $1 and status in ('active', 'deactivated') and checksum is null";
        sql!(text, id, checksum, os_hash).commit(self).await.map(drop)
    }

    /// The images whose file, disk or staged bytes are this content.
    pub async fn images_of_root(&self, root: &str) -> Result<Vec<ImageId>> {
        let text = "select id from images where file_root = $1 or disk_root = $1 \
                    union select image_id from fills where staged_root = $1";
        sql!(text, root).column(self).await
    }
}

/// Adds an image to its owner's usage and to the table. An id is used once: those who launch by the id of an image that
/// was deleted must not be given somebody else's.
pub(super) async fn insert(write: &mut Write, image: &Image, charged_bytes: i64, limits: Limits) -> Result<()> {
    let one = Change { images: 1, bytes: charged_bytes, ..Change::default() };
    image_usage::count(write, image.owner, one, limits).await?;
    let places: Vec<String> = (1..=SAID.len()).map(|place| format!("${}", place + 7)).collect();
    let text = format!(
        "insert into images (id, status, created_ms, updated_ms, revision, charged_bytes, progress, {}) \
         select $1, $2, $3, $4, $5, $6, $7, {} where not exists (select 1 from deleted_images where id = $1)",
        SAID.join(", "),
        places.join(", ")
    );
    let statement = sqlx::query(AssertSqlSafe(text))
        .bind(image.id)
        .bind(image.status)
        .bind(image.created_ms)
        .bind(image.updated_ms)
        .bind(image.revision)
        .bind(charged_bytes)
        .bind(image.progress);
    let inserted = bind_said(statement, image).execute(&mut **write).await;
    match inserted {
        Err(error) if is_duplicate(&error) => {
            Err(Error::Conflict(format!("an image with the id {} exists already", image.id)))
        }
        Err(error) => Err(error.into()),
        Ok(done) if done.rows_affected() == 0 => {
            Err(Error::Conflict(format!("an image had the id {} and was deleted: an id is used once", image.id)))
        }
        Ok(_) => {
            channels::leave_names(write, image).await?;
            insert_labels(write, image).await
        }
    }
}

pub(super) async fn update(write: &mut Write, image: &Image) -> Result<Step> {
    let set: Vec<String> = SAID.iter().zip(4..).map(|(column, place)| format!("{column} = ${place}")).collect();
    let text = format!(
        "update images set updated_ms = $3, revision = revision + 1, {} \
         where id = $1 and revision = $2 and status <> 'deleted'",
        set.join(", ")
    );
    let statement = sqlx::query(AssertSqlSafe(text)).bind(image.id).bind(image.revision).bind(now_ms());
    let updated = bind_said(statement, image).execute(&mut **write).await?;
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

pub(super) async fn write_labels(write: &mut Write, image: &Image) -> Result<()> {
    sql!("delete from image_labels where image_id = $1", image.id).run(write).await?;
    insert_labels(write, image).await
}

/// The labels of an image that has none yet.
async fn insert_labels(write: &mut Write, image: &Image) -> Result<()> {
    let id = image.id.to_string();
    let (tags, properties) = (image.tags.read()?, image.properties.read()?);
    let labels = tags.iter().map(|tag| tag_label(tag));
    let labels = labels.chain(properties.iter().map(|(name, value)| property_label(name, value)));
    for label in labels {
        sql!("insert into image_labels (label, image_id) values ($1, $2)", label, &id).run(write).await?;
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
        sql!("insert into deleted_images (id) values ($1)", id).run(write).await?;
        shares::forget_of(write, id).await?;
        let bytes: i64 = row.try_get(1)?;
        let one_less = Change { images: -1, bytes: -bytes, ..Change::default() };
        image_usage::count(write, row.try_get(0)?, one_less, Limits::NONE).await?;
        super::image_tasks::fail_those_of(write, id, "the image was deleted").await?;
    }
    Ok(())
}
