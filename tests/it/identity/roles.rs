//! Roles, what they imply, and who holds which where.

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD, Person, id_of};

async fn assignments(admin: &Person, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("/identity/v3/role_assignments{query}")).await.expect(200).json();
    answer["role_assignments"].as_array().unwrap().clone()
}

#[tokio::test]
async fn assignments_name_role_user_and_project_when_asked() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let web = &people.alice.project_id;
    let named = assignments(&people.admin, &format!("?scope.project.id={web}&include_names=True")).await;
    assert_eq!(named.len(), 2, "alice and rita");
    let alice = named.iter().find(|row| row["user"]["name"] == "alice").unwrap();
    assert_eq!(alice["role"]["name"], "member");
    assert_eq!(alice["scope"]["project"]["name"], "web");
    assert_eq!(alice["user"]["domain"]["name"], "Default");
    let link = alice["links"]["assignment"].as_str().unwrap();
    assert!(link.starts_with(&effigy.at("/identity/v3/projects/")), "{link}");
    let bare = assignments(&people.admin, &format!("?user.id={}", people.alice.user_id)).await;
    assert_eq!(bare.len(), 2);
    assert!(bare[0]["user"].get("name").is_none());
    let effective = assignments(&people.admin, &format!("?user.id={}&effective", people.alice.user_id)).await;
    assert_eq!(effective.len(), 4, "member implies reader, in two projects");
    let reader = id_of(&people.admin, "roles", "reader").await;
    let readers = format!("?role.id={reader}&scope.project.id={web}&effective=true");
    assert_eq!(assignments(&people.admin, &readers).await.len(), 2, "rita, and alice as a member");
    let system = assignments(&people.admin, "?scope.system=all&include_names").await;
    assert_eq!(system[0]["scope"], json!({"system": {"all": true}}));
    assert_eq!(system[0]["user"]["name"], "admin");
    people.alice.get("/identity/v3/role_assignments").await.expect(403);
    people.admin.get("/identity/v3/role_assignments?user.id=a&group.id=b").await.expect(400);
}

#[tokio::test]
async fn admin_in_any_project_is_the_clouds_admin_while_it_holds() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let role = id_of(&people.admin, "roles", "admin").await;
    let grant = format!("/identity/v3/projects/{}/users/{}/roles/{role}", people.bob.project_id, people.bob.user_id);
    people.bob.get("/identity/v3/users").await.expect(403);
    people.bob.put(&grant, json!({})).await.expect(403);
    people.admin.get(&grant).await.expect(404);
    people.admin.put(&grant, json!({})).await.expect(204);
    people.admin.put(&grant, json!({})).await.expect(204);
    people.admin.get(&grant).await.expect(204);
    // The token at hand gains the role within a second; a new one has it at once.
    effigy.sign_in("bob", PASSWORD, Some("other")).await.get("/identity/v3/users").await.expect(200);
    let list = grant.rsplit_once('/').unwrap().0;
    let held = people.admin.get(list).await.expect(200).json();
    assert_eq!(held["roles"].as_array().unwrap().len(), 2, "admin and member, as granted");
    people.admin.delete(&grant).await.expect(204);
    people.admin.delete(&grant).await.expect(404);
    effigy.sign_in("bob", PASSWORD, Some("other")).await.get("/identity/v3/users").await.expect(403);
    for (user, project) in [("nobody", &people.bob.project_id), (&people.bob.user_id, &"nowhere".to_owned())] {
        let path = format!("/identity/v3/projects/{project}/users/{user}/roles/{role}");
        people.admin.put(&path, json!({})).await.expect(404);
    }
}

#[tokio::test]
async fn a_new_role_gives_nothing_until_it_implies_something() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let body = json!({"role": {"name": "auditor", "description": null}});
    let auditor = admin.post("/identity/v3/roles", body.clone()).await.expect(201).string("/role/id");
    admin.post("/identity/v3/roles", body).await.expect(409);
    let web = &people.alice.project_id;
    let grant = format!("/identity/v3/projects/{web}/users/{}/roles/{auditor}", people.bob.user_id);
    admin.put(&grant, json!({})).await.expect(204);
    let roles = |person: Person| async move {
        let request = person.request(reqwest::Method::GET, "/identity/v3/auth/tokens");
        let token = crate::support::Answer::of(request.header("X-Subject-Token", &person.token)).await.expect(200);
        let token = token.json()["token"].clone();
        token["roles"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect()
    };
    let bob = effigy.sign_in("bob", PASSWORD, Some("web")).await;
    let held: Vec<String> = roles(bob).await;
    assert_eq!(held, ["auditor"]);
    let reader = id_of(admin, "roles", "reader").await;
    let implied = format!("/identity/v3/roles/{auditor}/implies/{reader}");
    admin.put(&implied, json!({})).await.expect(201);
    admin.get(&implied).await.expect(200);
    let bob = effigy.sign_in("bob", PASSWORD, Some("web")).await;
    let held: Vec<String> = roles(bob.clone()).await;
    assert_eq!(held, ["auditor", "reader"]);
    let inferences = admin.get("/identity/v3/role_inferences").await.expect(200).json();
    assert_eq!(inferences["role_inferences"].as_array().unwrap().len(), 4);
    let admins = id_of(admin, "roles", "admin").await;
    admin.put(&format!("/identity/v3/roles/{auditor}/implies/{admins}"), json!({})).await.expect(403);
    admin.delete(&format!("/identity/v3/roles/{admins}")).await.expect(403);
    admin.delete(&format!("/identity/v3/roles/{auditor}")).await.expect(204);
    bob.get("/identity/v3/auth/projects").await.expect(401);
}
