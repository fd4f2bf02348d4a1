//! Flavors and who sees them.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::{Database, columns::from_row, now_ms, statement::sql};
use crate::{
    error::{Error, Result},
    ids::ProjectId,
    model::flavor::{Flavor, FlavorsSeen},
};

const COLUMNS: &str = "id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, is_public, \
                       description, extra_specs";

impl Database {
    /// Every flavor that is seen so, the smallest first.
    pub async fn flavors(&self, seen: FlavorsSeen) -> Result<Vec<Flavor>> {
        let (filter, project) = match seen {
            FlavorsSeen::By(project) => (
                "is_public = 1 or id in (select flavor_id from flavor_access where project_id = $1)",
                project.to_string(),
            ),
            FlavorsSeen::Public => ("is_public = 1 and $1 = ''", String::new()),
            FlavorsSeen::NotPublic => ("is_public = 0 and $1 = ''", String::new()),
            FlavorsSeen::All => ("$1 = ''", String::new()),
        };
        let text = format!("select {COLUMNS} from flavors where {filter} order by memory_mib, vcpus, id");
        sql!(sqlx::AssertSqlSafe(text), project).rows(self).await
    }

    /// The flavor of this id.
    pub async fn flavor(&self, id: &str) -> Result<Option<Flavor>> {
        let text = format!("select {COLUMNS} from flavors where id = $1");
        sql!(sqlx::AssertSqlSafe(text), id).row(self).await
    }

    /// Adds a flavor; `Conflict` when its id or name is taken.
    pub async fn add_flavor(&self, flavor: &Flavor) -> Result<()> {
        let mut write = self.write().await?;
        let added = sql!(
            "insert into flavors (id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, \
             is_public, description, extra_specs, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            &flavor.id,
            &flavor.name,
            i64::from(flavor.vcpus),
            flavor.memory_mib as i64,
            flavor.disk_gib as i64,
            flavor.ephemeral_gib as i64,
            flavor.swap_mib as i64,
            flavor.rxtx_factor,
            i64::from(flavor.is_public),
            &flavor.description,
            serde_json::to_string(&flavor.extra_specs).map_err(Error::internal)?,
            now_ms()
        );
        match added.run_unless_taken(&mut write).await? {
            Some(_) => Ok(write.commit().await?),
            None => {
                Err(Error::Conflict(format!("Flavor with name {} or ID {} already exists.", flavor.name, flavor.id)))
            }
        }
    }

    /// Changes a flavor's description; says whether there was one of this id.
    pub async fn describe_flavor(&self, id: &str, description: Option<&str>) -> Result<bool> {
        let text = "update flavors set description = $2 where id = $1";
        sql!(text, id, description).commit(self).await.map(|rows| rows == 1)
    }

    /// Deletes a flavor; says whether there was one of this id. Instances made with it keep their copy.
    pub async fn delete_flavor(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        sql!("delete from flavor_access where flavor_id = $1", id).run(&mut write).await?;
        let gone = sql!("delete from flavors where id = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }

    /// Changes a flavor's extra specs, one change at a time; `None` when there is no such flavor.
    pub async fn change_extra_specs(
        &self,
        id: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<()>,
    ) -> Result<Option<BTreeMap<String, String>>> {
        let mut write = self.write().await?;
        // Touching the row first locks it on PostgreSQL; on SQLite the transaction already excludes other writers.
        let locked = sql!("update flavors set id = id where id = $1", id).run(&mut write).await?;
        if locked == 0 {
            return Ok(None);
        }
        let text: String = sqlx::query("select extra_specs from flavors where id = $1")
            .bind(id)
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        let mut specs = serde_json::from_str(&text).map_err(Error::internal)?;
        change(&mut specs)?;
        let text = "update flavors set extra_specs = $2 where id = $1";
        sql!(text, id, serde_json::to_string(&specs).map_err(Error::internal)?).run(&mut write).await?;
        write.commit().await?;
        Ok(Some(specs))
    }

    /// The projects that see a flavor which is not public.
    pub async fn flavor_access(&self, id: &str) -> Result<Vec<ProjectId>> {
        sql!("select project_id from flavor_access where flavor_id = $1 order by project_id", id).column(self).await
    }

    /// Lets a project see a flavor; says whether it did not before.
    pub async fn add_flavor_access(&self, id: &str, project: ProjectId) -> Result<bool> {
        let text = "insert into flavor_access values ($1, $2) on conflict do nothing";
        sql!(text, id, project).commit(self).await.map(|rows| rows == 1)
    }

    /// Ends a project's sight of a flavor; says whether it had it.
    pub async fn remove_flavor_access(&self, id: &str, project: ProjectId) -> Result<bool> {
        let text = "delete from flavor_access where flavor_id = $1 and project_id = $2";
        sql!(text, id, project).commit(self).await.map(|rows| rows == 1)
    }
}

from_row!(Flavor {
    id, name, vcpus as count, memory_mib as count, disk_gib as count, ephemeral_gib as count, swap_mib as count,
    rxtx_factor, is_public as flag, description, extra_specs as json,
});
