//! Who holds which role where: `/v3/{projects,domains}/{id}/{users,groups}/{id}/roles`, `/v3/system/…` and
//! `/v3/role_assignments`.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, put},
};
use serde_json::{Map, Value, json};

use super::{
    super::{Api, caller::Authenticated, error::ApiError},
    lists::Filters,
    roles,
};
use crate::{
    error::{Error, Result},
    identity::roles::{Actor, Grant, ListAssignments, Target},
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
    all.route("/v3/role_assignments", get(assignments))
}

type Named = Path<HashMap<String, String>>;

async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(names): Named,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let (actor, target) = meant(&names);
    let rows = api.identity.granted_roles(&caller, actor, target).await?;
    let show = |role: &_| roles::shown(&filters.base_of("/v3/roles"), role);
    Ok(Json(filters.shown("roles", rows, |role| &role.id, show)))
}

async fn grant(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(names): Named,
) -> Result<StatusCode, ApiError> {
    let (actor, target) = meant(&names);
    api.identity.grant_role(&caller, actor, target, &names["role"]).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn check(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(names): Named,
) -> Result<StatusCode, ApiError> {
    let (actor, target) = meant(&names);
    let rows = api.identity.granted_roles(&caller, actor, target).await?;
    if rows.iter().any(|role| role.id == names["role"]) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound("There is no such role assignment.".into()).into())
}

async fn revoke(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(names): Named,
) -> Result<StatusCode, ApiError> {
    let (actor, target) = meant(&names);
    api.identity.revoke_role(&caller, actor, target, &names["role"]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn meant(names: &HashMap<String, String>) -> (Actor, Target) {
    let named = |name: &str| names.get(name).cloned();
    let actor = named("user").map(Actor::User).or(named("group").map(Actor::Group));
    let target = named("project").map(Target::Project).or(named("domain").map(Target::Domain));
    (actor.expect("every such route names a user or a group"), target.unwrap_or(Target::System))
}

/// `GET /v3/role_assignments`
async fn assignments(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let wanted = wanted(&filters)?;
    let rows = api.identity.assignments(&caller, &wanted).await?;
    let names = match is_set(&filters, "include_names") {
        true => Some(api.identity.names_of(&caller, &rows).await?),
        false => None,
    };
    let shown: Vec<Value> = rows.iter().map(|row| shown(&filters, row, names.as_ref())).collect();
    Ok(Json(json!({
        "role_assignments": shown,
        "links": {"self": filters.base_of("/v3/role_assignments"), "next": null, "previous": null},
    })))
}

/// Keystone: a flag in a query is set by its name alone.
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
        return Err(Error::Invalid("Ask for a user or for a group; in effect only users hold roles.".into()));
    }
    if [&project, &domain, &system].iter().filter(|target| target.is_some()).count() > 1 {
        return Err(Error::Invalid("Ask for one scope: a project, a domain or the system.".into()));
    }
    Ok(ListAssignments {
        actor: user.or(group),
        target: project.or(domain).or(system),
        role_id: text("role.id"),
        is_effective,
    })
}

fn shown(filters: &Filters, row: &Grant, names: Option<&HashMap<String, [String; 3]>>) -> Value {
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
    let scope = match row.target_kind.as_str() {
        "system" => json!({"system": {"all": true}}),
        kind => json!({kind: named(&row.target_id)}),
    };
    let place = match row.target_kind.as_str() {
        "system" => "system".to_owned(),
        kind => format!("{kind}s/{}", row.target_id),
    };
    let link = format!("/v3/{place}/{}s/{}/roles/{}", row.actor_kind, row.actor_id, row.role_id);
    json!({
        "role": named(&row.role_id),
        &row.actor_kind: named(&row.actor_id),
        "scope": scope,
        "links": {"assignment": filters.base_of(&link)},
    })
}
