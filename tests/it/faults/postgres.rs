//! A PostgreSQL that is silent, away, or ends its connections.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use reqwest::{Body, Method};
use rustix::process::Signal;
use serde_json::json;

use super::is_clear;
use crate::support::{Answer, Effigy, Person, Postgres, eventually};

/// No answer takes longer. The service promises ten seconds; the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);

async fn service(postgres: &Postgres) -> Effigy {
    let mut effigy = Effigy::prepared_on(&postgres.fresh(), "");
    effigy.run().await;
    effigy
}

fn named(name: &str) -> serde_json::Value {
    json!({"name": name, "disk_format": "raw", "container_format": "bare"})
}

async fn in_time(request: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(BOUND, request).await.expect("an answer in time")
}

/// Asks for one of each kind at once, and holds every refusal to its words.
async fn all_are_refused(effigy: &Effigy, admin: &Person, image: &str, empty: &str) {
    let (shown, file) = (format!("/image/v2/images/{image}"), format!("/image/v2/images/{image}/file"));
    let stranger = effigy.stranger();
    let password = effigy.admin_password();
    let requests: Vec<BoxFuture<'_, Answer>> = vec![
        Box::pin(admin.get("/image/v2/images")),
        Box::pin(admin.get(&shown)),
        Box::pin(admin.get(&file)),
        Box::pin(admin.post("/image/v2/images", named("new"))),
        Box::pin(admin.upload(empty, vec![3; 200_000])),
        Box::pin(admin.delete(&shown)),
        Box::pin(admin.get("/identity/v3/projects")),
        Box::pin(stranger.try_sign_in("admin", &password, Some("admin"))),
    ];
    for answer in join_all(requests.into_iter().map(in_time)).await {
        is_clear(&answer);
        assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    }
    let unready = in_time(stranger.get("/readyz")).await.expect(503).json();
    assert_eq!((&unready["database"], &unready["store"]), (&"cannot be written".into(), &"ok".into()));
    stranger.get("/healthz").await.expect(200);
}

/// Waits until the service works again by itself, with what was there.
async fn all_is_well(effigy: &Effigy, admin: &Person, image: &str) {
    eventually("the service works again", PATIENCE, || async {
        (in_time(admin.post("/image/v2/images", named("after"))).await.status == 201).then_some(())
    })
    .await;
    assert!(admin.download(image).await.expect(200).body == vec![7; 100_000]);
    effigy.admin().await.save_image("saved after", "raw", vec![9; 300_000]).await;
    eventually("it says so", PATIENCE, || async {
        (effigy.stranger().get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_postgres_is_answered_503_in_time_and_nothing_is_lost_when_it_speaks_again() {
    let postgres = Postgres::alone();
    let effigy = service(&postgres).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("kept", "raw", vec![7; 100_000]).await;
    let empty = admin.create_image("empty", json!({})).await;
    postgres.freeze();
    // Under way before the silence is noticed, and after.
    all_are_refused(&effigy, &admin, &image, &empty).await;
    all_are_refused(&effigy, &admin, &image, &empty).await;
    postgres.thaw();
    all_is_well(&effigy, &admin, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_is_away_is_answered_503_and_the_service_goes_on_when_it_is_back() {
    let mut postgres = Postgres::alone();
    let effigy = service(&postgres).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("kept", "raw", vec![7; 100_000]).await;
    let empty = admin.create_image("empty", json!({})).await;
    postgres.stop();
    all_are_refused(&effigy, &admin, &image, &empty).await;
    postgres.start_again();
    all_is_well(&effigy, &admin, &image).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_commits_hang() {
    let postgres = Postgres::alone();
    let effigy = service(&postgres).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("kept", "raw", vec![7; 100_000]).await;
    postgres.hang_commits(true);
    for _ in 0..3 {
        let changes = (0..5).map(|_| in_time(admin.post("/image/v2/images", named("new"))));
        for answer in join_all(changes).await {
            is_clear(&answer);
        }
        admin.get(&format!("/image/v2/images/{image}")).await.expect(200);
        in_time(effigy.stranger().get("/readyz")).await.expect(503);
    }
    postgres.hang_commits(false);
    all_is_well(&effigy, &admin, &image).await;
}

/// The service's connections in this state.
fn sessions(state: &str) -> String {
    format!("exists (select 1 from pg_stat_activity where application_name = '' and {state})")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_not_free_is_answered_503() {
    let postgres = Postgres::alone();
    let database = postgres.fresh();
    let mut effigy = Effigy::prepared_on(&database, "");
    effigy.run().await;
    let admin = effigy.admin().await;
    let held = postgres.hold(&database, "images");
    is_clear(&in_time(admin.post("/image/v2/images", named("new"))).await);
    assert!(effigy.log().contains("due to lock timeout"), "{}", effigy.log());
    drop(held);
    eventually("an image is made", PATIENCE, || async {
        (in_time(admin.post("/image/v2/images", named("new"))).await.status == 201).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_service_holds_its_locks_for_seconds() {
    let postgres = Postgres::alone();
    let database = postgres.fresh();
    let mut effigy = Effigy::prepared_on(&database, "");
    effigy.run().await;
    let admin = effigy.admin().await;
    let held = postgres.hold(&database, "images");
    let request = tokio::spawn(async move { admin.post("/image/v2/images", named("new")).await });
    tokio::task::block_in_place(|| {
        // The request's own: the service's clock may wait for the table, too.
        let waits = "wait_event_type = 'Lock' and query like '%insert into images%'";
        postgres.wait_until(&database, &sessions(waits));
        effigy.signal(Signal::STOP);
        drop(held);
        // Or its transaction was aborted: on a busy machine the lock may be free only after the service's patience for it.
        postgres.wait_until(&database, &sessions("state like 'idle in transaction%'"));
        postgres.wait_until(&database, &format!("not {}", sessions("state like 'idle in transaction%'")));
    });
    effigy.signal(Signal::CONT);
    is_clear(&in_time(async { request.await.expect("an answer") }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_connections_harm_the_requests_under_way() {
    let postgres = Postgres::alone();
    let effigy = service(&postgres).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("kept", "raw", vec![7; 100_000]).await;
    let (mut kept, mut failed, ends) = (Vec::new(), 0, 8);
    for round in 0..ends {
        let saves = async {
            for number in 0..20 {
                let answer = in_time(admin.post("/image/v2/images", named(&format!("{round}.{number}")))).await;
                match answer.status {
                    201 => kept.push(answer.string("/id")),
                    _ => {
                        is_clear(&answer);
                        failed += 1;
                    }
                }
            }
        };
        // psql runs beside the requests: it blocks a thread of its own.
        tokio::join!(saves, async { tokio::task::block_in_place(|| postgres.end_connections()) });
    }
    // One that meets its ended connection, and one while the lock is taken again.
    assert!(failed <= 2 * ends, "{failed} of {} failed for {ends} ends", 20 * ends);
    for id in kept {
        admin.get(&format!("/image/v2/images/{id}")).await.expect(200);
    }
    all_is_well(&effigy, &admin, &image).await;
}

#[tokio::test]
async fn killed_upload_is_free_again_when_the_service_has_started() {
    let mut effigy = Effigy::prepared_on(&Postgres::database(), "");
    effigy.run().await;
    let admin = effigy.admin().await;
    let id = admin.create_image("cut off", json!({})).await;
    let body = futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from(vec![5; 100_000])) });
    let body = Body::wrap_stream(futures::StreamExt::chain(body, futures::stream::pending()));
    let request = admin.request(Method::PUT, &format!("/image/v2/images/{id}/file"));
    let request = request.header("Content-Type", "application/octet-stream").body(body);
    let upload = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    admin.image_becomes(&id, "saving").await;
    effigy.kill9();
    let _ = upload.await;
    effigy.run().await;
    // Its lease would hold for a minute.
    let admin = effigy.admin().await;
    eventually("the image is queued", Duration::from_secs(5), || async {
        (admin.image(&id).await["status"] == "queued").then_some(())
    })
    .await;
    admin.upload(&id, vec![6; 1000]).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_cut_off_while_postgres_is_away_is_free_when_it_is_back() {
    let mut postgres = Postgres::alone();
    let effigy = service(&postgres).await;
    let admin = effigy.admin().await;
    let kept = admin.save_image("kept", "raw", vec![7; 100_000]).await;
    let id = admin.create_image("cut off", json!({})).await;
    let (sender, pieces) = futures::channel::mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    sender.unbounded_send(Ok(Bytes::from(vec![5; 100_000]))).unwrap();
    let request = admin.request(Method::PUT, &format!("/image/v2/images/{id}/file"));
    let request = request.header("Content-Type", "application/octet-stream").body(Body::wrap_stream(pieces));
    let upload = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    admin.image_becomes(&id, "saving").await;
    postgres.stop();
    sender.unbounded_send(Err(std::io::Error::other("the network is gone"))).unwrap();
    let _ = upload.await;
    eventually("the service has met it", PATIENCE, || async {
        effigy.log().contains("cannot give up the fill").then_some(())
    })
    .await;
    postgres.start_again();
    all_is_well(&effigy, &admin, &kept).await;
    // Its lease would hold for a minute.
    eventually("the image is queued", Duration::from_secs(5), || async {
        (admin.image(&id).await["status"] == "queued").then_some(())
    })
    .await;
    admin.upload(&id, vec![6; 1000]).await.expect(204);
}
