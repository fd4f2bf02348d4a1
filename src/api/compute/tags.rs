//! A server's labels, from 2.26 on: `/servers/{id}/tags`.

use axum::{
    Json,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{body::Body, microversion::Microversion, server_id};
use crate::{
    api::{caller::Asked, error::Answer, paging::escaped},
    error::{Error, Result},
    instances::Tags,
};

/// A list of tags from a body.
pub(super) fn read(value: Value) -> Result<Tags> {
    let bad = |_| Error::Invalid("Invalid input for field/attribute tags: they are a list of texts.".into());
    Tags::new(serde_json::from_value(value).map_err(bad)?)
}

/// `GET /servers/{id}/tags`
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    version.begins(26)?;
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    Ok(Json(json!({"tags": instance.tags})))
}

/// `PUT /servers/{id}/tags`
pub(super) async fn replace(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    version.begins(26)?;
    let tags = read(body["tags"].clone())?;
    let instance = rooms.instances.set_tags(&caller, server_id(&id)?, tags).await?;
    Ok(Json(json!({"tags": instance.tags})))
}

/// `DELETE /servers/{id}/tags`
pub(super) async fn clear(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    version.begins(26)?;
    rooms.instances.set_tags(&caller, server_id(&id)?, Tags::default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /servers/{id}/tags/{tag}`
pub(super) async fn has(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    version.begins(26)?;
    let instance = rooms.instances.show(&caller, server_id(&id)?).await?;
    if instance.tags.contains(&tag) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound(format!("Server {id} has no tag '{tag}'")).into())
}

/// `PUT /servers/{id}/tags/{tag}`
pub(super) async fn add(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<Response> {
    version.begins(26)?;
    if !rooms.instances.add_tag(&caller, server_id(&id)?, tag.clone()).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let location = format!("{url}/compute/v2.1/servers/{id}/tags/{}", escaped(&tag));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

/// `DELETE /servers/{id}/tags/{tag}`
pub(super) async fn remove(
    Asked { rooms, caller, .. }: Asked,
    version: Microversion,
    Path((id, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    version.begins(26)?;
    rooms.instances.remove_tag(&caller, server_id(&id)?, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
