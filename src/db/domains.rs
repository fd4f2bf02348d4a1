//! Domains: each has names of its own for users, groups and projects.

use super::{
    Database, Write,
    columns::{Json, from_row},
    statement::{at_most, sql},
};
use crate::{
    error::Result,
    model::people::{Domain, Domains},
};

impl Database {
    /// One domain by its id.
    pub(crate) async fn domain(&self, id: &str) -> Result<Option<Domain>> {
        sql!("select id, name, description, enabled, options, extra from domains where id = $1", id).row(self).await
    }

    /// One domain by its name.
    pub(crate) async fn domain_named(&self, name: &str) -> Result<Option<Domain>> {
        sql!("select id, name, description, enabled, options, extra from domains where name = $1", name).row(self).await
    }

    /// Domains in the order of their names.
    pub(crate) async fn domains(&self, wanted: &Domains<'_>) -> Result<Vec<Domain>> {
        let text = "select d.id, d.name, d.description, d.enabled, d.options, d.extra from domains d
              where (cast($1 as text) is null or d.name = $1) and (cast($2 as bigint) is null or d.enabled = $2)
                and (cast($3 as text) is null or d.name > (select m.name from domains m where m.id = $3))
              order by d.name limit $4";
        let limit = at_most(wanted.limit, !wanted.parts.is_empty());
        let passes = |domain: &Domain| wanted.parts.iter().all(|part| part.is_in(&domain.name));
        sql!(text, wanted.name, wanted.enabled.map(i64::from), wanted.marker, limit)
            .first(self, wanted.limit, passes)
            .await
    }

    /// Keeps a new domain; false when its name is taken.
    pub(crate) async fn insert_domain(&self, domain: &Domain) -> Result<bool> {
        let mut write = self.write().await?;
        let made = insert_domain(&mut write, domain).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a domain; ends the tokens of its users and projects when that disables it.
    /// `None` when the new name is taken, false when the domain is gone.
    pub(crate) async fn update_domain(&self, domain: &Domain) -> Result<Option<bool>> {
        let mut write = self.write().await?;
        let changed = sql!(
            "update domains set name = $2, description = $3, enabled = $4, options = $5, extra = $6 where id = $1",
            &domain.id,
            &domain.name,
            &domain.description,
            i64::from(domain.enabled),
            Json(&domain.options),
            &domain.extra
        )
        .run_unless_taken(&mut write)
        .await?;
        let Some(changed) = changed else { return Ok(None) };
        if !domain.enabled {
            end_tokens(&mut write, &domain.id).await?;
        }
        write.commit().await?;
        Ok(Some(changed == 1))
    }

    /// Deletes a disabled domain with everything in it; false when it is gone or enabled.
    pub(crate) async fn delete_domain(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let doomed = "select 1 from domains where id = $1 and enabled = 0";
        if sqlx::query(doomed).bind(id).fetch_optional(&mut *write).await?.is_none() {
            return Ok(false);
        }
        end_tokens(&mut write, id).await?;
        for statement in [
            "delete from grants where target_kind in ('domain', 'below-domain') and target_id = $1",
            "delete from grants where target_kind in ('project', 'below-project') and target_id in
               (select id from projects where domain_id = $1)",
            "delete from project_quotas where project_id in (select id from projects where domain_id = $1)",
            "delete from server_groups where project_id in (select id from projects where domain_id = $1)",
            "delete from grants where actor_kind = 'user' and actor_id in (select id from users where domain_id = $1)",
            "delete from grants where actor_kind = 'group' and actor_id in
               (select id from user_groups where domain_id = $1)",
            "update users set default_project_id = null where default_project_id in
               (select id from projects where domain_id = $1)",
            "delete from user_groups where domain_id = $1",
            "delete from users where domain_id = $1",
            "delete from projects where domain_id = $1",
            "delete from roles where domain_id = $1",
            "delete from domains where id = $1",
        ] {
            sql!(statement, id).run(&mut write).await?;
        }
        write.commit().await?;
        Ok(true)
    }
}

pub(super) async fn insert_domain(write: &mut Write, domain: &Domain) -> Result<bool> {
    sql!(
        "insert into domains (id, name, description, enabled, options, extra) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing",
        &domain.id,
        &domain.name,
        &domain.description,
        i64::from(domain.enabled),
        Json(&domain.options),
        &domain.extra
    )
    .run(write)
    .await
    .map(|rows| rows == 1)
}

async fn end_tokens(write: &mut Write, domain_id: &str) -> Result<()> {
    let text = "delete from tokens where (scope_kind = 'domain' and scope_id = $1)
            or (scope_kind = 'project' and scope_id in (select id from projects where domain_id = $1))
            or user_id in (select id from users where domain_id = $1)";
    sql!(text, domain_id).run(write).await.map(drop)
}

from_row!(Domain { id, name, description, enabled as flag, options as json, extra });
