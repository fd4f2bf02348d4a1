//! The one road into an image.
//!
//! ```text
//! receive ─┬─► md5 ────┐
//!          ├─► sha512 ─┤  (threads of their own)
//!          └─► writer ─┴─► as declared? ─► judge ─► its disk ─► row active ─► answer
//! ```
//!
//! A save is an owned task: a client that goes away ends its body, not our second half. Whatever goes wrong, the
//! image is `queued` again with the reason, nothing is counted any more, and the sweep takes what was written.

use std::fmt;

use bytes::Bytes;
use futures::Stream;
use tokio_util::sync::CancellationToken;

use super::{
    Image, Images, Status,
    body::{Body, Piece},
    gate,
    hash::Hash,
    leases, not_found, store_error,
};
use crate::{
    db::{
        image_saves::Ending,
        images::{Lease, Saved, Step},
    },
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
};

/// What a client said about the bytes it sends.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// How many there are.
    pub size_bytes: Option<u64>,
    /// Their MD5, in hex.
    pub md5: Option<String>,
    /// Their SHA-512, in hex.
    pub sha512: Option<String>,
    /// The client sends nothing before it is told to go on (`Expect: 100-continue`).
    pub waits_to_be_asked: bool,
}

/// What is reserved at a time for a body of unknown length.
const RESERVE_STEP_BYTES: u64 = 256 << 20;
impl Images {
    /// Saves an image's file.
    ///
    /// # Errors
    /// `Conflict` unless the image is queued; `Invalid` for bytes that are not as declared, too slow or broken off;
    /// `TooLarge`, `OverQuota`; `Refused` for content that breaks a rule; `Gone` when the image is deleted meanwhile;
    /// `Unavailable` when the store takes nothing now.
    pub async fn upload<S, E>(&self, caller: &Caller, id: ImageId, declared: Declared, body: S) -> Result<()>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let image = self.allowed(caller, id, ImageAction::Change).await;
        let images = self.clone();
        let save = self.0.saves.spawn(async move {
            let mut body = Body::new(body, images.0.settings.min_upload_rate);
            let saved = match image {
                Ok(image) => images.save(image, &declared, &mut body).await,
                Err(error) => Err(error),
            };
            if saved.is_err() && !declared.waits_to_be_asked {
                body.drain().await;
            }
            saved
        });
        save.await.map_err(Error::internal)?
    }

    async fn save(&self, image: Image, declared: &Declared, body: &mut Body) -> Result<()> {
        self.check_ready(&image, declared)?;
        let _slot = self.0.uploads.clone().try_acquire_owned().map_err(|_| {
            Error::Unavailable("this service has as many uploads under way as it takes; try again later".into())
        })?;
        let lease = leases::new_lease();
        let reserved = declared.size_bytes.unwrap_or(RESERVE_STEP_BYTES.min(self.0.limits.bytes as u64));
        let began = self.0.db.begin_saving(image.id, &lease, reserved as i64, self.0.limits).await?;
        if began == Step::Lost {
            return Err(match self.0.db.image(image.id, None).await? {
                Some((now, _)) => wrong_state(&now),
                None => not_found(image.id),
            });
        }
        let stop = CancellationToken::new();
        let _stop_on_return = stop.clone().drop_guard();
        let mut intake = Intake { images: self, id: image.id, lease: &lease, reserved, received: 0 };
        let saved = tokio::select! {
            saved = intake.run(&image, declared, body) => saved,
            lost = leases::keep(&self.0.db, image.id, &lease, &stop) => Err(lost_error(image.id, lost)),
            () = self.0.stop.cancelled() => Err(Error::Unavailable("the service is stopping; send the bytes again".into())),
        };
        match saved {
            Ok((saved, session)) => self.finish(image.id, &lease, saved, session).await,
            Err(error) => {
                self.give_up(image.id, &lease, &error).await;
                Err(error)
            }
        }
    }

    /// What can be refused before the first byte is.
    fn check_ready(&self, image: &Image, declared: &Declared) -> Result<()> {
        if image.status != Status::Queued {
            return Err(wrong_state(image));
        }
        let (Some(disk_format), Some(container_format)) = (&image.disk_format, &image.container_format) else {
            let message = "The image has no disk_format or no container_format: set both before its file is uploaded.";
            return Err(Error::Invalid(message.into()));
        };
        if container_format != "bare" {
            return Err(Error::Refused {
                rule: "banned_format",
                message: format!(
                    "The container format {container_format} is not accepted: take the disk out of it, \
                     set container_format to bare and upload the disk."
                ),
            });
        }
        if !matches!(disk_format.as_str(), "raw" | "qcow2") {
            return Err(Error::Refused {
                rule: "banned_format",
                message: format!(
                    "The disk format {disk_format} is not accepted: convert the file with \
                     'qemu-img convert -O qcow2 OLD NEW', set disk_format to qcow2 and upload that."
                ),
            });
        }
        self.check_size(declared.size_bytes.unwrap_or_default())
    }

    fn check_size(&self, size_bytes: u64) -> Result<()> {
        let max = self.0.settings.max_size_bytes;
        if size_bytes > max {
            return Err(Error::TooLarge(format!("an image's file has at most {max} bytes here")));
        }
        Ok(())
    }

    async fn finish(&self, id: ImageId, lease: &Lease, saved: Saved, session: chunks::Session) -> Result<()> {
        match self.0.db.finish_saving(id, &lease.holder, &saved).await {
            Ok(Ending::Done) => {
                session.finish().await;
                tracing::info!(image.id = %id, bytes = saved.size_bytes, "saved image {id}");
                self.add_verification(id).await;
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

    async fn give_up(&self, id: ImageId, lease: &Lease, error: &Error) {
        let reason = match error {
            Error::Internal(_) => "the service failed during the upload; send the bytes again".into(),
            other => other.to_string(),
        };
        match self.0.db.fail_saving(id, &lease.holder, &reason).await {
            Ok(_) => tracing::info!(image.id = %id, "gave up the upload of image {id}: {reason}"),
            Err(failure) => {
                tracing::warn!(image.id = %id, "cannot give up the upload of image {id} until its lease lapses: {failure}");
            }
        }
    }
}

/// One upload's bytes on their way in.
struct Intake<'a> {
    images: &'a Images,
    id: ImageId,
    lease: &'a Lease,
    reserved: u64,
    received: u64,
}

impl Intake<'_> {
    async fn run(&mut self, image: &Image, declared: &Declared, body: &mut Body) -> Result<(Saved, chunks::Session)> {
        let session = self.images.0.store.begin().await.map_err(store_error)?;
        let saved = self.fill(&session, image, declared, body).await;
        match saved {
            Ok(saved) => Ok((saved, session)),
            Err(error) => {
                session.abandon().await;
                Err(error)
            }
        }
    }

    async fn fill(
        &mut self,
        session: &chunks::Session,
        image: &Image,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<Saved> {
        let (md5, sha512) = (Hash::md5(), Hash::sha512());
        let mut writer = session.writer();
        while let Some(piece) = body.next_piece().await? {
            self.count(&piece, declared).await?;
            tokio::join!(md5.take(&piece), sha512.take(&piece));
            for bytes in piece.iter() {
                writer.write(bytes.clone()).await.map_err(store_error)?;
            }
        }
        let (file, md5, sha512) = tokio::join!(writer.finish(), md5.end(), sha512.end());
        let (file, md5, sha512) = (file.map_err(store_error)?, md5?, sha512?);
        self.check_declared(declared, &md5, &sha512)?;
        let max_disk_bytes = self.images.0.settings.max_size_bytes;
        let disk = gate::disk_of(&self.images.0.store, session, image, file, max_disk_bytes).await?;
        Ok(Saved {
            size_bytes: file.size_bytes as i64,
            disk_bytes: disk.size_bytes as i64,
            checksum: Some(md5),
            os_hash: Some(sha512),
            file_root: Some(file.root.to_string()),
            disk_root: Some(disk.root.to_string()),
            rendering: None,
            session: file.session,
            checked_by: Some(crate::inspect::formats::CHECKER_VERSION),
            stored_bytes: (file.stored_bytes + if disk.root == file.root { 0 } else { disk.new_bytes }) as i64,
        })
    }

    /// Counts a piece against what was declared, the largest size and the project's quota, before it is stored.
    async fn count(&mut self, piece: &Piece, declared: &Declared) -> Result<()> {
        self.received += piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if let Some(size_bytes) = declared.size_bytes.filter(|size| self.received > *size) {
            return Err(Error::Invalid(format!("more bytes came than the {size_bytes} that were declared")));
        }
        self.images.check_size(self.received)?;
        while self.received > self.reserved {
            let missing = self.received - self.reserved;
            let step = RESERVE_STEP_BYTES.max(missing);
            let more = match self.reserve(step).await {
                Err(Error::OverQuota(_)) if step > missing => self.reserve(missing).await.map(|()| missing)?,
                reserved => reserved.map(|()| step)?,
            };
            self.reserved += more;
        }
        Ok(())
    }

    async fn reserve(&self, bytes: u64) -> Result<()> {
        let images = &self.images.0;
        match images.db.reserve_more(self.id, &self.lease.holder, bytes as i64, images.limits).await? {
            Ending::Done => Ok(()),
            lost => Err(lost_error(self.id, Some(lost))),
        }
    }

    fn check_declared(&self, declared: &Declared, md5: &str, sha512: &str) -> Result<()> {
        if let Some(size_bytes) = declared.size_bytes.filter(|size| *size != self.received) {
            let came = self.received;
            return Err(Error::Invalid(format!("{came} bytes came and {size_bytes} were declared")));
        }
        for (name, declared, found) in [("MD5", &declared.md5, md5), ("SHA-512", &declared.sha512, sha512)] {
            if declared.as_ref().is_some_and(|declared| !declared.eq_ignore_ascii_case(found)) {
                return Err(Error::Invalid(format!("the {name} of the bytes that came is {found}, not as declared")));
            }
        }
        Ok(())
    }
}

fn wrong_state(image: &Image) -> Error {
    let (id, status) = (image.id, image.status);
    Error::Conflict(format!("image {id} is {status}; a file is uploaded to a queued image, once"))
}

fn lost_error(id: ImageId, lost: Option<Ending>) -> Error {
    match lost {
        Some(Ending::Gone) => Error::Gone(format!("image {id} was deleted during the upload")),
        _ => Error::Unavailable(format!("the upload to image {id} stalled for too long and was given up")),
    }
}
