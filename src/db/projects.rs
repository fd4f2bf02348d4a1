//! Projects.

use super::{
    Database, Write,
    columns::{Json, from_row},
    quotas,
    statement::{at_most, sql},
};
use crate::{
    error::Result,
    model::{
        people::{Project, Projects},
        role::TargetKind,
    },
};

/// One list of columns for every question about projects.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select p.id, p.domain_id, p.name, p.description, p.enabled, p.tags, p.parent_id, p.options, p.extra, ",
            "0 as is_domain ",
            "from projects p ",
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
        sql!(select!("where p.id = $1"), id).row(self).await
    }

    /// One project by its name and its domain's id or name.
    pub(crate) async fn project_named(&self, name: &str, domain: &str) -> Result<Option<Project>> {
        sql!(
            select!(
                "join domains d on d.id = p.domain_id where p.name = $1 and (d.id = $2 or d.name = $2)
             order by case when d.id = $2 then 0 else 1 end"
            ),
            name,
            domain
        )
        .row(self)
        .await
    }

    /// Projects in the order of their names.
    pub(crate) async fn projects(&self, wanted: &Projects<'_>) -> Result<Vec<Project>> {
        let passes = |project: &Project| {
            let tags = || project.tags.read().unwrap_or_default();
            wanted.parts.iter().all(|part| part.is_in(&project.name))
                && wanted.tags.is_none_or(|wanted| wanted.admit(&tags()))
        };
        sql!(
            select!(
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
            ),
            wanted.domain_id,
            wanted.name,
            wanted.enabled.map(i64::from),
            wanted.user_id,
            wanted.marker,
            at_most(wanted.limit, wanted.tags.is_some() || !wanted.parts.is_empty()),
            wanted.parent_id
        )
        .first(self, wanted.limit, passes)
        .await
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
    pub(crate) async fn projects_below(&self, kind: TargetKind, id: &str) -> Result<Vec<String>> {
        sql!(BELOW, kind, id).column(self).await
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
        let changed = sql!(
            "update projects set name = $2, description = $3, enabled = $4, tags = $5, options = $6, extra = $7 where id = $1",
            &project.id,
            &project.name,
            &project.description,
            i64::from(project.enabled),
            &project.tags,
            Json(&project.options),
            &project.extra
        )
        .run_unless_taken(&mut write)
        .await?;
        let Some(changed) = changed else { return Ok(None) };
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
        let text = "delete from grants where target_kind in ('project', 'below-project') and target_id = $1";
        sql!(text, id).run(&mut write).await?;
        sql!("update users set default_project_id = null where default_project_id = $1", id).run(&mut write).await?;
        quotas::forget(&mut write, id).await?;
        sql!("delete from server_groups where project_id = $1", id).run(&mut write).await?;
        let gone = sql!("delete from projects where id = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }
}

pub(super) async fn insert_project(write: &mut Write, project: &Project) -> Result<bool> {
    sql!(
        "insert into projects (id, domain_id, name, description, enabled, tags, parent_id, options, extra)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        &project.id,
        &project.domain_id,
        &project.name,
        &project.description,
        i64::from(project.enabled),
        &project.tags,
        &project.parent_id,
        Json(&project.options),
        &project.extra
    )
    .run(write)
    .await
    .map(|rows| rows == 1)
}

async fn end_tokens(write: &mut Write, project_id: &str) -> Result<()> {
    sql!("delete from tokens where scope_kind = 'project' and scope_id = $1", project_id).run(write).await.map(drop)
}

from_row!(Project { id, domain_id, name, description, enabled as flag, tags, parent_id, options as json, is_domain as flag, extra });
