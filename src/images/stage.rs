//! Staging: bytes that come before it is said what becomes of them.
//!
//! They are written to the store like a file's, and judged when they are imported. The row names them, so they outlive
//! the service; a staging that is cut off leaves nothing.

use std::fmt;

use bytes::Bytes;
use futures::Stream;

use super::{
    Images, Status,
    body::Body,
    leases,
    save::{Declared, Intake, check_queued},
    store_error,
};
use crate::{
    db::now_ms,
    error::Result,
    identity::Caller,
    ids::ImageId,
    model::fill::{Lease, Staged},
    stores::Session,
};

impl Images {
    /// Stages bytes for an image: queued -> uploading.
    ///
    /// # Errors
    /// As [`Images::upload`], but for what the content says: that is judged by the import.
    pub async fn stage<S, E>(&self, caller: &Caller, id: ImageId, declared: Declared, body: S) -> Result<()>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        self.receive(caller, id, Status::Uploading, declared, body).await
    }

    pub(super) async fn take_in(&self, image: super::Image, declared: &Declared, body: &mut Body) -> Result<()> {
        check_queued(&image)?;
        self.check_size(declared.size_bytes.unwrap_or_default())?;
        let store = self.target(declared)?;
        let _slot = self.slot()?;
        let lease = leases::new_lease();
        let mut intake = self.begin(&image, Status::Uploading, &lease, declared, store).await?;
        match self.while_held(image.id, &lease, intake.stage(declared, body)).await {
            Ok((staged, session)) => self.finish_staging(image.id, &lease, staged, session).await,
            Err(error) => {
                self.give_up(image.id, &lease, &error).await;
                Err(error)
            }
        }
    }

    async fn finish_staging(&self, id: ImageId, lease: &Lease, staged: Staged, session: Session) -> Result<()> {
        let ending = self.0.db.finish_staging(id, &lease.holder, &staged).await;
        self.end_saves(id, lease, ending, vec![session]).await?;
        tracing::info!(image.id = %id, bytes = staged.size_bytes, "staged bytes for image {id}");
        Ok(())
    }

    /// Gives up what was staged and never imported. Called by the clock.
    pub async fn fail_stale_staging(&self) -> Result<()> {
        let reason = "the staged bytes were not imported in time and were given up; stage them again";
        for id in self.0.db.fail_stale_staging(now_ms().saturating_sub(self.0.keep_staged_ms), reason).await? {
            tracing::info!(image.id = %id, "gave up the bytes staged for image {id}: nobody imported them");
        }
        Ok(())
    }
}

impl Intake<'_> {
    async fn stage(&mut self, declared: &Declared, body: &mut Body) -> Result<(Staged, Session)> {
        let session = self.store.begin().await?;
        let staged = self.keep(&session, declared, body).await;
        session.unless_failed(staged).await
    }

    async fn keep(&mut self, session: &Session, declared: &Declared, body: &mut Body) -> Result<Staged> {
        let mut writer = session.chunks.writer();
        while let Some(piece) = body.next_piece().await? {
            self.count(&piece, declared).await?;
            for bytes in piece.iter() {
                writer.write(bytes.clone()).await.map_err(store_error)?;
            }
        }
        self.check_came(declared)?;
        let content = writer.finish().await.map_err(store_error)?;
        let (root, size_bytes) = (content.root.to_string(), content.size_bytes as i64);
        Ok(Staged { root, size_bytes, hold: session.hold() })
    }
}
