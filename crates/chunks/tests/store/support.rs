//! A store in a temporary folder, and bytes to put into it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chunks::{Bucket, CHUNK_BYTES, Content, Digest, ForeignError, Options, Roots, Store, suite::MemoryIndex};
use futures::StreamExt;
use object_store::ObjectStore;

/// A store in a temporary folder, with its index and the roots that are committed.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) index: Arc<MemoryIndex>,
    pub(crate) roots: Arc<Committed>,
    pub(crate) store: Store,
}

#[derive(Default)]
pub(crate) struct Committed(pub(crate) Mutex<Vec<Digest>>);

#[async_trait::async_trait]
impl Roots for Committed {
    async fn roots(&self) -> Result<Vec<Digest>, ForeignError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Committed {
    pub(crate) fn add(&self, root: Digest) {
        self.0.lock().unwrap().push(root);
    }

    pub(crate) fn remove(&self, root: Digest) {
        let mut roots = self.0.lock().unwrap();
        let at = roots.iter().position(|one| *one == root).unwrap();
        roots.swap_remove(at);
    }
}

/// Small segments, so that tests have many.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 512 << 10, lease: Duration::from_secs(60), ..Options::default() }
}

/// The same, before a bucket that gives removed bytes back at once.
pub(crate) fn options_before(objects: Arc<dyn ObjectStore>) -> Options {
    let bucket = Bucket {
        objects,
        prefix: "images/one".to_owned(),
        cache_bytes: 64 << 20,
        leaves_free_bytes: 0,
        put_patience: Duration::ZERO,
        keep_removed: Duration::ZERO,
    };
    Options { bucket: Some(bucket), ..options() }
}

impl Place {
    pub(crate) async fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(MemoryIndex::new());
        let store = Store::open(dir.path(), index.clone(), options()).await.unwrap();
        Place { dir, index, roots: Arc::default(), store }
    }

    /// Opens the same store once more, as another process would.
    pub(crate) async fn second(&self) -> Store {
        Store::open(self.dir.path(), self.index.clone(), options()).await.unwrap()
    }

    pub(crate) async fn save(&self, data: &[u8]) -> Content {
        save(&self.store, &self.roots, data).await
    }

    /// Sweeps until nothing more happens: condemn, remove, and compact what that emptied.
    pub(crate) async fn sweep_out(&self) {
        for _ in 0..3 {
            self.store.sweep(&*self.roots).await.unwrap();
        }
    }

    /// The stored bytes of everything that is there.
    pub(crate) async fn stored_bytes(&self) -> u64 {
        self.store.stats().await.unwrap().totals.stored_bytes
    }

    pub(crate) async fn assert_sound(&self) {
        let report = self.store.check(&*self.roots).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
    }

    pub(crate) fn segment_files(&self) -> Vec<std::path::PathBuf> {
        let files = std::fs::read_dir(self.dir.path().join("segments")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

pub(crate) async fn save(store: &Store, roots: &Committed, data: &[u8]) -> Content {
    let session = store.begin().await.unwrap();
    let mut writer = session.writer();
    writer.write(Bytes::copy_from_slice(data)).await.unwrap();
    let content = writer.finish().await.unwrap();
    roots.add(content.root);
    session.finish().await;
    content
}

pub(crate) async fn read(store: &Store, root: Digest) -> Vec<u8> {
    let reader = store.reader(root).await.unwrap();
    let mut stream = Box::pin(reader.stream(0..u64::MAX));
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    bytes
}

/// Bytes that do not compress and are the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A chunk of noise, of text, or of zeroes.
pub(crate) fn chunk(seed: u64) -> Vec<u8> {
    match seed % 4 {
        0 => vec![0; CHUNK_BYTES],
        1 => format!("line {seed}\n").repeat(CHUNK_BYTES).into_bytes()[..CHUNK_BYTES].to_vec(),
        _ => noise(seed, CHUNK_BYTES),
    }
}
