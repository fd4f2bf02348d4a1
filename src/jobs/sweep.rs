//! Deleting chunks that nothing refers to.

use chunks::{Store, SweepReport};

use crate::{
    db::Database,
    error::{Error, Result},
};

/// Sweeps once. What is found unreachable is condemned, and removed by the next sweep.
///
/// A sweep that finds another at work leaves the work to it.
///
/// # Errors
/// `Unavailable` when the database is out of reach, `Internal` when a content cannot be read: nothing is deleted then.
pub async fn sweep(store: &Store, db: &Database) -> Result<Option<SweepReport>> {
    let report = match store.sweep(db).await {
        Err(chunks::Error::Busy) => {
            tracing::info!("another sweep is at work; this one leaves it to that");
            return Ok(None);
        }
        swept => swept.map_err(Error::internal)?,
    };
    let SweepReport { epoch, condemned, removed, spared, dropped_bytes, .. } = report;
    tracing::info!(
        epoch,
        condemned,
        removed,
        spared,
        dropped_bytes,
        "swept the store: condemned {condemned} chunks, removed {removed}, gave back {dropped_bytes} bytes"
    );
    Ok(Some(report))
}
