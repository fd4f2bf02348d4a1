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

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::Stream;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Image, Images, Status,
    body::{Body, Piece},
    gate,
    hash::Hash,
    leases, not_found, store_error,
};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    inspect::formats,
    model::{
        Step,
        save::{Ending, Lease, Saved},
    },
    stores::{Session, Store, abandon},
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
    /// The store it wants them in; `None` for the default one.
    pub store: Option<String>,
}

/// What is reserved at a time for a body of unknown length.
const RESERVE_STEP_BYTES: u64 = 256 << 20;
/// How often an import's progress is written.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

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
        self.receive(caller, id, Status::Saving, declared, body).await
    }

    /// Takes the bytes that a client sends, to save or to stage them (`to`).
    pub(super) async fn receive<S, E>(
        &self,
        caller: &Caller,
        id: ImageId,
        to: Status,
        declared: Declared,
        body: S,
    ) -> Result<()>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let image = self.allowed(caller, id, ImageAction::Change).await;
        let images = self.clone();
        let taking = self.0.saves.spawn(async move {
            let mut body = Body::new(body, images.0.pace);
            let taken = match image {
                Ok(image) if to == Status::Uploading => images.take_in(image, &declared, &mut body).await,
                Ok(image) => images.save(image, &declared, &mut body).await,
                Err(error) => Err(error),
            };
            if taken.is_err() && !declared.waits_to_be_asked {
                body.drain().await;
            }
            taken
        });
        taking.await.map_err(Error::internal)?
    }

    async fn save(&self, image: Image, declared: &Declared, body: &mut Body) -> Result<()> {
        check_queued(&image)?;
        self.check_formats(&image)?;
        self.check_size(declared.size_bytes.unwrap_or_default())?;
        let store = self.target(declared)?;
        let _slot = self.slot()?;
        let lease = leases::new_lease();
        let mut intake = self.begin(&image, Status::Saving, &lease, declared, store).await?;
        match self.while_held(image.id, &lease, intake.run(&image, declared, body)).await {
            Ok((saved, session)) => self.finish(image.id, &lease, saved, vec![session]).await,
            Err(error) => {
                self.give_up(image.id, &lease, &error).await;
                Err(error)
            }
        }
    }

    /// The store that takes what is sent, with room for it.
    pub(super) fn target(&self, declared: &Declared) -> Result<Arc<Store>> {
        let store = match &declared.store {
            Some(name) => self.0.stores.target(name)?,
            None => self.0.stores.default_store(),
        };
        store.check_room()?;
        Ok(store.clone())
    }

    /// A place among the uploads under way.
    pub(super) fn slot(&self) -> Result<OwnedSemaphorePermit> {
        self.0.uploads.clone().try_acquire_owned().map_err(|_| {
            Error::Unavailable("this service has as many uploads under way as it takes; try again later".into())
        })
    }

    /// Takes a queued image under the lease, with what is declared counted in advance.
    pub(super) async fn begin<'a>(
        &'a self,
        image: &Image,
        to: Status,
        lease: &'a Lease,
        declared: &Declared,
        store: Arc<Store>,
    ) -> Result<Intake<'a>> {
        let reserved = declared.size_bytes.unwrap_or(RESERVE_STEP_BYTES.min(self.0.limits.bytes as u64));
        let began = self.0.db.begin_saving(image.id, to, lease, reserved as i64, self.0.limits).await?;
        if began == Step::Lost {
            return Err(match self.0.db.image(image.id, None).await? {
                Some((now, _)) => wrong_state(&now),
                None => not_found(image.id),
            });
        }
        Ok(Intake { images: self, id: image.id, store, lease, reserved, received: 0, told: None })
    }

    /// Does this work while the lease is kept and the service goes on.
    pub(super) async fn while_held<T>(
        &self,
        id: ImageId,
        lease: &Lease,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let stop = CancellationToken::new();
        let _stop_on_return = stop.clone().drop_guard();
        tokio::select! {
            done = work => done,
            lost = leases::keep(&self.0.db, id, lease, &stop) => Err(lost_error(id, lost)),
            () = self.0.stop.cancelled() => Err(Error::Unavailable("the service is stopping; send the bytes again".into())),
        }
    }

    /// What can be refused before the first byte is.
    pub(super) fn check_formats(&self, image: &Image) -> Result<()> {
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
        if !formats::is_accepted(disk_format) {
            return Err(Error::Refused {
                rule: "banned_format",
                message: format!(
                    "The disk format {disk_format} is not accepted: convert the file with \
                     'qemu-img convert -O qcow2 OLD NEW', set disk_format to qcow2 and upload that."
                ),
            });
        }
        Ok(())
    }

    pub(super) fn check_size(&self, size_bytes: u64) -> Result<()> {
        let max = self.0.settings.max_size_bytes;
        if size_bytes > max {
            return Err(Error::TooLarge(format!("an image's file has at most {max} bytes here")));
        }
        Ok(())
    }

    pub(super) async fn finish(&self, id: ImageId, lease: &Lease, saved: Saved, sessions: Vec<Session>) -> Result<()> {
        let ending = self.0.db.finish_saving(id, &lease.holder, &saved).await;
        self.end_saves(id, lease, ending, sessions).await?;
        tracing::info!(image.id = %id, bytes = saved.size_bytes, "saved image {id}");
        self.add_verification(id).await;
        Ok(())
    }

    /// Ends the saves whose last step this was, whatever came of it.
    pub(super) async fn end_saves(
        &self,
        id: ImageId,
        lease: &Lease,
        ending: Result<Ending>,
        sessions: Vec<Session>,
    ) -> Result<()> {
        match ending {
            Ok(Ending::Done) => {
                for session in sessions {
                    session.finish().await;
                }
                Ok(())
            }
            Ok(lost) => {
                abandon(sessions).await;
                Err(lost_error(id, Some(lost)))
            }
            Err(error) => {
                self.give_up(id, lease, &error).await;
                abandon(sessions).await;
                Err(error)
            }
        }
    }

    pub(super) async fn give_up(&self, id: ImageId, lease: &Lease, error: &Error) {
        let reason = match error {
            Error::Internal(chain) => {
                tracing::error!(image.id = %id, "the save of image {id} failed: {chain:#}");
                "the service failed during the upload; send the bytes again".into()
            }
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

/// One save's bytes on their way in.
pub(super) struct Intake<'a> {
    pub(super) images: &'a Images,
    pub(super) id: ImageId,
    /// Where they go.
    pub(super) store: Arc<Store>,
    pub(super) lease: &'a Lease,
    pub(super) reserved: u64,
    pub(super) received: u64,
    /// When the progress was last written; `None` for what a client sends, who knows it itself.
    pub(super) told: Option<Instant>,
}

impl Intake<'_> {
    pub(super) async fn run(
        &mut self,
        image: &Image,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<(Saved, Session)> {
        let session = self.store.begin().await?;
        let saved = self.fill(&session, image, declared, body).await;
        session.unless_failed(saved).await
    }

    async fn fill(&mut self, session: &Session, image: &Image, declared: &Declared, body: &mut Body) -> Result<Saved> {
        let (md5, sha512) = (Hash::md5(), Hash::sha512());
        let mut writer = session.chunks.writer();
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
        let disk = gate::disk_of(session, image, file, max_disk_bytes).await?;
        Ok(Saved {
            size_bytes: file.size_bytes as i64,
            disk_bytes: disk.size_bytes as i64,
            checksum: Some(md5),
            os_hash: Some(sha512),
            file_root: Some(file.root.to_string()),
            disk_root: Some(disk.root.to_string()),
            rendering: None,
            holds: vec![session.hold()],
            failed_stores: String::new(),
            checked_by: Some(formats::CHECKER_VERSION),
            stored_bytes: (file.stored_bytes + if disk.root == file.root { 0 } else { disk.new_bytes }) as i64,
        })
    }

    /// Counts a piece against what was declared, the largest size and the project's quota, before it is stored.
    pub(super) async fn count(&mut self, piece: &Piece, declared: &Declared) -> Result<()> {
        self.received += piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if let Some(size_bytes) = declared.size_bytes.filter(|size| self.received > *size) {
            return Err(Error::Invalid(format!("more bytes came than the {size_bytes} that were declared")));
        }
        self.images.check_size(self.received)?;
        self.store.check_room()?;
        while self.received > self.reserved {
            let missing = self.received - self.reserved;
            let step = RESERVE_STEP_BYTES.max(missing);
            let more = match self.reserve(step).await {
                Err(Error::OverQuota(_)) if step > missing => self.reserve(missing).await.map(|()| missing)?,
                reserved => reserved.map(|()| step)?,
            };
            self.reserved += more;
        }
        self.tell(declared.size_bytes).await
    }

    /// Writes now and then how far an import is.
    async fn tell(&mut self, size_bytes: Option<u64>) -> Result<()> {
        if self.told.is_none_or(|told| told.elapsed() < TELL_INTERVAL) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let percent =
            size_bytes.and_then(|size| (100 * self.received).checked_div(size)).map(|part| part.min(99) as i64);
        let message = format!("Copied {} MiB", self.received >> 20);
        self.images.0.db.import_progress(self.id, &self.lease.holder, percent, &message).await
    }

    pub(super) async fn reserve(&self, bytes: u64) -> Result<()> {
        let images = &self.images.0;
        match images.db.reserve_more(self.id, &self.lease.holder, bytes as i64, images.limits).await? {
            Ending::Done => Ok(()),
            lost => Err(lost_error(self.id, Some(lost))),
        }
    }

    pub(super) fn check_came(&self, declared: &Declared) -> Result<()> {
        let came = self.received;
        match declared.size_bytes.filter(|size| *size != came) {
            Some(size) => Err(Error::Invalid(format!("{came} bytes came and {size} were declared"))),
            None => Ok(()),
        }
    }

    fn check_declared(&self, declared: &Declared, md5: &str, sha512: &str) -> Result<()> {
        self.check_came(declared)?;
        for (name, declared, found) in [("MD5", &declared.md5, md5), ("SHA-512", &declared.sha512, sha512)] {
            if declared.as_ref().is_some_and(|declared| !declared.eq_ignore_ascii_case(found)) {
                return Err(Error::Invalid(format!("the {name} of the bytes that came is {found}, not as declared")));
            }
        }
        Ok(())
    }
}

pub(super) fn check_queued(image: &Image) -> Result<()> {
    if image.status == Status::Queued { Ok(()) } else { Err(wrong_state(image)) }
}

fn wrong_state(image: &Image) -> Error {
    let (id, status) = (image.id, image.status);
    Error::Conflict(format!("image {id} is {status}; a file is uploaded to a queued image, once"))
}

pub(super) fn lost_error(id: ImageId, lost: Option<Ending>) -> Error {
    match lost {
        Some(Ending::Gone) => Error::Gone(format!("image {id} was deleted during the upload")),
        _ => Error::Unavailable(format!("the upload to image {id} stalled for too long and was given up")),
    }
}
