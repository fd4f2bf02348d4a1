//! The projects that images are shared with.

use sqlx::Row as _;

use super::{Database, columns::from_row, now_ms, shares, statement::sql};
use crate::{
    error::{Error, Result},
    ids::{ImageId, ProjectId},
    model::{
        Step,
        image::Image,
        member::{Member, MemberStatus, RejectedImage, SharingProject},
        share::{ShareStep, Terms},
    },
};

const COLUMNS: &str = "image_id, project_id, status, created_ms, updated_ms";

from_row!(SharingProject { id, name });
from_row!(RejectedImage { image = "id", name, owner, rejected_ms = "updated_ms" });
from_row!(Member { image = "image_id", project = "project_id", status, created_ms, updated_ms });

impl Database {
    /// Shares the image with a project, unless it has changed since it was read; a private image becomes a shared one
    /// with it, held back as `shared` says.
    ///
    /// # Errors
    /// `Conflict` when it is shared with that project already, `TooLarge` when it has `at_most` members.
    pub async fn add_member(&self, member: &Member, shared: &Image, at_most: i64) -> Result<Step> {
        self.share(member, &Terms::default(), shared, at_most).await
    }

    /// The same on terms.
    ///
    /// # Errors
    /// As [`Database::add_member`].
    pub async fn share(&self, member: &Member, terms: &Terms, shared: &Image, at_most: i64) -> Result<Step> {
        let mut write = self.write().await?;
        let image = member.image.to_string();
        let done = sql!(
            "update images set visibility = 'shared', public_hold = $4, public_why = $5, updated_ms = $2, \
             revision = revision + 1 where id = $1 and revision = $3 and status <> 'deleted'",
            &image,
            now_ms(),
            shared.revision,
            shared.public_hold,
            &shared.public_why
        )
        .run(&mut write)
        .await?;
        if done == 0 {
            return Ok(Step::Lost);
        }
        // One whose end has come is none, though the clock has not taken it yet.
        shares::expire(&mut write, member.image, member.project, now_ms()).await?;
        let inserted = sql!(
            "insert into image_members (image_id, project_id, status, created_ms, updated_ms, expires_ms, reason, note) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            &image,
            member.project,
            member.status,
            member.created_ms,
            member.updated_ms,
            terms.expires_ms,
            &terms.reason,
            &terms.note
        );
        if inserted.run_unless_taken(&mut write).await?.is_none() {
            let message = format!("image {image} is shared with project {} already", member.project);
            return Err(Error::Conflict(message));
        }
        let at_ms = member.created_ms;
        shares::add_step(&mut write, member.image, member.project, ShareStep::Shared, (at_ms, 1)).await?;
        if member.status != MemberStatus::Pending {
            shares::add_step(&mut write, member.image, member.project, member.status.into(), (at_ms, 2)).await?;
        }
        let count = sqlx::query(
            "select count(*) from image_members where image_id = $1 and (expires_ms is null or expires_ms > $2)",
        )
        .bind(image)
        .bind(now_ms())
        .fetch_one(&mut *write)
        .await?;
        if count.try_get::<i64, _>(0)? > at_most {
            return Err(Error::TooLarge(format!("an image can be shared with at most {at_most} projects")));
        }
        write.commit().await?;
        Ok(Step::Done)
    }

    /// Everybody the image is shared with, in the order they were added.
    pub async fn members(&self, image: ImageId) -> Result<Vec<Member>> {
        let sql = format!(
            "select {COLUMNS} from image_members m where image_id = $1 and {} order by created_ms, project_id",
            live("$2")
        );
        sql!(sqlx::AssertSqlSafe(sql), image, now_ms()).rows(self).await
    }

    /// The projects that share with this one, and those that have accepted what it shares, by name: no other project's
    /// name is told to it. One that has not answered may be any project whose id somebody guessed.
    pub async fn sharing_projects(&self, project: ProjectId, limit: u32) -> Result<Vec<SharingProject>> {
        let live = live("$3");
        let text = format!(
            "select id, name from projects where id in (\
               select i.owner from image_members m join images i on i.id = m.image_id where m.project_id = $1 and {live} \
                 and i.visibility = 'shared' and i.public_hold is null and i.status <> 'deleted' \
               union select m.project_id from image_members m join images i on i.id = m.image_id \
                 where i.owner = $1 and i.status <> 'deleted' and m.status = 'accepted' and {live}) \
             order by name, id limit $2"
        );
        sql!(sqlx::AssertSqlSafe(text), project, i64::from(limit), now_ms()).rows(self).await
    }

    /// The images of others that the project has rejected, the latest first.
    pub async fn rejected_images(&self, project: ProjectId, limit: u32) -> Result<Vec<RejectedImage>> {
        let text = "select i.id, i.name, i.owner, m.updated_ms from image_members m \
             join images i on i.id = m.image_id where m.project_id = $1 and m.status = 'rejected' \
             and i.visibility = 'shared' and i.public_hold is null and i.status <> 'deleted' and i.owner <> $1 \
             and (m.expires_ms is null or m.expires_ms > $3) order by m.updated_ms desc, i.id limit $2";
        sql!(text, project, i64::from(limit), now_ms()).rows(self).await
    }

    /// One member.
    pub async fn member(&self, image: ImageId, project: ProjectId) -> Result<Option<Member>> {
        let sql =
            format!("select {COLUMNS} from image_members m where image_id = $1 and project_id = $2 and {}", live("$3"));
        sql!(sqlx::AssertSqlSafe(sql), image, project, now_ms()).row(self).await
    }

    /// Notes what a project has made of an image.
    pub async fn set_member_status(&self, image: ImageId, project: ProjectId, status: MemberStatus) -> Result<Step> {
        let mut write = self.write().await?;
        let now = now_ms();
        let text = "select status from image_members where image_id = $1 and project_id = $2";
        let before = sqlx::query(text).bind(image).bind(project).fetch_optional(&mut *write).await?;
        let before: Option<MemberStatus> = before.map(|row| row.try_get(0)).transpose()?;
        let text = "update image_members set status = $3, updated_ms = $4 where image_id = $1 and project_id = $2 \
                    and (expires_ms is null or expires_ms > $4)";
        if sql!(text, image, project, status, now).run(&mut write).await? == 0 {
            return Ok(Step::Lost);
        }
        if before != Some(status) {
            shares::add_step(&mut write, image, project, status.into(), (now, 0)).await?;
        }
        write.commit().await?;
        Ok(Step::Done)
    }

    /// Ends the sharing with a project.
    pub async fn remove_member(&self, image: ImageId, project: ProjectId) -> Result<Step> {
        let mut write = self.write().await?;
        let now = now_ms();
        // The step is of a share that is there: it comes before the end of the row.
        shares::add_step(&mut write, image, project, ShareStep::Ended, (now, 0)).await?;
        let text = "delete from image_members where image_id = $1 and project_id = $2 and (expires_ms is null or expires_ms > $3)";
        if sql!(text, image, project, now).run(&mut write).await? == 0 {
            return Ok(Step::Lost);
        }
        write.commit().await?;
        Ok(Step::Done)
    }
}

/// Whether the member `m` still is one at the time of this place.
pub(super) fn live(now: &str) -> String {
    format!("(m.expires_ms is null or m.expires_ms > {now})")
}
