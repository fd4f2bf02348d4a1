//! Access rules bind a token wherever it is used.

use std::process::Command;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::credentials::{make, sign_in};
use crate::support::{Answer, Effigy, People, clients, shown};

/// A token that may do just this, and its body.
async fn bound(effigy: &Effigy, people: &People, rules: Value) -> (String, Value) {
    let name = if rules == json!([]) { "free" } else { "bound" };
    let made = make(&people.alice, json!({"name": name, "access_rules": rules})).await.expect(201);
    let (id, secret) = (made.string("/application_credential/id"), made.string("/application_credential/secret"));
    let issued = sign_in(effigy, &id, &secret).await.expect(201);
    (issued.header("x-subject-token").unwrap().to_owned(), issued.json()["token"].clone())
}

fn validation(people: &People, method: Method, token: &str) -> RequestBuilder {
    people.admin.request(method, "/identity/v3/auth/tokens").header("X-Subject-Token", token)
}

#[tokio::test]
async fn a_token_is_shown_with_its_access_rules_and_only_to_whoever_enforces_them() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let rules = json!([{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]);
    let (token, issued) = bound(&effigy, &people, rules).await;
    let kept = issued["application_credential"]["access_rules"][0].clone();
    assert_eq!(
        [&kept["service"], &kept["method"], &kept["path"]],
        [&json!("compute"), &json!("GET"), &json!("/v2.1/servers")]
    );
    assert!(kept["id"].is_string(), "{kept}");
    for method in [Method::GET, Method::HEAD] {
        let asked = || validation(&people, method.clone(), &token);
        Answer::of(asked()).await.expect(404);
        for version in ["0.9", "none", ""] {
            Answer::of(asked().header("OpenStack-Identity-Access-Rules", version)).await.expect(404);
        }
        Answer::of(asked().header("OpenStack-Identity-Access-Rules", "1.0")).await.expect(200);
    }
    let asked = validation(&people, Method::GET, &token).header("OpenStack-Identity-Access-Rules", "1");
    let validated = Answer::of(asked).await.expect(200).json();
    assert_eq!(validated["token"]["application_credential"]["access_rules"], json!([kept]));
    // A credential without rules may be validated by everybody who could before.
    let (free, issued) = bound(&effigy, &people, json!([])).await;
    assert!(issued["application_credential"].get("access_rules").is_none(), "{issued}");
    Answer::of(validation(&people, Method::GET, &free)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_rules_hold_behind_keystones_middleware() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let rules = json!([{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]);
    let (token, _) = bound(&effigy, &people, rules).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/identity/auth_token.py");
    let statuses = |token: &str| {
        let asked = ["GET", "/v2.1/servers", "DELETE", "/v2.1/servers", "GET", "/v2.1/flavors"];
        let mut command = Command::new(clients().join("python"));
        command.arg(script).args([&effigy.at("/identity/v3"), &effigy.admin_password(), token]).args(asked);
        let output = command.output().expect("run python");
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&people.alice.token), ["200", "200", "200"]);
    assert_eq!(statuses(&token), ["200", "401", "401"]);
}

#[tokio::test]
async fn equal_rule_of_a_user_is_taken_again() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let rule = json!({"service": "compute", "method": "GET", "path": "/v2.1/servers"});
    for name in ["one", "two"] {
        make(&alice, json!({"name": name, "access_rules": [rule]})).await.expect(201);
    }
    let listed = alice.get(&format!("/identity/v3/users/{}/access_rules", alice.user_id)).await.expect(200).json();
    assert_eq!(listed["access_rules"].as_array().expect("a list").len(), 1, "{listed}");
}
