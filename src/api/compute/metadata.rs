//! A server's key-value pairs: `/servers/{id}/metadata`.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    launch::metadata,
    server_id,
};
use crate::{
    api::{caller::Asked, error::Answer},
    error::{Error, Result},
};

/// `GET /servers/{id}/metadata`
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"metadata": instance.metadata})))
}

/// `PUT /servers/{id}/metadata`
pub(super) async fn replace(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>, Body(body): Body) -> Answer {
    let instance = rooms.instances.set_metadata(&caller, server_id(&id)?, metadata(under(body, "metadata")?)?).await?;
    Ok(Json(json!({"metadata": instance.metadata})))
}

/// `POST /servers/{id}/metadata`
pub(super) async fn merge(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>, Body(body): Body) -> Answer {
    let instance =
        rooms.instances.merge_metadata(&caller, server_id(&id)?, metadata(under(body, "metadata")?)?).await?;
    Ok(Json(json!({"metadata": instance.metadata})))
}

/// `GET /servers/{id}/metadata/{key}`
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path((id, key)): Path<(String, String)>) -> Answer {
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    match instance.metadata.get(&key) {
        Some(value) => Ok(Json(json!({"meta": {key: value}}))),
        None => Err(Error::NotFound("Metadata item was not found".into()).into()),
    }
}

/// `PUT /servers/{id}/metadata/{key}`
pub(super) async fn set(
    Asked { rooms, caller, .. }: Asked,
    Path((id, key)): Path<(String, String)>,
    Body(body): Body,
) -> Answer {
    let pair = metadata(under(body, "meta")?)?;
    if pair.pairs().len() != 1 || !pair.pairs().contains_key(&key) {
        return Err(Error::Invalid(
            "Request body and URI mismatch: 'meta' must have the key of the URL and no other.".into(),
        )
        .into());
    }
    rooms.instances.merge_metadata(&caller, server_id(&id)?, pair.clone()).await?;
    Ok(Json(json!({ "meta": pair.pairs() })))
}

/// `DELETE /servers/{id}/metadata/{key}`
pub(super) async fn remove(
    Asked { rooms, caller, .. }: Asked,
    Path((id, key)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.instances.remove_metadata(&caller, server_id(&id)?, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn under(body: Value, what: &str) -> Result<Value> {
    let mut outer = Fields::of(body, "the request")?;
    let inner = outer.take(what).ok_or_else(|| outer.missing(what))?;
    outer.done()?;
    Ok(inner)
}
