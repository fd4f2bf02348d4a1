//! Fills a cleaned copy: a guest cures an overlay over the source's disk, and what it changed becomes the copy's.
//!
//! A run that is cut off leaves nothing: the guest ends with the service, and the next run begins anew.

use tokio::sync::watch;

use super::{Job, Rooms, overlay, snapshot::reason};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::ImageId,
    instances::Cleaned,
};

/// How much of the whole the guest's part is: nearly all of the time.
const CLEANED_PERCENT: u8 = 90;

/// Cleans a copy of `source` into `image`.
///
/// # Errors
/// Why not. One that may pass leaves the copy begun, for the next attempt.
pub(super) async fn clean(rooms: &Rooms, job: &Job, image: ImageId, source: ImageId) -> Result<()> {
    let Some(caller) = &job.caller else { return Err(Error::internal(anyhow::anyhow!("a copy nobody asked for"))) };
    let outcome = tokio::select! {
        outcome = attempt(rooms, caller, image, source) => outcome,
        () = job.stop.cancelled() => return Err(Error::Unavailable("the service is ending".into())),
    };
    match &outcome {
        Ok(()) => {}
        Err(Error::Unavailable(_) | Error::Internal(_)) if !job.is_last_attempt => {}
        Err(error) => rooms.images.fail_snapshot(image, &reason(error)).await?,
    }
    outcome
}

async fn attempt(rooms: &Rooms, caller: &Caller, image: ImageId, source: ImageId) -> Result<()> {
    let source = rooms.images.cleanable(caller, source).await?;
    // From here on the source's disk stays, whatever becomes of the source.
    let (session, patch) = overlay::begin(rooms, &source.disk, source.disk_bytes).await?;
    let content = async {
        let Cleaned { disk, cures } = cured(rooms, image, &source).await?;
        tracing::info!(image.id = %image, source.id = %source.id, cures, "cleaned a copy of image {}: {cures}", source.id);
        overlay::fill(rooms, image, patch, disk, CLEANED_PERCENT).await
    };
    let content = content.await;
    overlay::finish(rooms, caller, image, session, content).await
}

/// Runs the guest, and notes how far it is; ends it when the image was deleted meanwhile.
async fn cured(rooms: &Rooms, image: ImageId, source: &crate::images::Cleanable) -> Result<Cleaned> {
    let (tell, told) = watch::channel(0);
    let cleaning = rooms.instances.clean(source, &tell);
    tokio::pin!(cleaning);
    loop {
        tokio::select! {
            cleaned = &mut cleaning => return cleaned,
            () = tokio::time::sleep(overlay::PROGRESS_INTERVAL) => {
                let percent = u32::from(CLEANED_PERCENT) * u32::from(*told.borrow()) / 100;
                rooms.images.snapshot_progress(image, percent as u8).await?;
            }
        }
    }
}
