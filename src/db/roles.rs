//! Roles, what they imply, and who was granted which.

use sqlx::{AssertSqlSafe, FromRow as _};

use super::{
    Database, Write,
    columns::{Json, from_row},
    statement::sql,
};
use crate::{
    error::Result,
    model::{
        credential::ScopeKind,
        role::{ActorKind, Grant, Grants, RoleRecord},
    },
};

/// Every role that user `$1` holds on target `$2`, `$3`: granted there, inherited from above, through a group, or
/// implied. A role of a domain gives only the roles that it implies.
const HELD: &str = "
    with recursive line (id, parent_id, domain_id) as (
        select id, parent_id, domain_id from projects where $2 = 'project' and id = $3
        union
        select p.id, p.parent_id, p.domain_id from projects p join line l on p.id = l.parent_id
    ), places (kind, id) as (
        select cast($2 as text), cast($3 as text)
        union
        select 'below-project', id from line where id <> $3
        union
        select 'below-domain', domain_id from line
    ), direct (role_id) as (
        select g.role_id from grants g join places p on p.kind = g.target_kind and p.id = g.target_id
         where g.actor_kind = 'user' and g.actor_id = $1
        union
        select g.role_id from grants g join places p on p.kind = g.target_kind and p.id = g.target_id
          join group_members m on g.actor_kind = 'group' and g.actor_id = m.group_id
         where m.user_id = $1
    ), held (role_id) as (
        select role_id from direct
        union
        select i.implied_id from role_implications i join held h on i.prior_id = h.role_id
    )
    select r.id, r.name, r.description, r.domain_id, r.options, r.extra from roles r join held h on h.role_id = r.id
     where r.domain_id is null order by r.name";

/// The roles of application credential `$1`, and what they imply.
const CREDENTIAL_HELD: &str = "
    with recursive held (role_id) as (
        select role_id from application_credential_roles where credential_id = $1
        union
        select i.implied_id from role_implications i join held h on i.prior_id = h.role_id
    )
    select r.id, r.name, r.description, r.domain_id, r.options, r.extra from roles r join held h on h.role_id = r.id
     where r.domain_id is null order by r.name";

impl Database {
    /// Every role a user holds on a target: granted, inherited, through a group, or implied.
    pub(crate) async fn roles_held(&self, user_id: &str, scope: ScopeKind, target_id: &str) -> Result<Vec<RoleRecord>> {
        sql!(HELD, user_id, scope, target_id).rows(self).await
    }

    /// Whether a user is there and enabled, and so is a project or a domain that it works in, with the domains of both.
    pub(crate) async fn may_work(&self, user_id: &str, scope: ScopeKind, target_id: &str) -> Result<bool> {
        let text = "select u.id from users u join domains ud on ud.id = u.domain_id and ud.enabled = 1
             where u.id = $1 and u.enabled = 1 and ($2 = 'system'
                or $2 = 'domain' and exists (select 1 from domains where id = $3 and enabled = 1)
                or $2 = 'project' and exists (select 1 from projects p join domains pd on pd.id = p.domain_id
                     where p.id = $3 and p.enabled = 1 and pd.enabled = 1))";
        Ok(!sql!(text, user_id, scope, target_id).column::<String>(self).await?.is_empty())
    }

    /// The roles of an application credential, and what they imply.
    pub(crate) async fn credential_roles_held(&self, credential_id: &str) -> Result<Vec<RoleRecord>> {
        sql!(CREDENTIAL_HELD, credential_id).rows(self).await
    }

    /// Every role, or those of this name.
    pub(crate) async fn roles(&self, name: Option<&str>) -> Result<Vec<RoleRecord>> {
        let text = "select id, name, description, domain_id, options, extra from roles
              where cast($1 as text) is null or name = $1 order by name";
        sql!(text, name).rows(self).await
    }

    /// One role.
    pub(crate) async fn role(&self, id: &str) -> Result<Option<RoleRecord>> {
        sql!("select id, name, description, domain_id, options, extra from roles where id = $1", id).row(self).await
    }

    /// Makes a role; false when the name is taken.
    pub(crate) async fn insert_role(&self, role: &RoleRecord) -> Result<bool> {
        let mut write = self.write().await?;
        let made = insert_role(&mut write, role).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a role; false when it is gone.
    pub(crate) async fn update_role(&self, role: &RoleRecord) -> Result<bool> {
        let text = "update roles set name = $2, description = $3, options = $4, extra = $5 where id = $1";
        sql!(text, &role.id, &role.name, &role.description, Json(&role.options), &role.extra)
            .commit(self)
            .await
            .map(|rows| rows == 1)
    }

    /// Deletes a role with its grants, and ends the tokens and credentials of everyone who held it.
    pub(crate) async fn delete_role(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let text = "delete from application_credentials where id in
               (select credential_id from application_credential_roles where role_id = $1)";
        sql!(text, id).run(&mut write).await?;
        let holders: Vec<Grant> = sqlx::query("select * from grants where role_id = $1")
            .bind(id)
            .fetch_all(&mut *write)
            .await?
            .iter()
            .map(Grant::from_row)
            .collect::<sqlx::Result<_>>()?;
        for holder in &holders {
            end_tokens_of(&mut write, holder).await?;
        }
        let gone = sql!("delete from roles where id = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }

    /// Every pair of a prior and an implied role id.
    pub(crate) async fn role_implications(&self) -> Result<Vec<(String, String)>> {
        sql!("select prior_id, implied_id from role_implications").rows(self).await
    }

    /// Lets one role imply another.
    pub(crate) async fn insert_implication(&self, prior_id: &str, implied_id: &str) -> Result<()> {
        let mut write = self.write().await?;
        insert_implication(&mut write, prior_id, implied_id).await?;
        Ok(write.commit().await?)
    }

    /// Ends an implication; false when there was none.
    pub(crate) async fn delete_implication(&self, prior_id: &str, implied_id: &str) -> Result<bool> {
        let text = "delete from role_implications where prior_id = $1 and implied_id = $2";
        sql!(text, prior_id, implied_id).commit(self).await.map(|rows| rows == 1)
    }

    /// Grants a role; granting it again changes nothing.
    pub(crate) async fn insert_grant(&self, grant: &Grant) -> Result<()> {
        let mut write = self.write().await?;
        insert_grant(&mut write, grant).await?;
        Ok(write.commit().await?)
    }

    /// Takes a grant back, and ends the tokens and application credentials that rested on it.
    pub(crate) async fn delete_grant(&self, grant: &Grant) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sql!(
            "delete from grants where actor_kind = $1 and actor_id = $2 and target_kind = $3 and target_id = $4
                and role_id = $5",
            grant.actor_kind,
            &grant.actor_id,
            grant.target_kind,
            &grant.target_id,
            &grant.role_id
        )
        .run(&mut write)
        .await?;
        if gone == 1 {
            end_tokens_of(&mut write, grant).await?;
        }
        write.commit().await?;
        Ok(gone == 1)
    }

    /// Every grant of the actors, targets and role asked for; `None` asks for all.
    pub(crate) async fn grants(&self, wanted: &Grants<'_>) -> Result<Vec<Grant>> {
        sql!(
            "select actor_kind, actor_id, target_kind, target_id, role_id from grants
              where (cast($1 as text) is null or actor_kind = $1) and (cast($2 as text) is null or actor_id = $2)
                and (cast($3 as text) is null or target_kind = $3) and (cast($4 as text) is null or target_id = $4)
                and (cast($5 as text) is null or role_id = $5)
              order by target_kind, target_id, actor_kind, actor_id, role_id",
            wanted.actor_kind,
            wanted.actor_id,
            wanted.target_kind,
            wanted.target_id,
            wanted.role_id
        )
        .rows(self)
        .await
    }
}

pub(super) async fn insert_role(write: &mut Write, role: &RoleRecord) -> Result<bool> {
    let text = "insert into roles (id, name, description, domain_id, options, extra) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing";
    sql!(text, &role.id, &role.name, &role.description, &role.domain_id, Json(&role.options), &role.extra)
        .run(write)
        .await
        .map(|rows| rows == 1)
}

pub(super) async fn insert_implication(write: &mut Write, prior_id: &str, implied_id: &str) -> Result<()> {
    let text = "insert into role_implications (prior_id, implied_id) values ($1, $2) on conflict do nothing";
    sql!(text, prior_id, implied_id).run(write).await.map(drop)
}

pub(super) async fn insert_grant(write: &mut Write, grant: &Grant) -> Result<()> {
    sql!(
        "insert into grants (actor_kind, actor_id, target_kind, target_id, role_id) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        grant.actor_kind,
        &grant.actor_id,
        grant.target_kind,
        &grant.target_id,
        &grant.role_id
    )
    .run(write)
    .await
    .map(drop)
}

/// Ends the tokens that rest on a grant. Application credentials that name the role are dropped with a user's own
/// grant; one that rests on a group's grant is refused when it is used.
async fn end_tokens_of(write: &mut Write, grant: &Grant) -> Result<()> {
    /// The projects that the grant on `$1`, `$2` reaches.
    const REACHED: &str = "with recursive below (id) as (
               select id from projects where ($1 = 'below-project' and parent_id = $2)
                   or ($1 = 'below-domain' and domain_id = $2) or ($1 = 'project' and id = $2)
               union
               select p.id from projects p join below b on p.parent_id = b.id and $1 <> 'project'
           )
           select id from below";
    if grant.actor_kind == ActorKind::User {
        let text = format!(
            "delete from application_credentials where user_id = $3 and id in
               (select credential_id from application_credential_roles where role_id = $4) and project_id in ({REACHED})"
        );
        let (kind, target) = (grant.target_kind, &grant.target_id);
        sql!(AssertSqlSafe(text), kind, target, &grant.actor_id, &grant.role_id).run(write).await?;
    }
    let text = format!(
        "delete from tokens where
           ((scope_kind = $1 and scope_id = $2) or (scope_kind = 'project' and scope_id in ({REACHED}))) and
           (($3 = 'user' and user_id = $4) or
            ($3 = 'group' and user_id in (select user_id from group_members where group_id = $4)))"
    );
    let (kind, target) = (grant.target_kind, &grant.target_id);
    sql!(AssertSqlSafe(text), kind, target, grant.actor_kind, &grant.actor_id).run(write).await.map(drop)
}

from_row!(RoleRecord { id, name, description, domain_id, options as json, extra });

from_row!(Grant { actor_kind, actor_id, target_kind, target_id, role_id });
