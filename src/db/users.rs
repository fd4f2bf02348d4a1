//! Users and their passwords' hashes.

use super::{
    Database, Write,
    columns::{Json, from_row},
    now_ms,
    statement::{at_most, sql},
};
use crate::{
    error::Result,
    model::people::{SignIn, User, Users},
};

/// One list of columns for every question about users.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select u.id, u.domain_id, u.name, u.description, u.email, u.enabled, u.default_project_id, ",
            "u.password, u.password_changed_ms, u.extra, u.options from users u ",
            $rest
        )
    };
}

impl Database {
    /// One user by its id.
    pub(crate) async fn user(&self, id: &str) -> Result<Option<User>> {
        sql!(select!("where u.id = $1"), id).row(self).await
    }

    /// One user by its name and its domain's id or name.
    pub(crate) async fn user_named(&self, name: &str, domain: &str) -> Result<Option<User>> {
        sql!(
            select!(
                "join domains d on d.id = u.domain_id where u.name = $1 and (d.id = $2 or d.name = $2)
             order by case when d.id = $2 then 0 else 1 end"
            ),
            name,
            domain
        )
        .row(self)
        .await
    }

    /// When each user last signed in, and when each got the password of now: both in milliseconds since 1970.
    pub(crate) async fn sign_ins(&self) -> Result<Vec<SignIn>> {
        sql!("select id, last_sign_in_ms, password_changed_ms from users order by name, id").rows(self).await
    }

    /// Users in the order of their names.
    pub(crate) async fn users(&self, wanted: &Users<'_>) -> Result<Vec<User>> {
        let passes = |user: &User| wanted.parts.iter().all(|part| part.is_in(&user.name));
        sql!(
            select!(
                "where (cast($1 as text) is null or u.domain_id = $1) and (cast($2 as text) is null or u.name = $2)
               and (cast($3 as bigint) is null or u.enabled = $3)
               and (cast($4 as text) is null or u.id in (select user_id from group_members where group_id = $4))
               and (cast($5 as text) is null or (u.name, u.id) > (select m.name, m.id from users m where m.id = $5))
             order by u.name, u.id limit $6"
            ),
            wanted.domain_id,
            wanted.name,
            wanted.enabled.map(i64::from),
            wanted.group_id,
            wanted.marker,
            at_most(wanted.limit, !wanted.parts.is_empty())
        )
        .first(self, wanted.limit, passes)
        .await
    }

    /// Keeps a new user; false when its name is taken in its domain.
    pub(crate) async fn insert_user(&self, user: &User) -> Result<bool> {
        let mut write = self.write().await?;
        let made = insert_user(&mut write, user).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes everything of a user but its password; ends its tokens when that disables it.
    /// `None` when the new name is taken, false when the user is gone.
    pub(crate) async fn update_user(&self, user: &User) -> Result<Option<bool>> {
        let mut write = self.write().await?;
        let changed = sql!(
            "update users set name = $2, description = $3, email = $4, enabled = $5, default_project_id = $6,
                    extra = $7, options = $8
              where id = $1",
            &user.id,
            &user.name,
            &user.description,
            &user.email,
            i64::from(user.enabled),
            &user.default_project_id,
            &user.extra,
            Json(&user.options)
        )
        .run_unless_taken(&mut write)
        .await?;
        let Some(changed) = changed else { return Ok(None) };
        if !user.enabled {
            end_tokens(&mut write, &user.id).await?;
        }
        write.commit().await?;
        Ok(Some(changed == 1))
    }

    /// Changes a password from the state `from_ms`, ends every token of the user and forgets its failed sign-ins.
    /// False when the password changed meanwhile or the user is gone.
    pub(crate) async fn set_password(&self, id: &str, hash: &str, from_ms: i64) -> Result<bool> {
        let mut write = self.write().await?;
        let changed = sqlx::query(
            "update users set password = $2, password_changed_ms = $3 where id = $1 and password_changed_ms = $4",
        )
        .bind(id)
        .bind(hash)
        // Two changes in one millisecond must still be two states.
        .bind(now_ms().max(from_ms + 1))
        .bind(from_ms)
        .execute(&mut *write)
        .await?
        .rows_affected();
        end_tokens(&mut write, id).await?;
        write.commit().await?;
        Ok(changed == 1)
    }

    /// Deletes a user with its grants, tokens, groups and application credentials; false when it is gone.
    pub(crate) async fn delete_user(&self, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        sql!("delete from grants where actor_kind = 'user' and actor_id = $1", id).run(&mut write).await?;
        let gone = sql!("delete from users where id = $1", id).run(&mut write).await?;
        write.commit().await?;
        Ok(gone == 1)
    }
}

pub(super) async fn insert_user(write: &mut Write, user: &User) -> Result<bool> {
    sql!(
        "insert into users (id, domain_id, name, description, email, enabled, default_project_id, password,
                            password_changed_ms, extra, options)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
        &user.id,
        &user.domain_id,
        &user.name,
        &user.description,
        &user.email,
        i64::from(user.enabled),
        &user.default_project_id,
        &user.password,
        user.password_changed_ms,
        &user.extra,
        Json(&user.options)
    )
    .run(write)
    .await
    .map(|rows| rows == 1)
}

async fn end_tokens(write: &mut Write, user_id: &str) -> Result<()> {
    sql!("delete from tokens where user_id = $1", user_id).run(write).await.map(drop)
}

from_row!(User {
    id, domain_id, name, description, email, enabled as flag, default_project_id, password, password_changed_ms, extra,
    options as json,
});

from_row!(SignIn { id, last_sign_in_ms, password_changed_ms });
