//! Crowds of requests: a project's crowd waits in a line of its own and takes nothing from the others.

use std::process::Child;

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Answer, Effigy, People, Person, Postgres};

/// A service whose changes of images wait for as long as the last of these is there.
async fn held_service(postgres: &Postgres, database: &str) -> (Effigy, People, Child) {
    let mut effigy = Effigy::prepared_on(database, "");
    effigy.run().await;
    let people = effigy.people().await;
    let held = tokio::task::block_in_place(|| postgres.hold(database, "images"));
    (effigy, people, held)
}

/// The answers of a crowd, as they come; it goes home when they are dropped.
fn crowd(person: &Person, count: usize) -> JoinSet<Answer> {
    let image = json!({"name": "crowd", "disk_format": "raw", "container_format": "bare"});
    let one = |_| {
        let (person, image) = (person.clone(), image.clone());
        async move { person.post("/image/v2/images", image).await }
    };
    (0..count).map(one).collect()
}

/// How many requests of projects wait.
async fn waiting(effigy: &Effigy) -> usize {
    let metrics = effigy.metrics().await;
    let line = "effigy_requests_waiting{of=\"projects\"} ";
    metrics.lines().find_map(|found| found.strip_prefix(line)).map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn crowd_of_a_project_takes_no_connection_from_another() {
    let postgres = Postgres::alone();
    let database = postgres.fresh();
    let (_effigy, People { alice, bob, .. }, _held) = held_service(&postgres, &database).await;
    let mut crowd = crowd(&alice, 100);
    let some_wait = "exists (select 1 from pg_stat_activity where wait_event_type = 'Lock')";
    tokio::task::block_in_place(|| postgres.wait_until(&database, some_wait));
    // It is a change, too: its statement finds a connection of those that change, before any of the crowd's is given up.
    bob.post("/compute/v2.1/os-keypairs", json!({"keypair": {"name": "own"}})).await.expect(200);
    let answered = crowd.try_join_next().map(|answer| answer.expect("an answer"));
    assert!(answered.is_none(), "the crowd was waited for: {answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn project_with_a_full_line_is_told_to_ask_again() {
    let postgres = Postgres::alone();
    let (effigy, People { alice, bob, .. }, _held) = held_service(&postgres, &postgres.fresh()).await;
    // More than the places and the line of one project.
    let mut crowd = crowd(&alice, 300);
    let first = crowd.join_next().await.expect("a crowd").expect("an answer");
    let first = first.expect(429);
    assert!(first.text().contains("your project has more requests under way"), "{}", first.text());
    assert!(first.header("retry-after").is_some());
    assert!(waiting(&effigy).await > 0);
    bob.get("/image/v2/images").await.expect(200);
}
