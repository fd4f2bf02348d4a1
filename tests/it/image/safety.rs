//! The things that an image service must not do, whoever asks.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Body, Method};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{bytes, ids, path, share, usage};
use crate::support::{Answer, Effigy, People, Person, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

type Pieces = UnboundedSender<Result<Bytes, std::io::Error>>;

/// An upload whose body the test sends by hand.
async fn begun(person: &Person, id: &str) -> (Pieces, tokio::task::JoinHandle<Option<Answer>>) {
    let (sender, receiver) = unbounded_channel();
    let pieces = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    sender.send(Ok(Bytes::from(bytes(1, 1 << 20)))).unwrap();
    let request = person.request(Method::PUT, &format!("{}/file", path(id)));
    let request = request.header("Content-Type", "application/octet-stream").body(Body::wrap_stream(pieces));
    let upload = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    person.image_becomes(id, "saving").await;
    (sender, upload)
}

/// Fails the test unless a sweep leaves no chunk at all.
async fn nothing_is_left(effigy: &mut Effigy) {
    effigy.stop().await;
    assert!(effigy.output(&["store", "sweep"]).status.success());
    let stats = String::from_utf8_lossy(&effigy.output(&["store", "stats"]).stdout).into_owned();
    assert!(stats.lines().any(|line| line.split_whitespace().eq(["chunks", "0"])), "{stats}");
}

#[tokio::test]
async fn bytes_of_a_broken_upload_are_swept() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, upload) = begun(&alice, &id).await;
    sender.send(Err(std::io::Error::other("the network is gone"))).unwrap();
    upload.await.unwrap();
    eventually("queued again", PATIENCE, || async { (alice.image(&id).await["status"] == "queued").then_some(()) })
        .await;
    nothing_is_left(&mut effigy).await;
}

#[tokio::test]
async fn bytes_of_a_deleted_image_are_swept_and_no_longer_counted() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 1 << 20)).await;
    assert_eq!(usage(&alice).await, (1, 1, 0));
    alice.delete(&path(&id)).await.expect(204);
    assert_eq!(usage(&alice).await, (0, 0, 0));
    nothing_is_left(&mut effigy).await;
}

#[tokio::test]
async fn token_that_expires_during_an_upload_lets_it_end_and_begins_nothing_more() {
    let mut effigy = Effigy::start().await;
    effigy.people().await;
    effigy.restart_with("[identity]\ntoken_ttl_secs = 30\n").await;
    let alice = effigy.sign_in("alice", crate::support::PASSWORD, Some("web")).await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, upload) = begun(&alice, &id).await;
    eventually("the token to expire", PATIENCE, || async {
        (alice.get("/image/v2/images").await.status == 401).then_some(())
    })
    .await;
    drop(sender);
    upload.await.unwrap().unwrap().expect(204);
    alice.put_bytes(&format!("{}/file", path(&id)), bytes(1, 1)).await.expect(401);
    alice.download(&id).await.expect(401);
    let again = effigy.sign_in("alice", crate::support::PASSWORD, Some("web")).await;
    assert!(again.download(&id).await.expect(200).body == bytes(1, 1 << 20));
}

#[tokio::test]
async fn bytes_of_an_image_are_set_once_for_life() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 4096)).await;
    let hash = alice.image(&id).await["os_hash_value"].clone();
    for action in ["none", "deactivate", "reactivate"] {
        Answer::of(alice.request(Method::POST, &format!("{}/actions/{action}", path(&id)))).await;
        for person in [&alice, &admin] {
            person.upload(&id, bytes(2, 4096)).await.expect(409);
            person.put_bytes(&format!("{}/stage", path(&id)), bytes(2, 4096)).await.expect(409);
        }
        assert_eq!(alice.image(&id).await["os_hash_value"], hash, "after {action}");
    }
    let patch = json!([{"op": "replace", "path": "/disk_format", "value": "qcow2"}]);
    admin.patch_image(&id, patch).await.expect(403);
}

#[tokio::test]
async fn content_that_another_project_has_is_not_to_be_found_out() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let file = bytes(1, 2 << 20);
    let hers = alice.save_image("hers", "raw", file.clone()).await;
    let shown = alice.image(&hers).await;
    for filter in ["checksum", "os_hash_value"] {
        let query = format!("?{filter}={}", shown[filter].as_str().unwrap());
        assert_eq!(ids(&alice, &query).await, std::slice::from_ref(&hers));
        assert_eq!(ids(&bob, &query).await, Vec::<String>::new(), "{filter}");
    }
    // The same bytes again cost the same quota and tell the same of themselves as if they were the first.
    let his = bob.create_image("his", json!({})).await;
    let short = bob
        .request(Method::PUT, &format!("{}/file", path(&his)))
        .header("Content-MD5", shown["checksum"].as_str().unwrap());
    let short = short.header("Content-Type", "application/octet-stream").body(file[..4096].to_vec());
    Answer::of(short).await.expect(400);
    bob.upload(&his, file).await.expect(204);
    assert_eq!(usage(&bob).await, (1, 2, 0));
    let storage = async |person: &Person, id: &str| {
        let shown = person.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
        let field = |pointer: &str| shown.pointer(pointer).cloned().expect("a field");
        ["/size", "/virtual_size", "/effigy/stored_bytes", "/effigy/file"].map(field)
    };
    assert_eq!(storage(&alice, &hers).await, storage(&bob, &his).await);
}

#[tokio::test]
async fn filters_and_markers_that_name_others_tell_nothing() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let hers = alice.save_image("hers", "raw", bytes(1, 512)).await;
    let nobodys = "5f0c5f4c-2f7e-4b2c-9a3e-0123456789ab";
    let web = alice.project_id.clone();
    for query in [
        format!("?owner={web}"),
        format!("?id=in:{hers}"),
        format!("?id={hers}"),
        "?name=hers".into(),
        format!("?owner={web}&visibility=private"),
        format!("?owner={web}&visibility=all"),
        format!("?member={web}"),
        format!("?member_status=all&owner={web}"),
        "?member_status=pending&visibility=shared".into(),
        format!("?owner={web}&os_hidden=true"),
        format!("?project_id={web}&sort=name:asc"),
    ] {
        assert_eq!(ids(&bob, &query).await, Vec::<String>::new(), "{query}");
    }
    for of in ["/image/v2/images?marker=", "/image/v2/images?sort_key=name&sort_dir=asc&marker="] {
        let hidden = bob.get(&format!("{of}{hers}")).await.expect(400);
        let missing = bob.get(&format!("{of}{nobodys}")).await.expect(400);
        assert_eq!(hidden.text(), missing.text());
    }
}

#[tokio::test]
async fn parts_of_one_image_are_not_found_under_another() {
    let effigy = Effigy::start().await;
    let People { alice, alice_batch, bob, .. } = effigy.people().await;
    let one = alice.create_image("one", json!({"tags": ["mine"], "colour": "red"})).await;
    let other = alice.create_image("other", json!({})).await;
    share(&alice, &one, &alice_batch).await;
    alice.get(&format!("{}/members/{}", path(&one), alice_batch.project_id)).await.expect(200);
    alice.get(&format!("{}/members/{}", path(&other), alice_batch.project_id)).await.expect(404);
    alice.delete(&format!("{}/members/{}", path(&other), alice_batch.project_id)).await.expect(404);
    alice.delete(&format!("{}/tags/mine", path(&other))).await.expect(404);
    alice.patch_image(&other, json!([{"op": "remove", "path": "/colour"}])).await.expect(409);
    for rest in ["members", "tags/mine", "file", "tasks"] {
        let of = |id: &str| format!("{}/{rest}", path(id));
        let method = if rest.starts_with("tags") { Method::DELETE } else { Method::GET };
        Answer::of(bob.request(method, &of(&one))).await.expect(404);
    }
}

#[tokio::test]
async fn download_under_way_may_end_and_the_next_is_refused() {
    let effigy = Effigy::start().await;
    let People { alice, alice_batch, .. } = effigy.people().await;
    let file = bytes(1, 32 << 20);
    let id = alice.save_image("a", "raw", file.clone()).await;
    for ending in ["unshare", "private", "deactivate", "delete"] {
        if ending != "delete" {
            share(&alice, &id, &alice_batch).await;
        }
        let reader = if ending == "delete" { &alice } else { &alice_batch };
        let download = reader.request(Method::GET, &format!("{}/file", path(&id))).send().await.unwrap();
        assert_eq!(download.status(), 200);
        let mut stream = download.bytes_stream();
        let mut came = stream.next().await.unwrap().unwrap().len();
        let member = format!("{}/members/{}", path(&id), alice_batch.project_id);
        match ending {
            "unshare" => drop(alice.delete(&member).await.expect(204)),
            "private" => {
                let patch = json!([{"op": "replace", "path": "/visibility", "value": "private"}]);
                alice.patch_image(&id, patch).await.expect(200);
            }
            "deactivate" => {
                let deactivate = format!("{}/actions/deactivate", path(&id));
                Answer::of(alice.request(Method::POST, &deactivate)).await.expect(204);
            }
            _ => drop(alice.delete(&path(&id)).await.expect(204)),
        }
        let wanted = if ending == "deactivate" { 403 } else { 404 };
        assert_eq!(reader.download(&id).await.status, wanted, "{ending}");
        let launch = reader.launch("x", &id, json!({})).await;
        assert!([400, 403].contains(&launch.status), "{ending}: {}", launch.text());
        while let Some(piece) = stream.next().await {
            came += piece.unwrap_or_else(|error| panic!("{ending}: the download broke off: {error}")).len();
        }
        assert_eq!(came, file.len(), "{ending}");
        match ending {
            "private" => drop(alice.delete(&member).await),
            "deactivate" => {
                let reactivate = format!("{}/actions/reactivate", path(&id));
                Answer::of(alice.request(Method::POST, &reactivate)).await.expect(204);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn owner_decides_nothing_for_a_member_and_a_member_shares_nothing_on() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let People { alice, bob, admin, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    let third =
        admin.post("/identity/v3/projects", json!({"project": {"name": "third", "domain_id": "default"}})).await;
    let third = third.expect(201).string("/project/id");
    share(&alice, &id, &bob).await;
    let member = format!("{}/members/{}", path(&id), bob.project_id);
    alice.put(&member, json!({"status": "accepted"})).await.expect(403);
    assert_eq!(ids(&bob, "").await, Vec::<String>::new());
    bob.put(&member, json!({"status": "accepted"})).await.expect(200);
    bob.post(&format!("{}/members", path(&id)), json!({ "member": third })).await.expect(403);
    bob.delete(&member).await.expect(403);
    assert_eq!(
        alice.get(&format!("{}/members", path(&id))).await.expect(200).json()["members"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn token_of_another_project_opens_nothing() {
    let effigy = Effigy::start().await;
    let People { alice, alice_batch, bob, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    // The same user in another project is a stranger to it.
    for person in [&alice_batch, &bob] {
        person.download(&id).await.expect(404);
    }
    let revoke = alice.request(Method::DELETE, "/identity/v3/auth/tokens").header("X-Subject-Token", &alice.token);
    Answer::of(revoke).await.expect(204);
    alice.download(&id).await.expect(401);
}
