//! Signing in, and everything that ends a token.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy, PASSWORD, Person};

/// The promise: what ends a token ends it within a second.
const SECOND: Duration = Duration::from_secs(1);

async fn check(person: &Person, subject: &Person) -> Answer {
    let request = person.request(Method::GET, "/identity/v3/auth/tokens");
    Answer::of(request.header("X-Subject-Token", &subject.token)).await
}

/// Fails unless the token is refused within a second from now.
async fn ends(person: &Person) {
    let deadline = Instant::now() + SECOND;
    loop {
        let status = check(person, person).await.status;
        if status == 401 {
            return;
        }
        assert!(Instant::now() < deadline, "the token still answers {status} after a second");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn exchange(person: &Person, scope: Value) -> Answer {
    let auth = json!({"identity": {"methods": ["token"], "token": {"id": person.token}}, "scope": scope});
    person.post("/identity/v3/auth/tokens", json!({ "auth": auth })).await
}

#[tokio::test]
async fn discovery_names_one_version_and_this_address() {
    let effigy = Effigy::start().await;
    let stranger = effigy.stranger();
    for path in ["/identity", "/identity/"] {
        let all = stranger.get(path).await.expect(300).json();
        assert_eq!(all["versions"]["values"][0]["id"], "v3.14");
    }
    for path in ["/identity/v3", "/identity/v3/"] {
        let version = stranger.get(path).await.expect(200).json();
        assert_eq!(version["version"]["links"][0]["href"], effigy.at("/identity/v3/"));
    }
}

#[tokio::test]
async fn password_opens_a_project_with_roles_and_catalog() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let answer = effigy.stranger().try_sign_in("alice", PASSWORD, Some("web")).await.expect(201);
    let token = answer.json()["token"].clone();
    assert_eq!(token["user"]["id"], people.alice.user_id);
    assert_eq!(token["user"]["domain"], json!({"id": "default", "name": "Default"}));
    assert_eq!(token["project"]["name"], "web");
    let roles: Vec<&str> = token["roles"].as_array().unwrap().iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(roles, ["member", "reader"], "member implies reader");
    assert!(token["expires_at"].as_str().unwrap().ends_with(".000000Z"), "{token}");
    let kinds: Vec<_> = token["catalog"].as_array().unwrap().iter().map(|service| &service["type"]).collect();
    assert_eq!(kinds, ["compute", "identity", "image", "network"]);
    let image = &token["catalog"][2]["endpoints"];
    assert_eq!(image.as_array().unwrap().len(), 3, "admin, internal, public");
    assert_eq!(image[0]["url"], effigy.at("/image"));
    let shown = check(&people.alice, &people.alice).await.expect(200);
    assert_eq!(shown.header("x-subject-token"), Some(people.alice.token.as_str()));
    let path = "/identity/v3/auth/tokens?nocatalog";
    let bare = people.alice.request(Method::GET, path).header("X-Subject-Token", &people.alice.token);
    assert!(Answer::of(bare).await.expect(200).json()["token"].get("catalog").is_none());
}

#[tokio::test]
async fn a_person_reviews_the_own_sessions_and_ends_the_others() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let here = &people.alice;
    here.delete("/effigy/v1/sessions").await.expect(204);
    let there = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let answer = exchange(&there, json!({"project": {"id": there.project_id}})).await.expect(201);
    let mut exchanged = there.clone();
    exchanged.token = answer.header("x-subject-token").unwrap().to_owned();

    let sessions = async || here.get("/effigy/v1/sessions").await.expect(200).json()["sessions"].clone();
    let all = sessions().await;
    assert_eq!(all.as_array().unwrap().len(), 2, "an exchanged token is of the session that it came from: {all}");
    let one = |is_this: bool| all.as_array().unwrap().iter().find(|one| one["is_this"] == is_this).unwrap().clone();
    assert_eq!((&one(false)["projects"], &one(false)["address"]), (&json!(["web"]), &json!("127.0.0.1")));
    let strangers = people.bob.delete(&format!("/effigy/v1/sessions/{}", one(false)["id"].as_str().unwrap())).await;
    strangers.expect(404);
    check(&exchanged, &exchanged).await.expect(200);

    here.delete(&format!("/effigy/v1/sessions/{}", one(false)["id"].as_str().unwrap())).await.expect(204);
    ends(&there).await;
    ends(&exchanged).await;
    assert_eq!(sessions().await, json!([one(true)]));

    let third = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    here.delete("/effigy/v1/sessions").await.expect(204);
    ends(&third).await;
    check(here, here).await.expect(200);
    check(&people.bob, &people.bob).await.expect(200);
}

#[tokio::test]
async fn without_a_scope_the_default_project_counts_and_else_none() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let open = effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(201).json();
    assert!(open["token"].get("project").is_none() && open["token"].get("catalog").is_none());
    let path = format!("/identity/v3/users/{}", people.alice.user_id);
    let body = json!({"user": {"default_project_id": people.alice_batch.project_id}});
    people.admin.patch(&path, body).await.expect(200);
    let scoped = effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(201).json();
    assert_eq!(scoped["token"]["project"]["name"], "batch");
    // A default project the user holds no role in is ignored.
    let body = json!({"user": {"default_project_id": people.bob.project_id}});
    people.admin.patch(&path, body).await.expect(200);
    let open = effigy.stranger().try_sign_in("alice", PASSWORD, None).await.expect(201).json();
    assert!(open["token"].get("project").is_none());
}

#[tokio::test]
async fn exchange_changes_the_scope_and_never_prolongs() {
    let effigy = Effigy::with("[identity]\ntoken_ttl_secs = 100\n").await;
    let people = effigy.people().await;
    let before = check(&people.alice, &people.alice).await.expect(200).json();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let batch = json!({"project": {"name": "batch", "domain": {"name": "Default"}}});
    let after = exchange(&people.alice, batch).await.expect(201).json();
    assert_eq!(after["token"]["project"]["id"], people.alice_batch.project_id);
    assert_eq!(after["token"]["expires_at"], before["token"]["expires_at"]);
    assert_eq!(after["token"]["methods"], json!(["password", "token"]));
    assert_eq!(after["token"]["audit_ids"][1], before["token"]["audit_ids"][0]);
    exchange(&people.alice, json!({"project": {"id": people.bob.project_id}})).await.expect(401);
    exchange(&people.alice, json!({"project": {"id": "nowhere"}})).await.expect(401);
    exchange(&people.alice, json!({"domain": {"id": "default"}})).await.expect(401);
    exchange(&people.alice, json!({"system": {"all": true}})).await.expect(401);
    let open = exchange(&people.alice, json!("unscoped")).await.expect(201).json();
    assert!(open["token"].get("project").is_none());
    let admin = exchange(&people.admin, json!({"system": {"all": true}})).await.expect(201).json();
    assert_eq!(admin["token"]["system"], json!({"all": true}));
    let admin = exchange(&people.admin, json!({"domain": {"name": "Default"}})).await.expect(201).json();
    assert_eq!(admin["token"]["domain"]["id"], "default");
}

#[tokio::test]
async fn token_ends_with_its_hour_and_with_sign_out() {
    let effigy = Effigy::with("[identity]\ntoken_ttl_secs = 2\n").await;
    let admin = effigy.admin().await;
    check(&admin, &admin).await.expect(200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    check(&admin, &admin).await.expect(401);
    let admin = effigy.admin().await;
    let request = admin.request(Method::DELETE, "/identity/v3/auth/tokens").header("X-Subject-Token", &admin.token);
    Answer::of(request).await.expect(204);
    check(&admin, &admin).await.expect(401);
}

#[tokio::test]
async fn service_that_asks_is_shown_a_token_whose_time_is_over_and_nobody_else_is() {
    let mut effigy = Effigy::start().await;
    let people = effigy.people().await;
    let role = crate::support::id_of(&people.admin, "roles", "service").await;
    let (project, user) = (&people.bob.project_id, &people.bob.user_id);
    people
        .admin
        .put(&format!("/identity/v3/projects/{project}/users/{user}/roles/{role}"), json!({}))
        .await
        .expect(204);
    effigy.restart_with("[identity]\ntoken_ttl_secs = 3\n").await;
    let old = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let ended = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let out = ended.request(Method::DELETE, "/identity/v3/auth/tokens").header("X-Subject-Token", &ended.token);
    Answer::of(out).await.expect(204);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let service = effigy.sign_in("bob", PASSWORD, Some("other")).await;
    let alice = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let asks = async |who: &Person, subject: &Person, query: &str| {
        let request = who.request(Method::GET, &format!("/identity/v3/auth/tokens{query}"));
        Answer::of(request.header("X-Subject-Token", &subject.token)).await
    };
    let shown = asks(&service, &old, "?allow_expired=1").await.expect(200).json();
    assert_eq!(shown["token"]["user"]["id"], alice.user_id);
    asks(&service, &old, "").await.expect(404);
    asks(&service, &old, "?allow_expired=0").await.expect(404);
    asks(&service, &ended, "?allow_expired=1").await.expect(404);
    asks(&alice, &old, "?allow_expired=1").await.expect(404);
    check(&old, &old).await.expect(401);
}

#[tokio::test]
async fn oldest_token_of_a_user_ends_when_there_are_too_many() {
    let effigy = Effigy::with("[identity]\ntokens_per_user = 5\n").await;
    let people = effigy.people().await;
    let first = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let mut latest = first.clone();
    for _ in 0..8 {
        latest = exchanged(&latest, json!({"project": {"id": people.alice.project_id}})).await;
        check(&latest, &latest).await.expect(200);
    }
    ends(&first).await;
    // It was ended alone: the latest was exchanged for one that was exchanged for it.
    check(&latest, &latest).await.expect(200);
    check(&people.bob, &people.bob).await.expect(200);
}

#[tokio::test]
async fn token_ends_when_what_it_rests_on_changes() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let again = || effigy.sign_in("bob", PASSWORD, Some("other"));
    let user = format!("/identity/v3/users/{}", people.bob.user_id);
    let project = format!("/identity/v3/projects/{}", people.bob.project_id);

    admin.patch(&user, json!({"user": {"enabled": false}})).await.expect(200);
    ends(&people.bob).await;
    admin.patch(&user, json!({"user": {"enabled": true}})).await.expect(200);
    ends(&people.bob).await;

    let bob = again().await;
    admin.patch(&project, json!({"project": {"enabled": false}})).await.expect(200);
    ends(&bob).await;
    effigy.stranger().try_sign_in("bob", PASSWORD, Some("other")).await.expect(401);
    admin.patch(&project, json!({"project": {"enabled": true}})).await.expect(200);

    let bob = again().await;
    let role = crate::support::id_of(admin, "roles", "member").await;
    let grant = format!("{project}/users/{}/roles/{role}", bob.user_id);
    admin.delete(&grant).await.expect(204);
    ends(&bob).await;
    admin.put(&grant, json!({})).await.expect(204);

    let bob = again().await;
    let body = json!({"user": {"original_password": PASSWORD, "password": "another good one"}});
    bob.post(&format!("{user}/password"), body).await.expect(204);
    ends(&bob).await;
    let bob = effigy.sign_in("bob", "another good one", Some("other")).await;
    admin.patch(&user, json!({"user": {"password": PASSWORD}})).await.expect(200);
    ends(&bob).await;

    let bob = again().await;
    admin.delete(&user).await.expect(204);
    ends(&bob).await;
}

#[tokio::test]
async fn others_tokens_are_for_admins_and_services() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    check(&people.alice, &people.bob).await.expect(403);
    check(&people.alice, &people.alice_batch).await.expect(200);
    check(&people.admin, &people.bob).await.expect(200);
    let unknown = people.admin.request(Method::GET, "/identity/v3/auth/tokens").header("X-Subject-Token", "eft_x");
    Answer::of(unknown).await.expect(404);
    let revoke = people.alice.request(Method::DELETE, "/identity/v3/auth/tokens");
    Answer::of(revoke.header("X-Subject-Token", &people.bob.token)).await.expect(403);
    let role = crate::support::id_of(&people.admin, "roles", "service").await;
    let path = format!("/identity/v3/projects/{}/users/{}/roles/{role}", people.alice.project_id, people.alice.user_id);
    people.admin.put(&path, json!({})).await.expect(204);
    let service = effigy.sign_in("alice", PASSWORD, Some("web")).await;
    check(&service, &people.bob).await.expect(200);
}

#[tokio::test]
async fn unknown_wrong_disabled_and_locked_look_the_same() {
    let effigy = Effigy::with("[identity]\nlock_after_failures = 3\n").await;
    let people = effigy.people().await;
    let stranger = effigy.stranger();
    let unknown = stranger.try_sign_in("nobody", PASSWORD, Some("web")).await.expect(401);
    assert_eq!(unknown.header("www-authenticate").unwrap(), format!("Keystone uri=\"{}\"", effigy.at("/identity")));
    for _ in 0..3 {
        let wrong = stranger.try_sign_in("alice", "wrong", Some("web")).await.expect(401);
        assert_eq!(wrong.body, unknown.body);
    }
    let locked = stranger.try_sign_in("alice", PASSWORD, Some("web")).await.expect(401);
    assert_eq!(locked.body, unknown.body);
    // The lock is on signing in; who is in stays in, and others are not locked.
    check(&people.alice, &people.alice).await.expect(200);
    stranger.try_sign_in("bob", PASSWORD, Some("other")).await.expect(201);
    // A new password from the admin opens the account.
    let path = format!("/identity/v3/users/{}", people.alice.user_id);
    people.admin.patch(&path, json!({"user": {"password": PASSWORD}})).await.expect(200);
    stranger.try_sign_in("alice", PASSWORD, Some("web")).await.expect(201);
    people.admin.patch(&path, json!({"user": {"enabled": false}})).await.expect(200);
    let disabled = stranger.try_sign_in("alice", PASSWORD, Some("web")).await.expect(401);
    assert_eq!(disabled.body, unknown.body);
}

#[tokio::test]
async fn a_bad_request_to_sign_in_is_a_400_that_repeats_no_secret() {
    let effigy = Effigy::start().await;
    let stranger = effigy.stranger();
    for auth in [
        json!({}),
        json!({"identity": {"methods": []}}),
        json!({"identity": {"methods": ["password"]}}),
        json!({"identity": {"methods": ["password"], "password": {"user": {"name": "a", "password": 1234567}}}}),
        json!({"identity": {"methods": ["password"], "password": {"user": {"password": "canary-1234567"}}}}),
        json!({"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"moon": {}}}),
    ] {
        let answer = stranger.post("/identity/v3/auth/tokens", json!({ "auth": auth })).await.expect(400);
        assert_eq!(answer.json()["error"]["code"], 400);
        assert!(!answer.text().contains("1234567"), "{}", answer.text());
    }
    stranger.try_sign_in("admin", &"x".repeat(10_000), Some("admin")).await.expect(401);
    stranger.try_sign_in("admin", &"x".repeat(20_000), Some("admin")).await.expect(413);
    stranger.try_sign_in("admin\0", "x", Some("admin")).await.expect(400);
    let auth = json!({"identity": {"methods": ["totp"]}});
    stranger.post("/identity/v3/auth/tokens", json!({ "auth": auth })).await.expect(401);
}

/// The same person with the token of an exchange.
async fn exchanged(person: &Person, scope: Value) -> Person {
    let answer = exchange(person, scope).await.expect(201);
    let mut moved = person.clone();
    answer.header("x-subject-token").unwrap().clone_into(&mut moved.token);
    moved
}

#[tokio::test]
async fn what_was_exchanged_for_a_token_ends_with_it_and_nothing_else_does() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let batch = || json!({"project": {"id": people.alice_batch.project_id}});
    let web = || json!({"project": {"id": people.alice.project_id}});
    let child = exchanged(&people.alice, batch()).await;
    let grandchild = exchanged(&child, json!("unscoped")).await;
    let great_grandchild = exchanged(&grandchild, web()).await;
    let sibling = exchanged(&people.alice, batch()).await;
    let left = exchanged(&people.alice, batch()).await;
    let heir = exchanged(&left, web()).await;
    let end = async |token: &str, query: &str| {
        let request = people.admin.request(Method::DELETE, &format!("/identity/v3/auth/tokens{query}"));
        Answer::of(request.header("X-Subject-Token", token)).await.expect(204);
    };
    end(&left.token, "?cascade=false").await;
    check(&left, &left).await.expect(401);
    check(&heir, &heir).await.expect(200);
    end(&child.token, "").await;
    for ended in [&child, &grandchild, &great_grandchild] {
        check(ended, ended).await.expect(401);
    }
    for stays in [&people.alice, &sibling, &people.alice_batch] {
        check(stays, stays).await.expect(200);
    }
    // The heir rests on the token before.
    end(&people.alice.token, "").await;
    for ended in [&sibling, &heir] {
        check(ended, ended).await.expect(401);
    }
    check(&people.alice_batch, &people.alice_batch).await.expect(200);
}
