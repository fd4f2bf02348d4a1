//! What was done, by whom.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    api::{Api, caller::Authenticated, error::ApiError, identity::lists::Filters, times},
    identity::audit::{Event, ListEvents},
};

/// `GET /audit`: the newest events first.
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let wanted = ListEvents {
        user_id: filters.text("user_id"),
        project_id: filters.text("project_id"),
        action: filters.text("action"),
        target_id: filters.text("target_id"),
        request_id: filters.text("request_id"),
        marker: filters.marker(),
        limit: filters.one_more(),
    };
    let rows = api.identity.events(&caller, &wanted).await?;
    Ok(Json(filters.shown("events", rows, |event| &event.id, shown)))
}

fn shown(event: &Event) -> Value {
    json!({
        "id": event.id,
        "time": times::micros_z(event.at_ms),
        "request_id": event.request_id,
        "client_request_id": event.client_request_id,
        "user_id": event.user_id,
        "user_name": event.user_name,
        "project_id": event.project_id,
        "project_name": event.project_name,
        "address": event.address,
        "action": event.action,
        "target_id": event.target_id,
        "outcome": event.outcome,
        "status": event.status,
        "reason": event.reason,
    })
}
