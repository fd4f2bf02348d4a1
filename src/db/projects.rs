//! Projects.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, Write, columns::flag, is_duplicate};
use crate::{
    error::Result,
    model::people::{Project, Projects},
};

/// One list of columns for every question about projects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select p.id, p.domain_id, p.name, p.description, p.enabled, p.tags, p.parent_id from projects p ",
            $rest
        )
    };
}

/// The projects below target `$1`, `$2` of an inherited grant.
const BELOW: &str = "
    with recursive below (id) as (
        select id from projects
         where ($1 = 'below-project' and parent_id = $2) or ($1 = 'below-domain' and domain_id = $2)
        union
        select p.id from projects p join below b on p.parent_id = b.id
    )
    select id from below order by id";

impl Database {
    /// One project by its id.
    pub(crate) async fn project(&self, id: &str) -> Result<Option<Project>> {
        let row = sqlx::query(select!("where p.id = $1")).bind(id).fetch_optional(self.reads()).await?;
        Ok(row.as_ref().map(project).transpose()?)
    }

    /// One project by its name and its domain's id or name.
    pub(crate) async fn project_named(&self, name: &str, domain: &str) -> Result<Option<Project>> {
        let row = sqlx::query(select!(
            "join domains d on d.id = p.domain_id where p.name = $1 and (d.id = $2 or d.name = $2)
             order by case when d.id = $2 then 0 else 1 end"
        ))
        .bind(name)
        .bind(domain)
        .fetch_optional(self.reads())
        .await?;
        Ok(row.as_ref().map(project).transpose()?)
    }

    /// Projects in the order of their names.
    pub(crate) async fn projects(&self, wanted: &Projects<'_>) -> Result<Vec<Project>> {
        let rows = sqlx::query(select!(
            "where (cast($1 as text) is null or p.domain_id = $1) and (cast($2 as text) is null or p.name = $2)
               and (cast($3 as bigint) is null or p.enabled = $3)
               and (cast($4 as text) is null or p.id in (
                     with recursive granted (kind, id) as (
                       select g.target_kind, g.target_id from grants g
                        where (g.actor_kind = 'user' and g.actor_id = $4) or
                              (g.actor_kind = 'group' and g.actor_id in
                                 (select m.group_id from group_members m where m.user_id = $4))
                     ), below (id) as (
                       select c.id from projects c
                        where c.parent_id in (select id from granted where kind = 'below-project')
                           or c.domain_id in (select id from granted where kind = 'below-domain')
                       union
                       select c.id from projects c join below b on c.parent_id = b.id
                     )
                     select id from below union select id from granted where kind = 'project'))
               and (cast($7 as text) is null or p.parent_id = $7 or (p.parent_id is null and p.domain_id = $7))
               and (cast($5 as text) is null or
                    (p.name, p.id) > (select m.name, m.id from projects m where m.id = $5))
             order by p.name, p.id limit $6"
        ))
        .bind(wanted.domain_id)
        .bind(wanted.name)
        .bind(wanted.enabled.map(i64::from))
        .bind(wanted.user_id)
        .bind(wanted.marker)
        .bind(i64::from(wanted.limit))
        .bind(wanted.parent_id)
        .fetch_all(self.reads())
        .await?;
        Ok(rows.iter().map(project).collect::<sqlx::Result<_>>()?)
    }

    /// The projects above this one, the nearest first.
    pub(crate) async fn projects_above(&self, id: &str) -> Result<Vec<Project>> {
        let mut above: Vec<Project> = Vec::new();
        let mut next = self.project(id).await?.and_then(|project| project.parent_id);
        while let Some(parent) = next {
            let Some(row) = self.project(&parent).await? else { break };
            next = row.parent_id.clone();
            above.push(row);
        }
        Ok(above)
    }

    /// The ids of every project below the target of a grant of kind `below-project` or `below-domain`.
    pub(crate) async fn projects_below(&self, kind: &str, id: &str) -> Result<Vec<String>> {
        let rows = sqlx::query(BELOW).bind(kind).bind(id).fetch_all(self.reads()).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
    }

    /// Keeps a new project; false when its name is taken in its domain.
    pub(crate) async fn insert_project(&self, project: &Project) -> Result<bool> {
        let mut write = self.write().await?;
        let made = insert_project(&mut write, project).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a project; ends the tokens scoped to it when that disables it.
    /// `None` when the new name is taken, false when the project is gone.
    pub(crate) async fn update_project(&self, project: &Project) -> Result<Option<bool>> {
        let mut write = self.write().await?;
        let changed =
            sqlx::query("update projects set name = $2, description = $3, enabled = $4, tags = $5 where id = $1")
                .bind(&project.id)
                .bind(&project.name)
                .bind(&project.description)
                .bind(i64::from(project.enabled))
                .bind(&project.tags)
                .execute(&mut *write)
                .await;
        let changed = match changed {
            Err(error) if is_duplicate(&error) => return Ok(None),
            other => other?.rows_affected(),
        };
        if !project.enabled {
            end_tokens(&mut write, &project.id).await?;
        }
        write.commit().await?;
        Ok(Some(changed == 1))
    }

    /// Deletes a project with its grants, tokens and application credentials; false when it is gone.
    pub(crate) async fn delete_project(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        end_tokens(&mut write, id).await?;
        sqlx::query("delete from grants where target_kind in ('project', 'below-project') and target_id = $1")
            .bind(id)
            .execute(&mut *write)
            .await?;
        sqlx::query("update users set default_project_id = null where default_project_id = $1")
            .bind(id)
            .execute(&mut *write)
            .await?;
        let gone =
            sqlx::query("delete from projects where id = $1").bind(id).execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(gone == 1)
    }
}

pub(super) async fn insert_project(write: &mut Write, project: &Project) -> Result<bool> {
    let made = sqlx::query(
        "insert into projects (id, domain_id, name, description, enabled, tags, parent_id)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(&project.id)
    .bind(&project.domain_id)
    .bind(&project.name)
    .bind(&project.description)
    .bind(i64::from(project.enabled))
    .bind(&project.tags)
    .bind(project.parent_id.as_deref())
    .execute(&mut **write)
    .await?;
    Ok(made.rows_affected() == 1)
}

async fn end_tokens(write: &mut Write, project_id: &str) -> Result<()> {
    sqlx::query("delete from tokens where scope_kind = 'project' and scope_id = $1")
        .bind(project_id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

fn project(row: &AnyRow) -> sqlx::Result<Project> {
    Ok(Project {
        id: row.try_get("id")?,
        domain_id: row.try_get("domain_id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        enabled: flag(row, "enabled")?,
        tags: row.try_get("tags")?,
        parent_id: row.try_get("parent_id")?,
        is_domain: false,
    })
}
