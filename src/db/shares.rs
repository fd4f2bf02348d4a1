//! The terms of shares, their history and their use.
//!
//! A share whose end has come is none, whether its row is there or not: every statement that reads members asks for the time.
//! A step of the history is written in the transaction that makes it.

use sqlx::{FromRow, Row as _, any::AnyRow};

use super::{
    Database, Write,
    columns::from_row,
    members, now_ms,
    statement::{Statement, Value, sql},
};
use crate::{
    error::Result,
    ids::{ImageId, JobId, ProjectId},
    model::{
        Step,
        share::{HistoryWanted, Offer, Share, ShareEvent, ShareStep, ShareUse, Terms},
    },
};

/// The steps of an image's shares that are kept: each of its 128 members comes, answers and goes twice.
pub const KEPT_STEPS: u32 = 1000;
/// The steps of one receiver's share of it that are kept.
pub const KEPT_STEPS_OF_SHARE: u32 = 100;
/// The receivers of an image whose use is kept, those that used it last.
pub const KEPT_USES: u32 = 256;
/// How many days both are kept: a year can be looked back on.
pub const KEPT_DAYS: i64 = 365;
/// Shares whose rows one turn of the clock takes away: the others have ended as well, and wait for the next.
const AT_ONCE: i64 = 100;

/// The columns of [`Share`].
const OF_SHARE: &str = "m.project_id, m.status, m.expires_ms, m.reason, m.note, m.created_ms, m.updated_ms, \
    coalesce(u.launches, 0) as launches, coalesce(u.downloads, 0) as downloads, \
    case when m.status = 'accepted' then p.name end as project_name from image_members m \
    left join share_uses u on u.image_id = m.image_id and u.project_id = m.project_id \
    left join projects p on p.id = m.project_id";

impl Database {
    /// The shares of an image, in the order in which they were made: with all projects, or with one.
    pub async fn shares(&self, image: ImageId, with: Option<ProjectId>) -> Result<Vec<Share>> {
        let with = with.map(|project| project.to_string()).unwrap_or_default();
        let text = format!(
            "select {OF_SHARE} where m.image_id = $1 and ($2 = '' or m.project_id = $2) \
             and (m.expires_ms is null or m.expires_ms > $3) order by m.created_ms, m.project_id"
        );
        sql!(sqlx::AssertSqlSafe(text), image, with, now_ms()).rows(self).await
    }

    /// Sets the terms of a share anew.
    pub async fn set_share(&self, image: ImageId, project: ProjectId, terms: &Terms) -> Result<Step> {
        let mut write = self.write().await?;
        let now = now_ms();
        let text = "update image_members set expires_ms = $3, reason = $4, note = $5 where image_id = $1 and project_id = $2 \
                    and (expires_ms is null or expires_ms > $6)";
        let set = sql!(text, image, project, terms.expires_ms, &terms.reason, &terms.note, now).run(&mut write).await?;
        if set == 0 {
            return Ok(Step::Lost);
        }
        add_step(&mut write, image, project, ShareStep::Changed, (now, 0)).await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// The images that wait for a project's answer, the latest first; after this one.
    pub async fn offers(&self, project: ProjectId, after: Option<(i64, ImageId)>, limit: u32) -> Result<Vec<Offer>> {
        let (at_ms, id) = after.map_or((i64::MAX, String::new()), |(at_ms, id)| (at_ms, id.to_string()));
        let text = "select i.id, i.name, i.owner, p.name as owner_name, m.note, m.expires_ms, m.created_ms \
             from image_members m join images i on i.id = m.image_id left join projects p on p.id = i.owner \
             where m.project_id = $1 and m.status = 'pending' and (m.expires_ms is null or m.expires_ms > $2) \
             and i.visibility = 'shared' and i.public_hold is null and i.status <> 'deleted' and i.hidden = 0 and i.owner <> $1 \
             and (m.created_ms < $3 or (m.created_ms = $3 and i.id > $4)) order by m.created_ms desc, i.id limit $5";
        sql!(text, project, now_ms(), at_ms, id, i64::from(limit)).rows(self).await
    }

    /// A page of steps, the latest first. A receiver's does not tell of what it could not see, nor a name from that time; and
    /// a reason is told to the project that wrote it.
    pub async fn share_history(&self, wanted: &HistoryWanted) -> Result<Vec<ShareEvent>> {
        let mut page = Statement::default();
        // Only what is asked for is in the text, so that an index answers it.
        let (name, part) = match wanted.receiver {
            None => ("e.image_name", String::new()),
            Some(receiver) => {
                let receiver = page.value(Value::Text(receiver.to_string()));
                let live = members::live(&page.value(Value::Number(now_ms())));
                let part = format!(
                    " and e.project_id = {receiver} and i.owner <> {receiver} and (e.withheld = 0 or \
                       (i.visibility = 'shared' and i.public_hold is null and exists (select 1 from image_members m \
                         where m.image_id = i.id and m.project_id = {receiver} and {live})))"
                );
                ("case when e.withheld = 0 then e.image_name else i.name end", part)
            }
        };
        page.text = format!(
            "select e.id, e.image_id, {name} as image_name, e.project_id, e.at_ms, e.step, e.expires_ms, \
             case when e.owner = i.owner then e.reason end as reason \
             from share_events e join images i on i.id = e.image_id where i.status <> 'deleted'{part}"
        );
        if let Some(image) = wanted.image {
            page.and("e.image_id =", Value::Text(image.to_string()));
        }
        if let Some(after) = &wanted.after {
            page.and("e.id <", Value::Text(after.clone()));
        }
        let limit = page.value(Value::Number(wanted.limit.into()));
        page.text += &format!(" order by e.id desc limit {limit}");
        page.sql().rows(self).await
    }

    /// The use of images: of one by all of its receivers, of all by one, or of one by one; the latest first.
    pub async fn share_uses(&self, image: Option<ImageId>, by: Option<ProjectId>, limit: u32) -> Result<Vec<ShareUse>> {
        let mut page = Statement::default();
        page.text = "select u.image_id, u.project_id, u.launches, u.downloads, u.last_ms from share_uses u \
             join images i on i.id = u.image_id where i.status <> 'deleted' and i.owner <> u.project_id"
            .into();
        if let Some(image) = image {
            page.and("u.image_id =", Value::Text(image.to_string()));
        }
        if let Some(by) = by {
            page.and("u.project_id =", Value::Text(by.to_string()));
        }
        let limit = page.value(Value::Number(limit.into()));
        page.text += &format!(" order by u.last_ms desc, u.image_id, u.project_id limit {limit}");
        page.sql().rows(self).await
    }

    /// Counts downloads by a project that the image is shared with; by others nothing is counted.
    pub async fn count_shared_downloads(&self, image: ImageId, by: ProjectId, downloads: i64) -> Result<()> {
        let text = "select 1 from image_members where image_id = $1 and project_id = $2";
        if sql!(text, image, by).column::<i64>(self).await?.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        count_use(&mut write, image, by, 0, downloads).await?;
        Ok(write.commit().await?)
    }

    /// Ends the shares whose end has come, some at a time; how many there were.
    pub async fn end_shares(&self, now_ms: i64) -> Result<usize> {
        let text = "select image_id, project_id from image_members where expires_ms <= $1 \
                    order by expires_ms, image_id, project_id limit $2";
        let due: Vec<Due> = sql!(text, now_ms, AT_ONCE).rows(self).await?;
        let mut ended = 0;
        for Due { image, project } in due {
            // One row to a transaction: it waits for nobody while it holds a row that others wait for.
            let mut write = self.write().await?;
            ended += usize::from(expire(&mut write, image, project, now_ms).await?);
            write.commit().await?;
        }
        Ok(ended)
    }

    /// Ends by date that the audit does not have yet, the first first.
    pub async fn untold_ends(&self, limit: u32) -> Result<Vec<UntoldEnd>> {
        let text = "select id, image_id, project_id, owner from share_events where told = 0 order by id limit $1";
        sql!(text, i64::from(limit)).rows(self).await
    }

    /// Notes that the audit has it.
    pub async fn told_end(&self, id: &str) -> Result<()> {
        sql!("update share_events set told = 1 where id = $1", id).commit(self).await.map(drop)
    }

    /// Forgets what is older than [`KEPT_DAYS`].
    pub async fn forget_shares(&self, now_ms: i64) -> Result<()> {
        let before = now_ms - KEPT_DAYS * 24 * 3_600_000;
        let mut write = self.write().await?;
        sql!("delete from share_events where id < $1 and told = 1", first_id(before)).run(&mut write).await?;
        sql!("delete from share_uses where last_ms < $1", before).run(&mut write).await?;
        Ok(write.commit().await?)
    }
}

/// An end that the audit does not have yet.
#[derive(Clone, Debug)]
pub struct UntoldEnd {
    pub id: String,
    pub image: ImageId,
    pub project: ProjectId,
    /// The image's project.
    pub owner: ProjectId,
}

/// A share whose end has come.
struct Due {
    image: ImageId,
    project: ProjectId,
}

/// Ends a share whose end has come, in the history at that time; whether it was there.
pub(super) async fn expire(write: &mut Write, image: ImageId, project: ProjectId, now_ms: i64) -> Result<bool> {
    // Touching the row first locks it on PostgreSQL; a share that was made longer meanwhile is left.
    let text = "update image_members set status = status where image_id = $1 and project_id = $2 and expires_ms <= $3";
    if sql!(text, image, project, now_ms).run(write).await? == 0 {
        return Ok(false);
    }
    let text = "select expires_ms from image_members where image_id = $1 and project_id = $2";
    let at_ms: i64 = sqlx::query(text).bind(image).bind(project).fetch_one(&mut **write).await?.try_get(0)?;
    add_step(write, image, project, ShareStep::Expired, (at_ms, 0)).await?;
    let text = "delete from image_members where image_id = $1 and project_id = $2";
    Ok(sql!(text, image, project).run(write).await? == 1)
}

/// Writes a step of a share that is there, and forgets the oldest beyond [`KEPT_STEPS_OF_SHARE`] and [`KEPT_STEPS`]. `at` is its time, and its place among
/// others of this moment.
pub(super) async fn add_step(
    write: &mut Write,
    image: ImageId,
    project: ProjectId,
    step: ShareStep,
    (at_ms, place): (i64, u8),
) -> Result<()> {
    let id = format!("{}{place:x}{}", first_id(at_ms), JobId::new());
    sql!(
        "insert into share_events \
         (id, image_id, image_name, owner, project_id, at_ms, step, expires_ms, reason, withheld, told) \
         select $1, i.id, i.name, i.owner, m.project_id, $4, $5, m.expires_ms, m.reason, \
           case when i.visibility = 'shared' and i.public_hold is null then 0 else 1 end, $6 \
         from image_members m join images i on i.id = m.image_id where m.image_id = $2 and m.project_id = $3",
        id,
        image,
        project,
        at_ms,
        step,
        // Steps of people are requests, which the audit has anyhow.
        i64::from(step != ShareStep::Expired)
    )
    .run(write)
    .await?;
    // First its own: no receiver takes the place of the others with answers that it changes.
    let text = "delete from share_events where image_id = $1 and project_id = $2 and told = 1 and id <= \
                (select id from share_events where image_id = $1 and project_id = $2 order by id desc limit 1 offset $3)";
    sql!(text, image, project, i64::from(KEPT_STEPS_OF_SHARE)).run(write).await?;
    let text = "delete from share_events where image_id = $1 and told = 1 and id <= \
                (select id from share_events where image_id = $1 order by id desc limit 1 offset $2)";
    sql!(text, image, i64::from(KEPT_STEPS)).run(write).await.map(drop)
}

/// Counts launches and downloads of a project that the image is shared with.
pub(super) async fn count_use(
    write: &mut Write,
    image: ImageId,
    by: ProjectId,
    launches: i64,
    downloads: i64,
) -> Result<()> {
    let text = "insert into share_uses (image_id, project_id, launches, downloads, last_ms) \
        select image_id, project_id, cast($3 as bigint), cast($4 as bigint), cast($5 as bigint) from image_members \
        where image_id = $1 and project_id = $2 \
        on conflict (image_id, project_id) do update set launches = share_uses.launches + excluded.launches, \
        downloads = share_uses.downloads + excluded.downloads, last_ms = excluded.last_ms";
    if sql!(text, image, by, launches, downloads, now_ms()).run(write).await? == 0 {
        return Ok(());
    }
    let text = "delete from share_uses where image_id = $1 and project_id in (select project_id from share_uses \
                where image_id = $1 order by last_ms desc, project_id limit 1000 offset $2)";
    sql!(text, image, i64::from(KEPT_USES)).run(write).await.map(drop)
}

/// Forgets the history and the use of an image that is deleted.
pub(super) async fn forget_of(write: &mut Write, image: ImageId) -> Result<()> {
    // An end that the audit does not have yet is told first; no list shows it without its image.
    sql!("delete from share_events where image_id = $1 and told = 1", image).run(write).await?;
    sql!("delete from share_uses where image_id = $1", image).run(write).await.map(drop)
}

/// The lowest id of the steps of a moment.
fn first_id(at_ms: i64) -> String {
    format!("{:012x}", at_ms.max(0))
}

impl FromRow<'_, AnyRow> for Share {
    fn from_row(row: &AnyRow) -> sqlx::Result<Share> {
        Ok(Share {
            project: row.try_get("project_id")?,
            project_name: row.try_get("project_name")?,
            status: row.try_get("status")?,
            terms: Terms {
                expires_ms: row.try_get("expires_ms")?,
                reason: row.try_get("reason")?,
                note: row.try_get("note")?,
            },
            created_ms: row.try_get("created_ms")?,
            updated_ms: row.try_get("updated_ms")?,
            launches: row.try_get("launches")?,
            downloads: row.try_get("downloads")?,
        })
    }
}

from_row!(Offer { image = "id", name, owner, owner_name, note, expires_ms, created_ms });
from_row!(ShareEvent { id, image = "image_id", image_name, project = "project_id", at_ms, step, expires_ms, reason });
from_row!(ShareUse { image = "image_id", project = "project_id", launches, downloads, last_ms });
from_row!(Due { image = "image_id", project = "project_id" });
from_row!(UntoldEnd { id, image = "image_id", project = "project_id", owner });
