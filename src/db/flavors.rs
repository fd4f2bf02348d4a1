//! Flavors and who sees them.

use std::collections::BTreeMap;

use sqlx::{Row as _, any::AnyRow};

use super::{
    Database,
    columns::{count, flag, json},
    is_duplicate, now_ms,
};
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
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(project).fetch_all(self.reads()).await?;
        rows.iter().map(flavor).collect()
    }

    /// The flavor of this id.
    pub async fn flavor(&self, id: &str) -> Result<Option<Flavor>> {
        let text = format!("select {COLUMNS} from flavors where id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(self.reads()).await?;
        row.as_ref().map(flavor).transpose()
    }

    /// Adds a flavor; `Conflict` when its id or name is taken.
    pub async fn add_flavor(&self, flavor: &Flavor) -> Result<()> {
        let mut write = self.write().await?;
        let added = sqlx::query(
            "insert into flavors (id, name, vcpus, memory_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, \
             is_public, description, extra_specs, created_ms) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(&flavor.id)
        .bind(&flavor.name)
        .bind(i64::from(flavor.vcpus))
        .bind(flavor.memory_mib as i64)
        .bind(flavor.disk_gib as i64)
        .bind(flavor.ephemeral_gib as i64)
        .bind(flavor.swap_mib as i64)
        .bind(flavor.rxtx_factor)
        .bind(i64::from(flavor.is_public))
        .bind(flavor.description.as_deref())
        .bind(serde_json::to_string(&flavor.extra_specs).map_err(Error::internal)?)
        .bind(now_ms())
        .execute(&mut *write)
        .await;
        match added {
            Ok(_) => Ok(write.commit().await?),
            Err(error) if is_duplicate(&error) => {
                Err(Error::Conflict(format!("Flavor with name {} or ID {} already exists.", flavor.name, flavor.id)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a flavor's description; says whether there was one of this id.
    pub async fn describe_flavor(&self, id: &str, description: Option<&str>) -> Result<bool> {
        let mut write = self.write().await?;
        let changed = sqlx::query("update flavors set description = $2 where id = $1")
            .bind(id)
            .bind(description)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Deletes a flavor; says whether there was one of this id. Instances made with it keep their copy.
    pub async fn delete_flavor(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        sqlx::query("delete from flavor_access where flavor_id = $1").bind(id).execute(&mut *write).await?;
        let gone = sqlx::query("delete from flavors where id = $1").bind(id).execute(&mut *write).await?;
        write.commit().await?;
        Ok(gone.rows_affected() == 1)
    }

    /// Changes a flavor's extra specs, one change at a time; `None` when there is no such flavor.
    pub async fn change_extra_specs(
        &self,
        id: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<()>,
    ) -> Result<Option<BTreeMap<String, String>>> {
        let mut write = self.write().await?;
        // Touching the row first locks it on PostgreSQL; on SQLite the transaction already excludes other writers.
        let locked = sqlx::query("update flavors set id = id where id = $1").bind(id).execute(&mut *write).await?;
        if locked.rows_affected() == 0 {
            return Ok(None);
        }
        let text: String = sqlx::query("select extra_specs from flavors where id = $1")
            .bind(id)
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        let mut specs = serde_json::from_str(&text).map_err(Error::internal)?;
        change(&mut specs)?;
        sqlx::query("update flavors set extra_specs = $2 where id = $1")
            .bind(id)
            .bind(serde_json::to_string(&specs).map_err(Error::internal)?)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(Some(specs))
    }

    /// The projects that see a flavor which is not public.
    pub async fn flavor_access(&self, id: &str) -> Result<Vec<ProjectId>> {
        let rows = sqlx::query("select project_id from flavor_access where flavor_id = $1 order by project_id")
            .bind(id)
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(|row| row.try_get::<String, _>(0)?.parse().map_err(Error::internal)).collect()
    }

    /// Lets a project see a flavor; says whether it did not before.
    pub async fn add_flavor_access(&self, id: &str, project: ProjectId) -> Result<bool> {
        let mut write = self.write().await?;
        let added = sqlx::query("insert into flavor_access values ($1, $2) on conflict do nothing")
            .bind(id)
            .bind(project.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(added.rows_affected() == 1)
    }

    /// Ends a project's sight of a flavor; says whether it had it.
    pub async fn remove_flavor_access(&self, id: &str, project: ProjectId) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sqlx::query("delete from flavor_access where flavor_id = $1 and project_id = $2")
            .bind(id)
            .bind(project.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(gone.rows_affected() == 1)
    }
}

fn flavor(row: &AnyRow) -> Result<Flavor> {
    Ok(Flavor {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        vcpus: count(row, "vcpus")?,
        memory_mib: count(row, "memory_mib")?,
        disk_gib: count(row, "disk_gib")?,
        ephemeral_gib: count(row, "ephemeral_gib")?,
        swap_mib: count(row, "swap_mib")?,
        rxtx_factor: row.try_get("rxtx_factor")?,
        is_public: flag(row, "is_public")?,
        description: row.try_get("description")?,
        extra_specs: json(row, "extra_specs")?,
    })
}
