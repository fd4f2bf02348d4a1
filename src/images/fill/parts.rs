//! Files that clients send in parts, and go on with after a break: hours or days later, or after this service was killed.
//!
//! ```text
//! begin ─► kept: 0 ─ part ─► kept: n ─ part ─► … ─ the last ─► importing ─► active
//!            └──────────── end, or too long without a byte ──► queued
//! ```
//!
//! - The kept bytes are a content as long as the file, with zeroes for what is still to come; each part is a patch of it.
//!   So a part costs its own bytes and the lists of chunks above them, and the sweep needs to know nothing new.
//! - Within a request the row is brought up to date now and then: a service that is killed loses the last moments.
//! - One request is at work on a file at a time. A newer one tells the older to keep what it has and to end: a client that
//!   lost its connection asks again long before the service has noticed.
//! - An upload has a name of its own. A client that remembers one that was given up must not go on with the next of the same
//!   image, whose file may be another.
//! - The whole file counts in the project's quota from the beginning.
//! - The transaction that keeps the last byte begins the import, which hashes, judges and saves as every upload is saved.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use chunks::{CHUNK_BYTES, Patch};
use futures::Stream;
use openssl::hash::MessageDigest;
use strum::{EnumString, IntoStaticStr, VariantNames};
use tokio::{sync::OwnedMutexGuard, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    super::{CHANGE_ATTEMPTS, Image, Images, changed_by_others},
    Fill,
    body::{Body, Piece},
    bytes::{Declared, check_queued},
    hash::Hash,
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, image_policy::ImageAction},
    ids::{ImageId, ProjectId},
    model::{
        Step,
        fill::{Done, Ending, FillKind, NewFill, NewParts, Parts, StagedBytes, Target},
        job::NewJob,
        usage::Limits,
    },
    queue::{Queue, Source, Work},
    stores::{Session, Store},
};

/// The row is brought up to date after this many bytes or this much time, when a piece comes: often enough that a kill
/// costs little, and seldom enough that its syncs cost less than the bytes.
const KEEP_BYTES: u64 = 64 << 20;
const KEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How long a request waits for the one before it to end.
const TURN: Duration = Duration::from_secs(10);

/// A file that is to come in parts.
#[derive(Clone, Debug)]
pub struct NewUpload {
    pub whole_bytes: u64,
    /// The client's own words, which it is told again.
    pub metadata: String,
    /// SHA-512 of the file in hex, to which the whole is held.
    pub sha512: Option<String>,
    /// The store that takes it; `None` for the default one.
    pub store: Option<String>,
}

/// How far a file in parts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadInParts {
    /// Its name.
    pub id: String,
    /// The image that it is of.
    pub image: ImageId,
    pub whole_bytes: u64,
    pub kept_bytes: u64,
    pub metadata: String,
    /// When it is given up unless more of it comes, in milliseconds since 1970; `None` once all has come.
    pub expires_ms: Option<i64>,
}

/// A part that a client sends.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where in the file it begins, which is where the part before it ended.
    pub offset: u64,
    /// Its length, where it is known in advance.
    pub size_bytes: Option<u64>,
    /// The digest to which it is held, in hex. A part with one is kept as a whole or not at all.
    pub digest: Option<(Algorithm, String)>,
    /// The client sends nothing before it is told to go on (`Expect: 100-continue`).
    pub waits_to_be_asked: bool,
}

/// The digests that a part may be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// The end of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is kept, and the file is so far.
    To(UploadInParts),
    /// Its bytes are not those of its digest: nothing of it is kept.
    Mismatch,
}

/// The request that is at work on each file in parts.
#[derive(Default)]
pub(in crate::images) struct Turns(Mutex<HashMap<ImageId, Running>>);

/// The newest request, and the place of the one that is at work.
#[derive(Default)]
struct Running {
    newest: Order,
    place: Arc<tokio::sync::Mutex<()>>,
}

/// The order to a request to end.
#[derive(Clone, Default)]
struct Order {
    is_over: CancellationToken,
    /// The newer one sends bytes or ends the upload, and does not only ask how far it is.
    is_taken_over: Arc<AtomicBool>,
}

/// The turn of a request. It ends when the request does.
struct Turn {
    order: Order,
    _place: OwnedMutexGuard<()>,
}

impl Turns {
    /// Ends the turn that is under way, and waits for its end. `stop` ends this one.
    async fn take(&self, id: ImageId, takes_over: bool, stop: &CancellationToken) -> Result<Turn> {
        let order = Order { is_over: stop.child_token(), ..Order::default() };
        let place = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, running| Arc::strong_count(&running.place) > 1);
            let running = turns.entry(id).or_default();
            let older = std::mem::replace(&mut running.newest, order.clone());
            older.is_taken_over.store(takes_over, Ordering::Relaxed);
            older.is_over.cancel();
            running.place.clone()
        };
        let place = tokio::time::timeout(TURN, place.lock_owned()).await.map_err(|_| {
            Error::Conflict(format!("Another request is at work on the upload of image {id}: try again in a moment."))
        })?;
        Ok(Turn { order, _place: place })
    }
}

impl Order {
    /// Why the request ends. A client goes on after one that asked, and after the service is back; two that send would end
    /// each other without end, so the older is told to stop.
    fn why(&self, stop: &CancellationToken) -> Error {
        if stop.is_cancelled() {
            return Error::Unavailable("the service is stopping; go on with the upload in a moment".into());
        }
        match self.is_taken_over.load(Ordering::Relaxed) {
            true => Error::Gone("A newer request goes on with this upload.".into()),
            false => Error::Conflict("It was asked how far this upload is: go on with it.".into()),
        }
    }
}

impl Algorithm {
    fn digest(self) -> MessageDigest {
        match self {
            Algorithm::Md5 => MessageDigest::md5(),
            Algorithm::Sha1 => MessageDigest::sha1(),
            Algorithm::Sha256 => MessageDigest::sha256(),
            Algorithm::Sha512 => MessageDigest::sha512(),
        }
    }

    /// The bytes of its digests.
    pub fn size_bytes(self) -> usize {
        self.digest().size()
    }
}

impl Images {
    /// Begins an upload in parts into a queued image: queued -> uploading.
    ///
    /// # Errors
    /// `Conflict` unless the image is queued; `Invalid` for one without formats, an empty file and a store that will not
    /// do; `Refused` for a format that is not taken; `TooLarge`, `OverQuota`.
    pub async fn begin_parts(&self, caller: &Caller, id: ImageId, new: &NewUpload) -> Result<UploadInParts> {
        if new.whole_bytes == 0 {
            return Err(Error::Invalid("An image's file has at least one byte: its length cannot be 0.".into()));
        }
        for _ in 0..CHANGE_ATTEMPTS {
            let image = self.allowed(caller, id, ImageAction::Change).await?;
            check_queued(&image)?;
            self.check_formats(&image)?;
            self.check_size(new.whole_bytes)?;
            let store = self.target(&Declared { store: new.store.clone(), ..Declared::default() })?;
            let name = uuid::Uuid::new_v4().to_string();
            let parts = NewParts {
                id: &name,
                whole_bytes: new.whole_bytes as i64,
                metadata: &new.metadata,
                sha512: new.sha512.as_deref(),
                store: &store.name,
            };
            let fill = NewFill {
                reserve_bytes: parts.whole_bytes,
                parts: Some(parts),
                ..NewFill::of(FillKind::Parts, Target::Known(&image))
            };
            if self.0.db.begin_fill(fill, self.0.limits).await? == Step::Done {
                return self.known(id, &name).await;
            }
        }
        Err(changed_by_others(id))
    }

    /// The upload in parts that is under way into an image, as far as its row tells. No request is disturbed.
    ///
    /// # Errors
    /// `NotFound` when none is.
    pub async fn upload_into(&self, caller: &Caller, id: ImageId) -> Result<UploadInParts> {
        self.allowed(caller, id, ImageAction::Change).await?;
        let parts = self.0.db.parts(id).await?.filter(|parts| !parts.is_whole);
        parts.map(|parts| self.told(id, parts)).ok_or_else(none)
    }

    /// How far an upload in parts is. A request that is at work on it keeps what it has, and ends.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when the request before does not end.
    pub async fn upload_in_parts(&self, caller: &Caller, upload: &str) -> Result<UploadInParts> {
        let id = self.image_of(caller, upload).await?.id;
        let _turn = self.0.turns.take(id, false, &self.0.stop).await?;
        self.known(id, upload).await
    }

    /// The image of an upload, if the caller may change it.
    async fn image_of(&self, caller: &Caller, upload: &str) -> Result<Image> {
        let Some((id, _)) = self.0.db.upload(upload).await? else { return Err(none()) };
        // Nothing tells an upload of others from one that there is not.
        self.allowed(caller, id, ImageAction::Change).await.map_err(|error| match error {
            Error::NotFound(_) => none(),
            other => other,
        })
    }

    /// Takes the next part of a file. One that breaks off is kept as far as it came, unless it is held to a digest.
    ///
    /// # Errors
    /// `NotFound` when there is no such upload; `Conflict` when the part begins elsewhere than the kept bytes end, and when
    /// somebody asks how far it is; `Gone` when a newer request goes on; `TooLarge` for more than the whole file; `TooMany` for
    /// more uploads at once than the project may have; `Unavailable` for a body that breaks off or is too slow, which may go
    /// on, and when the store takes nothing now.
    pub async fn append<S, E>(&self, caller: &Caller, upload: &str, part: &Part, body: S) -> Result<Appended>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display,
    {
        let mut body = Body::new(body, self.0.pace);
        let appended = self.append_to(caller, upload, part, &mut body).await;
        // A refusal, too, is told after the body was drained.
        let declared = Declared { waits_to_be_asked: part.waits_to_be_asked, ..Declared::default() };
        body.drain_after(&appended, &declared).await;
        appended
    }

    /// Gives an upload in parts up: uploading -> queued, and nothing of it stays.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when all has come, so that the image is being saved or is active.
    pub async fn end_parts(&self, caller: &Caller, upload: &str) -> Result<ImageId> {
        let id = self.image_of(caller, upload).await?.id;
        let _turn = self.0.turns.take(id, true, &self.0.stop).await?;
        let Some((fill, _)) = self.hold_parts(caller, id, upload, Limits::NONE).await? else {
            self.known(id, upload).await?;
            let message = format!("All bytes of image {id} have come: delete the image if it is not wanted.");
            return Err(Error::Conflict(message));
        };
        fill.fail(&Error::Invalid("the upload was ended before all of the file had come".into()), None).await;
        Ok(id)
    }

    /// How far the file is. That of an image which has its bytes is whole: the answer to the last part may be what its client
    /// has missed.
    async fn known(&self, id: ImageId, upload: &str) -> Result<UploadInParts> {
        if let Some(parts) = self.0.db.parts(id).await?.filter(|parts| parts.id == upload) {
            return Ok(self.told(id, parts));
        }
        let Some((_, whole_bytes)) = self.0.db.upload(upload).await? else { return Err(none()) };
        Ok(whole(id, upload, whole_bytes as u64))
    }

    fn told(&self, image: ImageId, parts: Parts) -> UploadInParts {
        UploadInParts {
            id: parts.id,
            image,
            whole_bytes: parts.whole_bytes as u64,
            kept_bytes: parts.kept_bytes as u64,
            metadata: parts.metadata,
            expires_ms: (!parts.is_whole).then(|| parts.kept_ms.saturating_add(self.0.keep_parts_ms)),
        }
    }

    /// Takes the fill of a file in parts; `None` when no more of it is to come.
    async fn hold_parts(
        &self,
        caller: &Caller,
        id: ImageId,
        upload: &str,
        limits: Limits,
    ) -> Result<Option<(Fill, Parts)>> {
        // The end of the service is told by the turn, which keeps what has come.
        let mut fill = Fill::new(self, id, Some(caller), CancellationToken::new());
        fill.is_in_parts = true;
        match self.0.db.hold_parts(id, upload, &fill.lease, limits).await {
            Ok(Some(parts)) => Ok(Some((fill, parts))),
            nothing => {
                fill.forget();
                nothing.map(|_| None)
            }
        }
    }

    async fn append_to(&self, caller: &Caller, upload: &str, part: &Part, body: &mut Body) -> Result<Appended> {
        let Image { id, owner, .. } = self.image_of(caller, upload).await?;
        // Its turn first: a request that hangs in the place of an upload is the one that this ends.
        let turn = self.0.turns.take(id, true, &self.0.stop).await?;
        let _slot = self.0.uploads.clone().try_acquire_owned().map_err(|_| {
            Error::Unavailable("this service is receiving as many uploads as it can; try again later".into())
        })?;
        let held = self.hold_parts(caller, id, upload, self.0.limits).await.map_err(|error| match error {
            // Others of the project end, and then this goes on.
            Error::OverQuota(message) => Error::TooMany(message),
            other => other,
        });
        let Some((fill, parts)) = held? else { return self.append_nothing(id, upload, part, body).await };
        let mut writing = match self.writing(caller, owner, id, parts, part) {
            Ok(writing) => writing,
            Err(error) => {
                fill.release().await;
                return Err(error);
            }
        };
        let received = fill.while_held(writing.receive(&fill, part, body, &turn)).await;
        match &received {
            Ok(Received::Whole) => {
                fill.forget();
                self.0.queue.wake();
                tracing::info!(image.id = %id, bytes = writing.whole_bytes, "all parts of image {id} have come");
            }
            _ => fill.release().await,
        }
        Ok(match received? {
            Received::Whole => Appended::To(whole(id, upload, writing.whole_bytes)),
            Received::Mismatch => Appended::Mismatch,
            Received::Part => Appended::To(self.told(id, writing.parts)),
        })
    }

    /// The end of a part of a file that is whole: only one without bytes is no mistake.
    async fn append_nothing(&self, id: ImageId, upload: &str, part: &Part, body: &mut Body) -> Result<Appended> {
        let known = self.known(id, upload).await?;
        if known.kept_bytes != part.offset {
            return Err(elsewhere(known.kept_bytes));
        }
        match body.next_piece().await? {
            None => Ok(Appended::To(known)),
            Some(_) => Err(too_much(known.whole_bytes)),
        }
    }

    /// Begins to write a part behind what is kept.
    fn writing(&self, caller: &Caller, owner: ProjectId, id: ImageId, parts: Parts, part: &Part) -> Result<Writing> {
        let (kept_bytes, whole_bytes) = (parts.kept_bytes as u64, parts.whole_bytes as u64);
        if part.offset != kept_bytes {
            return Err(elsewhere(kept_bytes));
        }
        if part.size_bytes.is_some_and(|size| size > whole_bytes - kept_bytes) {
            return Err(too_much(whole_bytes));
        }
        let store = self.0.stores.target(&parts.store)?.clone();
        store.check_takes()?;
        let stores = vec![store.name.clone()];
        let work = Work::Import { image: id, source: Source::Staged, stores, all_must_succeed: false };
        let job = Queue::row(work, Some(caller))?;
        Ok(Writing { store, owner, job, at: kept_bytes, whole_bytes, parts, open: None, stop: self.0.stop.clone() })
    }
}

/// A file of which all has come.
fn whole(image: ImageId, upload: &str, bytes: u64) -> UploadInParts {
    let (id, metadata) = (upload.to_owned(), String::new());
    UploadInParts { id, image, whole_bytes: bytes, kept_bytes: bytes, metadata, expires_ms: None }
}

fn none() -> Error {
    Error::NotFound("There is no such upload: it was given up, or its image is gone. Begin another.".into())
}

/// The end of a part's body.
enum Received {
    Part,
    Whole,
    Mismatch,
}

/// A part on its way into the store.
struct Writing {
    store: Arc<Store>,
    /// The project whose share of the store's work it has.
    owner: ProjectId,
    /// The import that follows the last part.
    job: NewJob,
    /// How far the row is.
    parts: Parts,
    whole_bytes: u64,
    /// How far the bytes are that have come.
    at: u64,
    /// The patch under way; none while nothing has come since the last one was kept.
    open: Option<Open>,
    stop: CancellationToken,
}

struct Open {
    session: Session,
    patch: Patch,
    /// The chunk that is not full yet.
    partial: BytesMut,
}

impl Writing {
    async fn receive(&mut self, fill: &Fill, part: &Part, body: &mut Body, turn: &Turn) -> Result<Received> {
        let hash = part.digest.as_ref().map(|(algorithm, _)| Hash::of(algorithm.digest()));
        let came = match self.take_all(fill, body, turn, hash.as_ref()).await {
            Ok(came) => came,
            Err(error) => {
                self.give_up().await;
                return Err(error);
            }
        };
        if let (Some(hash), Some((_, digest))) = (hash, &part.digest)
            && (came.is_err() || !hash.end().await?.eq_ignore_ascii_case(digest))
        {
            self.give_up().await;
            return came.map(|()| Received::Mismatch);
        }
        if let Err(error @ Error::TooLarge(_)) = came {
            // The file is not as long as its upload says, and which of its bytes are meant is not known.
            self.give_up().await;
            return Err(error);
        }
        // The bytes before a break are kept: its client goes on from there.
        self.keep(fill).await?;
        match came {
            _ if self.at == self.whole_bytes => Ok(Received::Whole),
            Ok(()) => Ok(Received::Part),
            // A body that breaks off or stalls may be gone on with, which clients do after no other answer.
            Err(Error::Invalid(message)) => Err(Error::Unavailable(message)),
            Err(error) => Err(error),
        }
    }

    /// Writes what comes until it ends; the inner error is why it ended early.
    ///
    /// # Errors
    /// The store, or the right to the fill, is lost: what came since the row was brought up to date is lost with it.
    async fn take_all(&mut self, fill: &Fill, body: &mut Body, turn: &Turn, hash: Option<&Hash>) -> Result<Result<()>> {
        let mut kept = Instant::now();
        loop {
            let piece = tokio::select! {
                // A body that always has more must not keep the newer request waiting.
                biased;
                () = turn.order.is_over.cancelled() => return Ok(Err(turn.order.why(&self.stop))),
                piece = body.next_piece() => piece,
            };
            let piece = match piece {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(Ok(())),
                Err(broken_off) => return Ok(Err(broken_off)),
            };
            let bytes: u64 = piece.iter().map(|bytes| bytes.len() as u64).sum();
            if bytes > self.whole_bytes - self.at {
                return Ok(Err(too_much(self.whole_bytes)));
            }
            if let Some(hash) = hash {
                hash.take(&piece).await;
            }
            self.take(&piece).await?;
            let is_due = self.at - self.parts.kept_bytes as u64 >= KEEP_BYTES || kept.elapsed() >= KEEP_INTERVAL;
            // The last bytes are kept once the body has ended: with them the file is whole, and no more can be refused.
            if is_due && hash.is_none() && self.at < self.whole_bytes {
                self.keep(fill).await?;
                kept = Instant::now();
            }
        }
    }

    async fn take(&mut self, piece: &Piece) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.open().await?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        for bytes in piece.iter() {
            let mut bytes = bytes.clone();
            while !bytes.is_empty() {
                let chunk = self.at / CHUNK_BYTES as u64;
                let more = bytes.split_to(bytes.len().min(CHUNK_BYTES - open.partial.len()));
                self.at += more.len() as u64;
                if more.len() == CHUNK_BYTES {
                    open.patch.put(chunk, more).await?;
                    continue;
                }
                open.partial.extend_from_slice(&more);
                if open.partial.len() == CHUNK_BYTES {
                    open.patch.put(chunk, open.partial.split().freeze()).await?;
                }
            }
        }
        Ok(())
    }

    /// Begins a patch of what is kept, with the bytes of its last chunk that is not full.
    async fn open(&self) -> Result<Open> {
        let session = self.store.begin_for(self.owner).await?;
        let root = self.parts.root.as_deref().map(str::parse).transpose().map_err(Error::internal)?;
        let opened = async {
            let patch = session.chunks.patch(root, self.whole_bytes).await?;
            let mut partial = BytesMut::with_capacity(CHUNK_BYTES);
            let missing = self.at % CHUNK_BYTES as u64;
            if let (Some(root), 1..) = (root, missing) {
                let reader = self.store.chunks.reader(root).await?;
                partial.extend_from_slice(&reader.read_at(self.at - missing, missing as usize).await?);
            }
            Ok((patch, partial))
        };
        let opened = opened.await;
        let ((patch, partial), session) = session.unless_failed(opened).await?;
        Ok(Open { session, patch, partial })
    }

    /// Brings the row up to date with what has come. With the last byte it begins the import.
    async fn keep(&mut self, fill: &Fill) -> Result<()> {
        let Some(Open { session, mut patch, mut partial }) = self.open.take() else { return Ok(()) };
        let (last, whole_bytes) = ((self.at - 1) / CHUNK_BYTES as u64, self.whole_bytes);
        let kept = async {
            if !partial.is_empty() {
                partial.resize(CHUNK_BYTES, 0);
                patch.put(last, partial.freeze()).await?;
            }
            let content = patch.finish().await?;
            Ok(StagedBytes { root: content.root.to_string(), bytes: self.at as i64 })
        };
        let kept = kept.await;
        let (kept, session) = session.unless_failed(kept).await?;
        let done = Done::Part(&kept, &session.hold(), (self.at == whole_bytes).then_some(&self.job));
        let images = &fill.images.0;
        let ending = images.db.finish_fill(fill.id, &fill.lease.holder, done, images.limits, None).await;
        let (ending, session) = session.unless_failed(ending).await?;
        if ending != Ending::Done {
            session.abandon().await;
            return Err(fill.lost(ending));
        }
        session.finish().await;
        let parts = &mut self.parts;
        (parts.kept_bytes, parts.kept_ms, parts.root) = (kept.bytes, now_ms(), Some(kept.root));
        Ok(())
    }

    /// Gives up what has come since the row was brought up to date.
    async fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            open.session.abandon().await;
        }
    }
}

fn elsewhere(kept_bytes: u64) -> Error {
    Error::Conflict(format!("The part does not begin where the kept bytes end: go on from byte {kept_bytes}."))
}

fn too_much(whole_bytes: u64) -> Error {
    Error::TooLarge(format!("The file has {whole_bytes} bytes by the length it was begun with, and no more are taken."))
}
