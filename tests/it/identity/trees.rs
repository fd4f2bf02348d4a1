//! Projects below projects, what is inherited, and what belongs to a domain.

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD, Person, id_of};

async fn project(admin: &Person, fields: Value) -> String {
    admin.post("/identity/v3/projects", json!({ "project": fields })).await.expect(201).string("/project/id")
}

fn ids(answer: &Value, collection: &str) -> Vec<String> {
    let rows = answer[collection].as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

async fn effective(admin: &Person, user: &str, project: &str) -> Vec<Value> {
    let path = format!("/identity/v3/role_assignments?effective&user.id={user}&scope.project.id={project}");
    admin.get(&path).await.expect(200).json()["role_assignments"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn projects_stand_below_projects_of_their_domain() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let top = project(&admin, json!({"name": "top"})).await;
    let leaf = project(&admin, json!({"name": "leaf", "parent_id": top})).await;
    let shown = admin.get(&format!("/identity/v3/projects/{leaf}")).await.expect(200).json();
    assert_eq!((&shown["project"]["parent_id"], &shown["project"]["domain_id"]), (&json!(top), &json!("default")));
    let below = admin.get(&format!("/identity/v3/projects?parent_id={top}")).await.expect(200).json();
    assert_eq!(ids(&below, "projects"), std::slice::from_ref(&leaf));
    let below = admin.get("/identity/v3/projects?parent_id=default").await.expect(200).json();
    assert!(ids(&below, "projects").contains(&top) && !ids(&below, "projects").contains(&leaf));

    admin.delete(&format!("/identity/v3/projects/{top}")).await.expect(403);
    let off = json!({"project": {"enabled": false}});
    admin.patch(&format!("/identity/v3/projects/{top}"), off.clone()).await.expect(403);
    admin.patch(&format!("/identity/v3/projects/{leaf}"), off.clone()).await.expect(200);
    admin.patch(&format!("/identity/v3/projects/{top}"), off).await.expect(200);
    let on = json!({"project": {"enabled": true}});
    admin.patch(&format!("/identity/v3/projects/{leaf}"), on).await.expect(403);
    let elsewhere = json!({"project": {"parent_id": "default"}});
    admin.patch(&format!("/identity/v3/projects/{leaf}"), elsewhere).await.expect(403);
    for (parent, status) in [(json!("nowhere"), 400), (json!(top), 403)] {
        let body = json!({"project": {"name": "another", "parent_id": parent}});
        admin.post("/identity/v3/projects", body).await.expect(status);
    }
    let mut deep = project(&admin, json!({"name": "level 1"})).await;
    for level in 2..=5 {
        deep = project(&admin, json!({"name": format!("level {level}"), "parent_id": deep})).await;
    }
    let body = json!({"project": {"name": "level 6", "parent_id": deep}});
    admin.post("/identity/v3/projects", body).await.expect(403);
    let body = json!({"project": {"name": "x".repeat(65)}});
    admin.post("/identity/v3/projects", body).await.expect(400);
}

#[tokio::test]
async fn a_domain_is_also_a_project_when_asked_for_as_one() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let lab = project(&admin, json!({"name": "lab", "is_domain": true})).await;
    let domain = admin.get(&format!("/identity/v3/domains/{lab}")).await.expect(200).json();
    assert_eq!(domain["domain"]["name"], "lab");
    let shown = admin.get(&format!("/identity/v3/projects/{lab}")).await.expect(200).json();
    assert_eq!(shown["project"]["is_domain"], true);
    assert_eq!((&shown["project"]["domain_id"], &shown["project"]["parent_id"]), (&Value::Null, &Value::Null));
    let domains = admin.get("/identity/v3/projects?is_domain=true").await.expect(200).json();
    assert!(ids(&domains, "projects").contains(&lab));
    let projects = admin.get("/identity/v3/projects").await.expect(200).json();
    assert!(!ids(&projects, "projects").contains(&lab));
    admin.delete(&format!("/identity/v3/projects/{lab}")).await.expect(403);
    let off = json!({"project": {"enabled": false}});
    admin.patch(&format!("/identity/v3/projects/{lab}"), off).await.expect(200);
    admin.delete(&format!("/identity/v3/projects/{lab}")).await.expect(204);
    admin.get(&format!("/identity/v3/domains/{lab}")).await.expect(404);
}

#[tokio::test]
async fn an_inherited_role_holds_below_and_not_on_the_project_itself() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let (admin, bob) = (&people.admin, &people.bob.user_id);
    let top = project(admin, json!({"name": "top"})).await;
    let middle = project(admin, json!({"name": "middle", "parent_id": top})).await;
    let leaf = project(admin, json!({"name": "leaf", "parent_id": middle})).await;
    let member = id_of(admin, "roles", "member").await;
    let grant = format!("/identity/v3/OS-INHERIT/projects/{top}/users/{bob}/roles/{member}/inherited_to_projects");
    admin.get(&grant).await.expect(404);
    people.bob.put(&grant, json!({})).await.expect(403);
    admin.put(&grant, json!({})).await.expect(204);
    admin.get(&grant).await.expect(204);

    effigy.stranger().try_sign_in("bob", PASSWORD, Some("top")).await.expect(401);
    let below = effigy.sign_in("bob", PASSWORD, Some("leaf")).await;
    below.create_image("mine", json!({})).await;
    let own = people.bob.get(&format!("/identity/v3/users/{bob}/projects")).await.expect(200).json();
    let own = ids(&own, "projects");
    assert!(own.contains(&leaf) && own.contains(&middle) && !own.contains(&top), "{own:?}");
    assert_eq!(effective(admin, bob, &top).await.len(), 0);
    assert_eq!(effective(admin, bob, &leaf).await.len(), 2, "member, and the reader it implies");
    let granted = admin.get(&format!("/identity/v3/role_assignments?scope.project.id={top}")).await.expect(200).json();
    assert_eq!(granted["role_assignments"][0]["scope"]["OS-INHERIT:inherited_to"], "projects");
    let link = granted["role_assignments"][0]["links"]["assignment"].as_str().unwrap().to_owned();
    admin.get(&link).await.expect(204);

    admin.delete(&grant).await.expect(204);
    below.get("/image/v2/images").await.expect(401);
    // A token of another tree goes on.
    people.bob.get("/image/v2/images").await.expect(200);
    assert_eq!(effective(admin, bob, &leaf).await.len(), 0);
}

#[tokio::test]
async fn a_role_inherited_from_the_domain_reaches_a_groups_members_in_all_its_projects() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let (admin, bob) = (&people.admin, &people.bob.user_id);
    let group = json!({"group": {"name": "watchers"}});
    let group = admin.post("/identity/v3/groups", group).await.expect(201).string("/group/id");
    admin.put(&format!("/identity/v3/groups/{group}/users/{bob}"), json!({})).await.expect(204);
    let reader = id_of(admin, "roles", "reader").await;
    let roles = format!("/identity/v3/OS-INHERIT/domains/default/groups/{group}/roles");
    admin.put(&format!("{roles}/{reader}/inherited_to_projects"), json!({})).await.expect(204);
    let listed = admin.get(&format!("{roles}/inherited_to_projects")).await.expect(200).json();
    assert_eq!(ids(&listed, "roles"), std::slice::from_ref(&reader));
    let looking = effigy.sign_in("bob", PASSWORD, Some("web")).await;
    looking.get("/image/v2/images").await.expect(200);
    looking.post("/image/v2/images", json!({"name": "no"})).await.expect(403);
    let all = admin.get(&format!("/identity/v3/role_assignments?effective&user.id={bob}")).await.expect(200).json();
    let readers = all["role_assignments"].as_array().unwrap().iter().filter(|row| row["role"]["id"] == *reader);
    assert_eq!(readers.count(), 4, "admin, web, batch and other");
    admin.delete(&format!("{roles}/{reader}/inherited_to_projects")).await.expect(204);
    effigy.stranger().try_sign_in("bob", PASSWORD, Some("web")).await.expect(401);
}

#[tokio::test]
async fn a_domains_role_gives_only_what_it_implies_and_only_there() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let (admin, bob, web) = (&people.admin, &people.bob.user_id, &people.alice.project_id);
    let body = json!({"role": {"name": "engineer", "domain_id": "default"}});
    let engineer = admin.post("/identity/v3/roles", body).await.expect(201).string("/role/id");
    let member = id_of(admin, "roles", "member").await;
    let listed = admin.get("/identity/v3/roles?domain_id=default").await.expect(200).json();
    assert_eq!(ids(&listed, "roles"), std::slice::from_ref(&engineer));
    let listed = admin.get("/identity/v3/roles").await.expect(200).json();
    assert!(!ids(&listed, "roles").contains(&engineer));
    admin.put(&format!("/identity/v3/projects/{web}/users/{bob}/roles/{engineer}"), json!({})).await.expect(204);
    assert_eq!(effective(admin, bob, web).await.len(), 0);
    effigy.stranger().try_sign_in("bob", PASSWORD, Some("web")).await.expect(401);
    admin.put(&format!("/identity/v3/roles/{member}/implies/{engineer}"), json!({})).await.expect(403);
    admin.put(&format!("/identity/v3/roles/{engineer}/implies/{member}"), json!({})).await.expect(201);
    effigy.sign_in("bob", PASSWORD, Some("web")).await.create_image("mine", json!({})).await;
    let held: Vec<Value> = effective(admin, bob, web).await.into_iter().map(|row| row["role"]["id"].clone()).collect();
    assert!(held.contains(&json!(member)) && !held.contains(&json!(engineer)), "{held:?}");

    let lab = json!({"domain": {"name": "lab"}});
    let lab = admin.post("/identity/v3/domains", lab).await.expect(201).string("/domain/id");
    let far = project(admin, json!({"name": "far", "domain_id": lab})).await;
    admin.put(&format!("/identity/v3/projects/{far}/users/{bob}/roles/{engineer}"), json!({})).await.expect(403);
    let body = json!({"role": {"name": "lab engineer", "domain_id": lab}});
    let role = admin.post("/identity/v3/roles", body).await.expect(201).string("/role/id");
    admin.patch(&format!("/identity/v3/domains/{lab}"), json!({"domain": {"enabled": false}})).await.expect(200);
    admin.delete(&format!("/identity/v3/domains/{lab}")).await.expect(204);
    admin.get(&format!("/identity/v3/roles/{role}")).await.expect(404);
}

#[tokio::test]
async fn tags_of_a_project_are_added_replaced_and_taken() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let tags = format!("/identity/v3/projects/{}/tags", people.alice.project_id);
    people.admin.put(&format!("{tags}/red"), json!({})).await.expect(201);
    people.admin.get(&format!("{tags}/red")).await.expect(204);
    people.alice.get(&format!("{tags}/red")).await.expect(204);
    people.alice.put(&format!("{tags}/blue"), json!({})).await.expect(403);
    let now = people.admin.put(&tags, json!({"tags": ["b", "a", "b"]})).await.expect(200).json();
    assert_eq!(now["tags"], json!(["a", "b"]));
    people.admin.get(&format!("{tags}/red")).await.expect(404);
    people.admin.delete(&format!("{tags}/a")).await.expect(204);
    people.admin.delete(&format!("{tags}/a")).await.expect(404);
    people.admin.put(&tags, json!({"tags": ["a,b"]})).await.expect(400);
    assert_eq!(people.admin.get(&tags).await.expect(200).json()["tags"], json!(["b"]));
    people.admin.delete(&tags).await.expect(204);
    assert_eq!(people.admin.get(&tags).await.expect(200).json()["tags"], json!([]));
}
