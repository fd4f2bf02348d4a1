//! Server groups: `/os-server-groups`.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    microversion::Microversion,
};
use crate::{
    api::{caller::Asked, error::Answer, paging::Query},
    error::{Error, Result},
    ids::ServerGroupId,
    instances::server_groups::{FullServerGroup, GroupPolicy, NewServerGroup},
};

/// `GET /os-server-groups`
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, version: Microversion, query: Query) -> Answer {
    query.only(&["all_projects", "limit", "offset"])?;
    let offset = match query.one("offset") {
        Some(text) => {
            text.parse().map_err(|_| Error::Invalid(format!("offset must be a whole number, not '{text}'.")))?
        }
        None => 0,
    };
    // Nova: the flag is there, whatever it says.
    let all_projects = query.one("all_projects").is_some();
    let groups = rooms.server_groups.list(&caller, all_projects, offset, query.limit_of_nova()? as u32).await?;
    let shown: Vec<_> = groups.iter().map(|group| view(group, version)).collect();
    Ok(Json(json!({ "server_groups": shown })))
}

/// `GET /os-server-groups/{id}`
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    let group = rooms.server_groups.show(&caller, group_id(&id)?).await?;
    Ok(Json(json!({ "server_group": view(&group, version) })))
}

/// `POST /os-server-groups`
pub(super) async fn create(Asked { rooms, caller, .. }: Asked, version: Microversion, Body(body): Body) -> Answer {
    let made = rooms.server_groups.create(&caller, read(body, version)?).await?;
    Ok(Json(json!({ "server_group": view(&made, version) })))
}

/// `DELETE /os-server-groups/{id}`
pub(super) async fn delete(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.server_groups.delete(&caller, group_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The one policy of a group: of a list up to 2.63, and by itself with its rules from there on.
fn read(body: Value, version: Microversion) -> Result<NewServerGroup> {
    let mut fields = Fields::under(body, "server_group", &[])?;
    let name = fields.name("name")?.ok_or_else(|| fields.missing("name"))?;
    let field = if version.since(64) { "policy" } else { "policies" };
    let given = fields.take(field).ok_or_else(|| fields.missing(field))?;
    let word = match &given {
        Value::String(word) if version.since(64) => Some(word.as_str()),
        Value::Array(words) if !version.since(64) && words.len() == 1 => words[0].as_str(),
        _ => None,
    };
    let policy = word.and_then(|word| word.parse::<GroupPolicy>().ok());
    let is_soft = matches!(policy, Some(GroupPolicy::SoftAffinity | GroupPolicy::SoftAntiAffinity));
    let policy = policy.filter(|_| !is_soft || version.since(15)).ok_or_else(|| {
        let wanted = "one of affinity, anti-affinity and, from 2.15 on, soft-affinity and soft-anti-affinity";
        fields.invalid(field, &given, wanted)
    })?;
    let on_a_host = match fields.take("rules") {
        Some(rules) if version.since(64) => rules_of(rules, policy)?,
        Some(rules) => return Err(fields.invalid("rules", &rules, "left out before microversion 2.64")),
        None => None,
    };
    fields.done()?;
    Ok(NewServerGroup { name, policy, on_a_host })
}

fn rules_of(rules: Value, policy: GroupPolicy) -> Result<Option<i64>> {
    let mut rules = Fields::of(rules, "rules")?;
    let most = rules.number("max_server_per_host", 1)?;
    rules.done()?;
    match most {
        Some(_) if policy != GroupPolicy::AntiAffinity => {
            Err(Error::Invalid("Only anti-affinity policy supports rules.".into()))
        }
        most => Ok(most.map(|most| most as i64)),
    }
}

fn view(FullServerGroup { group, members }: &FullServerGroup, version: Microversion) -> Value {
    let mut shown = json!({"id": group.id, "name": group.name, "members": members});
    if version.since(13) {
        shown["project_id"] = json!(group.project_id);
        shown["user_id"] = json!(group.user_id);
    }
    if version.since(64) {
        shown["policy"] = json!(group.policy.into_str());
        shown["rules"] = match group.on_a_host {
            Some(most) => json!({ "max_server_per_host": most }),
            None => json!({}),
        };
    } else {
        shown["policies"] = json!([group.policy.into_str()]);
        shown["metadata"] = json!({});
    }
    shown
}

/// Reads an id; what is not an id names no group.
fn group_id(text: &str) -> Result<ServerGroupId> {
    let text: String = text.chars().take(80).collect();
    text.parse().map_err(|_| Error::NotFound(format!("Instance group {text} could not be found.")))
}
