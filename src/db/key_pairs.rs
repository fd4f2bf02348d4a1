//! Key pairs: public halves only.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, is_duplicate, now_ms};
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
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(user.to_string())
            .bind(marker)
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(key_pair).collect()
    }

    /// A user's key pair of this name.
    pub async fn key_pair(&self, user: UserId, name: &str) -> Result<Option<KeyPair>> {
        let text = format!("select {COLUMNS} from key_pairs where user_id = $1 and name = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(user.to_string())
            .bind(name)
            .fetch_optional(self.reads())
            .await?;
        row.as_ref().map(key_pair).transpose()
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
            Ok(row) => key_pair(&row)?,
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
        let mut write = self.write().await?;
        let gone = sqlx::query("delete from key_pairs where user_id = $1 and name = $2")
            .bind(user.to_string())
            .bind(name)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(gone.rows_affected() == 1)
    }
}

fn key_pair(row: &AnyRow) -> Result<KeyPair> {
    Ok(KeyPair {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        name: row.try_get("name")?,
        public_key: row.try_get("public_key")?,
        fingerprint: row.try_get("fingerprint")?,
        created_ms: row.try_get("created_ms")?,
    })
}
