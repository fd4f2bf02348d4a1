//! Image records: make, show, change, delete, tags, states.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{image_id, patch, render};
use crate::{
    api::{Api, body::JsonBody, caller::Authenticated, error::ApiError, links::PublicUrl},
    images::{Attributes, METHODS},
};

pub(super) async fn create(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    url: PublicUrl,
    JsonBody(attributes): JsonBody<Attributes>,
) -> Result<Response, ApiError> {
    let image = api.images.create(&caller, attributes).await?;
    let mut response = render::json(StatusCode::CREATED, render::image(&image));
    if let Ok(location) = HeaderValue::from_str(&format!("{}/image/v2/images/{}", url.0, image.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let stores: Vec<&str> = api.stores.all().iter().map(|store| store.name.as_str()).collect();
    if let Ok(stores) = HeaderValue::from_str(&stores.join(",")) {
        response.headers_mut().insert("openstack-image-store-ids", stores);
    }
    // Clients that import look here whether they may, and give the image up otherwise.
    if let Ok(methods) = HeaderValue::from_str(&METHODS.join(",")) {
        response.headers_mut().insert("openstack-image-import-methods", methods);
    }
    Ok(response)
}

pub(super) async fn show(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Response, ApiError> {
    let image = api.images.show(&caller, image_id(&image)?).await?;
    Ok(render::json(StatusCode::OK, render::image(&image)))
}

pub(super) async fn change(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<serde_json::Value>,
) -> Result<Response, ApiError> {
    let id = image_id(&image)?;
    let changes = patch::parse(headers.get(header::CONTENT_TYPE), body)?;
    let image = api.images.change(&caller, id, &changes).await?;
    Ok(render::json(StatusCode::OK, render::image(&image)))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.images.delete(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn deactivate(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.images.deactivate(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn reactivate(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.images.reactivate(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn add_tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((image, tag)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.images.add_tag(&caller, image_id(&image)?, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_tag(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((image, tag)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.images.remove_tag(&caller, image_id(&image)?, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
