//! `/v3/users/{id}/application_credentials` and `/v3/users/{id}/access_rules`.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    super::{body::JsonBody, caller::Asked, error::Answer, times},
    lists::Unread,
};
use crate::{
    error::{Error, Result},
    identity::{
        credentials::{AccessRule, Credential, NewCredential},
        passwords::Secret,
    },
    ids::UserId,
};

#[derive(Deserialize)]
pub(super) struct Body {
    application_credential: Fields,
}

// The command line sends every field, with null or an empty list for what was not given.
#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    description: Option<String>,
    secret: Option<Secret>,
    roles: Option<Vec<RoleName>>,
    expires_at: Option<String>,
    unrestricted: Option<bool>,
    access_rules: Option<Vec<RuleFields>>,
}

#[derive(Deserialize)]
struct RoleName {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct RuleFields {
    id: Option<String>,
    service: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

/// `POST /v3/users/{id}/application_credentials`
pub(super) async fn create(
    Asked { rooms, caller, url }: Asked,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Answer<(StatusCode, Json<Value>)> {
    let user = user_id(&user)?;
    let known = rooms.identity.access_rules(&caller, user).await?;
    let new = checked(body.application_credential, &known)?;
    let (credential, secret) = rooms.identity.create_credential(&caller, user, new).await?;
    let mut shown = shown(&credentials_of(&url, user), &credential);
    shown["secret"] = secret.expose().into();
    Ok((StatusCode::CREATED, Json(json!({"application_credential": shown}))))
}

/// `GET /v3/users/{id}/application_credentials`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, Path(user): Path<String>, unread: Unread) -> Answer {
    let filters = unread.knowing(&["name"])?;
    let user = user_id(&user)?;
    let mut rows = rooms.identity.credentials(&caller, user, filters.text("name")).await?;
    rows.retain(|credential| filters.is_named(&credential.row.name));
    filters.begin(&mut rows, |credential| &credential.row.id)?;
    let here = credentials_of(&url, user);
    let show = |credential: &Credential| shown(&here, credential);
    Ok(Json(filters.shown("application_credentials", rows, |credential| &credential.row.id, show)))
}

/// `GET /v3/users/{id}/application_credentials/{credential}`
pub(super) async fn show(Asked { rooms, caller, url }: Asked, Path((user, id)): Path<(String, String)>) -> Answer {
    let user = user_id(&user)?;
    let credential = rooms.identity.credential(&caller, user, &id).await?;
    Ok(Json(json!({"application_credential": shown(&credentials_of(&url, user), &credential)})))
}

/// `DELETE /v3/users/{id}/application_credentials/{credential}`
pub(super) async fn delete(
    Asked { rooms, caller, .. }: Asked,
    Path((user, id)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.delete_credential(&caller, user_id(&user)?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v3/users/{id}/access_rules`
pub(super) async fn rules(Asked { rooms, caller, .. }: Asked, Path(user): Path<String>, unread: Unread) -> Answer {
    let filters = unread.knowing(&[])?;
    let mut rows = rooms.identity.access_rules(&caller, user_id(&user)?).await?;
    filters.begin(&mut rows, |rule| &rule.id)?;
    Ok(Json(filters.shown("access_rules", rows, |rule| &rule.id, |rule| json!(rule))))
}

/// `GET /v3/users/{id}/access_rules/{rule}`
pub(super) async fn rule(Asked { rooms, caller, .. }: Asked, Path((user, id)): Path<(String, String)>) -> Answer {
    let mut rules = rooms.identity.access_rules(&caller, user_id(&user)?).await?;
    rules.retain(|rule| rule.id == id);
    let rule = rules.pop().ok_or_else(|| Error::NotFound(format!("Could not find Access Rule: {id}.")))?;
    Ok(Json(json!({"access_rule": rule})))
}

/// `DELETE /v3/users/{id}/access_rules/{rule}`
pub(super) async fn delete_rule(
    Asked { rooms, caller, .. }: Asked,
    Path((user, id)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.identity.delete_access_rule(&caller, user_id(&user)?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn credentials_of(url: &str, user: UserId) -> String {
    format!("{url}/identity/v3/users/{user}/application_credentials")
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse().map_err(|_| Error::NotFound(format!("Could not find user: {text}.")))
}

fn checked(fields: Fields, known: &[AccessRule]) -> Result<NewCredential> {
    let role =
        |role: RoleName| role.id.or(role.name).ok_or_else(|| Error::Invalid("A role needs an id or a name.".into()));
    let roles = fields.roles.unwrap_or_default().into_iter().map(role).collect::<Result<_>>()?;
    let rule = |fields: RuleFields| match fields {
        RuleFields { service: Some(service), method: Some(method), path: Some(path), .. } => {
            // As Keystone: an equal rule of the user is taken again, and the list of rules does not grow.
            let is_equal = |rule: &&AccessRule| rule.service == service && rule.method == method && rule.path == path;
            let equal = known.iter().find(is_equal).cloned();
            Ok(equal.unwrap_or_else(|| AccessRule::new(service, method, path)))
        }
        // A rule of an earlier credential, named by its id.
        RuleFields { id: Some(id), .. } => known
            .iter()
            .find(|rule| rule.id == id)
            .cloned()
            .ok_or_else(|| Error::NotFound(format!("Could not find Access Rule: {id}."))),
        _ => Err(Error::Invalid("An access rule needs a service, a method and a path.".into())),
    };
    let access_rules = fields.access_rules.unwrap_or_default().into_iter().map(rule).collect::<Result<_>>()?;
    let expires = fields.expires_at.as_deref().map(parse_time).transpose()?;
    Ok(NewCredential {
        name: fields.name.unwrap_or_default(),
        description: fields.description,
        secret: fields.secret,
        roles,
        expires_ms: expires.map(|at| at.unix_timestamp() * 1000 + i64::from(at.millisecond())),
        expires_at: expires.map(without_zone),
        unrestricted: fields.unrestricted.unwrap_or(false),
        access_rules,
    })
}

/// A time as clients write it: with or without a fraction, with or without `Z`, always UTC.
fn parse_time(text: &str) -> Result<OffsetDateTime> {
    use time::{PrimitiveDateTime, format_description::well_known::Rfc3339};
    let with_zone = if text.ends_with('Z') { text.to_owned() } else { format!("{text}Z") };
    let read = OffsetDateTime::parse(&with_zone, &Rfc3339).or_else(|_| {
        let minutes = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
        PrimitiveDateTime::parse(&with_zone, minutes).map(PrimitiveDateTime::assume_utc)
    });
    let at = read.map_err(|_| Error::Invalid("expires_at must be a time such as 2026-11-30T12:00:00Z.".into()))?;
    Ok(at.to_offset(time::UtcOffset::UTC))
}

/// Keystone shows this one time without a zone; gophercloud reads it in no other form.
fn without_zone(at: OffsetDateTime) -> String {
    let (date, clock) = (at.date(), at.time());
    let micros = clock.microsecond();
    format!("{date}T{:02}:{:02}:{:02}.{micros:06}", clock.hour(), clock.minute(), clock.second())
}

fn shown(collection: &str, credential: &Credential) -> Value {
    let row = &credential.row;
    let roles = credential.roles.iter().map(|role| json!({"id": role.id, "name": role.name, "domain_id": null}));
    let mut shown = json!({
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "roles": roles.collect::<Value>(),
        "expires_at": row.expires_at.clone().or(row.expires_ms.map(|ms| times::micros_z(ms).trim_end_matches('Z').to_owned())),
        "unrestricted": row.unrestricted,
        "system": null,
        "links": {"self": format!("{collection}/{}", row.id)},
    });
    if !credential.access_rules.is_empty() {
        shown["access_rules"] = json!(credential.access_rules);
    }
    shown
}
