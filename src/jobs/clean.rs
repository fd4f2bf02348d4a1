//! Fills a cleaned copy: a guest cleans an overlay over the source's disk, and the copy gets its changes.
//!
//! A run that is cut off leaves nothing: the guest ends with the service, and the next run begins anew.

use tokio::sync::watch;

use super::{Job, Rooms};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::ImageId,
    images::{Cleanable, Fill, Filled, PROGRESS_INTERVAL},
    instances::Cleaned,
};

/// How much of the whole the guest's part is: nearly all of the time.
const CLEANED_PERCENT: u8 = 90;

/// Cleans a copy of `source` into `image`.
///
/// # Errors
/// Why the cleaning failed. After a failure that may pass, the copy is still begun, for the next attempt.
pub(super) async fn clean(rooms: &Rooms, job: &Job, image: ImageId, source: ImageId) -> Result<()> {
    let Some(caller) = &job.caller else {
        return Err(Error::internal(anyhow::anyhow!("a cleaned copy without a caller")));
    };
    let Some(mut fill) = rooms.images.take_up_fill(image, job).await? else { return Ok(()) };
    let done = match fill.while_held(attempt(rooms, &fill, caller, image, source)).await {
        Ok(filled) => fill.finish(filled, None).await,
        Err(error) => Err(error),
    };
    let Err(error) = done else { return Ok(()) };
    if Fill::may_go_on(job, &error) {
        fill.release().await;
    } else {
        fill.fail(&error, None).await;
    }
    Err(error)
}

async fn attempt(rooms: &Rooms, fill: &Fill, caller: &Caller, image: ImageId, source: ImageId) -> Result<Filled> {
    let source = rooms.images.cleanable(caller, source).await?;
    // From here on the source's disk stays, even if the source is deleted.
    let changes = rooms.images.begin_changes(Some(&source.disk), source.disk_bytes).await?;
    let Cleaned { disk, findings } = run_guest(rooms, fill, &source).await?;
    tracing::info!(image.id = %image, source.id = %source.id, findings, "cleaned a copy of image {}: {findings}", source.id);
    changes.fill(fill, disk, CLEANED_PERCENT).await
}

/// Runs the guest, and tells how far it is; ends it when the image was deleted meanwhile.
async fn run_guest(rooms: &Rooms, fill: &Fill, source: &Cleanable) -> Result<Cleaned> {
    let (tell, told) = watch::channel(0);
    let cleaning = rooms.instances.clean(source, &tell);
    tokio::pin!(cleaning);
    loop {
        // Dropping the cleaning when the fill is lost ends the guest.
        tokio::select! {
            cleaned = &mut cleaning => return cleaned,
            () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                let percent = u32::from(CLEANED_PERCENT) * u32::from(*told.borrow()) / 100;
                fill.tell(Some(percent as u8), String::new()).await?;
            }
        }
    }
}
