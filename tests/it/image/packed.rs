//! Files that come compressed and are kept unpacked.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use base64::Engine as _;
use reqwest::{Body, Method};
use serde_json::json;

use super::{
    bytes,
    imports::{import, task_becomes, web},
    path, usage,
};
use crate::support::{Answer, Effigy, People, Person, Reply, Source, qcow2_of};

const PROGRAMS: [&str; 4] = ["gzip", "zstd", "xz", "bzip2"];

/// These bytes, compressed by the usual program.
fn packed(program: &str, plain: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program);
    let mut child = command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
    let (mut stdin, plain) = (child.stdin.take().unwrap(), plain.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&plain).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

async fn sent(person: &Person, id: &str, coding: &str, file: impl Into<Body>) -> Answer {
    let request = person.request(Method::PUT, &format!("{}/file", path(id)));
    let request = request.header("Content-Type", "application/octet-stream").header("Content-Encoding", coding);
    Answer::of(request.body(file)).await
}

async fn is_kept(person: &Person, id: &str, plain: &[u8]) {
    let image = person.image_becomes(id, "active").await;
    assert_eq!((&image["size"], &image["container_format"]), (&json!(plain.len()), &json!("bare")), "{image}");
    assert!(person.download(id).await.expect(200).body == plain);
}

#[tokio::test]
async fn upload_is_unpacked_as_its_content_encoding_says() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    // Random, so that more comes than one piece, with a hole.
    let plain = [bytes(1, 3 << 20), vec![0; 2 << 20], bytes(2, 1 << 20)].concat();
    for program in PROGRAMS {
        let id = alice.create_image(program, json!({"disk_format": "raw"})).await;
        sent(&alice, &id, program, packed(program, &plain)).await.expect(204);
        is_kept(&alice, &id, &plain).await;
    }
    assert_eq!(usage(&alice).await, (4, 24, 0));
    effigy.check_store();
}

#[tokio::test]
async fn image_that_is_compressed_by_its_container_format_is_unpacked_on_every_road_and_bare() {
    let plain = qcow2_of(&bytes(3, 1 << 20), &[]);
    let source = Source::start({
        let file = packed("xz", &plain);
        move |_| Reply::file(&file)
    })
    .await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let made =
        async || alice.create_image("packed", json!({"disk_format": "qcow2", "container_format": "compressed"})).await;
    let uploaded = made().await;
    alice.upload(&uploaded, packed("zstd", &plain)).await.expect(204);
    let staged = made().await;
    alice.put_bytes(&format!("{}/stage", path(&staged)), packed("bzip2", &plain)).await.expect(204);
    import(&alice, &staged, json!({"name": "glance-direct"})).await.expect(202);
    let fetched = made().await;
    import(&alice, &fetched, web(&source.at("/packed"))).await.expect(202);
    task_becomes(&alice, &fetched, "success").await;
    for id in [uploaded, staged, fetched] {
        is_kept(&alice, &id, &plain).await;
        assert_eq!(alice.image(&id).await["virtual_size"], 1 << 20);
    }
}

#[tokio::test]
async fn declared_digests_are_those_of_the_bytes_that_are_sent() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let (plain, id) =
        (bytes(4, 100_000 / 512 * 512), alice.create_image("digests", json!({"disk_format": "raw"})).await);
    let file = packed("gzip", &plain);
    let md5 = |bytes: &[u8]| {
        let digest = openssl::hash::hash(openssl::hash::MessageDigest::md5(), bytes).unwrap();
        base64::engine::general_purpose::STANDARD.encode(digest)
    };
    let send = async |digest: String| {
        let request = alice.request(Method::PUT, &format!("{}/file", path(&id))).header("Content-MD5", digest);
        let request = request.header("Content-Type", "application/octet-stream").header("Content-Encoding", "gzip");
        Answer::of(request.body(file.clone())).await
    };
    send(md5(&plain)).await.expect(400);
    send(md5(&file)).await.expect(204);
    is_kept(&alice, &id, &plain).await;
}

#[tokio::test]
async fn file_that_is_not_compressed_as_it_says_is_refused_and_leaves_nothing() {
    let effigy = Effigy::with("[quota]\nimage_bytes = 4194304\n").await;
    let People { alice, .. } = effigy.people().await;
    let plain = bytes(5, 1 << 20);
    let gzip = packed("gzip", &plain);
    let cases: [(&str, &str, Vec<u8>, u16, &str); 9] = [
        ("bare", "gzip", plain.clone(), 415, "(rule: format_mismatch)"),
        ("bare", "xz", gzip.clone(), 415, "it is compressed with gzip"),
        ("bare", "br", plain.clone(), 415, "gzip, zstd, xz or bzip2"),
        ("bare", "gzip, zstd", gzip.clone(), 415, "gzip, zstd, xz or bzip2"),
        ("bare", "gzip", gzip[..gzip.len() / 2].to_vec(), 415, "(rule: truncated)"),
        ("bare", "gzip", packed("gzip", &gzip), 415, "compressed twice"),
        ("bare", "gzip", vec![], 415, "(rule: format_mismatch)"),
        ("compressed", "identity", plain.clone(), 415, "Set container_format to bare"),
        // Of a few KiB the quota is asked for what they become.
        ("bare", "gzip", packed("gzip", &vec![0; 8 << 20]), 413, "quota"),
    ];
    for (container, coding, file, status, words) in cases {
        let id = alice.create_image("bad", json!({"disk_format": "raw", "container_format": container})).await;
        let answer = sent(&alice, &id, coding, file).await;
        let text = answer.text();
        assert!(answer.status == status && text.contains(words), "{coding}, {words}: {} {text}", answer.status);
        assert_eq!((&alice.image(&id).await["status"], usage(&alice).await.1), (&json!("queued"), 0), "{words}");
    }
    let id = alice.create_image("staged", json!({"disk_format": "raw"})).await;
    let request = alice.request(Method::PUT, &format!("{}/stage", path(&id))).header("Content-Encoding", "gzip");
    let answer = Answer::of(request.header("Content-Type", "application/octet-stream").body(gzip)).await;
    assert!(answer.expect(400).text().contains("container_format"));
    effigy.check_store();
}

#[tokio::test]
async fn few_files_are_unpacked_at_once() {
    const AT_ONCE: u64 = 3;
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let mut begun = Vec::new();
    for n in 0..AT_ONCE {
        let id = alice.create_image("slow", json!({"disk_format": "raw"})).await;
        let (plain, (sender, body)) = (bytes(10 + n, 1 << 20), super::uploads::by_hand());
        let file = packed("zstd", &plain);
        let (head, rest) = file.split_at(1000);
        sender.send(Ok(head.to_vec().into())).unwrap();
        let (person, image) = (alice.clone(), id.clone());
        let upload = tokio::spawn(async move { sent(&person, &image, "zstd", body).await });
        alice.image_becomes(&id, "saving").await;
        begun.push((id, plain, rest.to_vec(), sender, upload));
    }
    let (id, plain) = (alice.create_image("one more", json!({"disk_format": "raw"})).await, bytes(20, 1 << 20));
    let refused = sent(&alice, &id, "zstd", packed("zstd", &plain)).await.expect(503);
    assert!(refused.text().contains("unpacking as many files as it can"), "{}", refused.text());
    for (id, plain, rest, sender, upload) in begun {
        sender.send(Ok(rest.into())).unwrap();
        drop(sender);
        upload.await.unwrap().expect(204);
        is_kept(&alice, &id, &plain).await;
    }
    sent(&alice, &id, "zstd", packed("zstd", &plain)).await.expect(204);
    is_kept(&alice, &id, &plain).await;
}
