//! The fields that clients add to the things of Identity.

use serde_json::{Value, json};

use crate::support::{Effigy, Person, id_of};

/// Each collection, the word of one thing, and what makes one.
async fn things(admin: &Person) -> Vec<(&'static str, &'static str, Value)> {
    let service = json!({"service": {"type": "dns", "name": "names"}});
    let service = admin.post("/identity/v3/services", service).await.expect(201).string("/service/id");
    let endpoint = json!({"service_id": service, "interface": "public", "url": "https://dns.example.org"});
    vec![
        ("users", "user", json!({"name": "ann"})),
        ("groups", "group", json!({"name": "staff"})),
        ("roles", "role", json!({"name": "auditor"})),
        ("projects", "project", json!({"name": "lab"})),
        ("domains", "domain", json!({"name": "branch"})),
        ("services", "service", json!({"type": "metering"})),
        ("endpoints", "endpoint", endpoint),
        ("regions", "region", json!({"id": "south"})),
    ]
}

#[tokio::test]
async fn fields_that_clients_add_are_shown_changed_and_taken_away() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (many, one, mut body) in things(&admin).await {
        let path = format!("/identity/v3/{many}");
        body["note"] = json!("kept");
        body["nested"] = json!({"list": [1, null]});
        let made = admin.post(&path, json!({one: body})).await.expect(201).json()[one].clone();
        let id = made["id"].as_str().expect("an id").to_owned();
        assert_eq!((&made["note"], &made["nested"]), (&json!("kept"), &json!({"list": [1, null]})), "{many}");
        let shown = admin.get(&format!("{path}/{id}")).await.expect(200).json()[one].clone();
        assert_eq!(shown["note"], "kept", "{many}");
        let listed = admin.get(&path).await.expect(200).json()[many].clone();
        let listed = listed.as_array().expect("a list").iter().find(|thing| thing["id"] == id.as_str()).cloned();
        assert_eq!(listed.expect("it is listed")["note"], "kept", "{many}");

        let change = json!({one: {"note": null, "more": true, "links": "x"}});
        let changed = admin.patch(&format!("{path}/{id}"), change).await.expect(200).json()[one].clone();
        let known = (&changed["note"], &changed["more"], &changed["nested"]["list"][0]);
        assert_eq!(known, (&Value::Null, &json!(true), &json!(1)), "{many}");
        assert!(changed["links"]["self"].is_string(), "{many}");
        for refused in [json!({"long": "x".repeat(17_000)}), json!({"nul": "\u{0}"})] {
            admin.patch(&format!("{path}/{id}"), json!({one: refused})).await.expect(400);
        }
    }
}

#[tokio::test]
async fn field_of_a_client_never_stands_in_the_place_of_one_of_ours() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let domain = json!({"domain": {"name": "other", "tags": ["a"], "is_domain": "no"}});
    let made = admin.post("/identity/v3/domains", domain).await.expect(201).json()["domain"].clone();
    assert_eq!(made["tags"], json!([]));
    let project = id_of(&admin, "projects", "admin").await;
    let changed = json!({"project": {"note": "x", "id": "another"}});
    let changed = admin.patch(&format!("/identity/v3/projects/{project}"), changed).await.expect(200);
    assert_eq!(changed.json()["project"]["id"], project.as_str());
}
