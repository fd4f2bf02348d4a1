//! The web console: its files, embedded in the program, and the session of its user.
//!
//! The console is a client of the public API and of nothing else. Only the session is its own: a token behind a
//! cookie that no script can read ([`super::cookie`]), made, moved to another project and ended by [`session`].

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};

use super::{Api, image, links::PublicUrl};

mod files;
mod session;

pub(super) use files::page;

/// The console's pages: each is the same document, which reads its own address.
const PAGES: [&str; 17] = [
    "/sign-in",
    "/screen",
    "/instances",
    "/instances/{id}",
    "/launch",
    "/images",
    "/images/{id}",
    "/channels",
    "/channels/{id}",
    "/key-pairs",
    "/flavors",
    "/host",
    "/projects",
    "/users",
    "/audit",
    "/activity",
    "/api-access",
];

/// The console's files and pages.
pub fn pages() -> Router<Api> {
    let pages = Router::new().route("/", get(root)).route("/assets/{*name}", get(files::asset));
    PAGES.iter().fold(pages.route("/favicon.svg", get(files::icon)), |pages, page| pages.route(page, get(files::page)))
}

/// `GET /`: the console; to a program, where Keystone's catalog may lead it here, the versions of the Image API.
async fn root(State(rooms): State<Api>, headers: HeaderMap, url: PublicUrl) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match rooms.identity.keystone() {
        Some(_) if !accepted.contains("text/html") => image::choices(url).await,
        _ => files::page(headers).await,
    }
}

/// `/session`.
pub fn session_routes() -> Router<Api> {
    let session = get(session::show).post(session::begin).put(session::rescope).delete(session::end);
    Router::new().route("/session", session)
}
