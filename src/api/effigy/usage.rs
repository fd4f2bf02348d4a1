//! The part of its quotas that a project uses.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{caller::Asked, error::Answer},
    config::Quota,
    instances,
    model::usage::ImageUsage,
};

/// The usage of the caller's project.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageAnswer)]
pub(super) struct Shown {
    usage: Usage,
}

/// The usage of a project, each beside its limit.
#[derive(Serialize, ToSchema)]
pub(super) struct Usage {
    images: Used,
    /// Bytes of files, those that are reserved for uploads under way among them.
    image_bytes: Used,
    uploads: Used,
    /// Of the bytes, those that are staged or being imported.
    staged_bytes: Used,
    /// Null, like all that follows, where no instances are run.
    instances: Option<Used>,
    vcpus: Option<Used>,
    memory_mib: Option<Used>,
    /// The disks of instances at their full size.
    disk_gib: Option<Used>,
}

/// The used part of a quota.
#[derive(Serialize, ToSchema)]
#[schema(as = UsedOfQuota)]
struct Used {
    used: u64,
    limit: u64,
}

/// Tells what the caller's project uses of its quotas.
#[utoipa::path(
    get, path = "/usage", operation_id = "show_usage", tag = "projects",
    responses((status = 200, description = "The usage", body = Shown), Refusals),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    let (images, _) = rooms.images.usage(&caller).await?;
    let instances = match rooms.instances.are_enabled() {
        true => Some(rooms.instances.usage(&caller).await?),
        false => None,
    };
    let quota = match &caller.project {
        Some(project) => rooms.quota_of(project.id).await?,
        None => rooms.quota.clone(),
    };
    Ok(Json(Shown { usage: usage(&quota, images, instances) }))
}

/// The usage beside its limits.
pub(super) fn usage(quota: &Quota, images: ImageUsage, instances: Option<instances::Usage>) -> Usage {
    let image = |used: i64, limit| Used { used: used.try_into().unwrap_or(0), limit };
    Usage {
        images: image(images.images, quota.images),
        image_bytes: image(images.bytes, quota.image_bytes),
        uploads: image(images.uploads, quota.uploads),
        staged_bytes: image(images.staged_bytes, quota.staged_bytes),
        instances: instances.map(|of| Used { used: of.instances, limit: quota.instances }),
        vcpus: instances.map(|of| Used { used: of.vcpus, limit: quota.vcpus }),
        memory_mib: instances.map(|of| Used { used: of.memory_mib, limit: quota.memory_mib }),
        disk_gib: instances.map(|of| Used { used: of.disk_gib, limit: quota.disk_gib }),
    }
}
