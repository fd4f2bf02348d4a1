//! Staging: a client sends bytes first and asks for their import later.
//!
//! They are written to the store like a file's, and judged when they are imported. The row names them, so they outlive
//! the service; a staging that is cut off leaves nothing.

use std::fmt;

use bytes::Bytes;
use futures::Stream;

use super::{
    super::Images,
    Fill,
    body::Body,
    bytes::{Declared, Intake, check_came},
};
use crate::{
    error::{Error, Result},
    identity::Caller,
    ids::ImageId,
    model::{
        fill::{Done, FillKind, StagedBytes},
        image::Image,
    },
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
        E: fmt::Display,
    {
        if declared.compression.is_some() {
            let message = "Staged bytes are kept as they come: stage them without a Content-Encoding, and set container_format \
                           to compressed.";
            return Err(Error::Invalid(message.into()));
        }
        let mut body = Body::new(body, self.0.pace);
        let staged = self.take_in(caller, id, &declared, &mut body).await;
        // A refusal, too, is told after the body was drained.
        body.drain_after(&staged, &declared).await;
        staged
    }

    async fn take_in(&self, caller: &Caller, id: ImageId, declared: &Declared, body: &mut Body) -> Result<()> {
        let (image, mut fill, mut intake, _slot) = self.begin_intake(caller, id, FillKind::Stage, declared).await?;
        let kept = match fill.while_held(intake.stage(&fill, &image, declared, body)).await {
            Ok((staged, session)) => {
                let hold = session.hold();
                fill.end(Done::Staged(&staged, &hold), vec![session], None).await.map(|()| staged.bytes)
            }
            Err(error) => Err(error),
        };
        match kept {
            Ok(bytes) => {
                tracing::info!(image.id = %id, bytes, "staged bytes for image {id}");
                Ok(())
            }
            Err(error) => {
                fill.fail(&error, None).await;
                Err(error)
            }
        }
    }
}

impl Intake {
    /// Keeps the bytes as they come; the import judges them later.
    async fn stage(
        &mut self,
        fill: &Fill,
        image: &Image,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<(StagedBytes, Session)> {
        let session = self.store.begin_for(image.owner).await?;
        let staged = self.keep(fill, &session, declared, body).await;
        session.unless_failed(staged).await
    }

    async fn keep(
        &mut self,
        fill: &Fill,
        session: &Session,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<StagedBytes> {
        let mut writer = session.chunks.writer();
        while let Some(piece) = body.next_piece().await? {
            self.count(fill, &piece, declared).await?;
            for bytes in piece.iter() {
                writer.write(bytes.clone()).await?;
            }
        }
        check_came(declared, self.received)?;
        let content = writer.finish().await?;
        Ok(StagedBytes { root: content.root.to_string(), bytes: content.size_bytes as i64 })
    }
}
