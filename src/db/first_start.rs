//! The rows that a database needs before anybody can sign in.

use super::{Database, domains, projects, roles, statement::sql, users};
use crate::{
    error::Result,
    model::{
        people::{Domain, Project, User},
        role::{Grant, RoleRecord},
    },
};

const ADMIN_MADE: &str = "admin made";

impl Database {
    /// Puts the default domain, the roles and their implications there, unless this was done before.
    pub(crate) async fn seed(
        &self,
        domain: &Domain,
        roles: &[RoleRecord],
        implications: &[(String, String)],
    ) -> Result<()> {
        if self.fact("seeded").await?.is_some() {
            return Ok(());
        }
        let mut write = self.write().await?;
        if note(&mut write, "seeded").await? {
            domains::insert_domain(&mut write, domain).await?;
            for role in roles {
                roles::insert_role(&mut write, role).await?;
            }
            for (prior, implied) in implications {
                roles::insert_implication(&mut write, prior, implied).await?;
            }
        }
        Ok(write.commit().await?)
    }

    /// Whether the first admin was made.
    pub(crate) async fn admin_made(&self) -> Result<bool> {
        Ok(self.fact(ADMIN_MADE).await?.is_some())
    }

    /// Makes the first admin and its project; false when somebody else did, or when either name is taken.
    pub(crate) async fn make_admin(&self, user: &User, project: &Project, grants: &[Grant]) -> Result<bool> {
        let mut write = self.write().await?;
        if !note(&mut write, ADMIN_MADE).await?
            || !projects::insert_project(&mut write, project).await?
            || !users::insert_user(&mut write, user).await?
        {
            return Ok(false);
        }
        for grant in grants {
            roles::insert_grant(&mut write, grant).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    async fn fact(&self, name: &str) -> Result<Option<String>> {
        Ok(sql!("select value from meta where name = $1", name).row(self).await?.map(|(value,)| value))
    }
}

async fn note(write: &mut super::Write, name: &str) -> Result<bool> {
    let text = "insert into meta (name, value) values ($1, 'yes') on conflict do nothing";
    sql!(text, name).run(write).await.map(|rows| rows == 1)
}
