//! `/v3/users`.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{Api, body::JsonBody, caller::Asked, client::Client, error::Answer, times, trail::Trail},
    collections::{Collection, listed},
    lists::{Filters, Unread, set},
};
use crate::{
    error::Result,
    identity::{
        passwords::Secret,
        users::{ListUsers, User, UserFields},
    },
    model::Extra,
};

#[derive(Deserialize)]
pub(super) struct Fields {
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
    options: Option<Map<String, Value>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Words of a user that are Effigy's to write; a client that sends them back changes nothing.
const OWN_WORDS: [&str; 3] = ["password_expires_at", "federated", "original_password"];

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
            options: fields.options.unwrap_or_default(),
            extra: fields.extra,
        }
    }
}

/// `/v3/users`
pub(super) struct Users;

impl Collection for Users {
    const ONE: &'static str = "user";
    const MANY: &'static str = "users";
    const FILTERS: &'static [&'static str] =
        &["name", "domain_id", "enabled", "password_expires_at", "idp_id", "protocol_id", "unique_id"];
    type Row = User;
    type Fields = Fields;

    fn id(row: &User) -> &str {
        &row.id
    }

    fn shown(user: &User) -> Value {
        let mut shown = json!({
            "id": user.id,
            "name": user.name,
            "domain_id": user.domain_id,
            "enabled": user.enabled,
            "password_expires_at": null,
            "options": user.options,
        });
        // Keystone shows what was set and nothing else of these.
        let given = [
            ("description", &user.description),
            ("email", &user.email),
            ("default_project_id", &user.default_project_id),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                shown[name] = value.clone().into();
            }
        }
        shown
    }

    fn extra(row: &User) -> &Extra {
        &row.extra
    }

    async fn list(asked: &Asked, filters: &Filters) -> Result<Vec<User>> {
        asked.rooms.identity.users(&asked.caller, &wanted(filters, None)?).await
    }

    async fn create(asked: &Asked, fields: Self::Fields) -> Result<User> {
        asked.rooms.identity.create_user(&asked.caller, fields.into()).await
    }

    async fn show(asked: &Asked, id: &str) -> Result<User> {
        asked.rooms.identity.user(&asked.caller, id).await
    }

    async fn update(asked: &Asked, id: &str, fields: Self::Fields) -> Result<User> {
        asked.rooms.identity.update_user(&asked.caller, id, fields.into()).await
    }

    async fn delete(asked: &Asked, id: &str) -> Result<()> {
        asked.rooms.identity.delete_user(&asked.caller, id).await
    }
}

/// `GET /v3/groups/{id}/users`
pub(super) async fn of_group(Asked { rooms, caller, url }: Asked, Path(group): Path<String>, unread: Unread) -> Answer {
    let filters = unread.knowing(Users::FILTERS)?;
    let rows = rooms.identity.members(&caller, &group, &wanted(&filters, Some(&group))?).await?;
    Ok(Json(listed::<Users>(&url, &filters, rows)))
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
    State(rooms): State<Api>,
    Path(id): Path<String>,
    trail: Extension<Trail>,
    client: Client,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Answer<StatusCode> {
    trail.tries_as(&id);
    rooms.identity.change_password(&id, &body.user.original_password, &body.user.password, client.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted<'a>(filters: &'a Filters, group_id: Option<&'a str>) -> Result<ListUsers<'a>> {
    if let Some(text) = filters.text("password_expires_at") {
        let operators = ["lt", "lte", "gt", "gte", "eq", "neq"];
        let compared = text.split_once(':').filter(|(operator, _)| operators.contains(operator));
        times::parse("password_expires_at", compared.map_or(text, |(_, time)| time))?;
    }
    // No password ends by itself, and no user is one of another identity provider: such a filter leaves none.
    let leaves_none = ["password_expires_at", "idp_id", "protocol_id", "unique_id"];
    let leaves_none = leaves_none.iter().any(|name| filters.text(name).is_some());
    Ok(ListUsers {
        domain_id: filters.text("domain_id"),
        name: filters.text("name"),
        parts: filters.parts(),
        enabled: filters.flag("enabled"),
        group_id,
        marker: filters.marker(),
        limit: if leaves_none { 0 } else { filters.one_more() },
    })
}
