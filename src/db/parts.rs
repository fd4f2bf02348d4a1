//! The rows of files that clients send in parts: fills that wait for their client, for days if need be.

use super::{
    Database, Write,
    chunks::hold_session,
    columns::from_row,
    fills::{self, Held, Whose, lock, remove, settle},
    image_usage::{self, Change},
    jobs, now_ms,
    statement::sql,
};
use crate::{
    error::Result,
    ids::ImageId,
    model::{
        fill::{Hold, Lease, NewParts, Parts, StagedBytes},
        image::Status,
        job::NewJob,
        usage::Limits,
    },
};

from_row!(Parts { id, whole_bytes, metadata, store, root, kept_bytes, kept_ms, is_whole as flag });

const PARTS: &str = "select u.id, f.whole_bytes, f.metadata, i.stores as store, f.staged_root as root, \
                     f.staged_bytes as kept_bytes, f.staged_ms as kept_ms, \
                     cast(case when f.kind = 'parts' then 0 else 1 end as bigint) as is_whole \
                     from uploads u join fills f on f.image_id = u.image_id join images i on i.id = u.image_id \
                     where f.whole_bytes is not null and u.image_id = $1";

impl Database {
    /// The image of an upload in parts, also of one that has become an image, and the length of the file.
    pub async fn upload(&self, upload: &str) -> Result<Option<(ImageId, i64)>> {
        sql!("select image_id, whole_bytes from uploads where id = $1", upload).row(self).await
    }

    /// The file that comes in parts into an image, from its begin until its image is active or has failed.
    pub async fn parts(&self, id: ImageId) -> Result<Option<Parts>> {
        sql!(PARTS, id).row(self).await
    }

    /// A client goes on with a file in parts, under `lease`. A request that is still at work on it loses it; nothing that
    /// was kept is lost. `None` when no more of it is to come.
    ///
    /// # Errors
    /// `OverQuota` when the project has as many uploads at work as it may.
    pub async fn hold_parts(&self, id: ImageId, upload: &str, lease: &Lease, limits: Limits) -> Result<Option<Parts>> {
        let mut write = self.write().await?;
        let Some(held) = lock(&mut write, id, Whose::Parts).await? else { return Ok(None) };
        if held.status == Status::Deleted {
            remove(&mut write, id, &held).await?;
            write.commit().await?;
            return Ok(None);
        }
        let parts: Option<Parts> = sql!(PARTS, id).row_in(&mut write).await?;
        // Another upload of the same image has begun since this one was looked for.
        let Some(parts) = parts.filter(|parts| parts.id == upload) else { return Ok(None) };
        if !held.is_held() {
            let upload = Change { uploads: 1, ..Change::default() };
            image_usage::count(&mut write, held.copies.owner, upload, limits).await?;
        }
        fills::hold(&mut write, id, lease).await?;
        write.commit().await?;
        Ok(Some(parts))
    }
}

/// Notes the file that is to come.
pub(super) async fn name(write: &mut Write, id: ImageId, new: &NewParts<'_>) -> Result<()> {
    let text = "update fills set whole_bytes = $2, metadata = $3, sha512 = $4, staged_bytes = 0, staged_ms = $5 \
                where image_id = $1";
    sql!(text, id, new.whole_bytes, new.metadata, new.sha512, now_ms()).run(write).await?;
    let text = "insert into uploads (id, image_id, whole_bytes) values ($1, $2, $3)";
    sql!(text, new.id, id, new.whole_bytes).run(write).await?;
    sql!("update images set stores = $2 where id = $1", id, new.store).run(write).await.map(drop)
}

/// Keeps what has come. With the last part the image is importing, in the same transaction: no client needs to say that it
/// has sent everything.
pub(super) async fn keep(
    write: &mut Write,
    id: ImageId,
    held: &Held,
    kept: &StagedBytes,
    hold: &Hold,
    then: Option<&NewJob>,
) -> Result<()> {
    hold_session(write, hold).await?;
    let text = "update fills set staged_root = $2, staged_bytes = $3, staged_ms = $4 where image_id = $1";
    sql!(text, id, &kept.root, kept.bytes, now_ms()).run(write).await?;
    let Some(job) = then else {
        let text = "update images set progress = $2 * 100 / (select whole_bytes from fills where image_id = $1), \
                    updated_ms = $3, revision = revision + 1 where id = $1";
        return sql!(text, id, kept.bytes, now_ms()).run(write).await.map(drop);
    };
    settle(write, held, held.copies.charged_bytes, Limits::NONE).await?;
    let text = "update fills set kind = 'import', job_id = $2, holder = null, lease_until_ms = null, runs = 0 \
                where image_id = $1";
    sql!(text, id, job.id.to_string()).run(write).await?;
    let text = "update images set status = 'importing', progress = 0, updated_ms = $2, revision = revision + 1 \
                where id = $1";
    sql!(text, id, now_ms()).run(write).await?;
    jobs::insert(write, job).await
}
