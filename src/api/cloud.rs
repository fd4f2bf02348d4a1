//! The console in a cloud of others: what its pages ask of Keystone and of the cloud's Compute service, at this service's own
//! address.
//!
//! This is for the console's session and nobody else: a program has the addresses of those services. Only the URLs on this
//! page lead on. Of a request its method, the parts that its URL leaves open, its query and its JSON go with it, each looked
//! at, and no header but the microversion; the token is the session's. The answer is a status and JSON.

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{
    Api, Rooms,
    at_work::AtWork,
    body,
    caller::{self, Asked},
    envelope,
    error::{Answer, ApiError, Dialect, dialect},
    trail::{RequestId, Trail},
};
use crate::{
    error::{Error, Result},
    identity::{Session, lines::Share},
    keystone::{Errand, Keystone, Reply},
};

/// Questions to the Compute service at once while one project asks; each of several has one at least.
pub const QUESTIONS: usize = 16;
/// The longest query: a filter by name has a few hundred letters.
const MAX_QUERY_BYTES: usize = 2048;
/// The longest part of a path that a URL leaves open: a name of a key pair has 255 letters.
const MAX_PART_BYTES: usize = 255;
/// The actions on a server that the console has.
const ACTIONS: [&str; 11] = [
    "os-start",
    "os-stop",
    "reboot",
    "pause",
    "unpause",
    "resize",
    "confirmResize",
    "revertResize",
    "rebuild",
    "createImage",
    "os-getConsoleOutput",
];

/// The console's questions to Keystone: the catalog, the names of projects for an admin, and a person's own credentials.
pub fn identity_routes() -> Router<Api> {
    let own = "/identity/v3/users/{user}/application_credentials";
    let routes = Router::new()
        .route("/identity/v3/auth/catalog", get(identity))
        .route("/identity/v3/projects", get(identity))
        .route(own, get(identity).post(identity))
        .route(&format!("{own}/{{credential}}"), delete(identity))
        .route("/identity/v3/users/{user}/password", post(identity));
    dialect(Dialect::Keystone, routes)
}

/// The console's questions to the cloud's Compute service.
pub fn compute_routes() -> Router<Api> {
    let routes = Router::new()
        .route("/compute/v2.1/servers", post(compute))
        .route("/compute/v2.1/servers/detail", get(compute))
        .route("/compute/v2.1/servers/{id}", get(compute).put(compute).delete(compute))
        .route("/compute/v2.1/servers/{id}/action", post(compute))
        .route("/compute/v2.1/servers/{id}/remote-consoles", post(compute))
        .route("/compute/v2.1/servers/{id}/os-instance-actions", get(compute))
        .route("/compute/v2.1/flavors/detail", get(compute))
        .route("/compute/v2.1/os-keypairs", get(compute).post(compute))
        .route("/compute/v2.1/os-keypairs/{name}", delete(compute));
    dialect(Dialect::Compute, routes)
}

/// Whether the console's pages of instances are of the cloud's Compute service.
pub(super) async fn has_compute(rooms: &Rooms, session: &Session) -> Result<bool> {
    let keystone = rooms.identity.keystone().filter(|_| !rooms.instances.are_enabled());
    match keystone.zip(session.bearer.as_ref()) {
        Some((keystone, bearer)) => keystone.has_compute(bearer.expose()).await,
        None => Ok(false),
    }
}

/// A request of the console, and what goes on of it.
struct Console {
    asked: Asked,
    keystone: Keystone,
    errand: Errand,
}

impl FromRequestParts<Api> for Console {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Result<Console, ApiError> {
        let keystone = rooms.identity.keystone().cloned().ok_or_else(caller::unauthenticated)?;
        let is_program =
            ["x-auth-token", "x-storage-token", "x-service-token"].iter().any(|name| parts.headers.contains_key(*name));
        if is_program {
            let is_identity = parts.uri.path().starts_with("/identity");
            return Err(if is_identity { envelope::elsewhere(&keystone) } else { envelope::no_instances().await });
        }
        let asked = Asked::from_request_parts(parts, rooms).await?;
        let errand = Errand {
            method: parts.method.clone(),
            path: path(parts).await?,
            body: Bytes::new(),
            microversion: microversion(parts),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        };
        Ok(Console { asked, keystone, errand })
    }
}

impl Console {
    fn bearer(&self) -> Result<&str> {
        let session = self.asked.caller.session.as_ref();
        let bearer = session.and_then(|session| session.bearer.as_ref()).ok_or_else(caller::unauthenticated)?;
        Ok(bearer.expose())
    }
}

async fn identity(mut console: Console, request: Request) -> Answer<Response> {
    let own = format!("/v3/users/{}/", console.asked.caller.user.id);
    if console.errand.path.starts_with("/v3/users/") && !console.errand.path.starts_with(&own) {
        return Err(Error::Forbidden("These are another person's.".into()).into());
    }
    console.errand.body = json_of(request, &console.asked.rooms).await?;
    Ok(handed_on(console.keystone.ask_for(console.bearer()?, console.errand.clone()).await?))
}

async fn compute(mut console: Console, request: Request) -> Answer<Response> {
    let extensions = request.extensions();
    let (trail, at_work) = (extensions.get::<Trail>().cloned(), extensions.get::<AtWork>().cloned());
    let body = json_of(request, &console.asked.rooms).await?;
    if console.errand.path.ends_with("/action") {
        trail.unwrap_or_default().does(&action_of(&body)?, None);
    }
    console.errand.body = body;
    // Another service may take its time: requests of this project for images are not to wait for it.
    at_work.unwrap_or_default().end();
    let _place = console.asked.rooms.compute_lines.take(Share::of(&console.asked.caller)).await?;
    Ok(handed_on(console.keystone.ask_compute(console.bearer()?, console.errand.clone()).await?))
}

/// The path that goes on, from the version on: the URL's own words, its open parts encoded anew, and the query.
async fn path(parts: &mut Parts) -> Answer<String> {
    let nothing = || Error::NotFound("There is nothing at this URL.".into());
    let route = parts.extensions.get::<MatchedPath>().cloned().ok_or_else(nothing)?;
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| nothing())?;
    let (_, below) = route.as_str()[1..].split_once('/').ok_or_else(nothing)?;
    let mut path = format!("/{below}");
    for (name, value) in &params {
        path = path.replace(&format!("{{{name}}}"), &encoded(value).ok_or_else(nothing)?);
    }
    if let Some(query) = parts.uri.query() {
        if query.len() > MAX_QUERY_BYTES {
            return Err(Error::Invalid(format!("A query has at most {MAX_QUERY_BYTES} bytes here.")).into());
        }
        path = format!("{path}?{query}");
    }
    Ok(path)
}

/// An id or a name as one part of a path, whatever it is made of; none of what leads to another path.
fn encoded(part: &str) -> Option<String> {
    let is_part = (1..=MAX_PART_BYTES).contains(&part.len())
        && !["", ".", ".."].contains(&part)
        && !part.contains(['/', '\\', '%']);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    (is_part && !part.chars().any(char::is_control)).then(|| part.bytes().map(one).collect())
}

fn microversion(parts: &Parts) -> u16 {
    let named = parts.headers.get("openstack-api-version").and_then(|value| value.to_str().ok());
    named.and_then(|named| named.strip_prefix("compute 2.")?.parse().ok()).unwrap_or(1)
}

/// The body, if it is JSON or nothing.
async fn json_of(request: Request, rooms: &Rooms) -> Answer<Bytes> {
    let body = body::whole(request, rooms).await?;
    if !body.is_empty() && serde_json::from_slice::<IgnoredAny>(&body).is_err() {
        return Err(Error::Invalid("The body is not JSON.".into()).into());
    }
    Ok(Bytes::copy_from_slice(&body))
}

/// The action in a body, by its name in the audit.
fn action_of(body: &[u8]) -> Result<String> {
    let words = serde_json::from_slice::<Map<String, Value>>(body).unwrap_or_default();
    match words.keys().collect::<Vec<_>>().as_slice() {
        [word] if ACTIONS.contains(&word.as_str()) => {
            Ok(format!("instance.{}", word.strip_prefix("os-").unwrap_or(word)))
        }
        _ => Err(Error::Invalid(format!("An action here is one of {}.", ACTIONS.join(", ")))),
    }
}

fn handed_on(reply: Reply) -> Response {
    if reply.body.is_empty() {
        return reply.status.into_response();
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")]
        .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (reply.status, headers, Body::from(reply.body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_stays_one_part() {
        assert_eq!(encoded("0a1b-2C").as_deref(), Some("0a1b-2C"));
        assert_eq!(encoded("my key@home").as_deref(), Some("my%20key%40home"));
        assert_eq!(encoded("?a#b;c").as_deref(), Some("%3Fa%23b%3Bc"));
        assert_eq!(encoded("열쇠").as_deref(), Some("%EC%97%B4%EC%87%A0"));
        for wrong in ["", ".", "..", "a/b", "..\\", "%2e%2e", "a\r\nb", &"a".repeat(256)] {
            assert_eq!(encoded(wrong), None, "{wrong:?}");
        }
    }
}
