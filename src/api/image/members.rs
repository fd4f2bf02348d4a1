//! Whom images are shared with.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{image_id, render};
use crate::{
    api::{Api, body::JsonBody, caller::Authenticated, error::ApiError},
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

pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let members = api.images.members(&caller, image_id(&image)?).await?;
    let members: Vec<Value> = members.iter().map(render::member).collect();
    Ok(Json(json!({"members": members, "schema": "/v2/schemas/members"})))
}

pub(super) async fn add(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
    JsonBody(body): JsonBody<NewMember>,
) -> Result<(HeaderMap, Json<Value>), ApiError> {
    let id = image_id(&image)?;
    let project: Option<ProjectId> = body.member.parse().ok();
    let (member, concern) = api.images.add_member(&caller, id, project).await?;
    let mut headers = HeaderMap::new();
    // A warning in words (RFC 7234, 5.5); clients that do not know it go on as ever.
    let text = concern.map(|text| format!("299 effigy \"{}\"", text.replace(['"', '\\'], "'")));
    if let Some(value) = text.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
        headers.insert(header::WARNING, value);
    }
    Ok((headers, Json(render::member(&member))))
}

pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((image, member)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let member = api.images.member(&caller, image_id(&image)?, member.parse().ok()).await?;
    Ok(Json(render::member(&member)))
}

pub(super) async fn decide(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((image, member)): Path<(String, String)>,
    JsonBody(body): JsonBody<Decision>,
) -> Result<Json<Value>, ApiError> {
    let id = image_id(&image)?;
    let status: MemberStatus = body.status.parse().map_err(|error| Error::Invalid(format!("status: {error}")))?;
    let member = api.images.decide(&caller, id, member.parse().ok(), status).await?;
    Ok(Json(render::member(&member)))
}

pub(super) async fn remove(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((image, member)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.images.remove_member(&caller, image_id(&image)?, member.parse().ok()).await?;
    Ok(StatusCode::NO_CONTENT)
}
