//! Strangers: they neither exhaust the service nor keep anybody out.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Answer, Effigy, PASSWORD, Person, eventually};

/// Requests come through a proxy that is trusted, so a test can speak as any address.
const PROXIED: &str = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";

/// Tries to sign in as somebody from this address.
async fn sign_in_from(effigy: &Effigy, address: &str, user: &str, password: &str) -> Answer {
    let request = effigy.stranger().request(Method::POST, "/identity/v3/auth/tokens");
    let user = json!({"name": user, "password": password, "domain": {"id": "default"}});
    let auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
    // The client says something of its own first, as it may.
    let from = format!("203.0.113.99, {address}");
    Answer::of(request.header("X-Forwarded-For", from).json(&json!({ "auth": auth }))).await
}

#[tokio::test]
async fn stranger_elsewhere_locks_nobody_out() {
    let effigy = Effigy::with(&format!("{PROXIED}[identity]\nlock_after_failures = 3\n")).await;
    let people = effigy.people().await;
    for _ in 0..4 {
        sign_in_from(&effigy, "198.51.100.1", "alice", "wrong").await.expect(401);
    }
    sign_in_from(&effigy, "198.51.100.1", "alice", PASSWORD).await.expect(401);
    sign_in_from(&effigy, "198.51.100.2", "alice", PASSWORD).await.expect(201);
    // All addresses of one network of IPv6 count as one.
    for n in 1..=3 {
        sign_in_from(&effigy, &format!("2001:db8::{n}"), "alice", "wrong").await.expect(401);
    }
    sign_in_from(&effigy, "2001:db8::4", "alice", PASSWORD).await.expect(401);
    sign_in_from(&effigy, "2001:db8:0:1::4", "alice", PASSWORD).await.expect(201);
    let told = people.admin.get("/effigy/v1/audit?action=user.sign_in").await.expect(200).json();
    let of_first = told["events"].as_array().unwrap().last().unwrap();
    assert_eq!(of_first["address"], "198.51.100.1");
}

#[tokio::test]
async fn word_of_a_proxy_that_is_not_trusted_does_not_count() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    sign_in_from(&effigy, "198.51.100.1", "alice", "wrong").await.expect(401);
    let told = people.admin.get("/effigy/v1/audit?action=user.sign_in").await.expect(200).json();
    assert_eq!(told["events"][0]["address"], "127.0.0.1");
}

/// The events of sign-ins, as address, name and number.
async fn sign_ins(admin: &Person) -> Vec<String> {
    let answer = admin.get("/effigy/v1/audit?action=user.sign_in").await.expect(200).json();
    let shown = |event: &Value| format!("{} {} {}", event["address"], event["user_name"], event["times"]);
    answer["events"].as_array().unwrap().iter().map(shown).collect()
}

#[tokio::test]
async fn refused_sign_ins_of_an_hour_are_one_event_with_their_number() {
    let effigy = Effigy::with(PROXIED).await;
    let people = effigy.people().await;
    for _ in 0..4 {
        sign_in_from(&effigy, "198.51.100.1", "alice", "wrong").await.expect(401);
    }
    sign_in_from(&effigy, "198.51.100.1", "bob", "wrong").await.expect(401);
    sign_in_from(&effigy, "198.51.100.2", "alice", "wrong").await.expect(401);
    let expected = [r#""198.51.100.2" "alice" 1"#, r#""198.51.100.1" "bob" 1"#, r#""198.51.100.1" "alice" 4"#];
    eventually("the number is written", Duration::from_secs(60), || async {
        let told = sign_ins(&people.admin).await;
        // A new hour may have begun meanwhile: then the rest of them are on events of their own.
        assert!(told.len() == 3 || told.len() == 4, "{told:?}");
        (told == expected || told.len() == 4).then_some(())
    })
    .await;
}

#[tokio::test]
async fn request_that_proves_nothing_leaves_no_event() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let stranger = effigy.stranger();
    let tokens = "/identity/v3/auth/tokens";
    let unknown = json!({"auth": {"identity": {"methods": ["x".repeat(512)]}}});
    stranger.post(tokens, unknown).await.expect(401);
    stranger.post(tokens, json!({"auth": {}})).await.expect(400);
    stranger.post(tokens, json!("x".repeat(1 << 21))).await.expect(413);
    let session = json!({"user": "alice", "password": "wrong"});
    let elsewhere = stranger.request(Method::POST, "/session").header("Origin", "https://elsewhere.example");
    Answer::of(elsewhere.json(&session)).await.expect(403);
    let path = format!("/identity/v3/users/{}/password", people.alice.user_id);
    stranger.post(&path, json!({"user": {}})).await.expect(400);
    let all = people.admin.get("/effigy/v1/audit").await.expect(200).json();
    let by_strangers = all["events"].as_array().unwrap().iter().filter(|event| event["user_id"].is_null());
    assert_eq!(by_strangers.collect::<Vec<_>>(), [&Value::Null; 0], "no event");
    // A proof that is judged is an attempt.
    let body = json!({"user": {"original_password": "wrong", "password": "new"}});
    stranger.post(&path, body).await.expect(401);
    let judged = people.admin.get("/effigy/v1/audit?action=user.change_password").await.expect(200).json();
    assert_eq!(judged["events"][0]["user_name"], people.alice.user_id);
}

/// The beginning of the answer to what is sent over a connection of its own, which stays open.
async fn said(effigy: &Effigy, sent: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(effigy.url().trim_start_matches("http://")).await.expect("connect");
    let mut answer = [0; 12];
    // A connection that was closed at once may fail at either.
    let read = match stream.write_all(sent.as_bytes()).await {
        Ok(()) => stream.read(&mut answer).await.unwrap_or_default(),
        Err(_) => 0,
    };
    (stream, String::from_utf8_lossy(&answer[..read]).into_owned())
}

#[tokio::test]
async fn stranger_is_refused_before_the_body_is_read() {
    let effigy = Effigy::start().await;
    let instance = "00000000-0000-0000-0000-000000000000";
    for url in [
        "/image/v2/images".to_owned(),
        "/compute/v2.1/servers".to_owned(),
        format!("/compute/v2.1/servers/{instance}/action"),
        "/identity/v3/users".to_owned(),
    ] {
        // The body never comes.
        let head = format!("POST {url} HTTP/1.1\r\nHost: effigy\r\nContent-Length: 900000\r\n\r\n");
        let answer = tokio::time::timeout(Duration::from_secs(30), said(&effigy, &head)).await;
        assert_eq!(answer.unwrap_or_else(|_| panic!("{url} waits for the body")).1, "HTTP/1.1 401", "{url}");
    }
    let head = "POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: effigy\r\nContent-Length: 900000\r\n\r\n";
    let answer = tokio::time::timeout(Duration::from_secs(30), said(&effigy, head)).await;
    assert_eq!(answer.expect("a sign-in waits for a huge body").1, "HTTP/1.1 413");
}

#[tokio::test]
async fn one_address_takes_a_part_of_the_connections() {
    let effigy = Effigy::with("[server]\nconnections_per_address = 4\n").await;
    let ask = "GET /healthz HTTP/1.1\r\nHost: effigy\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(said(&effigy, ask).await);
    }
    let answered = open.iter().filter(|(_, answer)| answer == "HTTP/1.1 200").count();
    // The support's own client may hold one of them.
    assert!((3..=4).contains(&answered), "{answered} of 8");
    assert!(open.iter().rev().take(4).all(|(_, answer)| answer.is_empty()), "further ones are closed");
    drop(open);
    eventually("their places are free", Duration::from_secs(30), || async {
        (said(&effigy, ask).await.1 == "HTTP/1.1 200").then_some(())
    })
    .await;
}
