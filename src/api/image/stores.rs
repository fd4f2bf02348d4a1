//! Stores as the API has them. Effigy keeps every content once, in one store.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};

use super::image_id;
use crate::{
    api::{Api, caller::Authenticated, error::ApiError},
    error::{Error, Result},
    images::STORE,
};

const DESCRIPTION: &str = "Effigy's own store";

/// `GET /v2/info/stores`
pub(super) async fn list(_caller: Authenticated) -> Json<Value> {
    Json(json!({"stores": [{"id": STORE, "description": DESCRIPTION, "default": "true"}]}))
}

/// `GET /v2/info/stores/detail`
pub(super) async fn detail(Authenticated(caller): Authenticated) -> Result<Json<Value>, ApiError> {
    if !caller.is_admin() {
        return Err(Error::Forbidden("Only an admin sees the details of stores.".into()).into());
    }
    Ok(Json(json!({"stores": [{
        "id": STORE, "description": DESCRIPTION, "default": "true", "type": "effigy", "weight": 0,
        "properties": {"chunk_size": chunks::CHUNK_BYTES},
    }]})))
}

/// `DELETE /v2/stores/{store}/{image}`
pub(super) async fn delete(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path((store, image)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    api.images.delete_from_store(&caller, image_id(&image)?, &store).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The store that an upload names, if it names one, is the one there is.
pub(super) fn check_header(headers: &HeaderMap) -> Result<()> {
    match header(headers) {
        Some(store) if store != STORE => {
            let shown: String = store.chars().take(64).collect();
            Err(Error::Invalid(format!("There is no store '{shown}' here: the only one is '{STORE}'.")))
        }
        _ => Ok(()),
    }
}

/// The stores that an import is for; `None` for all of them.
pub(super) fn wanted(body: &Value, headers: &HeaderMap) -> Result<Option<Vec<String>>> {
    let flag = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Error::Invalid(format!("'{name}' must be boolean value only"))),
    };
    flag("all_stores_must_succeed")?;
    let (header, stores) = (header(headers), body.get("stores"));
    if flag("all_stores")? == Some(true) {
        // Clients send an empty list along.
        let names_some = stores.is_some_and(|stores| stores.as_array().is_none_or(|stores| !stores.is_empty()));
        if names_some || header.is_some() {
            let message = "All_stores parameter can't be used with x-image-meta-store header or stores parameter";
            return Err(Error::Invalid(message.into()));
        }
        return Ok(None);
    }
    match (stores, header) {
        (Some(_), Some(_)) => {
            let message = "Stores parameter and x-image-meta-store header can't be both specified";
            Err(Error::Invalid(message.into()))
        }
        (Some(stores), None) => serde_json::from_value(stores.clone())
            .map(Some)
            .map_err(|_| Error::Invalid("'stores' must be a list of stores' names".into())),
        (None, store) => Ok(Some(vec![store.unwrap_or(STORE).to_owned()])),
    }
}

fn header(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-image-meta-store").map(|store| store.to_str().unwrap_or_default())
}
