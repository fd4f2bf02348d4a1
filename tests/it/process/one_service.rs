//! One service for one PostgreSQL database.

use std::path::Path;

use crate::support::{Effigy, Postgres};

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

#[tokio::test]
async fn service_that_loses_its_lock_ends_and_another_may_start() {
    let (database, chunks) = (Postgres::database(), tempfile::tempdir().expect("a folder"));
    let mut effigy = Effigy::prepared_on(&database, &store_in(chunks.path()));
    effigy.run().await;
    Postgres::end_lock_of(&database);
    assert!(!effigy.ended().await.success());
    assert!(effigy.log().contains("lost the lock of the PostgreSQL database"), "{}", effigy.log());
    let mut other = Effigy::prepared_on(&database, &store_in(chunks.path()));
    other.run().await;
}
