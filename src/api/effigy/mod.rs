//! Effigy's own API, beyond OpenStack's.
//!
//! A handler stands below its `#[utoipa::path]`, which is its URL and its part of `/openapi.json` at once; what it
//! answers is a struct that the same derives write and describe. So the router, the answers and the document are one.

use axum::{Router, http::header, routing::get};
use bytes::Bytes;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Api;

mod activity;
mod audit;
mod channels;
mod document;
mod filters;
mod generalize;
mod host;
mod image;
mod images;
mod instances;
mod parts;
mod projects;
mod references;
mod releases;
mod sessions;
mod shares;
mod sharing;
mod usage;
mod users;
mod verification;
mod words;

/// Every URL of Effigy's own API, and the document that describes them.
pub fn routes() -> Router<Api> {
    let instances = OpenApiRouter::new()
        .routes(routes!(instances::count))
        .routes(routes!(instances::show))
        .routes(routes!(instances::force_off));
    described(own().merge(instances))
}

/// The same where no instances are run.
pub fn routes_without_instances() -> Router<Api> {
    described(own())
}

fn own() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(images::list))
        .routes(routes!(images::count))
        .routes(routes!(images::show))
        .routes(routes!(images::ancestors))
        .routes(routes!(images::descendants))
        .routes(routes!(images::storage))
        .routes(routes!(references::show))
        .routes(routes!(shares::list, shares::create))
        .routes(routes!(shares::show, shares::set))
        .routes(routes!(shares::history))
        .routes(routes!(shares::offers))
        .routes(routes!(shares::received))
        .routes(routes!(verification::show, verification::again))
        .routes(routes!(verification::key))
        .routes(routes!(generalize::begin))
        .merge(parts::routes())
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::show, channels::set, channels::delete))
        .routes(routes!(channels::promote))
        .routes(routes!(channels::roll_back))
        .routes(routes!(releases::list))
        .routes(routes!(releases::show, releases::set))
        .routes(routes!(releases::history))
        .routes(routes!(releases::instances))
        .routes(routes!(usage::show))
        .routes(routes!(activity::list))
        .routes(routes!(sharing::show))
        .routes(routes!(host::show))
        .routes(routes!(projects::list))
        .routes(routes!(projects::set_quota))
        .routes(routes!(users::list))
        .routes(routes!(users::unlock))
        .routes(routes!(sessions::list, sessions::end_others))
        .routes(routes!(sessions::end))
        .routes(routes!(audit::list))
}

fn described(own: OpenApiRouter<Api>) -> Router<Api> {
    let (routes, document) = OpenApiRouter::with_openapi(document::blank()).nest("/effigy/v1", own).split_for_parts();
    let text = Bytes::from(document::text(&document));
    routes.route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], text) }))
}
