//! Full disks: small file systems of our own, which needs the right to mount one.

use std::{fs, process::Command, sync::Arc};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Content, Error, Options, Store, suite::MemoryIndex};

use crate::support::{Committed, noise, options, read, save};

/// A file system of a few MiB.
struct Small {
    dir: tempfile::TempDir,
}

impl Small {
    fn mount(mib: usize) -> Option<Small> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "chunks-test"]).arg(dir.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Small { dir })
    }

    /// Takes every free byte but these.
    fn fill(&self, store: &Store, left: u64) {
        let free = store.free_bytes().unwrap() - left;
        fs::write(self.dir.path().join("other"), vec![1; free as usize]).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

/// Fills a small file system; needs the right to mount one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_the_save_and_gives_its_space_back() {
    let Some(small) = Small::mount(4) else { return };
    let dir = small.dir.path();
    let index = Arc::new(MemoryIndex::new());
    let roots = Committed::default();
    let store = Store::open(dir, index.clone(), options()).await.unwrap();
    let bytes = noise(60, 1_000_000);
    let kept = save(&store, &roots, &bytes).await;
    for round in 0..3 {
        let session = store.begin().await.unwrap();
        let mut writer = session.writer();
        let mut outcome = Ok(());
        for piece in 0..8 {
            outcome = writer.write(Bytes::from(noise(100 + piece + round, 1 << 20))).await;
            if outcome.is_err() {
                break;
            }
        }
        let error = match outcome {
            Ok(()) => writer.finish().await.err(),
            Err(error) => Some(error),
        };
        let error = error.expect("eight do not fit into four");
        assert!(error.is_full(), "{error}");
        session.abandon().await;
        assert_eq!(read(&store, kept.root).await, bytes);
        // A content that fits into what is left is saved once the sweep has been.
        for _ in 0..2 {
            store.sweep(&roots).await.unwrap();
        }
        let more = noise(200 + round, 1_000_000);
        let content = save(&store, &roots, &more).await;
        assert_eq!(read(&store, content.root).await, more);
        roots.remove(content.root);
        assert!(store.check(&roots).await.unwrap().is_sound());
        for _ in 0..2 {
            store.sweep(&roots).await.unwrap();
        }
    }
    drop(store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_save_writes_into_the_reserve() {
    let Some(small) = Small::mount(24) else { return };
    let reserve_bytes = 12 << 20;
    let options = Options { reserve_bytes, ..options() };
    let store = Store::open(small.dir.path(), Arc::new(MemoryIndex::new()), options).await.unwrap();
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(None, 1 << 30).await.unwrap();
    let mut outcome = Ok(());
    for chunk in 0..400 {
        outcome = patch.put(chunk, Bytes::from(noise(300 + chunk, CHUNK_BYTES))).await;
        if outcome.is_err() {
            break;
        }
    }
    let error = match outcome {
        Ok(()) => patch.finish().await.err(),
        Err(error) => Some(error),
    };
    assert!(matches!(error, Some(Error::NoRoom { .. })), "{error:?}");
    let free = store.free_bytes().unwrap();
    assert!(free + (64 << 10) >= reserve_bytes, "{free} bytes are left");
    assert!(free < reserve_bytes + (3 << 20), "what is there beyond the reserve is used: {free}");
    session.abandon().await;
}

/// A content, and another that has every third of its chunks: every segment holds some of each.
async fn interleaved(store: &Store, roots: &Committed) -> [Content; 2] {
    let data = noise(1_000, 192 * CHUNK_BYTES);
    let whole = save(store, roots, &data).await;
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(None, data.len() as u64).await.unwrap();
    for at in (0..192).step_by(3) {
        patch.put(at, Bytes::copy_from_slice(&data[at as usize * CHUNK_BYTES..][..CHUNK_BYTES])).await.unwrap();
    }
    let third = patch.finish().await.unwrap();
    roots.add(third.root);
    session.finish().await;
    [whole, third]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_is_emptied_with_the_room_of_one_segment() {
    let Some(small) = Small::mount(24) else { return };
    let roots = Committed::default();
    let store = Store::open(small.dir.path(), Arc::new(MemoryIndex::new()), options()).await.unwrap();
    let [doomed, kept] = interleaved(&store, &roots).await;
    let before = read(&store, kept.root).await;
    roots.remove(doomed.root);
    // Eleven chunks stay of each segment's 32, and the sweep leaves one MiB for footers and names.
    small.fill(&store, (1 << 20) + (800 << 10));
    let free = store.free_bytes().unwrap();
    for _ in 0..2 {
        let report = store.sweep(&roots).await.unwrap();
        assert!(report.stopped.is_none(), "{report:?}");
    }
    let given_back = store.free_bytes().unwrap() - free;
    assert!(given_back > 7 << 20, "{given_back} of 8 MiB");
    assert_eq!(read(&store, kept.root).await, before);
    assert!(store.check(&roots).await.unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_without_room_drops_what_is_dead_and_eats_nothing() {
    let Some(small) = Small::mount(24) else { return };
    let roots = Committed::default();
    let store = Store::open(small.dir.path(), Arc::new(MemoryIndex::new()), options()).await.unwrap();
    let [doomed, kept] = interleaved(&store, &roots).await;
    let dead = save(&store, &roots, &noise(400, 3 << 20)).await;
    let before = read(&store, kept.root).await;
    roots.remove(doomed.root);
    small.fill(&store, 0);
    let report = store.sweep(&roots).await.unwrap();
    assert_eq!(report.dropped_bytes, 0);
    let report = store.sweep(&roots).await.unwrap();
    assert!(report.stopped.as_ref().is_some_and(Error::is_full), "{report:?}");
    assert!(store.free_bytes().unwrap() < 1 << 20, "only mixed segments were there");
    roots.remove(dead.root);
    for _ in 0..2 {
        store.sweep(&roots).await.unwrap();
    }
    // The dead segments gave the room for the mixed ones.
    let report = store.sweep(&roots).await.unwrap();
    assert!(report.stopped.is_none(), "{report:?}");
    assert!(store.free_bytes().unwrap() > 10 << 20);
    assert_eq!(read(&store, kept.root).await, before);
    assert!(store.check(&roots).await.unwrap().is_sound());
}
