//! The cache of images: there is none to manage. Reads come from the store's chunks, with a cache of their own in
//! memory. Glance answers so where caching is off, and clients know these words.

use axum::{
    Router,
    routing::{any, get, put},
};

use crate::{
    api::{Api, caller::Asked, error::ApiError},
    error::Error,
    identity::image_policy,
};

/// Every URL below `/v2/cache`.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v2/cache", get(none).delete(none))
        .route("/v2/cache/{image}", put(none).delete(none))
        .route("/v2/cache/nodes/{image}", get(none))
        .route("/v2/cache/clean", any(none))
        .route("/v2/cache/prune", any(none))
        .route("/v2/cached_images", get(none).delete(none))
        .route("/v2/cached_images/{image}", any(none))
        .route("/v2/queued_images", get(none).delete(none))
        .route("/v2/queued_images/{image}", any(none))
}

async fn none(Asked { caller, .. }: Asked) -> ApiError {
    match image_policy::manage_cache(&caller) {
        Err(refusal) => refusal.into(),
        Ok(()) => Error::NotFound("Caching via API is not supported at this site.".into()).into(),
    }
}
