//! The history of a server: `/servers/{id}/os-instance-actions`.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{link_next, microversion::Microversion, server_id};
use crate::{
    api::{
        caller::Asked,
        error::Answer,
        paging::{Page, Query, begin_after, no_such_marker},
        times,
    },
    error::{Error, Result},
    identity::policy,
    instances::ActionRow,
};

/// `GET /servers/{id}/os-instance-actions`
pub(super) async fn list(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    query.only(&["changes-since", "changes-before", "limit", "marker"])?;
    let records = rooms.instances.actions(&caller, server_id(&id)?).await?;
    let page = page(records, &query, version)?;
    let shown: Vec<_> = page.items.iter().map(|record| brief(record, version)).collect();
    let mut answer = json!({ "instanceActions": shown });
    let here = format!("{url}/compute/v2.1/servers/{id}/os-instance-actions");
    link_next(&mut answer, "links", &query, &here, page.next);
    Ok(Json(answer))
}

/// Pages and times count from 2.58 (and 2.66) on; before, everything is one page.
fn page(mut records: Vec<ActionRow>, query: &Query, version: Microversion) -> Result<Page<ActionRow>> {
    if !version.since(58) {
        return Ok(Page { items: records, next: None });
    }
    if let Some(since) = query.one("changes-since") {
        let since = times::parse("changes-since", since)?;
        records.retain(|record| updated_ms(record) >= since);
    }
    if let (Some(before), true) = (query.one("changes-before"), version.since(66)) {
        let before = times::parse("changes-before", before)?;
        records.retain(|record| updated_ms(record) <= before);
    }
    let is_it = |record: &ActionRow, marker: &str| record.request_id == marker;
    begin_after(&mut records, query.one("marker"), is_it, no_such_marker)?;
    Ok(Page::cut(records, query.limit_of_nova()?, |record| record.request_id.clone()))
}

/// `GET /servers/{id}/os-instance-actions/{request_id}`
pub(super) async fn show(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path((id, request_id)): Path<(String, String)>,
) -> Answer {
    let records = rooms.instances.actions(&caller, server_id(&id)?).await?;
    let found = records.iter().find(|record| record.request_id == request_id);
    let record = found
        .ok_or_else(|| Error::NotFound(format!("Action for request_id {request_id} on instance {id} not found")))?;
    let mut action = brief(record, version);
    let sees_hosts = policy::see_hosts(&caller);
    if sees_hosts || version.since(51) {
        action["events"] = json!([event(record, version, sees_hosts)]);
    }
    Ok(Json(json!({ "instanceAction": action })))
}

fn brief(record: &ActionRow, version: Microversion) -> Value {
    let mut action = json!({
        "action": record.action,
        "instance_uuid": record.instance_id,
        "request_id": record.request_id,
        "user_id": record.user_id,
        "project_id": record.project_id,
        "start_time": times::micros(record.start_ms),
        "message": record.message,
    });
    if version.since(58) {
        action["updated_at"] = json!(times::micros(updated_ms(record)));
    }
    action
}

/// An action has one event here: the work itself.
fn event(record: &ActionRow, version: Microversion, is_admin: bool) -> Value {
    let mut event = json!({
        "event": format!("compute_{}", record.action),
        "start_time": times::micros(record.start_ms),
        "finish_time": record.finish_ms.map(times::micros),
        "result": record.result.map(|result| result.into_str()),
    });
    if is_admin {
        event["traceback"] = Value::Null;
    }
    if version.since(84) {
        event["details"] = json!(record.message);
    }
    event
}

fn updated_ms(record: &ActionRow) -> i64 {
    record.finish_ms.unwrap_or(record.start_ms)
}
