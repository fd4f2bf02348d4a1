//! The releases of a channel, its history, and the instances that still run from older ones.

use axum::{Extension, Json, extract::Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        body::JsonBody,
        caller::Asked,
        error::{Answer, ErrorBody},
        times,
        trail::Trail,
    },
    error::{Error, Result},
    identity::{Caller, image_policy},
    ids::{ImageId, InstanceId, UserId},
    images::{Dates, Release as Kept, Status, StepKind, Visibility},
    model::verification::Verdict,
};

/// A release of a channel.
#[derive(Serialize, ToSchema)]
pub(super) struct Release {
    /// Its number in the channel, which no other release ever has.
    number: i64,
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    /// The digest of its disk, in hex: the same one is the same disk.
    disk_digest: Option<String>,
    /// Whether it is the one that the channel's name leads to.
    is_current: bool,
    /// Its image's. A release that was withdrawn is `deactivated`.
    status: Status,
    visibility: Visibility,
    /// The outcome of its image's verification by today's rules.
    verdict: Option<Verdict>,
    /// Notes for those who use it.
    notes: String,
    /// The name that its image had before; null for other projects.
    former_name: Option<String>,
    #[schema(format = DateTime)]
    released_at: String,
    /// From when on another release is to be taken in its place.
    #[schema(value_type = Option<String>, format = DateTime)]
    deprecated_at: Option<String>,
    /// When it is withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<String>,
}

/// The releases of a channel, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ReleaseList)]
pub(super) struct List {
    releases: Vec<Release>,
}

/// The part of a release that may be said anew; a date that is left out is none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReleaseSaid)]
pub(super) struct Said {
    /// Notes for those who use it, 16 KiB at most.
    notes: String,
    /// From when on another release is to be taken in its place.
    #[schema(value_type = String, format = DateTime, required = false)]
    deprecated_at: Option<String>,
    /// When it is withdrawn: then it is deactivated.
    #[schema(value_type = String, format = DateTime, required = false)]
    retired_at: Option<String>,
}

/// The steps of a channel, the latest first: the last 1,000.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelHistory)]
pub(super) struct History {
    history: Vec<Step>,
}

/// A release became current.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelStep)]
struct Step {
    step: i64,
    #[schema(format = DateTime)]
    at: String,
    action: StepKind,
    /// The release that became current.
    release: i64,
    /// The one that it took the place of; null at the first.
    replaced: Option<i64>,
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    /// Why it was released although its verification spoke against it.
    reason: Option<String>,
    #[schema(value_type = String)]
    user_id: UserId,
    user_name: String,
}

/// The instances that run other releases than the current one: `rebuild` brings them over.
#[derive(Serialize, ToSchema)]
#[schema(as = OlderInstances)]
pub(super) struct Older {
    /// Those of the caller's project, by name: 1,000 at most.
    instances: Vec<Running>,
    /// How many other projects have; null for those who are not of the channel's project.
    elsewhere: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OlderInstance)]
struct Running {
    #[schema(value_type = String, format = Uuid)]
    id: InstanceId,
    name: String,
    #[schema(value_type = String, format = Uuid)]
    image: ImageId,
    /// The number of the release that it runs.
    release: i64,
}

/// Lists the releases of a channel.
///
/// The newest first, as far as the caller sees their images.
#[utoipa::path(
    get, path = "/channels/{channel}/releases", operation_id = "list_releases", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    responses(
        (status = 200, description = "The releases", body = List),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked, Path(channel): Path<String>) -> Answer<Json<List>> {
    let (_, releases) = rooms.images.releases(&caller, &channel).await?;
    Ok(Json(List { releases: releases.into_iter().map(|release| release_of(&caller, release)).collect() }))
}

/// Shows a release.
///
/// By its number, its image's id or the digest of its disk: the same one, also after later promotions.
#[utoipa::path(
    get, path = "/channels/{channel}/releases/{release}", operation_id = "show_release", tag = "channels",
    params(
        ("channel" = String, Path, description = "A channel's id or name"),
        ("release" = String, Path, description = "A number, an image's id or the digest of a disk"),
    ),
    responses(
        (status = 200, description = "The release", body = Release),
        (status = 404, description = "There is no such release, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(
    Asked { rooms, caller, .. }: Asked,
    Path((channel, release)): Path<(String, String)>,
) -> Answer<Json<Release>> {
    let (_, release) = rooms.images.release(&caller, &channel, &release).await?;
    Ok(Json(release_of(&caller, release)))
}

/// Says a release's notes anew, and when it is deprecated and retired.
///
/// The dates of the current release are those of its channel.
#[utoipa::path(
    put, path = "/channels/{channel}/releases/{release}", operation_id = "set_release", tag = "channels",
    params(
        ("channel" = String, Path, description = "A channel's id or name"),
        ("release" = String, Path, description = "A number, an image's id or the digest of a disk"),
    ),
    request_body(content = Said),
    responses(
        (status = 200, description = "The release", body = Release),
        (status = 400, description = "A date or notes that cannot be", body = ErrorBody),
        (status = 403, description = "The caller may not change the channel", body = ErrorBody),
        (status = 404, description = "There is no such release, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "It is the current release, and its channel has other dates", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn set(
    Asked { rooms, caller, .. }: Asked,
    Path((channel, release)): Path<(String, String)>,
    Extension(trail): Extension<Trail>,
    JsonBody(said): JsonBody<Said>,
) -> Answer<Json<Release>> {
    let dates = dates(said.deprecated_at.as_deref(), said.retired_at.as_deref())?;
    let (seen, release) = rooms.images.set_release(&caller, &channel, &release, &said.notes, dates).await?;
    trail.does("channel.release.set", Some(format!("{}/{}", seen.channel.id, release.image.id)));
    Ok(Json(release_of(&caller, release)))
}

/// Tells who made which release current, and when.
///
/// For the channel's project.
#[utoipa::path(
    get, path = "/channels/{channel}/history", operation_id = "list_channel_history", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    responses(
        (status = 200, description = "The steps", body = History),
        (status = 403, description = "The caller is not of the channel's project", body = ErrorBody),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn history(Asked { rooms, caller, .. }: Asked, Path(channel): Path<String>) -> Answer<Json<History>> {
    let steps = rooms.images.channel_history(&caller, &channel).await?.into_iter().map(|step| Step {
        step: step.step,
        at: times::seconds_z(step.at_ms),
        action: step.action,
        release: step.number,
        replaced: step.replaced,
        image: step.image,
        reason: step.reason,
        user_id: step.user_id,
        user_name: step.user_name,
    });
    Ok(Json(History { history: steps.collect() }))
}

/// Lists the instances that run from older releases.
///
/// Those of the caller's project by name; of others the channel's project is told how many.
#[utoipa::path(
    get, path = "/channels/{channel}/instances", operation_id = "list_older_instances", tag = "channels",
    params(("channel" = String, Path, description = "A channel's id or name")),
    responses(
        (status = 200, description = "The instances", body = Older),
        (status = 404, description = "There is no such channel, or the caller may not see it", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn instances(Asked { rooms, caller, .. }: Asked, Path(channel): Path<String>) -> Answer<Json<Older>> {
    let found = rooms.images.instances_on_older(&caller, &channel).await?;
    let own = found.own.into_iter().map(|instance| Running {
        id: instance.id,
        name: instance.name,
        image: instance.image,
        release: instance.number,
    });
    Ok(Json(Older { instances: own.collect(), elsewhere: found.elsewhere }))
}

/// A release as the caller sees it.
pub(super) fn release_of(caller: &Caller, Kept { number, image, former_name, notes, created_ms, .. }: Kept) -> Release {
    let is_own = image_policy::see_channel_history(caller, image.owner).is_ok();
    Release {
        number,
        image: image.id,
        is_current: image.is_current_release(),
        disk_digest: image.disk_root,
        status: image.status,
        visibility: image.visibility,
        verdict: image.verdict,
        notes,
        former_name: former_name.filter(|_| is_own),
        released_at: times::seconds_z(created_ms),
        deprecated_at: image.deprecate_ms.map(times::seconds_z),
        retired_at: image.retire_ms.map(times::seconds_z),
    }
}

/// Reads the two dates of an end.
pub(super) fn dates(deprecated: Option<&str>, retired: Option<&str>) -> Result<Dates> {
    let read = |name: &str, text: &str| {
        times::parse(name, text).map_err(|_| {
            let shown: String = text.chars().take(64).collect();
            Error::Invalid(format!("{name} must be a time such as 2026-11-23T03:28:41Z, not '{shown}'."))
        })
    };
    Ok((
        deprecated.map(|text| read("deprecated_at", text)).transpose()?,
        retired.map(|text| read("retired_at", text)).transpose()?,
    ))
}
