//! Fetching by address: what a service that does as it is told must not do.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    bytes,
    imports::{import, task_becomes, web},
};
use crate::support::{Effigy, People, Person, Reply, Source};

/// The message about every source that is not fetched from, whatever the reason.
const ONE_TEXT: &str =
    "the source cannot be fetched: it must be a public http or https address that answers with a file";

/// Imports from an address that is taken, and returns why that failed.
async fn failure(alice: &Person, url: &str) -> String {
    let id = alice.create_image("a", json!({})).await;
    import(alice, &id, web(url)).await.expect(202);
    let task = task_becomes(alice, &id, "failure").await;
    assert_eq!(alice.image(&id).await["status"], "queued");
    task["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn private_addresses_in_every_spelling_are_refused_before_a_packet() {
    let source = Source::start(|_| Reply::file(b"secret")).await;
    let port = source.address.port();
    let effigy = Effigy::with(&format!("[import]\nallowed_ports = [80, 443, {port}]\n")).await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let mut texts = std::collections::BTreeSet::new();
    for host in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::1]",
        "[::]",
        "[fc00::1]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "user@127.0.0.1",
        "example.org@127.0.0.1",
        "localhost.",
        "127。0。0。1",
        "①27.0.0.1",
    ] {
        let answer = import(&alice, &id, web(&format!("http://{host}:{port}/x"))).await.expect(400);
        texts.insert(answer.string("/error/message"));
    }
    for url in ["file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1/x", "http://example.org:22/x", "x", ""]
    {
        texts.insert(import(&alice, &id, web(url)).await.expect(400).string("/error/message"));
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(source.asked(), Vec::<String>::new());
    assert_eq!(alice.image(&id).await["status"], "queued");
}

#[tokio::test]
async fn name_of_a_private_address_is_refused_before_a_packet() {
    let source = Source::start(|_| Reply::file(b"secret")).await;
    // The address is allowed, the name is not: what counts is what the address names.
    let effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let url = format!("http://localhost:{}/x", source.address.port());
    assert_eq!(failure(&alice, &url).await, ONE_TEXT);
    assert_eq!(source.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn every_hop_of_a_redirect_is_judged() {
    let secret = Source::start(|_| Reply::file(b"secret")).await;
    let (elsewhere, port) = (secret.at("/x"), secret.address.port());
    let source = Source::start(move |path| match path {
        "/file" => Reply::to("file:///etc/passwd"),
        "/port" => Reply::to(&elsewhere),
        "/host" => Reply::to(&format!("http://127.0.0.2:{port}/x")),
        "/name" => Reply::to(&format!("http://localhost:{port}/x")),
        "/number" => Reply::to("http://2130706433/x"),
        "/user" => Reply::to("http://a:b@127.0.0.1/x"),
        "/nowhere" => Reply::status("302 Found"),
        "/0" => Reply::file(&[1; 512]),
        // /6 leads to /5, and so on to /0.
        path => Reply::to(&format!("/{}", path[1..].parse::<u32>().unwrap_or(100) - 1)),
    })
    .await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    import(&alice, &id, web(&source.at("/5"))).await.expect(202);
    task_becomes(&alice, &id, "success").await;
    let asked = source.asked();
    assert_eq!(asked.len(), 6);
    let bad = ["/file", "/port", "/host", "/name", "/number", "/user", "/nowhere", "/6"];
    let (alice, source) = (&alice, &source);
    let tried = bad.map(|path| async move { failure(alice, &source.at(path)).await });
    for (path, said) in bad.iter().zip(futures::future::join_all(tried).await) {
        assert_eq!(said, ONE_TEXT, "{path}");
    }
    assert_eq!(secret.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn endless_slow_packed_and_broken_bodies_end_by_their_caps() {
    let source = Source::start(|path| match path {
        "/endless" => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        "/slow" => Reply::Held(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nslow".to_vec()),
        "/gzip" => {
            Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0".to_vec())
        }
        "/large" => Reply::Held(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()),
        _ => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort".to_vec()),
    })
    .await;
    let settings = format!("{}timeout_secs = 3\n[images]\nmax_size_bytes = 10000000\n", source.settings());
    let effigy = Effigy::with(&settings).await;
    let People { alice, .. } = effigy.people().await;
    for (path, reason) in [
        ("/endless", "at most 10000000 bytes"),
        ("/large", "at most 10000000 bytes"),
        ("/slow", "broke off after"),
        ("/short", "broke off after"),
        ("/gzip", ONE_TEXT),
    ] {
        let said = failure(&alice, &source.at(path)).await;
        assert!(said.contains(reason), "{path}: {said}");
    }
    assert!(source.asked().iter().all(|head| head.contains("accept-encoding: identity\r\n")), "{:?}", source.asked());
    assert_eq!(super::usage(&alice).await.1, 0);
}

#[tokio::test]
async fn closed_silent_and_open_ports_look_and_last_alike() {
    let source = Source::start(|path| match path {
        "/silent" => Reply::Held(Vec::new()),
        "/odd" => Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()),
        _ => Reply::status("404 Not Found"),
    })
    .await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ports = format!("[80, 443, {}, {}]", source.address.port(), closed.port());
    let settings = format!("[import]\nallowed_hosts = [\"127.0.0.1\"]\nallowed_ports = {ports}\n");
    let effigy = Effigy::with(&settings).await;
    let People { alice, .. } = effigy.people().await;
    // An allowed host, so that the service does connect: any other it would not even try.
    let urls = [format!("http://{closed}/x"), source.at("/silent"), source.at("/odd"), source.at("/missing")];
    let alice = &alice;
    let tried = urls.iter().map(|url| async move {
        let began = Instant::now();
        let said = failure(alice, url).await;
        assert!(began.elapsed() > Duration::from_secs(9), "{url}: told after {:?}", began.elapsed());
        said
    });
    for (url, said) in urls.iter().zip(futures::future::join_all(tried).await) {
        assert_eq!(said, ONE_TEXT, "{url}");
    }
}

#[tokio::test]
async fn nothing_of_the_service_or_its_caller_goes_along() {
    let file = bytes(3, 4096);
    let source = Source::start(move |path| match path {
        "/first" => Reply::to("/second"),
        _ => Reply::file(&file),
    })
    .await;
    let mut effigy = Effigy::with(&source.settings()).await;
    // The service runs with proxies in its environment and this folder as its home.
    std::fs::write(effigy.scratch().join(".netrc"), "machine 127.0.0.1 login a password b\n").unwrap();
    effigy.restart().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    import(&alice, &id, web(&source.at("/first"))).await.expect(202);
    task_becomes(&alice, &id, "success").await;
    let asked = source.asked();
    assert_eq!(asked.len(), 2);
    for head in asked {
        let names: Vec<String> =
            head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase())).collect();
        assert_eq!(names, ["host", "user-agent", "accept", "accept-encoding"], "{head}");
        assert!(head.starts_with("GET /"), "a proxy's request: {head}");
    }
}

#[tokio::test]
async fn secret_in_the_query_of_an_address_is_used_and_not_shown() {
    let source = Source::start(|path| match path {
        "/x?key=secret" => Reply::file(&[7; 4096]),
        _ => Reply::status("403 Forbidden"),
    })
    .await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    import(&alice, &id, web(&source.at("/x?key=secret"))).await.expect(202);
    alice.image_becomes(&id, "active").await;
    let task = task_becomes(&alice, &id, "success").await;
    assert_eq!(task["input"]["import_req"]["method"]["uri"], source.at("/x?..."));
    assert!(!task.to_string().contains("secret"), "{task}");
}
