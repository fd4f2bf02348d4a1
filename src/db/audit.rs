//! Audit events.

use std::collections::HashMap;

use sqlx::{Row as _, any::AnyRow};

use super::Database;
use crate::{
    error::Result,
    model::event::{Event, Events},
};

impl Database {
    /// Keeps events; they are durable when this returns.
    pub(crate) async fn insert_events(&self, events: &[Event]) -> Result<()> {
        let mut write = self.write().await?;
        for event in events {
            sqlx::query(
                "insert into audit_events (id, at_ms, request_id, client_request_id, user_id, user_name, project_id,
                                           project_name, address, action, target_id, outcome, status, reason, times)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            )
            .bind(&event.id)
            .bind(event.at_ms)
            .bind(&event.request_id)
            .bind(event.client_request_id.as_deref())
            .bind(event.user_id.as_deref())
            .bind(event.user_name.as_deref())
            .bind(event.project_id.as_deref())
            .bind(event.project_name.as_deref())
            .bind(event.address.as_deref())
            .bind(&event.action)
            .bind(event.target_id.as_deref())
            .bind(event.outcome)
            .bind(event.status)
            .bind(event.reason.as_deref())
            .bind(event.times)
            .execute(&mut *write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// Writes how often these events, by id, were met.
    pub(crate) async fn count_events(&self, numbers: &HashMap<String, i64>) -> Result<()> {
        let mut write = self.write().await?;
        for (id, times) in numbers {
            let text = "update audit_events set times = $2 where id = $1";
            sqlx::query(text).bind(id).bind(*times).execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets events whose ids lie before this one, so many at most; how many there were.
    pub(crate) async fn forget_events(&self, before: &str, limit: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let text = "delete from audit_events where id in \
                    (select id from audit_events where id < $1 order by id limit $2)";
        let gone = sqlx::query(text).bind(before).bind(i64::from(limit)).execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        Ok(gone)
    }

    /// Events, the newest first.
    pub(crate) async fn events(&self, wanted: &Events<'_>) -> Result<Vec<Event>> {
        let rows = sqlx::query(
            "select id, at_ms, request_id, client_request_id, user_id, user_name, project_id, project_name, address,
                    action, target_id, outcome, status, reason, times
               from audit_events
              where (cast($1 as text) is null or user_id = $1) and (cast($2 as text) is null or project_id = $2)
                and (cast($3 as text) is null or action = $3)
                and (cast($4 as text) is null or target_id = $4
                     or substr(target_id, 1, length($4) + 1) = cast($4 as text) || '/')
                and (cast($5 as text) is null or request_id = $5)
                and (cast($6 as text) is null or id < $6)
              order by id desc limit $7",
        )
        .bind(wanted.user_id)
        .bind(wanted.project_id)
        .bind(wanted.action)
        .bind(wanted.target_id)
        .bind(wanted.request_id)
        .bind(wanted.marker)
        .bind(i64::from(wanted.limit))
        .fetch_all(self.reads())
        .await?;
        Ok(rows.iter().map(event).collect::<sqlx::Result<_>>()?)
    }
}

fn event(row: &AnyRow) -> sqlx::Result<Event> {
    Ok(Event {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        request_id: row.try_get("request_id")?,
        client_request_id: row.try_get("client_request_id")?,
        user_id: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        project_id: row.try_get("project_id")?,
        project_name: row.try_get("project_name")?,
        address: row.try_get("address")?,
        action: row.try_get("action")?,
        target_id: row.try_get("target_id")?,
        outcome: row.try_get("outcome")?,
        status: row.try_get("status")?,
        reason: row.try_get("reason")?,
        times: row.try_get("times")?,
    })
}
