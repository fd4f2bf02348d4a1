//! Files on their way in: races, broken connections, limits.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Body, Method};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{bytes, path, usage};
use crate::support::{Answer, Effigy, People, Person, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// A body that is sent piece by piece; it ends when the sender is dropped.
pub(super) fn by_hand() -> (UnboundedSender<Result<Bytes, std::io::Error>>, Body) {
    let (sender, receiver) = unbounded_channel();
    let pieces = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    (sender, Body::wrap_stream(pieces))
}

/// An upload under way, its image saving already.
pub(super) async fn begun(
    person: &Person,
    id: &str,
) -> (UnboundedSender<Result<Bytes, std::io::Error>>, tokio::task::JoinHandle<Option<Answer>>) {
    let (sender, body) = by_hand();
    sender.send(Ok(Bytes::from(bytes(1, 100_000)))).unwrap();
    let request = person.request(Method::PUT, &format!("{}/file", path(id)));
    let request = request.header("Content-Type", "application/octet-stream").body(body);
    let upload = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    person.image_becomes(id, "saving").await;
    (sender, upload)
}

async fn queued_again(person: &Person, id: &str) {
    let shown = eventually("queued again", PATIENCE, || async {
        let shown = person.image(id).await;
        (shown["status"] == "queued").then_some(shown)
    });
    let shown = shown.await;
    assert!(shown["size"].is_null() && shown["checksum"].is_null() && shown["stores"].is_null(), "{shown}");
    assert_eq!(usage(person).await.1, 0, "bytes are still counted");
    assert_eq!(usage(person).await.2, 0, "the upload is still counted");
}

#[tokio::test]
async fn one_of_two_uploads_wins() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, first) = begun(&alice, &id).await;

    alice.upload(&id, bytes(2, 1000)).await.expect(409);

    drop(sender);
    first.await.unwrap().unwrap().expect(204);
    assert!(alice.download(&id).await.expect(200).body == bytes(1, 100_000));
    let late = alice.upload(&id, bytes(2, 1000)).await.expect(409);
    assert!(late.text().contains("is active"), "{}", late.text());
}

#[tokio::test]
async fn uploads_racing_for_one_image_leave_the_winners_bytes() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let uploads = (1..=8_u64).map(|n| {
        let (alice, id) = (alice.clone(), id.clone());
        async move { (n, alice.upload(&id, bytes(n, 300_000)).await.status) }
    });
    let mut won = Vec::new();
    for (n, status) in futures::future::join_all(uploads).await {
        assert!(status == 204 || status == 409, "{status}");
        won.extend((status == 204).then_some(n));
    }
    assert_eq!(won.len(), 1, "{won:?} won");
    assert!(alice.download(&id).await.expect(200).body == bytes(won[0], 300_000));
}

#[tokio::test]
async fn image_deleted_during_its_upload_is_gone() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, upload) = begun(&alice, &id).await;

    alice.delete(&path(&id)).await.expect(204);

    alice.get(&path(&id)).await.expect(404);
    assert!(usage(&alice).await.1 > 0, "the quota came back before the upload had ended");
    drop(sender);
    let answer = upload.await.unwrap().unwrap();
    assert!(answer.status == 410, "{} {}", answer.status, answer.text());
    assert_eq!(usage(&alice).await, (0, 0, 0));
}

#[tokio::test]
async fn upload_notices_by_itself_that_its_image_is_gone() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (_sender, _upload) = begun(&alice, &id).await;
    alice.delete(&path(&id)).await.expect(204);
    eventually("the quota back", PATIENCE, || async { (usage(&alice).await == (0, 0, 0)).then_some(()) }).await;
}

#[tokio::test]
async fn broken_upload_leaves_the_image_queued() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, upload) = begun(&alice, &id).await;
    sender.send(Err(std::io::Error::other("the client's disk failed"))).unwrap();
    assert!(upload.await.unwrap().is_none());
    queued_again(&alice, &id).await;

    let (_sender, upload) = begun(&alice, &id).await;
    upload.abort();
    queued_again(&alice, &id).await;
    let extras = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(extras["effigy"]["reason"].as_str().is_some_and(|reason| reason.contains("broke off")), "{extras}");

    alice.upload(&id, bytes(3, 1000)).await.expect(204);
    assert!(alice.download(&id).await.expect(200).body == bytes(3, 1000));
}

#[tokio::test]
async fn killed_service_gives_its_uploads_up() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let gone = alice.create_image("b", json!({})).await;
    let (_first, _) = begun(&alice, &id).await;
    let (_second, _) = begun(&alice, &gone).await;
    alice.delete(&path(&gone)).await.expect(204);
    effigy.kill9();

    effigy.run().await;

    queued_again(&alice, &id).await;
    assert_eq!(usage(&alice).await.0, 1);
    let extras = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(extras["effigy"]["reason"].as_str().is_some_and(|reason| reason.contains("service ended")), "{extras}");
    alice.upload(&id, bytes(3, 1000)).await.expect(204);
}

#[tokio::test]
async fn bytes_that_are_not_as_declared_are_refused() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let file = bytes(1, 70_000);
    let send = async |name: &str, value: &str| {
        let stream = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(file.clone()))]);
        let request = alice.request(Method::PUT, &format!("{}/file", path(&id))).header(name, value);
        let request = request.header("Content-Type", "application/octet-stream").body(Body::wrap_stream(stream));
        let answer = Answer::of(request).await;
        if answer.status != 204 {
            queued_again(&alice, &id).await;
        }
        answer.status
    };
    assert_eq!(send("x-openstack-image-size", "69999").await, 400);
    assert_eq!(send("x-openstack-image-size", "70001").await, 400);
    assert_eq!(send("x-openstack-image-size", "many").await, 400);
    assert_eq!(send("content-md5", "d41d8cd98f00b204e9800998ecf8427e").await, 400);
    assert_eq!(send("content-md5", "short").await, 400);
    let sha512 = "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    assert_eq!(send("content-digest", &format!("sha-512=:{sha512}:")).await, 400);
    assert_eq!(send("x-openstack-image-size", "70000").await, 204);
    assert!(alice.download(&id).await.expect(200).body == file);
}

#[tokio::test]
async fn short_body_under_a_content_length_saves_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let host = effigy.url().trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT {}/file HTTP/1.1\r\nHost: {host}\r\nX-Auth-Token: {}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: 1000000\r\n\r\n",
        path(&id),
        alice.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&bytes(1, 999_999)).await.unwrap();
    alice.image_becomes(&id, "saving").await;
    drop(socket);
    queued_again(&alice, &id).await;
}

#[tokio::test]
async fn file_larger_than_the_limit_is_refused() {
    let effigy = Effigy::with("[images]\nmax_size_bytes = 1000000\n").await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    alice.upload(&id, bytes(1, 1_000_001)).await.expect(413);
    let (sender, body) = by_hand();
    for n in 0..11 {
        sender.send(Ok(Bytes::from(bytes(n, 100_000)))).unwrap();
    }
    drop(sender);
    alice.upload(&id, body).await.expect(413);
    queued_again(&alice, &id).await;
    alice.upload(&id, bytes(1, 999_936)).await.expect(204);
}

#[tokio::test]
async fn uploads_racing_for_the_last_of_a_quota_do_not_overshoot_it() {
    let effigy = Effigy::with("[quota]\nimage_bytes = 10485760\n").await;
    let People { alice, .. } = effigy.people().await;
    let mut images = Vec::new();
    for n in 0..8 {
        images.push(alice.create_image(&format!("{n}"), json!({})).await);
    }
    let uploads = images.iter().enumerate().map(|(n, id)| {
        let alice = alice.clone();
        async move {
            let file = Bytes::from(bytes(n as u64, 3 << 20));
            // Half of them say how long they are.
            if n % 2 == 0 {
                return alice.upload(id, file).await;
            }
            let pieces: Vec<_> =
                file.chunks(100_000).map(|piece| Ok::<_, std::io::Error>(file.slice_ref(piece))).collect();
            alice.upload(id, Body::wrap_stream(futures::stream::iter(pieces))).await
        }
    });
    let answers = futures::future::join_all(uploads).await;
    let saved = answers.iter().filter(|answer| answer.status == 204).count();
    assert!(answers.iter().all(|answer| answer.status == 204 || answer.status == 413));
    assert!((1..=3).contains(&saved), "{saved} uploads of 3 MiB were saved within 10 MiB");
    assert_eq!(usage(&alice).await, (8, 3 * saved as i64, 0));
    let refused = answers.iter().find(|answer| answer.status == 413).unwrap();
    assert!(refused.text().contains("quota"), "{}", refused.text());
}

#[tokio::test]
async fn upload_of_unknown_length_needs_no_more_of_a_quota_than_its_bytes() {
    let effigy = Effigy::with("[quota]\nimage_bytes = 2097152\n").await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("small", json!({})).await;
    let pieces = [Ok::<_, std::io::Error>(Bytes::from(bytes(1, 1 << 20)))];
    alice.upload(&id, Body::wrap_stream(futures::stream::iter(pieces))).await.expect(204);
    assert_eq!(usage(&alice).await, (1, 1, 0));
}

#[tokio::test]
async fn uploads_at_once_are_bounded() {
    let effigy = Effigy::with("[quota]\nuploads = 1\n").await;
    let People { alice, .. } = effigy.people().await;
    let (one, two) = (alice.create_image("1", json!({})).await, alice.create_image("2", json!({})).await);
    let (sender, first) = begun(&alice, &one).await;
    let refused = alice.upload(&two, bytes(2, 1000)).await.expect(413);
    assert!(refused.text().contains("uploads"), "{}", refused.text());
    drop(sender);
    first.await.unwrap().unwrap().expect(204);
    alice.upload(&two, bytes(2, 1000)).await.expect(204);
}

#[tokio::test]
async fn upload_wants_its_formats_and_its_media_type() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let bare = alice.post("/image/v2/images", json!({"name": "no formats"})).await.expect(201).string("/id");
    let refused = alice.upload(&bare, bytes(1, 512)).await.expect(400);
    assert!(refused.text().contains("disk_format"), "{}", refused.text());
    let id = alice.create_image("a", json!({})).await;
    alice.put(&format!("{}/file", path(&id)), json!({})).await.expect(415);
    assert_eq!(alice.image(&id).await["status"], "queued");
}

#[tokio::test]
async fn stopping_service_gives_up_uploads_that_outlast_its_grace() {
    let mut effigy = Effigy::with("[server]\nshutdown_grace_secs = 1\n").await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (_sender, _upload) = begun(&alice, &id).await;
    let stopped = std::time::Instant::now();
    assert!(effigy.stop().await.success());
    assert!(stopped.elapsed() < Duration::from_secs(20), "it waited for the upload");
    effigy.run().await;
    queued_again(&alice, &id).await;
    let extras = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(extras["effigy"]["reason"].as_str().is_some_and(|reason| reason.contains("service")), "{extras}");
}

#[tokio::test]
async fn upload_that_takes_too_long_ends_however_steadily_it_comes() {
    let effigy = Effigy::with("[images]\nupload_timeout_secs = 1\nmax_uploads = 1\n").await;
    let People { alice, .. } = effigy.people().await;
    for (end, status) in [("file", "saving"), ("stage", "uploading")] {
        let id = alice.create_image("a", json!({})).await;
        let (sender, body) = by_hand();
        sender.send(Ok(Bytes::from(bytes(1, 10_000)))).unwrap();
        let request = alice.request(Method::PUT, &format!("{}/{end}", path(&id)));
        let request = request.header("Content-Type", "application/octet-stream").body(body);
        let upload = tokio::spawn(async move { Answer::of(request).await });
        alice.image_becomes(&id, status).await;
        // A hundred times the least rate, without an end.
        let refused = eventually("the upload is ended", PATIENCE, || async {
            let _ = sender.send(Ok(Bytes::from(bytes(1, 4000))));
            upload.is_finished().then_some(())
        });
        refused.await;
        let refused = upload.await.unwrap().expect(400).text();
        assert!(refused.contains("images.upload_timeout_secs"), "{refused}");
        queued_again(&alice, &id).await;
        // Its place is free for the next, and what comes in time is taken.
        alice.upload(&id, bytes(2, 1 << 20)).await.expect(204);
        alice.delete(&path(&id)).await.expect(204);
    }
}
