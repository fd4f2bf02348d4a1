//! Application credentials.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, columns::flag};
use crate::{error::Result, model::credential::CredentialRow};

/// One list of columns for every question about credentials.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, user_id, project_id, name, description, secret, unrestricted, expires_ms, access_rules, ",
            "created_ms, expires_at from application_credentials ",
            $rest
        )
    };
}

impl Database {
    /// One application credential by its id.
    pub(crate) async fn credential(&self, id: &str) -> Result<Option<CredentialRow>> {
        let row = sqlx::query(select!("where id = $1")).bind(id).fetch_optional(self.reads()).await?;
        Ok(row.as_ref().map(credential).transpose()?)
    }

    /// One application credential of a user by its name.
    pub(crate) async fn credential_named(&self, user_id: &str, name: &str) -> Result<Option<CredentialRow>> {
        let row = sqlx::query(select!("where user_id = $1 and name = $2"))
            .bind(user_id)
            .bind(name)
            .fetch_optional(self.reads())
            .await?;
        Ok(row.as_ref().map(credential).transpose()?)
    }

    /// A user's application credentials in the order of their names.
    pub(crate) async fn credentials(&self, user_id: &str, name: Option<&str>) -> Result<Vec<CredentialRow>> {
        let rows =
            sqlx::query(select!("where user_id = $1 and (cast($2 as text) is null or name = $2) order by name, id"))
                .bind(user_id)
                .bind(name)
                .fetch_all(self.reads())
                .await?;
        Ok(rows.iter().map(credential).collect::<sqlx::Result<_>>()?)
    }

    /// How many application credentials a user has.
    pub(crate) async fn count_credentials(&self, user_id: &str) -> Result<i64> {
        let row = sqlx::query("select count(*) from application_credentials where user_id = $1")
            .bind(user_id)
            .fetch_one(self.reads())
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Keeps a new application credential with its roles; false when its name is taken.
    pub(crate) async fn insert_credential(&self, credential: &CredentialRow, role_ids: &[String]) -> Result<bool> {
        let mut write = self.write().await?;
        let made = sqlx::query(
            "insert into application_credentials (id, user_id, project_id, name, description, secret, unrestricted,
                                                  expires_ms, access_rules, created_ms, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
        )
        .bind(&credential.id)
        .bind(&credential.user_id)
        .bind(&credential.project_id)
        .bind(&credential.name)
        .bind(credential.description.as_deref())
        .bind(&credential.secret)
        .bind(i64::from(credential.unrestricted))
        .bind(credential.expires_ms)
        .bind(credential.access_rules.as_deref())
        .bind(credential.created_ms)
        .bind(credential.expires_at.as_deref())
        .execute(&mut *write)
        .await?
        .rows_affected();
        if made == 0 {
            return Ok(false);
        }
        for role_id in role_ids {
            sqlx::query("insert into application_credential_roles (credential_id, role_id) values ($1, $2)")
                .bind(&credential.id)
                .bind(role_id)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// The ids of the roles a credential was given.
    pub(crate) async fn credential_role_ids(&self, id: &str) -> Result<Vec<String>> {
        let rows =
            sqlx::query("select role_id from application_credential_roles where credential_id = $1 order by role_id")
                .bind(id)
                .fetch_all(self.reads())
                .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>()?)
    }

    /// Deletes a user's application credential and its tokens; false when it is gone.
    pub(crate) async fn delete_credential(&self, user_id: &str, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sqlx::query("delete from application_credentials where id = $1 and user_id = $2")
            .bind(id)
            .bind(user_id)
            .execute(&mut *write)
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(gone == 1)
    }
}

fn credential(row: &AnyRow) -> sqlx::Result<CredentialRow> {
    Ok(CredentialRow {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        project_id: row.try_get("project_id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        secret: row.try_get("secret")?,
        unrestricted: flag(row, "unrestricted")?,
        expires_ms: row.try_get("expires_ms")?,
        access_rules: row.try_get("access_rules")?,
        created_ms: row.try_get("created_ms")?,
        expires_at: row.try_get("expires_at")?,
    })
}
