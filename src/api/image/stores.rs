//! Stores as the API has them.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};

use super::image_id;
use crate::{
    api::{Rooms, caller::Asked, error::Answer},
    error::{Error, Result},
    identity::image_policy,
    images::Targets,
    stores::Store,
};

/// `GET /v2/info/stores`
pub(super) async fn list(Asked { rooms, .. }: Asked) -> Json<Value> {
    let stores: Vec<Value> = rooms.stores.all().iter().map(|store| shown(store)).collect();
    Json(json!({ "stores": stores }))
}

/// `GET /v2/info/stores/detail`
pub(super) async fn detail(Asked { rooms, caller, .. }: Asked) -> Answer {
    image_policy::see_store_details(&caller)?;
    let detailed = |store: &Store| {
        let mut shown = shown(store);
        shown["type"] = "effigy".into();
        shown["properties"] = json!({
            "chunk_size": chunks::CHUNK_BYTES, "folder": store.folder, "free_bytes": store.free_bytes().ok(),
        });
        shown
    };
    let stores: Vec<Value> = rooms.stores.all().iter().map(|store| detailed(store)).collect();
    Ok(Json(json!({ "stores": stores })))
}

/// A store as everybody sees it. Glance's flags are words, and are there only when they are true.
fn shown(store: &Store) -> Value {
    let mut shown = json!({"id": store.name, "description": store.description, "weight": store.weight});
    for (name, flag) in [("default", store.is_default), ("read-only", store.is_read_only)] {
        if flag {
            shown[name] = "true".into();
        }
    }
    shown
}

/// `DELETE /v2/stores/{store}/{image}`
pub(super) async fn delete(
    Asked { rooms, caller, .. }: Asked,
    Path((store, image)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.images.delete_from_store(&caller, image_id(&image)?, &store).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The stores that an import is for.
pub(super) fn wanted(rooms: &Rooms, body: &Value, headers: &HeaderMap) -> Result<Targets> {
    let flag = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Error::Invalid(format!("'{name}' must be boolean value only"))),
    };
    // Glance: all of them must, unless somebody says otherwise.
    let all_must_succeed = flag("all_stores_must_succeed")?.unwrap_or(true);
    let (header, stores) = (header(headers), body.get("stores"));
    // Clients send an empty list along.
    let names_some = stores.is_some_and(|stores| stores.as_array().is_none_or(|stores| !stores.is_empty()));
    let stores = if flag("all_stores")? == Some(true) {
        if names_some || header.is_some() {
            let message = "All_stores parameter can't be used with x-image-meta-store header or stores parameter";
            return Err(Error::Invalid(message.into()));
        }
        None
    } else if names_some {
        if header.is_some() {
            let message = "Stores parameter and x-image-meta-store header can't be both specified";
            return Err(Error::Invalid(message.into()));
        }
        let stores = serde_json::from_value(stores.cloned().unwrap_or_default());
        Some(stores.map_err(|_| Error::Invalid("'stores' must be a list of stores' names".into()))?)
    } else {
        Some(vec![header.unwrap_or(&rooms.stores.default_store().name).to_owned()])
    };
    Ok(Targets { stores, all_must_succeed })
}

/// The store that a request names.
pub(in crate::api) fn header(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-image-meta-store").map(|store| store.to_str().unwrap_or_default())
}
