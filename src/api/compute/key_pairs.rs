//! Key pairs: `/os-keypairs`.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    microversion::Microversion,
    servers::Pairs,
};
use crate::{
    api::{
        Api,
        caller::Authenticated,
        error::ApiError,
        links::PublicUrl,
        paging::{self, next_link},
        times,
    },
    error::{Error, Result},
    ids::UserId,
    instances::key_pairs::KeyPair,
};

/// `GET /os-keypairs`
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    version: Microversion,
    PublicUrl(url): PublicUrl,
    Query(pairs): Pairs,
) -> Result<Json<Value>, ApiError> {
    let paged = |name: &str| value(&pairs, name).filter(|_| version.since(35));
    let limit = match paging::limit(paged("limit"), paging::MAX_PAGE)? {
        0 => paging::MAX_PAGE,
        limit => limit,
    };
    let user = other_user(&pairs, version)?;
    let page = api.key_pairs.list(&caller, user, paged("marker"), limit).await?;
    let shown: Vec<_> = page.iter().map(|key| json!({"keypair": brief(key, version)})).collect();
    let mut answer = json!({ "keypairs": shown });
    if let (Some(last), true) = (page.last(), page.len() == limit as usize) {
        answer["keypairs_links"] = next_link(&format!("{url}/compute/v2.1/os-keypairs"), &pairs, &last.name);
    }
    Ok(Json(answer))
}

/// `GET /os-keypairs/{name}`
pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    version: Microversion,
    Path(name): Path<String>,
    Query(pairs): Pairs,
) -> Result<Json<Value>, ApiError> {
    let key = api.key_pairs.show(&caller, other_user(&pairs, version)?, &name).await?;
    let mut shown = brief(&key, version);
    shown["id"] = json!(key.id);
    shown["user_id"] = json!(key.user_id);
    shown["created_at"] = json!(times::micros(key.created_ms));
    shown["updated_at"] = Value::Null;
    shown["deleted_at"] = Value::Null;
    shown["deleted"] = json!(false);
    Ok(Json(json!({ "keypair": shown })))
}

/// `POST /os-keypairs`: keeps a public key, or makes a pair when none is given (up to 2.91).
pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    version: Microversion,
    Body(body): Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let asked = read(body, version)?;
    let (key, private_key) = match asked.public_key {
        Some(public_key) => (api.key_pairs.import(&caller, asked.user, &asked.name, &public_key).await?, None),
        None => {
            let (key, private_key) = api.key_pairs.generate(&caller, asked.user, &asked.name).await?;
            (key, Some(private_key))
        }
    };
    let mut shown = brief(&key, version);
    shown["user_id"] = json!(key.user_id);
    if let Some(private_key) = private_key {
        shown["private_key"] = json!(private_key);
    }
    let status = if version.since(2) { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "keypair": shown }))))
}

/// `DELETE /os-keypairs/{name}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    version: Microversion,
    Path(name): Path<String>,
    Query(pairs): Pairs,
) -> Result<StatusCode, ApiError> {
    api.key_pairs.delete(&caller, other_user(&pairs, version)?, &name).await?;
    Ok(if version.since(2) { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

struct Asked {
    name: String,
    public_key: Option<String>,
    user: Option<UserId>,
}

fn read(body: Value, version: Microversion) -> Result<Asked> {
    let mut fields = Fields::under(body, "keypair", &[])?;
    let name = fields.name("name")?.ok_or_else(|| fields.missing("name"))?;
    let public_key = fields.text("public_key", usize::MAX)?;
    if public_key.is_none() && version.since(92) {
        return Err(fields.missing("public_key"));
    }
    if version.since(2)
        && let Some(kind) = fields.text("type", 16)?
        && kind != "ssh"
    {
        return Err(fields.invalid("type", &kind.into(), "'ssh', the one type of key there is here"));
    }
    let user = match fields.take("user_id") {
        None => None,
        Some(Value::String(user)) if version.since(10) => Some(user_id(&user)?),
        Some(user) => return Err(fields.invalid("user_id", &user, "the id of a user, from microversion 2.10 on")),
    };
    fields.done()?;
    Ok(Asked { name, public_key, user })
}

fn brief(key: &KeyPair, version: Microversion) -> Value {
    let mut shown = json!({"name": key.name, "public_key": key.public_key, "fingerprint": key.fingerprint});
    if version.since(2) {
        shown["type"] = json!("ssh");
    }
    shown
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(pair, _)| pair == name).map(|(_, value)| value.as_str())
}

/// The admin names another user from 2.10 on.
fn other_user(pairs: &[(String, String)], version: Microversion) -> Result<Option<UserId>> {
    value(pairs, "user_id").filter(|user| version.since(10) && !user.is_empty()).map(user_id).transpose()
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse().map_err(|_| Error::Invalid(format!("{text} is not the id of a user.")))
}
