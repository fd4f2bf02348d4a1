//! The usage of each project. Every change is part of the transaction that causes it, and every
//! taking is conditional on the limit, so that concurrent requests cannot overshoot it.

use sqlx::Row as _;

use super::{Database, Write, quotas, statement::sql};
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
            .bind(project)
            .fetch_optional(self.reads())
            .await?;
        let Some(row) = row else { return Ok(ImageUsage::default()) };
        let staged = sqlx::query(STAGED).bind(project).fetch_one(self.reads()).await?;
        let (images, bytes, uploads) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(ImageUsage { images, bytes, uploads, staged_bytes: staged.try_get(0)? })
    }

    /// The projects whose kept sums are not those of their images: none, unless an invariant is broken.
    pub async fn image_usage_errors(&self) -> Result<Vec<String>> {
        let text = "select u.project_id from image_usage u left join (select owner, count(*) as images, \
             cast(sum(charged_bytes) as bigint) as bytes, \
             cast(sum(case when f.image_id is null then 0 else 1 end) as bigint) as uploads \
             from images left join fills f on f.image_id = id and f.holder is not null \
             and f.kind in ('upload', 'stage', 'parts', 'import') group by owner) i on i.owner = u.project_id \
             where u.images <> coalesce(i.images, 0) or u.bytes <> coalesce(i.bytes, 0) \
             or u.uploads <> coalesce(i.uploads, 0) \
             union select owner from images where owner not in (select project_id from image_usage)";
        sql!(text).column(self).await
    }
}

/// Locks the project's usage: no image of it is made, named or shown until the transaction ends.
pub(super) async fn lock(write: &mut Write, project: ProjectId) -> Result<()> {
    count(write, project, Change::default(), Limits::NONE).await
}

/// A change of a project's usage: more of each, or less.
#[derive(Clone, Copy, Default)]
pub(super) struct Change {
    pub(super) images: i64,
    pub(super) uploads: i64,
    pub(super) bytes: i64,
}

/// Counts a change, if the limits of what grows allow it.
pub(super) async fn count(write: &mut Write, project: ProjectId, change: Change, limits: Limits) -> Result<()> {
    if is_counted(write, project, change, limits).await? {
        return Ok(());
    }
    // A project has no row before its first image.
    if change.images > 0 {
        make_row(write, project).await?;
        if is_counted(write, project, change, limits).await? {
            return Ok(());
        }
    }
    let limits = own(write, project, limits).await?;
    Err(refusal(write, project, change.bytes, limits).await?)
}

/// The limits that hold for the project: its own where it has some, but for whoever goes past all of them.
async fn own(write: &mut Write, project: ProjectId, usual: Limits) -> Result<Limits> {
    match usual {
        Limits::NONE => Ok(usual),
        _ => Ok(quotas::own(write, &project).await?.of_images(usual)),
    }
}

async fn is_counted(write: &mut Write, project: ProjectId, change: Change, limits: Limits) -> Result<bool> {
    let Change { images, uploads, bytes } = change;
    // The project's own limits are read by the same statement: a second one for each image would be felt.
    let text = "update image_usage set images = images + $2, uploads = uploads + $3, bytes = bytes + $4 \
                where project_id = $1 \
                and ($2 <= 0 or images < coalesce((select images from project_quotas where project_id = $8), $5)) \
                and ($3 <= 0 or uploads < coalesce((select uploads from project_quotas where project_id = $8), $6)) \
                and ($4 <= 0 or bytes + $4 <= coalesce((select image_bytes from project_quotas where project_id = $8), $7))";
    let Limits { images: most, uploads: at_once, bytes: most_bytes, .. } = limits;
    // A change past all limits goes past the project's own too.
    let limits_of = if limits == Limits::NONE { String::new() } else { project.to_string() };
    let counted = sql!(text, project, images, uploads, bytes, most, at_once, most_bytes, limits_of).run(write).await?;
    Ok(counted == 1)
}

/// Refuses when more is staged than the limit allows; the transaction has counted the bytes already.
pub(super) async fn check_staged(write: &mut Write, project: ProjectId, limits: Limits) -> Result<()> {
    let limits = own(write, project, limits).await?;
    let staged = sqlx::query(STAGED).bind(project).fetch_one(&mut **write).await?;
    if staged.try_get::<i64, _>(0)? <= limits.staged_bytes { Ok(()) } else { Err(limits.too_much_staged()) }
}

/// Moves an image from one project's usage to another's. Only admins do this, past the limits.
pub(super) async fn move_between(write: &mut Write, from: ProjectId, to: ProjectId, bytes: i64) -> Result<()> {
    count(write, from, Change { images: -1, bytes: -bytes, ..Change::default() }, Limits::NONE).await?;
    count(write, to, Change { images: 1, bytes, ..Change::default() }, Limits::NONE).await
}

async fn make_row(write: &mut Write, project: ProjectId) -> Result<()> {
    let text =
        "insert into image_usage (project_id, images, bytes, uploads) values ($1, 0, 0, 0) on conflict do nothing";
    sql!(text, project).run(write).await.map(drop)
}

/// Says which limit was in the way.
async fn refusal(write: &mut Write, project: ProjectId, bytes: i64, limits: Limits) -> Result<Error> {
    let row = sqlx::query("select images, bytes, uploads from image_usage where project_id = $1")
        .bind(project)
        .fetch_one(&mut **write)
        .await?;
    let used =
        ImageUsage { images: row.try_get(0)?, bytes: row.try_get(1)?, uploads: row.try_get(2)?, staged_bytes: 0 };
    Ok(limits.in_the_way_of(used, bytes))
}
