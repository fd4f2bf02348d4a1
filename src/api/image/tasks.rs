//! Tasks: what is known of imports.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use strum::VariantNames as _;

use super::{image_id, render::seconds};
use crate::{
    api::{
        body::JsonBody,
        caller::Asked,
        error::{Answer, ApiError},
        paging::{self, Page, Query},
    },
    error::{Error, Result},
    images::{Attributes, ImageTask, ListTasks, NewTask, TaskOrder},
    model::task::{TaskKind, TaskStatus},
};

/// Where tasks are.
const TASKS: &str = "/v2/tasks";

/// The body of a new task.
#[derive(Debug, Deserialize)]
pub(super) struct TaskBody {
    #[serde(rename = "type")]
    kind: String,
    input: Value,
}

/// The input of an import that is a task.
#[derive(Debug, Deserialize)]
struct ImportInput {
    import_from: String,
    import_from_format: Option<String>,
    #[serde(default)]
    image_properties: Attributes,
}

/// `GET /v2/images/{image}/tasks`
pub(super) async fn of_image(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer {
    let tasks = rooms.images.tasks_of(&caller, image_id(&image)?).await?;
    Ok(Json(json!({"tasks": tasks.iter().map(whole).collect::<Vec<_>>()})))
}

/// `GET /v2/tasks`
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer {
    let wanted = read(&query)?;
    let limit = wanted.limit as usize;
    let page = Page::full(rooms.images.tasks(&caller, wanted).await?, limit, |task| task.id.to_string());
    let mut shown = json!({
        "tasks": page.items.iter().map(stub).collect::<Value>(), "first": query.first(TASKS),
        "schema": "/v2/schemas/tasks",
    });
    if let Some(marker) = page.next {
        shown["next"] = query.after(TASKS, &marker).into();
    }
    Ok(Json(shown))
}

/// `GET /v2/tasks/{task}`
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(task): Path<String>) -> Answer {
    Ok(Json(whole(&rooms.images.task(&caller, task.parse().ok()).await?)))
}

/// `POST /v2/tasks`
pub(super) async fn create(Asked { rooms, caller, .. }: Asked, JsonBody(body): JsonBody<TaskBody>) -> Answer<Response> {
    if body.kind != "import" {
        return Err(Error::Invalid("The only type of task is import.".into()).into());
    }
    let read: ImportInput = serde_json::from_value(body.input.clone())
        .map_err(|error| Error::Invalid(format!("The task's input is not what was expected: {error}.")))?;
    let mut attributes = read.image_properties;
    if let Some(format) = read.import_from_format {
        attributes.entry("disk_format").or_insert(format.into());
    }
    let wanted = NewTask { uri: read.import_from, attributes, input: body.input };
    let task = rooms.images.create_task(&caller, wanted).await?;
    let mut response = (StatusCode::CREATED, Json(whole(&task))).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v2/tasks/{}", task.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `DELETE /v2/tasks/{task}`: tasks cannot be deleted, as in Glance.
pub(super) async fn delete(Asked { rooms, caller, .. }: Asked, Path(_task): Path<String>) -> Answer<Response> {
    // A caller who may not see tasks gets that refusal first, not the one about their end.
    rooms.images.tasks(&caller, ListTasks::default()).await?;
    let message = "Tasks are not deleted: they are forgotten 48 hours after they have ended.";
    let mut headers = HeaderMap::new();
    headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
    let refused = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response();
    Ok((headers, refused).into_response())
}

fn read(query: &Query) -> Result<ListTasks> {
    let mut wanted = ListTasks { limit: paging::PAGE, ..ListTasks::default() };
    for (name, value) in query.pairs() {
        let must_be =
            |words: &[&str]| Error::Invalid(format!("Invalid {name} value: it must be one of {}.", words.join(", ")));
        match name {
            "limit" => wanted.limit = paging::limit(Some(value), paging::PAGE)?,
            "marker" => {
                let marker = value.parse().map_err(|_| Error::Invalid("Invalid marker format".into()))?;
                wanted.marker = Some(marker);
            }
            "status" => wanted.status = Some(value.parse().map_err(|_| must_be(TaskStatus::VARIANTS))?),
            "type" => wanted.kind = Some(value.parse().map_err(|_| must_be(TaskKind::VARIANTS))?),
            "sort_dir" if !["asc", "desc"].contains(&value) => return Err(must_be(&["asc", "desc"])),
            "sort_dir" => wanted.is_ascending = value == "asc",
            "sort_key" => wanted.order = order(value)?,
            _ => {
                let known = ["status", "type", "sort_key", "sort_dir", "limit", "marker"];
                return Err(paging::unknown_filter(name, &known));
            }
        }
    }
    Ok(wanted)
}

fn order(key: &str) -> Result<TaskOrder> {
    match key {
        "created_at" => Ok(TaskOrder::Created),
        "id" => Ok(TaskOrder::Id),
        "type" => Ok(TaskOrder::Kind),
        "status" => Ok(TaskOrder::Status),
        _ => Err(Error::Invalid("Invalid sort_key value: it must be one of created_at, id, type, status.".into())),
    }
}

/// A task in a list: what it is about, without what it was given.
fn stub(task: &ImageTask) -> Value {
    let time = |ms: i64| String::from_utf8_lossy(&seconds(ms)).into_owned();
    let mut shown = json!({
        "id": task.id, "type": task.kind, "status": task.status, "owner": task.owner,
        "image_id": task.image, "user_id": task.user, "request_id": task.request_id,
        "created_at": time(task.created_ms), "updated_at": time(task.updated_ms),
        "self": format!("/v2/tasks/{}", task.id), "schema": "/v2/schemas/task",
    });
    if let Some(expires) = task.expires_ms {
        shown["expires_at"] = time(expires).into();
    }
    shown
}

fn whole(task: &ImageTask) -> Value {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let mut shown = stub(task);
    shown["input"] = json(&task.input);
    shown["result"] = task.result.as_deref().map(json).unwrap_or_default();
    shown["message"] = task.message.clone().into();
    shown
}
