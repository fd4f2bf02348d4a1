//! The web console: its files, embedded in the program, and the session of its user.
//!
//! The console is a client of the public API and of nothing else. Only the session is its own: a token behind a
//! cookie that no script can read ([`super::cookie`]), made, moved to another project and ended by [`session`].

use axum::{Router, routing::get};

use super::Api;

mod files;
mod session;

pub(super) use files::page;

/// The console's pages: each is the same document, which reads its own address.
const PAGES: [&str; 14] = [
    "/sign-in",
    "/instances",
    "/instances/{id}",
    "/launch",
    "/images",
    "/images/{id}",
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
    let pages = Router::new().route("/", get(files::page)).route("/assets/{*name}", get(files::asset));
    PAGES.iter().fold(pages.route("/favicon.svg", get(files::icon)), |pages, page| pages.route(page, get(files::page)))
}

/// `/session`.
pub fn session_routes() -> Router<Api> {
    let session = get(session::show).post(session::begin).put(session::rescope).delete(session::end);
    Router::new().route("/session", session)
}
