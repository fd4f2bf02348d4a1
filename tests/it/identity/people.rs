//! Users, projects, domains and groups.

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD};

fn names(list: &Value, collection: &str) -> Vec<String> {
    let rows = list[collection].as_array().unwrap_or_else(|| panic!("no {collection} in {list}"));
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_project_is_found_by_id_and_listed_by_name() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    // The command line tries a name as an id, which is 404, and then asks for the list.
    people.admin.get("/identity/v3/projects/web").await.expect(404);
    let list = people.admin.get("/identity/v3/projects?name=web").await.expect(200).json();
    assert_eq!(names(&list, "projects"), ["web"]);
    let id = list["projects"][0]["id"].as_str().unwrap();
    let shown = people.admin.get(&format!("/identity/v3/projects/{id}")).await.expect(200).json();
    assert_eq!(shown["project"]["parent_id"], "default");
    assert_eq!(shown["project"]["links"]["self"], effigy.at(&format!("/identity/v3/projects/{id}")));
    let body = json!({"project": {"description": "the web", "tags": ["b", "a"]}});
    let changed = people.admin.patch(&format!("/identity/v3/projects/{id}"), body).await.expect(200).json();
    assert_eq!(changed["project"]["tags"], json!(["a", "b"]));
    assert_eq!(changed["project"]["name"], "web");
    let twice = json!({"project": {"name": "web"}});
    people.admin.post("/identity/v3/projects", twice.clone()).await.expect(409);
    people.admin.patch(&format!("/identity/v3/projects/{}", people.bob.project_id), twice).await.expect(409);
    for bad in [json!({}), json!({"project": {}}), json!({"project": {"name": " "}}), json!({"project": {"name": 7}})] {
        people.admin.post("/identity/v3/projects", bad).await.expect(400);
    }
    people.admin.delete(&format!("/identity/v3/projects/{id}")).await.expect(204);
    people.admin.delete(&format!("/identity/v3/projects/{id}")).await.expect(404);
}

#[tokio::test]
async fn people_see_their_own_projects_and_themselves() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let mine = people.alice.get(&format!("/identity/v3/users/{}/projects", people.alice.user_id)).await.expect(200);
    assert_eq!(names(&mine.json(), "projects"), ["batch", "web"]);
    let mine = people.alice.get("/identity/v3/auth/projects").await.expect(200);
    assert_eq!(names(&mine.json(), "projects"), ["batch", "web"]);
    // By name too, so that `image add project IMAGE batch` works for her; other people's are all the same to her.
    let batch = people.alice.get("/identity/v3/projects/batch").await.expect(200);
    assert_eq!(batch.string("/project/id"), people.alice_batch.project_id);
    let others = people.alice.get(&format!("/identity/v3/projects/{}", people.bob.project_id)).await.expect(403);
    let nobodys = people.alice.get("/identity/v3/projects/00000000000000000000000000000001").await.expect(403);
    let named = people.alice.get("/identity/v3/projects/other").await.expect(403);
    assert_eq!(others.body, nobodys.body);
    assert_eq!(others.body, named.body);
    people.alice.get("/identity/v3/projects").await.expect(403);
    people.alice.get("/identity/v3/users").await.expect(403);
    people.alice.get(&format!("/identity/v3/users/{}", people.alice.user_id)).await.expect(200);
    let others = people.alice.get(&format!("/identity/v3/users/{}", people.bob.user_id)).await.expect(403);
    let nobodys = people.alice.get("/identity/v3/users/00000000000000000000000000000001").await.expect(403);
    assert_eq!(others.body, nobodys.body);
    people.alice.get(&format!("/identity/v3/users/{}/projects", people.bob.user_id)).await.expect(403);
    people.alice.get("/identity/v3/domains/default").await.expect(200);
    people.alice.get("/identity/v3/domains").await.expect(403);
}

#[tokio::test]
async fn a_short_or_known_password_is_refused_wherever_it_is_set() {
    let effigy = Effigy::with("[identity]\nmin_password_chars = 10\n").await;
    let people = effigy.people().await;
    let alice = format!("/identity/v3/users/{}", people.alice.user_id);
    for (bad, rule) in [
        ("", "at least 10 characters"),
        ("k3%TqZ0vW", "at least 10 characters"),
        ("password2026", "among the first"),
        ("qwertyuiopas", "among the first"),
        (&"x".repeat(4097), "4096 bytes"),
    ] {
        let made = json!({"user": {"name": "alice2", "password": bad}});
        let set = json!({"user": {"password": bad}});
        let own = json!({"user": {"original_password": PASSWORD, "password": bad}});
        for answer in [
            people.admin.post("/identity/v3/users", made).await,
            people.admin.patch(&alice, set).await,
            people.alice.post(&format!("{alice}/password"), own).await,
        ] {
            let told = answer.expect(400).text();
            assert!(told.contains(rule), "{bad}: {told}");
        }
        let file = effigy.scratch().join("password");
        std::fs::write(&file, format!("{bad}\n")).unwrap();
        let told =
            effigy.output(&["admin", "user", "set-password", "alice", "--password-file", &file.display().to_string()]);
        assert!(!told.status.success(), "{bad}");
    }
    effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let session = people.alice.get("/session").await.expect(200).json();
    assert_eq!(session["min_password_chars"], 10);
}

#[tokio::test]
async fn users_are_made_changed_and_deleted_and_show_no_password() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let body = json!({"user": {"name": "Zoë", "password": PASSWORD, "email": "zoe@example.org",
                               "default_project_id": people.alice.project_id, "unknown": {"to": "us"}}});
    let made = people.admin.post("/identity/v3/users", body).await.expect(201);
    assert!(!made.text().contains("argon2") && made.json()["user"].get("password").is_none());
    assert_eq!(made.json()["user"]["unknown"]["to"], "us", "what else clients write is kept");
    let id = made.string("/user/id");
    let path = format!("/identity/v3/users/{id}");
    let list = people.admin.get("/identity/v3/users?name=Zo%C3%AB").await.expect(200).json();
    assert_eq!(list["users"][0]["email"], "zoe@example.org");
    let changed = people.admin.patch(&path, json!({"user": {"email": null, "enabled": false, "unknown": null}}));
    let changed = changed.await.expect(200);
    assert!(changed.json()["user"].get("email").is_none() && changed.json()["user"].get("unknown").is_none());
    let disabled = people.admin.get("/identity/v3/users?enabled=false").await.expect(200).json();
    assert_eq!(names(&disabled, "users"), ["Zoë"]);
    people.admin.delete(&path).await.expect(204);
    people.admin.get(&path).await.expect(404);
    let elsewhere = json!({"user": {"name": "x", "domain_id": "moon"}});
    people.admin.post("/identity/v3/users", elsewhere).await.expect(404);
    let long = json!({"user": {"name": "x", "story": "x".repeat(20_000)}});
    people.admin.post("/identity/v3/users", long).await.expect(400);
}

#[tokio::test]
async fn lists_page_by_key_and_keep_their_filters() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let first = people.admin.get("/identity/v3/users?limit=2&domain_id=default").await.expect(200).json();
    assert_eq!(names(&first, "users"), ["admin", "alice"]);
    let next = first["links"]["next"].as_str().unwrap();
    assert!(next.contains("domain_id=default"), "{next}");
    let second = people.admin.get(next).await.expect(200).json();
    assert_eq!(names(&second, "users"), ["bob", "rita"]);
    assert_eq!(second["links"]["next"], Value::Null);
    people.admin.get("/identity/v3/users?limit=x").await.expect(400);
}

#[tokio::test]
async fn domains_hold_names_of_their_own_and_go_only_when_disabled() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let body = json!({"domain": {"name": "lab"}});
    let lab = admin.post("/identity/v3/domains", body.clone()).await.expect(201).string("/domain/id");
    admin.post("/identity/v3/domains", body).await.expect(409);
    let body = json!({"user": {"name": "alice", "password": "another alice", "domain_id": lab}});
    let other = admin.post("/identity/v3/users", body).await.expect(201).string("/user/id");
    let auth = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
        "name": "alice", "password": "another alice", "domain": {"name": "lab"}}}}}});
    let token = effigy.stranger().post("/identity/v3/auth/tokens", auth.clone()).await.expect(201);
    assert_eq!(token.string("/token/user/id"), other);
    admin.delete(&format!("/identity/v3/domains/{lab}")).await.expect(403);
    let off = json!({"domain": {"enabled": false}});
    admin.patch(&format!("/identity/v3/domains/{lab}"), off.clone()).await.expect(200);
    effigy.stranger().post("/identity/v3/auth/tokens", auth).await.expect(401);
    admin.delete(&format!("/identity/v3/domains/{lab}")).await.expect(204);
    admin.get(&format!("/identity/v3/users/{other}")).await.expect(404);
    admin.patch("/identity/v3/domains/default", off).await.expect(403);
    admin.delete("/identity/v3/domains/default").await.expect(403);
}

#[tokio::test]
async fn a_group_gives_its_members_its_roles_and_takes_them_back() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let group = admin.post("/identity/v3/groups", json!({"group": {"name": "ops"}})).await.expect(201);
    let group = group.string("/group/id");
    let role = crate::support::id_of(admin, "roles", "member").await;
    let grant = format!("/identity/v3/projects/{}/groups/{group}/roles/{role}", people.alice.project_id);
    admin.put(&grant, json!({})).await.expect(204);
    effigy.stranger().try_sign_in("bob", PASSWORD, Some("web")).await.expect(401);
    let member = format!("/identity/v3/groups/{group}/users/{}", people.bob.user_id);
    admin.put(&member, json!({})).await.expect(204);
    admin.get(&member).await.expect(204);
    let bob = effigy.sign_in("bob", PASSWORD, Some("web")).await;
    let mine = bob.get("/identity/v3/auth/projects").await.expect(200).json();
    assert_eq!(names(&mine, "projects"), ["other", "web"]);
    let groups = bob.get(&format!("/identity/v3/users/{}/groups", bob.user_id)).await.expect(200).json();
    assert_eq!(names(&groups, "groups"), ["ops"]);
    let members = admin.get(&format!("/identity/v3/groups/{group}/users")).await.expect(200).json();
    assert_eq!(names(&members, "users"), ["bob"]);
    admin.delete(&member).await.expect(204);
    bob.get("/identity/v3/auth/projects").await.expect(401);
    admin.get(&member).await.expect(404);
    admin.delete(&format!("/identity/v3/groups/{group}")).await.expect(204);
    let left = admin.get("/identity/v3/role_assignments?include_names").await.expect(200).text();
    assert!(!left.contains(&group));
}
