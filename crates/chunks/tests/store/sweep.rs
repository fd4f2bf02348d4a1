//! The sweep: the things it takes, and those it must leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Error, Index, Options, Store};

use crate::support::{Place, chunk, noise, options, read, save};

#[tokio::test]
async fn unreachable_chunks_are_gone_after_two_sweeps_and_not_before() {
    let place = Place::new().await;
    let data = noise(1, 3_000_000);
    let content = place.save(&data).await;
    let kept = place.save(&noise(2, 1_000_000)).await;
    place.roots.remove(content.root);
    let first = place.store.sweep(&*place.roots).await.unwrap();
    assert!(first.condemned > 40 && first.removed == 0, "{first:?}");
    assert_eq!(read(&place.store, content.root).await, data, "readers are still served");
    let second = place.store.sweep(&*place.roots).await.unwrap();
    assert_eq!((second.condemned, second.removed), (0, first.condemned));
    assert!(second.dropped_bytes > 2_000_000, "{second:?}");
    assert_eq!(read(&place.store, kept.root).await.len(), 1_000_000);
    place.assert_sound().await;
    let report = place.store.check(&*place.roots).await.unwrap();
    assert_eq!(report.leftovers.chunks, 0);
}

#[tokio::test]
async fn a_save_writes_condemned_chunks_again() {
    let place = Place::new().await;
    let data = noise(3, 2_000_000);
    let content = place.save(&data).await;
    let before = place.index.locate(&[content.root]).await.unwrap()[0].unwrap();
    place.roots.remove(content.root);
    let session = {
        place.store.sweep(&*place.roots).await.unwrap();
        place.store.begin().await.unwrap()
    };
    let mut writer = session.writer();
    writer.write(Bytes::from(data.clone())).await.unwrap();
    let again = writer.finish().await.unwrap();
    let moved = place.index.locate(&[again.root]).await.unwrap()[0].unwrap();
    assert!(moved.condemned == 0 && moved.location != before.location, "condemned chunks are written again");
    // The session is all that protects it.
    place.sweep_out().await;
    place.roots.add(again.root);
    session.finish().await;
    place.sweep_out().await;
    assert_eq!(read(&place.store, again.root).await, data);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_chunk_that_is_reached_again_is_spared() {
    let place = Place::new().await;
    let data = noise(4, 1_000_000);
    let content = place.save(&data).await;
    place.roots.remove(content.root);
    place.store.sweep(&*place.roots).await.unwrap();
    place.roots.add(content.root);
    let report = place.store.sweep(&*place.roots).await.unwrap();
    assert!(report.spared > 10 && report.removed == 0);
    place.sweep_out().await;
    assert_eq!(read(&place.store, content.root).await, data);
}

#[tokio::test]
async fn a_live_session_keeps_what_it_found_and_what_it_pinned() {
    let place = Place::new().await;
    let (found, pinned) = (noise(5, 1_000_000), noise(6, 1_000_000));
    let base = place.save(&pinned).await;
    let old = place.save(&found).await;
    let session = place.store.begin().await.unwrap();
    let mut writer = session.writer();
    writer.write(Bytes::from(found.clone())).await.unwrap();
    let patch = session.patch(Some(base.root), 1_000_000).await.unwrap();
    let same = writer.finish().await.unwrap();
    place.roots.remove(old.root);
    place.roots.remove(base.root);
    place.sweep_out().await;
    let patched = patch.finish().await.unwrap();
    place.roots.add(same.root);
    place.roots.add(patched.root);
    session.finish().await;
    place.sweep_out().await;
    assert_eq!(read(&place.store, same.root).await, found);
    assert_eq!(read(&place.store, patched.root).await, pinned);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_save_that_takes_long_keeps_nothing_but_its_own() {
    let place = Place::new().await;
    let (own, base, others) = (noise(20, 5_000_000), noise(21, 3_000_000), noise(22, 6_000_000));
    let base_root = place.save(&base).await.root;
    let session = place.store.begin().await.unwrap();
    let finished = {
        let mut writer = session.writer();
        writer.write(Bytes::from(own[..3_500_000].to_vec())).await.unwrap();
        writer.finish().await.unwrap()
    };
    let mut writer = session.writer();
    writer.write(Bytes::from(own[..2_500_000].to_vec())).await.unwrap();
    let mut patch = session.patch(Some(base_root), 3_000_000).await.unwrap();
    for at in 0..40 {
        patch.put(at, Bytes::from(chunk(at * 4 + 2))).await.unwrap();
    }
    place.roots.remove(base_root);
    for round in 0..3_usize {
        let other = place.save(&others[round..]).await;
        place.roots.remove(other.root);
        let first = place.store.sweep(&*place.roots).await.unwrap();
        assert!(first.condemned > 90, "{first:?}");
        let second = place.store.sweep(&*place.roots).await.unwrap();
        assert!(second.removed > 90, "{second:?}");
        let at = 2_500_000 + round * 500_000;
        writer.write(Bytes::from(own[at..at + 500_000].to_vec())).await.unwrap();
    }
    // The pins of the moves before are gone.
    assert!(place.index.pinned_roots().await.unwrap().len() <= 4);
    writer.write(Bytes::from(own[4_000_000..].to_vec())).await.unwrap();
    let (whole, patched) = (writer.finish().await.unwrap(), patch.finish().await.unwrap());
    place.sweep_out().await;
    for root in [finished.root, whole.root, patched.root] {
        place.roots.add(root);
    }
    session.finish().await;
    place.sweep_out().await;
    assert_eq!(read(&place.store, finished.root).await, own[..3_500_000]);
    assert_eq!(read(&place.store, whole.root).await, own);
    let mut expected = base;
    for at in 0..40 {
        expected[at * CHUNK_BYTES..(at + 1) * CHUNK_BYTES].copy_from_slice(&chunk(at as u64 * 4 + 2));
    }
    assert_eq!(read(&place.store, patched.root).await, expected);
    place.assert_sound().await;
    let report = place.store.check(&*place.roots).await.unwrap();
    assert_eq!(report.leftovers.chunks, 0);
}

#[tokio::test]
async fn a_session_that_lapsed_cannot_end_its_save() {
    let place = Place::new().await;
    let options = Options { lease: std::time::Duration::from_millis(1), ..options() };
    let hung = Store::open(place.dir.path(), place.index.clone(), options).await.unwrap();
    let session = hung.begin().await.unwrap();
    let mut writer = session.writer();
    writer.write(Bytes::from(noise(7, 500_000))).await.unwrap();
    // A sweep does this when it finds the lease lapsed.
    place.index.end_session(session.id()).await.unwrap();
    assert!(matches!(writer.finish().await, Err(Error::SessionLost)));
    assert!(matches!(session.pin(chunks::Digest::of(b"x")).await, Err(Error::SessionLost)));
}

#[tokio::test]
async fn a_dropped_session_leaves_nothing_after_two_sweeps() {
    let place = Place::new().await;
    let session = place.store.begin().await.unwrap();
    let mut writer = session.writer();
    writer.write(Bytes::from(noise(8, 3_000_000))).await.unwrap();
    drop(writer);
    drop(session);
    while place.store.stats().await.unwrap().totals.sessions > 0 {
        tokio::task::yield_now().await;
    }
    place.sweep_out().await;
    let stats = place.store.stats().await.unwrap();
    assert_eq!((stats.totals.chunks, stats.segments, stats.file_bytes), (0, 0, 0), "{stats:?}");
}

#[tokio::test]
async fn segments_that_are_mostly_garbage_are_compacted_under_readers() {
    let place = Place::new().await;
    // Interleaved, so that every segment holds some of both.
    let session = place.store.begin().await.unwrap();
    let mut patches = Vec::new();
    for _ in 0..4 {
        patches.push(session.patch(None, 256 * CHUNK_BYTES as u64).await.unwrap());
    }
    for at in 0..256_u64 {
        for (number, patch) in (0_u64..).zip(&mut patches) {
            let data = noise(at * 10 + number, CHUNK_BYTES);
            patch.put(at, Bytes::from(data)).await.unwrap();
        }
    }
    let mut contents = Vec::new();
    for patch in patches {
        contents.push(patch.finish().await.unwrap());
    }
    contents.iter().for_each(|content| place.roots.add(content.root));
    session.finish().await;
    let reader = place.store.reader(contents[3].root).await.unwrap();
    let before = reader.read_at(0, usize::MAX >> 8).await.unwrap();
    for content in &contents[..3] {
        place.roots.remove(content.root);
    }
    let full = place.store.stats().await.unwrap().file_bytes;
    place.sweep_out().await;
    let left = place.store.stats().await.unwrap().file_bytes;
    assert!(left < full * 2 / 5, "{left} of {full}");
    assert_eq!(reader.read_at(0, usize::MAX >> 8).await.unwrap(), before);
    place.assert_sound().await;
}

#[tokio::test]
async fn only_one_sweep_works_at_a_time() {
    let place = Place::new().await;
    let other = place.second().await;
    let content = place.save(&noise(9, 2_000_000)).await;
    let (one, two) = tokio::join!(place.store.sweep(&*place.roots), other.sweep(&*place.roots));
    assert!(one.is_ok() || two.is_ok());
    for outcome in [one, two] {
        assert!(matches!(outcome, Ok(_) | Err(Error::Busy)));
    }
    assert_eq!(read(&other, content.root).await.len(), 2_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeps_of_another_process_beside_saves_and_deletions_take_nothing_that_is_reached() {
    let place = Place::new().await;
    let sweeper = place.second().await;
    let stop = Arc::new(AtomicBool::new(false));
    let sweeping = {
        let (stop, roots) = (stop.clone(), place.roots.clone());
        tokio::spawn(async move {
            let mut removed = 0;
            while !stop.load(Ordering::Relaxed) {
                removed += sweeper.sweep(&*roots).await.unwrap().removed;
            }
            removed
        })
    };
    // Few kinds of chunks, so that saves keep finding what is being condemned.
    let worker = |number: u64| {
        let (store, roots) = (place.store.clone(), place.roots.clone());
        tokio::spawn(async move {
            for round in 0..25 {
                let data: Vec<u8> = (0..40).flat_map(|at| chunk((at * 7 + round * number) % 50)).collect();
                let content = save(&store, &roots, &data).await;
                assert_eq!(read(&store, content.root).await, data);
                let session = store.begin().await.unwrap();
                let mut patch = session.patch(Some(content.root), data.len() as u64).await.unwrap();
                patch.put(round % 40, Bytes::from(chunk(round + 2))).await.unwrap();
                let patched = patch.finish().await.unwrap();
                roots.add(patched.root);
                session.finish().await;
                roots.remove(content.root);
                let read = read(&store, patched.root).await;
                let at = (round % 40) as usize * CHUNK_BYTES;
                assert_eq!(read[at..at + CHUNK_BYTES], chunk(round + 2));
                roots.remove(patched.root);
            }
        })
    };
    let workers = [worker(1), worker(2), worker(3)];
    for worker in workers {
        worker.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(sweeping.await.unwrap() > 0);
    place.assert_sound().await;
    place.sweep_out().await;
    assert_eq!(place.store.stats().await.unwrap().totals.chunks, 0);
}

#[tokio::test]
async fn unique_is_what_deleting_a_content_frees() {
    let place = Place::new().await;
    let shared = noise(10, 20 * CHUNK_BYTES);
    let one = place.save(&[shared.clone(), noise(11, 5 * CHUNK_BYTES)].concat()).await;
    let two = place.save(&[shared, noise(12, 7 * CHUNK_BYTES)].concat()).await;
    let usage = place.store.usage(one.root, &*place.roots).await.unwrap();
    assert_eq!(usage.logical_bytes, 25 * CHUNK_BYTES as u64);
    place.sweep_out().await;
    let before = place.store.stats().await.unwrap().totals.stored_bytes;
    place.roots.remove(one.root);
    place.sweep_out().await;
    let after = place.store.stats().await.unwrap().totals.stored_bytes;
    assert_eq!(before - after, usage.unique_bytes);
    place.roots.add(two.root);
    let twice = place.store.usage(two.root, &*place.roots).await.unwrap();
    assert_eq!(twice.unique_bytes, 0, "deleting one of two frees nothing");
}
