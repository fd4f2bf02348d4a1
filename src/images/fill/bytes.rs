//! Bytes that a client or a source sends: received, hashed, written, judged.
//!
//! ```text
//! receive ─┬─► md5 ────┐
//!          ├─► sha512 ─┤  (threads of their own)
//!          └─► writer ─┴─► as declared? ─► judge ─► its disk
//! ```
//!
//! A client that goes away ends its body, not the request that reads it (`api::audit`): the fill ends, well or not.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use disks::Compression;
use futures::Stream;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    super::{CHANGE_ATTEMPTS, Image, Images, Status, changed_by_others},
    Fill, Filled,
    body::{Body, Piece},
    gate,
    hash::Hash,
    snapshot,
    unpack::{PACKED, Pieces},
};
use crate::{
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::ImageId,
    inspect::formats,
    model::fill::{FillKind, Saved},
    stores::{Session, Store},
};

/// A client's declaration about the bytes it sends.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    pub size_bytes: Option<u64>,
    pub md5: Option<String>,
    pub sha512: Option<String>,
    /// The compression that the bytes come in, and are to be taken out of.
    pub compression: Option<Compression>,
    /// The client sends nothing before it is told to go on (`Expect: 100-continue`).
    pub waits_to_be_asked: bool,
    /// The store it wants them in; `None` for the default one.
    pub store: Option<String>,
}

/// The bytes reserved at a time for a body of unknown length.
const RESERVE_STEP_BYTES: u64 = 256 << 20;
/// How often an import's progress is written.
const TELL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

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
        E: fmt::Display,
    {
        let mut body = Body::new(body, self.0.pace);
        let saved = self.save(caller, id, &declared, &mut body).await;
        // A refusal, too, is told after the body was drained.
        body.drain_after(&saved, &declared).await;
        saved
    }

    async fn save(&self, caller: &Caller, id: ImageId, declared: &Declared, body: &mut Body) -> Result<()> {
        let (image, fill, mut intake, _slot) = self.begin_intake(caller, id, FillKind::Upload, declared).await?;
        let filled = fill.while_held(intake.fill(&fill, &image, declared, body)).await;
        fill.settle(filled).await
    }

    /// Begins to take what a client sends to a queued image, with what is declared counted in advance. The image is as it
    /// was judged here: from now on nobody changes its formats. The permit is its place among the uploads under way.
    pub(super) async fn begin_intake(
        &self,
        caller: &Caller,
        id: ImageId,
        kind: FillKind,
        declared: &Declared,
    ) -> Result<(Image, Fill, Intake, OwnedSemaphorePermit)> {
        for _ in 0..CHANGE_ATTEMPTS {
            let image = self.allowed(caller, id, ImageAction::Change).await?;
            check_queued(&image)?;
            if kind == FillKind::Upload {
                self.check_formats(&image)?;
            }
            self.check_size(declared.size_bytes.unwrap_or_default())?;
            let store = self.target(declared)?;
            let slot = self.0.uploads.clone().try_acquire_owned().map_err(|_| {
                Error::Unavailable("this service is receiving as many uploads as it can; try again later".into())
            })?;
            let limits = self.limits_of(image.owner).await?;
            let reserved = declared.size_bytes.unwrap_or(RESERVE_STEP_BYTES.min(limits.bytes as u64));
            // The operator brings images from a Glance: those were images there already.
            let is_snapshot = kind == FillKind::Upload && caller.session.is_some() && snapshot::is_one(&image)?;
            if let Some(fill) = Fill::begin(self, caller, &image, kind, reserved as i64).await? {
                let intake = Intake { store, reserved, received: 0, told: None, is_snapshot };
                return Ok((image, fill, intake, slot));
            }
        }
        Err(changed_by_others(id))
    }

    /// The store that takes what is sent, with room for it.
    pub(super) fn target(&self, declared: &Declared) -> Result<Arc<Store>> {
        let store = match &declared.store {
            Some(name) => self.0.stores.target(name)?,
            None => self.0.stores.default_store(),
        };
        store.check_takes()?;
        Ok(store.clone())
    }

    /// Refuses by its declared formats what would be refused after its last byte.
    ///
    /// # Errors
    /// `Invalid` without formats; `Refused` for one that is not accepted.
    pub fn check_formats(&self, image: &Image) -> Result<()> {
        let (Some(disk_format), Some(container_format)) = (&image.disk_format, &image.container_format) else {
            let message = "The image has no disk_format or no container_format: set both before its file is uploaded.";
            return Err(Error::Invalid(message.into()));
        };
        if container_format != "bare" && container_format != PACKED {
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
            return Err(Error::TooLarge(format!("an image's file can have at most {max} bytes here")));
        }
        Ok(())
    }
}

/// Bytes on their way into a store.
pub(super) struct Intake {
    pub(super) store: Arc<Store>,
    /// How many are counted in the project's quota.
    pub(super) reserved: u64,
    pub(super) received: u64,
    /// When the progress was last written; `None` for what a client sends, who knows it itself.
    pub(super) told: Option<Instant>,
    /// Whether they are the snapshot of somebody's instance.
    pub(super) is_snapshot: bool,
}

impl Intake {
    /// Saves the bytes as the image's file, and judges them.
    pub(super) async fn fill(
        &mut self,
        fill: &Fill,
        image: &Image,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<Filled> {
        let session = self.store.begin_for(image.owner).await?;
        let saved = self.save(fill, &session, image, declared, body).await;
        let (saved, session) = session.unless_failed(saved).await?;
        Ok(Filled { saved, sessions: vec![session], with_checksums: false })
    }

    async fn save(
        &mut self,
        fill: &Fill,
        session: &Session,
        image: &Image,
        declared: &Declared,
        body: &mut Body,
    ) -> Result<Saved> {
        let (md5, sha512) = (Hash::md5(), Hash::sha512());
        let mut writer = session.chunks.writer();
        let mut pieces = Pieces::begin(&fill.images, image, declared, body, self.told.is_some()).await?;
        let declared = pieces.declared();
        while let Some(piece) = pieces.next().await? {
            self.count(fill, &piece, &declared).await?;
            tokio::join!(md5.take(&piece), sha512.take(&piece));
            for bytes in piece.iter() {
                writer.write(bytes.clone()).await?;
            }
        }
        let (file, md5, sha512) = tokio::join!(writer.finish(), md5.end(), sha512.end());
        let (file, md5, sha512) = (file?, md5?, sha512?);
        check_declared(&declared, self.received, &md5, &sha512)?;
        let disk = gate::disk_of(session, image, file, fill.images.0.settings.max_size_bytes).await?;
        if self.is_snapshot {
            fill.images.gate_snapshot(session, image, &disk).await?;
        }
        let inflated_bytes = if disk.root == file.root { 0 } else { disk.further_bytes };
        Ok(Saved {
            size_bytes: file.size_bytes as i64,
            disk_bytes: disk.size_bytes as i64,
            checksum: Some(md5),
            os_hash: Some(sha512),
            file_root: Some(file.root.to_string()),
            disk_root: Some(disk.root.to_string()),
            holds: vec![session.hold()],
            checked_by: Some(formats::CHECKER_VERSION),
            stored_bytes: (file.stored_bytes + inflated_bytes) as i64,
            inflated_bytes: inflated_bytes as i64,
            ..Saved::default()
        })
    }

    /// Counts a piece against what was declared, the largest size and the project's quota, before it is stored.
    pub(super) async fn count(&mut self, fill: &Fill, piece: &Piece, declared: &Declared) -> Result<()> {
        self.received += piece.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if let Some(size_bytes) = declared.size_bytes.filter(|size| self.received > *size) {
            return Err(Error::Invalid(format!("more bytes were received than the {size_bytes} that were declared")));
        }
        fill.images.check_size(self.received)?;
        while self.received > self.reserved {
            let missing = self.received - self.reserved;
            let step = RESERVE_STEP_BYTES.max(missing);
            let more = match fill.reserve(step).await {
                Err(Error::OverQuota(_)) if step > missing => fill.reserve(missing).await.map(|()| missing)?,
                reserved => reserved.map(|()| step)?,
            };
            self.reserved += more;
        }
        self.tell(fill, declared.size_bytes).await
    }

    /// Writes now and then how far an import is.
    async fn tell(&mut self, fill: &Fill, size_bytes: Option<u64>) -> Result<()> {
        if self.told.is_none_or(|told| told.elapsed() < TELL_INTERVAL) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let percent = size_bytes.and_then(|size| (100 * self.received).checked_div(size));
        fill.tell(percent.map(|part| part.min(99) as u8), format!("Copied {} MiB", self.received >> 20)).await
    }
}

/// Compares what came with what was declared.
///
/// # Errors
/// `Invalid` with the difference.
pub(super) fn check_declared(declared: &Declared, came_bytes: u64, md5: &str, sha512: &str) -> Result<()> {
    check_came(declared, came_bytes)?;
    for (name, declared, found) in [("MD5", &declared.md5, md5), ("SHA-512", &declared.sha512, sha512)] {
        if declared.as_ref().is_some_and(|declared| !declared.eq_ignore_ascii_case(found)) {
            return Err(Error::Invalid(format!(
                "the {name} of the received bytes is {found}, which is not as declared"
            )));
        }
    }
    Ok(())
}

/// Compares how much came with what was declared.
///
/// # Errors
/// `Invalid` with both.
pub(super) fn check_came(declared: &Declared, came_bytes: u64) -> Result<()> {
    match declared.size_bytes.filter(|size| *size != came_bytes) {
        Some(size) => Err(Error::Invalid(format!("{came_bytes} bytes were received, but {size} were declared"))),
        None => Ok(()),
    }
}

pub(super) fn check_queued(image: &Image) -> Result<()> {
    let (id, status) = (image.id, image.status);
    if status == Status::Queued {
        return Ok(());
    }
    Err(Error::Conflict(format!("image {id} is {status}; a file is uploaded to a queued image, once")))
}
