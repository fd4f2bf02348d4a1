//! What the service can do, and what it honestly cannot.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::image_id;
use crate::{
    api::{Api, caller::Authenticated, error::ApiError},
    error::Error,
};

/// The one store there is.
pub(super) const STORE: &str = "local";

/// `GET /v2/info/import`: no way of importing yet, so none is advertised.
pub(super) async fn import(_caller: Authenticated) -> Json<Value> {
    Json(json!({"import-methods": {"description": "Import methods available.", "type": "array", "value": []}}))
}

pub(super) async fn stores(_caller: Authenticated) -> Json<Value> {
    Json(json!({"stores": [{"id": STORE, "description": "Effigy's own store", "default": "true"}]}))
}

pub(super) async fn stores_detail(Authenticated(caller): Authenticated) -> Result<Json<Value>, ApiError> {
    if !caller.is_admin() {
        return Err(Error::Forbidden("Only an admin sees the details of stores.".into()).into());
    }
    Ok(Json(json!({"stores": [{
        "id": STORE, "description": "Effigy's own store", "default": "true", "type": "effigy", "properties": {},
    }]})))
}

/// `GET /v2/info/usage`: the project's quotas.
pub(super) async fn usage(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    let (used, limits) = api.images.usage(&caller).await?;
    // Glance counts sizes in MiB here.
    let mib = |bytes: i64| bytes >> 20;
    Ok(Json(json!({"usage": {
        "image_size_total": {"usage": mib(used.bytes), "limit": mib(limits.bytes)},
        "image_count_total": {"usage": used.images, "limit": limits.images},
        "image_count_uploading": {"usage": used.uploads, "limit": limits.uploads},
        "image_stage_total": {"usage": 0, "limit": mib(limits.bytes)},
    }})))
}

pub(super) async fn tasks(_caller: Authenticated) -> Json<Value> {
    Json(json!({"tasks": [], "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}))
}

/// `POST /v2/tasks`
pub(super) async fn no_task(_caller: Authenticated) -> ApiError {
    Error::Forbidden("Tasks are not made by hand here; upload to PUT /v2/images/ID/file.".into()).into()
}

pub(super) async fn no_such_task(_caller: Authenticated) -> ApiError {
    Error::NotFound("There is no such task.".into()).into()
}

/// `GET /v2/images/{image}/tasks`: nothing that is done to an image is one of Glance's tasks.
pub(super) async fn image_tasks(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    api.images.show(&caller, image_id(&image)?).await?;
    Ok(Json(json!({"tasks": []})))
}

/// `…/locations`: 501, which makes Nova take the next way of several.
pub(super) async fn no_locations(_caller: Authenticated) -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "Nobody sets where an image's bytes are: upload them to PUT /v2/images/ID/file.",
    )
}

/// `…/stage`, `…/import`
pub(super) async fn no_import(_caller: Authenticated) -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "There is no import here yet (GET /v2/info/import lists no method): upload to PUT /v2/images/ID/file.",
    )
}
