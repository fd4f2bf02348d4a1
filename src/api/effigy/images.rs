//! Images by kind, with what Glance's record of them leaves out.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use serde_json::{Value, json};

use crate::{
    api::{
        Api,
        caller::Authenticated,
        error::ApiError,
        image::{image_id, list, render},
    },
    error::{Error, Result},
    images::{Condition, Image, Kind, ListImages, PageVisibility},
};

/// `GET /images`: Image v2's filters and sorts, and `kind` (public, private, shared) and `search` (in the name).
pub(super) async fn list(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    let query = query.unwrap_or_default();
    let wanted = list::parse_with(&query, word)?;
    let limit = wanted.limit as usize;
    let images = api.images.list(&caller, wanted).await?;
    let last = images.last().filter(|_| limit > 0 && images.len() == limit);
    let next = last.map(|last| {
        let kept = list::without_marker(&query);
        format!("/effigy/v1/images?{kept}{}marker={}", if kept.is_empty() { "" } else { "&" }, last.id)
    });
    let images = images.iter().map(shown).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({"images": images, "next": next})))
}

/// `GET /images/counts`: how many there are of each kind; takes the same filters.
pub(super) async fn count(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    let wanted = list::parse_with(&query.unwrap_or_default(), word)?;
    let [public, private, shared] = api.images.count(&caller, &wanted.conditions).await?;
    Ok(Json(json!({"counts": {"public": public, "private": private, "shared": shared}})))
}

/// `GET /images/{id}/descendants`: the images that the caller sees that were made from this one's instances,
/// and the cleaned copies of it.
pub(super) async fn descendants(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let image = api.images.show(&caller, image_id(&image)?).await?;
    let made_from_it = ListImages {
        conditions: vec![Condition::Property("base_image_ref".into(), image.id.to_string())],
        limit: crate::api::paging::MAX_PAGE,
        ..ListImages::default()
    };
    let children = api.images.list(&caller, made_from_it).await?;
    let children = children.iter().map(shown).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({"images": children})))
}

/// `GET /images/{id}/ancestors`: the images that the caller sees that this one goes back to, the nearest first.
pub(super) async fn ancestors(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let ancestors = api.images.ancestors(&caller, image_id(&image)?).await?;
    let ancestors = ancestors.iter().map(shown).collect::<Result<Vec<_>>>()?;
    Ok(Json(json!({"images": ancestors})))
}

/// `GET /images/{id}/storage`: what the image takes, and how much of it is its alone.
pub(super) async fn storage(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(image): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let figures = api.images.figures(&caller, image_id(&image)?).await?;
    Ok(Json(json!({"storage": {
        "logical_bytes": figures.logical_bytes,
        "stored_bytes": figures.stored_bytes,
        "unique_bytes": figures.unique_bytes,
        "shared_bytes": figures.stored_bytes - figures.unique_bytes,
        "compared_with": figures.compared,
    }})))
}

/// The words of a query that Glance does not know.
fn word(wanted: &mut ListImages, name: &str, value: &str) -> Result<bool> {
    match name {
        "kind" => wanted.visibility = Some(PageVisibility::Kind(kind(value)?)),
        "search" if value.is_empty() => {}
        "search" => wanted.conditions.push(Condition::NameContains(value.into())),
        _ => return Ok(false),
    }
    Ok(true)
}

fn kind(word: &str) -> Result<Kind> {
    match word {
        "public" => Ok(Kind::Public),
        "private" => Ok(Kind::Private),
        "shared" => Ok(Kind::Shared),
        _ => Err(Error::Invalid(format!("kind is public, private or shared, not '{word}'"))),
    }
}

/// The record as Glance shows it, and `effigy` beside it: no property can be called so by accident, for it is no text.
fn shown(image: &Image) -> Result<Value> {
    let mut shown: Value = serde_json::from_slice(&render::image(image)).map_err(Error::internal)?;
    shown["effigy"] = json!({
        "progress": image.progress,
        "reason": image.reason,
        "stored_bytes": image.stored_bytes,
        "has_disk": image.disk_root.is_some(),
        "verdict": image.verdict,
    });
    Ok(shown)
}
