//! Rot that nobody has noticed, and outages that look like it.

use std::os::unix::fs::FileExt as _;
use std::{fs, path::Path};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Error, Index as _, ScrubOptions, Session, Store};

use crate::support::{Place, noise, read, save};

const RECORD_HEADER: usize = 52;

/// Flips a bit in the payload of every record, so that no chunk, leaf or root can be read.
fn rot(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap();
    let records: Vec<usize> = (0..bytes.len() - RECORD_HEADER).filter(|at| &bytes[*at..*at + 4] == b"EFCK").collect();
    let file = fs::OpenOptions::new().write(true).open(file).unwrap();
    for at in &records {
        let at = at + RECORD_HEADER + 3;
        file.write_all_at(&[bytes[at] ^ 4], at as u64).unwrap();
    }
    records.len()
}

/// A content in a store whose every record is rotten, and that store opened by a process that has read none of it.
async fn rotten(data: &[u8]) -> (Place, Store) {
    let place = Place::new().await;
    place.save(data).await;
    place.store.close().await;
    let records: usize = place.segment_files().iter().map(|file| rot(file)).sum();
    assert!(records >= data.len() / CHUNK_BYTES + 2);
    let store = place.second().await;
    (place, store)
}

async fn patched(session: &Session, data: &[u8]) -> chunks::Content {
    let mut patch = session.patch(None, data.len() as u64).await.unwrap();
    for (at, chunk) in (0..).zip(data.chunks(CHUNK_BYTES)) {
        patch.put(at, Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    patch.finish().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_save_stands_on_rot_whatever_its_road() {
    let data = noise(80, 40 * CHUNK_BYTES);
    let source = Place::new().await;
    let original = source.save(&data).await;
    for road in ["writer", "patch", "copy"] {
        let (place, store) = rotten(&data).await;
        let session = store.begin().await.unwrap();
        let content = match road {
            "writer" => save(&store, &place.roots, &data).await,
            "patch" => patched(&session, &data).await,
            _ => session.copy(&source.store.reader(original.root).await.unwrap()).await.unwrap(),
        };
        place.roots.add(content.root);
        session.finish().await;
        // Another process: what this one knows helps it in nothing.
        let store = place.second().await;
        assert!(read(&store, content.root).await == data, "{road}");
        let scrubbed = store.scrub(ScrubOptions::default()).await.unwrap();
        assert!(scrubbed.damaged.is_empty(), "{road}: {scrubbed:?}");
        place.assert_sound().await;
    }
}

#[tokio::test]
async fn a_chunk_named_by_its_digest_alone_is_not_counted_on_when_it_is_rotten() {
    let data = noise(81, 4 * CHUNK_BYTES);
    let (_place, store) = rotten(&data).await;
    let session = store.begin().await.unwrap();
    let mut patch = session.patch(None, CHUNK_BYTES as u64).await.unwrap();
    patch.put_digest(0, chunks::Digest::of(&data[..CHUNK_BYTES])).await.unwrap();
    let saved = patch.finish().await;
    assert!(matches!(saved, Err(Error::Damaged { .. })), "{saved:?}");
    session.abandon().await;
}

#[tokio::test]
async fn a_store_that_is_away_for_a_while_is_not_damaged() {
    let place = Place::new().await;
    let data = noise(82, 40 * CHUNK_BYTES);
    let content = place.save(&data).await;
    place.store.close().await;
    let store = place.second().await;
    let (folder, away) = (place.dir.path().join("segments"), place.dir.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    fs::create_dir(&folder).unwrap();
    assert!(matches!(store.reader(content.root).await.err(), Some(Error::Io { .. })));
    assert!(matches!(store.scrub(ScrubOptions::default()).await, Err(Error::Io { .. })));
    let session = store.begin().await.unwrap();
    let mut writer = session.writer();
    let written = writer.write(Bytes::from(data.clone())).await;
    let saved = match written {
        Ok(()) => writer.finish().await,
        Err(error) => Err(error),
    };
    assert!(matches!(saved, Err(Error::Io { .. })), "{saved:?}");
    session.abandon().await;
    fs::remove_dir(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(store.stats().await.unwrap().totals.damaged, 0);
    assert_eq!(read(&store, content.root).await, data);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_mark_that_is_not_true_is_cleared_by_a_scrub_and_by_a_read() {
    for by in ["scrub", "read"] {
        let place = Place::new().await;
        let data = noise(83, 6 * CHUNK_BYTES);
        let content = place.save(&data).await;
        place.store.close().await;
        let rows = place.index.rows(None, 100).await.unwrap();
        for row in &rows {
            assert!(place.index.mark_damaged(row.digest, row.location).await.unwrap());
        }
        let store = place.second().await;
        assert!(!store.check(&*place.roots).await.unwrap().is_sound());
        if by == "scrub" {
            assert!(store.scrub(ScrubOptions::default()).await.unwrap().damaged.is_empty());
        } else {
            assert_eq!(read(&store, content.root).await, data);
            store.reader(content.root).await.unwrap();
        }
        assert_eq!(store.stats().await.unwrap().totals.damaged, 0, "{by}");
        assert!(store.check(&*place.roots).await.unwrap().is_sound(), "{by}");
    }
}

#[tokio::test]
async fn a_segment_that_was_deleted_is_told_by_check_and_heals_with_the_next_save() {
    let place = Place::new().await;
    let data = noise(84, 40 * CHUNK_BYTES);
    let content = place.save(&data).await;
    place.store.close().await;
    for file in place.segment_files() {
        fs::remove_file(file).unwrap();
    }
    let store = place.second().await;
    assert!(
        matches!(store.reader(content.root).await.err(), Some(Error::Io { .. })),
        "an outage, as far as a read can tell"
    );
    assert_eq!(store.stats().await.unwrap().totals.damaged, 0);
    assert!(!store.check(&*place.roots).await.unwrap().is_sound());
    save(&store, &place.roots, &data).await;
    assert_eq!(read(&store, content.root).await, data);
    assert!(store.check(&*place.roots).await.unwrap().is_sound());
}

#[tokio::test]
async fn space_that_another_process_gives_back_is_free_within_seconds() {
    let place = Place::new().await;
    let content = place.save(&noise(85, 30 * CHUNK_BYTES)).await;
    place.store.close().await;
    let reading = place.second().await;
    read(&reading, content.root).await;
    let held = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| fs::read_link(file.unwrap().path()).ok());
        let folder = place.dir.path().to_string_lossy().into_owned();
        open.filter(|path| {
            let path = path.to_string_lossy();
            path.starts_with(&folder) && path.contains(".segment") && path.ends_with("(deleted)")
        })
        .count()
    };
    for file in place.segment_files() {
        fs::remove_file(file).unwrap();
    }
    assert!(held() > 0);
    // Far below the minute after which a handle is closed because nobody used it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while held() > 0 {
        assert!(std::time::Instant::now() < deadline, "removed files are still open");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
