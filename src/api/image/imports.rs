//! Interoperable import: an image's bytes from where they are staged, or from elsewhere.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};

use super::{image_id, stores};
use crate::{
    api::{body::JsonBody, caller::Asked, error::Answer},
    error::{Error, Result},
    images::{ImportImage, METHODS},
    queue::Source,
};

/// `GET /v2/info/import`
pub(super) async fn methods(_: Asked) -> Json<Value> {
    Json(json!({"import-methods": {"description": "Import methods available.", "type": "array", "value": METHODS}}))
}

/// `POST …/import`. The answer has no body, and so no media type.
pub(super) async fn begin(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Value>,
) -> Answer<StatusCode> {
    let id = image_id(&image)?;
    let source = source(&body, rooms.public_url.clone())?;
    let token = headers.get("x-auth-token").and_then(|token| token.to_str().ok());
    let token = token.filter(|_| matches!(source, Some(Source::Glance { .. }))).map(str::to_owned);
    let targets = stores::wanted(&rooms, &body, &headers)?;
    rooms
        .images
        .import(&caller, id, ImportImage { source, targets, input: json!({"image_id": id, "import_req": body}), token })
        .await?;
    Ok(StatusCode::ACCEPTED)
}

/// The method; `None` is a copy between stores.
fn source(body: &Value, base: Option<String>) -> Result<Option<Source>> {
    let method = body.get("method").ok_or_else(|| bad("Import request requires a 'method' field."))?;
    let name = method.get("name").and_then(Value::as_str);
    let text = |field: &str| method.get(field).and_then(Value::as_str).map(str::to_owned);
    match name.ok_or_else(|| bad("Import request requires a 'name' field."))? {
        "glance-direct" => Ok(Some(Source::Staged)),
        "copy-image" => Ok(None),
        "web-download" => {
            let uri = text("uri").ok_or_else(|| bad("'uri' needs to be set for web-download import method"))?;
            Ok(Some(Source::Web { uri }))
        }
        "glance-download" => {
            let needed = |field: &str| {
                text(field).ok_or_else(|| bad(&format!("'{field}' needs to be set for glance-download import method")))
            };
            let (region, image) = (needed("glance_region")?, needed("glance_image_id")?);
            let shown: String = image.chars().take(64).collect();
            let image =
                image.parse().map_err(|_| bad(&format!("Remote image id does not look like a UUID: {shown}")))?;
            let interface = text("glance_service_interface").unwrap_or_else(|| "public".into());
            Ok(Some(Source::Glance { region, interface, image, base }))
        }
        other => {
            let shown: String = other.chars().take(64).collect();
            Err(bad(&format!("Unknown import method name '{shown}'.")))
        }
    }
}

fn bad(message: &str) -> Error {
    Error::Invalid(message.to_owned())
}
