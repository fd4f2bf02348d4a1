//! Application credentials.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy, Person, id_of};

pub(super) async fn make(person: &Person, fields: Value) -> Answer {
    let path = format!("/identity/v3/users/{}/application_credentials", person.user_id);
    // As the command line sends it: every field, with nothing in it.
    let mut body = json!({"name": "machine", "description": null, "secret": null, "roles": [], "expires_at": null,
                          "unrestricted": false, "access_rules": []});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    person.post(&path, json!({ "application_credential": body })).await
}

pub(super) async fn sign_in(effigy: &Effigy, id: &str, secret: &str) -> Answer {
    let auth = json!({"auth": {"identity": {"methods": ["application_credential"],
                     "application_credential": {"id": id, "secret": secret}}}});
    effigy.stranger().post("/identity/v3/auth/tokens", auth).await
}

/// Somebody who signs in with a new credential of `owner`.
async fn machine(effigy: &Effigy, owner: &Person, fields: Value) -> Person {
    let made = make(owner, fields).await.expect(201);
    let (id, secret) = (made.string("/application_credential/id"), made.string("/application_credential/secret"));
    let answer = sign_in(effigy, &id, &secret).await.expect(201);
    let mut machine = owner.clone();
    answer.header("x-subject-token").unwrap().clone_into(&mut machine.token);
    machine
}

#[tokio::test]
async fn a_credential_works_in_its_project_and_shows_its_secret_once() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let made = make(&people.alice, json!({})).await.expect(201);
    let (id, secret) = (made.string("/application_credential/id"), made.string("/application_credential/secret"));
    assert_eq!(made.json()["application_credential"]["unrestricted"], false);
    make(&people.alice, json!({})).await.expect(409);
    let token = sign_in(&effigy, &id, &secret).await.expect(201).json();
    assert_eq!(token["token"]["project"]["id"], people.alice.project_id);
    assert_eq!(token["token"]["methods"], json!(["application_credential"]));
    assert_eq!(token["token"]["application_credential"]["restricted"], true);
    let by_name = json!({"auth": {"identity": {"methods": ["application_credential"], "application_credential": {
        "name": "machine", "user": {"name": "alice", "domain": {"id": "default"}}, "secret": secret}}}});
    effigy.stranger().post("/identity/v3/auth/tokens", by_name).await.expect(201);
    sign_in(&effigy, &id, "wrong").await.expect(401);
    sign_in(&effigy, "wrong", &secret).await.expect(401);
    let path = format!("/identity/v3/users/{}/application_credentials", people.alice.user_id);
    let list = people.alice.get(&path).await.expect(200);
    assert!(!list.text().contains(&secret) && list.json()["application_credentials"][0].get("secret").is_none());
    // The command line deletes by name: 404, then the list.
    people.alice.get(&format!("{path}/machine")).await.expect(404);
    people.bob.get(&path).await.expect(403);
    people.bob.delete(&format!("{path}/{id}")).await.expect(403);
    people.alice.delete(&format!("{path}/{id}")).await.expect(204);
    sign_in(&effigy, &id, &secret).await.expect(401);
}

#[tokio::test]
async fn a_chosen_secret_works_and_a_past_end_is_refused() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let made = make(&people.alice, json!({"secret": "of my own choice"})).await.expect(201);
    let id = made.string("/application_credential/id");
    sign_in(&effigy, &id, "of my own choice").await.expect(201);
    sign_in(&effigy, &id, "of my own choice ").await.expect(401);
    make(&people.alice, json!({"name": "late", "expires_at": "2020-01-01T00:00:00"})).await.expect(400);
    make(&people.alice, json!({"name": "late", "expires_at": "tomorrow"})).await.expect(400);
    make(&people.alice, json!({"name": "good", "expires_at": "2099-01-01T00:00:00.000000"})).await.expect(201);
    make(&people.alice, json!({"name": "rule", "access_rules": [{"service": "image"}]})).await.expect(400);
}

#[tokio::test]
async fn a_restricted_credential_makes_no_credentials_and_is_not_exchanged() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let restricted = machine(&effigy, &people.alice, json!({})).await;
    make(&restricted, json!({"name": "second"})).await.expect(403);
    let path = format!("/identity/v3/users/{}/application_credentials", people.alice.user_id);
    let id = restricted.get(&path).await.expect(200).string("/application_credentials/0/id");
    restricted.delete(&format!("{path}/{id}")).await.expect(403);
    let auth = json!({"identity": {"methods": ["token"], "token": {"id": restricted.token}}, "scope": "unscoped"});
    effigy.stranger().post("/identity/v3/auth/tokens", json!({ "auth": auth })).await.expect(403);
    let free = machine(&effigy, &people.alice, json!({"name": "free", "unrestricted": true})).await;
    make(&free, json!({"name": "third"})).await.expect(201);
}

#[tokio::test]
async fn a_credential_holds_chosen_roles_and_ends_when_one_is_lost() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = machine(&effigy, &people.admin, json!({"roles": [{"name": "reader"}]})).await;
    admin.get("/identity/v3/users").await.expect(403);
    make(&people.alice, json!({"roles": [{"name": "admin"}]})).await.expect(400);
    let machine = machine(&effigy, &people.alice, json!({"roles": [{"name": "member"}]})).await;
    machine.get("/identity/v3/auth/projects").await.expect(200);
    let role = id_of(&people.admin, "roles", "member").await;
    let grant =
        format!("/identity/v3/projects/{}/users/{}/roles/{role}", people.alice.project_id, people.alice.user_id);
    people.admin.delete(&grant).await.expect(204);
    machine.get("/identity/v3/auth/projects").await.expect(401);
    people.admin.put(&grant, json!({})).await.expect(204);
    let path = format!("/identity/v3/users/{}/application_credentials", people.alice.user_id);
    let left = people.admin.get(&path).await.expect(200).json();
    assert_eq!(left["application_credentials"], json!([]), "a credential does not come back with the role");
}

#[tokio::test]
async fn access_rules_hold_only_on_the_plain_path() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let rules = json!([{"service": "identity", "method": "GET", "path": "/v3/auth/projects"}]);
    let bound = machine(&effigy, &people.alice, json!({"access_rules": rules})).await;
    bound.get("/identity/v3/auth/projects").await.expect(200);
    for path in ["/identity/v3/regions", "/identity/v3/auth/tokens", "/identity/v3/users", "/identity/v3/auth/domains"]
    {
        bound.get(path).await.expect(401);
    }
    for path in ["/identity/v3//auth/projects", "/identity/v3/auth/projects;x", "/identity/v3/auth/%70rojects"] {
        let status = bound.get(path).await.status;
        assert!([401, 404].contains(&status), "{path} answered {status}");
    }
    let path = format!("/identity/v3/users/{}/access_rules", people.alice.user_id);
    let kept = people.alice.get(&path).await.expect(200).json();
    assert_eq!(kept["access_rules"][0]["path"], "/v3/auth/projects");
    let id = kept["access_rules"][0]["id"].as_str().unwrap();
    people.alice.get(&format!("{path}/{id}")).await.expect(200);
    // A rule is used again by its id.
    let again = json!({"name": "again", "access_rules": [{"id": id}]});
    make(&people.alice, again).await.expect(201);
    let request = bound.request(Method::DELETE, "/identity/v3/auth/tokens").header("X-Subject-Token", &bound.token);
    Answer::of(request).await.expect(401);
}

#[tokio::test]
async fn an_access_rule_outlives_its_credential_and_the_end_is_shown_without_a_zone() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let path = format!("/identity/v3/users/{}/application_credentials", alice.user_id);
    let rules = format!("/identity/v3/users/{}/access_rules", alice.user_id);
    let rule = json!({"service": "image", "method": "GET", "path": "/v2/images"});
    let body = json!({"application_credential": {
        "name": "first", "access_rules": [rule], "expires_at": "2099-01-02T03:04:05.678901"}});
    let first = alice.post(&path, body).await.expect(201);
    assert_eq!(first.string("/application_credential/expires_at"), "2099-01-02T03:04:05.678901");
    let id = first.string("/application_credential/access_rules/0/id");
    alice.delete(&format!("{rules}/{id}")).await.expect(403);
    alice.delete(&format!("{path}/{}", first.string("/application_credential/id"))).await.expect(204);
    alice.get(&format!("{rules}/{id}")).await.expect(200);
    let body = json!({"application_credential": {"name": "second", "access_rules": [{ "id": id }]}});
    let second = alice.post(&path, body).await.expect(201);
    assert_eq!(second.string("/application_credential/access_rules/0/path"), "/v2/images");
    people.bob.delete(&format!("{rules}/{id}")).await.expect(403);
    alice.delete(&format!("{path}/{}", second.string("/application_credential/id"))).await.expect(204);
    alice.delete(&format!("{rules}/{id}")).await.expect(204);
    alice.get(&format!("{rules}/{id}")).await.expect(404);
    alice.delete(&format!("{rules}/{id}")).await.expect(404);
}

#[tokio::test]
async fn credential_that_signs_in_again_and_again_ends_its_own_tokens_alone() {
    let effigy = Effigy::with("[identity]\ntokens_per_user = 20\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let made = make(alice, json!({"name": "loop"})).await.expect(201);
    let (id, secret) = (made.string("/application_credential/id"), made.string("/application_credential/secret"));
    let mut tokens = Vec::new();
    for _ in 0..25 {
        tokens.push(sign_in(&effigy, &id, &secret).await.expect(201).header("x-subject-token").unwrap().to_owned());
    }
    let living = async |token: &str| {
        let request = alice.request(Method::GET, "/identity/v3/auth/tokens").header("X-Subject-Token", token);
        Answer::of(request).await.status == 200
    };
    let mut lives = Vec::new();
    for token in &tokens {
        lives.push(living(token).await);
    }
    assert_eq!(lives.iter().filter(|lives| **lives).count(), 2, "{lives:?}");
    assert!(living(&alice.token).await);
}
