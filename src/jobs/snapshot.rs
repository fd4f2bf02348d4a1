//! Casts a stopped instance's disk into an image: the base image's manifest with just the changed chunks replaced
//! ([`super::overlay`]).

use super::{Job, Rooms, overlay};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::{ImageId, InstanceId},
};

/// Casts `instance` into `image`; the instance is free again when this ends for good.
///
/// # Errors
/// Why not. One that may pass leaves the capture begun, for the next attempt.
pub(super) async fn cast(rooms: &Rooms, job: &Job, image: ImageId, instance: InstanceId) -> Result<()> {
    let Some(caller) = &job.caller else { return Err(Error::internal(anyhow::anyhow!("a snapshot nobody asked for"))) };
    let outcome = attempt(rooms, job, caller, image, instance).await;
    let failure = match &outcome {
        Ok(()) => None,
        Err(_) if job.stop.is_cancelled() => return outcome,
        Err(Error::Unavailable(_) | Error::Internal(_)) if !job.is_last_attempt => return outcome,
        Err(error) => {
            let reason = reason(error);
            rooms.images.fail_snapshot(image, &reason).await?;
            Some(reason)
        }
    };
    rooms.instances.end_capture(caller, instance, failure.as_deref()).await?;
    outcome
}

/// Why a job could not fill an image, in words for its owner.
pub(super) fn reason(error: &Error) -> String {
    match error {
        // Its chain is for the log.
        Error::Internal(chain) => {
            tracing::error!("a job could not fill its image: {chain:#}");
            "the service failed to read or store the disk; the operator finds the reason in the log".into()
        }
        other => other.to_string(),
    }
}

async fn attempt(rooms: &Rooms, job: &Job, caller: &Caller, image: ImageId, instance: InstanceId) -> Result<()> {
    let captured = rooms.instances.captured(caller, instance, image).await?;
    let (session, patch) = overlay::begin(rooms, &captured.base, captured.disk_bytes).await?;
    let content = tokio::select! {
        content = overlay::fill(rooms, image, patch, captured, 0) => content,
        () = job.stop.cancelled() => Err(Error::Unavailable("the service is ending".into())),
    };
    overlay::finish(rooms, caller, image, session, content).await
}
