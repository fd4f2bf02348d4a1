//! Image records: make, show, change, delete, tags, states.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{image_id, patch, render};
use crate::{
    api::{body::JsonBody, caller::Asked, error::Answer},
    images::{Attributes, METHODS},
};

pub(super) async fn create(
    Asked { rooms, caller, url }: Asked,
    JsonBody(attributes): JsonBody<Attributes>,
) -> Answer<Response> {
    let image = rooms.images.create(&caller, attributes).await?;
    let mut response = render::json(StatusCode::CREATED, render::image(&image));
    if let Ok(location) = HeaderValue::from_str(&format!("{}/image/v2/images/{}", url, image.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let stores: Vec<&str> = rooms.stores.all().iter().map(|store| store.name.as_str()).collect();
    if let Ok(stores) = HeaderValue::from_str(&stores.join(",")) {
        response.headers_mut().insert("openstack-image-store-ids", stores);
    }
    // Clients that import look here whether they may, and give the image up otherwise.
    if let Ok(methods) = HeaderValue::from_str(&METHODS.join(",")) {
        response.headers_mut().insert("openstack-image-import-methods", methods);
    }
    Ok(response)
}

pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<Response> {
    let image = rooms.images.show(&caller, image_id(&image)?).await?;
    Ok(render::json(StatusCode::OK, render::image(&image)))
}

pub(super) async fn change(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<serde_json::Value>,
) -> Answer<Response> {
    let id = image_id(&image)?;
    let changes = patch::parse(headers.get(header::CONTENT_TYPE), body)?;
    let image = rooms.images.change(&caller, id, &changes).await?;
    Ok(render::json(StatusCode::OK, render::image(&image)))
}

pub(super) async fn delete(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<StatusCode> {
    rooms.images.delete(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn deactivate(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<StatusCode> {
    rooms.images.deactivate(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn reactivate(Asked { rooms, caller, .. }: Asked, Path(image): Path<String>) -> Answer<StatusCode> {
    rooms.images.reactivate(&caller, image_id(&image)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn add_tag(
    Asked { rooms, caller, .. }: Asked,
    Path((image, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.images.add_tag(&caller, image_id(&image)?, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_tag(
    Asked { rooms, caller, .. }: Asked,
    Path((image, tag)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.images.remove_tag(&caller, image_id(&image)?, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
