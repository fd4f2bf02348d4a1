//! The abilities of the service, and the ones that it lacks.

use axum::{Json, http::StatusCode};
use serde_json::json;

use crate::api::{
    caller::Asked,
    error::{Answer, ApiError},
};

/// `GET /v2/info/usage`: the project's quotas.
pub(super) async fn usage(Asked { rooms, caller, .. }: Asked) -> Answer {
    let (used, limits) = rooms.images.usage(&caller).await?;
    // Glance counts sizes in MiB here.
    let mib = |bytes: i64| bytes >> 20;
    Ok(Json(json!({"usage": {
        "image_size_total": {"usage": mib(used.bytes), "limit": mib(limits.bytes)},
        "image_count_total": {"usage": used.images, "limit": limits.images},
        "image_count_uploading": {"usage": used.uploads, "limit": limits.uploads},
        "image_stage_total": {"usage": mib(used.staged_bytes), "limit": mib(limits.staged_bytes)},
    }})))
}

/// `…/locations`
pub(super) async fn no_locations(_: Asked) -> ApiError {
    locations()
}

/// 501 wherever somebody would add a location, which makes Nova take the next way of several.
pub(super) fn locations() -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "The service decides where it keeps an image's bytes: upload them to PUT /v2/images/ID/file.",
    )
}
