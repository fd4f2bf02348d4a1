//! Application credentials.

use super::{Database, columns::from_row, statement::sql};
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
        sql!(select!("where id = $1"), id).row(self).await
    }

    /// One application credential of a user by its name.
    pub(crate) async fn credential_named(&self, user_id: &str, name: &str) -> Result<Option<CredentialRow>> {
        sql!(select!("where user_id = $1 and name = $2"), user_id, name).row(self).await
    }

    /// A user's application credentials in the order of their names.
    pub(crate) async fn credentials(&self, user_id: &str, name: Option<&str>) -> Result<Vec<CredentialRow>> {
        sql!(select!("where user_id = $1 and (cast($2 as text) is null or name = $2) order by name, id"), user_id, name)
            .rows(self)
            .await
    }

    /// How many application credentials a user has.
    pub(crate) async fn count_credentials(&self, user_id: &str) -> Result<i64> {
        let count = sql!("select count(*) from application_credentials where user_id = $1", user_id);
        Ok(count.row(self).await?.map_or(0, |(count,)| count))
    }

    /// Keeps a new application credential with its roles; false when its name is taken.
    pub(crate) async fn insert_credential(&self, credential: &CredentialRow, role_ids: &[String]) -> Result<bool> {
        let mut write = self.write().await?;
        let made = sql!(
            "insert into application_credentials (id, user_id, project_id, name, description, secret, unrestricted,
                                                  expires_ms, access_rules, created_ms, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
            &credential.id,
            &credential.user_id,
            &credential.project_id,
            &credential.name,
            &credential.description,
            &credential.secret,
            i64::from(credential.unrestricted),
            credential.expires_ms,
            &credential.access_rules,
            credential.created_ms,
            &credential.expires_at
        )
        .run(&mut write)
        .await?;
        if made == 0 {
            return Ok(false);
        }
        for role_id in role_ids {
            let text = "insert into application_credential_roles (credential_id, role_id) values ($1, $2)";
            sql!(text, &credential.id, role_id).run(&mut write).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// The ids of the roles a credential was given.
    pub(crate) async fn credential_role_ids(&self, id: &str) -> Result<Vec<String>> {
        let text = "select role_id from application_credential_roles where credential_id = $1 order by role_id";
        sql!(text, id).column(self).await
    }

    /// Deletes a user's application credential and its tokens; false when it is gone.
    pub(crate) async fn delete_credential(&self, user_id: &str, id: &str) -> Result<bool> {
        let text = "delete from application_credentials where id = $1 and user_id = $2";
        sql!(text, id, user_id).commit(self).await.map(|rows| rows == 1)
    }
}

from_row!(CredentialRow {
    id, user_id, project_id, name, description, secret, unrestricted as flag, expires_ms, access_rules, created_ms,
    expires_at,
});
