//! `/v3/users`.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Authenticated, error::ApiError, links::PublicUrl, trail::Trail},
    lists::{Filters, set},
};
use crate::{
    error::Result,
    identity::{
        passwords::Secret,
        users::{ListUsers, User, UserFields},
    },
};

#[derive(Deserialize)]
pub(super) struct Body {
    user: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    domain_id: Option<String>,
    #[serde(default, deserialize_with = "set")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "set")]
    email: Option<Option<String>>,
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "set")]
    default_project_id: Option<Option<String>>,
    password: Option<Secret>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Words of a user that are Effigy's to write; a client that sends them back changes nothing.
const OWN_WORDS: [&str; 6] = ["id", "links", "options", "password_expires_at", "federated", "original_password"];

impl From<Fields> for UserFields {
    fn from(mut fields: Fields) -> UserFields {
        fields.extra.retain(|name, _| !OWN_WORDS.contains(&name.as_str()));
        UserFields {
            name: fields.name,
            domain_id: fields.domain_id,
            description: fields.description,
            email: fields.email,
            enabled: fields.enabled,
            default_project_id: fields.default_project_id,
            password: fields.password,
            extra: fields.extra,
        }
    }
}

/// `GET /v3/users`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.users(&caller, &wanted(&filters, None)).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `GET /v3/groups/{id}/users`
pub(super) async fn of_group(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(group): Path<String>,
    filters: Filters,
) -> Result<Json<Value>, ApiError> {
    let rows = api.identity.members(&caller, &group, &wanted(&filters, Some(&group))).await?;
    Ok(Json(shown_list(&filters, rows)))
}

/// `POST /v3/users`
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let user = api.identity.create_user(&caller, body.user.into()).await?;
    Ok((StatusCode::CREATED, one(&base, &user)))
}

/// `GET /v3/users/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.user(&caller, &id).await?))
}

/// `PATCH /v3/users/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    base: PublicUrl,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<Value>, ApiError> {
    Ok(one(&base, &api.identity.update_user(&caller, &id, body.user.into()).await?))
}

/// `DELETE /v3/users/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.identity.delete_user(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
pub(super) struct PasswordBody {
    user: Passwords,
}

#[derive(Deserialize)]
struct Passwords {
    original_password: Secret,
    password: Secret,
}

/// `POST /v3/users/{id}/password`
pub(super) async fn change_password(
    State(api): State<Api>,
    Path(id): Path<String>,
    trail: Extension<Trail>,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Result<StatusCode, ApiError> {
    trail.tries_as(&id);
    api.identity.change_password(&id, &body.user.original_password, &body.user.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted<'a>(filters: &'a Filters, group_id: Option<&'a str>) -> ListUsers<'a> {
    ListUsers {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        enabled: filters.flag("enabled"),
        group_id,
        marker: filters.marker(),
        limit: filters.one_more(),
    }
}

fn shown_list(filters: &Filters, rows: Vec<User>) -> Value {
    filters.shown("users", rows, |user| &user.id, |user| shown(&filters.base_of("/v3/users"), user))
}

fn one(base: &PublicUrl, user: &User) -> Json<Value> {
    Json(json!({"user": shown(&format!("{}/identity/v3/users", base.0), user)}))
}

fn shown(collection: &str, user: &User) -> Value {
    let mut shown = json!({
        "id": user.id,
        "name": user.name,
        "domain_id": user.domain_id,
        "enabled": user.enabled,
        "password_expires_at": null,
        "options": {},
        "links": {"self": format!("{collection}/{}", user.id)},
    });
    // Keystone shows what was set and nothing else of these.
    let given =
        [("description", &user.description), ("email", &user.email), ("default_project_id", &user.default_project_id)];
    for (name, value) in given {
        if let Some(value) = value {
            shown[name] = value.clone().into();
        }
    }
    let extra: Map<String, Value> = serde_json::from_str(&user.extra).unwrap_or_default();
    for (name, value) in extra {
        shown[name] = value;
    }
    shown
}
