//! A store before a bucket that fails, forgets, and answers late.

use std::fmt;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunks::{CHUNK_BYTES, Error, Options, Store, suite::MemoryIndex};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::support::{Committed, noise, options_before, read, save};

/// A bucket in memory with weather.
#[derive(Debug, Default)]
struct Weather {
    inner: InMemory,
    now: Mutex<Sky>,
    gets: AtomicU64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Sky {
    #[default]
    Clear,
    /// Nothing is answered.
    Away,
    /// Objects arrive, and the answer does not.
    LostAnswers,
    /// There is no such bucket.
    NoBucket,
    /// Every list ends with an error after its first objects.
    ShortLists,
}

impl fmt::Display for Weather {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "weather")
    }
}

impl Weather {
    fn set(&self, sky: Sky) {
        *self.now.lock().unwrap() = sky;
    }

    fn check(&self) -> Result<Sky> {
        let sky = *self.now.lock().unwrap();
        match sky {
            Sky::Away => Err(broken()),
            Sky::NoBucket => Err(object_store::Error::NotFound { path: "images".into(), source: "no bucket".into() }),
            sky => Ok(sky),
        }
    }

    fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    async fn names(&self) -> Vec<Path> {
        let listed: Vec<_> = self.inner.list(None).collect().await;
        listed
            .into_iter()
            .map(|meta| meta.unwrap().location)
            .filter(|name| name.as_ref().ends_with(".segment"))
            .collect()
    }
}

fn broken() -> object_store::Error {
    object_store::Error::Generic { store: "weather", source: "the line is cut".into() }
}

#[async_trait]
impl ObjectStore for Weather {
    async fn put_opts(&self, name: &Path, body: PutPayload, options: PutOptions) -> Result<PutResult> {
        let sky = self.check()?;
        let put = self.inner.put_opts(name, body, options).await;
        if sky == Sky::LostAnswers { Err(broken()) } else { put }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("every object is sent at once")
    }

    async fn get_opts(&self, name: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        self.gets.fetch_add(1, Ordering::Relaxed);
        // As over a network, so that readers meet while a part is on its way.
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.inner.get_opts(name, options).await
    }

    async fn get_ranges(&self, name: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check()?;
        self.inner.get_ranges(name, ranges).await
    }

    fn delete_stream(&self, names: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.check() {
            Ok(_) => self.inner.delete_stream(names),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check() {
            Ok(Sky::ShortLists) => {
                let end = futures::stream::iter([Err(broken())]);
                self.inner.list(prefix).take(1).chain(end).boxed()
            }
            Ok(_) => self.inner.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A store before a bucket.
struct Place {
    dir: tempfile::TempDir,
    sky: Arc<Weather>,
    index: Arc<MemoryIndex>,
    roots: Arc<Committed>,
    store: Store,
}

impl Place {
    async fn new() -> Place {
        Place::with(|options| options).await
    }

    async fn with(change: impl FnOnce(Options) -> Options) -> Place {
        let (dir, sky, index) =
            (tempfile::tempdir().unwrap(), Arc::new(Weather::default()), Arc::new(MemoryIndex::new()));
        let options = change(options_before(sky.clone()));
        let store = Store::open(dir.path(), index.clone(), options).await.unwrap();
        Place { dir, sky, index, roots: Arc::default(), store }
    }

    /// The same store with an empty folder: another machine, or this one without its cache.
    async fn cold(&self, cache_bytes: u64) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options_before(self.sky.clone());
        options.bucket.as_mut().unwrap().cache_bytes = cache_bytes;
        options.chunk_cache_bytes = 0;
        let store = Store::open(dir.path(), self.index.clone(), options).await.unwrap();
        (dir, store)
    }

    async fn save(&self, data: &[u8]) -> chunks::Content {
        save(&self.store, &self.roots, data).await
    }

    async fn assert_sound(&self) {
        let report = self.store.check(&*self.roots).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.leftovers.unknown_files, 0, "{report:?}");
    }
}

async fn try_save(store: &Store, roots: &Committed, data: &[u8]) -> std::result::Result<chunks::Content, Error> {
    let session = store.begin().await?;
    let mut writer = session.writer();
    writer.write(Bytes::copy_from_slice(data)).await?;
    let content = writer.finish().await?;
    roots.add(content.root);
    session.finish().await;
    Ok(content)
}

/// The bytes that the file system keeps for the segments in a folder.
fn kept_bytes(dir: &tempfile::TempDir) -> u64 {
    let files = std::fs::read_dir(dir.path().join("segments")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_reads_the_same_from_its_folder_from_an_empty_one_and_from_one_that_is_too_small() {
    let place = Place::new().await;
    let data = noise(1, 6 << 20);
    let content = place.save(&data).await;
    let before = place.sky.gets();
    assert_eq!(read(&place.store, content.root).await, data);
    assert_eq!(place.sky.gets(), before, "what was just saved is in the folder");

    let (_dir, cold) = place.cold(64 << 20).await;
    assert_eq!(read(&cold, content.root).await, data);
    let fetched = place.sky.gets();
    assert!(fetched > before);
    assert_eq!(read(&cold, content.root).await, data);
    assert_eq!(place.sky.gets(), fetched, "what was fetched is in the folder");

    let (dir, small) = place.cold(1 << 20).await;
    for _ in 0..3 {
        assert_eq!(read(&small, content.root).await, data);
    }
    let kept = kept_bytes(&dir);
    assert!(kept <= (1 << 20) + (64 << 10), "{kept} bytes are kept of a mebibyte");
    assert!(small.bucket_stats().unwrap().cached_bytes <= 1 << 20);
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_same_part_share_one_request() {
    let place = Place::new().await;
    let data = noise(2, 400 << 10);
    let content = place.save(&data).await;
    let (_dir, cold) = place.cold(64 << 20).await;
    let before = place.sky.gets();
    let readers = (0..20).map(|_| async { assert_eq!(read(&cold, content.root).await, data) });
    futures::future::join_all(readers).await;
    // The mark, the root with what lies beside it, and the rest.
    assert!(place.sky.gets() - before <= 4, "{} requests", place.sky.gets() - before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_lies_is_corrected_by_the_bucket() {
    let place = Place::new().await;
    let data = noise(3, 3 << 20);
    let content = place.save(&data).await;
    place.store.close().await;
    for file in std::fs::read_dir(place.dir.path().join("segments")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.iter_mut().skip(24).step_by(7_919).for_each(|byte| *byte ^= 0x20);
        std::fs::write(&path, bytes).unwrap();
    }
    let again = Store::open(place.dir.path(), place.index.clone(), options_before(place.sky.clone())).await.unwrap();
    assert_eq!(read(&again, content.root).await, data);
    let stats = again.stats().await.unwrap();
    assert_eq!(stats.totals.damaged, 0, "a bad copy in the folder says nothing about the chunk");
    let before = place.sky.gets();
    assert_eq!(read(&again, content.root).await, data);
    assert_eq!(place.sky.gets(), before, "the copies are good now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_finds_its_cache_again() {
    let place = Place::new().await;
    let data = noise(4, 3 << 20);
    let content = place.save(&data).await;
    place.store.close().await;
    let again = Store::open(place.dir.path(), place.index.clone(), options_before(place.sky.clone())).await.unwrap();
    let before = place.sky.gets();
    assert_eq!(read(&again, content.root).await, data);
    assert_eq!(place.sky.gets(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_away_refuses_saves_and_takes_them_when_it_is_back() {
    let place = Place::new().await;
    let (old, new) = (noise(5, 2 << 20), noise(6, 2 << 20));
    let before = place.save(&old).await;
    place.sky.set(Sky::Away);
    assert!(matches!(try_save(&place.store, &place.roots, &new).await, Err(Error::Io { .. })));
    assert!(place.store.is_away());
    assert_eq!(read(&place.store, before.root).await, old, "what is in the folder is read all the same");
    let (_dir, cold) = place.cold(64 << 20).await;
    assert!(cold.reader(before.root).await.is_err());

    place.sky.set(Sky::Clear);
    let after = try_save(&place.store, &place.roots, &new).await.unwrap();
    assert!(!place.store.is_away());
    // The other one refuses for a moment more what failed a moment ago.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    for (store, root, data) in [(&place.store, after.root, &new), (&cold, after.root, &new), (&cold, before.root, &old)]
    {
        assert_eq!(read(store, root).await, *data);
    }
    assert_eq!(place.store.stats().await.unwrap().totals.damaged, 0);
    place.store.close().await;
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_costs_another_send_and_nothing_else() {
    let place = Place::new().await;
    place.save(&noise(7, 1 << 20)).await;
    place.sky.set(Sky::LostAnswers);
    let data = noise(8, 1 << 20);
    assert!(try_save(&place.store, &place.roots, &data).await.is_err());
    place.sky.set(Sky::Clear);
    let content = try_save(&place.store, &place.roots, &data).await.unwrap();
    assert_eq!(read(&place.store, content.root).await, data);
    place.store.close().await;
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_saves_of_the_same_bytes_at_once_close_each_others_segments() {
    let place = Place::new().await;
    let data = noise(9, 8 << 20);
    let saves = (0..6).map(|number| {
        let (store, roots, data) = (place.store.clone(), place.roots.clone(), &data);
        // Each with a tail of its own, so that they end at different times.
        let data = [&data[..], &noise(100 + number, (number as usize + 1) << 20)].concat();
        async move { (save(&store, &roots, &data).await.root, data) }
    });
    let (_dir, cold) = place.cold(64 << 20).await;
    for (root, data) in futures::future::join_all(saves).await {
        assert_eq!(read(&place.store, root).await, data);
        assert_eq!(read(&cold, root).await, data);
    }
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_objects_are_merged_and_what_is_dropped_stays_as_long_as_it_is_told() {
    let keep = |options: Options| {
        let bucket = options.bucket.map(|bucket| chunks::Bucket { keep_removed: Duration::from_secs(3_600), ..bucket });
        Options { bucket, ..options }
    };
    let place = Place::with(keep).await;
    let mut contents = Vec::new();
    for number in 0..40 {
        let data = noise(200 + number, CHUNK_BYTES);
        contents.push((place.save(&data).await.root, data));
    }
    let before = place.sky.names().await.len();
    assert_eq!(before, 40);
    for _ in 0..3 {
        let swept = place.store.sweep(&*place.roots).await.unwrap();
        assert!(swept.stopped.is_none(), "{swept:?}");
    }
    let after: Vec<_> = place.sky.names().await;
    assert!(after.len() > before, "nothing that a restored database may name is gone");
    let live = place.store.stats().await.unwrap();
    let (_dir, cold) = place.cold(64 << 20).await;
    for (root, data) in &contents {
        assert_eq!(read(&cold, *root).await, *data);
    }
    // A store that keeps nothing takes what the other one kept.
    let swept = cold.sweep(&*place.roots).await.unwrap();
    assert!(swept.stopped.is_none(), "{swept:?}");
    let left = place.sky.names().await.len();
    assert!(left <= 8, "{left} objects are left of 40 that were short: {live:?}");
    for (root, data) in &contents {
        assert_eq!(read(&cold, *root).await, *data);
    }
    place.roots.0.lock().unwrap().clear();
    for _ in 0..3 {
        cold.sweep(&*place.roots).await.unwrap();
    }
    assert_eq!(place.sky.names().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_gone_is_told_and_heals_with_the_next_save() {
    let place = Place::new().await;
    let data = noise(10, 1 << 20);
    let content = place.save(&data).await;
    for name in place.sky.names().await {
        place.sky.inner.delete(&name).await.unwrap();
    }
    let (_dir, cold) = place.cold(64 << 20).await;
    assert!(matches!(cold.reader(content.root).await, Err(Error::Io { .. })), "a missing object is no damage yet");
    assert!(!cold.check(&*place.roots).await.unwrap().is_sound());
    let scrubbed = cold.scrub(chunks::ScrubOptions::default()).await.unwrap();
    assert!(!scrubbed.unread.is_empty());
    assert_eq!(save(&cold, &place.roots, &data).await.root, content.root);
    let (_dir, other) = place.cold(64 << 20).await;
    assert_eq!(read(&other, content.root).await, data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_of_another_index_and_one_that_was_emptied_are_refused() {
    let place = Place::new().await;
    place.save(&noise(11, 1 << 20)).await;
    let dir = tempfile::tempdir().unwrap();
    let other = Store::open(dir.path(), Arc::new(MemoryIndex::new()), options_before(place.sky.clone())).await;
    let message = other.err().unwrap().to_string();
    assert!(message.contains("belongs to another database"), "{message}");
    let empty = options_before(Arc::new(InMemory::new()));
    let message = Store::open(dir.path(), place.index.clone(), empty).await.err().unwrap().to_string();
    assert!(message.contains("another bucket"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_is_no_empty_one() {
    let (sky, dir) = (Arc::new(Weather::default()), tempfile::tempdir().unwrap());
    sky.set(Sky::NoBucket);
    let index = Arc::new(MemoryIndex::new());
    let message = Store::open(dir.path(), index.clone(), options_before(sky.clone())).await.err().unwrap().to_string();
    assert!(message.contains("there is no such bucket: make it"), "{message}");
    // Made meanwhile, it is taken.
    sky.set(Sky::Clear);
    let store = Store::open(dir.path(), index, options_before(sky.clone())).await.unwrap();
    let (roots, data) = (Committed::default(), noise(20, 1 << 20));
    let content = save(&store, &roots, &data).await;
    // Deleted under the store, it takes nothing, and that is told.
    sky.set(Sky::NoBucket);
    assert!(try_save(&store, &roots, &noise(21, 1 << 20)).await.is_err());
    assert!(store.is_away());
    assert_eq!(read(&store, content.root).await, data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_opens_while_its_bucket_is_away() {
    let place = Place::new().await;
    let data = noise(12, 1 << 20);
    let content = place.save(&data).await;
    place.store.close().await;
    place.sky.set(Sky::Away);
    let again = Store::open(place.dir.path(), place.index.clone(), options_before(place.sky.clone())).await.unwrap();
    assert_eq!(read(&again, content.root).await, data);
    assert!(try_save(&again, &place.roots, &noise(13, 1 << 20)).await.is_err());
    place.sky.set(Sky::Clear);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    try_save(&again, &place.roots, &noise(13, 1 << 20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_beside_a_save_takes_nothing_that_is_not_sent() {
    let place = Place::new().await;
    place.save(&noise(15, 4 << 20)).await;
    // Bytes are on their way in a segment of the first, which a second one with a tiny cache finds in the folder.
    let session = place.store.begin().await.unwrap();
    let mut writer = session.writer();
    let data = noise(16, 3 << 20);
    writer.write(Bytes::copy_from_slice(&data[..2 << 20])).await.unwrap();
    let mut options = options_before(place.sky.clone());
    options.bucket.as_mut().unwrap().cache_bytes = 1;
    let second = Store::open(place.dir.path(), place.index.clone(), options).await.unwrap();
    let roots = place.roots.0.lock().unwrap().clone();
    for root in roots {
        read(&second, root).await;
    }
    second.sweep(&*place.roots).await.unwrap();
    second.close().await;
    writer.write(Bytes::copy_from_slice(&data[2 << 20..])).await.unwrap();
    let content = writer.finish().await.unwrap();
    place.roots.add(content.root);
    session.finish().await;
    let (_dir, cold) = place.cold(64 << 20).await;
    assert_eq!(read(&cold, content.root).await, data);
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_another_store_is_refused_and_left_alone() {
    let other = crate::support::Place::new().await;
    other.save(&noise(17, 1 << 20)).await;
    other.store.close().await;
    let before = other.segment_files();
    let refused =
        Store::open(other.dir.path(), Arc::new(MemoryIndex::new()), options_before(Arc::new(InMemory::new())));
    let message = refused.await.err().unwrap().to_string();
    assert!(message.contains("a folder of its own"), "{message}");
    assert_eq!(other.segment_files(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_answers_and_takes_nothing_is_away_until_it_takes_something() {
    let place = Place::new().await;
    place.save(&noise(18, 1 << 20)).await;
    place.sky.set(Sky::LostAnswers);
    assert!(try_save(&place.store, &place.roots, &noise(19, 1 << 20)).await.is_err());
    assert!(place.store.probe().await.is_ok());
    assert!(place.store.is_away(), "it answers, and takes nothing");
    place.sky.set(Sky::Clear);
    // The janitor tries again by itself.
    let begun = std::time::Instant::now();
    while place.store.is_away() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_are_removed_unless_a_list_is_short_or_they_are_of_the_future() {
    let place = Place::new().await;
    let data = noise(14, 1 << 20);
    let content = place.save(&data).await;
    let orphan = Path::from(format!("images/one/segments/{:016x}.segment", (1_u64 << 32) + 5));
    let future = Path::from(format!("images/one/segments/{:016x}.segment", 99_u64 << 32));
    let stranger = Path::from("images/one/segments/notes.txt");
    for name in [&orphan, &future, &stranger] {
        place.sky.inner.put(name, "late".into()).await.unwrap();
    }
    place.sky.set(Sky::ShortLists);
    assert!(place.store.remove_orphans(Duration::ZERO, false).await.is_err());
    place.sky.set(Sky::Clear);
    assert!(place.sky.inner.head(&orphan).await.is_ok());
    let young = place.store.remove_orphans(Duration::from_secs(3_600), false).await.unwrap();
    assert_eq!((young.orphans, young.removed), (0, 0));
    let report = place.store.remove_orphans(Duration::ZERO, false).await.unwrap();
    assert_eq!((report.removed, report.of_the_future, report.strangers), (1, 1, 1), "{report:?}");
    assert!(place.sky.inner.head(&orphan).await.is_err());
    for name in [&future, &stranger] {
        assert!(place.sky.inner.head(name).await.is_ok());
    }
    for number in 0..40_u64 {
        let name = Path::from(format!("images/one/segments/{:016x}.segment", (1_u64 << 32) + 10 + number));
        place.sky.inner.put(&name, "late".into()).await.unwrap();
    }
    let doubtful = place.store.remove_orphans(Duration::ZERO, false).await.unwrap();
    assert!(doubtful.is_doubtful && doubtful.removed == 0, "{doubtful:?}");
    assert_eq!(place.store.remove_orphans(Duration::ZERO, true).await.unwrap().removed, 40);
    let (_dir, cold) = place.cold(64 << 20).await;
    assert_eq!(read(&cold, content.root).await, data);
}
