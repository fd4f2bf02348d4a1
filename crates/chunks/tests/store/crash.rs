//! The store after a crash at every step: the folder and the index are copied before and after each
//! change of the index, and a store is opened on each copy.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chunks::{
    Answer, CHUNK_BYTES, Digest, Index, Location, Move, Options, Row, SegmentRow, SessionRow, Store, SweepRow, Totals,
    suite::MemoryIndex,
};

use object_store::memory::InMemory;

use crate::support::{Committed, chunk, noise, options, options_before, read, save};

/// The store as a crash left it.
struct Image {
    step: String,
    files: HashMap<String, Vec<u8>>,
    index: MemoryIndex,
    roots: Vec<Digest>,
    bucket: Option<InMemory>,
}

/// An index that takes an image around every change.
struct Recorder {
    inner: MemoryIndex,
    dir: std::path::PathBuf,
    roots: Arc<Committed>,
    bucket: Option<Arc<InMemory>>,
    images: Mutex<Vec<Image>>,
    turn: tokio::sync::Mutex<()>,
}

impl Recorder {
    fn take(&self, step: &str) {
        let index = self.inner.snapshot();
        let mut files = HashMap::new();
        for file in std::fs::read_dir(self.dir.join("segments")).unwrap() {
            let file = file.unwrap();
            // One that is removed right now is one that is gone.
            if let Ok(bytes) = std::fs::read(file.path()) {
                files.insert(file.file_name().into_string().unwrap(), bytes);
            }
        }
        let roots = self.roots.0.lock().unwrap().clone();
        self.images.lock().unwrap().push(Image {
            step: step.to_owned(),
            files,
            index,
            roots,
            bucket: self.bucket.as_ref().map(|bucket| bucket.fork()),
        });
    }
}

macro_rules! recorded {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Index for Recorder {
            $(async fn $name(&self, $($arg: $type),*) -> Answer<$answer> {
                let _turn = self.turn.lock().await;
                self.take(concat!("before ", stringify!($name)));
                let answer = self.inner.$name($($arg),*).await;
                self.take(concat!("after ", stringify!($name)));
                answer
            })*

            async fn locate(&self, digests: &[Digest]) -> Answer<Vec<Option<Row>>> {
                self.inner.locate(digests).await
            }
            async fn session_owners(&self) -> Answer<Vec<u64>> {
                self.inner.session_owners().await
            }
            async fn segments(&self, after: u64, limit: usize) -> Answer<Vec<SegmentRow>> {
                self.inner.segments(after, limit).await
            }
            async fn dropped_segments(&self, ago: Duration) -> Answer<Vec<u64>> {
                self.inner.dropped_segments(ago).await
            }
            async fn bucket(&self) -> Answer<Option<String>> {
                self.inner.bucket().await
            }
            async fn segment_rows(&self, segment: u64, start: u64, limit: usize) -> Answer<Vec<Row>> {
                self.inner.segment_rows(segment, start, limit).await
            }
            async fn segment_end(&self, segment: u64) -> Answer<Option<u64>> {
                self.inner.segment_end(segment).await
            }
            async fn oldest_session(&self) -> Answer<Option<u64>> {
                self.inner.oldest_session().await
            }
            async fn pinned_roots(&self) -> Answer<Vec<Digest>> {
                self.inner.pinned_roots().await
            }
            async fn rows(&self, after: Option<Digest>, limit: usize) -> Answer<Vec<Row>> {
                self.inner.rows(after, limit).await
            }
            async fn totals(&self) -> Answer<Totals> {
                self.inner.totals().await
            }
            async fn scrub_position(&self) -> Answer<u64> {
                self.inner.scrub_position().await
            }
        }
    };
}

recorded! {
    register_owner() -> u64;
    begin_session(owner: u64, lease: Duration) -> SessionRow;
    renew_session(session: u64, lease: Duration) -> bool;
    pin(session: u64, root: Digest) -> bool;
    move_session(session: u64, epoch: u64, pins: &[Digest], unpins: &[Digest]) -> bool;
    end_session(session: u64) -> ();
    end_lapsed_sessions() -> u64;
    end_sessions_of(owner: u64) -> u64;
    claim(epoch: u64, digests: &[Digest]) -> Vec<Option<Row>>;
    publish(segment: u64, rows: &[Row]) -> ();
    mark_damaged(digest: Digest, location: Location) -> bool;
    clear_damaged(digest: Digest, location: Location) -> bool;
    relocate(segment: u64, moves: &[Move]) -> u64;
    create_segment(owner: u64, nonce: Option<u32>) -> u64;
    set_bucket(mark: &str) -> String;
    seal_segment(segment: u64, file_bytes: u64) -> ();
    drop_segment(segment: u64) -> bool;
    forget_segment(segment: u64) -> ();
    begin_sweep() -> u64;
    condemn(sweep: SweepRow, digests: &[Digest]) -> u64;
    spare(digests: &[Digest]) -> u64;
    remove(sweep: SweepRow, digests: &[Digest]) -> u64;
    set_scrub_position(segment: u64) -> ();
}

/// The fate of bytes that were never synced.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The process died: the system still has them.
    Nothing,
    /// The power failed: they are gone.
    Tail,
    /// The power failed: their place was kept, and holds zeroes.
    Zeroes,
}

impl Image {
    /// Lays the image out in a folder.
    async fn lay(&self, dir: &Path, loss: Loss) {
        std::fs::create_dir_all(dir.join("segments")).unwrap();
        for (name, bytes) in &self.files {
            let id = u64::from_str_radix(&name[..16], 16).unwrap();
            let synced = self.index.segment_end(id).await.unwrap().map(|end| end as usize + 52);
            // Before a bucket nothing in the folder is ever synced, nor relied on.
            let synced = synced.filter(|_| self.bucket.is_none());
            let mut bytes = bytes.clone();
            match (loss, synced) {
                (Loss::Nothing, _) => {}
                (Loss::Tail, None) => continue,
                (Loss::Tail, Some(synced)) => bytes.truncate(synced),
                (Loss::Zeroes, synced) => {
                    let len = bytes.len();
                    bytes[synced.unwrap_or(0).min(len)..].fill(0);
                }
            }
            std::fs::write(dir.join("segments").join(name), bytes).unwrap();
        }
    }

    async fn assert_whole(&self, contents: &HashMap<Digest, Vec<u8>>, loss: Loss) {
        let step = format!("{} with {loss:?} lost", self.step);
        let dir = tempfile::tempdir().unwrap();
        self.lay(dir.path(), loss).await;
        let index = Arc::new(self.index.snapshot());
        let roots = Committed::default();
        self.roots.iter().for_each(|root| roots.add(*root));
        let options = options_of(self.bucket.as_ref().map(|bucket| Arc::new(bucket.fork())));
        let store = Store::open(dir.path(), index, options).await.unwrap();
        let report = store.check(&roots).await.unwrap();
        assert!(report.is_sound(), "{step}: {report:?}");
        assert_eq!((report.leftovers.segments, report.leftovers.unknown_files), (0, 0), "{step}");
        for root in &self.roots {
            assert_eq!(read(&store, *root).await, contents[root], "{step}");
        }
        // Life goes on: what was being saved is saved again, then everything is deleted.
        for (root, data) in contents {
            assert_eq!(save(&store, &roots, data).await.root, *root, "{step}");
            assert_eq!(read(&store, *root).await, *data, "{step}");
        }
        roots.0.lock().unwrap().clear();
        for _ in 0..2 {
            store.sweep(&roots).await.unwrap();
        }
        let stats = store.stats().await.unwrap();
        assert_eq!((stats.totals.chunks, stats.segments, stats.file_bytes), (0, 0, 0), "{step}: {stats:?}");
    }
}

fn options_of(bucket: Option<Arc<InMemory>>) -> Options {
    bucket.map_or_else(options, |bucket| options_before(bucket))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_step_leaves_garbage_and_never_a_hole() {
    crash_at_any_step(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_step_before_a_bucket_leaves_garbage_and_never_a_hole() {
    crash_at_any_step(Some(Arc::new(InMemory::new()))).await;
}

async fn crash_at_any_step(bucket: Option<Arc<InMemory>>) {
    let dir = tempfile::tempdir().unwrap();
    let roots = Arc::new(Committed::default());
    let recorder = Arc::new(Recorder {
        inner: MemoryIndex::new(),
        dir: dir.path().to_owned(),
        roots: roots.clone(),
        bucket: bucket.clone(),
        images: Mutex::default(),
        turn: tokio::sync::Mutex::default(),
    });
    std::fs::create_dir_all(dir.path().join("segments")).unwrap();
    let store = Store::open(dir.path(), recorder.clone(), options_of(bucket)).await.unwrap();
    let mut contents = HashMap::new();

    let one: Vec<u8> = (0..20).flat_map(chunk).collect();
    let two = [&one[..12 * CHUNK_BYTES], &noise(50, 9 * CHUNK_BYTES)[..]].concat();
    let mut first = Vec::new();
    for data in [&one, &two] {
        let content = save(&store, &roots, data).await;
        contents.insert(content.root, data.clone());
        first.push(content.root);
    }
    let mut patched = two.clone();
    patched[3 * CHUNK_BYTES..4 * CHUNK_BYTES].copy_from_slice(&chunk(77));
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(Some(first[1]), two.len() as u64).await.unwrap();
    patch.put(3, Bytes::from(chunk(77))).await.unwrap();
    let content = patch.finish().await.unwrap();
    contents.insert(content.root, patched);
    roots.add(content.root);
    session.finish().await;
    roots.remove(first[1]);
    store.sweep(&*roots).await.unwrap();
    roots.remove(first[0]);
    store.sweep(&*roots).await.unwrap();
    store.sweep(&*roots).await.unwrap();
    store.close().await;

    let images = std::mem::take(&mut *recorder.images.lock().unwrap());
    assert!(images.len() > 60, "{}", images.len());
    for image in images {
        for loss in [Loss::Nothing, Loss::Tail, Loss::Zeroes] {
            image.assert_whole(&contents, loss).await;
        }
    }
}
