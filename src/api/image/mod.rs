//! OpenStack Image v2: every URL below `/image`.
//!
//! Where the reference and a real client disagree, the client's need wins, and a comment says so. An answer without
//! a body carries no JSON content type: glanceclient would read JSON from it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, delete, get, post, put},
};

use super::{Api, error::Answer};
use crate::{error::Error, ids::ImageId};

mod cache;
mod file;
mod imports;
mod info;
pub(super) mod list;
mod members;
mod metadef_schemas;
mod metadef_view;
mod metadefs;
mod patch;
mod records;
pub(super) mod render;
mod schemas;
mod stores;
mod tasks;
mod versions;

pub(super) use file::refused;
pub(super) use members::warning;
pub(super) use stores::header as store_header;
pub use versions::choices;

/// Every URL below `/image`.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(versions::choices))
        .route("/versions", get(versions::list))
        .route("/v2/images", get(list::list).post(records::create))
        .route("/v2/images/{image}", get(records::show).patch(records::change).delete(records::delete))
        .route("/v2/images/{image}/actions/deactivate", post(records::deactivate))
        .route("/v2/images/{image}/actions/reactivate", post(records::reactivate))
        .route("/v2/images/{image}/tags/{tag}", put(records::add_tag).delete(records::remove_tag))
        .route("/v2/images/{image}/members", get(members::list).post(members::add))
        .route("/v2/images/{image}/members/{member}", get(members::show).put(members::decide).delete(members::remove))
        .route("/v2/images/{image}/tasks", get(tasks::of_image))
        .route("/v2/images/{image}/locations", any(info::no_locations))
        .route("/v2/images/{image}/import", post(imports::begin))
        .route("/v2/info/import", get(imports::methods))
        .route("/v2/info/stores", get(stores::list))
        .route("/v2/info/stores/detail", get(stores::detail))
        .route("/v2/info/usage", get(info::usage))
        .route("/v2/stores/{store}/{image}", delete(stores::delete))
        .route("/v2/tasks", get(tasks::list).post(tasks::create))
        .route("/v2/tasks/{task}", get(tasks::show).delete(tasks::delete))
        .merge(cache::routes())
        .merge(metadefs::routes())
        .route("/v2/schemas/{schema}", get(schemas::show))
        .route("/v2/schemas/metadefs/{schema}", get(schemas::metadef))
        // A file is as long as an image may be: the images room counts its bytes.
        .route("/v2/images/{image}/file", get(file::download).put(file::upload).layer(DefaultBodyLimit::disable()))
        .route("/v2/images/{image}/stage", put(file::stage).layer(DefaultBodyLimit::disable()))
}

/// Reads an image's id. A text that is not an id is answered as a missing image.
pub(super) fn image_id(text: &str) -> Answer<ImageId> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Error::NotFound(format!("No image found with ID {shown}")).into()
    })
}
