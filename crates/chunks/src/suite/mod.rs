//! The claims that every index must keep, and an index in memory that keeps them.
//!
//! The feature `suite` brings both to whoever writes an index; no program is built with it.
//! [`index_suite!`](crate::index_suite) makes a test of each claim:
//!
//! ```ignore
//! chunks::index_suite!(async { ((), MemoryIndex::new()) });
//! ```
//!
//! Each claim is a function that takes a fresh index and panics when the index breaks it.
#![allow(clippy::unwrap_used, reason = "a claim stops at the first surprise")]

mod memory;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::{
    CHUNK_BYTES, Digest, ForeignError, Index, Location, Move, Options, Roots, Row, SegmentState, Store, SweepRow,
};

pub use memory::MemoryIndex;

const LEASE: Duration = Duration::from_secs(60);

/// Makes one test of each claim in [`suite`](crate::suite).
///
/// The expression is a future of a fresh index, and of what must be kept as long as the index is used.
#[macro_export]
macro_rules! index_suite {
    ($fresh:expr) => {
        $crate::index_suite! {
            $fresh =>
                published_chunks_are_located_in_the_order_of_the_question
                publishing_again_keeps_a_good_row_and_replaces_a_bad_one
                a_claim_and_a_condemnation_exclude_each_other
                a_session_ends_once_and_its_pins_outlive_it_until_the_next_sweep
                a_session_that_moves_on_counts_on_its_pins_and_on_younger_rows
                a_segment_is_dropped_only_when_no_row_points_into_it
                saves_beside_sweeps_of_another_process_lose_nothing
        }
    };
    ($fresh:expr => $($claim:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            let (_kept, index) = $fresh.await;
            $crate::suite::$claim(std::sync::Arc::new(index)).await;
        })*
    };
}

/// Rows are found in the order of the question, by segment and by digest, in pages.
pub async fn published_chunks_are_located_in_the_order_of_the_question(index: Arc<dyn Index>) {
    let (_, segment) = segment(&*index).await;
    let rows: Vec<Row> = (0..2_500).map(|seed| row(seed, segment, 0)).collect();
    index.publish(segment, &rows).await.unwrap();
    for count in [0, 1, 2, 31, 33, 999, 1_000] {
        let mut asked: Vec<Digest> = (0..count).map(|at| digest(at * 7)).collect();
        asked.reverse();
        let expected: Vec<Option<Row>> = (0..count).rev().map(|at| rows.get(at as usize * 7).copied()).collect();
        assert_eq!(index.locate(&asked).await.unwrap(), expected, "{count}");
        assert_eq!(index.claim(0, &asked).await.unwrap(), expected, "{count}");
    }
    assert_eq!(index.totals().await.unwrap().chunks, 2_500);
    assert_eq!(index.segment_end(segment).await.unwrap(), Some(24 + 2_499 * 100 + 48));
    assert_eq!(index.segment_end(segment + 1).await.unwrap(), None);
    let page = index.segment_rows(segment, 24 + 100 * 100, 3).await.unwrap();
    assert_eq!(page, rows[100..103]);
    let mut by_digest = rows.clone();
    by_digest.sort_by_key(|row| row.digest);
    assert_eq!(index.rows(None, 2).await.unwrap(), by_digest[..2]);
    assert_eq!(index.rows(Some(by_digest[1].digest), 5_000).await.unwrap(), by_digest[2..]);
}

/// A good row stays where it is when it is published again; a damaged one is replaced.
pub async fn publishing_again_keeps_a_good_row_and_replaces_a_bad_one(index: Arc<dyn Index>) {
    let (_, one) = segment(&*index).await;
    let (_, two) = segment(&*index).await;
    index.publish(one, &[row(1, one, 3), row(2, one, 3), row(3, one, 3)]).await.unwrap();
    assert!(index.mark_damaged(digest(2), row(2, one, 0).location).await.unwrap());
    assert!(!index.mark_damaged(digest(3), row(3, two, 0).location).await.unwrap(), "it lies elsewhere");
    assert!(index.mark_damaged(digest(3), row(3, one, 0).location).await.unwrap());
    assert!(!index.clear_damaged(digest(3), row(3, two, 0).location).await.unwrap(), "it lies elsewhere");
    assert!(index.clear_damaged(digest(3), row(3, one, 0).location).await.unwrap());
    assert!(!index.clear_damaged(digest(3), row(3, one, 0).location).await.unwrap(), "it has no mark any more");
    assert!(located(&*index, 3).await.unwrap().is_good());
    index.publish(two, &[row(1, two, 5), row(2, two, 2)]).await.unwrap();
    let kept = located(&*index, 1).await.unwrap();
    assert_eq!((kept.location.segment, kept.epoch), (one, 5));
    let healed = located(&*index, 2).await.unwrap();
    assert_eq!((healed.location.segment, healed.epoch, healed.damaged), (two, 3, false));
    index.seal_segment(one, 77).await.unwrap();
    assert!(index.publish(one, &[row(9, one, 0)]).await.is_err(), "the segment is sealed");
    assert!(located(&*index, 9).await.is_none());
}

/// A row that a session claimed is not condemned, and a condemned row is not claimed.
pub async fn a_claim_and_a_condemnation_exclude_each_other(index: Arc<dyn Index>) {
    let (owner, segment) = segment(&*index).await;
    index.publish(segment, &[row(1, segment, 0), row(2, segment, 0), row(3, segment, 0)]).await.unwrap();
    let first = sweep(&*index).await;
    let session = index.begin_session(owner, LEASE).await.unwrap();
    assert_eq!(session.epoch, first.epoch);
    assert!(index.claim(session.epoch, &[digest(1)]).await.unwrap()[0].is_some());
    let all = [digest(1), digest(2), digest(3)];
    assert_eq!(index.condemn(first, &all).await.unwrap(), 2, "what is claimed is out of reach");
    let claimed = index.claim(session.epoch, &all).await.unwrap();
    assert_eq!(claimed.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    assert!(located(&*index, 2).await.is_some(), "readers are served");
    assert_eq!(index.remove(first, &all).await.unwrap(), 0, "not in the same epoch");

    let second = sweep(&*index).await;
    assert_eq!(second.horizon, session.epoch, "the session still lives");
    assert_eq!(index.condemn(first, &[digest(1)]).await.unwrap(), 0, "an old sweep has no say");
    assert_eq!(index.spare(&[digest(2)]).await.unwrap(), 1);
    assert_eq!(index.remove(second, &all).await.unwrap(), 1);
    assert!(located(&*index, 3).await.is_none());
    assert!(located(&*index, 2).await.unwrap().is_good());
}

/// A session ends once; its pins hold until the next sweep begins.
pub async fn a_session_ends_once_and_its_pins_outlive_it_until_the_next_sweep(index: Arc<dyn Index>) {
    let owner = index.register_owner().await.unwrap();
    let session = index.begin_session(owner, LEASE).await.unwrap();
    let other = index.begin_session(owner + 1, Duration::ZERO).await.unwrap();
    assert!(session.id != other.id);
    assert_eq!(index.session_owners().await.unwrap(), [owner, owner + 1]);
    assert!(index.pin(session.id, digest(1)).await.unwrap());
    assert!(index.pin(session.id, digest(1)).await.unwrap(), "twice is once");
    assert!(index.renew_session(session.id, LEASE).await.unwrap());
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(index.end_lapsed_sessions().await.unwrap(), 1);
    assert!(!index.renew_session(other.id, LEASE).await.unwrap());
    assert!(!index.pin(other.id, digest(2)).await.unwrap());
    index.end_session(session.id).await.unwrap();
    assert_eq!(index.oldest_session().await.unwrap(), None);
    assert_eq!(index.pinned_roots().await.unwrap(), [digest(1)]);
    sweep(&*index).await;
    assert_eq!(index.pinned_roots().await.unwrap(), []);
    assert_eq!(index.totals().await.unwrap().sessions, 0);
    index.begin_session(owner, LEASE).await.unwrap();
    assert_eq!(index.end_sessions_of(owner).await.unwrap(), 1);
}

/// A session that moves on lets older rows go, but for those that it pins.
pub async fn a_session_that_moves_on_counts_on_its_pins_and_on_younger_rows(index: Arc<dyn Index>) {
    let owner = index.register_owner().await.unwrap();
    let session = index.begin_session(owner, LEASE).await.unwrap();
    index.pin(session.id, digest(1)).await.unwrap();
    let first = sweep(&*index).await;
    assert_eq!(first.horizon, session.epoch);
    assert!(index.move_session(session.id, first.epoch, &[digest(2), digest(3)], &[]).await.unwrap());
    assert_eq!(index.oldest_session().await.unwrap(), Some(first.epoch));
    let second = sweep(&*index).await;
    assert!(index.move_session(session.id, second.epoch, &[digest(3), digest(4)], &[digest(2)]).await.unwrap());
    let mut pinned = index.pinned_roots().await.unwrap();
    pinned.sort();
    let mut expected = [1, 3, 4].map(digest);
    expected.sort();
    assert_eq!(pinned, expected);
    index.end_session(session.id).await.unwrap();
    assert!(!index.move_session(session.id, second.epoch + 1, &[digest(5)], &[digest(1)]).await.unwrap());
    assert_eq!(index.pinned_roots().await.unwrap().len(), 3, "an ended session is left as it was");
}

/// A segment with rows is not dropped, and rows do not move into a sealed one.
pub async fn a_segment_is_dropped_only_when_no_row_points_into_it(index: Arc<dyn Index>) {
    let (owner, one) = segment(&*index).await;
    let (_, two) = segment(&*index).await;
    index.publish(one, &[row(1, one, 0)]).await.unwrap();
    index.seal_segment(one, 500).await.unwrap();
    assert!(!index.drop_segment(one).await.unwrap());
    let (from, to) = (row(1, one, 0).location, Location { start: 4_000, ..row(1, two, 0).location });
    let step = Move { digest: digest(1), from, to };
    let gone = Move { from: to, ..step };
    assert_eq!(index.relocate(two, &[gone]).await.unwrap(), 0, "it lies elsewhere");
    assert_eq!(index.relocate(two, &[step]).await.unwrap(), 1);
    assert!(index.relocate(one, &[gone]).await.is_err(), "not into a sealed one");
    assert_eq!(located(&*index, 1).await.unwrap().location, to);
    assert!(index.drop_segment(one).await.unwrap());
    let rows = index.segments(0, 10).await.unwrap();
    assert_eq!((rows[0].state, rows[0].file_bytes, rows[0].owner), (SegmentState::Dropping, 500, owner));
    assert_eq!(rows[1].state, SegmentState::Open);
    index.forget_segment(one).await.unwrap();
    assert_eq!(index.segments(0, 10).await.unwrap().len(), 1);
    assert_eq!(index.segments(two, 10).await.unwrap(), []);
    index.set_scrub_position(9).await.unwrap();
    assert_eq!(index.scrub_position().await.unwrap(), 9);
}

/// Two savers beside a sweeper on the same index: every content reads back, and nothing is left at the end.
pub async fn saves_beside_sweeps_of_another_process_lose_nothing(index: Arc<dyn Index>) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let open = || Store::open(folder.path(), index.clone(), options.clone());
    let (store, sweeper) = (open().await.unwrap(), open().await.unwrap());
    let roots = Arc::new(Committed(Mutex::default()));
    let worker = |number: u64| {
        let (store, roots) = (store.clone(), roots.clone());
        tokio::spawn(async move {
            for round in 0..6 {
                let data: Vec<u8> = (0..20).flat_map(|at| chunk((at * 3 + round * number) % 25)).collect();
                let session = store.begin().await.unwrap();
                let mut writer = session.writer();
                writer.write(Bytes::from(data.clone())).await.unwrap();
                let content = writer.finish().await.unwrap();
                roots.0.lock().unwrap().push(content.root);
                session.finish().await;
                let reader = store.reader(content.root).await.unwrap();
                assert_eq!(reader.read_at(0, data.len()).await.unwrap(), data);
                let mut roots = roots.0.lock().unwrap();
                let at = roots.iter().position(|root| *root == content.root).unwrap();
                roots.swap_remove(at);
            }
        })
    };
    let workers = [worker(1), worker(2)];
    let mut removed = 0;
    while !workers.iter().all(tokio::task::JoinHandle::is_finished) {
        removed += sweeper.sweep(&*roots).await.unwrap().removed;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    for store in [&store, &sweeper, &store, &sweeper] {
        removed += store.sweep(&*roots).await.unwrap().removed;
    }
    assert!(removed > 0);
    assert!(store.check(&*roots).await.unwrap().is_sound());
    assert_eq!(store.stats().await.unwrap().totals.chunks, 0);
}

fn digest(seed: u64) -> Digest {
    Digest::of(&seed.to_le_bytes())
}

fn row(seed: u64, segment: u64, epoch: u64) -> Row {
    let location = Location { segment, start: 24 + seed * 100, stored_bytes: 48, raw_bytes: 65_536 };
    let content_bytes = (seed % 2 == 1).then_some(seed);
    Row { digest: digest(seed), location, epoch, condemned: 0, damaged: false, content_bytes }
}

/// An owner with an open segment.
async fn segment(index: &dyn Index) -> (u64, u64) {
    let owner = index.register_owner().await.unwrap();
    (owner, index.create_segment(owner, None).await.unwrap())
}

async fn located(index: &dyn Index, seed: u64) -> Option<Row> {
    index.locate(&[digest(seed)]).await.unwrap()[0]
}

async fn sweep(index: &dyn Index) -> SweepRow {
    let epoch = index.begin_sweep().await.unwrap();
    let horizon = index.oldest_session().await.unwrap().unwrap_or(epoch);
    SweepRow { epoch, horizon }
}

struct Committed(Mutex<Vec<Digest>>);

#[async_trait::async_trait]
impl Roots for Committed {
    async fn roots(&self) -> Result<Vec<Digest>, ForeignError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

fn chunk(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; CHUNK_BYTES];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
