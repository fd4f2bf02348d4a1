//! Files that come in parts: the tus protocol, and what is left of a file when something breaks.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::Method;
use serde_json::json;

use super::{bytes, path, uploads::by_hand, usage};
use crate::support::{Answer, Effigy, People, Person, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The address of an upload, from the answer that began it.
fn place(begun: &Answer) -> String {
    let location = begun.header("location").unwrap();
    location[location.find("/effigy/").unwrap()..].to_owned()
}

fn tus(person: &Person, method: Method, path: &str) -> reqwest::RequestBuilder {
    person.request(method, path).header("Tus-Resumable", "1.0.0")
}

async fn begin(person: &Person, id: &str, len: usize) -> Answer {
    let metadata = format!("filename {},image_id {}", base64("disk.raw"), base64(id));
    let request = tus(person, Method::POST, "/effigy/v1/uploads");
    Answer::of(request.header("Upload-Length", len).header("Upload-Metadata", metadata)).await
}

fn part(person: &Person, at: &str, offset: usize) -> reqwest::RequestBuilder {
    let request = tus(person, Method::PATCH, at).header("Upload-Offset", offset);
    request.header("Content-Type", "application/offset+octet-stream")
}

async fn send(person: &Person, at: &str, offset: usize, bytes: &[u8]) -> Answer {
    Answer::of(part(person, at, offset).body(bytes.to_vec())).await
}

/// The status of a `HEAD`, and how far the upload is.
async fn head(person: &Person, at: &str) -> (u16, Option<usize>) {
    let answer = Answer::of(tus(person, Method::HEAD, at)).await;
    (answer.status, answer.header("upload-offset").map(|offset| offset.parse().unwrap()))
}

#[tokio::test]
async fn file_sent_in_parts_is_saved_as_one_sent_at_once() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    // The last chunk is not full, and no part ends with one.
    let file = bytes(1, 5_000_000 - 512 * 3);
    let (id, other) = (alice.create_image("a", json!({})).await, alice.create_image("b", json!({})).await);
    alice.upload(&other, file.clone()).await.expect(204);

    let begun = begin(&alice, &id, file.len()).await.expect(201);
    let up = place(&begun);
    assert_eq!((begun.header("tus-resumable"), begun.header("upload-offset")), (Some("1.0.0"), Some("0")));
    assert!(begun.header("upload-expires").unwrap().ends_with(" GMT"));
    assert_eq!(alice.image(&id).await["status"], "uploading");
    let mut at = 0;
    for len in [1, 65_535, 65_536, 100_000, 0, 3_000_000] {
        let answer = send(&alice, &up, at, &file[at..at + len]).await.expect(204);
        at += len;
        assert_eq!(answer.header("upload-offset").unwrap(), at.to_string());
    }
    let shown = Answer::of(tus(&alice, Method::HEAD, &up)).await.expect(200);
    assert_eq!(shown.header("upload-length").unwrap(), file.len().to_string());
    assert!(shown.header("upload-metadata").unwrap().starts_with("filename "));
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let last = send(&alice, &up, at, &file[at..]).await.expect(204);
    assert_eq!(
        (last.header("upload-offset").unwrap(), last.header("upload-expires")),
        (&*file.len().to_string(), None)
    );

    let image = alice.image_becomes(&id, "active").await;
    let twin = alice.image(&other).await;
    for name in ["checksum", "os_hash_value", "size", "virtual_size", "stores"] {
        assert_eq!(image[name], twin[name], "{name}");
    }
    assert!(alice.download(&id).await.expect(200).body == file);
    // A client that missed the answer to its last part learns that it is whole.
    assert_eq!(head(&alice, &up).await, (200, Some(file.len())));
    send(&alice, &up, file.len(), &[]).await.expect(204);
    Answer::of(tus(&alice, Method::DELETE, &up)).await.expect(409);
    assert_eq!(usage(&alice).await, (2, 9, 0));
    effigy.check_store();
}

#[tokio::test]
async fn part_that_breaks_off_is_kept_as_far_as_it_came() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, file.len()).await.expect(201));

    let (sender, body) = by_hand();
    let request = part(&alice, &up, 0).body(body);
    let sending = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    sender.send(Ok(Bytes::copy_from_slice(&file[..300_001]))).unwrap();
    eventually("a turn taken", PATIENCE, || async { (usage(&alice).await.2 == 1).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    sender.send(Err(std::io::Error::other("the line is cut"))).unwrap();
    sending.await.unwrap();

    let at = eventually("what came", PATIENCE, || async { head(&alice, &up).await.1.filter(|at| *at > 0) }).await;
    assert_eq!(at, 300_001);
    send(&alice, &up, 0, &file).await.expect(409);
    send(&alice, &up, at, &file[at..]).await.expect(204);
    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
}

#[tokio::test]
async fn newer_request_goes_on_where_a_hanging_one_is() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, file.len()).await.expect(201));
    let (sender, body) = by_hand();
    let request = part(&alice, &up, 0).body(body);
    let hanging = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    sender.send(Ok(Bytes::copy_from_slice(&file[..200_000]))).unwrap();
    eventually("a turn taken", PATIENCE, || async { (usage(&alice).await.2 == 1).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    assert_eq!(head(&alice, &up).await, (200, Some(200_000)));

    send(&alice, &up, 200_000, &file[200_000..]).await.expect(204);
    drop(sender);
    let older = hanging.await.unwrap();
    assert!(older.is_none_or(|answer| answer.status == 409), "its client goes on after a question");
    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
    assert_eq!(usage(&alice).await, (1, 1, 0));
}

#[tokio::test]
async fn clients_that_send_at_once_do_not_end_each_other_for_good() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, file.len()).await.expect(201));
    let (sender, body) = by_hand();
    let request = part(&alice, &up, 0).body(body);
    let older = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    sender.send(Ok(Bytes::copy_from_slice(&file[..200_000]))).unwrap();
    eventually("a turn taken", PATIENCE, || async { (usage(&alice).await.2 == 1).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    // It begins where the row was before the older one kept its bytes.
    send(&alice, &up, 0, &file).await.expect(409);
    drop(sender);
    assert_eq!(older.await.unwrap().map(|answer| answer.status), Some(410), "no client tries again after this");
    assert_eq!(head(&alice, &up).await, (200, Some(200_000)));
}

#[tokio::test]
async fn part_of_more_than_the_file_is_no_part_of_it() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, 200_000).await.expect(201));
    let (sender, body) = by_hand();
    for piece in [bytes(1, 200_000), bytes(2, 1)] {
        sender.send(Ok(Bytes::from(piece))).unwrap();
    }
    drop(sender);
    Answer::of(part(&alice, &up, 0).body(body)).await.expect(413);
    assert_eq!(
        (head(&alice, &up).await, alice.image(&id).await["status"].as_str()),
        ((200, Some(0)), Some("uploading"))
    );
}

#[tokio::test]
async fn stopped_service_keeps_the_part_under_way() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, 1 << 20).await.expect(201));
    let (sender, body) = by_hand();
    let request = part(&alice, &up, 0).body(body);
    let under_way = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    sender.send(Ok(Bytes::from(bytes(1, 200_000)))).unwrap();
    eventually("a turn taken", PATIENCE, || async { (usage(&alice).await.2 == 1).then_some(()) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    effigy.restart().await;

    assert!(under_way.await.unwrap().is_none_or(|answer| answer.status == 503));
    assert_eq!(head(&alice, &up).await, (200, Some(200_000)));
}

/// A client that goes on from wherever the service is.
async fn go_on(person: &Person, place: &str, file: &Bytes) -> Option<usize> {
    let known = Answer::try_of(tus(person, Method::HEAD, place)).await.ok()?;
    let at: usize = known.header("upload-offset")?.parse().ok()?;
    if at < file.len() {
        let rest = file.slice(at..);
        let pieces = futures::stream::unfold(rest, |mut rest| async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let piece = rest.split_to(rest.len().min(100_000));
            (!piece.is_empty()).then_some((Ok::<_, std::io::Error>(piece), rest))
        });
        let request = part(person, place, at).body(reqwest::Body::wrap_stream(pieces));
        return Answer::try_of(request).await.ok()?.header("upload-offset")?.parse().ok();
    }
    Some(at)
}

#[tokio::test]
async fn file_in_parts_outlives_a_killed_service() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = Bytes::from(bytes(1, 160 << 20));
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, file.len()).await.expect(201));

    let mut kept = Vec::new();
    for wait_ms in [300, 1500, 1500, 6000] {
        let (person, place, sent) = (alice.clone(), up.clone(), file.clone());
        let sending = tokio::spawn(async move { go_on(&person, &place, &sent).await });
        // The last is long enough for bytes to be kept on the way: that is every 64 MiB, or every five seconds.
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        effigy.kill9();
        let _ = sending.await;
        effigy.run().await;
        kept.extend(head(&alice, &up).await.1);
    }
    assert!(kept.is_sorted() && kept[3] > 0, "{kept:?}: nothing that was kept is lost, and kills do not stop it");
    eventually("the whole file", PATIENCE, || async {
        (go_on(&alice, &up, &file).await == Some(file.len())).then_some(())
    })
    .await;
    // Killed while it is saved, it is still saved.
    effigy.kill9();
    effigy.run().await;

    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
    assert_eq!(usage(&alice).await, (1, 160, 0));
    effigy.check_store();
}

#[tokio::test]
async fn part_with_a_checksum_is_kept_whole_or_not_at_all() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 200_000);
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, file.len()).await.expect(201));
    let digest =
        |algorithm: openssl::hash::MessageDigest, bytes: &[u8]| base64(openssl::hash::hash(algorithm, bytes).unwrap());
    let sha1 = digest(openssl::hash::MessageDigest::sha1(), &file[..100_000]);

    let wrong = part(&alice, &up, 0).header("Upload-Checksum", format!("sha1 {sha1}")).body(file[1..100_001].to_vec());
    let refused = Answer::of(wrong).await;
    assert_eq!((refused.status, head(&alice, &up).await.1), (460, Some(0)), "{}", refused.text());
    let right = part(&alice, &up, 0).header("Upload-Checksum", format!("sha1 {sha1}")).body(file[..100_000].to_vec());
    Answer::of(right).await.expect(204);
    let unknown = part(&alice, &up, 100_000).header("Upload-Checksum", "crc32 AAAAAA==").body(file[100_000..].to_vec());
    Answer::of(unknown).await.expect(400);
    let sha256 = digest(openssl::hash::MessageDigest::sha256(), &file[100_000..]);
    let rest = part(&alice, &up, 100_000).header("Upload-Checksum", format!("sha256 {sha256}"));
    Answer::of(rest.body(file[100_000..].to_vec())).await.expect(204);
    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
}

#[tokio::test]
async fn whole_file_is_held_to_its_digest_and_its_format() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 4096);
    let id = alice.create_image("a", json!({})).await;
    let metadata = format!("image_id {},sha512 {}", base64(&id), base64("ab".repeat(64)));
    let request = tus(&alice, Method::POST, "/effigy/v1/uploads").header("Upload-Length", 4096);
    let up = place(&Answer::of(request.header("Upload-Metadata", metadata)).await.expect(201));
    send(&alice, &up, 0, &file).await.expect(204);
    alice.image_becomes(&id, "queued").await;
    let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(shown["effigy"]["reason"].as_str().unwrap().contains("SHA-512"), "{shown}");
    assert_eq!(head(&alice, &up).await, (404, None));

    // The image may be tried again; a file that is no qcow2 is refused as one that is sent at once.
    let qcow2 = alice.create_image("b", json!({"disk_format": "qcow2"})).await;
    let other = place(&begin(&alice, &qcow2, 4096).await.expect(201));
    send(&alice, &other, 0, &file).await.expect(204);
    alice.image_becomes(&qcow2, "queued").await;
    let again = place(&begin(&alice, &id, 4096).await.expect(201));
    // A client that remembers the one before must not go on with this one, whose file may be another.
    assert_eq!((head(&alice, &up).await.0, send(&alice, &up, 0, &file).await.status), (404, 404));
    send(&alice, &again, 0, &file).await.expect(204);
    alice.image_becomes(&id, "active").await;
    assert_eq!(usage(&alice).await.2, 0);
}

#[tokio::test]
async fn upload_in_parts_has_its_room_from_the_beginning() {
    let effigy = Effigy::with("[quota]\nimage_bytes = 5000000\nuploads = 1\n").await;
    let People { alice, .. } = effigy.people().await;
    let (id, other) = (alice.create_image("a", json!({})).await, alice.create_image("b", json!({})).await);
    let up = place(&begin(&alice, &id, 3_500_000).await.expect(201));
    begin(&alice, &other, 2_000_000).await.expect(413);
    alice.upload(&other, bytes(2, 2_000_000)).await.expect(413);
    // One that waits takes no place among the uploads under way.
    alice.upload(&other, bytes(2, 1_200_000)).await.expect(204);

    send(&alice, &up, 0, &bytes(1, 1_000_000)).await.expect(204);
    let refused = alice.post(&format!("{}/import", path(&id)), json!({"method": {"name": "glance-direct"}})).await;
    assert_eq!(refused.status, 409, "half a file is not imported: {}", refused.text());
    Answer::of(tus(&alice, Method::DELETE, &up)).await.expect(204);
    assert_eq!((head(&alice, &up).await.0, alice.image(&id).await["status"].as_str()), (404, Some("queued")));
    assert_eq!(usage(&alice).await, (2, 1, 0));
    let up = place(&begin(&alice, &id, 2_000_000).await.expect(201));
    alice.delete(&path(&id)).await.expect(204);
    assert_eq!((head(&alice, &up).await.0, usage(&alice).await), (404, (1, 1, 0)));
}

#[tokio::test]
async fn abandoned_upload_in_parts_leaves_nothing() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let up = place(&begin(&alice, &id, 2_000_000).await.expect(201));
    send(&alice, &up, 0, &bytes(1, 1_000_000)).await.expect(204);

    effigy.restart_with("[images]\nkeep_parts_hours = 0\n").await;

    alice.image_becomes(&id, "queued").await;
    let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(shown["effigy"]["reason"].as_str().unwrap().contains("nobody went on"), "{shown}");
    assert_eq!(usage(&alice).await, (1, 0, 0));
    effigy.stop().await;
    assert!(effigy.output(&["store", "sweep"]).status.success());
    let stats = String::from_utf8_lossy(&effigy.output(&["store", "stats"]).stdout).into_owned();
    assert!(stats.lines().any(|line| line.split_whitespace().eq(["chunks", "0"])), "{stats}");
}

#[tokio::test]
async fn protocol_is_held_to_the_letter() {
    let effigy = Effigy::with("[images]\nmax_size_bytes = 1000000\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let id = alice.create_image("a", json!({})).await;

    let offered = Answer::of(alice.request(Method::OPTIONS, "/effigy/v1/uploads")).await.expect(204);
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-max-size", "1000000"),
        ("tus-extension", "creation,expiration,checksum,termination"),
        ("tus-checksum-algorithm", "md5,sha1,sha256,sha512"),
    ] {
        assert_eq!(offered.header(name), Some(value), "{name}");
    }
    for request in [
        alice.request(Method::POST, "/effigy/v1/uploads").header("Upload-Length", 1),
        alice.request(Method::HEAD, "/effigy/v1/uploads/x").header("Tus-Resumable", "0.2.2"),
    ] {
        let refused = Answer::of(request).await.expect(412);
        assert_eq!((refused.header("tus-version"), refused.header("tus-resumable")), (Some("1.0.0"), Some("1.0.0")));
    }
    let named = format!("image_id {}", base64(&id));
    let post = |length: &str, metadata: &str| {
        let request = tus(alice, Method::POST, "/effigy/v1/uploads").header("Upload-Length", length);
        Answer::of(request.header("Upload-Metadata", metadata))
    };
    post("10", &format!("filename {}", base64("a"))).await.expect(400);
    post("10", "image_id ???").await.expect(400);
    post("10", &format!("{named},sha512 {}", base64("short"))).await.expect(400);
    post("10", &format!("image_id {}", base64("nothing"))).await.expect(404);
    post("10", &format!("{named},long {}", "A".repeat(4096))).await.expect(413);
    post("-1", &named).await.expect(400);
    post("0", &named).await.expect(400);
    post("1000001", &named).await.expect(413);
    alice.get(&format!("/effigy/v1/images/{id}/upload")).await.expect(404);
    let up = place(&post("1000", &named).await.expect(201));
    let shown = alice.get(&format!("/effigy/v1/images/{id}/upload")).await.expect(200).json();
    assert_eq!((&shown["kept_bytes"], &shown["whole_bytes"]), (&json!(0), &json!(1000)));
    assert_eq!((shown["url"].as_str().unwrap().ends_with(&up), &shown["metadata"]["image_id"]), (true, &json!(id)));
    people.bob.get(&format!("/effigy/v1/images/{id}/upload")).await.expect(404);
    post("1000", &named).await.expect(409);

    let file = bytes(1, 1000);
    let untyped = tus(alice, Method::PATCH, &up).header("Upload-Offset", 0).body(file.clone());
    Answer::of(untyped).await.expect(415);
    send(alice, &up, 1, &file[1..]).await.expect(409);
    send(alice, &up, 0, &bytes(2, 1001)).await.expect(413);
    let stranger = &people.bob;
    assert_eq!(send(stranger, &up, 0, &file).await.status, 404);
    assert_eq!(head(stranger, &up).await.0, 404);
    Answer::of(tus(stranger, Method::DELETE, &up)).await.expect(404);
    assert_eq!(head(alice, &up).await, (200, Some(0)));

    let post = |method: Option<&str>| {
        let request = tus(alice, Method::POST, &up).header("Upload-Offset", 0);
        let request = request.header("Content-Type", "application/offset+octet-stream").body(file[..600].to_vec());
        Answer::of(match method {
            Some(method) => request.header("X-HTTP-Method-Override", method),
            None => request,
        })
    };
    post(None).await.expect(405);
    post(Some("PATCH")).await.expect(204);
    assert_eq!(head(alice, &up).await, (200, Some(600)));
    post(Some("DELETE")).await.expect(204);
    assert_eq!(head(alice, &up).await, (404, None));
}
