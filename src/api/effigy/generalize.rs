//! Cleaned copies of images.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Api, body::OptionalJson, caller::Authenticated, error::ApiError, image::image_id, trail::Trail};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    name: Option<String>,
}

/// `POST /images/{id}/generalize`: a new image from this one, cleaned.
pub(super) async fn begin(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
    Extension(trail): Extension<Trail>,
    OptionalJson(wanted): OptionalJson<Wanted>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let source = image_id(&image)?;
    let made = api.instances.begin_clean(&caller, source, wanted.name).await?;
    trail.does("image.generalize", Some(format!("{source}/{made}")));
    Ok((StatusCode::ACCEPTED, Json(json!({"image": {"id": made}}))))
}
