//! The actions on instances: who did them, and how they ended.

use super::{Database, Write, columns::from_row, now_ms, statement::sql};
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
        sql!(text, id, i64::from(limit)).rows(self).await
    }
}

pub(super) async fn finish_actions(write: &mut Write, id: InstanceId, failure: Option<&str>) -> Result<()> {
    let result = if failure.is_none() { ActionResult::Success } else { ActionResult::Error };
    let text = "update instance_actions set finish_ms = $2, result = $3, message = $4 \
         where instance_id = $1 and finish_ms is null";
    sql!(text, id, now_ms(), result, failure).run(write).await.map(drop)
}

/// The actions that are kept of an instance: more than anybody reads.
const KEPT: i64 = 1000;

/// Adds an action, and forgets the oldest of its instance beyond those that are kept.
pub(super) async fn insert_action(write: &mut Write, action: &ActionRow) -> Result<()> {
    let text = "delete from instance_actions where id in (select id from instance_actions where instance_id = $1 \
         order by start_ms desc, id limit 20 offset $2)";
    sql!(text, action.instance_id, KEPT - 1).run(write).await?;
    sql!(
        "insert into instance_actions (id, instance_id, action, request_id, user_id, project_id, start_ms, finish_ms, \
         result, message) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &action.id,
        action.instance_id,
        &action.action,
        &action.request_id,
        action.user_id,
        action.project_id,
        action.start_ms,
        action.finish_ms,
        action.result,
        action.message.as_deref()
    )
    .run(write)
    .await
    .map(drop)
}

from_row!(ActionRow { id, action, instance_id, request_id, user_id, project_id, start_ms, finish_ms, result, message });
