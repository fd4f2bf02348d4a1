//! Cleaned copies of images.

use axum::{Extension, Json, extract::Path, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        body::OptionalJson,
        caller::Asked,
        error::{Answer, ErrorBody},
        image::image_id,
        trail::Trail,
    },
    ids::ImageId,
};

/// A cleaned copy that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CleanCopy)]
pub(super) struct Wanted {
    /// Its name; left out, it is named after its source.
    #[schema(value_type = String, required = false)]
    name: Option<String>,
}

/// A new image, which is being made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewImage)]
pub(super) struct Made {
    image: NewId,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NewImageId)]
struct NewId {
    #[schema(value_type = String, format = Uuid)]
    id: ImageId,
}

/// Makes a cleaned copy of a Linux image.
///
/// The new image is `saving`, then `active`, or `queued` with the reason. It needs the rights to download the
/// image and to make images.
#[utoipa::path(
    post, path = "/images/{image}/generalize", operation_id = "generalize_image", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    request_body(content = Option<Wanted>),
    responses(
        (status = 202, description = "The copy is being made", body = Made),
        (status = 400, description = "A body that was not expected", body = ErrorBody),
        (status = 403, description = "The caller may not download the image, or make images", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "It cannot be cleaned, or no cleaner is set up", body = ErrorBody),
        (status = 413, description = "The body is too large, or a quota is used up", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn begin(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    Extension(trail): Extension<Trail>,
    OptionalJson(wanted): OptionalJson<Option<Wanted>>,
) -> Answer<(StatusCode, Json<Made>)> {
    let source = image_id(&image)?;
    let id = rooms.instances.begin_clean(&caller, source, wanted.and_then(|wanted| wanted.name)).await?;
    trail.does("image.generalize", Some(format!("{source}/{id}")));
    Ok((StatusCode::ACCEPTED, Json(Made { image: NewId { id } })))
}
