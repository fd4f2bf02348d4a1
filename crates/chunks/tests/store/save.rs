//! Saved contents are read back.

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Content, Digest, Error};
use proptest::prelude::*;

use crate::support::{Place, chunk, noise, read};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Contents made of a few kinds of chunks, with an odd tail.
fn content() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(0_u64..12, 0..80), 0_usize..CHUNK_BYTES).prop_map(|(seeds, tail)| {
        let mut data: Vec<u8> = seeds.into_iter().flat_map(chunk).collect();
        data.extend(noise(99, tail));
        data
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn saved_bytes_are_read_back_at_any_range(
        data in content(),
        cuts in prop::collection::vec(1_usize..400_000, 1..20),
        ranges in prop::collection::vec((0_u64..6_000_000, 0_usize..3_000_000), 1..12),
    ) {
        runtime().block_on(async {
            let place = Place::new().await;
            let session = place.store.begin().await.unwrap();
            let mut writer = session.writer();
            let (mut rest, mut cuts) = (&data[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
                rest = more;
            }
            let content = writer.finish().await.unwrap();
            prop_assert_eq!(content.size_bytes, data.len() as u64);
            place.roots.add(content.root);
            session.finish().await;
            prop_assert_eq!(&read(&place.store, content.root).await, &data);
            let reader = place.store.reader(content.root).await.unwrap();
            for (offset, len) in ranges {
                let start = (offset as usize).min(data.len());
                let end = (start + len).min(data.len());
                let bytes = reader.read_at(offset, len).await.unwrap();
                prop_assert_eq!(&bytes[..], if offset > data.len() as u64 { &[][..] } else { &data[start..end] });
            }
            place.assert_sound().await;
            Ok(())
        })?;
    }

    #[test]
    fn a_patch_equals_the_same_content_written_whole(
        base in prop::collection::vec(0_u64..30, 0..60),
        longer in 0_usize..20,
        changes in prop::collection::btree_map(0_usize..80, 0_u64..40, 0..30),
    ) {
        runtime().block_on(async {
            let place = Place::new().await;
            let before: Vec<u8> = base.iter().flat_map(|seed| chunk(*seed)).collect();
            let base = place.save(&before).await;
            let count = before.len() / CHUNK_BYTES + longer;
            let mut after = before.clone();
            after.resize(count * CHUNK_BYTES, 0);
            let session = place.store.begin().await.unwrap();
            let mut patch = session.patch(Some(base.root), after.len() as u64).await.unwrap();
            for (at, seed) in changes.iter().filter(|(at, _)| **at < count) {
                let data = chunk(*seed);
                after[at * CHUNK_BYTES..(at + 1) * CHUNK_BYTES].copy_from_slice(&data);
                if seed % 4 == 0 {
                    patch.zero(*at as u64).await.unwrap();
                } else {
                    patch.put(*at as u64, Bytes::from(data)).await.unwrap();
                }
            }
            let patched = patch.finish().await.unwrap();
            place.roots.add(patched.root);
            session.finish().await;
            prop_assert_eq!(read(&place.store, patched.root).await, after.clone());
            let stored_bytes = place.stored_bytes().await;
            let whole = place.save(&after).await;
            prop_assert_eq!(whole.root, patched.root);
            prop_assert_eq!(place.stored_bytes().await, stored_bytes);
            place.assert_sound().await;
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn equal_contents_are_stored_once() {
    let place = Place::new().await;
    let data: Vec<u8> = (0..40).flat_map(chunk).collect();
    let first = place.save(&data).await;
    let stored_bytes = place.stored_bytes().await;
    let second = place.save(&data).await;
    assert_eq!((first.root, first.stored_bytes), (second.root, second.stored_bytes));
    assert_eq!(place.stored_bytes().await, stored_bytes);
}

/// Saves a file and its disk in one session: the disk has a chunk of the file by its digest, another by its bytes, and
/// two of its own, one of them twice.
async fn save_both(place: &Place) -> [Content; 2] {
    let session = place.store.begin().await.unwrap();
    let mut file = session.writer();
    file.write(Bytes::from(noise(70, 3 * CHUNK_BYTES))).await.unwrap();
    let file = file.finish().await.unwrap();
    let mut disk = session.patch(None, 1 << 30).await.unwrap();
    let shared = place.store.reader(file.root).await.unwrap().chunk_digest(1).await.unwrap().unwrap();
    disk.put_digest(0, shared).await.unwrap();
    for (at, data) in [(1, noise(70, CHUNK_BYTES)), (2, chunk(73)), (3, chunk(77)), (4, chunk(73))] {
        disk.put(at, Bytes::from(data)).await.unwrap();
    }
    let disk = disk.finish().await.unwrap();
    session.finish().await;
    [file, disk]
}

#[tokio::test]
async fn a_figure_tells_nothing_of_what_others_keep() {
    let (empty, used) = (Place::new().await, Place::new().await);
    used.save(&[chunk(73), chunk(77)].concat()).await;
    // Somebody made the same file by a patch, which counts a chunk as often as it replaces it.
    let (data, other) = (noise(70, 3 * CHUNK_BYTES), noise(71, CHUNK_BYTES));
    let base = used.save(&[&data[..CHUNK_BYTES], &other, &other].concat()).await;
    let session = used.store.begin().await.unwrap();
    let mut patch = session.patch(Some(base.root), data.len() as u64).await.unwrap();
    for at in 1..3 {
        patch.put(at as u64, Bytes::copy_from_slice(&data[at * CHUNK_BYTES..][..CHUNK_BYTES])).await.unwrap();
    }
    let patched = patch.finish().await.unwrap();
    session.finish().await;
    let fresh = save_both(&empty).await;
    let found = save_both(&used).await;
    assert_eq!(patched.root, fresh[0].root);
    for (fresh, found) in fresh.into_iter().zip(found) {
        assert_eq!(fresh.root, found.root);
        assert_eq!((fresh.stored_bytes, fresh.further_bytes), (found.stored_bytes, found.further_bytes));
    }
    let [file, disk] = fresh;
    assert_eq!((file.stored_bytes, file.further_bytes), (data.len() as u64, data.len() as u64));
    assert_eq!(disk.stored_bytes - disk.further_bytes, 2 * CHUNK_BYTES as u64, "two chunks are the file's");
    assert!(disk.further_bytes > 0);
}

#[tokio::test]
async fn zeroes_take_no_space() {
    let place = Place::new().await;
    let session = place.store.begin().await.unwrap();
    let patch = session.patch(None, 1 << 40).await.unwrap();
    let content = patch.finish().await.unwrap();
    assert_eq!(content.stored_bytes, 0);
    assert!(place.stored_bytes().await < 1_000);
    let reader = place.store.reader(content.root).await.unwrap();
    assert_eq!(reader.read_at((1 << 40) - 3, 10).await.unwrap(), [0; 3][..]);
    assert_eq!(reader.present(0..4).await.unwrap(), [false; 4]);
    assert_eq!(reader.chunk_digest(7).await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_content_is_a_content() {
    let place = Place::new().await;
    let content = place.save(&[]).await;
    assert_eq!(content.size_bytes, 0);
    assert!(read(&place.store, content.root).await.is_empty());
}

#[tokio::test]
async fn a_chunk_of_another_content_is_taken_by_its_digest() {
    let place = Place::new().await;
    let data: Vec<u8> = (0..8).flat_map(chunk).collect();
    let content = place.save(&data).await;
    let reader = place.store.reader(content.root).await.unwrap();
    let digest = reader.chunk_digest(2).await.unwrap().unwrap();
    let session = place.store.begin().await.unwrap();
    let mut patch = session.patch(None, 3 * CHUNK_BYTES as u64).await.unwrap();
    patch.put_digest(1, digest).await.unwrap();
    let copy = patch.finish().await.unwrap();
    let copied = place.store.reader(copy.root).await.unwrap();
    assert_eq!(copied.read_at(CHUNK_BYTES as u64, CHUNK_BYTES).await.unwrap(), chunk(2));
    assert_eq!(copied.present(0..3).await.unwrap(), [false, true, false]);
    // Neither an unknown chunk nor a manifest can be taken.
    for wrong in [Digest::of(b"nothing"), content.root] {
        let mut patch = session.patch(None, 3 * CHUNK_BYTES as u64).await.unwrap();
        patch.put_digest(1, wrong).await.unwrap();
        assert!(matches!(patch.finish().await, Err(Error::Missing(missing)) if missing == wrong));
    }
}

#[tokio::test]
async fn impossible_changes_in_a_patch_are_refused() {
    let place = Place::new().await;
    let content = place.save(&chunk(2)).await;
    let session = place.store.begin().await.unwrap();
    let data = || Bytes::from(chunk(3));
    assert!(matches!(session.patch(Some(content.root), 7).await.err(), Some(Error::Invalid(_))));
    assert!(matches!(session.patch(None, u64::MAX).await.err(), Some(Error::Invalid(_))));
    let mut patch = session.patch(None, 2 * CHUNK_BYTES as u64 - 1).await.unwrap();
    assert!(matches!(patch.put(0, Bytes::from_static(b"short")).await, Err(Error::Invalid(_))));
    assert!(matches!(patch.put(1, data()).await, Err(Error::Invalid(_))), "the tail is not zero");
    assert!(matches!(patch.put(2, data()).await, Err(Error::Invalid(_))), "past the end");
    patch.zero(1).await.unwrap();
    assert!(matches!(patch.put(0, data()).await, Err(Error::Invalid(_))), "out of order");
}

#[tokio::test]
async fn a_patch_writes_only_what_changed() {
    let place = Place::new().await;
    let data = noise(1, 2_000 * CHUNK_BYTES);
    let base = place.save(&data).await;
    let before = place.stored_bytes().await;
    let session = place.store.begin().await.unwrap();
    let mut patch = session.patch(Some(base.root), 4 << 40).await.unwrap();
    patch.put(1_000, Bytes::from(chunk(2))).await.unwrap();
    let content = patch.finish().await.unwrap();
    // The chunk, one leaf of 2,000 digests, and a root of 16,384 leaves that are nearly all zero.
    let written = place.stored_bytes().await - before;
    assert!(written < 3 * CHUNK_BYTES as u64, "{written}");
    assert_eq!(content.stored_bytes, base.stored_bytes);
}

#[tokio::test]
async fn two_writers_of_the_same_content_at_once_end_with_one() {
    let place = Place::new().await;
    let other = place.second().await;
    let data: Vec<u8> = (0..400).flat_map(chunk).collect();
    let save = |store: chunks::Store| {
        let data = Bytes::from(data.clone());
        let roots = place.roots.clone();
        tokio::spawn(async move {
            let session = store.begin().await.unwrap();
            let (mut one, mut two) = (session.writer(), session.writer());
            for piece in data.chunks(100_000) {
                one.write(data.slice_ref(piece)).await.unwrap();
                two.write(data.slice_ref(piece)).await.unwrap();
            }
            let (one, two) = (one.finish().await.unwrap(), two.finish().await.unwrap());
            assert_eq!((one.root, one.stored_bytes), (two.root, two.stored_bytes));
            roots.add(one.root);
            session.finish().await;
            one.root
        })
    };
    let saves = [save(place.store.clone()), save(place.store.clone()), save(other.clone())];
    for saved in saves {
        assert_eq!(read(&other, saved.await.unwrap()).await, data);
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn a_reader_of_a_content_that_is_not_there_is_told_so() {
    let place = Place::new().await;
    let data = chunk(2);
    place.save(&data).await;
    let root = Digest::of(b"nothing");
    assert!(matches!(place.store.reader(root).await.err(), Some(Error::Missing(missing)) if missing == root));
    let no_root = place.store.reader(Digest::of(&data)).await.err();
    assert!(matches!(no_root, Some(Error::NotAManifest { .. })));
}
