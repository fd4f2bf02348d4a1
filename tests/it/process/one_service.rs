//! One service for one PostgreSQL database.

use std::{path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Effigy, Postgres, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of a store that services with data folders of their own find.
fn store_in(folder: &Path) -> String {
    format!("[stores.local]\nfolder = \"{}\"\n", folder.display())
}

#[tokio::test]
async fn second_service_on_the_same_database_is_refused_and_says_why() {
    let (database, chunks) = (Postgres::database(), tempfile::tempdir().expect("a folder"));
    let mut first = Effigy::prepared_on(&database, &store_in(chunks.path()));
    first.run().await;
    let second = Effigy::prepared_on(&database, &store_in(chunks.path()));
    let output = second.output(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("another effigy serves this PostgreSQL database") && said.contains("database.url"), "{said}");
    first.stranger().get("/readyz").await.expect(200);
    assert!(first.stop().await.success());
    let mut second = second;
    second.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_beside_the_service() {
    let mut effigy = Effigy::prepared_on(&Postgres::database(), "");
    effigy.run().await;
    effigy.admin().await.save_image("kept", "raw", vec![1; 100_000]).await;
    for command in [["admin", "project", "create", "web"].as_slice(), &["admin", "user", "list"], &["store", "check"]] {
        let output = effigy.output(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn killed_service_starts_again_at_once() {
    let mut effigy = Effigy::prepared_on(&Postgres::database(), "");
    effigy.run().await;
    for _ in 0..3 {
        effigy.kill9();
        effigy.run().await;
    }
    effigy.stranger().get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_loses_its_lock_takes_it_again_and_goes_on() {
    let database = Postgres::database();
    let mut effigy = Effigy::prepared_on(&database, "");
    effigy.run().await;
    let admin = effigy.admin().await;
    for _ in 0..3 {
        Postgres::end_lock_of(&database);
        eventually("an image is made", PATIENCE, || async {
            let body = json!({"name": "a", "disk_format": "raw", "container_format": "bare"});
            (admin.post("/image/v2/images", body).await.status == 201).then_some(())
        })
        .await;
        eventually("the lock is held", PATIENCE, || async { Postgres::lock_is_held(&database).then_some(()) }).await;
    }
    assert!(effigy.log().contains("lost the lock of the PostgreSQL database"), "{}", effigy.log());
    assert!(effigy.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_ends_when_another_has_had_its_lock() {
    let (database, chunks) = (Postgres::database(), tempfile::tempdir().expect("a folder"));
    let mut first = Effigy::prepared_on(&database, &store_in(chunks.path()));
    first.run().await;
    first.signal(Signal::STOP);
    Postgres::end_lock_of(&database);
    let mut second = Effigy::prepared_on(&database, &store_in(chunks.path()));
    second.run().await;
    // The lock is free again, and not the first one's to take.
    assert!(second.stop().await.success());
    first.signal(Signal::CONT);
    assert!(!first.ended().await.success());
    assert!(first.log().contains("another service has had it"), "{}", first.log());
    second.run().await;
}
