//! The access rules of application credentials, which outlive them.

use sqlx::{Row as _, any::AnyRow};

use super::Database;
use crate::{error::Result, model::credential::AccessRuleRow};

impl Database {
    /// A user's access rules.
    pub(crate) async fn access_rules(&self, user_id: &str) -> Result<Vec<AccessRuleRow>> {
        let rows = sqlx::query("select id, service, method, path from access_rules where user_id = $1 order by id")
            .bind(user_id)
            .fetch_all(self.reads())
            .await?;
        Ok(rows.iter().map(rule).collect::<sqlx::Result<_>>()?)
    }

    /// Keeps a user's access rules; one that is there stays.
    pub(crate) async fn insert_access_rules(&self, user_id: &str, rules: &[AccessRuleRow]) -> Result<()> {
        let mut write = self.write().await?;
        for rule in rules {
            sqlx::query(
                "insert into access_rules (id, user_id, service, method, path) values ($1, $2, $3, $4, $5)
                 on conflict do nothing",
            )
            .bind(&rule.id)
            .bind(user_id)
            .bind(&rule.service)
            .bind(&rule.method)
            .bind(&rule.path)
            .execute(&mut *write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// Deletes a user's access rule; false when it is gone.
    pub(crate) async fn delete_access_rule(&self, user_id: &str, id: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = sqlx::query("delete from access_rules where id = $1 and user_id = $2")
            .bind(id)
            .bind(user_id)
            .execute(&mut *write)
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(gone == 1)
    }
}

fn rule(row: &AnyRow) -> sqlx::Result<AccessRuleRow> {
    Ok(AccessRuleRow {
        id: row.try_get("id")?,
        service: row.try_get("service")?,
        method: row.try_get("method")?,
        path: row.try_get("path")?,
    })
}
