//! The usage of each project. Every change is part of the transaction that causes it, and every
//! taking is conditional on the limit, so that concurrent requests cannot overshoot it.

use sqlx::Row as _;

use super::{Database, Write, statement::sql};
use crate::{
    error::{Error, Result},
    ids::ProjectId,
    model::usage::{ImageUsage, Limits},
};

/// A project's bytes that are staged or being imported. The transaction that asks has changed the project's usage and
/// so holds that row: two transactions cannot both find room for the last bytes.
const STAGED: &str = "select cast(coalesce(sum(charged_bytes), 0) as bigint) from images \
                      where owner = $1 and status in ('uploading', 'importing')";

impl Database {
    /// The usage of the project.
    pub async fn image_usage(&self, project: ProjectId) -> Result<ImageUsage> {
        let row = sqlx::query("select images, bytes, uploads from image_usage where project_id = $1")
            .bind(project.to_string())
            .fetch_optional(self.reads())
            .await?;
        let Some(row) = row else { return Ok(ImageUsage::default()) };
        let staged = sqlx::query(STAGED).bind(project.to_string()).fetch_one(self.reads()).await?;
        let (images, bytes, uploads) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(ImageUsage { images, bytes, uploads, staged_bytes: staged.try_get(0)? })
    }

    /// The projects whose kept sums are not those of their images: none, unless an invariant is broken.
    pub async fn image_usage_errors(&self) -> Result<Vec<String>> {
        let text = "select u.project_id from image_usage u left join (select owner, count(*) as images, \
             cast(sum(charged_bytes) as bigint) as bytes, \
             cast(sum(case when f.image_id is null then 0 else 1 end) as bigint) as uploads \
             from images left join fills f on f.image_id = id and f.holder is not null \
             and f.kind in ('upload', 'stage', 'import') group by owner) i on i.owner = u.project_id \
             where u.images <> coalesce(i.images, 0) or u.bytes <> coalesce(i.bytes, 0) \
             or u.uploads <> coalesce(i.uploads, 0) \
             union select owner from images where owner not in (select project_id from image_usage)";
        sql!(text).column(self).await
    }
}

/// Counts one more image.
pub(super) async fn charge_image(write: &mut Write, project: ProjectId, bytes: i64, limits: Limits) -> Result<()> {
    make_row(write, project).await?;
    let text = "update image_usage set images = images + 1, bytes = bytes + $2 \
         where project_id = $1 and images < $3 and bytes + $2 <= $4";
    let taken = sql!(text, project, bytes, limits.images, limits.bytes).run(write).await?;
    if taken == 1 {
        return Ok(());
    }
    Err(refusal(write, project, bytes, limits).await?)
}

/// Counts one image less.
pub(super) async fn release_image(write: &mut Write, project: ProjectId, bytes: i64) -> Result<()> {
    let text = "update image_usage set images = images - 1, bytes = bytes - $2 where project_id = $1";
    sql!(text, project, bytes).run(write).await.map(drop)
}

/// Counts an upload that begins, and its first reservation.
pub(super) async fn charge_upload(write: &mut Write, project: ProjectId, bytes: i64, limits: Limits) -> Result<()> {
    let text = "update image_usage set uploads = uploads + 1, bytes = bytes + $2 \
         where project_id = $1 and uploads < $3 and bytes + $2 <= $4";
    let taken = sql!(text, project, bytes, limits.uploads, limits.bytes).run(write).await?;
    if taken == 1 {
        return Ok(());
    }
    Err(refusal(write, project, bytes, limits).await?)
}

/// Counts an upload that ended; `bytes` is what its reservation and its file differ by.
pub(super) async fn release_upload(write: &mut Write, project: ProjectId, bytes: i64) -> Result<()> {
    let text = "update image_usage set uploads = uploads - 1, bytes = bytes - $2 where project_id = $1";
    sql!(text, project, bytes).run(write).await.map(drop)
}

/// Counts more bytes, if the limit allows.
pub(super) async fn charge_bytes(write: &mut Write, project: ProjectId, bytes: i64, limits: Limits) -> Result<()> {
    let text = "update image_usage set bytes = bytes + $2 where project_id = $1 and bytes + $2 <= $3";
    let taken = sql!(text, project, bytes, limits.bytes).run(write).await?;
    if taken == 1 {
        return Ok(());
    }
    Err(refusal(write, project, bytes, limits).await?)
}

/// Refuses when more is staged than the limit allows; the transaction has counted the bytes already.
pub(super) async fn check_staged(write: &mut Write, project: ProjectId, limits: Limits) -> Result<()> {
    let staged = sqlx::query(STAGED).bind(project.to_string()).fetch_one(&mut **write).await?;
    if staged.try_get::<i64, _>(0)? <= limits.staged_bytes {
        return Ok(());
    }
    Err(Error::OverQuota(format!(
        "the project may have {} bytes staged or being imported at a time; import or delete what is staged first",
        limits.staged_bytes
    )))
}

/// Moves an image from one project's usage to another's. Only admins do this, past the limits.
pub(super) async fn move_between(write: &mut Write, from: ProjectId, to: ProjectId, bytes: i64) -> Result<()> {
    release_image(write, from, bytes).await?;
    charge_image(write, to, bytes, Limits::NONE).await
}

async fn make_row(write: &mut Write, project: ProjectId) -> Result<()> {
    let text =
        "insert into image_usage (project_id, images, bytes, uploads) values ($1, 0, 0, 0) on conflict do nothing";
    sql!(text, project).run(write).await.map(drop)
}

/// Says which limit was in the way.
async fn refusal(write: &mut Write, project: ProjectId, bytes: i64, limits: Limits) -> Result<Error> {
    let row = sqlx::query("select images, bytes, uploads from image_usage where project_id = $1")
        .bind(project.to_string())
        .fetch_one(&mut **write)
        .await?;
    let used =
        ImageUsage { images: row.try_get(0)?, bytes: row.try_get(1)?, uploads: row.try_get(2)?, staged_bytes: 0 };
    Ok(Error::OverQuota(if used.bytes.saturating_add(bytes) > limits.bytes {
        format!(
            "the project's images use {} of its {} bytes, and this needs {bytes} more; \
             delete images, or ask for a larger quota",
            used.bytes, limits.bytes
        )
    } else if used.images >= limits.images {
        format!("the project has all of its {} images; delete some, or ask for a larger quota", limits.images)
    } else {
        format!("the project has all of its {} uploads under way; wait for one to end", limits.uploads)
    }))
}
