//! The members of images: the projects that they are shared with.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{image_id, render};
use crate::{
    api::{body::JsonBody, caller::Asked, error::Answer, paging::Query},
    error::Error,
    ids::ProjectId,
    images::MemberStatus,
};

/// The body of a new member.
#[derive(Debug, Deserialize)]
pub(super) struct NewMember {
    member: String,
}

/// The body of a decision. Clients add `member`, which the URL has said already.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    status: String,
}

pub(super) async fn list(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>, query: Query) -> Answer {
    // All members are one page. A client that asked for the next one would get the same page for ever.
    query.only(&[])?;
    let members = rooms.images.members(&caller, image_id(&image)?).await?;
    let members: Vec<Value> = members.iter().map(render::member).collect();
    Ok(Json(json!({"members": members, "schema": "/v2/schemas/members"})))
}

pub(super) async fn add(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    JsonBody(body): JsonBody<NewMember>,
) -> Answer<(HeaderMap, Json<Value>)> {
    let id = image_id(&image)?;
    let project: Option<ProjectId> = body.member.parse().ok();
    let (member, concern) = rooms.images.add_member(&caller, id, project).await?;
    Ok((warning(concern), Json(render::member(&member))))
}

/// A warning in words (RFC 7234, 5.5); clients that do not know it go on as ever.
pub(in crate::api) fn warning(concern: Option<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let text = concern.map(|text| format!("299 effigy \"{}\"", text.replace(['"', '\\'], "'")));
    if let Some(value) = text.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
        headers.insert(header::WARNING, value);
    }
    headers
}

pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path((image, member)): Path<(String, String)>) -> Answer {
    let member = rooms.images.member(&caller, image_id(&image)?, member.parse().ok()).await?;
    Ok(Json(render::member(&member)))
}

pub(super) async fn decide(
    Asked { rooms, caller, .. }: Asked,
    Path((image, member)): Path<(String, String)>,
    JsonBody(body): JsonBody<Decision>,
) -> Answer {
    let id = image_id(&image)?;
    let status: MemberStatus = body.status.parse().map_err(|error| Error::Invalid(format!("status: {error}")))?;
    let member = rooms.images.decide(&caller, id, member.parse().ok(), status).await?;
    Ok(Json(render::member(&member)))
}

pub(super) async fn remove(
    Asked { rooms, caller, .. }: Asked,
    Path((image, member)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.images.remove_member(&caller, image_id(&image)?, member.parse().ok()).await?;
    Ok(StatusCode::NO_CONTENT)
}
