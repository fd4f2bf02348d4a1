//! Fills the image that is captured from a stopped instance.

use super::{Job, Rooms};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
    images::{Backup, Fill, Filled},
};

/// Captures `instance` into `image`. The instance is free in the moment in which the image is active or has failed. Of its
/// backups of the same kind only as many are kept then as `backup` says.
///
/// # Errors
/// Why the capture failed. After a failure that may pass, the capture is still begun, for the next attempt.
pub(super) async fn capture(
    rooms: &Rooms,
    job: &Job,
    image: ImageId,
    instance: InstanceId,
    backup: Option<&Backup>,
) -> Result<()> {
    let Some(caller) = &job.caller else { return Err(Error::internal(anyhow::anyhow!("a capture without a caller"))) };
    let Some(mut fill) = rooms.images.take_up_fill(image, job).await? else {
        return rooms.instances.end_capture(instance, image, "its image was deleted").await;
    };
    let done = match fill.while_held(attempt(rooms, &fill, caller, image, instance)).await {
        Ok(filled) => rooms.instances.finish_capture(instance, image, &mut fill, filled).await,
        Err(error) => Err(error),
    };
    let Err(error) = done else {
        if let Some(backup) = backup {
            // The image is made, and cut off here the next backup deletes what this one did not.
            if let Err(error) = rooms.images.rotate_backups(caller, image, instance, backup).await {
                tracing::warn!(image.id = %image, "older backups than image {image} stay for now: {error}");
            }
        }
        return Ok(());
    };
    if Fill::may_go_on(job, &error) {
        fill.release().await;
    } else {
        rooms.instances.fail_capture(instance, image, fill, &error).await;
    }
    Err(error)
}

async fn attempt(rooms: &Rooms, fill: &Fill, caller: &Caller, image: ImageId, instance: InstanceId) -> Result<Filled> {
    rooms.instances.at_rest(caller, instance, image).await?;
    let changed = rooms.instances.captured(caller, instance, image).await?;
    let changes = rooms.images.begin_changes(changed.base.as_ref(), changed.disk_bytes).await?;
    changes.fill(fill, changed, 0).await
}
