//! Images by kind, with what Glance's record of them leaves out.

use axum::{Extension, Json, extract::Path};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document::Refusals,
    filters::{Filters, Pages, kind},
    image::{ShownImage, shown},
};
use crate::{
    api::{
        at_work::AtWork,
        caller::Asked,
        error::{Answer, ErrorBody},
        image::{image_id, list},
        paging::{MAX_PAGE, Query},
    },
    error::Result,
    images::{Comparison, Condition, Image, ListImages, NumberColumn, PageVisibility, TextColumn},
    model::verification::Verdict,
};

/// A page of images.
#[derive(Serialize, ToSchema)]
pub(super) struct ImagePage {
    images: Vec<ShownImage>,
    /// The path of the next page; null on the last one.
    next: Option<String>,
}

/// Images without pages.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageList)]
pub(super) struct List {
    images: Vec<ShownImage>,
}

/// How many images there are.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageCounts)]
pub(super) struct Counts {
    counts: Kinds,
}

/// As the caller's project sees them.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageKinds)]
struct Kinds {
    public: Option<i64>,
    private: Option<i64>,
    /// Null where sharing is switched off.
    shared: Option<i64>,
    /// Of other projects.
    community: Option<i64>,
}

/// The storage of an image.
#[derive(Serialize, ToSchema)]
#[schema(as = ImageStorage)]
pub(super) struct Storage {
    storage: Figures,
}

/// The room that an image takes. No figure tells what another project keeps.
#[derive(Serialize, ToSchema)]
#[schema(as = StorageFigures)]
struct Figures {
    /// Bytes of its contents as they are read.
    logical_bytes: u64,
    /// Compressed bytes of its chunks, each counted once.
    stored_bytes: u64,
    /// Of those, what no other image has that it was compared with.
    unique_bytes: u64,
    /// Of those, what another such image has too.
    shared_bytes: u64,
    /// How many images that the caller sees it was compared with.
    compared_with: usize,
}

/// Lists images.
///
/// The filters and sorts of the Image API, and more filters: `kind`, which a `visibility` narrows, `search`, `verdict` and
/// `failed`.
#[utoipa::path(
    get, path = "/images", operation_id = "list_images", tag = "images", params(Filters, Pages),
    responses(
        (status = 200, description = "A page of the images", body = ImagePage),
        (status = 400, description = "A filter, sort or page that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<ImagePage>> {
    let page = list::page(rooms.images.list(&caller, read(&query)?).await?);
    let next = page.next.map(|marker| query.after("/effigy/v1/images", &marker));
    Ok(Json(ImagePage { images: all(page.items)?, next }))
}

/// Counts images by kind.
#[utoipa::path(
    get, path = "/images/counts", operation_id = "count_images", tag = "images", params(Filters),
    responses(
        (status = 200, description = "How many there are of each kind", body = Counts),
        (status = 400, description = "A filter that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn count(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<Counts>> {
    let [public, private, shared, community] = rooms.images.count(&caller, &read(&query)?).await?;
    Ok(Json(Counts { counts: Kinds { public, private, shared, community } }))
}

/// Shows an image.
#[utoipa::path(
    get, path = "/images/{image}", operation_id = "show_image", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The image", body = ShownImage),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<Json<ShownImage>> {
    Ok(Json(shown(rooms.images.show(&caller, image_id(&image)?).await?)?))
}

/// Lists the images that were made from an image.
///
/// Those of its instances, and its cleaned copies, as far as the caller sees them.
#[utoipa::path(
    get, path = "/images/{image}/descendants", operation_id = "list_descendants", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The images", body = List),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn descendants(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<Json<List>> {
    let image = rooms.images.show(&caller, image_id(&image)?).await?;
    let made_from_it = ListImages {
        conditions: vec![Condition::Property("base_image_ref".into(), image.id.to_string())],
        limit: MAX_PAGE,
        ..ListImages::default()
    };
    Ok(Json(List { images: all(rooms.images.list(&caller, made_from_it).await?.images)? }))
}

/// Lists the images that an image goes back to.
///
/// The nearest first, as far as the caller sees them.
#[utoipa::path(
    get, path = "/images/{image}/ancestors", operation_id = "list_ancestors", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The images", body = List),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn ancestors(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<Json<List>> {
    Ok(Json(List { images: all(rooms.images.ancestors(&caller, image_id(&image)?).await?)? }))
}

/// Tells how much room an image takes.
///
/// It needs the right to change the image.
#[utoipa::path(
    get, path = "/images/{image}/storage", operation_id = "show_storage", tag = "images",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The figures", body = Storage),
        (status = 403, description = "The caller may not change the image", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn storage(
    Asked { rooms, caller, .. }: Asked,
    Extension(at_work): Extension<AtWork>,
    Path(image): Path<String>,
) -> Answer<Json<Storage>> {
    // Counting has turns of its own and takes seconds.
    at_work.end();
    let figures = rooms.images.figures(&caller, image_id(&image)?).await?;
    let storage = Figures {
        logical_bytes: figures.logical_bytes,
        stored_bytes: figures.stored_bytes,
        unique_bytes: figures.unique_bytes,
        shared_bytes: figures.stored_bytes - figures.unique_bytes,
        compared_with: figures.compared,
    };
    Ok(Json(Storage { storage }))
}

fn all(images: Vec<Image>) -> Result<Vec<ShownImage>> {
    images.into_iter().map(shown).collect()
}

/// Reads a query. A kind and a visibility together are asked for both: the images of the kind that have the visibility.
fn read(query: &Query) -> Result<ListImages> {
    let mut wanted = list::read_with(query, word)?;
    if let (Some(of), Some(visibility)) = (query.all("kind").next_back(), query.all("visibility").next_back()) {
        wanted.visibility = Some(PageVisibility::Kind(kind(of)?));
        if visibility != "all" {
            wanted.conditions.push(Condition::TextIn(TextColumn::Visibility, vec![visibility.into()]));
        }
    }
    Ok(wanted)
}

/// The words of a query that Glance does not know.
fn word(wanted: &mut ListImages, name: &str, value: &str) -> Result<bool> {
    match name {
        "kind" => wanted.visibility = Some(PageVisibility::Kind(kind(value)?)),
        "search" if value.is_empty() => {}
        "search" => wanted.conditions.push(Condition::Matches(value.into())),
        "verdict" => {
            let verdict: Verdict = value.parse()?;
            wanted.conditions.push(Condition::TextIn(TextColumn::Verdict, vec![verdict.into_str().into()]));
        }
        "problems" => {
            let comparison = if list::flag(name, value)? { Comparison::Greater } else { Comparison::Equal };
            wanted.conditions.push(Condition::Number(NumberColumn::Problems, comparison, 0));
        }
        "failed" => wanted.conditions.push(Condition::Failed(list::flag(name, value)?)),
        _ => return Ok(false),
    }
    Ok(true)
}
