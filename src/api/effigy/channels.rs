//! Channels: a name under which a project releases one image after the other.

use axum::{Extension, Json, extract::Path, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::Refusals,
    releases::{Release, dates, release_of},
};
use crate::{
    api::{
        body::{JsonBody, OptionalJson},
        caller::Asked,
        error::{Answer, ErrorBody},
        image::image_id,
        paging::{MAX_PAGE, PAGE, Query, limit},
        times,
        trail::Trail,
    },
    identity::Caller,
    ids::{ChannelId, ProjectId},
    images::{NewRelease, SeenChannel},
};

/// A channel with its current release.
#[derive(Serialize, ToSchema)]
#[schema(as = Channel)]
pub(super) struct Shown {
    #[schema(value_type = String, format = Uuid)]
    id: ChannelId,
    /// The name that its releases carry.
    name: String,
    /// The project that it belongs to.
    #[schema(value_type = String)]
    project_id: ProjectId,
    current: Release,
    /// From when on all of its releases are deprecated.
    #[schema(value_type = Option<String>, format = DateTime)]
    deprecated_at: Option<String>,
    /// When all of its releases are withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A page of channels.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelPage)]
pub(super) struct Page {
    channels: Vec<Shown>,
    /// The path of the next page; null on the last one.
    next: Option<String>,
}

/// The page that is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the query; `Query` reads it")]
pub(super) struct Pages {
    /// Channels on a page; 25 where it is left out.
    #[param(minimum = 0, maximum = 1000)]
    limit: Option<i64>,
    /// The id of the last channel of the page before.
    marker: Option<String>,
}

/// A channel that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewChannel)]
pub(super) struct Wanted {
    /// The name that its releases will carry, 255 characters at most.
    name: String,
    /// The id of the image that is its first release.
    #[schema(format = Uuid)]
    image: String,
    /// Notes for those who use it, 16 KiB at most.
    #[serde(default)]
    #[schema(required = false)]
    notes: String,
    /// Why it is released although its verification speaks against it, or is not made yet.
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
}

/// An image that is to be the current release.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Promote)]
pub(super) struct Promote {
    /// An image's id.
    #[schema(format = Uuid)]
    image: String,
    /// Notes for those who use it, 16 KiB at most; an image that is promoted again keeps those that it has.
    #[schema(value_type = String, required = false)]
    notes: Option<String>,
    /// Why it is released although its verification speaks against it, or is not made yet.
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
    /// The number of the release that is current as far as the client knows: if another one is, nothing is done (409).
    #[schema(value_type = i64, required = false)]
    from: Option<i64>,
}

/// A step back.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RollBack)]
pub(super) struct RollBack {
    /// Why the release before is taken although its verification speaks against it.
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
    /// The number of the release that is current as far as the client knows: if another one is, nothing is done (409).
    #[schema(value_type = i64, required = false)]
    from: Option<i64>,
}

/// The end of a channel; a date that is left out is none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChannelDates)]
pub(super) struct End {
    /// From when on all of its releases are deprecated.
    #[schema(value_type = String, format = DateTime, required = false)]
    deprecated_at: Option<String>,
    /// When all of its releases are withdrawn: then they are deactivated.
    #[schema(value_type = String, format = DateTime, required = false)]
    retired_at: Option<String>,
}

/// Lists channels by name.
///
/// Those of the caller's project, and those of others whose current release is among the images that it lists.
#[utoipa::path(
    get, path = "/channels", operation_id = "list_channels", tag = "channels", params(Pages),
    responses(
        (status = 200, description = "A page of the channels", body = Page),
        (status = 400, description = "A filter or a page that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<Page>> {
    query.only(&["limit", "marker"])?;
    let limit = match limit(query.one("limit"), PAGE)? {
        0 => MAX_PAGE,
        limit => limit,
    };
    let page = rooms.images.channels(&caller, query.one("marker"), limit).await?;
    let next = page.next.map(|marker| query.after("/effigy/v1/channels", &marker.to_string()));
    let channels = page.channels.into_iter().map(|seen| shown(&caller, seen)).collect();
    Ok(Json(Page { channels, next }))
}

/// Makes a channel of an image, which becomes its first release.
///
/// From then on the image carries the channel's name. It needs the right to change the image, and of a public one that
/// of an administrator.
#[utoipa::path(
    post, path = "/channels", operation_id = "create_channel", tag = "channels",
    request_body(content = Wanted),
    responses(
        (status = 201, description = "The channel", body = Shown),
        (status = 400, description = "A name, notes or a reason that cannot be", body = ErrorBody),
        (status = 403, description = "The caller may not release the image", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "The name is taken, or the image cannot be released", body = ErrorBody),
        (status = 413, description = "The body is too large, or there is no room for one more", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn create(
    Asked { rooms, caller, .. }: Asked,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Answer<(StatusCode, Json<Shown>)> {
    let (image, notes) = (image_id(&wanted.image)?, Some(wanted.notes));
    let first = NewRelease { image, notes, reason: wanted.reason, from: None };
    let made = rooms.images.create_channel(&caller, &wanted.name, &first).await?;
    Ok((StatusCode::CREATED, Json(shown(&caller, made))))
}

/// Shows a channel with its current release.
#[utoipa::path(
    get, path = "/channels/{channel}", operation_id = "show_channel", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    responses(
        (status = 200, description = "The channel", body = Shown),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(channel): Path<String>) -> Answer<Json<Shown>> {
    let seen = rooms.images.channel(&caller, &channel).await?;
    Ok(Json(shown(&caller, seen)))
}

/// Says when a channel is deprecated and retired.
///
/// The dates hold for all of its releases, in the place of their own. A date that is left out is none.
#[utoipa::path(
    put, path = "/channels/{channel}", operation_id = "set_channel", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    request_body(content = End),
    responses(
        (status = 200, description = "The channel", body = Shown),
        (status = 400, description = "A date that cannot be", body = ErrorBody),
        (status = 403, description = "The caller may not change the channel", body = ErrorBody),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn set(
    Asked { rooms, caller, .. }: Asked,
    Path(channel): Path<String>,
    Extension(trail): Extension<Trail>,
    JsonBody(end): JsonBody<End>,
) -> Answer<Json<Shown>> {
    let dates = dates(end.deprecated_at.as_deref(), end.retired_at.as_deref())?;
    let seen = rooms.images.set_channel_dates(&caller, &channel, dates).await?;
    trail.does("channel.set", Some(seen.channel.id.to_string()));
    Ok(Json(shown(&caller, seen)))
}

/// Deletes a channel.
///
/// Its images stay as they are: the current one listed, the others hidden.
#[utoipa::path(
    delete, path = "/channels/{channel}", operation_id = "delete_channel", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 403, description = "The caller may not change the channel", body = ErrorBody),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn delete(
    Asked { rooms, caller, .. }: Asked,
    Path(channel): Path<String>,
    Extension(trail): Extension<Trail>,
) -> Answer<StatusCode> {
    let id = rooms.images.delete_channel(&caller, &channel).await?;
    trail.does("channel.delete", Some(id.to_string()));
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an image the current release.
///
/// At one moment it gets the channel's name, its visibility and its members and is listed, and the one before is hidden.
#[utoipa::path(
    post, path = "/channels/{channel}/actions/promote", operation_id = "promote_image", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    request_body(content = Promote),
    responses(
        (status = 200, description = "The channel", body = Shown),
        (status = 400, description = "Notes or a reason that are too long", body = ErrorBody),
        (status = 403, description = "The caller may not release in the channel", body = ErrorBody),
        (status = 404, description = "There is no such channel or image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "The image cannot be released, or another release is current", body = ErrorBody),
        (status = 413, description = "The body is too large, or there is no room for one more", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn promote(
    Asked { rooms, caller, .. }: Asked,
    Path(channel): Path<String>,
    Extension(trail): Extension<Trail>,
    JsonBody(wanted): JsonBody<Promote>,
) -> Answer<Json<Shown>> {
    let Promote { image, notes, reason, from } = wanted;
    let wanted = NewRelease { image: image_id(&image)?, notes, reason, from };
    let seen = rooms.images.promote(&caller, &channel, &wanted).await?;
    trail.does("channel.promote", Some(format!("{}/{}", seen.channel.id, wanted.image)));
    Ok(Json(shown(&caller, seen)))
}

/// Makes the release current again whose place the current one took.
#[utoipa::path(
    post, path = "/channels/{channel}/actions/roll-back", operation_id = "roll_back_channel", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    request_body(content = Option<RollBack>),
    responses(
        (status = 200, description = "The channel", body = Shown),
        (status = 400, description = "A body that was not expected", body = ErrorBody),
        (status = 403, description = "The caller may not release in the channel", body = ErrorBody),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "There is no release before that can be current, or another is", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn roll_back(
    Asked { rooms, caller, .. }: Asked,
    Path(channel): Path<String>,
    Extension(trail): Extension<Trail>,
    OptionalJson(wanted): OptionalJson<Option<RollBack>>,
) -> Answer<Json<Shown>> {
    let RollBack { reason, from } = wanted.unwrap_or_default();
    let seen = rooms.images.roll_back(&caller, &channel, reason, from).await?;
    trail.does("channel.roll-back", Some(format!("{}/{}", seen.channel.id, seen.current.image.id)));
    Ok(Json(shown(&caller, seen)))
}

fn shown(caller: &Caller, SeenChannel { channel, current }: SeenChannel) -> Shown {
    Shown {
        id: channel.id,
        name: channel.name,
        project_id: channel.project,
        current: release_of(caller, current),
        deprecated_at: channel.deprecate_ms.map(times::seconds_z),
        retired_at: channel.retire_ms.map(times::seconds_z),
        created_at: times::seconds_z(channel.created_ms),
    }
}
