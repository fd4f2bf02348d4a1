//! A disk that fails for a while, and is well again.

use std::time::Duration;

use serde_json::Value;

use super::service;
use crate::support::{Effigy, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the service says that it is ready, or that it is not.
async fn readiness(effigy: &Effigy, wanted: bool) -> Value {
    let stranger = effigy.stranger();
    eventually("the service knows whether it is ready", PATIENCE, || async {
        let answer = stranger.get("/readyz").await;
        assert_eq!(answer.status == 200, answer.json()["ready"] == true);
        (answer.json()["ready"] == wanted).then(|| answer.json())
    })
    .await
}

#[tokio::test]
async fn readyz_tells_that_the_database_cannot_be_written_and_nothing_internal() {
    let (effigy, faults) = service().await;
    faults.lay("any */effigy.db-wal 1+ EIO");
    let unready = readiness(&effigy, false).await;
    assert_eq!(unready["database"], "cannot be written");
    assert_eq!(unready["store"], "ok");
    faults.lift();
    readiness(&effigy, true).await;
}

#[tokio::test]
async fn readyz_tells_that_the_store_cannot_be_written() {
    let (effigy, faults) = service().await;
    for rule in ["create */store/* 1+ ENOSPC", "sync */store/* 1+ EIO"] {
        faults.lay(rule);
        let unready = readiness(&effigy, false).await;
        assert_eq!((&unready["database"], &unready["store"]), (&"ok".into(), &"cannot be written".into()), "{rule}");
        faults.lift();
        readiness(&effigy, true).await;
    }
}

#[tokio::test]
async fn images_are_downloaded_while_the_database_cannot_be_written_and_their_events_follow() {
    let (effigy, faults) = service().await;
    let admin = effigy.admin().await;
    let image = admin.save_image("read", "raw", vec![7; 100_000]).await;
    faults.lay("any */effigy.db-wal 1+ ENOSPC");
    for _ in 0..3 {
        assert_eq!(admin.download(&image).await.expect(200).body.len(), 100_000);
    }
    faults.lift();
    eventually("the events of the downloads are in the audit", PATIENCE, || async {
        let events = admin.get("/effigy/v1/audit?action=image.download").await.expect(200).text();
        (events.matches("image.download").count() >= 3).then_some(())
    })
    .await;
}
