//! The things that rest on an image.

use axum::{Extension, Json, extract::Path};
use serde::Serialize;
use utoipa::ToSchema;

use super::{document::Refusals, shares};
use crate::{
    api::{
        at_work::AtWork,
        caller::Asked,
        error::{Answer, ErrorBody},
        image::image_id,
    },
    ids::{ChannelId, ImageId, InstanceId},
    images::References,
    model::reference::Broken,
};

/// The things that rest on an image: those of the caller's project by name, those of others by number.
#[derive(Serialize, ToSchema)]
#[schema(as = References)]
pub(super) struct Shown {
    instances: Instances,
    /// The images whose records say that they were made from it.
    images: Images,
    /// The channel that it is a release of.
    release: Option<Release>,
    shares: Vec<shares::Shown>,
    /// The stores that have it.
    stores: Vec<String>,
    /// The road on which it gets bytes now, such as `import`, or `copy` to further stores.
    work: Option<String>,
    deletion: Deletion,
}

/// The instances that run from an image. They keep its disk.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageInstances)]
struct Instances {
    /// The first 100 of the caller's project, by name.
    own: Vec<Instance>,
    own_count: i64,
    elsewhere: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImageInstance)]
struct Instance {
    #[schema(value_type = String, format = Uuid)]
    id: InstanceId,
    name: String,
    /// As the Compute API has it.
    status: String,
}

/// The images that were made from an image. They are whole without it.
#[derive(Serialize, ToSchema)]
#[schema(as = ImagesMade)]
struct Images {
    /// The first 100 of the caller's project, by name.
    own: Vec<Made>,
    own_count: i64,
    elsewhere: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImageMade)]
struct Made {
    #[schema(value_type = String, format = Uuid)]
    id: ImageId,
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReleaseOfImage)]
struct Release {
    #[schema(value_type = String, format = Uuid)]
    channel: ChannelId,
    name: String,
    number: i64,
    is_current: bool,
}

/// The effects of deleting the image.
#[derive(Serialize, ToSchema)]
#[schema(as = Deletion)]
struct Deletion {
    /// Why it is refused now.
    refused: Option<String>,
    /// The things that work no more then.
    breaks: Vec<Broken>,
    /// The bytes that no other image the caller sees has, which is the most that is freed; while instances run from it their
    /// part stays. Null while too many count.
    frees_bytes: Option<u64>,
}

/// Tells what rests on an image.
///
/// It needs the right to change the image.
#[utoipa::path(
    get, path = "/images/{image}/references", operation_id = "show_references", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The references", body = Shown),
        (status = 403, description = "The caller may not change the image", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(
    Asked { rooms, caller, .. }: Asked,
    Extension(at_work): Extension<AtWork>,
    Path(image): Path<String>,
) -> Answer<Json<Shown>> {
    // Counting bytes has turns of its own and takes seconds.
    at_work.end();
    Ok(Json(shown(rooms.images.references(&caller, image_id(&image)?).await?)))
}

fn shown(found: References) -> Shown {
    let References { image, instances, made, release, shares, work, refused, breaks, frees_bytes } = found;
    let own = instances.own.into_iter();
    let own = own.map(|one| Instance { id: one.id, name: one.name, status: one.status.to_string() }).collect();
    let images = made.own.into_iter().map(|one| Made { id: one.id, name: one.name }).collect();
    Shown {
        instances: Instances { own, own_count: instances.own_count, elsewhere: instances.elsewhere },
        images: Images { own: images, own_count: made.own_count, elsewhere: made.elsewhere },
        release: release.map(|one| Release {
            channel: one.channel,
            name: one.name,
            number: one.number,
            is_current: one.is_current,
        }),
        shares: shares.into_iter().map(shares::shown).collect(),
        stores: image.stores.0,
        work: work.map(|kind| kind.to_string()),
        deletion: Deletion { refused, breaks, frees_bytes },
    }
}
