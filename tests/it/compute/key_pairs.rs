//! Key pairs.

use reqwest::Method;
use serde_json::json;

use super::{at, fields, get_at, post_at};
use crate::support::Effigy;

const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@example";

#[tokio::test]
async fn key_made_here_comes_with_its_private_half_once() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let made = post_at("2.1", &admin, "/os-keypairs", json!({"keypair": {"name": "k"}})).await.expect(200).json();
    let made = &made["keypair"];
    assert_eq!(fields(made), ["fingerprint", "name", "private_key", "public_key", "user_id"]);
    assert!(made["private_key"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert!(made["public_key"].as_str().unwrap().starts_with("ssh-rsa AAAA"));
    let print = made["fingerprint"].as_str().unwrap();
    assert!(print.len() == 47 && print.split(':').all(|pair| pair.len() == 2), "{print}");
    let shown = get_at("2.1", &admin, "/os-keypairs/k").await["keypair"].clone();
    let whole =
        ["created_at", "deleted", "deleted_at", "fingerprint", "id", "name", "public_key", "updated_at", "user_id"];
    assert_eq!(fields(&shown), whole);
    assert_eq!(shown["deleted"], false);
    let created = shown["created_at"].as_str().unwrap();
    assert!(created.len() == 26 && !created.ends_with('Z'), "{created}");
}

#[tokio::test]
async fn private_half_made_here_is_that_of_the_public_one() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let made = post_at("2.1", &admin, "/os-keypairs", json!({"keypair": {"name": "k"}})).await.expect(200);
    let file = effigy.scratch().join("key");
    std::fs::write(&file, made.string("/keypair/private_key")).unwrap();
    std::process::Command::new("chmod").arg("600").arg(&file).status().unwrap();
    let public = std::process::Command::new("ssh-keygen").arg("-y").arg("-f").arg(&file).output().unwrap();
    let public = String::from_utf8_lossy(&public.stdout).into_owned();
    let stored = made.string("/keypair/public_key");
    assert_eq!(public.split_whitespace().nth(1), stored.split_whitespace().nth(1));
}

#[tokio::test]
async fn public_key_is_kept_as_it_was_sent() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    // Terraform compares it with its file, which ends with a newline.
    let sent = format!("{PUBLIC_KEY}\n");
    let body = json!({"keypair": {"name": "from a file", "public_key": sent}});
    post_at("2.1", &admin, "/os-keypairs", body).await.expect(200);
    let kept = admin.get("/compute/v2.1/os-keypairs/from%20a%20file").await.expect(200).json();
    assert_eq!(kept["keypair"]["public_key"], sent);
}

#[tokio::test]
async fn forms_follow_the_microversion() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let import = |name: &str| json!({"keypair": {"name": name, "public_key": PUBLIC_KEY}});
    let first = post_at("2.1", &admin, "/os-keypairs", import("a")).await.expect(200).json();
    assert_eq!(fields(&first["keypair"]), ["fingerprint", "name", "public_key", "user_id"]);
    let mut typed = import("b");
    typed["keypair"]["type"] = json!("ssh");
    post_at("2.1", &admin, "/os-keypairs", typed.clone()).await.expect(400);
    let second = post_at("2.2", &admin, "/os-keypairs", typed).await.expect(201).json();
    assert_eq!(second["keypair"]["type"], "ssh");
    post_at("2.92", &admin, "/os-keypairs", json!({"keypair": {"name": "c"}})).await.expect(400);
    post_at("2.92", &admin, "/os-keypairs", import("c")).await.expect(201);

    let list = get_at("2.1", &admin, "/os-keypairs").await["keypairs"].clone();
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!(fields(&list[0]["keypair"]), ["fingerprint", "name", "public_key"]);
    let page = get_at("2.35", &admin, "/os-keypairs?limit=2").await;
    assert_eq!(page["keypairs"].as_array().unwrap().len(), 2);
    assert!(page["keypairs_links"][0]["href"].as_str().unwrap().contains("marker=b"), "{page}");
    let rest = get_at("2.35", &admin, "/os-keypairs?limit=2&marker=b").await;
    assert_eq!(rest["keypairs"][0]["keypair"]["name"], "c");

    at("2.1", &admin, Method::DELETE, "/os-keypairs/a", None).await.expect(202);
    at("2.2", &admin, Method::DELETE, "/os-keypairs/b", None).await.expect(204);
    at("2.2", &admin, Method::DELETE, "/os-keypairs/b", None).await.expect(404);
}

#[tokio::test]
async fn text_that_is_not_a_key_is_refused() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (name, key) in
        [("", PUBLIC_KEY), ("a/b", PUBLIC_KEY), ("k", "ssh-rsa"), ("k", "ssh-rsa AAAA"), ("k", "-----BEGIN")]
    {
        let body = json!({"keypair": {"name": name, "public_key": key}});
        post_at("2.2", &admin, "/os-keypairs", body).await.expect(400).string("/badRequest/message");
    }
    let good = json!({"keypair": {"name": "k", "public_key": PUBLIC_KEY}});
    post_at("2.2", &admin, "/os-keypairs", good.clone()).await.expect(201);
    post_at("2.2", &admin, "/os-keypairs", good).await.expect(409);
}

#[tokio::test]
async fn key_pairs_belong_to_their_user() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let body = json!({"keypair": {"name": "k", "public_key": PUBLIC_KEY}});
    post_at("2.2", &people.alice, "/os-keypairs", body).await.expect(201);
    get_at("2.2", &people.alice_batch, "/os-keypairs/k").await;
    at("2.2", &people.bob, Method::GET, "/os-keypairs/k", None).await.expect(404);
    let of_alice = format!("/os-keypairs/k?user_id={}", people.alice.user_id);
    at("2.10", &people.bob, Method::GET, &of_alice, None).await.expect(403);
    get_at("2.10", &people.admin, &of_alice).await;
}

#[tokio::test]
async fn quota_of_key_pairs_answers_forbidden_as_nova_does() {
    let effigy = Effigy::with("[quota]\nkey_pairs = 1\n").await;
    let admin = effigy.admin().await;
    let import = |name: &str| json!({"keypair": {"name": name, "public_key": PUBLIC_KEY}});
    post_at("2.2", &admin, "/os-keypairs", import("a")).await.expect(201);
    let over = post_at("2.2", &admin, "/os-keypairs", import("b")).await.expect(403);
    assert!(over.string("/forbidden/message").contains("Quota exceeded"));
}
