//! Leases: who holds an image in `saving`, and what becomes of it when the holder shows no sign of life.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Images;
use crate::{
    db::{Database, now_ms},
    error::Result,
    ids::ImageId,
    model::fill::{Ending, Lease},
};

/// A save without a sign of life for this long is given up.
const LEASE: Duration = Duration::from_secs(60);
/// How often a save shows that it lives: several times a lease, so that one slow statement loses nothing. It is also
/// how soon an upload notices that its image was deleted.
const RENEWAL: Duration = Duration::from_secs(5);

/// A lease under a name nobody else has.
pub(super) fn new_lease() -> Lease {
    Lease { holder: uuid::Uuid::new_v4().to_string(), ms: LEASE.as_millis() as i64 }
}

/// Renews the lease until it is told to stop or the image is no longer held under it; then says so.
pub(super) async fn keep(db: &Database, id: ImageId, lease: &Lease, stop: &CancellationToken) -> Option<Ending> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(RENEWAL) => {}
        }
        match db.renew_lease(id, lease).await {
            Ok(Ending::Done) => {}
            Ok(lost) => return Some(lost),
            // The next renewal may succeed; if none does, the lease lapses and the last step says so.
            Err(error) => tracing::warn!(image.id = %id, "cannot renew the lease of the save of {id}: {error}"),
        }
    }
}

impl Images {
    /// Puts images whose save shows no sign of life back to `queued`. Called by the clock.
    pub async fn fail_lapsed_saves(&self) -> Result<()> {
        if !self.0.db.has_lapsed(now_ms()).await? {
            return Ok(());
        }
        let reason = "the save showed no sign of life and was given up; send the bytes again";
        for id in self.0.db.fail_lapsed(now_ms(), reason).await? {
            tracing::warn!(image.id = %id, "gave up the save of image {id}: it showed no sign of life");
        }
        Ok(())
    }

    /// Puts every image under a lease back to `queued`: at the start of a service that is alone on its database,
    /// whose predecessor therefore is gone.
    pub async fn recover(&self) -> Result<()> {
        let reason = "the service ended during the upload; send the bytes again";
        for id in self.0.db.fail_lapsed(i64::MAX, reason).await? {
            tracing::warn!(image.id = %id, "gave up the save of image {id}: the service ended during it");
        }
        Ok(())
    }
}
