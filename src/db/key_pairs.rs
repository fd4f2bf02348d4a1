//! Key pairs: public halves only.

use sqlx::{FromRow as _, Row as _};

use super::{Database, columns::from_row, is_duplicate, now_ms, statement::sql};
use crate::{
    error::{Error, Result},
    ids::UserId,
    model::key_pair::KeyPair,
};

const COLUMNS: &str = "id, user_id, name, public_key, fingerprint, created_ms";

impl Database {
    /// A page of a user's key pairs by name, after the one named `marker`.
    pub async fn key_pairs(&self, user: UserId, marker: &str, limit: u32) -> Result<Vec<KeyPair>> {
        let text = format!("select {COLUMNS} from key_pairs where user_id = $1 and name > $2 order by name limit $3");
        sql!(sqlx::AssertSqlSafe(text), user, marker, i64::from(limit)).rows(self).await
    }

    /// A user's key pair of this name.
    pub async fn key_pair(&self, user: UserId, name: &str) -> Result<Option<KeyPair>> {
        let text = format!("select {COLUMNS} from key_pairs where user_id = $1 and name = $2");
        sql!(sqlx::AssertSqlSafe(text), user, name).row(self).await
    }

    /// Adds a key pair, unless the user has `quota` of them; `Conflict` when the user has one of this name.
    pub async fn add_key_pair(
        &self,
        user: UserId,
        name: &str,
        public_key: &str,
        fingerprint: &str,
        quota: u64,
    ) -> Result<KeyPair> {
        let mut write = self.write().await?;
        let held: i64 = sqlx::query("select count(*) from key_pairs where user_id = $1")
            .bind(user.to_string())
            .fetch_one(&mut *write)
            .await?
            .try_get(0)?;
        let added = sqlx::query(sqlx::AssertSqlSafe(format!(
            "insert into key_pairs (user_id, name, public_key, fingerprint, created_ms) \
             values ($1, $2, $3, $4, $5) returning {COLUMNS}"
        )))
        .bind(user.to_string())
        .bind(name)
        .bind(public_key)
        .bind(fingerprint)
        .bind(now_ms())
        .fetch_one(&mut *write)
        .await;
        let added = match added {
            Ok(row) => KeyPair::from_row(&row)?,
            Err(error) if is_duplicate(&error) => {
                return Err(Error::Conflict(format!("Key pair '{name}' already exists.")));
            }
            Err(error) => return Err(error.into()),
        };
        if held as u64 >= quota {
            return Err(Error::OverQuota(format!(
                "Quota exceeded, too many key pairs: you have {held} of {quota}; delete one first."
            )));
        }
        write.commit().await?;
        Ok(added)
    }

    /// Deletes a user's key pair; says whether there was one of this name.
    pub async fn delete_key_pair(&self, user: UserId, name: &str) -> Result<bool> {
        let text = "delete from key_pairs where user_id = $1 and name = $2";
        sql!(text, user, name).commit(self).await.map(|rows| rows == 1)
    }
}

from_row!(KeyPair { id, user_id, name, public_key, fingerprint, created_ms });
