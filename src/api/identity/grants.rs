//! Role assignments: `/v3/{projects,domains}/{id}/{users,groups}/{id}/roles`, `/v3/system/…` and
//! `/v3/role_assignments`.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
    routing::{get, put},
};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Api,
        caller::Asked,
        error::{Answer, ApiError},
    },
    collections::{Collection as _, listed},
    lists::{Filters, Unread},
    roles::Roles,
};
use crate::{
    error::{Error, Result},
    identity::{
        assignments::ListAssignments,
        roles::{Actor, Grant, Target, TargetKind},
    },
};

/// A URL names who and where; the kinds are in its fixed parts.
pub(super) fn routes() -> Router<Api> {
    let mut all = Router::new();
    for target in ["/v3/projects/{project}", "/v3/domains/{domain}", "/v3/system"] {
        for actor in ["/users/{user}/roles", "/groups/{group}/roles"] {
            all = all
                .route(&format!("{target}{actor}"), get(list))
                .route(&format!("{target}{actor}/{{role}}"), put(grant).get(check).delete(revoke));
        }
    }
    // Keystone: roles that the projects below inherit.
    for target in ["/v3/OS-INHERIT/projects/{project}", "/v3/OS-INHERIT/domains/{domain}"] {
        for actor in ["/users/{user}/roles", "/groups/{group}/roles"] {
            all = all.route(&format!("{target}{actor}/inherited_to_projects"), get(list)).route(
                &format!("{target}{actor}/{{role}}/inherited_to_projects"),
                put(grant).get(check).delete(revoke),
            );
        }
    }
    all.route("/v3/role_assignments", get(assignments))
}

/// The actor and the target of an assignment, as the URL names them.
struct Meant {
    actor: Actor,
    target: Target,
    role: String,
}

impl FromRequestParts<Api> for Meant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Answer<Meant> {
        let names = Path::<HashMap<String, String>>::from_request_parts(parts, rooms).await;
        let Path(mut names) = names.map_err(|_| Error::Invalid("The URL is not readable.".into()))?;
        let is_inherited = parts.uri.path().contains("/OS-INHERIT/");
        let actor = names.remove("user").map(Actor::User).or(names.remove("group").map(Actor::Group));
        let target = match (names.remove("project"), names.remove("domain")) {
            (Some(project), _) if is_inherited => Target::BelowProject(project),
            (Some(project), _) => Target::Project(project),
            (None, Some(domain)) if is_inherited => Target::BelowDomain(domain),
            (None, Some(domain)) => Target::Domain(domain),
            (None, None) => Target::System,
        };
        let actor = actor.expect("every such route names a user or a group");
        Ok(Meant { actor, target, role: names.remove("role").unwrap_or_default() })
    }
}

async fn list(Asked { rooms, caller, url }: Asked, Meant { actor, target, .. }: Meant, unread: Unread) -> Answer {
    let filters = unread.knowing(&[])?;
    let mut rows = rooms.identity.granted_roles(&caller, actor, target).await?;
    filters.begin(&mut rows, Roles::id)?;
    Ok(Json(listed::<Roles>(&url, &filters, rows)))
}

async fn grant(Asked { rooms, caller, .. }: Asked, Meant { actor, target, role }: Meant) -> Answer<StatusCode> {
    rooms.identity.grant_role(&caller, actor, target, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn check(Asked { rooms, caller, .. }: Asked, Meant { actor, target, role }: Meant) -> Answer<StatusCode> {
    let rows = rooms.identity.granted_roles(&caller, actor, target).await?;
    if rows.iter().any(|row| row.id == role) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound("There is no such role assignment.".into()).into())
}

async fn revoke(Asked { rooms, caller, .. }: Asked, Meant { actor, target, role }: Meant) -> Answer<StatusCode> {
    rooms.identity.revoke_role(&caller, actor, target, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/role_assignments`
async fn assignments(Asked { rooms, caller, url }: Asked, unread: Unread) -> Answer {
    let filters = unread.knowing(&[
        "user.id",
        "group.id",
        "role.id",
        "scope.project.id",
        "scope.domain.id",
        "scope.system",
        "scope.OS-INHERIT:inherited_to",
        "effective",
        "include_names",
        "include_subtree",
    ])?;
    let wanted = wanted(&filters)?;
    let rows = rooms.identity.assignments(&caller, &wanted).await?;
    let names = match is_set(&filters, "include_names") {
        true => Some(rooms.identity.names_of(&caller, &rows).await?),
        false => None,
    };
    let shown: Vec<Value> = rows.iter().map(|row| shown(&url, row, names.as_ref())).collect();
    Ok(Json(json!({
        "role_assignments": shown,
        "links": {"self": format!("{url}/identity/v3/role_assignments"), "next": null, "previous": null},
    })))
}

/// Keystone: a flag in a query is set by its name, without a value.
fn is_set(filters: &Filters, name: &str) -> bool {
    filters.flag(name).unwrap_or(false)
}

fn wanted(filters: &Filters) -> Result<ListAssignments> {
    let text = |name: &str| filters.text(name).map(str::to_owned);
    let (user, group) = (text("user.id").map(Actor::User), text("group.id").map(Actor::Group));
    let project = text("scope.project.id").map(Target::Project);
    let domain = text("scope.domain.id").map(Target::Domain);
    let system = filters.text("scope.system").map(|_| Target::System);
    let is_effective = is_set(filters, "effective");
    if (user.is_some() && group.is_some()) || (is_effective && group.is_some()) {
        return Err(Error::Invalid(
            "Filter by a user or by a group, not by both; with effective, filter by a user.".into(),
        ));
    }
    if [&project, &domain, &system].iter().filter(|target| target.is_some()).count() > 1 {
        return Err(Error::Invalid("Filter by one scope: a project, a domain or the system.".into()));
    }
    Ok(ListAssignments {
        actor: user.or(group),
        target: project.or(domain).or(system),
        role_id: text("role.id"),
        is_effective,
        has_subtree: is_set(filters, "include_subtree"),
        is_inherited: filters.text("scope.OS-INHERIT:inherited_to") == Some("projects"),
    })
}

fn shown(url: &str, row: &Grant, names: Option<&HashMap<String, [String; 3]>>) -> Value {
    let named = |id: &str| {
        let mut shown = Map::from_iter([("id".to_owned(), Value::from(id))]);
        if let Some([name, domain_id, domain_name]) = names.and_then(|names| names.get(id)) {
            shown.insert("name".into(), name.as_str().into());
            if !domain_id.is_empty() {
                shown.insert("domain".into(), json!({"id": domain_id, "name": domain_name}));
            }
        }
        Value::Object(shown)
    };
    let kind = row.target_kind.place().into_str();
    let (scope, place, end) = match row.target_kind {
        TargetKind::System => (json!({"system": {"all": true}}), kind.to_owned(), ""),
        TargetKind::Project | TargetKind::Domain => {
            (json!({kind: named(&row.target_id)}), format!("{kind}s/{}", row.target_id), "")
        }
        TargetKind::BelowProject | TargetKind::BelowDomain => (
            json!({kind: named(&row.target_id), "OS-INHERIT:inherited_to": "projects"}),
            format!("OS-INHERIT/{kind}s/{}", row.target_id),
            "/inherited_to_projects",
        ),
    };
    let link = format!("/v3/{place}/{}s/{}/roles/{}{end}", row.actor_kind, row.actor_id, row.role_id);
    json!({
        "role": named(&row.role_id),
        (row.actor_kind.into_str()): named(&row.actor_id),
        "scope": scope,
        "links": {"assignment": format!("{url}/identity{link}")},
    })
}
