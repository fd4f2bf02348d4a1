//! Channels, their releases and their history.
//!
//! The current release is the image of a channel that is not hidden. A promotion hides one and shows the other in one
//! transaction, and `images_current`, an index, refuses a second one.

use sqlx::{AssertSqlSafe, FromRow, Row as _, any::AnyRow};

use super::{
    Database, Write,
    columns::from_row,
    image_usage,
    images::{AFTER_COLUMNS, COLUMNS, update, write_labels},
    members, now_ms, shares,
    statement::sql,
};
use crate::{
    error::{Error, Result},
    ids::{ChannelId, ImageId, ProjectId},
    model::{
        Step,
        channel::{Channel, ChannelStep, ChannelsWanted, Promotion, Release, ReleaseInstance},
        image::Image,
        share::ShareStep,
    },
};

/// The columns of a release, after those of its image.
const OF_RELEASE: &str = "m.status, r.number, r.replaced, r.former_name, r.notes, r.created_ms";
/// The place after the last of them.
const AFTER_RELEASE: usize = AFTER_COLUMNS + 6;
const OF_CHANNEL: &str = "c.id, c.project_id, c.name, c.last_number, c.deprecate_ms, c.retire_ms, c.created_ms";

impl Database {
    /// Channels with their current releases, by name: those of a project, and those of others whose current release it sees
    /// in its lists. The rules have the last word ([`crate::model`] knows none).
    pub async fn channels(&self, wanted: &ChannelsWanted) -> Result<Vec<(Channel, Release)>> {
        let project = wanted.project.map(|project| project.to_string()).unwrap_or_default();
        let (name, id) = wanted.after.clone().map_or_else(Default::default, |(name, id)| (name, id.to_string()));
        let live = members::live("$7");
        let text = format!(
            "select {COLUMNS}, {OF_RELEASE}, {OF_CHANNEL} from channels c \
             join images i on i.channel_id = c.id and i.hidden = 0 and i.status <> 'deleted' \
             join releases r on r.image_id = i.id \
             left join image_members m on m.image_id = i.id and m.project_id = $1 and {live} \
             where ($2 = 1 or c.project_id = $1 or (i.public_hold is null and (i.visibility = 'public' \
               or (i.visibility = 'community' and $3 <> '') or (i.visibility = 'shared' and m.status <> 'rejected')))) \
             and ($3 = '' or c.id = $3 or c.name = $3) and (c.name > $4 or (c.name = $4 and c.id > $5)) \
             order by c.name, c.id limit $6"
        );
        let named = wanted.named.clone().unwrap_or_default();
        let limit = i64::from(wanted.limit);
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(project)
            .bind(i64::from(wanted.all))
            .bind(named)
            .bind(name)
            .bind(id)
            .bind(limit)
            .bind(now_ms())
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(|row| Ok((channel_of(row, AFTER_RELEASE)?, Release::from_row(row)?))).collect()
    }

    /// The releases of a channel that are not deleted, the newest first, as this project sees them.
    pub async fn releases(&self, channel: ChannelId, project: Option<ProjectId>) -> Result<Vec<Release>> {
        let project = project.map(|project| project.to_string()).unwrap_or_default();
        let text = format!(
            "select {COLUMNS}, {OF_RELEASE} from releases r join images i on i.id = r.image_id and i.status <> 'deleted' \
             left join image_members m on m.image_id = i.id and m.project_id = $2 and {} \
             where r.channel_id = $1 order by r.number desc",
            members::live("$3")
        );
        sql!(AssertSqlSafe(text), channel, project, now_ms()).rows(self).await
    }

    /// The name of the channel that an image is a release of.
    pub async fn channel_name(&self, channel: ChannelId) -> Result<Option<String>> {
        Ok(sql!("select name from channels where id = $1", channel).column(self).await?.pop())
    }

    /// Adds a channel with its first release, unless its project has `most` of them.
    ///
    /// # Errors
    /// `Conflict` for a name that the project's channels or listed images have; `OverQuota`.
    pub async fn add_channel(&self, channel: &Channel, first: &Promotion, most: i64) -> Result<Step> {
        let mut write = self.write().await?;
        // The image comes first, as where one is deleted; then no image gets the name meanwhile, and no two channels find the last place.
        sql!("update images set id = id where id = $1", first.image.id).run(&mut write).await?;
        image_usage::lock(&mut write, channel.project).await?;
        let held: i64 = sqlx::query("select count(*) from channels where project_id = $1")
            .bind(channel.project)
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        if held >= most {
            return Err(Error::OverQuota(format!("The project has {held} of {most} channels: delete one first.")));
        }
        let added = sql!(
            "insert into channels (id, project_id, name, last_number, created_ms) values ($1, $2, $3, 0, $4)",
            channel.id,
            channel.project,
            &channel.name,
            channel.created_ms
        );
        if added.run_unless_taken(&mut write).await?.is_none() {
            let message = format!("The project has a channel '{}' already: promote the image there.", channel.name);
            return Err(Error::Conflict(message));
        }
        let twin = sqlx::query(
            "select id from images where owner = $1 and coalesce(name, '') = $2 and hidden = 0 and status <> 'deleted' \
             and id <> $3 limit 1",
        )
        .bind(channel.project)
        .bind(channel.name.clone())
        .bind(first.image.id)
        .fetch_optional(&mut *write)
        .await?;
        if let Some(twin) = twin {
            let (twin, name) = (twin.try_get::<ImageId, _>(0)?, &channel.name);
            return Err(Error::Conflict(format!(
                "Image {twin} of the project is listed as '{name}' already: rename it or hide it (os_hidden), or make the \
                 channel with it."
            )));
        }
        self.finish(write, first, i64::MAX).await
    }

    /// Makes a release the current one: at one moment the one before is hidden and this one is listed under the channel's name.
    /// It is a new release unless it is one of the channel already.
    ///
    /// # Errors
    /// `OverQuota` when the channel has `most` releases; `TooLarge` when it would have too many members.
    pub async fn promote(&self, promotion: &Promotion, most: i64) -> Result<Step> {
        let write = self.write().await?;
        self.finish(write, promotion, most).await
    }

    async fn finish(&self, mut write: Write, promotion: &Promotion, most: i64) -> Result<Step> {
        let Promotion { channel, from, image, .. } = promotion;
        // Touching the row first locks it on PostgreSQL: one step of a channel after the other.
        let taken = sql!("update channels set id = id where id = $1", channel).run(&mut write).await?;
        if taken == 0 || !hide(&mut write, promotion).await? {
            return Ok(Step::Lost);
        }
        if update(&mut write, image).await? == Step::Lost {
            return Ok(Step::Lost);
        }
        write_labels(&mut write, image).await?;
        let number = number_of(&mut write, promotion, most).await?;
        sql!(
            "update images set channel_id = $2, release_number = $3, \
             deprecate_ms = (select deprecate_ms from channels where id = $2), \
             retire_ms = (select retire_ms from channels where id = $2) where id = $1",
            image.id,
            channel,
            number
        )
        .run(&mut write)
        .await?;
        if let Some(from) = from {
            copy_members(&mut write, from.id, image.id, promotion.most_members).await?;
        }
        add_step(&mut write, promotion, number).await?;
        write.commit().await?;
        Ok(Step::Done)
    }

    /// Deletes a channel. Its images stay as they are: the current one listed, the others hidden.
    pub async fn delete_channel(&self, channel: ChannelId) -> Result<Step> {
        let mut write = self.write().await?;
        // The channel first, then images, then releases: as in every step.
        sql!("update channels set id = id where id = $1", channel).run(&mut write).await?;
        let text = "update images set channel_id = null, release_number = null, deprecate_ms = null, \
                    retire_ms = null, revision = revision + 1 where channel_id = $1";
        sql!(text, channel).run(&mut write).await?;
        let gone = sql!("delete from channels where id = $1", channel).run(&mut write).await?;
        write.commit().await?;
        Ok(Step::of(gone))
    }

    /// Sets when a channel and all of its releases are deprecated and withdrawn.
    pub async fn set_channel_dates(
        &self,
        channel: ChannelId,
        deprecate_ms: Option<i64>,
        retire_ms: Option<i64>,
    ) -> Result<Step> {
        let mut write = self.write().await?;
        let text = "update channels set deprecate_ms = $2, retire_ms = $3 where id = $1";
        let found = sql!(text, channel, deprecate_ms, retire_ms).run(&mut write).await?;
        let text = "update images set deprecate_ms = $2, retire_ms = $3, updated_ms = $4, revision = revision + 1 \
                    where channel_id = $1 and status <> 'deleted'";
        sql!(text, channel, deprecate_ms, retire_ms, now_ms()).run(&mut write).await?;
        write.commit().await?;
        Ok(Step::of(found))
    }

    /// Sets the notes of a release, and when it is deprecated and withdrawn. The dates of one that is current are the
    /// channel's: then they are lost.
    pub async fn set_release(&self, image: &Image, notes: &str) -> Result<Step> {
        let mut write = self.write().await?;
        let text = "update images set deprecate_ms = $3, retire_ms = $4, updated_ms = $5, revision = revision + 1 \
                    where id = $1 and revision = $2 and status <> 'deleted'";
        let changed =
            sql!(text, image.id, image.revision, image.deprecate_ms, image.retire_ms, now_ms()).run(&mut write).await?;
        if changed == 1 {
            sql!("update releases set notes = $2 where image_id = $1", image.id, notes).run(&mut write).await?;
            write.commit().await?;
        }
        Ok(Step::of(changed))
    }

    /// The last steps of a channel, the latest first.
    pub async fn channel_steps(&self, channel: ChannelId, limit: u32) -> Result<Vec<ChannelStep>> {
        let text = "select step, at_ms, action, number, replaced, image_id, reason, user_id, user_name \
                    from channel_steps where channel_id = $1 order by step desc limit $2";
        sql!(text, channel, i64::from(limit)).rows(self).await
    }

    /// The instances of a project that run a release of the channel which is not the current one.
    pub async fn instances_on_older(
        &self,
        channel: ChannelId,
        project: ProjectId,
        limit: u32,
    ) -> Result<Vec<ReleaseInstance>> {
        let text = "select n.id, n.name, n.image_id, i.release_number as number from images i \
                    join instances n on n.image_id = i.id and n.status <> 'DELETED' \
                    where i.channel_id = $1 and i.hidden = 1 and n.project_id = $2 order by n.name, n.id limit $3";
        sql!(text, channel, project, i64::from(limit)).rows(self).await
    }

    /// How many such instances all other projects have.
    pub async fn count_on_older_elsewhere(&self, channel: ChannelId, besides: &str) -> Result<i64> {
        let text = "select count(*) from images i join instances n on n.image_id = i.id and n.status <> 'DELETED' \
                    where i.channel_id = $1 and i.hidden = 1 and n.project_id <> $2";
        Ok(sql!(text, channel, besides).column(self).await?.pop().unwrap_or_default())
    }

    /// Withdraws the releases whose time is over; how many there were.
    pub async fn retire_releases(&self, now_ms: i64) -> Result<u64> {
        let due = "select 1 from images where retire_ms <= $1 and status = 'active' limit 1";
        if sql!(due, now_ms).column::<i64>(self).await?.is_empty() {
            return Ok(0);
        }
        let text = "update images set status = 'deactivated', updated_ms = $1, revision = revision + 1 \
                    where retire_ms <= $1 and status = 'active'";
        sql!(text, now_ms).commit(self).await
    }
}

/// Refuses an image of a name that a channel of its project gives to its releases, unless it is hidden. The transaction
/// has locked the project's usage, as one that adds a channel does.
pub(super) async fn leave_names(write: &mut Write, image: &Image) -> Result<()> {
    let (Some(name), false, None) = (&image.name, image.hidden, image.channel_id) else { return Ok(()) };
    let text = "select 1 from channels where project_id = $1 and name = $2";
    let taken = sqlx::query(text).bind(image.owner).bind(name.clone()).fetch_optional(&mut **write).await?;
    match taken {
        None => Ok(()),
        Some(_) => Err(Error::Conflict(format!(
            "Channel '{name}' of the project gives this name to its current release: name the image otherwise, and promote \
             it there."
        ))),
    }
}

/// Hides the release that is current, if it is still as it was read.
async fn hide(write: &mut Write, promotion: &Promotion) -> Result<bool> {
    let Some(from) = &promotion.from else { return Ok(true) };
    let text = "update images set hidden = 1, updated_ms = $4, revision = revision + 1 \
                where id = $1 and revision = $2 and channel_id = $3 and hidden = 0 and status <> 'deleted'";
    let hidden = sql!(text, from.id, from.revision, promotion.channel, promotion.now_ms).run(write).await?;
    Ok(hidden == 1)
}

/// The number of the release, which is written here: a new one, or the one that the image has already.
async fn number_of(write: &mut Write, promotion: &Promotion, most: i64) -> Result<i64> {
    let Promotion { channel, image, from, .. } = promotion;
    let replaced = from.as_ref().and_then(|from| from.release_number);
    if let Some(number) = image.release_number {
        if promotion.action == crate::model::channel::StepKind::Promoted {
            let text = "update releases set replaced = $3 where channel_id = $1 and number = $2";
            sql!(text, channel, number, replaced).run(write).await?;
        }
        return Ok(number);
    }
    let held: i64 = sqlx::query("select count(*) from releases where channel_id = $1")
        .bind(channel)
        .fetch_one(&mut **write)
        .await?
        .try_get(0)?;
    if held >= most {
        let message = format!("The channel has {held} of {most} releases: delete images of old ones first.");
        return Err(Error::OverQuota(message));
    }
    let text = "update channels set last_number = last_number + 1 where id = $1 returning last_number";
    let number: i64 = sqlx::query(text).bind(channel).fetch_one(&mut **write).await?.try_get(0)?;
    sql!(
        "insert into releases (channel_id, number, image_id, replaced, former_name, notes, created_ms) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        channel,
        number,
        image.id,
        replaced,
        &promotion.former_name,
        promotion.notes.clone().unwrap_or_default(),
        promotion.now_ms
    )
    .run(write)
    .await?;
    Ok(number)
}

/// Shares the one as the other is: nobody who sees the one before loses sight of the channel. A project that has decided about
/// the one stands by that.
async fn copy_members(write: &mut Write, from: ImageId, to: ImageId, most: i64) -> Result<()> {
    // Touching the rows locks them on PostgreSQL, so that no sharing that ends meanwhile is copied.
    sql!("update image_members set status = status where image_id = $1", from).run(write).await?;
    let now = now_ms();
    let text = "select project_id from image_members where image_id = $1 and expires_ms <= $2";
    for row in sqlx::query(text).bind(to).bind(now).fetch_all(&mut **write).await? {
        shares::expire(write, to, row.try_get(0)?, now).await?;
    }
    let text = "select project_id from image_members m where image_id = $1 and (expires_ms is null or expires_ms > $3) \
                and not exists (select 1 from image_members o where o.image_id = $2 and o.project_id = m.project_id) \
                order by project_id";
    let new = sqlx::query(text).bind(from).bind(to).bind(now).fetch_all(&mut **write).await?;
    // Where it is shared already, the later end holds: nobody loses sight of the channel before the other end.
    let text = "insert into image_members (image_id, project_id, status, created_ms, updated_ms, expires_ms, reason, note) \
                select $2, project_id, status, created_ms, updated_ms, expires_ms, reason, note from image_members \
                where image_id = $1 and (expires_ms is null or expires_ms > $3) \
                on conflict (image_id, project_id) do update set \
                status = case when image_members.status = 'pending' then excluded.status else image_members.status end, \
                updated_ms = case when image_members.status = 'pending' then excluded.updated_ms \
                  else image_members.updated_ms end, \
                expires_ms = case when excluded.expires_ms is null or excluded.expires_ms > image_members.expires_ms \
                  then excluded.expires_ms else image_members.expires_ms end";
    sql!(text, from, to, now).run(write).await?;
    for row in &new {
        shares::add_step(write, to, row.try_get(0)?, ShareStep::Shared, (now, 0)).await?;
    }
    let text = "select count(*) from image_members where image_id = $1 and (expires_ms is null or expires_ms > $2)";
    let count: i64 = sqlx::query(text).bind(to).bind(now).fetch_one(&mut **write).await?.try_get(0)?;
    if count <= most {
        return Ok(());
    }
    Err(Error::TooLarge(format!(
        "Image {to} would be shared with {count} projects, its own and those of the release before, and {most} is the most: \
         end some of its sharing first."
    )))
}

async fn add_step(write: &mut Write, promotion: &Promotion, number: i64) -> Result<()> {
    sql!(
        "insert into channel_steps (channel_id, step, at_ms, action, number, replaced, image_id, reason, user_id, user_name) \
         select $1, coalesce(max(step), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 from channel_steps where channel_id = $1",
        promotion.channel,
        promotion.now_ms,
        promotion.action,
        number,
        promotion.from.as_ref().and_then(|from| from.release_number),
        promotion.image.id,
        &promotion.reason,
        promotion.user_id,
        &promotion.user_name
    )
    .run(write)
    .await?;
    let text = "delete from channel_steps where channel_id = $1 \
                and step <= (select max(step) from channel_steps where channel_id = $1) - $2";
    sql!(text, promotion.channel, i64::from(KEPT_STEPS)).run(write).await.map(drop)
}

/// The steps of a channel that are kept: a promotion a day for almost three years.
pub const KEPT_STEPS: u32 = 1000;

fn channel_of(row: &AnyRow, at: usize) -> sqlx::Result<Channel> {
    Ok(Channel {
        id: row.try_get(at)?,
        project: row.try_get(at + 1)?,
        name: row.try_get(at + 2)?,
        last_number: row.try_get(at + 3)?,
        deprecate_ms: row.try_get(at + 4)?,
        retire_ms: row.try_get(at + 5)?,
        created_ms: row.try_get(at + 6)?,
    })
}

impl FromRow<'_, AnyRow> for Release {
    fn from_row(row: &AnyRow) -> sqlx::Result<Release> {
        Ok(Release {
            image: Image::of(row).map_err(|error| sqlx::Error::Decode(error.to_string().into()))?,
            membership: row.try_get(AFTER_COLUMNS)?,
            number: row.try_get(AFTER_COLUMNS + 1)?,
            replaced: row.try_get(AFTER_COLUMNS + 2)?,
            former_name: row.try_get(AFTER_COLUMNS + 3)?,
            notes: row.try_get(AFTER_COLUMNS + 4)?,
            created_ms: row.try_get(AFTER_COLUMNS + 5)?,
        })
    }
}

from_row!(ChannelStep { step, at_ms, action, number, replaced, image = "image_id", reason, user_id, user_name });
from_row!(ReleaseInstance { id, name, image = "image_id", number });
