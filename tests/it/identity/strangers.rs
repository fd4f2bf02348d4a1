//! Strangers: they neither exhaust the service nor keep anybody out.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Effigy, PASSWORD};

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
