//! Every refusal is in Nova's words, and none is a 500.

use reqwest::Method;
use serde_json::json;

use super::{at, post_at};
use crate::support::{Answer, Effigy};

const NOBODY: &str = "7c1bd0a2-5a0e-4f7e-9a0e-0f6f1a2b3c4d";

#[tokio::test]
async fn each_refusal_has_its_word_and_its_code() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let server = format!("/servers/{NOBODY}");
    let table = [
        (Method::GET, server.clone(), None, 404, "itemNotFound"),
        (Method::GET, "/servers/no-uuid".into(), None, 404, "itemNotFound"),
        (Method::GET, "/nothing".into(), None, 404, "itemNotFound"),
        (Method::DELETE, "/limits".into(), None, 405, "badMethod"),
        (Method::POST, format!("{server}/action"), Some(json!({"os-stop": null})), 404, "itemNotFound"),
        (Method::POST, format!("{server}/action"), Some(json!({"pause": null})), 404, "itemNotFound"),
        (Method::POST, format!("{server}/action"), Some(json!({})), 400, "badRequest"),
        (Method::POST, "/servers".into(), Some(json!({"server": {}})), 400, "badRequest"),
        (Method::POST, "/servers".into(), Some(json!([])), 400, "badRequest"),
        (Method::POST, "/servers".into(), None, 400, "badRequest"),
        (Method::PUT, "/os-quota-sets/x".into(), Some(json!({})), 400, "badRequest"),
        (Method::GET, format!("{server}/diagnostics"), None, 404, "itemNotFound"),
    ];
    for (method, path, body, status, word) in table {
        let answer = at("2.1", &admin, method.clone(), &path, body).await.expect(status);
        assert_eq!(answer.json()[word]["code"], status, "{method} {path}");
        assert!(!answer.string(&format!("/{word}/message")).is_empty());
    }
}

#[tokio::test]
async fn stranger_is_asked_for_a_token_in_the_same_shape() {
    let effigy = Effigy::start().await;
    for path in ["/servers/detail", "/flavors", "/limits", "/os-keypairs"] {
        let answer = effigy.stranger().get(&format!("/compute/v2.1{path}")).await.expect(401);
        assert_eq!(answer.json()["unauthorized"]["code"], 401, "{path}");
    }
}

#[tokio::test]
async fn body_that_is_not_json_or_too_long_is_refused() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let post = |body: Vec<u8>, kind: &'static str| {
        let request = admin.request(Method::POST, "/compute/v2.1/flavors").header("Content-Type", kind).body(body);
        Answer::of(request)
    };
    post(b"{".to_vec(), "application/json").await.expect(400).string("/badRequest/message");
    post(b"<a/>".to_vec(), "application/xml").await.expect(415).string("/badMediaType/message");
    post(vec![b' '; (1 << 20) + 1], "application/json").await.expect(413);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    post(deep.into_bytes(), "application/json").await.expect(400);
}

#[tokio::test]
async fn launch_that_names_what_is_not_there_is_a_bad_request() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let server = json!({"name": "a", "imageRef": NOBODY, "flavorRef": "42", "networks": "none"});
    let refused = post_at("2.37", &admin, "/servers", json!({"server": server})).await.expect(400);
    assert!(refused.string("/badRequest/message").contains(NOBODY), "{}", refused.text());
}

#[tokio::test]
async fn bad_query_is_refused_and_so_is_an_unknown_word_in_it() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for bad in [
        "limit=-1",
        "limit=x",
        "name=(",
        "marker=x",
        "changes-since=x",
        "sort_key=x",
        "all_tenants=maybe",
        "colour=red",
    ] {
        at("2.1", &admin, Method::GET, &format!("/servers?{bad}"), None)
            .await
            .expect(400)
            .string("/badRequest/message");
    }
    at("2.1", &admin, Method::GET, "/servers/detail?deleted=False", None).await.expect(200);
}
