//! The store's index: every claim of the chunks' own suite, on both databases.

use std::time::Duration;

use chunks::{Digest, Index, Location, Row, SweepRow};
use effigy::db::chunks::StoreIndex;

use super::{Fresh, both, fresh_postgres, fresh_sqlite};

mod sqlite {
    chunks::index_suite!(super::index(super::fresh_sqlite()));
}

mod postgres {
    chunks::index_suite!(super::index(super::fresh_postgres()));
}

const LEASE: Duration = Duration::from_secs(60);

/// A fresh database, and the index of a store in it.
async fn index(fresh: impl Future<Output = Fresh>) -> (Fresh, StoreIndex) {
    let fresh = fresh.await;
    let index = fresh.db.store_index("local").await.unwrap();
    (fresh, index)
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
async fn segment(index: &StoreIndex) -> (u64, u64) {
    let owner = index.register_owner().await.unwrap();
    (owner, index.create_segment(owner, None).await.unwrap())
}

async fn located(index: &StoreIndex, seed: u64) -> Option<Row> {
    index.locate(&[digest(seed)]).await.unwrap()[0]
}

async fn sweep(index: &StoreIndex) -> SweepRow {
    let epoch = index.begin_sweep().await.unwrap();
    let horizon = index.oldest_session().await.unwrap().unwrap_or(epoch);
    SweepRow { epoch, horizon }
}

#[tokio::test]
async fn rows_of_one_store_are_nothing_to_another() {
    for Fresh { name, db, .. } in both().await {
        let (one, other) = (db.store_index("local").await.unwrap(), db.store_index("archive").await.unwrap());
        let (_, in_one) = segment(&one).await;
        let (owner, in_other) = segment(&other).await;
        assert_eq!(in_one, in_other, "{name}: each counts for itself");
        one.publish(in_one, &[row(1, in_one, 0), row(2, in_one, 0)]).await.unwrap();
        other.publish(in_other, &[row(1, in_other, 0)]).await.unwrap();
        let session = other.begin_session(owner, LEASE).await.unwrap();
        other.pin(session.id, digest(1)).await.unwrap();
        assert_eq!(one.pinned_roots().await.unwrap(), [], "{name}");
        assert_eq!(one.oldest_session().await.unwrap(), None, "{name}");
        assert_eq!(located(&other, 2).await, None, "{name}");

        let sweep = sweep(&one).await;
        assert_eq!(one.condemn(sweep, &[digest(1), digest(2)]).await.unwrap(), 2, "{name}");
        assert_eq!(located(&other, 1).await.unwrap().condemned, 0, "{name}");
        assert!(other.mark_damaged(digest(1), row(1, in_other, 0).location).await.unwrap(), "{name}");
        assert!(!located(&one, 1).await.unwrap().damaged, "{name}");
        assert_eq!((one.totals().await.unwrap().chunks, other.totals().await.unwrap().chunks), (2, 1), "{name}");
        assert_eq!(db.store_index("archive").await.unwrap().session_owners().await.unwrap(), [owner], "{name}");
    }
}
