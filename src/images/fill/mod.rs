//! Fills: how images come to their bytes. Every road into an image is one of them.
//!
//! ```text
//!  a request ── begin ───────────────┐                    ┌─► finish: active (or staged), what follows is in the queue
//!                                    ├─► held, renewing ──┼─► fail: queued again, with the reason
//!  a request ── begin ─► job ─ take up┘                   └─► release: the job's next run goes on, or the next request
//! ```
//!
//! - The roads: [`bytes`] a client sends, [`stage`]d ones that wait for their [`import`], [`parts`] of a file of which the
//!   last begins an import, what an instance or a
//!   cleaning guest changed ([`capture`], [`clean`], both read by [`change`]), and copies to further [`stores`].
//! - A [`Fill`] is the right to take the last step. One lease keeps it: whoever holds the fill renews it all the time,
//!   and loses the fill when it lapses or when another run of its job takes it up.
//! - The last step is one transaction: the image is active, its quota settled, its chunks held, and the jobs that
//!   follow (verification, checksums) are in the queue. A captured instance is free in the same transaction.
//! - A fill that is dropped is failed. The end of the service fails what a request does, and releases what a job does and
//!   what comes in parts.

mod body;
mod bytes;
mod capture;
mod change;
mod clean;
mod gate;
mod hash;
mod import;
mod moves;
mod parts;
mod snapshot;
mod source;
mod stage;
mod stores;
mod unpack;

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

pub(super) use self::{
    body::{Pace, Piece},
    hash::Hash,
    parts::Turns,
    unpack::AT_ONCE as UNPACKINGS_AT_ONCE,
};
pub use self::{
    bytes::Declared,
    capture::CaptureOf,
    change::{Changed, Changes, PROGRESS_INTERVAL},
    clean::Cleanable,
    import::{ImportImage, METHODS},
    moves::{Move, Progress},
    parts::{Algorithm, Appended, NewUpload, Part, UploadInParts},
    stores::Targets,
    unpack::PACKED,
};
pub(in crate::images) use import::task;

use super::{Image, Images};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction, lasting::ended},
    ids::ImageId,
    model::{
        Step,
        fill::{Done, Ending, FillKind, Lease, NewFill, Overdue, Reasons, Saved, Sign, StagedBytes, Target},
        instance::StateChange,
    },
    queue::{Job, Queue, Work},
    stores::{Session, abandon},
};

/// A fill without a sign of life for this long is given up.
const LEASE: Duration = Duration::from_secs(60);
/// How often a fill shows that it lives: several times a lease, so that one slow statement loses nothing.
const RENEWAL: Duration = Duration::from_secs(5);
/// How long a database that is away is waited for before it is told again that the fill has failed.
const RETRY: Duration = Duration::from_secs(1);

/// The right to take the last step of a fill. Dropping it fails the fill.
pub struct Fill {
    images: Images,
    id: ImageId,
    /// Whose right it rests on; `None` for the service's own work.
    caller: Option<Caller>,
    lease: Lease,
    /// Whether a job does it, whose next run can go on with it.
    is_of_job: bool,
    /// Whether what is kept of it waits for its client, who may go on with it.
    is_in_parts: bool,
    /// The bytes that wait to be imported.
    staged: Option<StagedBytes>,
    /// Whether they came in parts, and the SHA-512 that they are to have.
    came_in_parts: bool,
    sha512: Option<String>,
    /// The service ends, or the job was taken over.
    stop: CancellationToken,
    is_over: bool,
    /// The service waits for it before it closes its database.
    _under_way: TaskTrackerToken,
}

impl Fill {
    /// Begins what a request does itself, with `reserve_bytes` counted in the project's quota in advance. `None` when the
    /// image has changed since it was read: it is to be judged anew.
    ///
    /// # Errors
    /// `OverQuota`.
    async fn begin(
        images: &Images,
        caller: &Caller,
        image: &Image,
        kind: FillKind,
        reserve_bytes: i64,
    ) -> Result<Option<Fill>> {
        let fill = Fill::new(images, image.id, Some(caller), images.0.stop.child_token());
        let new = NewFill { reserve_bytes, lease: Some(&fill.lease), ..NewFill::of(kind, Target::Known(image)) };
        match images.0.db.begin_fill(new, images.0.limits).await {
            Ok(Step::Done) => Ok(Some(fill)),
            not_begun => {
                // There is nothing to fail.
                fill.forget();
                not_begun.map(|_| None)
            }
        }
    }

    fn new(images: &Images, id: ImageId, caller: Option<&Caller>, stop: CancellationToken) -> Fill {
        let lease = Lease { holder: uuid::Uuid::new_v4().to_string(), ms: LEASE.as_millis() as i64 };
        Fill {
            images: images.clone(),
            id,
            caller: caller.cloned(),
            lease,
            is_of_job: false,
            is_in_parts: false,
            staged: None,
            came_in_parts: false,
            sha512: None,
            stop,
            is_over: false,
            _under_way: images.0.fills.token(),
        }
    }

    /// Polls the work for as long as the lease is renewed, its caller has the right to it and the service runs.
    ///
    /// # Errors
    /// `Unavailable` when the service ends or the fill was lost; `Gone` when the image was deleted; `Forbidden` when the
    /// right to change it has ended.
    pub async fn while_held<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // A request was judged as it began; a job may have waited for long.
        if self.is_of_job
            && let Some(caller) = &self.caller
            && let Some(error) = ended(self.images.still_allowed(caller, self.id, ImageAction::Change).await)
        {
            return Err(self.without_right(error).await);
        }
        // The work is dropped where it is when one of the others ends first: what it wrote is the sweep's.
        tokio::select! {
            done = work => done,
            lost = self.keep() => Err(self.lost(lost)),
            error = self.right_ends() => Err(error),
            () = self.stop.cancelled() => {
                Err(Error::Unavailable("the service is stopping; send the bytes again".into()))
            }
        }
    }

    /// Waits until the caller may no longer change the image.
    async fn right_ends(&self) -> Error {
        let Some(caller) = &self.caller else { return std::future::pending().await };
        let error = self.images.right_ends(caller, self.id, ImageAction::Change).await;
        self.without_right(error).await
    }

    /// The end of a fill whose caller has no right to it any more.
    async fn without_right(&self, why: Error) -> Error {
        if let Err(gone @ Error::Gone(_)) = self.signed(&Sign::default()).await {
            // An image that was deleted is not to be seen either.
            return gone;
        }
        let id = self.id;
        tracing::info!(image.id = %id, "what was under way into image {id} is given up: {why}");
        let message =
            format!("The right to change image {id} ended, and what was under way was given up. Begin again.");
        Error::Forbidden(message)
    }

    /// Renews the lease until the fill is no longer held under it.
    async fn keep(&self) -> Ending {
        loop {
            tokio::time::sleep(RENEWAL).await;
            match self.renew(&Sign::default()).await {
                Ok(Ending::Done) => {}
                Ok(lost) => return lost,
                // The next renewal may succeed; if none does, the lease lapses and the last step says so.
                Err(error) => tracing::warn!(image.id = %self.id, "cannot renew the fill of {}: {error}", self.id),
            }
        }
    }

    async fn renew(&self, sign: &Sign) -> Result<Ending> {
        let images = &self.images.0;
        images.db.renew_fill(self.id, &self.lease, sign, images.limits).await
    }

    /// Counts more bytes in the project's quota.
    ///
    /// # Errors
    /// `OverQuota`; as [`Fill::while_held`].
    async fn reserve(&self, bytes: u64) -> Result<()> {
        self.signed(&Sign { more_bytes: i64::try_from(bytes).unwrap_or(i64::MAX), progress: None }).await
    }

    /// Tells how far it is: in percent where that is known, and in words for the task.
    ///
    /// # Errors
    /// As [`Fill::while_held`].
    pub async fn tell(&self, percent: Option<u8>, words: String) -> Result<()> {
        self.signed(&Sign { more_bytes: 0, progress: Some((percent.map(i64::from), words)) }).await
    }

    async fn signed(&self, sign: &Sign) -> Result<()> {
        match self.renew(sign).await? {
            Ending::Done => Ok(()),
            lost => Err(self.lost(lost)),
        }
    }

    /// Ends what a request does: finishes with what was filled, or fails.
    ///
    /// # Errors
    /// Why nothing was filled; as [`Fill::finish`].
    async fn settle(mut self, filled: Result<Filled>) -> Result<()> {
        let done = match filled {
            Ok(filled) => self.finish(filled, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            self.fail(error, None).await;
        }
        done
    }

    /// Makes the image active with what was filled, and puts what follows into the queue. `instance` is what becomes
    /// of the captured instance in the same transaction.
    ///
    /// # Errors
    /// `Gone` when the image was deleted meanwhile, and the instance is free; `OverQuota` for more than was reserved;
    /// `Unavailable` when the database is out of reach, or another run of the job has taken the fill over.
    pub async fn finish(&mut self, filled: Filled, instance: Option<&StateChange>) -> Result<()> {
        let Filled { saved, sessions, with_checksums } = filled;
        let id = self.id;
        let verify = Queue::row(Work::Verify { image: id }, None)?;
        let checksum = with_checksums.then(|| Queue::row(Work::Checksum { image: id }, None)).transpose()?;
        let then: Vec<_> = [verify].into_iter().chain(checksum).collect();
        self.end(Done::Saved(&saved, &then), sessions, instance).await?;
        self.images.0.queue.wake();
        tracing::info!(image.id = %id, bytes = saved.size_bytes, stored_bytes = saved.stored_bytes, "filled image {id}");
        Ok(())
    }

    /// The last step, when it is a good one. After an error the fill is still held.
    async fn end(&mut self, done: Done<'_>, sessions: Vec<Session>, instance: Option<&StateChange>) -> Result<()> {
        let images = &self.images.0;
        let ending = images.db.finish_fill(self.id, &self.lease.holder, done, images.limits, instance).await;
        if let Ok(Ending::Done) = ending {
            self.is_over = true;
            for session in sessions {
                session.finish().await;
            }
            return Ok(());
        }
        abandon(sessions).await;
        let lost = ending?;
        self.is_over = true;
        Err(self.lost(lost))
    }

    /// The last step, when it is a bad one: the image is queued again with the reason. Nothing happens to a fill that
    /// is over.
    pub async fn fail(mut self, error: &Error, instance: Option<&StateChange>) {
        if self.is_over {
            return;
        }
        let (reason, mut instance) = (for_owner(error), instance);
        while let Err(error) = give_up(&self.images, self.id, &self.lease, &reason, instance).await {
            if let Error::Conflict(_) = error {
                // Somebody wrote the instance's row by hand. Its driver waits for us, and reads the row afterwards.
                instance = None;
            }
            if self.stop.is_cancelled() {
                break;
            }
            // The client of a request waits for its answer. A job's fill would wait for a job that may never run again.
            if !self.is_of_job {
                self.fail_in_the_background(reason);
                break;
            }
            tracing::warn!(image.id = %self.id, "cannot give up the fill of image {}: {error}; trying again", self.id);
            tokio::time::sleep(RETRY).await;
        }
        self.is_over = true;
    }

    /// The same once the database answers: until its lease lapses the image could not be used.
    fn fail_in_the_background(&self, reason: String) {
        let (images, id, lease, stop) = (self.images.clone(), self.id, self.lease.clone(), self.stop.clone());
        // Where the runtime is ending as well, the next start finds the lease and does the same.
        self.images.0.fills.spawn(async move {
            while let Err(error) = give_up(&images, id, &lease, &reason, None).await {
                tracing::warn!(image.id = %id, "cannot give up the fill of image {id}: {error}; trying again");
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    () = stop.cancelled() => break,
                }
            }
        });
    }

    /// Lets it go as it is, for the next run of its job.
    pub async fn release(mut self) {
        if !self.is_over {
            self.is_over = true;
            release(&self.images, self.id, &self.lease).await;
        }
    }

    /// Whether the next run of its job is to go on with it after this failure: the service stops, or the failure may
    /// pass and this was not the job's last attempt.
    pub fn may_go_on(job: &Job, error: &Error) -> bool {
        let may_pass = matches!(error, Error::Unavailable(_) | Error::Internal(_));
        job.stop.is_cancelled() || may_pass && !job.is_last_attempt
    }

    fn lost(&self, ending: Ending) -> Error {
        let id = self.id;
        match ending {
            Ending::Gone => Error::Gone(format!("image {id} was deleted while its bytes were being saved")),
            Ending::Done | Ending::Lost => {
                Error::Unavailable(format!("saving to image {id} stalled for too long and was given up"))
            }
        }
    }

    fn forget(mut self) {
        self.is_over = true;
    }
}

impl Drop for Fill {
    /// Its holder panicked or was cancelled: the owner is told, and nothing stays reserved.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if self.is_in_parts || self.is_of_job && (self.stop.is_cancelled() || self.came_in_parts) {
            let (images, id, lease) = (self.images.clone(), self.id, self.lease.clone());
            self.images.0.fills.spawn(async move { release(&images, id, &lease).await });
        } else {
            self.fail_in_the_background("the service failed while it saved the bytes; send them again".into());
        }
    }
}

/// The result of a fill: the image's content, and the sessions that keep it until the row does.
pub struct Filled {
    saved: Saved,
    sessions: Vec<Session>,
    /// Whether the file's checksums are still to be computed.
    with_checksums: bool,
}

impl Filled {
    /// Gives up what was saved: the sweep collects what nothing else uses.
    async fn abandon(self) {
        abandon(self.sessions).await;
    }
}

impl Images {
    /// Takes up the fill of a job; `None` when there is nothing left to do: the image is deleted, or the last run of
    /// the job ended it and was cut off before it could say so.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn take_up_fill(&self, id: ImageId, job: &Job) -> Result<Option<Fill>> {
        let mut fill = Fill::new(self, id, job.caller.as_ref(), job.stop.clone());
        fill.is_of_job = true;
        match self.0.db.take_up_fill(id, job.id, &fill.lease).await {
            Ok(Some(taken)) => {
                fill.staged = taken.staged;
                fill.came_in_parts = taken.is_of_parts;
                fill.sha512 = taken.sha512;
                Ok(Some(fill))
            }
            nothing => {
                fill.forget();
                nothing.map(|_| None)
            }
        }
    }

    /// Gives up fills that nobody goes on with. Called by the clock.
    pub async fn fail_lapsed_fills(&self) -> Result<()> {
        let reasons = Reasons {
            lapsed: "the save showed no sign of life and was given up; send the bytes again",
            stale: "nobody went on in time with the bytes that had come, and they were given up; send them again",
        };
        let lease_ms = now_ms();
        let staged_ms = lease_ms.saturating_sub(self.0.keep_staged_ms);
        let parts_ms = lease_ms.saturating_sub(self.0.keep_parts_ms);
        for id in self.0.db.lapse_fills(Overdue { lease_ms, staged_ms, parts_ms }, reasons).await? {
            tracing::warn!(image.id = %id, "gave up the bytes of image {id}: nobody went on with them");
        }
        Ok(())
    }

    /// Ends every fill as its last holder would have: at the start of a service that is the only one on its database,
    /// whose predecessor therefore is gone. Requests' fills and imports fail; captures and copies wait for their jobs, and
    /// what came in parts waits for its client or its job.
    pub async fn recover(&self) -> Result<()> {
        let lapsed = "the service ended during the upload; send the bytes again";
        let overdue = Overdue { lease_ms: i64::MAX, staged_ms: i64::MIN, parts_ms: i64::MIN };
        for id in self.0.db.lapse_fills(overdue, Reasons { lapsed, stale: lapsed }).await? {
            tracing::warn!(image.id = %id, "gave up the bytes of image {id}: the service ended while they came");
        }
        Ok(())
    }
}

async fn give_up(
    images: &Images,
    id: ImageId,
    lease: &Lease,
    reason: &str,
    instance: Option<&StateChange>,
) -> Result<()> {
    images.0.db.fail_fill(id, &lease.holder, reason, instance).await?;
    tracing::info!(image.id = %id, "gave up the bytes of image {id}: {reason}");
    Ok(())
}

async fn release(images: &Images, id: ImageId, lease: &Lease) {
    if let Err(error) = images.0.db.release_fill(id, &lease.holder).await {
        // The next run of the job takes it up all the same.
        tracing::warn!(image.id = %id, "cannot let the fill of image {id} go: {error}");
    }
}

/// Why an image did not get its bytes, in words for its owner.
fn for_owner(error: &Error) -> String {
    match error {
        // Its chain is for the log.
        Error::Internal(chain) => {
            tracing::error!("a fill failed: {chain:#}");
            "the service failed to read or store the bytes; the operator finds the reason in the log".into()
        }
        other => other.to_string(),
    }
}
