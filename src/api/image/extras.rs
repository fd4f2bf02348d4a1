//! `/effigy/v1/images`: what the Image API has no word for.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value, json};

use super::image_id;
use crate::{
    api::{Api, caller::Authenticated, error::ApiError},
    images::{Image, Lineage},
};

/// Every URL below `/effigy/v1/images`.
pub fn routes() -> Router<Api> {
    Router::new().route("/{image}", get(show))
}

/// How an image is stored, where it comes from, how far it is, and why its last save failed.
async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (image, lineage) = api.images.lineage(&caller, image_id(&image)?).await?;
    Ok(Json(extras(&image, &lineage)))
}

fn extras(image: &Image, lineage: &Lineage) -> Value {
    json!({
        "id": image.id,
        "status": image.status.into_str(),
        "progress": image.progress,
        "reason": image.reason,
        "verdict": image.verdict,
        "storage": {
            "file_bytes": image.size_bytes,
            "disk_bytes": image.disk_bytes,
            "stored_bytes": image.stored_bytes,
            "file": match (&image.file_root, &image.disk_root) {
                (Some(_), _) => Some("uploaded"),
                (None, Some(_)) => Some("rendered"),
                (None, None) => None,
            },
        },
        "lineage": {"base_image": lineage.base_image, "instance": lineage.instance},
    })
}
