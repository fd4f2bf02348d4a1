//! HTTP: the only room that knows axum, status codes and OpenStack's JSON.
//!
//! Every URL of the service is on this page or in a `routes` function that this page leads to; those of Effigy's own
//! API stand with their handlers and in `/openapi.json`. A handler parses, calls a room, and renders.
//!
//! A request passes: `envelope` (its id, the audit, the metrics) -> its dialect's layer ([`error`]) -> [`caller`], where
//! it waits in the line of its project (`at_work`) -> the handler.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get},
};

mod at_work;
pub mod audit;
pub mod body;
pub mod caller;
mod client;
pub mod cloud;
pub mod compute;
mod cookie;
pub mod effigy;
mod envelope;
pub mod error;
pub mod health;
pub mod identity;
pub mod image;
pub mod links;
pub mod listen;
pub mod metrics;
pub mod network;
mod not_offered;
pub mod paging;
mod peer;
mod rooms;
mod times;
pub mod trail;
pub mod ui;

pub use rooms::Rooms;

/// The state that every handler gets.
pub type Api = Arc<Rooms>;

/// The service over HTTP.
pub fn router(rooms: Api) -> Router {
    let routes = if rooms.instances.are_enabled() { routes_with_instances() } else { routes_without_instances() };
    let people = match rooms.identity.keystone() {
        None => people_routes(),
        Some(keystone) if keystone.has_console() => {
            let compute = if rooms.instances.are_enabled() { Router::new() } else { cloud::compute_routes() };
            no_people_routes(ui::session_routes()).merge(cloud::identity_routes()).merge(compute)
        }
        Some(_) => no_people_routes(Router::new().route("/session", any(envelope::no_people))),
    };
    routes
        .merge(people)
        .fallback(envelope::no_such_url)
        .layer(axum::middleware::from_fn_with_state(rooms.clone(), envelope::wrap))
        .with_state(rooms)
}

/// Every URL of a service that runs instances and has its own users, for those who check what is written about them.
pub fn every_route() -> Router<Api> {
    routes_with_instances().merge(people_routes())
}

/// The resources of OpenStack that there are none of: the API, the word by which a path names one, and the reason that is answered.
pub fn not_offered() -> Vec<(&'static str, &'static str, &'static str)> {
    let of = |api: &'static str, list: &not_offered::NotOffered| -> Vec<_> {
        list.iter().map(|(word, why)| (api, *word, *why)).collect()
    };
    [of("Compute", compute::NOT_OFFERED), of("Identity", identity::NOT_OFFERED)].concat()
}

fn routes_with_instances() -> Router<Api> {
    routes(effigy::routes()).merge(instance_routes())
}

fn routes_without_instances() -> Router<Api> {
    routes(effigy::routes_without_instances()).merge(no_instance_routes())
}

/// The routes that every deployment serves, and Effigy's own API.
fn routes(effigy: Router<Api>) -> Router<Api> {
    let service = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/version", get(health::version))
        .route("/metrics", get(metrics::show));
    Router::new()
        .merge(error::dialect(error::Dialect::Keystone, service))
        .merge(error::dialect(error::Dialect::Keystone, effigy))
        .route("/image/", get(image::choices))
        .nest("/image", error::dialect(error::Dialect::Image, image::routes()))
        .merge(ui::pages())
}

/// The routes of a deployment that has its own users.
fn people_routes() -> Router<Api> {
    Router::new()
        .merge(error::dialect(error::Dialect::Keystone, ui::session_routes()))
        .route("/identity/", get(identity::versions))
        .nest("/identity", error::dialect(error::Dialect::Keystone, identity::routes()))
}

/// The same URLs where Keystone has them: each answers that nothing is there, and where it is. The console's session is
/// still this service's, if it has one.
fn no_people_routes(session: Router<Api>) -> Router<Api> {
    let paths = ["/identity", "/identity/", "/identity/{*path}"];
    let nothing = paths.into_iter().fold(session, |routes, path| routes.route(path, any(envelope::no_people)));
    error::dialect(error::Dialect::Keystone, nothing)
}

/// The routes that only a deployment with instances serves.
fn instance_routes() -> Router<Api> {
    Router::new()
        .nest("/compute", error::dialect(error::Dialect::Compute, compute::routes()))
        .merge(error::dialect(error::Dialect::Compute, compute::root()))
        .nest("/network", error::dialect(error::Dialect::Network, network::routes()))
        .merge(error::dialect(error::Dialect::Network, network::root()))
        .nest("/console", error::dialect(error::Dialect::Compute, compute::console_socket::routes()))
}

/// The same URLs where none are run: each answers in its dialect that nothing is there, and why.
fn no_instance_routes() -> Router<Api> {
    let prefixes = [
        ("/compute", error::Dialect::Compute),
        ("/network", error::Dialect::Network),
        ("/console", error::Dialect::Compute),
        ("/effigy/v1/instances", error::Dialect::Keystone),
    ];
    prefixes.into_iter().fold(Router::new(), |routes, (prefix, dialect)| {
        let none = || any(envelope::no_instances);
        let nothing = Router::new()
            .route(prefix, none())
            .route(&format!("{prefix}/"), none())
            .route(&format!("{prefix}/{{*path}}"), none());
        routes.merge(error::dialect(dialect, nothing))
    })
}
