//! The access rules of application credentials, which outlive them.

use super::{Database, columns::from_row, statement::sql};
use crate::{error::Result, model::credential::AccessRule};

impl Database {
    /// A user's access rules.
    pub(crate) async fn access_rules(&self, user_id: &str) -> Result<Vec<AccessRule>> {
        let text = "select id, service, method, path from access_rules where user_id = $1 order by id";
        sql!(text, user_id).rows(self).await
    }

    /// Keeps a user's access rules; one that is there stays.
    pub(crate) async fn insert_access_rules(&self, user_id: &str, rules: &[AccessRule]) -> Result<()> {
        let mut write = self.write().await?;
        for rule in rules {
            let text = "insert into access_rules (id, user_id, service, method, path) values ($1, $2, $3, $4, $5)
                 on conflict do nothing";
            sql!(text, &rule.id, user_id, &rule.service, &rule.method, &rule.path).run(&mut write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Deletes a user's access rule; false when it is gone.
    pub(crate) async fn delete_access_rule(&self, user_id: &str, id: &str) -> Result<bool> {
        let text = "delete from access_rules where id = $1 and user_id = $2";
        sql!(text, id, user_id).commit(self).await.map(|rows| rows == 1)
    }
}

from_row!(AccessRule { id, service, method, path });
