//! Audit events.

use std::collections::{BTreeSet, HashMap};

use super::{
    Database,
    columns::from_row,
    statement::{Statement, Value, sql},
};
use crate::{
    error::Result,
    model::event::{Event, Events},
};

impl Database {
    /// Keeps events; they are durable when this returns. They are asked for when the turn to write has come, so that those
    /// that arrive during the wait are written with the others, by one sync.
    pub(crate) async fn insert_events(&self, events: impl FnOnce() -> Vec<Event>) -> Result<()> {
        let mut write = self.write().await?;
        for event in &events() {
            sql!(
                "insert into audit_events (id, at_ms, request_id, client_request_id, user_id, user_name, project_id,
                                           project_name, address, action, target_id, outcome, status, reason, times)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                &event.id,
                event.at_ms,
                &event.request_id,
                &event.client_request_id,
                &event.user_id,
                &event.user_name,
                &event.project_id,
                &event.project_name,
                &event.address,
                &event.action,
                &event.target_id,
                event.outcome,
                event.status,
                &event.reason,
                event.times
            )
            .run(&mut write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// Writes how often these events, by id, were met.
    pub(crate) async fn count_events(&self, numbers: &HashMap<String, i64>) -> Result<()> {
        let mut write = self.write().await?;
        for (id, times) in numbers {
            let text = "update audit_events set times = $2 where id = $1";
            sql!(text, id, *times).run(&mut write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets events whose ids lie before this one, so many at most; how many there were.
    pub(crate) async fn forget_events(&self, before: &str, limit: u32) -> Result<u64> {
        let text = "delete from audit_events where id in \
                    (select id from audit_events where id < $1 order by id limit $2)";
        sql!(text, before, i64::from(limit)).commit(self).await
    }

    /// Events, the newest first.
    pub(crate) async fn events(&self, wanted: &Events<'_>) -> Result<Vec<Event>> {
        sql!(
            "select id, at_ms, request_id, client_request_id, user_id, user_name, project_id, project_name, address,
                    action, target_id, outcome, status, reason, times
               from audit_events
              where (cast($1 as text) is null or user_id = $1) and (cast($2 as text) is null or project_id = $2)
                and (cast($3 as text) is null or action = $3
                     or substr(action, 1, length($3) + 1) = cast($3 as text) || '.')
                and (cast($4 as text) is null or target_id = $4
                     or substr(target_id, 1, length($4) + 1) = cast($4 as text) || '/')
                and (cast($5 as text) is null or request_id = $5)
                and (cast($6 as text) is null or id < $6)
                and (cast($8 as text) is null or lower(user_name) = lower($8))
                and (cast($9 as text) is null or lower(project_name) = lower($9))
                and (cast($10 as text) is null or outcome = $10)
                and (cast($11 as text) is null or id >= $11) and (cast($12 as text) is null or id < $12)
              order by id desc limit $7",
            wanted.user_id,
            wanted.project_id,
            wanted.action,
            wanted.target_id,
            wanted.request_id,
            wanted.marker,
            i64::from(wanted.limit),
            wanted.user_name,
            wanted.project_name,
            wanted.outcome,
            wanted.since_ms.map(first_id),
            wanted.until_ms.map(first_id)
        )
        .rows(self)
        .await
    }

    /// The names of those of these things that are there: images, channels, instances, users, projects, roles and
    /// flavors, by id.
    pub(crate) async fn names_of(&self, ids: &BTreeSet<&str>) -> Result<HashMap<String, String>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut statement = Statement::default();
        let places: Vec<_> = ids.iter().map(|id| statement.value(Value::Text((*id).to_owned()))).collect();
        let places = places.join(", ");
        let of = |table| format!("select id, name from {table} where name is not null and id in ({places})");
        statement.text =
            ["images", "channels", "instances", "users", "projects", "roles", "flavors"].map(of).join(" union all ");
        Ok(statement.sql().rows::<Named>(self).await?.into_iter().map(|named| (named.id, named.name)).collect())
    }
}

/// A thing with its name.
struct Named {
    id: String,
    name: String,
}

from_row!(Named { id, name });

/// The lowest id of the events of a moment. Ids grow with time, and the table is in their order.
fn first_id(at_ms: i64) -> String {
    format!("{:012x}", at_ms.max(0))
}

from_row!(Event {
    id,
    at_ms,
    request_id,
    client_request_id,
    user_id,
    user_name,
    project_id,
    project_name,
    address,
    action,
    target_id,
    outcome,
    status,
    reason,
    times
});
