//! Flipped bits, lost files: detected, quarantined, healed.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::FileExt;

use chunks::{Error, Problem, ScrubOptions, Store};
use futures::StreamExt;

use crate::support::{Place, chunk, noise, options, read};

/// Flips a bit in a segment, past the header of its file.
fn flip(file: &std::path::Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// Reads everything and returns the error that ends it, if one does; what came before is compared.
async fn read_checked(store: &Store, root: chunks::Digest, data: &[u8]) -> Option<Error> {
    let mut stream = match store.reader(root).await {
        Ok(reader) => Box::pin(reader.stream(0..u64::MAX)),
        Err(error) => return Some(error),
    };
    let mut at = 0;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => {
                assert_eq!(piece, data[at..at + piece.len()]);
                at += piece.len();
            }
            Err(error) => return Some(error),
        }
    }
    assert_eq!(at, data.len());
    None
}

#[tokio::test]
async fn a_flipped_bit_is_never_served_and_heals_when_saved_again() {
    for round in 0..60_u64 {
        let place = Place::new().await;
        let data: Vec<u8> = (0..12).flat_map(|seed| chunk(seed + 100 * round)).collect();
        let content = place.save(&data).await;
        place.store.close().await;
        let file = &place.segment_files()[0];
        let len = fs::metadata(file).unwrap().len();
        flip(file, 24 + (round * 7_919_113) % (len - 24));

        let store = place.second().await;
        let error = read_checked(&store, content.root, &data).await;
        let scrubbed = store.scrub(ScrubOptions::default()).await.unwrap();
        assert!(scrubbed.finished);
        // A bit of the footer hurts no content.
        assert_eq!(error.is_some(), !scrubbed.damaged.is_empty(), "{error:?} {scrubbed:?}");
        if let Some(Error::Damaged { digest, .. }) = &error {
            assert!(scrubbed.damaged.contains(digest));
        }
        let damaged: HashSet<_> = scrubbed.damaged.iter().copied().collect();
        let report = store.check(&*place.roots).await.unwrap();
        assert_eq!(report.is_sound(), damaged.is_empty());
        assert_eq!(store.hurt(&[content.root], &damaged).await.unwrap().len(), damaged.len());

        let again = crate::support::save(&store, &place.roots, &data).await;
        assert_eq!(again.root, content.root);
        assert_eq!(read(&store, content.root).await, data);
        let report = store.check(&*place.roots).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

#[tokio::test]
async fn a_reader_that_knew_the_old_place_reads_the_healed_chunk() {
    let place = Place::new().await;
    let data = noise(5, 300_000);
    let content = place.save(&data).await;
    let reader = place.store.reader(content.root).await.unwrap();
    // Long enough to go past the cache of chunks.
    assert_eq!(reader.read_at(0, 290_000).await.unwrap(), data[..290_000]);
    flip(&place.segment_files()[0], 70_000);
    assert!(matches!(reader.read_at(0, 290_000).await, Err(Error::Damaged { .. })));
    let other = place.second().await;
    crate::support::save(&other, &place.roots, &data).await;
    assert_eq!(reader.read_at(0, 290_000).await.unwrap(), data[..290_000]);
    assert_eq!(reader.read_at(0, 290_000).await.unwrap(), data[..290_000]);
}

#[tokio::test]
async fn a_lost_segment_is_found_and_heals() {
    let place = Place::new().await;
    let data = noise(6, 2_000_000);
    let content = place.save(&data).await;
    place.store.close().await;
    for (round, file) in place.segment_files().iter().enumerate() {
        match round % 2 {
            0 => fs::remove_file(file).unwrap(),
            _ => fs::OpenOptions::new().write(true).open(file).unwrap().set_len(100).unwrap(),
        }
    }
    let store = place.second().await;
    let report = store.check(&*place.roots).await.unwrap();
    assert!(!report.is_sound());
    assert!(report.problems.iter().any(|problem| matches!(problem, Problem::Row { .. })));
    assert!(store.reader(content.root).await.is_err());
    let scrubbed = store.scrub(ScrubOptions::default()).await.unwrap();
    assert!(!scrubbed.damaged.is_empty() && !scrubbed.unread.is_empty(), "cut and lost: {scrubbed:?}");
    crate::support::save(&store, &place.roots, &data).await;
    assert_eq!(read(&store, content.root).await, data);
    assert!(store.check(&*place.roots).await.unwrap().is_sound());
}

#[tokio::test]
async fn a_sweep_stops_before_it_deletes_what_an_unreadable_manifest_may_hold() {
    let place = Place::new().await;
    let data: Vec<u8> = (0..9).flat_map(chunk).collect();
    let content = place.save(&data).await;
    place.store.close().await;
    // The root is the last record before the footer.
    let file = place.segment_files().pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    let magic = bytes.windows(4).rposition(|window| window == b"EFRT" || window == b"EFCK").unwrap();
    flip(&file, magic as u64 + 4);
    let store = Store::open(place.dir.path(), place.index.clone(), options()).await.unwrap();
    let report = store.sweep(&*place.roots).await.unwrap();
    assert!(matches!(report.stopped, Some(Error::Damaged { digest, .. }) if digest == content.root));
    assert_eq!((report.condemned, report.removed), (0, 0));
    crate::support::save(&store, &place.roots, &data).await;
    store.sweep(&*place.roots).await.unwrap();
    assert_eq!(read(&store, content.root).await, data);
}

#[tokio::test]
async fn a_scrub_goes_on_where_the_last_one_stopped() {
    let place = Place::new().await;
    place.save(&noise(7, 3_000_000)).await;
    let none = ScrubOptions { time: Some(std::time::Duration::ZERO), ..ScrubOptions::default() };
    assert_eq!(place.store.scrub(none).await.unwrap().chunks, 0);
    let all = place.store.scrub(ScrubOptions::default()).await.unwrap();
    assert!(all.finished && all.chunks >= 46, "{all:?}");
    let rate = ScrubOptions { bytes_per_second: Some(30_000_000), ..ScrubOptions::default() };
    let begun = std::time::Instant::now();
    place.store.scrub(rate).await.unwrap();
    assert!(begun.elapsed().as_millis() >= 95);
}
