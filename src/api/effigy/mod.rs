//! Effigy's own API: what OpenStack has no word for.

use axum::{
    Router,
    routing::{get, post},
};

use super::Api;

mod audit;
mod generalize;
mod images;
mod instances;
mod verification;

/// Every URL below `/effigy/v1`, but those of instances.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/audit", get(audit::list))
        .route("/images", get(images::list))
        .route("/images/counts", get(images::count))
        .route("/images/{image}/ancestors", get(images::ancestors))
        .route("/images/{image}/descendants", get(images::descendants))
        .route("/images/{image}/verification", get(verification::show).post(verification::again))
        .route("/images/{image}/generalize", post(generalize::begin))
        .route("/verification-key", get(verification::key))
        .route("/images/{image}/storage", get(images::storage))
}

/// Every URL below `/effigy/v1/instances`.
pub fn instance_routes() -> Router<Api> {
    Router::new().route("/{id}/actions/force-off", post(instances::force_off))
}
