//! The audit: each action and its user.

use std::collections::HashMap;

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ErrorBody},
        identity::lists::{Links, Unread},
        times,
    },
    error::{Error, Result},
    identity::audit::{Event, ListEvents},
    model::event::Outcome,
};

/// The filters of the list.
const FILTERS: [&str; 10] = [
    "user_id",
    "user_name",
    "project_id",
    "project_name",
    "action",
    "target_id",
    "request_id",
    "outcome",
    "since",
    "until",
];

/// A page of events.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(super) struct Page {
    events: Vec<Shown>,
    links: Links,
}

/// A change, a download or a refused sign-in. It was on disk before the request was answered; of refused sign-ins, the
/// first of an hour from an address under a name was.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct Shown {
    id: String,
    #[schema(format = DateTime)]
    time: String,
    request_id: String,
    /// The client's own id of its request.
    client_request_id: Option<String>,
    /// Null when nobody was proven.
    user_id: Option<String>,
    /// The name of the user; after a refused sign-in, the one that was tried.
    user_name: Option<String>,
    project_id: Option<String>,
    project_name: Option<String>,
    address: Option<String>,
    /// Named after what the URL is about: `image.create`, `user.sign_in`.
    action: String,
    /// The ids of what it was done to, joined by slashes.
    target_id: Option<String>,
    /// The same with the names of what is there still, in the place of their ids; null when no name is known.
    target_name: Option<String>,
    outcome: Outcome,
    /// The status of the answer.
    status: i64,
    /// Why it failed.
    reason: Option<String>,
    /// How often: refused sign-ins of one hour are counted on the first of them.
    times: i64,
}

/// Lists events, the newest first.
///
/// For administrators.
#[utoipa::path(
    get, path = "/audit", operation_id = "list_events", tag = "audit",
    params(
        ("user_id" = Option<String>, Query, description = "By this user"),
        ("user_name" = Option<String>, Query, description = "By a user of this name, in whatever case"),
        ("project_id" = Option<String>, Query, description = "In this project"),
        ("project_name" = Option<String>, Query, description = "In a project of this name, in whatever case"),
        ("action" = Option<String>, Query, description = "Of this action, or of those below it: `image` has `image.create`", example = "image.create"),
        ("outcome" = Option<Outcome>, Query, description = "That ended so"),
        ("since" = Option<String>, Query, description = "At this time or later", example = "2026-11-23T07:00:00Z"),
        ("until" = Option<String>, Query, description = "Before this time", example = "2026-11-24T07:00:00Z"),
        ("target_id" = Option<String>, Query, description = "To this thing, or to a part of it"),
        ("request_id" = Option<String>, Query, description = "Of this request"),
        ("limit" = Option<u32>, Query, maximum = 1000, description = "Events on a page; 1,000 unless said"),
        ("marker" = Option<String>, Query, description = "The last event of the page before"),
    ),
    responses(
        (status = 200, description = "A page of the events", body = Page),
        (status = 400, description = "A filter or page that there is not", body = ErrorBody),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, unread: Unread) -> Answer<Json<Page>> {
    let filters = unread.knowing(&FILTERS)?;
    let time = |name| filters.text(name).map(|text| times::parse(name, text)).transpose();
    let wanted = ListEvents {
        user_id: filters.text("user_id"),
        user_name: filters.text("user_name"),
        project_id: filters.text("project_id"),
        project_name: filters.text("project_name"),
        action: filters.text("action"),
        outcome: filters.text("outcome").map(outcome).transpose()?,
        since_ms: time("since")?,
        until_ms: time("until")?,
        target_id: filters.text("target_id"),
        request_id: filters.text("request_id"),
        marker: filters.marker(),
        limit: filters.one_more(),
    };
    let rows = rooms.identity.events(&caller, &wanted).await?;
    let (rows, links) = filters.page(rows, |event| &event.id);
    let names = rooms.identity.names_of_targets(&caller, &rows).await?;
    Ok(Json(Page { events: rows.into_iter().map(|event| shown(event, &names)).collect(), links }))
}

/// A target with the names of its parts, when one is known.
fn named(target: &str, names: &HashMap<String, String>) -> Option<String> {
    let is_named = target.split('/').any(|id| names.contains_key(id));
    let name = |id| names.get(id).map_or(id, String::as_str);
    is_named.then(|| target.split('/').map(name).collect::<Vec<_>>().join("/"))
}

fn outcome(word: &str) -> Result<Outcome> {
    word.parse().map_err(|_| Error::Invalid(format!("outcome must be success or failure, not '{word}'")))
}

fn shown(event: Event, names: &HashMap<String, String>) -> Shown {
    Shown {
        id: event.id,
        time: times::micros_z(event.at_ms),
        request_id: event.request_id,
        client_request_id: event.client_request_id,
        user_id: event.user_id,
        user_name: event.user_name,
        project_id: event.project_id,
        project_name: event.project_name,
        address: event.address,
        action: event.action,
        target_name: event.target_id.as_deref().and_then(|target| named(target, names)),
        target_id: event.target_id,
        outcome: event.outcome,
        status: event.status,
        reason: event.reason,
        times: event.times,
    }
}
