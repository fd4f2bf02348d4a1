//! Server groups on the one host there is.

use reqwest::Method;
use serde_json::{Value, json};

use super::{at, fields, get_at, post_at};
use crate::support::{Effigy, People, Person, micro_disk};

const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";

async fn made(person: &Person, policy: &str, rules: Value) -> String {
    let body = json!({"server_group": {"name": policy, "policy": policy, "rules": rules}});
    post_at("2.64", person, "/os-server-groups", body).await.expect(200).string("/server_group/id")
}

async fn launched_into(person: &Person, image: &str, group: &str) -> crate::support::Answer {
    let flavor = person.flavor("m1.nano").await;
    let server = json!({"name": "member", "imageRef": image, "flavorRef": flavor, "networks": "none"});
    let body = json!({"server": server, "os:scheduler_hints": {"group": group}});
    post_at("2.96", person, "/servers", body).await
}

#[tokio::test]
async fn group_has_the_shape_of_its_microversion() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, rita, .. } = effigy.people().await;
    let old = json!({"server_group": {"name": "old", "policies": ["anti-affinity"]}});
    let group = post_at("2.1", &alice, "/os-server-groups", old.clone()).await.expect(200).json();
    let group = &group["server_group"];
    assert_eq!(fields(group), ["id", "members", "metadata", "name", "policies"]);
    assert_eq!(group["policies"], json!(["anti-affinity"]));
    let path = format!("/os-server-groups/{}", group["id"].as_str().expect("an id"));
    let shown = get_at("2.64", &alice, &path).await["server_group"].clone();
    assert_eq!(fields(&shown), ["id", "members", "name", "policy", "project_id", "rules", "user_id"]);
    assert_eq!((&shown["policy"], &shown["rules"]), (&json!("anti-affinity"), &json!({})));

    post_at("2.64", &alice, "/os-server-groups", old).await.expect(400);
    let soft = json!({"server_group": {"name": "s", "policies": ["soft-affinity"]}});
    post_at("2.14", &alice, "/os-server-groups", soft.clone()).await.expect(400);
    post_at("2.15", &alice, "/os-server-groups", soft).await.expect(200);
    let ruled = json!({"server_group": {"name": "r", "policy": "affinity", "rules": {"max_server_per_host": 2}}});
    let answer = post_at("2.64", &alice, "/os-server-groups", ruled).await.expect(400);
    assert!(answer.text().contains("Only anti-affinity policy supports rules"), "{}", answer.text());
    let own = json!({"server_group": {"name": "own", "policy": "affinity"}});
    post_at("2.64", &rita, "/os-server-groups", own).await.expect(403);

    let names = |list: &Value| list["server_groups"].as_array().expect("a list").len();
    assert_eq!(names(&get_at("2.64", &alice, "/os-server-groups").await), 2);
    assert_eq!(names(&get_at("2.64", &alice, "/os-server-groups?limit=1&offset=1").await), 1);
    assert_eq!(names(&get_at("2.64", &bob, "/os-server-groups").await), 0);
    assert_eq!(names(&get_at("2.64", &admin, "/os-server-groups?all_projects").await), 2);
    at("2.64", &alice, Method::GET, "/os-server-groups?all_projects", None).await.expect(403);
    at("2.64", &bob, Method::GET, &path, None).await.expect(404);
    at("2.64", &bob, Method::DELETE, &path, None).await.expect(404);
    at("2.64", &rita, Method::DELETE, &path, None).await.expect(403);
    at("2.64", &alice, Method::DELETE, &path, None).await.expect(204);
    at("2.64", &alice, Method::GET, &path, None).await.expect(404);
    at("2.64", &alice, Method::GET, "/os-server-groups/nonsense", None).await.expect(404);
}

#[tokio::test]
async fn anti_affinity_takes_as_many_as_it_lets_be_on_one_host() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let People { alice, bob, .. } = effigy.people().await;
    let image = alice.save_image("golden", "raw", micro_disk("golden", 2 << 20)).await;
    let (apart, two) = (
        made(&alice, "anti-affinity", json!({})).await,
        made(&alice, "anti-affinity", json!({"max_server_per_host": 2})).await,
    );
    let together = made(&alice, "affinity", json!({})).await;

    let first = launched_into(&alice, &image, &apart).await.expect(202).string("/server/id");
    let refused = launched_into(&alice, &image, &apart).await.expect(409);
    assert!(refused.text().contains("No valid host was found"), "{}", refused.text());
    for _ in 0..2 {
        launched_into(&alice, &image, &two).await.expect(202);
        launched_into(&alice, &image, &together).await.expect(202);
    }
    launched_into(&alice, &image, &two).await.expect(409);
    for (group, members) in [(&apart, 1), (&two, 2), (&together, 2)] {
        let shown = get_at("2.64", &alice, &format!("/os-server-groups/{group}")).await;
        assert_eq!(shown["server_group"]["members"].as_array().expect("members").len(), members);
    }
    let shown = get_at("2.96", &alice, &format!("/servers/{first}")).await;
    assert_eq!(shown["server"]["server_groups"], json!([apart]));

    at("2.64", &alice, Method::DELETE, &format!("/os-server-groups/{apart}"), None).await.expect(204);
    let shown = get_at("2.96", &alice, &format!("/servers/{first}")).await;
    assert_eq!(shown["server"]["server_groups"], json!([]));
    for unknown in [NOWHERE, "nonsense", apart.as_str()] {
        launched_into(&alice, &image, unknown).await.expect(400);
    }
    // Another project's group is one that is not there.
    let others = made(&bob, "affinity", json!({})).await;
    launched_into(&alice, &image, &others).await.expect(400);
}
