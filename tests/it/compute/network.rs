//! The Network API: the one network, to look at.

use serde_json::json;

use super::fields;
use crate::support::Effigy;

#[tokio::test]
async fn network_is_found_by_name_id_and_status_and_by_nothing_else() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let all = admin.get("/network/v2.0/networks").await.expect(200).json()["networks"].clone();
    let id = all[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(all.as_array().unwrap().len(), 1);
    for (query, count) in [
        ("name=default&status=ACTIVE".to_owned(), 1),
        (format!("id={id}"), 1),
        ("name=other".into(), 0),
        ("status=DOWN".into(), 0),
        ("router:external=True".into(), 0),
        ("shared=true".into(), 1),
    ] {
        let list = admin.get(&format!("/network/v2.0/networks?{query}")).await.expect(200).json();
        assert_eq!(list["networks"].as_array().unwrap().len(), count, "{query}");
    }
    admin.get(&format!("/network/v2.0/networks/{id}")).await.expect(200);
    let missing = admin.get("/network/v2.0/networks/default").await.expect(404);
    assert!(missing.string("/NeutronError/message").contains("could not be found"));
    let cut = admin.get("/network/v2.0/networks?fields=id&fields=name").await.expect(200).json();
    assert_eq!(fields(&cut["networks"][0]), ["id", "name"]);
}

#[tokio::test]
async fn every_list_that_clients_ask_for_is_there() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    for (path, list, count) in [
        ("subnets", "subnets", 1),
        ("ports", "ports", 0),
        ("floatingips", "floatingips", 0),
        ("routers", "routers", 0),
        ("security-groups?name=default", "security_groups", 1),
        ("security-group-rules", "security_group_rules", 1),
        ("extensions", "extensions", 1),
    ] {
        let found = people.alice.get(&format!("/network/v2.0/{path}")).await.expect(200).json();
        assert_eq!(found[list].as_array().unwrap().len(), count, "{path}");
    }
    for root in ["/network", "/network/"] {
        assert_eq!(effigy.stranger().get(root).await.expect(200).json()["versions"][0]["id"], "v2.0");
    }
    effigy.stranger().get("/network/v2.0/networks").await.expect(401);
    let quota = people.alice.get(&format!("/network/v2.0/quotas/{}", people.alice.project_id)).await.expect(200).json();
    assert_eq!(quota["quota"]["network"], 1);
}

#[tokio::test]
async fn network_cannot_be_changed_and_the_answer_says_why() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for path in ["networks", "subnets", "ports", "floatingips", "routers", "security-groups", "security-group-rules"] {
        let refused = admin.post(&format!("/network/v2.0/{path}"), json!({})).await.expect(403);
        assert!(refused.string("/NeutronError/message").contains("cannot be changed"), "{path}");
    }
}
