//! Server groups and their members.

use sqlx::Row as _;

use super::{Database, Write, columns::from_row, instances::take_turn, statement::sql};
use crate::{
    error::{Error, Result},
    ids::{InstanceId, ProjectId, ServerGroupId},
    model::server_group::{FullServerGroup, ServerGroup},
};

const COLUMNS: &str = "id, project_id, user_id, name, policy, on_a_host, created_ms";

impl Database {
    /// A page of the server groups of a project, or of all, by age.
    pub async fn server_groups(
        &self,
        project: Option<ProjectId>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<FullServerGroup>> {
        let page = format!("order by created_ms, id limit {limit} offset {offset}");
        let found: Vec<ServerGroup> = match project {
            Some(project) => {
                let text = format!("select {COLUMNS} from server_groups where project_id = $1 {page}");
                sql!(sqlx::AssertSqlSafe(text), project).rows(self).await?
            }
            None => sql!(sqlx::AssertSqlSafe(format!("select {COLUMNS} from server_groups {page}"))).rows(self).await?,
        };
        let mut groups = Vec::with_capacity(found.len());
        for group in found {
            groups.push(self.with_members(group).await?);
        }
        Ok(groups)
    }

    /// How many server groups a project has.
    pub async fn count_server_groups(&self, project: ProjectId) -> Result<u64> {
        let text = "select count(*) from server_groups where project_id = $1";
        let held: i64 = sqlx::query_scalar(text).bind(project).fetch_one(self.reads()).await?;
        Ok(held as u64)
    }

    /// A server group.
    pub async fn server_group(&self, id: ServerGroupId) -> Result<Option<FullServerGroup>> {
        let text = format!("select {COLUMNS} from server_groups where id = $1");
        match sql!(sqlx::AssertSqlSafe(text), id).row(self).await? {
            Some(group) => Ok(Some(self.with_members(group).await?)),
            None => Ok(None),
        }
    }

    async fn with_members(&self, group: ServerGroup) -> Result<FullServerGroup> {
        let text = "select id from instances where server_group = $1 and status <> 'DELETED' order by created_ms, id";
        let members: Vec<InstanceId> = sql!(text, group.id).column(self).await?;
        Ok(FullServerGroup { group, members })
    }

    /// Adds a server group, unless its project has `most` of them.
    ///
    /// # Errors
    /// `OverQuota`.
    pub async fn add_server_group(&self, group: &ServerGroup, most: u64) -> Result<()> {
        let mut write = self.write().await?;
        // Two at once would both find room for one.
        take_turn(&mut write, &format!("project {}", group.project_id)).await?;
        let held: i64 = sqlx::query("select count(*) from server_groups where project_id = $1")
            .bind(group.project_id)
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        if held as u64 >= most {
            return Err(Error::OverQuota(format!(
                "Quota exceeded, too many server groups: the project has {held} of {most}; delete one first."
            )));
        }
        sql!(
            "insert into server_groups (id, project_id, user_id, name, policy, on_a_host, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7)",
            group.id,
            group.project_id,
            group.user_id,
            &group.name,
            group.policy,
            group.on_a_host,
            group.created_ms
        )
        .run(&mut write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Deletes a server group, whose members belong to none then; says whether there was one.
    pub async fn delete_server_group(&self, id: ServerGroupId) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sql!("delete from server_groups where id = $1", id).run(&mut write).await?;
        sql!("update instances set server_group = null where server_group = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }
}

/// How many more members a group takes. The caller has the project's turn, so that no two launches take the same room.
pub(super) async fn room_in(write: &mut Write, id: ServerGroupId) -> Result<u64> {
    // Touching the row first locks it on PostgreSQL, so that it is not deleted meanwhile.
    let text = format!("update server_groups set id = id where id = $1 returning {COLUMNS}");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(&mut **write).await?;
    let Some(row) = row else {
        return Err(Error::Invalid(format!("Instance group {id} could not be found.")));
    };
    let group = <ServerGroup as sqlx::FromRow<_>>::from_row(&row)?;
    let Some(room) = group.room() else { return Ok(u64::MAX) };
    let held: i64 = sqlx::query("select count(*) from instances where server_group = $1 and status <> 'DELETED'")
        .bind(id)
        .fetch_one(&mut **write)
        .await?
        .try_get(0)?;
    Ok(room.saturating_sub(held as u64))
}

from_row!(ServerGroup { id, project_id, user_id, name, policy, on_a_host, created_ms });
