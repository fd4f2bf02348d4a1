//! Saving: a session, and the writers and patches that work under it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::batch::{BATCH_CHUNKS, BATCHES_AT_ONCE, Change, Workshop};
use crate::build::{Base, Builder, Finished, SoFar, Step, lock};
use crate::contents::Contents;
use crate::digest::Digest;
use crate::error::Error;
use crate::index::Index;
use crate::lane::Lane;
use crate::manifest::{MAX_CONTENT_BYTES, chunk_count};
use crate::store::Inner;
use crate::{CHUNK_BYTES, Content};

/// How long a sweep waits for the sessions of its process to move on.
const MOVING: Duration = Duration::from_secs(5);

/// Sessions that move on at the same time.
const MOVES_AT_ONCE: usize = 4;

/// A save that is under way. The chunks that its writers and patches wrote, and those that they
/// found already there, are safe from the sweep until it ends.
///
/// It has a row with a lease, which a task of its own prolongs. It ends by [`Session::finish`] or
/// [`Session::abandon`]; dropping it is abandoning it. A session whose process dies ends when the
/// store is opened or swept.
///
/// A session can also be ended from outside, when its lease lapses because its process hung. So the
/// transaction that makes a content reachable must find the session's row, named by
/// [`Session::id`], not ended, and hold it to its end; or nothing is committed.
pub struct Session {
    hold: Arc<Hold>,
}

/// The state that keeps a session alive; its writers and patches share it.
pub(crate) struct Hold {
    inner: Arc<Inner>,
    lane: Lane,
    id: u64,
    ended: AtomicBool,
    lost: Arc<AtomicBool>,
    /// The builders of its saves, and the token that tells them to stop.
    builders: TaskTracker,
    given_up: CancellationToken,
    under_way: Mutex<UnderWay>,
    finished: Finished,
    pins: tokio::sync::Mutex<Pins>,
    _renewal: AbortOnDropHandle<()>,
}

/// The saves of a session that are under way.
struct UnderWay {
    /// The epoch that their chunks are claimed for.
    epoch: u64,
    /// Weak, so that a save that is dropped is seen by its builder.
    saves: Vec<mpsc::WeakUnboundedSender<Step>>,
}

/// The roots that a session has pinned.
#[derive(Default)]
struct Pins {
    /// Until it ends.
    kept: HashSet<Digest>,
    /// Until it moves on again: what its saves had written and found so far.
    so_far: HashSet<Digest>,
}

impl Session {
    pub(crate) async fn begin(inner: Arc<Inner>, lane: Lane) -> Result<Session, Error> {
        let lease = inner.options.lease;
        let row = inner.index.begin_session(inner.owner, lease).await.map_err(Error::index)?;
        let lost = Arc::new(AtomicBool::new(false));
        let renewal = tokio::spawn(renew(inner.index.clone(), row.id, lease, lost.clone()));
        let hold = Arc::new(Hold {
            inner,
            lane,
            id: row.id,
            ended: AtomicBool::new(false),
            lost,
            builders: TaskTracker::new(),
            given_up: CancellationToken::new(),
            under_way: Mutex::new(UnderWay { epoch: row.epoch, saves: Vec::new() }),
            finished: Finished::default(),
            pins: tokio::sync::Mutex::default(),
            _renewal: AbortOnDropHandle::new(renewal),
        });
        let mut sessions = lock(&hold.inner.sessions);
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(&hold));
        drop(sessions);
        Ok(Session { hold })
    }

    /// Returns the number of the session's row.
    pub fn id(&self) -> u64 {
        self.hold.id
    }

    /// Starts to write one content from its first byte to its last.
    pub fn writer(&self) -> Writer {
        let save = Save::start(self.hold.clone(), None);
        Writer { save, partial: BytesMut::new(), size_bytes: 0 }
    }

    /// Starts to write a content that differs from `base` in some chunks, or from zeroes. The base
    /// must be reachable from a committed root now; it is pinned. The content may be longer than
    /// the base, not shorter. The work is proportional to what changes.
    pub async fn patch(&self, base: Option<Digest>, size_bytes: u64) -> Result<Patch, Error> {
        if size_bytes > MAX_CONTENT_BYTES {
            return Err(too_long());
        }
        let base = match base {
            None => None,
            Some(root) => Some(self.hold.base(root, size_bytes).await?),
        };
        let save = Save::start(self.hold.clone(), base);
        Ok(Patch { save, size_bytes, next: 0 })
    }

    /// Keeps everything that a committed content holds until this session ends: for work that reads
    /// it for long and would be hurt if it were deleted meanwhile.
    pub async fn pin(&self, root: Digest) -> Result<(), Error> {
        self.hold.pin(root).await
    }

    /// Ends the save, after the row that makes its content reachable is committed.
    pub async fn finish(self) {
        self.hold.end().await;
    }

    /// Gives the save up: the sweep collects what nothing else uses.
    pub async fn abandon(self) {
        self.hold.end().await;
    }
}

/// Has every session of this process move on to a sweep's epoch, as far as that takes no longer than [`MOVING`]: a save
/// that takes hours would keep all that others wrote and deleted since it began. A session of another process, or one
/// that cannot move now, holds the horizon down, and this sweep takes less.
pub(crate) async fn move_on(inner: &Inner, epoch: u64) {
    let sessions: Vec<_> = lock(&inner.sessions).iter().filter_map(Weak::upgrade).collect();
    // In tasks of their own: a move that takes longer comes to its end for the next sweep. A few at a time, since each
    // changes rows of the index.
    let moves = futures::stream::iter(sessions).for_each_concurrent(MOVES_AT_ONCE, |hold| async move {
        let moved = tokio::spawn(async move { (hold.id, hold.move_on(epoch).await) });
        // One whose session has ended holds nothing down.
        if let Ok((session, Err(error))) = moved.await
            && !matches!(error, Error::SessionLost)
        {
            tracing::warn!(session, %error, "a session holds the sweep's horizon down: {error}");
        }
    });
    let _ = tokio::time::timeout(MOVING, moves).await;
}

impl Hold {
    /// Pins what the session counts on so far, and counts on chunks of this epoch from now on. The order is the point:
    /// 1. New batches claim their chunks for the new epoch.
    /// 2. Each save pins the content that all its older batches make: they are before the step in its channel.
    /// 3. The session's row takes the epoch, in one transaction with the pins. A sweep reads its horizon first and the
    ///    pins then, so that it sees the pins if it sees the epoch.
    async fn move_on(&self, epoch: u64) -> Result<(), Error> {
        // Another move is under way: the next sweep finds its end.
        let Ok(mut pins) = self.pins.try_lock() else { return Ok(()) };
        let Some(saves) = self.saves_at(epoch) else { return Ok(()) };
        let mut so_far = HashSet::new();
        for save in saves {
            // A save that does not answer has finished, and left its root below; or it was given up, and nobody counts on it.
            // The bound is for a step that was sent in the moment when its builder ended: the channel keeps it unread.
            let told = tokio::time::timeout(self.inner.options.lease, save).await.map_err(|_| Error::Closed)?;
            if let Ok(root) = told {
                so_far.extend(root?);
            }
        }
        so_far.extend(&lock(&self.finished).roots);
        let old: Vec<_> =
            pins.so_far.iter().filter(|root| !so_far.contains(*root) && !pins.kept.contains(*root)).collect();
        let (new, old): (Vec<_>, Vec<_>) = (so_far.iter().copied().collect(), old.into_iter().copied().collect());
        // An index that does not answer may have pinned them.
        pins.so_far.extend(&so_far);
        let moved = self.inner.index.move_session(self.id, epoch, &new, &old).await.map_err(Error::index)?;
        pins.so_far = so_far;
        moved.then_some(()).ok_or(Error::SessionLost)
    }

    /// Sets the epoch, and asks each save for its content so far; `None` when the session has that epoch or has ended.
    fn saves_at(&self, epoch: u64) -> Option<Vec<oneshot::Receiver<SoFar>>> {
        let mut under_way = lock(&self.under_way);
        if under_way.epoch >= epoch || self.ended.load(Ordering::Relaxed) {
            return None;
        }
        under_way.epoch = epoch;
        let asked = under_way.saves.iter().filter_map(mpsc::WeakUnboundedSender::upgrade).filter_map(|steps| {
            let (done, so_far) = oneshot::channel();
            steps.send(Step::MoveOn { epoch, done }).is_ok().then_some(so_far)
        });
        Some(asked.collect())
    }

    async fn pin(&self, root: Digest) -> Result<(), Error> {
        let mut pins = self.pins.lock().await;
        match self.inner.index.pin(self.id, root).await.map_err(Error::index)? {
            true => pins.kept.insert(root),
            false => return Err(Error::SessionLost),
        };
        Ok(())
    }

    async fn base(&self, root: Digest, size_bytes: u64) -> Result<Base, Error> {
        // The pin comes first: a manifest that was read before it may name chunks that are gone by now.
        self.pin(root).await?;
        let manifest = self.inner.contents.manifest(root).await?;
        if manifest.size_bytes > size_bytes {
            return Err(Error::Invalid(format!(
                "a content of {size_bytes} bytes cannot start from one of {}",
                manifest.size_bytes
            )));
        }
        let row = self.inner.contents.locate(&[root]).await?.into_iter().flatten().next();
        // The manifest may come from memory when the content was deleted and two sweeps came since the caller saw it.
        let row = row.filter(|row| row.condemned == 0).ok_or(Error::Missing(root))?;
        Ok(Base { manifest, content_bytes: row.content_bytes.unwrap_or(0) })
    }

    fn check_alive(&self) -> Result<(), Error> {
        match self.lost.load(Ordering::Relaxed) {
            true => Err(Error::SessionLost),
            false => Ok(()),
        }
    }

    /// Asks the index whether the session lives, since `lost` is as old as the last renewal.
    async fn check_held(&self) -> Result<(), Error> {
        let lease = self.inner.options.lease;
        match self.inner.index.renew_session(self.id, lease).await.map_err(Error::index)? {
            true => Ok(()),
            false => Err(Error::SessionLost),
        }
    }

    async fn end(&self) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            self.ending().await;
        }
    }

    /// Stops what is still being written, so that its segment can be swept, and ends the session.
    fn ending(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (index, session, builders) = (self.inner.index.clone(), self.id, self.builders.clone());
        self.given_up.cancel();
        builders.close();
        // The future owns all it needs, so that `drop` can leave it to the runtime.
        async move {
            // First the builders, then the row: a session that has ended protects nothing that a
            // builder still appends.
            builders.wait().await;
            if let Err(error) = index.end_session(session).await {
                tracing::warn!(session, %error, "a session could not be ended; its lease will lapse");
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Without a runtime (the program is ending) the lease lapses instead.
        if !*self.ended.get_mut()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.ending());
        }
    }
}

async fn renew(index: Arc<dyn Index>, session: u64, lease: Duration, lost: Arc<AtomicBool>) {
    loop {
        // Four times in a lease, so that two failures in a row are survived.
        tokio::time::sleep(lease / 4).await;
        match index.renew_session(session, lease).await {
            Ok(true) => {}
            Ok(false) => {
                lost.store(true, Ordering::Relaxed);
                return;
            }
            // Not lost yet: the lease may outlast the failure. `check_held` has the last word.
            Err(error) => tracing::warn!(session, %error, "a session's lease could not be prolonged"),
        }
    }
}

/// One content on its way: batches go out, the builder's task takes them in order.
struct Save {
    hold: Arc<Hold>,
    workshop: Workshop,
    batch: Vec<(u64, Change)>,
    permits: Arc<Semaphore>,
    steps: mpsc::UnboundedSender<Step>,
    /// Not aborted when the save is dropped: it sees the channel close and gives its segment back.
    builder: JoinHandle<Result<(), Error>>,
}

impl Save {
    fn start(hold: Arc<Hold>, base: Option<Base>) -> Save {
        let inner = &hold.inner;
        let contents: Arc<Contents> = inner.contents.clone();
        let segments = inner.segments.clone();
        let (steps, taken) = mpsc::unbounded_channel();
        let mut under_way = lock(&hold.under_way);
        under_way.saves.retain(|save| save.strong_count() > 0);
        under_way.saves.push(steps.downgrade());
        let workshop = Workshop { segments, contents, session: hold.id, epoch: under_way.epoch };
        drop(under_way);
        let builder = Builder::new(workshop.clone(), hold.finished.clone(), base);
        let builder = hold.builders.spawn(builder.run(taken, hold.given_up.clone()));
        // Batches count against this, so the channel needs no bound of its own.
        let permits = Arc::new(Semaphore::new(BATCHES_AT_ONCE));
        Save { hold, workshop, batch: Vec::new(), permits, steps, builder }
    }

    fn push(&mut self, chunk: u64, change: Change) {
        self.batch.push((chunk, change));
    }

    /// Sends full batches on, waiting for room. If the wait is given up, nothing is lost.
    async fn flow(&mut self) -> Result<(), Error> {
        while self.batch.len() >= BATCH_CHUNKS {
            self.send_batch().await?;
        }
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<(), Error> {
        self.hold.check_alive()?;
        let own = self.permits.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        // The save's own permit first, then its lane's, then the shared one, one batch after the other. A batch that
        // has all can always be finished, so those that wait here never wait for each other. The queue that all share
        // has few of each lane in it, so one with many saves keeps no other waiting.
        let lane = self.hold.lane.batches.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let shared = self.hold.inner.batches.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        // No `.await` from here to the send: a caller dropped above has lost nothing.
        let rest = self.batch.split_off(self.batch.len().min(BATCH_CHUNKS));
        let batch = std::mem::replace(&mut self.batch, rest);
        match self.send(batch, [own, lane, shared]) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    fn send(
        &mut self,
        batch: Vec<(u64, Change)>,
        permits: [OwnedSemaphorePermit; 3],
    ) -> Result<(), mpsc::error::SendError<Step>> {
        // Held until the batch is in the channel: none of an older epoch comes behind the step of a move.
        let under_way = lock(&self.hold.under_way);
        self.workshop.epoch = under_way.epoch;
        let prepared = tokio::spawn(self.workshop.clone().prepare(batch, permits));
        self.steps.send(Step::Batch(prepared))
    }

    /// Asks the builder why it stopped.
    async fn failure(&mut self) -> Error {
        match (&mut self.builder).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => Error::Closed,
            Err(error) => error.into(),
        }
    }

    async fn finish(mut self, size_bytes: u64) -> Result<Content, Error> {
        while !self.batch.is_empty() {
            self.send_batch().await?;
        }
        let (done, content) = oneshot::channel();
        let sent = self.steps.send(Step::Finish { size_bytes, done });
        match (sent, content.await) {
            (Ok(()), Ok(content)) => {
                // Better told now than by the transaction that commits the row, which asks again.
                self.hold.check_held().await?;
                Ok(content)
            }
            _ => Err(self.failure().await),
        }
    }
}

/// Writes one content from its first byte to its last.
pub struct Writer {
    save: Save,
    partial: BytesMut,
    size_bytes: u64,
}

impl Writer {
    /// Takes the next bytes, as many as there are; waits while too much is under way. After an
    /// error the writer is of no more use.
    pub async fn write(&mut self, mut data: Bytes) -> Result<(), Error> {
        if self.size_bytes + data.len() as u64 > MAX_CONTENT_BYTES {
            return Err(too_long());
        }
        while !data.is_empty() {
            if self.partial.is_empty() && data.len() >= CHUNK_BYTES {
                self.chunk(data.split_to(CHUNK_BYTES)).await?;
                continue;
            }
            self.partial.reserve(CHUNK_BYTES - self.partial.len());
            let taken = data.split_to(data.len().min(CHUNK_BYTES - self.partial.len()));
            self.partial.extend_from_slice(&taken);
            self.size_bytes += taken.len() as u64;
            if self.partial.len() == CHUNK_BYTES {
                let chunk = self.partial.split().freeze();
                self.size_bytes -= CHUNK_BYTES as u64;
                self.chunk(chunk).await?;
            }
        }
        Ok(())
    }

    /// Returns how many bytes were taken so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Ends the content; everything is durable when this returns.
    pub async fn finish(mut self) -> Result<Content, Error> {
        let size_bytes = self.size_bytes;
        if !self.partial.is_empty() {
            self.partial.resize(CHUNK_BYTES, 0);
            let chunk = self.partial.split().freeze();
            self.save.push(size_bytes / CHUNK_BYTES as u64, Change::Data(chunk));
        }
        self.save.finish(size_bytes).await
    }

    async fn chunk(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.save.push(self.size_bytes / CHUNK_BYTES as u64, Change::Data(chunk));
        self.size_bytes += CHUNK_BYTES as u64;
        self.save.flow().await
    }
}

/// Writes a content that differs from another, or from zeroes, in some chunks. They are given in
/// rising order.
pub struct Patch {
    save: Save,
    size_bytes: u64,
    next: u64,
}

impl Patch {
    /// Sets a chunk's bytes: exactly [`CHUNK_BYTES`], the last chunk's tail padded with zeroes.
    pub async fn put(&mut self, chunk: u64, data: Bytes) -> Result<(), Error> {
        if data.len() != CHUNK_BYTES {
            return Err(Error::Invalid(format!("a chunk has {CHUNK_BYTES} bytes, not {}", data.len())));
        }
        let end = (chunk + 1).saturating_mul(CHUNK_BYTES as u64);
        let padding = end.saturating_sub(self.size_bytes).min(CHUNK_BYTES as u64) as usize;
        if data[CHUNK_BYTES - padding..].iter().any(|byte| *byte != 0) {
            return Err(Error::Invalid("the last chunk's tail is not padded with zeroes".to_owned()));
        }
        self.set(chunk, Change::Data(data)).await
    }

    /// Sets a chunk to one that this session wrote, or that a committed content holds. An unknown
    /// one shows as [`Error::Missing`], here or later.
    pub async fn put_digest(&mut self, chunk: u64, digest: Digest) -> Result<(), Error> {
        self.set(chunk, Change::Known(digest)).await
    }

    /// Sets a chunk to zeroes.
    pub async fn zero(&mut self, chunk: u64) -> Result<(), Error> {
        self.set(chunk, Change::Zero).await
    }

    /// Ends the content; everything is durable when this returns.
    pub async fn finish(self) -> Result<Content, Error> {
        self.save.finish(self.size_bytes).await
    }

    async fn set(&mut self, chunk: u64, change: Change) -> Result<(), Error> {
        if chunk < self.next || chunk >= chunk_count(self.size_bytes) {
            return Err(Error::Invalid(format!("chunk {chunk} is out of order or past the end")));
        }
        self.next = chunk + 1;
        self.save.push(chunk, change);
        self.save.flow().await
    }
}

fn too_long() -> Error {
    Error::Invalid(format!("a content has {MAX_CONTENT_BYTES} bytes at most"))
}
