//! The filters of lists: each filters, and none is taken and forgotten.

use serde_json::{Value, json};

use crate::support::{Effigy, Person};

/// The names of what is listed.
async fn names(person: &Person, collection: &str, query: &str) -> Vec<String> {
    let list = person.get(&format!("/identity/v3/{collection}?{query}")).await.expect(200).json();
    let rows = list[collection].as_array().expect("a list");
    rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

async fn make(admin: &Person, one: &str, many: &str, fields: Value) {
    admin.post(&format!("/identity/v3/{many}"), json!({ one: fields })).await.expect(201);
}

#[tokio::test]
async fn a_filter_that_a_list_does_not_know_is_refused_by_its_name() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let (user, project) = (&people.alice.user_id, &people.alice.project_id);
    let group = json!({"group": {"name": "ops"}});
    let group = people.admin.post("/identity/v3/groups", group).await.expect(201).string("/group/id");
    for (list, known) in [
        ("/identity/v3/projects".to_owned(), "tags-any"),
        ("/identity/v3/projects?is_domain=true".into(), "enabled"),
        ("/identity/v3/users".into(), "password_expires_at"),
        ("/identity/v3/groups".into(), "domain_id"),
        ("/identity/v3/roles".into(), "name"),
        ("/identity/v3/domains".into(), "enabled"),
        ("/identity/v3/services".into(), "type"),
        ("/identity/v3/endpoints".into(), "interface"),
        ("/identity/v3/regions".into(), "parent_region_id"),
        ("/identity/v3/role_assignments".into(), "include_subtree"),
        ("/identity/v3/auth/projects".into(), "name"),
        ("/identity/v3/auth/domains".into(), "name"),
        (format!("/identity/v3/users/{user}/projects"), "enabled"),
        (format!("/identity/v3/users/{user}/groups"), "name"),
        (format!("/identity/v3/groups/{group}/users"), "enabled"),
        (format!("/identity/v3/users/{user}/application_credentials"), "name"),
        (format!("/identity/v3/users/{user}/access_rules"), "limit"),
        (format!("/identity/v3/projects/{project}/users/{user}/roles"), "limit"),
        ("/effigy/v1/audit".into(), "target_id"),
        ("/compute/v2.1/servers".into(), "hostname"),
        ("/compute/v2.1/servers/detail".into(), "hostname"),
        ("/compute/v2.1/flavors".into(), "minRam"),
        ("/compute/v2.1/os-keypairs".into(), "user_id"),
        ("/compute/v2.1/os-services".into(), "binary"),
        ("/compute/v2.1/os-hypervisors".into(), "hypervisor_hostname_pattern"),
        ("/compute/v2.1/os-simple-tenant-usage".into(), "start"),
        ("/image/v2/metadefs/namespaces".into(), "visibility"),
        ("/image/v2/tasks".into(), "status"),
        ("/network/v2.0/networks".into(), "name"),
        ("/network/v2.0/ports".into(), "device_id"),
        ("/network/v2.0/security-group-rules".into(), "direction"),
    ] {
        let sign = if list.contains('?') { '&' } else { '?' };
        let refused = people.admin.get(&format!("{list}{sign}nonsense=1")).await.expect(400).text();
        assert!(refused.contains("'nonsense'") && refused.contains(known), "{list}: {refused}");
        people.admin.get(&format!("{list}{sign}limit=5")).await.expect(200);
    }
    people.admin.get("/identity/v3/users?email__contains=x").await.expect(400);
    people.admin.get("/identity/v3/users?name__like=x").await.expect(400);
}

#[tokio::test]
async fn an_empty_filter_matches_nothing() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for collection in ["projects", "users", "roles", "domains", "services"] {
        assert_eq!(names(&admin, collection, "name=").await, [""; 0], "{collection}");
    }
    assert_eq!(names(&admin, "projects", "domain_id=").await, [""; 0]);
    assert_eq!(names(&admin, "projects", "tags=").await, [""; 0]);
    let events = admin.get("/effigy/v1/audit?request_id=").await.expect(200).json();
    assert_eq!(events["events"], json!([]));
}

#[tokio::test]
async fn projects_are_listed_by_their_tags() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (name, tags) in [("a", json!(["old", "x"])), ("b", json!(["old"])), ("c", json!(["older"])), ("d", json!([]))] {
        make(&admin, "project", "projects", json!({"name": name, "tags": tags})).await;
    }
    for (query, expected) in [
        ("tags=old", vec!["a", "b"]),
        ("tags=old,x", vec!["a"]),
        ("tags=never", vec![]),
        ("tags-any=x,older", vec!["a", "c"]),
        ("not-tags=old,x", vec!["admin", "b", "c", "d"]),
        ("not-tags-any=old,x", vec!["admin", "c", "d"]),
        ("tags=old&not-tags-any=x", vec!["b"]),
        ("tags=old&name=a", vec!["a"]),
    ] {
        assert_eq!(names(&admin, "projects", query).await, expected, "{query}");
    }
    let first = admin.get("/identity/v3/projects?tags=old&limit=1").await.expect(200).json();
    assert_eq!(first["projects"][0]["name"], "a");
    let next = admin.get(first["links"]["next"].as_str().unwrap()).await.expect(200).json();
    assert_eq!((&next["projects"][0]["name"], &next["links"]["next"]), (&json!("b"), &Value::Null));
    // A domain has no tags.
    assert_eq!(names(&admin, "projects", "is_domain=true&tags=old").await, [""; 0]);
    assert_eq!(names(&admin, "projects", "is_domain=true&not-tags=old").await, ["Default"]);
}

#[tokio::test]
async fn a_part_of_a_name_finds_what_has_it() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for name in ["Pärt-one", "pÄRT-two", "other"] {
        make(&admin, "project", "projects", json!({ "name": name })).await;
        make(&admin, "user", "users", json!({ "name": name })).await;
        make(&admin, "group", "groups", json!({ "name": name })).await;
        make(&admin, "role", "roles", json!({ "name": name })).await;
        make(&admin, "domain", "domains", json!({ "name": name })).await;
        make(&admin, "service", "services", json!({"name": name, "type": "part"})).await;
    }
    for collection in ["projects", "users", "groups", "roles", "domains", "services"] {
        for (query, expected) in [
            ("name__contains=%C3%A4rt", vec!["Pärt-one"]),
            ("name__icontains=%C3%A4rt", vec!["Pärt-one", "pÄRT-two"]),
            ("name__startswith=P", vec!["Pärt-one"]),
            ("name__istartswith=p", vec!["Pärt-one", "pÄRT-two"]),
            ("name__endswith=-two", vec!["pÄRT-two"]),
            ("name__iendswith=-TWO", vec!["pÄRT-two"]),
            ("name__startswith=P&name__endswith=-two", vec![]),
            ("name__contains=%25", vec![]),
        ] {
            let mut found = names(&admin, collection, query).await;
            found.sort();
            assert_eq!(found, expected, "{collection}?{query}");
        }
        let first = admin.get(&format!("/identity/v3/{collection}?name__icontains=rt-&limit=1")).await.expect(200);
        assert_eq!(first.json()[collection].as_array().unwrap().len(), 1, "{collection}");
    }
}

#[tokio::test]
async fn no_password_ends_by_itself_and_no_user_is_federated() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for query in ["password_expires_at=lt:2099-01-01T00:00:00Z", "password_expires_at=2099-01-01T00:00:00Z", "idp_id=x"]
    {
        assert_eq!(names(&admin, "users", query).await, [""; 0], "{query}");
    }
    for query in ["password_expires_at=lt:soon", "password_expires_at=near:2099-01-01T00:00:00Z"] {
        admin.get(&format!("/identity/v3/users?{query}")).await.expect(400);
    }
}

#[tokio::test]
async fn assignments_of_a_subtree_are_those_of_the_project_and_all_below() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let web = &people.alice.project_id;
    let below = json!({"project": {"name": "below", "parent_id": web}});
    let below = admin.post("/identity/v3/projects", below).await.expect(201).string("/project/id");
    let role = crate::support::id_of(admin, "roles", "reader").await;
    let grant = format!("/identity/v3/projects/{below}/users/{}/roles/{role}", people.bob.user_id);
    admin.put(&grant, json!({})).await.expect(204);
    let count = async |query: &str| {
        let list = admin.get(&format!("/identity/v3/role_assignments?{query}")).await.expect(200).json();
        list["role_assignments"].as_array().unwrap().len()
    };
    assert_eq!(count(&format!("scope.project.id={web}")).await, 2, "alice and rita");
    assert_eq!(count(&format!("scope.project.id={web}&include_subtree=true")).await, 3, "and bob below");
    assert_eq!(count(&format!("scope.project.id={web}&include_subtree&effective")).await, 4);
    // Keystone: a domain is the root of its projects.
    assert_eq!(count(&format!("scope.project.id=default&include_subtree&user.id={}", people.bob.user_id)).await, 2);
    admin.get("/identity/v3/role_assignments?include_subtree=true").await.expect(400);
}

#[tokio::test]
async fn list_of_things_that_there_are_not_is_empty_and_making_one_is_refused_with_the_reason() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let (admin, user) = (&people.admin, &people.alice.user_id);
    let ec2 = format!("users/{user}/credentials/OS-EC2");
    for (path, list, word) in [
        ("OS-TRUST/trusts", "trusts", "application credential"),
        ("OS-OAUTH1/consumers", "consumers", "application credential"),
        ("OS-EP-FILTER/endpoint_groups", "endpoint_groups", "same catalog"),
        ("OS-FEDERATION/identity_providers", "identity_providers", "keystone"),
        ("OS-FEDERATION/service_providers", "service_providers", "keystone"),
        ("OS-FEDERATION/mappings", "mappings", "keystone"),
        ("policies", "policies", "rules"),
        ("credentials", "credentials", "EC2"),
        ("limits", "limits", "os-quota-sets"),
        ("registered_limits", "registered_limits", "os-quota-sets"),
        (ec2.as_str(), "credentials", "EC2"),
    ] {
        let path = format!("/identity/v3/{path}");
        assert_eq!(admin.get(&path).await.expect(200).json()[list], json!([]), "{path}");
        let refused = admin.post(&path, json!({})).await.expect(501);
        assert!(refused.string("/error/message").contains(word), "{path}: {}", refused.text());
        admin.get(&format!("{path}/one")).await.expect(501);
    }
    assert_eq!(admin.get("/identity/v3/limits/model").await.expect(200).json()["model"]["name"], "flat");
    admin.get("/identity/v3/nonsense").await.expect(404);
    let refused = admin.post("/identity/v3/auth/catalog", json!({})).await.expect(405);
    assert!(refused.header("allow").is_some_and(|allow| allow.contains("GET")));
}
