//! Bytes under way when the right to them ends: a download, an upload, an import.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{
    bytes,
    imports::{import, task_becomes, web},
    path,
    uploads::{begun, by_hand},
};
use crate::support::{Effigy, PASSWORD, People, Person, Reply, Source, eventually, id_of};

/// No less than the service takes to notice.
const NOTICED: Duration = Duration::from_secs(4);
/// More than the connections between the service and a client hold.
const SIZE_BYTES: usize = 96 << 20;

/// A download of an image of zeroes, the first piece taken.
async fn download_begun(person: &Person, id: &str) -> Response {
    let mut answer = person.request(Method::GET, &format!("{}/file", path(id))).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.chunk().await.expect("a piece").expect("some bytes");
    answer
}

/// Whether the rest comes.
async fn ends_well(mut answer: Response) -> bool {
    loop {
        match answer.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

async fn user(admin: &Person, name: &str, change: Value) {
    let user = id_of(admin, "users", name).await;
    admin.patch(&format!("/identity/v3/users/{user}"), json!({ "user": change })).await.expect(200);
}

#[tokio::test]
async fn download_ends_with_the_right_to_it() {
    let effigy = Effigy::start().await;
    let People { admin, alice, alice_batch, .. } = effigy.people().await;
    let id = alice.save_image("large", "raw", vec![0; SIZE_BYTES]).await;
    let (kept, deactivated) = (alice.save_image("kept", "raw", vec![0; SIZE_BYTES]).await, id.clone());
    let share = json!({"member": alice_batch.project_id});
    alice.post(&format!("{}/members", path(&kept)), share).await.expect(200);
    let own = download_begun(&alice, &deactivated).await;
    let shared = download_begun(&alice_batch, &kept).await;
    let goes_on = download_begun(&alice, &kept).await;

    admin.post(&format!("{}/actions/deactivate", path(&deactivated)), json!({})).await.expect(204);
    alice.delete(&format!("{}/members/{}", path(&kept), alice_batch.project_id)).await.expect(204);
    tokio::time::sleep(NOTICED).await;

    assert!(!ends_well(own).await, "a deactivated image is downloaded to its end");
    assert!(!ends_well(shared).await, "an image is downloaded to its end by one it is no longer shared with");
    assert!(ends_well(goes_on).await, "its owner has it");

    let gone = download_begun(&alice, &kept).await;
    alice.delete(&path(&kept)).await.expect(204);
    tokio::time::sleep(NOTICED).await;
    assert!(!ends_well(gone).await, "an image that was deleted is downloaded to its end");
}

#[tokio::test]
async fn download_goes_on_when_its_tokens_time_is_over_and_not_without_its_user() {
    let mut effigy = Effigy::start().await;
    let People { admin, .. } = effigy.people().await;
    effigy.restart_with("[identity]\ntoken_ttl_secs = 3\n").await;
    let alice = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let id = alice.save_image("large", "raw", vec![0; SIZE_BYTES]).await;
    let alice = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let (kept, ended) = (download_begun(&alice, &id).await, download_begun(&alice, &id).await);
    tokio::time::sleep(NOTICED).await;
    alice.get(&path(&id)).await.expect(401);
    assert!(ends_well(kept).await, "a download outlives its token");

    drop(admin);
    user(&effigy.admin().await, "alice", json!({"enabled": false})).await;
    tokio::time::sleep(NOTICED).await;
    assert!(!ends_well(ended).await, "a user who is disabled downloads to the end");
}

#[tokio::test]
async fn upload_ends_with_the_right_to_it() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (_sender, upload) = begun(&alice, &id).await;
    let token = alice.request(Method::DELETE, "/identity/v3/auth/tokens");
    assert_eq!(token.header("X-Subject-Token", &alice.token).send().await.expect("an answer").status(), 204);
    let answer = upload.await.expect("no panic").expect("an answer").expect(403);
    assert!(answer.text().contains("The right to change image"), "{}", answer.text());
    assert_eq!(admin.image(&id).await["status"], "queued");

    let alice = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let (sender, body) = by_hand();
    sender.send(Ok(Bytes::from(bytes(1, 100_000)))).expect("it is read");
    let staged = alice.request(Method::PUT, &format!("{}/stage", path(&id)));
    let staged = tokio::spawn(staged.header("Content-Type", "application/octet-stream").body(body).send());
    alice.image_becomes(&id, "uploading").await;
    user(&admin, "alice", json!({"enabled": false})).await;
    assert_eq!(staged.await.expect("no panic").expect("an answer").status(), 403);
}

#[tokio::test]
async fn import_ends_with_the_right_of_who_began_it() {
    let held = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf".to_vec();
    let source = Source::start(move |_| Reply::Held(held.clone())).await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    import(&alice, &id, web(&source.at("/x"))).await.expect(202);
    eventually("the import reads", NOTICED, || async { (!source.asked().is_empty()).then_some(()) }).await;
    // A token that ends takes no job along; the role that it rests on does.
    let out = alice.request(Method::DELETE, "/identity/v3/auth/tokens").header("X-Subject-Token", &alice.token);
    assert_eq!(out.send().await.expect("an answer").status(), 204);
    tokio::time::sleep(NOTICED).await;
    assert_eq!(admin.image(&id).await["status"], "importing");
    let (project, user) = (id_of(&admin, "projects", "web").await, id_of(&admin, "users", "alice").await);
    let role = id_of(&admin, "roles", "member").await;
    admin.delete(&format!("/identity/v3/projects/{project}/users/{user}/roles/{role}")).await.expect(204);
    let task = task_becomes(&admin, &id, "failure").await;
    assert!(task["message"].as_str().is_some_and(|why| why.contains("The right to change image")), "{task}");
    assert_eq!(admin.image(&id).await["status"], "queued");
}
