//! `/v3/roles`, and what roles imply.

use axum::{
    Json,
    extract::Path,
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{caller::Asked, error::Answer},
    collections::Collection,
    lists::{Filters, set},
};
use crate::{
    error::{Error, Result},
    identity::roles::{NewRole, RoleFields, RoleRecord},
    model::Extra,
};

#[derive(Deserialize)]
pub(super) struct Fields {
    name: Option<String>,
    #[serde(default, deserialize_with = "set")]
    description: Option<Option<String>>,
    domain_id: Option<String>,
    options: Option<Map<String, Value>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// `/v3/roles`
pub(super) struct Roles;

impl Collection for Roles {
    const ONE: &'static str = "role";
    const MANY: &'static str = "roles";
    const FILTERS: &'static [&'static str] = &["name", "domain_id"];
    type Row = RoleRecord;
    type Fields = Fields;

    fn id(row: &RoleRecord) -> &str {
        &row.id
    }

    fn shown(role: &RoleRecord) -> Value {
        json!({
            "id": role.id,
            "name": role.name,
            "domain_id": role.domain_id,
            "description": role.description,
            "options": role.options,
        })
    }

    fn extra(row: &RoleRecord) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<RoleRecord>> {
        // Without a domain it is the roles of the whole cloud; some clients write that as null.
        let domain = filters.text("domain_id").filter(|domain| !["null", "None", ""].contains(domain));
        let mut rows = asked.rooms.identity.roles(&asked.caller, filters.text("name"), domain).await?;
        rows.retain(|row| filters.is_named(&row.name));
        filters.begin(&mut rows, Roles::id)?;
        Ok(rows)
    }

    async fn create(asked: &Asked, role: Self::Fields) -> Result<RoleRecord> {
        let new = NewRole {
            name: role.name.unwrap_or_default(),
            description: role.description.flatten(),
            domain_id: role.domain_id,
            options: role.options.unwrap_or_default(),
            extra: role.extra,
        };
        asked.rooms.identity.create_role(&asked.caller, new).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<RoleRecord> {
        asked.rooms.identity.role(&asked.caller, id).await
    }

    async fn update(asked: &Asked, id: &str, role: Self::Fields) -> Result<RoleRecord> {
        let fields = RoleFields {
            name: role.name,
            description: role.description,
            options: role.options.unwrap_or_default(),
            extra: role.extra,
        };
        asked.rooms.identity.update_role(&asked.caller, id, fields).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_role(&asked.caller, id).await
    }
}

/// `GET /v3/role_inferences`
pub(super) async fn inferences(Asked { rooms, caller, url }: Asked) -> Answer {
    let all = rooms.identity.implications(&caller).await?;
    let shown: Vec<Value> = all
        .iter()
        .map(|(prior, implied)| {
            let implies: Value = implied.iter().map(|role| short(&url, role)).collect();
            json!({"prior_role": short(&url, prior), "implies": implies})
        })
        .collect();
    Ok(Json(json!({"role_inferences": shown, "links": {"self": format!("{}/identity/v3/role_inferences", url)}})))
}

/// `GET /v3/roles/{id}/implies`
pub(super) async fn implied(Asked { rooms, caller, url }: Asked, Path(id): Path<String>) -> Answer {
    let prior = rooms.identity.role(&caller, &id).await?;
    let all = rooms.identity.implications(&caller).await?;
    let implied = all.into_iter().find(|(role, _)| role.id == prior.id).map(|(_, implied)| implied).unwrap_or_default();
    let implies: Value = implied.iter().map(|role| short(&url, role)).collect();
    Ok(Json(json!({"role_inference": {"prior_role": short(&url, &prior), "implies": implies}})))
}

/// `PUT /v3/roles/{id}/implies/{implied}`
pub(super) async fn imply(
    Asked { rooms, caller, url }: Asked,
    Path((prior, implied)): Path<(String, String)>,
) -> Answer<(StatusCode, Json<Value>)> {
    let (prior, implied) = rooms.identity.imply(&caller, &prior, &implied).await?;
    let inference = json!({"prior_role": short(&url, &prior), "implies": short(&url, &implied)});
    Ok((StatusCode::CREATED, Json(json!({"role_inference": inference}))))
}

/// `GET` and `HEAD /v3/roles/{id}/implies/{implied}`
pub(super) async fn check_implied(
    Asked { rooms, caller, url }: Asked,
    method: Method,
    Path((prior, implied)): Path<(String, String)>,
) -> Answer<Response> {
    let all = rooms.identity.implications(&caller).await?;
    let prior = all.into_iter().find(|(role, _)| role.id == prior);
    let found = prior.and_then(|(prior, all)| Some((prior, all.into_iter().find(|role| role.id == implied)?)));
    let (prior, implied) = found.ok_or_else(|| Error::NotFound("The first role does not imply the second.".into()))?;
    if method == Method::HEAD {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let inference = json!({"prior_role": short(&url, &prior), "implies": short(&url, &implied)});
    Ok(Json(json!({"role_inference": inference})).into_response())
}

/// `DELETE /v3/roles/{id}/implies/{implied}`
pub(super) async fn unimply(
    Asked { rooms, caller, .. }: Asked,
    Path((prior, implied)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.unimply(&caller, &prior, &implied).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn short(url: &str, role: &RoleRecord) -> Value {
    let link = format!("{}/identity/v3/roles/{}", url, role.id);
    json!({"id": role.id, "name": role.name, "links": {"self": link}})
}
