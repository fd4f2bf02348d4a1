//! Tokens, and the sign-ins they begin with.

use sqlx::{FromRow, Row as _, any::AnyRow};

use super::{
    Database, Write,
    columns::{flag, from_row},
    statement::sql,
};
use crate::{
    error::Result,
    model::credential::{NewToken, OwnToken, TokenCredential, TokenRow},
};

const TOKEN: &str = "
    select t.scope_kind, t.methods, t.audit_id, t.first_audit_id, t.issued_ms, t.expires_ms,
           u.id as user_id, u.name as user_name, u.password_changed_ms,
           ud.id as user_domain_id, ud.name as user_domain_name,
           p.id as project_id, p.name as project_name, pd.id as project_domain_id, pd.name as project_domain_name,
           sd.id as scope_domain_id, sd.name as scope_domain_name,
           c.id as credential_id, c.name as credential_name, c.unrestricted, c.access_rules
      from tokens t
      join users u on u.id = t.user_id and u.enabled = 1
      join domains ud on ud.id = u.domain_id and ud.enabled = 1
      left join projects p on t.scope_kind = 'project' and p.id = t.scope_id and p.enabled = 1
      left join domains pd on pd.id = p.domain_id and pd.enabled = 1
      left join domains sd on t.scope_kind = 'domain' and sd.id = t.scope_id and sd.enabled = 1
      left join application_credentials c on c.id = t.credential_id and (c.expires_ms is null or c.expires_ms > $2)
     where t.digest = $1 and t.expires_ms > $2
       and (t.scope_kind in ('unscoped', 'system') or pd.id is not null or sd.id is not null)
       and (t.credential_id is null or c.id is not null)";

/// The tokens beyond the bound that one new token ends: there are several where the bound was lowered.
const ENDED_AT_ONCE: i64 = 20;

impl Database {
    /// Keeps a token, if what its proof rested on still stands; says whether it was kept. With the token that it was
    /// exchanged for it ends. Of more than `at_most` tokens that its user has, or that the same application credential of its
    /// has, those end alone that would end soonest: no credential ends other tokens than its own.
    pub(crate) async fn insert_token(&self, token: &NewToken<'_>, at_most: u32) -> Result<bool> {
        let mut write = self.write().await?;
        let kept = sqlx::query(
            "insert into tokens (digest, user_id, scope_kind, scope_id, methods, audit_id, first_audit_id,
                                 credential_id, issued_ms, expires_ms, parent, address)
             select $1, u.id, $3, $4, $5, $6, $7, $8, $9, $10, $12, $13 from users u
              where u.id = $2 and u.enabled = 1 and u.password_changed_ms = $11
                and (cast($12 as text) is null or exists (select 1 from tokens t where t.digest = $12))",
        )
        .bind(token.digest)
        .bind(token.user_id)
        .bind(token.scope_kind)
        .bind(token.scope_id)
        .bind(token.methods)
        .bind(token.audit_id)
        .bind(token.first_audit_id)
        .bind(token.credential_id)
        .bind(token.issued_ms)
        .bind(token.expires_ms)
        .bind(token.password_changed_ms)
        .bind(token.parent)
        .bind(token.address)
        .execute(&mut *write)
        .await;
        let kept = match kept {
            // PostgreSQL: the token that it was exchanged for ended between the question and the answer.
            Err(error) if error.as_database_error().is_some_and(|error| error.is_foreign_key_violation()) => {
                return Ok(false);
            }
            other => other?.rows_affected(),
        };
        if kept == 1 && token.parent.is_none() {
            let text = "update users set last_sign_in_ms = $2 where id = $1";
            sqlx::query(text).bind(token.user_id).bind(token.issued_ms).execute(&mut *write).await?;
        }
        let text = "select digest from tokens where user_id = $1 and coalesce(credential_id, '') = $2 \
                    order by expires_ms desc, issued_ms desc, digest desc limit $3 offset $4";
        let beyond: Vec<String> = sqlx::query_scalar(text)
            .bind(token.user_id)
            .bind(token.credential_id.unwrap_or_default())
            .bind(ENDED_AT_ONCE)
            .bind(i64::from(at_most))
            .fetch_all(&mut *write)
            .await?;
        for digest in beyond {
            end_alone(&mut write, &digest).await?;
        }
        write.commit().await?;
        Ok(kept == 1)
    }

    /// The token of this digest, if everything it rests on stands, and its time was not over at `at_ms`.
    pub(crate) async fn token_at(&self, digest: &str, at_ms: i64) -> Result<Option<TokenRow>> {
        sql!(TOKEN, digest, at_ms).row(self).await
    }

    /// Ends one token and what was exchanged for it; says whether it was there.
    pub(crate) async fn delete_token(&self, digest: &str) -> Result<bool> {
        sql!("delete from tokens where digest = $1", digest).commit(self).await.map(|rows| rows == 1)
    }

    /// Ends one token alone: what was exchanged for it rests on the token that it was exchanged for itself.
    pub(crate) async fn delete_token_alone(&self, digest: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let gone = end_alone(&mut write, digest).await?;
        write.commit().await?;
        Ok(gone == 1)
    }

    /// The living tokens of a user that no application credential made, the newest first.
    pub(crate) async fn own_tokens(&self, user_id: &str, now_ms: i64, limit: u32) -> Result<Vec<OwnToken>> {
        sql!(
            "select t.first_audit_id, t.issued_ms, t.expires_ms, t.address, p.name as project
               from tokens t left join projects p on t.scope_kind = 'project' and p.id = t.scope_id
              where t.user_id = $1 and t.credential_id is null and t.expires_ms > $2
              order by t.issued_ms desc, t.digest limit $3",
            user_id,
            now_ms,
            i64::from(limit)
        )
        .rows(self)
        .await
    }

    /// Ends the tokens of a user that began with this sign-in; tells how many there were.
    pub(crate) async fn end_session(&self, user_id: &str, first_audit_id: &str) -> Result<u64> {
        let text = "delete from tokens where user_id = $1 and first_audit_id = $2 and credential_id is null";
        sql!(text, user_id, first_audit_id).commit(self).await
    }

    /// Ends the tokens of a user that began with any other sign-in than this one.
    pub(crate) async fn end_other_sessions(&self, user_id: &str, first_audit_id: &str) -> Result<()> {
        let text = "delete from tokens where user_id = $1 and first_audit_id <> $2 and credential_id is null";
        sql!(text, user_id, first_audit_id).commit(self).await.map(drop)
    }

    /// Forgets the tokens whose time was over by then.
    pub(crate) async fn delete_expired_tokens(&self, now_ms: i64) -> Result<()> {
        sql!("delete from tokens where expires_ms <= $1", now_ms).commit(self).await.map(drop)
    }
}

async fn end_alone(write: &mut Write, digest: &str) -> Result<u64> {
    let text = "update tokens set parent = (select t.parent from tokens t where t.digest = $1) where parent = $1";
    sql!(text, digest).run(write).await?;
    sql!("delete from tokens where digest = $1", digest).run(write).await
}

from_row!(OwnToken { first_audit_id, issued_ms, expires_ms, address, project });

impl FromRow<'_, AnyRow> for TokenRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<TokenRow> {
        let four = |a: &str, b: &str, c: &str, d: &str| -> sqlx::Result<Option<[String; 4]>> {
            Ok(match row.try_get::<Option<String>, _>(a)? {
                None => None,
                Some(id) => Some([id, row.try_get(b)?, row.try_get(c)?, row.try_get(d)?]),
            })
        };
        let user =
            four("user_id", "user_name", "user_domain_id", "user_domain_name")?.ok_or(sqlx::Error::RowNotFound)?;
        let domain = match row.try_get::<Option<String>, _>("scope_domain_id")? {
            None => None,
            Some(id) => Some([id, row.try_get("scope_domain_name")?]),
        };
        let credential = match row.try_get::<Option<String>, _>("credential_id")? {
            None => None,
            Some(id) => Some(TokenCredential {
                id,
                name: row.try_get("credential_name")?,
                unrestricted: flag(row, "unrestricted")?,
                access_rules: row.try_get("access_rules")?,
            }),
        };
        Ok(TokenRow {
            user,
            scope_kind: row.try_get("scope_kind")?,
            project: four("project_id", "project_name", "project_domain_id", "project_domain_name")?,
            domain,
            methods: row.try_get("methods")?,
            audit_id: row.try_get("audit_id")?,
            first_audit_id: row.try_get("first_audit_id")?,
            credential,
            issued_ms: row.try_get("issued_ms")?,
            expires_ms: row.try_get("expires_ms")?,
            password_changed_ms: row.try_get("password_changed_ms")?,
        })
    }
}
