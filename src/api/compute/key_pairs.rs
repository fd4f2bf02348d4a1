//! Key pairs: `/os-keypairs`.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    link_next,
    microversion::Microversion,
};
use crate::{
    api::{
        caller::Asked,
        error::Answer,
        paging::{self, Page, Query},
        times,
    },
    error::{Error, Result},
    ids::UserId,
    instances::key_pairs::KeyPair,
};

/// `GET /os-keypairs`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    query.only(&["user_id", "limit", "marker"])?;
    // Pages begin with 2.35.
    let (marker, limit) = match version.since(35) {
        true => (query.one("marker"), query.limit_of_nova()?),
        false => (None, paging::MAX_PAGE as usize),
    };
    let user = other_user(&query, version)?;
    let keys = rooms.key_pairs.list(&caller, user, marker, limit as u32).await?;
    let page = Page::full(keys, limit, |key| key.name.clone());
    let shown: Vec<_> = page.items.iter().map(|key| json!({"keypair": brief(key, version)})).collect();
    let mut answer = json!({ "keypairs": shown });
    link_next(&mut answer, "keypairs_links", &query, &format!("{url}/compute/v2.1/os-keypairs"), page.next);
    Ok(Json(answer))
}

/// `GET /os-keypairs/{name}`
pub(super) async fn show(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(name): Path<String>,
    query: Query,
) -> Answer {
    let key = rooms.key_pairs.show(&caller, other_user(&query, version)?, &name).await?;
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
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Body(body): Body,
) -> Answer<(StatusCode, Json<Value>)> {
    let asked = read(body, version)?;
    let (key, private_key) = match asked.public_key {
        Some(public_key) => (rooms.key_pairs.import(&caller, asked.user, &asked.name, &public_key).await?, None),
        None => {
            let (key, private_key) = rooms.key_pairs.generate(&caller, asked.user, &asked.name).await?;
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
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(name): Path<String>,
    query: Query,
) -> Answer<StatusCode> {
    rooms.key_pairs.delete(&caller, other_user(&query, version)?, &name).await?;
    Ok(if version.since(2) { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

struct NewKey {
    name: String,
    public_key: Option<String>,
    user: Option<UserId>,
}

fn read(body: Value, version: Microversion) -> Result<NewKey> {
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
    Ok(NewKey { name, public_key, user })
}

fn brief(key: &KeyPair, version: Microversion) -> Value {
    let mut shown = json!({"name": key.name, "public_key": key.public_key, "fingerprint": key.fingerprint});
    if version.since(2) {
        shown["type"] = json!("ssh");
    }
    shown
}

/// The admin names another user from 2.10 on.
fn other_user(query: &Query, version: Microversion) -> Result<Option<UserId>> {
    query.one("user_id").filter(|user| version.since(10) && !user.is_empty()).map(user_id).transpose()
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse().map_err(|_| Error::Invalid(format!("{text} is not the id of a user.")))
}
