//! Segments in a bucket: each sealed segment is one object, and the folder before it keeps parts of them.
//!
//! ```text
//!   append -> a file in the folder -> PUT, whole and once -> rows are published -> the file is the first copy in the cache
//!   read   -> the part is in the folder | one GET for neighbours that are not, whoever else waits for them
//! ```
//!
//! **The database alone says what is there.** No operation here relies on a condition in the bucket: the name of an object
//! is used once (the segment's number carries a nonce), so a PUT may be repeated and a late one harms nobody. Rows are
//! written after the PUT was answered.
//!
//! **Whose bucket it is.** An object without a segment's name binds the bucket to the index. No other request is sent
//! before the two were compared; so a wrong bucket, in which every object is missing, cannot be mistaken for damage.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::future::{BoxFuture, FutureExt as _, Shared};
use futures::{StreamExt as _, TryStreamExt as _};
use moka::sync::Cache;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use tokio::sync::{OnceCell, Semaphore, oneshot};

use crate::build::lock;
use crate::cache::{PART_BYTES, Part, Parts, file_name, parts_of, segment_of_file};
use crate::index::{Index, SegmentState};
use crate::recover::all_segments;
use crate::refused::{empty, foreign, io_error, no_bucket};

/// A segment that becomes an object: one PUT, whose body is in memory. Ten tebibytes are 655,360 objects.
pub(crate) const OBJECT_BYTES: u64 = 16 << 20;
/// Parts that one request brings: 4 MiB.
const PARTS_AT_ONCE: u32 = 8;
/// Requests for parts at the same time, and the bytes they hold: 64 MiB.
const GETS_AT_ONCE: usize = 16;
/// Objects sent at the same time, each in memory: 64 MiB.
const PUTS_AT_ONCE: usize = 4;
/// How long a request may take beside the time for its bytes, and the slowest rate that is waited for: a line of
/// twenty megabits a second that all requests share.
const PATIENCE: Duration = Duration::from_secs(10);
const SLOWEST_BYTES_PER_SECOND: u64 = 128 << 10;
/// The first pause before an object is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After so many failures in a row requests are refused at once, for this long after each failure.
const FAILURES: u32 = 3;
const REFUSES: Duration = Duration::from_secs(2);
/// How long an object that was sent or asked about is known to be there.
const SEEN_FOR: Duration = Duration::from_secs(30 * 60);
/// Objects that are known to be there at most.
const SEEN: u64 = 1 << 16;
/// The name of the object that binds the bucket to its index.
pub(crate) const MARK: &str = "store-id";

/// A bucket of S3 or its like, and the part of it that one store has.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket.
    pub objects: Arc<dyn ObjectStore>,
    /// The beginning of the names of the store's objects; nothing else lies there.
    pub prefix: String,
    /// The bytes of segments that the folder keeps at most, for reading.
    pub cache_bytes: u64,
    /// The bytes that the cache leaves free on the folder's file system, for others.
    pub leaves_free_bytes: u64,
    /// How long an object is sent again and again that the bucket does not take: a gateway that starts anew should cost
    /// no save of hours.
    pub put_patience: Duration,
    /// How long an object stays that nothing refers to any more: as long as the age of a copy of the index that may
    /// have to be restored.
    pub keep_removed: Duration,
}

/// The requests to a bucket since the store was opened, and the bytes in its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketStats {
    /// Objects sent, and their bytes.
    pub puts: u64,
    /// The bytes of the objects sent.
    pub put_bytes: u64,
    /// Ranges asked for.
    pub gets: u64,
    /// The bytes of those ranges.
    pub get_bytes: u64,
    /// Reads that found all they needed in the folder.
    pub hits: u64,
    /// Requests that failed after their retries.
    pub failures: u64,
    /// The bytes that the cache holds.
    pub cached_bytes: u64,
}

/// An object as the bucket lists it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// `None` for an object that has no segment's name.
    pub(crate) segment: Option<u64>,
    pub(crate) name: Name,
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// The bytes of a request that is under way, with the place where they start.
type Coming = Shared<BoxFuture<'static, Result<(u64, Bytes), Arc<io::Error>>>>;

/// The failures since the last answer.
#[derive(Debug, Default)]
struct Outage {
    failures: u32,
    last: Option<Instant>,
    /// Whether the last object that was sent did not arrive: a bucket may answer, and take nothing (a quota, a right).
    takes_nothing: bool,
    /// Whether the bucket turned out to be another index's.
    is_foreign: bool,
}

#[derive(Debug, Default)]
struct Counters {
    puts: AtomicU64,
    put_bytes: AtomicU64,
    gets: AtomicU64,
    get_bytes: AtomicU64,
    hits: AtomicU64,
    failures: AtomicU64,
}

/// The bucket behind a folder.
pub(crate) struct Objects {
    bucket: Bucket,
    index: Arc<dyn Index>,
    /// Set when the bucket was found to be this index's.
    is_bound: OnceCell<()>,
    pub(crate) cache: Parts,
    /// The parts that are on their way. A part leaves it when it is in `cache`, or could not be kept.
    coming: Mutex<HashMap<Part, Coming>>,
    seen: Cache<u64, u64>,
    puts: Semaphore,
    gets: Semaphore,
    outage: Mutex<Outage>,
    counters: Counters,
}

impl Objects {
    pub(crate) fn new(bucket: Bucket, folder: PathBuf, index: Arc<dyn Index>) -> Objects {
        let cache = Parts::new(folder, bucket.cache_bytes, bucket.leaves_free_bytes);
        Objects {
            bucket,
            index,
            is_bound: OnceCell::new(),
            cache,
            coming: Mutex::default(),
            seen: Cache::builder().max_capacity(SEEN).time_to_live(SEEN_FOR).build(),
            puts: Semaphore::new(PUTS_AT_ONCE),
            gets: Semaphore::new(GETS_AT_ONCE),
            outage: Mutex::default(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn keep_removed(&self) -> Duration {
        self.bucket.keep_removed
    }

    pub(crate) fn stats(&self) -> BucketStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BucketStats {
            puts: of(&self.counters.puts),
            put_bytes: of(&self.counters.put_bytes),
            gets: of(&self.counters.gets),
            get_bytes: of(&self.counters.get_bytes),
            hits: of(&self.counters.hits),
            failures: of(&self.counters.failures),
            cached_bytes: self.cache.bytes(),
        }
    }

    /// Whether the bucket failed to answer, or to take an object, and has not done so since.
    pub(crate) fn is_away(&self) -> bool {
        let outage = lock(&self.outage);
        outage.failures >= FAILURES || outage.takes_nothing || outage.is_foreign
    }

    fn name(&self, segment: u64) -> Name {
        self.named(&format!("segments/{}", file_name(segment)))
    }

    fn named(&self, rest: &str) -> Name {
        Name::from(format!("{}/{rest}", self.bucket.prefix))
    }

    /// Compares the bucket's mark with the index's, and makes both when neither has one.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when the bucket is not this index's.
    pub(crate) async fn bound(&self) -> io::Result<()> {
        let bound = self.is_bound.get_or_try_init(|| self.bind()).await;
        lock(&self.outage).is_foreign = bound.as_ref().is_err_and(Objects::is_foreign);
        bound.copied()
    }

    /// Asks the bucket now whether it is there, and this index's.
    pub(crate) async fn probe(&self) -> io::Result<()> {
        self.bound().await?;
        let (there, ours) = (self.mark().await?, self.our_mark().await?);
        if there.is_some() && there == ours { Ok(()) } else { Err(foreign(&self.bucket.prefix)) }
    }

    async fn bind(&self) -> io::Result<()> {
        // Those that stand in line would wait for the same answer, one after the other.
        self.refuse_in_outage()?;
        let (there, ours) = (self.mark().await?, self.our_mark().await?);
        match (ours, there) {
            (Some(ours), Some(there)) if ours == there => Ok(()),
            (_, Some(_)) => Err(foreign(&self.bucket.prefix)),
            (Some(ours), None) if !self.was_used().await? => self.set_mark(ours).await,
            (Some(_), None) => Err(empty(&self.bucket.prefix)),
            (None, None) => {
                let ours =
                    self.index.set_bucket(&format!("{:032x}", random::<16>()?)).await.map_err(io::Error::other)?;
                self.set_mark(ours).await
            }
        }
    }

    async fn our_mark(&self) -> io::Result<Option<String>> {
        self.index.bucket().await.map_err(io::Error::other)
    }

    async fn was_used(&self) -> io::Result<bool> {
        // One that was only announced may never have come to the bucket.
        let segments = all_segments(&*self.index).await.map_err(io::Error::other)?;
        Ok(segments.iter().any(|segment| segment.state != SegmentState::Open))
    }

    async fn mark(&self) -> io::Result<Option<String>> {
        let got = async { self.bucket.objects.get(&self.named(MARK)).await?.bytes().await };
        match self.within(0, got).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The one place where a condition in the bucket is of use: of two databases that find it empty, one gets it. Where
    /// the server has no such condition, the second look tells the loser.
    async fn set_mark(&self, ours: String) -> io::Result<()> {
        let (name, body) = (self.named(MARK), format!("{ours}\n"));
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.bucket.objects.put_opts(&name, body.clone().into(), options);
        match self.within(0, async { Ok(put.await) }).await? {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
            // Some servers refuse the condition by one error, some by another.
            Err(_) if self.mark().await?.is_none() => {
                self.within(0, self.bucket.objects.put(&name, body.into())).await.map_err(|error| {
                    match error.kind() {
                        io::ErrorKind::NotFound => no_bucket(),
                        _ => error,
                    }
                })?;
            }
            Err(_) => {}
        }
        match self.mark().await? {
            Some(there) if there == ours => Ok(()),
            _ => Err(foreign(&self.bucket.prefix)),
        }
    }

    /// Sends a sealed segment. Sent again it is the same object.
    pub(crate) async fn put(
        &self,
        segment: u64,
        read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> io::Result<u64> {
        self.bound().await?;
        // The permit comes before the bytes, which it bounds.
        let _permit = self.puts.acquire().await.map_err(io::Error::other)?;
        let body = Bytes::from(tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??);
        let bytes = body.len() as u64;
        let name = self.name(segment);
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let put = self.within(bytes, self.bucket.objects.put(&name, body.clone().into())).await;
            lock(&self.outage).takes_nothing = put.is_err();
            match put {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(no_bucket()),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(error) if begun.elapsed() + pause > self.bucket.put_patience => return Err(error),
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.counters.puts.fetch_add(1, Ordering::Relaxed);
        self.counters.put_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.seen.insert(segment, bytes);
        Ok(bytes)
    }

    /// Whether a failure says that the bucket is not this index's, so that waiting does not help.
    pub(crate) fn is_foreign(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::InvalidData
    }

    /// The bytes of a range, when some of its parts are not in the folder; `None` when all of them are.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the object ends before the range does.
    pub(crate) async fn bring(
        self: &Arc<Self>,
        segment: u64,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, Arc<io::Error>> {
        let coming = self.begin(segment, &range);
        if coming.is_empty() {
            self.counters.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let mut whole = BytesMut::with_capacity((range.end - range.start) as usize);
        while range.start + (whole.len() as u64) < range.end {
            let next = range.start + whole.len() as u64;
            let part = (next / PART_BYTES) as u32;
            let Some(wait) = coming.get(&part) else {
                let end = (u64::from(part + 1) * PART_BYTES).min(range.end);
                whole.extend_from_slice(&self.read_part(segment, next..end).await?);
                continue;
            };
            let (start, bytes) = wait.clone().await?;
            let end = (start + bytes.len() as u64).min(range.end);
            if end <= next {
                return Err(Arc::new(io::ErrorKind::UnexpectedEof.into()));
            }
            let found = bytes.slice((next - start) as usize..(end - start) as usize);
            // A slice keeps all of its buffer in memory, for as long as somebody has a chunk of it.
            if whole.is_empty() && end == range.end && found.len() * 2 >= bytes.len() {
                return Ok(Some(found));
            }
            whole.extend_from_slice(&found);
        }
        Ok(Some(whole.freeze()))
    }

    /// Asks for the parts of these ranges that are not in the folder, so that neighbours come in one request.
    pub(crate) fn expect(self: &Arc<Self>, segment: u64, range: Range<u64>) {
        self.begin(segment, &range);
    }

    /// Reads a range from the bucket, past the cache.
    pub(crate) async fn get(&self, segment: u64, range: Range<u64>) -> io::Result<Bytes> {
        self.bound().await?;
        self.refuse_in_outage()?;
        let (name, start, bytes) = (self.name(segment), range.start, range.end - range.start);
        let got = match self.within(bytes, self.bucket.objects.get_range(&name, range)).await {
            // A range behind the end of a shorter object is an error of its own in each library and server.
            Err(error)
                if error.kind() == io::ErrorKind::Other && self.len(segment).await.is_ok_and(|len| len <= start) =>
            {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            got => got?,
        };
        self.counters.gets.fetch_add(1, Ordering::Relaxed);
        self.counters.get_bytes.fetch_add(got.len() as u64, Ordering::Relaxed);
        Ok(got)
    }

    /// The length of a segment's object.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none.
    pub(crate) async fn len(&self, segment: u64) -> io::Result<u64> {
        self.bound().await?;
        let name = self.name(segment);
        let found = self.within(0, self.bucket.objects.head(&name)).await?;
        self.seen.insert(segment, found.size);
        Ok(found.size)
    }

    /// The same, from memory when it was seen a while ago.
    pub(crate) async fn seen_len(&self, segment: u64) -> io::Result<u64> {
        match self.seen.get(&segment) {
            Some(bytes) => Ok(bytes),
            None => self.len(segment).await,
        }
    }

    /// Removes a segment's object; it is fine when there is none.
    pub(crate) async fn remove(&self, segment: u64) -> io::Result<()> {
        self.bound().await?;
        let name = self.name(segment);
        self.delete(&name).await?;
        self.seen.invalidate(&segment);
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &Name) -> io::Result<()> {
        match self.within(0, self.bucket.objects.delete(name)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }

    /// Lists the store's objects, but for its mark.
    pub(crate) async fn list(&self) -> io::Result<Vec<Listed>> {
        self.bound().await?;
        let prefix = self.named("segments");
        let now = std::time::SystemTime::now();
        let listed = self.bucket.objects.list(Some(&prefix)).map_ok(|meta| Listed {
            // A name below ours may be of a store whose prefix is longer.
            segment: segment_of(&meta.location).filter(|segment| self.name(*segment) == meta.location),
            bytes: meta.size,
            age: now.duration_since(meta.last_modified.into()).unwrap_or_default(),
            name: meta.location,
        });
        // A page at a time has the patience of a request; there is no bound over all pages.
        let mut listed = listed.boxed();
        let mut all = Vec::new();
        while let Some(one) = self.within(0, async { listed.try_next().await }).await? {
            all.push(one);
        }
        Ok(all)
    }

    /// Keeps the cache within its bound, and asks a bucket that failed whether it is back.
    pub(crate) async fn look_after(self: &Arc<Self>) {
        self.seen.run_pending_tasks();
        let objects = self.clone();
        let _ = tokio::task::spawn_blocking(move || objects.cache.tidy()).await;
        if self.is_away() && self.is_back().await {
            tracing::info!("the bucket answers again");
        }
    }

    async fn is_back(&self) -> bool {
        if self.probe().await.is_err() {
            return false;
        }
        if lock(&self.outage).takes_nothing
            && let Ok(Some(mark)) = self.our_mark().await
        {
            // The mark once more, as it is.
            let name = self.named(MARK);
            let put = self.within(0, self.bucket.objects.put(&name, format!("{mark}\n").into())).await;
            lock(&self.outage).takes_nothing = put.is_err();
        }
        !self.is_away()
    }

    /// Whether the last requests failed one after the other, a moment ago: another one would wait as long.
    fn refuse_in_outage(&self) -> io::Result<()> {
        let outage = lock(&self.outage);
        match outage.last {
            Some(last) if outage.failures >= FAILURES && last.elapsed() < REFUSES => {
                Err(io::Error::new(io::ErrorKind::NotConnected, "the bucket did not answer a moment ago"))
            }
            _ => Ok(()),
        }
    }

    fn begin(self: &Arc<Self>, segment: u64, range: &Range<u64>) -> BTreeMap<u32, Coming> {
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        let mut coming = lock(&self.coming);
        // In this order: a part leaves `coming` after it came into the cache.
        for part in parts_of(range) {
            if let Some(wait) = coming.get(&(segment, part)) {
                found.insert(part, wait.clone());
            } else if !self.cache.has((segment, part)) {
                missing.push(part);
            }
        }
        for parts in missing.chunk_by(|one, next| one + 1 == *next).flat_map(|run| run.chunks(PARTS_AT_ONCE as usize)) {
            let wait = self.request(segment, parts[0]..parts[0] + parts.len() as u32);
            for part in parts {
                coming.insert((segment, *part), wait.clone());
                found.insert(*part, wait.clone());
            }
        }
        found
    }

    /// Sends one request. It is a task of its own, so that it comes to its end when those who wait for it do not.
    fn request(self: &Arc<Self>, segment: u64, parts: Range<u32>) -> Coming {
        let objects = self.clone();
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let start = u64::from(parts.start) * PART_BYTES;
            // Held until the bytes are kept: it bounds them.
            let _permit = objects.gets.acquire().await;
            let got = objects.get(segment, start..u64::from(parts.end) * PART_BYTES).await;
            let kept = got.as_ref().ok().cloned();
            // Those who wait go on before the bytes are kept.
            let _ = tell.send(got.map(|bytes| (start, bytes)).map_err(Arc::new));
            if let Some(bytes) = kept {
                let keeping = objects.clone();
                let _ = tokio::task::spawn_blocking(move || keeping.cache.keep(segment, start, &bytes)).await;
            }
            let mut coming = lock(&objects.coming);
            for part in parts {
                coming.remove(&(segment, part));
            }
        });
        let told = told.map(|told| told.unwrap_or_else(|_| Err(Arc::new(io::Error::other("the store is closing")))));
        told.boxed().shared()
    }

    async fn read_part(self: &Arc<Self>, segment: u64, range: Range<u64>) -> Result<Bytes, Arc<io::Error>> {
        let (objects, part) = (self.clone(), range.clone());
        let read = tokio::task::spawn_blocking(move || objects.cache.read(segment, &part));
        match read.await.map_err(io::Error::other).flatten() {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            // It left the cache a moment ago.
            Err(_) => self.get(segment, range).await.map_err(Arc::new),
        }
    }

    /// Runs a request within its time, and notes whether the bucket is there.
    async fn within<T>(&self, bytes: u64, request: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        let patience = PATIENCE + Duration::from_millis(bytes.saturating_mul(1_000) / SLOWEST_BYTES_PER_SECOND);
        let answer = match tokio::time::timeout(patience, request).await {
            Ok(answer) => answer.map_err(io_error),
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("the bucket did not answer within {patience:?}")))
            }
        };
        let is_answer = !matches!(&answer, Err(error) if error.kind() != io::ErrorKind::NotFound);
        let mut outage = lock(&self.outage);
        if is_answer {
            (outage.failures, outage.last) = (0, None);
        } else {
            (outage.failures, outage.last) = (outage.failures.saturating_add(1), Some(Instant::now()));
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
        }
        drop(outage);
        answer
    }
}

fn segment_of(name: &Name) -> Option<u64> {
    segment_of_file(name.filename()?)
}

/// A number that nobody else has chosen.
pub(crate) fn nonce() -> io::Result<u32> {
    random::<4>().map(|number| number as u32)
}

fn random<const BYTES: usize>() -> io::Result<u128> {
    let mut bytes = [0; BYTES];
    let mut filled = 0;
    while filled < BYTES {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
}
