//! The audit of requests: what a request was about, written before its answer leaves.
//!
//! A watched request runs as a task of its own: when its client goes away it still ends and is still recorded. This is
//! the one place where a change outlives its client: the rooms await what has a second half. A request that is not
//! watched only reads, and may be dropped anywhere.
//!
//! The audit watches changes (by their method), downloads and sign-ins; it records only refused sign-ins, and of those
//! only the ones whose proof was judged. A change by somebody without a valid token changes nothing; it is answered 401
//! and logged, so that strangers cannot fill the disk with events.

use axum::{
    body::Body,
    extract::{RawPathParams, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{
    Api, Rooms,
    at_work::AtWork,
    client::Client,
    error::{self, ApiError, ErrorNote},
    trail::{RequestId, Trail, client_request_id},
};
use crate::{
    error::Result,
    identity::audit::{Event, Promise},
    model::event::Outcome,
};

/// The largest answer that is read again for the id of what it made.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

const SIGN_IN: &str = "user.sign_in";
const CONSOLE_OUTPUT: &str = "instance.getConsoleOutput";

/// The action of a request, as far as its method and route tell; `None` when it is not watched.
pub fn action_of(method: &Method, route: &str) -> Option<String> {
    let shape: Vec<&str> = route.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    let shape = shape.join("/");
    if let Some((_, _, action)) = NAMED.iter().find(|(of, named, _)| method == of && shape == *named) {
        return Some((*action).to_owned());
    }
    let verb = match *method {
        Method::POST => "create",
        Method::PUT => "set",
        Method::PATCH => "update",
        Method::DELETE => "delete",
        _ => return None,
    };
    let rest = ["/identity/v3/", "/image/v2/", "/compute/v2.1/", "/effigy/v1/"].iter();
    let rest = rest.filter_map(|prefix| route.strip_prefix(prefix)).next().unwrap_or(route);
    let mut words: Vec<&str> = rest.split('/').filter(|part| !part.is_empty() && !part.starts_with('{')).collect();
    // `…/actions/deactivate` and the like say what they do.
    if let [.., "actions", does] = words.as_slice() {
        let does = *does;
        words.truncate(words.len() - 2);
        return Some(format!("{}.{does}", named(&words)));
    }
    Some(format!("{}.{verb}", named(&words)))
}

/// Routes whose action the rule above would misname.
const NAMED: &[(Method, &str, &str)] = &[
    (Method::POST, "/identity/v3/auth/tokens", SIGN_IN),
    (Method::DELETE, "/identity/v3/auth/tokens", "user.sign_out"),
    (Method::POST, "/session", SIGN_IN),
    (Method::PUT, "/session", "session.rescope"),
    (Method::DELETE, "/session", "user.sign_out"),
    (Method::POST, "/identity/v3/users/{}/password", CHANGE_PASSWORD),
    (Method::DELETE, "/effigy/v1/users/{}/locks", "user.unlock"),
    (Method::DELETE, "/effigy/v1/sessions", "user.end_sessions"),
    (Method::DELETE, "/effigy/v1/sessions/{}", "user.end_sessions"),
    (Method::PUT, "/image/v2/images/{}/file", "image.upload"),
    (Method::GET, "/image/v2/images/{}/file", "image.download"),
    (Method::PUT, "/image/v2/images/{}/stage", "image.stage"),
    (Method::POST, "/image/v2/images/{}/import", "image.import"),
    (Method::POST, "/effigy/v1/images/{}/generalize", "image.generalize"),
    (Method::POST, "/effigy/v1/uploads", "image.begin_upload"),
    (Method::PATCH, "/effigy/v1/uploads/{}", "image.upload"),
    (Method::POST, "/effigy/v1/uploads/{}", "image.upload"),
    (Method::DELETE, "/effigy/v1/uploads/{}", "image.end_upload"),
    // The handler names it, once it has read the body.
    (Method::POST, "/compute/v2.1/servers/{}/action", "instance.action"),
];

const CHANGE_PASSWORD: &str = "user.change_password";

/// Collections in the words of the glossary, singular.
fn named(words: &[&str]) -> String {
    let one = |word: &&str| match *word {
        "servers" => "instance".to_owned(),
        "os-keypairs" => "key_pair".to_owned(),
        "properties" => "property".to_owned(),
        "metadata" | "tags" if words.len() > 1 => word.trim_end_matches('s').to_owned(),
        word => word.strip_prefix("os-").unwrap_or(word).trim_end_matches('s').replace('-', "_"),
    };
    words.iter().map(one).collect::<Vec<_>>().join(".")
}

/// Runs a watched request and records it.
pub async fn watch(rooms: Api, action: String, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
    let dialect = match route.is_some_and(|route| route.starts_with("/compute")) {
        true => error::Dialect::Compute,
        false => error::Dialect::Keystone,
    };
    let promise = match *request.method() {
        Method::GET | Method::DELETE => Promise::Kept,
        _ => Promise::Durable,
    };
    let task = tokio::spawn(async move {
        let (event, request) = begin(action, request).await;
        let trail = request.extensions().get::<Trail>().cloned().unwrap_or_default();
        let at_work = request.extensions().get::<AtWork>().cloned();
        let response = next.run(request).await;
        // Many wait together for the sync of their events. With their places they would keep others of their project from
        // joining them, and there would be more syncs.
        if let Some(at_work) = at_work {
            at_work.end();
        }
        let (event, response) = finish(event, &trail, response).await;
        match record(&rooms, event, &trail, promise).await {
            Ok(()) => response,
            Err(error) => ApiError::from(error).into_response(),
        }
    });
    let response = task.await.unwrap_or_else(|error| {
        let failed = crate::Error::Internal(anyhow::anyhow!("the request's task ended: {error}"));
        ApiError::from(failed).into_response()
    });
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    error::render(dialect, response).await
}

/// Records a request that was answered.
async fn record(rooms: &Rooms, event: Event, trail: &Trail, promise: Promise) -> Result<()> {
    let noted = trail.noted();
    match (event.action.as_str(), event.outcome) {
        // A POST that changes nothing; a console that follows a guest asks every other second.
        (CONSOLE_OUTPUT, _) => Ok(()),
        (CHANGE_PASSWORD, Outcome::Success) => rooms.identity.record_as(event, promise).await,
        // Strangers cause these. A body that is no attempt, and an attempt that was turned away for want of a turn, are
        // not recorded at all.
        (SIGN_IN | CHANGE_PASSWORD, Outcome::Failure) if noted.is_tried && event.status < 500 => {
            rooms.identity.record_refusal(event).await
        }
        _ if noted.caller.is_some() => rooms.identity.record_as(event, promise).await,
        _ => Ok(()),
    }
}

/// The part of the event that is known before the request runs.
async fn begin(action: String, request: Request) -> (Event, Request) {
    let (mut parts, body) = request.into_parts();
    let params = {
        use axum::extract::FromRequestParts as _;
        RawPathParams::from_request_parts(&mut parts, &()).await.ok()
    };
    let target: Vec<String> =
        params.iter().flat_map(|params| params.iter()).map(|(_, value)| value.to_owned()).collect();
    let address = parts.extensions.get::<Client>().and_then(|client| client.0);
    let event = Event {
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        client_request_id: client_request_id(&parts.headers),
        address: address.map(|address| address.to_string()),
        action,
        target_id: (!target.is_empty()).then(|| target.join("/")),
        ..Event::default()
    };
    (event, Request::from_parts(parts, body))
}

/// Adds the part that is known once there is an answer.
async fn finish(mut event: Event, trail: &Trail, response: Response) -> (Event, Response) {
    let status = response.status();
    let noted = trail.noted();
    event.status = i64::from(status.as_u16());
    let is_failure = status.is_client_error() || status.is_server_error();
    event.outcome = if is_failure { Outcome::Failure } else { Outcome::Success };
    event.reason = response.extensions().get::<ErrorNote>().map(|note| note.message.clone());
    event.user_name = noted.tried;
    if let Some(caller) = noted.caller {
        event.user_id = Some(caller.user.id.to_string());
        event.user_name = Some(caller.user.name);
        if let Some(project) = caller.project {
            event.project_id = Some(project.id.to_string());
            event.project_name = Some(project.name);
        }
    }
    event.action = noted.action.unwrap_or(event.action);
    let (made, response) = match !is_failure && event.action.ends_with(".create") {
        true => id_of_made(response).await,
        false => (None, response),
    };
    event.target_id = noted.target.or_else(|| with_made(event.target_id, made));
    (event, response)
}

fn with_made(target: Option<String>, made: Option<String>) -> Option<String> {
    match (target, made) {
        (Some(target), Some(made)) => Some(format!("{target}/{made}")),
        (target, made) => target.or(made),
    }
}

/// The id in a small JSON answer, bare or inside the one thing it shows.
async fn id_of_made(response: Response) -> (Option<String>, Response) {
    use axum::body::HttpBody as _;
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"));
    let is_small = response.body().size_hint().exact().is_some_and(|size| size <= MAX_ANSWER_BYTES);
    if !is_json || !is_small {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(|body| body.to_bytes()) else {
        return (None, StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    let id = serde_json::from_slice::<Value>(&bytes).ok().and_then(|shown| {
        let inner = shown.as_object()?.values().find(|value| value.is_object());
        let id = shown.get("id").or_else(|| shown.get("member_id")).or_else(|| inner?.get("id"));
        id.and_then(Value::as_str).map(str::to_owned)
    });
    (id, Response::from_parts(parts, Body::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_after_what_they_do() {
        for (method, route, action) in [
            (Method::POST, "/image/v2/images", "image.create"),
            (Method::PUT, "/image/v2/images/{id}/file", "image.upload"),
            (Method::GET, "/image/v2/images/{id}/file", "image.download"),
            (Method::POST, "/image/v2/images/{id}/actions/deactivate", "image.deactivate"),
            (Method::PUT, "/image/v2/images/{id}/members/{member}", "image.member.set"),
            (Method::DELETE, "/image/v2/images/{image}/tags/{tag}", "image.tag.delete"),
            (Method::PUT, "/image/v2/images/{image}/stage", "image.stage"),
            (Method::POST, "/effigy/v1/images/{image}/generalize", "image.generalize"),
            (Method::POST, "/compute/v2.1/servers", "instance.create"),
            (Method::DELETE, "/compute/v2.1/os-keypairs/{name}", "key_pair.delete"),
            (Method::POST, "/identity/v3/auth/tokens", "user.sign_in"),
            (Method::PUT, "/identity/v3/projects/{project}/users/{user}/roles/{role}", "project.user.role.set"),
            (Method::POST, "/identity/v3/users/{user}/application_credentials", "user.application_credential.create"),
        ] {
            assert_eq!(action_of(&method, route).as_deref(), Some(action));
        }
        assert_eq!(action_of(&Method::GET, "/image/v2/images"), None);
        assert_eq!(action_of(&Method::HEAD, "/image/v2/images/{id}/file"), None);
    }
}
