//! The rows of tasks: what clients see of an import. They change with the image they are about, in one transaction.

use std::collections::BTreeMap;

use super::{
    Database, Write,
    columns::{Json, from_row},
    now_ms,
    statement::sql,
};
use crate::{
    error::Result,
    ids::{ImageId, JobId},
    model::task::{ImageTask, TaskOrder, TaskPage, TaskStatus},
};

/// How long an ended task is kept (Glance: `task_time_to_live`, 48 hours).
const KEEP_ENDED_MS: i64 = 48 * 3600 * 1000;

impl TaskOrder {
    /// The column that comes before the age, and the task's word in it.
    fn first(self, task: Option<&ImageTask>) -> (Option<&'static str>, String) {
        let word = |word: fn(&ImageTask) -> String| task.map(word).unwrap_or_default();
        match self {
            TaskOrder::Created => (None, String::new()),
            TaskOrder::Id => (Some("id"), word(|task| task.id.to_string())),
            TaskOrder::Kind => (Some("kind"), word(|task| task.kind.to_string())),
            TaskOrder::Status => (Some("status"), word(|task| task.status.to_string())),
        }
    }
}

const COLUMNS: &str = "id, kind, image_id, owner, user_id, request_id, status, input, result, message, created_ms, \
                       updated_ms, expires_ms";

from_row!(ImageTask {
    id, kind, image = "image_id", owner, user = "user_id", request_id, status, input, result, message, created_ms,
    updated_ms, expires_ms,
});

impl Database {
    /// A task.
    pub async fn image_task(&self, id: JobId) -> Result<Option<ImageTask>> {
        let sql = format!("select {COLUMNS} from image_tasks where id = $1");
        sql!(sqlx::AssertSqlSafe(sql), id).row(self).await
    }

    /// A page of tasks.
    pub async fn image_tasks(&self, page: &TaskPage) -> Result<Vec<ImageTask>> {
        let (sign, order) = if page.is_ascending { (">", "asc") } else { ("<", "desc") };
        let after = page.after.as_ref();
        let (first, word) = page.order.first(after);
        let (first_order, later) = match first {
            None => (String::new(), "$7 = ''".to_owned()),
            Some(column) => (format!("{column} {order}, "), format!("{column} = $7")),
        };
        let earlier = first.map(|column| format!(" or {column} {sign} $7")).unwrap_or_default();
        // Placeholders that are left open match everything, so that one text serves every question of an order.
        let sql = format!(
            "select {COLUMNS} from image_tasks where ($1 = '' or status = $1) and ($2 = '' or kind = $2) \
             and ($3 = '' or image_id = $3) and ($4 = ''{earlier} \
                  or {later} and (created_ms {sign} $5 or created_ms = $5 and id {sign} $4)) \
             order by {first_order}created_ms {order}, id {order} limit $6"
        );
        sql!(
            sqlx::AssertSqlSafe(sql),
            page.status.map_or("", |status| status.into_str()),
            page.kind.map_or("", |kind| kind.into_str()),
            page.image.map(|id| id.to_string()).unwrap_or_default(),
            after.map(|task| task.id.to_string()).unwrap_or_default(),
            after.map(|task| task.created_ms).unwrap_or_default(),
            i64::from(page.limit),
            word
        )
        .rows(self)
        .await
    }

    /// Forgets tasks whose time is over.
    pub async fn forget_image_tasks(&self, now_ms: i64) -> Result<()> {
        sql!("delete from image_tasks where expires_ms < $1", now_ms).commit(self).await.map(drop)
    }
}

pub(super) async fn insert(write: &mut Write, task: &ImageTask) -> Result<()> {
    sql!(
        "insert into image_tasks (id, kind, image_id, owner, user_id, request_id, status, input, result, message, \
         created_ms, updated_ms, expires_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        task.id,
        task.kind,
        task.image,
        task.owner,
        task.user,
        &task.request_id,
        task.status,
        &task.input,
        &task.result,
        &task.message,
        task.created_ms,
        task.updated_ms,
        task.expires_ms
    )
    .run(write)
    .await
    .map(drop)
}

/// Notes how far the tasks of an image are that have not ended.
pub(super) async fn note_those_of(write: &mut Write, image: ImageId, message: &str) -> Result<()> {
    let text = "update image_tasks set status = 'processing', message = $2, updated_ms = $3 \
                where image_id = $1 and status in ('pending', 'processing')";
    sql!(text, image, message, now_ms()).run(write).await.map(drop)
}

/// Ends the tasks of an image that failed.
pub(super) async fn fail_those_of(write: &mut Write, image: ImageId, reason: &str) -> Result<()> {
    end(write, image, TaskStatus::Failure, None, reason).await
}

/// Ends the tasks of an image that is active now.
pub(super) async fn succeed_those_of(write: &mut Write, image: ImageId) -> Result<()> {
    end(write, image, TaskStatus::Success, Some(Json(BTreeMap::from([("image_id", image)]))), "").await
}

async fn end(
    write: &mut Write,
    image: ImageId,
    status: TaskStatus,
    result: Option<Json<BTreeMap<&str, ImageId>>>,
    message: &str,
) -> Result<()> {
    let text = "update image_tasks set status = $2, result = $3, message = $4, updated_ms = $5, expires_ms = $6 \
         where image_id = $1 and status in ('pending', 'processing')";
    sql!(text, image, status, result, message, now_ms(), now_ms() + KEEP_ENDED_MS).run(write).await.map(drop)
}
