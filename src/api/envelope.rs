//! The layer that every request passes: it gets its id, its audit and its place in the metrics, its answer the common
//! headers.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::{
    Api, Rooms,
    at_work::AtWork,
    audit,
    client::Client,
    error::{self, ApiError, Dialect},
    links::PublicUrl,
    trail::{RequestId, Trail, WholeUri, client_request_id},
    ui,
};
use crate::keystone::Keystone;

/// Gives the request its id and a span, and the answer its common headers.
pub(super) async fn wrap(State(rooms): State<Api>, mut request: Request, next: Next) -> Response {
    let id = format!("req-{}", Uuid::new_v4());
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(Trail::default());
    let is_compute = request.uri().path().starts_with("/compute/");
    let uri = WholeUri(request.uri().clone());
    request.extensions_mut().insert(uri);
    let client = Client::of(&rooms.trusted_proxies, &request);
    request.extensions_mut().insert(client);
    let at_work = AtWork::default();
    request.extensions_mut().insert(at_work.clone());
    let request = request.map(|body| at_work.without_place(body));
    let client_id = client_request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let base = PublicUrl::of(&rooms, request.headers());
    let started = std::time::Instant::now();
    let action = route.as_deref().and_then(|route| audit::action_of(&method, route));
    let mut response = match action {
        Some(action) => audit::watch(rooms.clone(), action, request, next).await,
        None => at_work.run(&rooms.background, next.run(request)).await,
    };
    at_work.end();
    let challenge = (response.status() == StatusCode::UNAUTHORIZED).then(|| challenge(&rooms, &base)).flatten();
    name(&mut response, &id, is_compute, challenge);
    let (status, route, took) = (response.status().as_u16(), route.unwrap_or_default(), started.elapsed());
    rooms.metrics.answered(method.as_str(), &route, status, took);
    let ms = took.as_millis() as u64;
    let client_id = client_id.as_deref().unwrap_or_default();
    tracing::debug!(
        request.id = %id, request.client_id = client_id, %method, route, status, ms,
        "{method} {route} answered {status}"
    );
    response
}

/// The headers that an answer has whatever it answers.
fn name(response: &mut Response, id: &str, is_compute: bool, challenge: Option<HeaderValue>) {
    let headers = response.headers_mut();
    challenge.map(|value| headers.insert(header::WWW_AUTHENTICATE, value));
    let Ok(id) = HeaderValue::from_str(id) else { return };
    if is_compute {
        // Nova's first name of it, which its clients still read.
        headers.insert("x-compute-request-id", id.clone());
    }
    headers.insert("x-openstack-request-id", id);
}

/// Where somebody without a valid token signs in.
fn challenge(rooms: &Rooms, base: &PublicUrl) -> Option<HeaderValue> {
    let own = || format!("{}/identity", base.0);
    let uri = rooms.identity.keystone().map_or_else(own, |keystone| keystone.url().to_owned());
    HeaderValue::from_str(&format!("Keystone uri=\"{uri}\"")).ok()
}

/// The answer to a URL of instances where none are run.
pub(super) async fn no_instances() -> ApiError {
    let message = "There is nothing at this URL: this service runs no instances (instances.enabled).";
    ApiError::new(StatusCode::NOT_FOUND, message)
}

/// The answer to somebody who looks for people where Keystone has them.
pub(super) fn elsewhere(keystone: &Keystone) -> ApiError {
    crate::identity::keystone::elsewhere(keystone).into()
}

/// The answer to a URL of people where Keystone has them.
pub(super) async fn no_people(State(rooms): State<Api>) -> ApiError {
    match rooms.identity.keystone() {
        Some(keystone) => elsewhere(keystone),
        None => ApiError::new(StatusCode::NOT_FOUND, "There is nothing at this URL."),
    }
}

/// The answer to a URL that does not exist.
pub(super) async fn no_such_url(method: Method, headers: HeaderMap) -> Response {
    // A person typed it: the console has a page that says so, and the way on.
    let is_person =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.to_str().is_ok_and(|text| text.contains("text/html")));
    if method == Method::GET && is_person {
        return (StatusCode::NOT_FOUND, ui::page(headers).await).into_response();
    }
    let missing = ApiError::new(StatusCode::NOT_FOUND, "There is nothing at this URL.");
    error::render(Dialect::Keystone, missing.into_response()).await
}
