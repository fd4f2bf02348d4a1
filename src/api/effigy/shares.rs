//! Shares of images: their terms, the offers that wait for an answer, and their history.

use axum::{
    Extension, Json,
    extract::Path,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::document::Refusals;
use crate::{
    api::{
        body::JsonBody,
        caller::Asked,
        error::{Answer, ErrorBody},
        image::{image_id, warning},
        paging::{MAX_PAGE, Page as Cut, Query, begin_after, limit, no_such_marker},
        times,
        trail::Trail,
    },
    error::{Error, Result},
    ids::{ImageId, ProjectId},
    images::{MemberStatus, ShareHistory},
    model::share::{Offer, Share, ShareStep, Terms},
};

/// The rows of a page where none are asked for.
const PAGE: u32 = 25;

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it is read from the query and described here")]
pub(super) struct Pages {
    /// The most rows on a page; 25 where it is left out.
    #[param(minimum = 0, maximum = 1000)]
    limit: Option<i64>,
    /// The last row of the page before: its project, image or step.
    marker: Option<String>,
}

/// The terms of a share; one that is left out is none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShareTerms)]
pub(super) struct Said {
    /// From when on it is shared no more: a whole second that is to come.
    #[schema(value_type = String, format = DateTime, required = false)]
    expires_at: Option<String>,
    /// Why it is shared, for its owner, 1024 bytes at most.
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
    /// A word to the receiver, 4096 bytes at most.
    #[schema(value_type = String, required = false)]
    note: Option<String>,
}

/// A share that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShare)]
pub(super) struct Wanted {
    /// The id of the project that it is shared with.
    project: String,
    /// From when on it is shared no more: a whole second that is to come.
    #[schema(value_type = String, format = DateTime, required = false)]
    expires_at: Option<String>,
    /// Why it is shared, for its owner, 1024 bytes at most.
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
    /// A word to the receiver, 4096 bytes at most.
    #[schema(value_type = String, required = false)]
    note: Option<String>,
}

/// A share.
#[derive(Serialize, ToSchema)]
#[schema(as = Share)]
pub(super) struct Shown {
    /// The project that it is shared with.
    #[schema(value_type = String)]
    project_id: ProjectId,
    /// Its name, once it has accepted.
    project_name: Option<String>,
    status: MemberStatus,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Null for the receiver.
    reason: Option<String>,
    note: Option<String>,
    #[schema(format = DateTime)]
    shared_at: String,
    /// When the receiver answered last.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The instances that the receiver has launched from it, by this share or one before.
    launches: i64,
    /// The downloads that it began.
    downloads: i64,
}

/// A page of an image's shares.
#[derive(Serialize, ToSchema)]
#[schema(as = Shares)]
pub(super) struct List {
    shares: Vec<Shown>,
    /// The address of the next page.
    next: Option<String>,
}

/// An image that waits for the answer of the caller's project.
#[derive(Serialize, ToSchema)]
#[schema(as = Offer)]
struct Offered {
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    name: Option<String>,
    /// The project that offers it.
    #[schema(value_type = String)]
    owner: ProjectId,
    owner_name: Option<String>,
    note: Option<String>,
    #[schema(format = DateTime)]
    offered_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A page of offers.
#[derive(Serialize, ToSchema)]
#[schema(as = Offers)]
pub(super) struct OfferPage {
    offers: Vec<Offered>,
    /// The address of the next page.
    next: Option<String>,
}

/// A step of a share.
#[derive(Serialize, ToSchema)]
#[schema(as = ShareEvent)]
struct Told {
    id: String,
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    /// The image's name at that time.
    image_name: Option<String>,
    /// The receiver.
    #[schema(value_type = String)]
    project_id: ProjectId,
    #[schema(format = DateTime)]
    at: String,
    step: ShareStep,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Null for the receiver.
    reason: Option<String>,
}

/// The use that a receiver has made of an image.
#[derive(Serialize, ToSchema)]
#[schema(as = ShareUse)]
struct Used {
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    #[schema(value_type = String)]
    project_id: ProjectId,
    launches: i64,
    downloads: i64,
    #[schema(format = DateTime)]
    last_at: String,
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
#[schema(as = ShareHistory)]
pub(super) struct HistoryPage {
    /// The steps, the latest first.
    history: Vec<Told>,
    /// The use of the images, the latest first: on each page the same.
    uses: Vec<Used>,
    /// The address of the next page.
    next: Option<String>,
}

/// Lists the shares of an image.
///
/// All of them for its project; a receiver sees its own, without the reason.
#[utoipa::path(
    get, path = "/images/{image}/shares", operation_id = "list_shares", tag = "sharing",
    params(("image" = String, Path, format = Uuid, description = "An image's id"), Pages),
    responses(
        (status = 200, description = "A page of the shares", body = List),
        (status = 400, description = "A filter or a page that there is not", body = ErrorBody),
        (status = 403, description = "The caller may not see them, or nothing is shared here", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    query: Query,
) -> Answer<Json<List>> {
    let limit = page_of(&query)?;
    let mut shares = rooms.images.shares(&caller, image_id(&image)?).await?;
    begin_after(&mut shares, query.one("marker"), |share, id| share.project.to_string() == id, no_such_marker)?;
    let page = Cut::cut(shares, limit as usize, |share| share.project.to_string());
    let next = page.next.map(|marker| query.after(&format!("/effigy/v1/images/{image}/shares"), &marker));
    Ok(Json(List { shares: page.items.into_iter().map(shown).collect(), next }))
}

/// Shares an image with a project.
///
/// It is a member of the Image API too, where it has no terms.
#[utoipa::path(
    post, path = "/images/{image}/shares", operation_id = "create_share", tag = "sharing",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    request_body(content = Wanted),
    responses(
        (status = 201, description = "The share; a `Warning` says what speaks against it", body = Shown),
        (status = 400, description = "An end or a text that cannot be", body = ErrorBody),
        (status = 403, description = "The caller may not share it so", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "It is shared with that project already", body = ErrorBody),
        (status = 413, description = "The body is too large, or there is no room for one more", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn create(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    Extension(trail): Extension<Trail>,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Answer<(StatusCode, HeaderMap, Json<Shown>)> {
    let Wanted { project, expires_at, reason, note } = wanted;
    let terms = terms(Said { expires_at, reason, note })?;
    let (share, concern) = rooms.images.share(&caller, image_id(&image)?, project.parse().ok(), terms).await?;
    trail.does("image.share.create", Some(format!("{image}/{}", share.project)));
    Ok((StatusCode::CREATED, warning(concern), Json(shown(share))))
}

/// Shows a share.
#[utoipa::path(
    get, path = "/images/{image}/shares/{project}", operation_id = "show_share", tag = "sharing",
    params(
        ("image" = String, Path, format = Uuid, description = "An image's id"),
        ("project" = String, Path, description = "The receiver's id"),
    ),
    responses(
        (status = 200, description = "The share", body = Shown),
        (status = 403, description = "The caller may not see it, or nothing is shared here", body = ErrorBody),
        (status = 404, description = "There is no such share, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(
    Asked { rooms, caller, .. }: Asked,
    Path((image, project)): Path<(String, String)>,
) -> Answer<Json<Shown>> {
    Ok(Json(shown(rooms.images.share_of(&caller, image_id(&image)?, project.parse().ok()).await?)))
}

/// Sets the terms of a share anew.
#[utoipa::path(
    put, path = "/images/{image}/shares/{project}", operation_id = "set_share", tag = "sharing",
    params(
        ("image" = String, Path, format = Uuid, description = "An image's id"),
        ("project" = String, Path, description = "The receiver's id"),
    ),
    request_body(content = Said),
    responses(
        (status = 200, description = "The share", body = Shown),
        (status = 400, description = "An end or a text that cannot be", body = ErrorBody),
        (status = 403, description = "The caller may not change it, or nothing is shared here", body = ErrorBody),
        (status = 404, description = "There is no such share, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn set(
    Asked { rooms, caller, .. }: Asked,
    Path((image, project)): Path<(String, String)>,
    JsonBody(said): JsonBody<Said>,
) -> Answer<Json<Shown>> {
    let terms = terms(said)?;
    Ok(Json(shown(rooms.images.set_share(&caller, image_id(&image)?, project.parse().ok(), terms).await?)))
}

/// Tells what became of an image's shares.
///
/// All of it for its project; a receiver is told its own part. After a year it is forgotten.
#[utoipa::path(
    get, path = "/images/{image}/share-history", operation_id = "list_share_history", tag = "sharing",
    params(("image" = String, Path, format = Uuid, description = "An image's id"), Pages),
    responses(
        (status = 200, description = "A page of the history", body = HistoryPage),
        (status = 400, description = "A filter or a page that there is not", body = ErrorBody),
        (status = 403, description = "The caller may not see it, or nothing is shared here", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn history(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    query: Query,
) -> Answer<Json<HistoryPage>> {
    let (limit, after) = (page_of(&query)?, step_of(&query)?);
    let found = rooms.images.share_history(&caller, image_id(&image)?, after, limit).await?;
    Ok(Json(told(found, &query, &format!("/effigy/v1/images/{image}/share-history"), limit)))
}

/// Lists the images that wait for the answer of the caller's project.
///
/// The latest first. They are answered as members of the Image API.
#[utoipa::path(
    get, path = "/sharing/offers", operation_id = "list_offers", tag = "sharing", params(Pages),
    responses(
        (status = 200, description = "A page of the offers", body = OfferPage),
        (status = 400, description = "A filter or a page that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn offers(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<OfferPage>> {
    let limit = page_of(&query)?;
    let after = query.one("marker").map(offer_of).transpose()?;
    let found = rooms.images.offered(&caller, after, limit).await?;
    let page = Cut::full(found, limit as usize, |offer| format!("{}-{}", offer.created_ms, offer.image));
    let next = page.next.map(|marker| query.after("/effigy/v1/sharing/offers", &marker));
    Ok(Json(OfferPage { offers: page.items.into_iter().map(offered).collect(), next }))
}

/// Tells what became of all that was shared with the caller's project.
#[utoipa::path(
    get, path = "/sharing/history", operation_id = "list_received_history", tag = "sharing", params(Pages),
    responses(
        (status = 200, description = "A page of the history", body = HistoryPage),
        (status = 400, description = "A filter or a page that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn received(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<HistoryPage>> {
    let (limit, after) = (page_of(&query)?, step_of(&query)?);
    let found = rooms.images.received_history(&caller, after, limit).await?;
    Ok(Json(told(found, &query, "/effigy/v1/sharing/history", limit)))
}

fn page_of(query: &Query) -> Result<u32> {
    query.only(&["limit", "marker"])?;
    match limit(query.one("limit"), PAGE)? {
        0 => Ok(MAX_PAGE),
        limit => Ok(limit),
    }
}

/// The step that a page begins after.
fn step_of(query: &Query) -> Result<Option<String>> {
    let Some(marker) = query.one("marker") else { return Ok(None) };
    let is_one = marker.len() <= 64 && marker.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_one { Ok(Some(marker.to_owned())) } else { Err(no_such_marker(marker)) }
}

/// The offer that a page begins after: its time and its image. It need not wait any more.
fn offer_of(marker: &str) -> Result<(i64, ImageId)> {
    let parts = marker.split_once('-').and_then(|(at_ms, image)| Some((at_ms.parse().ok()?, image.parse().ok()?)));
    parts.ok_or_else(|| no_such_marker(marker))
}

fn terms(said: Said) -> Result<Terms> {
    let expires_ms = said.expires_at.as_deref().map(|text| {
        times::parse_us("expires_at", text).ok().filter(|us| us % 1000 == 0).map(|us| us / 1000).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::Invalid(format!("expires_at must be a time such as 2026-11-23T03:28:41Z, not '{shown}'."))
        })
    });
    Ok(Terms { expires_ms: expires_ms.transpose()?, reason: said.reason, note: said.note })
}

pub(super) fn shown(share: Share) -> Shown {
    Shown {
        project_id: share.project,
        project_name: share.project_name,
        status: share.status,
        expires_at: share.terms.expires_ms.map(times::seconds_z),
        reason: share.terms.reason,
        note: share.terms.note,
        shared_at: times::seconds_z(share.created_ms),
        updated_at: times::seconds_z(share.updated_ms),
        launches: share.launches,
        downloads: share.downloads,
    }
}

fn offered(offer: Offer) -> Offered {
    Offered {
        image: offer.image,
        name: offer.name,
        owner: offer.owner,
        owner_name: offer.owner_name,
        note: offer.note,
        offered_at: times::seconds_z(offer.created_ms),
        expires_at: offer.expires_ms.map(times::seconds_z),
    }
}

fn told(found: ShareHistory, query: &Query, address: &str, limit: u32) -> HistoryPage {
    let page = Cut::full(found.steps, limit as usize, |step| step.id.clone());
    let next = page.next.map(|marker| query.after(address, &marker));
    let steps = page.items.into_iter().map(|step| Told {
        id: step.id,
        image: step.image,
        image_name: step.image_name,
        project_id: step.project,
        at: times::seconds_z(step.at_ms),
        step: step.step,
        expires_at: step.expires_ms.map(times::seconds_z),
        reason: step.reason,
    });
    let uses = found.uses.into_iter().map(|used| Used {
        image: used.image,
        project_id: used.project,
        launches: used.launches,
        downloads: used.downloads,
        last_at: times::seconds_z(used.last_ms),
    });
    HistoryPage { history: steps.collect(), uses: uses.collect(), next }
}
