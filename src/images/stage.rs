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
    save::{Declared, Intake, check_queued, lost_error},
    store_error,
};
use crate::{
    db::{image_imports::Staged, image_saves::Ending, images::Lease, now_ms},
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
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
        let image = self.allowed(caller, id, ImageAction::Change).await;
        let images = self.clone();
        let stage = self.0.saves.spawn(async move {
            let mut body = Body::new(body, images.0.pace);
            let staged = match image {
                Ok(image) => images.take_in(image, &declared, &mut body).await,
                Err(error) => Err(error),
            };
            if staged.is_err() && !declared.waits_to_be_asked {
                body.drain().await;
            }
            staged
        });
        stage.await.map_err(Error::internal)?
    }

    async fn take_in(&self, image: super::Image, declared: &Declared, body: &mut Body) -> Result<()> {
        check_queued(&image)?;
        self.check_size(declared.size_bytes.unwrap_or_default())?;
        self.check_room()?;
        let _slot = self.slot()?;
        let lease = leases::new_lease();
        let mut intake = self.begin(&image, Status::Uploading, &lease, declared).await?;
        match self.while_held(image.id, &lease, intake.stage(declared, body)).await {
            Ok((staged, session)) => self.finish_staging(image.id, &lease, staged, session).await,
            Err(error) => {
                self.give_up(image.id, &lease, &error).await;
                Err(error)
            }
        }
    }

    async fn finish_staging(&self, id: ImageId, lease: &Lease, staged: Staged, session: chunks::Session) -> Result<()> {
        match self.0.db.finish_staging(id, &lease.holder, &staged).await {
            Ok(Ending::Done) => {
                session.finish().await;
                tracing::info!(image.id = %id, bytes = staged.size_bytes, "staged bytes for image {id}");
                Ok(())
            }
            Ok(lost) => {
                session.abandon().await;
                Err(lost_error(id, Some(lost)))
            }
            Err(error) => {
                self.give_up(id, lease, &error).await;
                session.abandon().await;
                Err(error)
            }
        }
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
    async fn stage(&mut self, declared: &Declared, body: &mut Body) -> Result<(Staged, chunks::Session)> {
        let session = self.images.0.store.begin().await.map_err(store_error)?;
        match self.keep(&session, declared, body).await {
            Ok(staged) => Ok((staged, session)),
            Err(error) => {
                session.abandon().await;
                Err(error)
            }
        }
    }

    async fn keep(&mut self, session: &chunks::Session, declared: &Declared, body: &mut Body) -> Result<Staged> {
        let mut writer = session.writer();
        while let Some(piece) = body.next_piece().await? {
            self.count(&piece, declared).await?;
            for bytes in piece.iter() {
                writer.write(bytes.clone()).await.map_err(store_error)?;
            }
        }
        self.check_came(declared)?;
        let content = writer.finish().await.map_err(store_error)?;
        Ok(Staged { root: content.root.to_string(), size_bytes: content.size_bytes as i64, session: content.session })
    }
}
