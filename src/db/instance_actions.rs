//! The actions on instances: who did them, and how they ended.

use sqlx::{Row as _, any::AnyRow};

use super::{Database, Write, now_ms};
use crate::{
    error::Result,
    ids::InstanceId,
    model::action::{ActionResult, ActionRow},
};

impl Database {
    /// The actions on an instance, the newest first, at most `limit`.
    pub async fn instance_actions(&self, id: InstanceId, limit: u32) -> Result<Vec<ActionRow>> {
        let text = "select id, instance_id, action, request_id, user_id, project_id, start_ms, finish_ms, result, \
                    message from instance_actions where instance_id = $1 order by start_ms desc, id limit $2";
        let rows = sqlx::query(text).bind(id).bind(i64::from(limit)).fetch_all(self.reads()).await?;
        rows.iter().map(action).collect()
    }
}

pub(super) async fn finish_actions(write: &mut Write, id: InstanceId, failure: Option<&str>) -> Result<()> {
    let result = if failure.is_none() { ActionResult::Success } else { ActionResult::Error };
    sqlx::query(
        "update instance_actions set finish_ms = $2, result = $3, message = $4 \
         where instance_id = $1 and finish_ms is null",
    )
    .bind(id)
    .bind(now_ms())
    .bind(result)
    .bind(failure)
    .execute(&mut **write)
    .await?;
    Ok(())
}

pub(super) async fn insert_action(write: &mut Write, action: &ActionRow) -> Result<()> {
    sqlx::query(
        "insert into instance_actions (id, instance_id, action, request_id, user_id, project_id, start_ms) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&action.id)
    .bind(action.instance_id)
    .bind(&action.action)
    .bind(&action.request_id)
    .bind(action.user_id)
    .bind(action.project_id)
    .bind(action.start_ms)
    .execute(&mut **write)
    .await?;
    Ok(())
}

fn action(row: &AnyRow) -> Result<ActionRow> {
    Ok(ActionRow {
        id: row.try_get("id")?,
        action: row.try_get("action")?,
        instance_id: row.try_get("instance_id")?,
        request_id: row.try_get("request_id")?,
        user_id: row.try_get("user_id")?,
        project_id: row.try_get("project_id")?,
        start_ms: row.try_get("start_ms")?,
        finish_ms: row.try_get("finish_ms")?,
        result: row.try_get("result")?,
        message: row.try_get("message")?,
    })
}
