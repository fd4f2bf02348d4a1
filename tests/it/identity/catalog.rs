//! Services, endpoints, regions and the catalog made of them.

use serde_json::json;

use crate::support::Effigy;

#[tokio::test]
async fn links_and_endpoints_carry_the_public_address() {
    let effigy = Effigy::with("[server]\npublic_url = \"https://images.example.org/\"\n").await;
    let stranger = effigy.stranger();
    let version = stranger.get("/identity/v3").await.expect(200).json();
    assert_eq!(version["version"]["links"][0]["href"], "https://images.example.org/identity/v3/");
    let admin = effigy.admin().await;
    let endpoints = admin.get("/identity/v3/endpoints?interface=public").await.expect(200).json();
    let urls: Vec<_> = endpoints["endpoints"].as_array().unwrap().iter().map(|row| row["url"].clone()).collect();
    assert_eq!(
        urls,
        [
            "https://images.example.org/compute/v2.1",
            "https://images.example.org/identity",
            "https://images.example.org/image",
            "https://images.example.org/network"
        ]
    );
    let clouds = std::fs::read_to_string(effigy.data().join("clouds.yaml")).unwrap();
    assert!(clouds.contains("auth_url: https://images.example.org/identity/v3\n"), "{clouds}");
}

#[tokio::test]
async fn own_services_stay_and_others_can_be_registered() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let admin = &people.admin;
    let image = admin.get("/identity/v3/services?type=image").await.expect(200).string("/services/0/id");
    admin.get(&format!("/identity/v3/services/{image}")).await.expect(200);
    let names = admin.get("/identity/v3/services").await.expect(200).json();
    let names: Vec<_> = names["services"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["nova", "keystone", "glance", "neutron"], "as OpenStack's own are called");
    admin.delete(&format!("/identity/v3/services/{image}")).await.expect(403);
    let body = json!({"service": {"type": "image_remote", "name": "far"}});
    let far = admin.post("/identity/v3/services", body).await.expect(201).string("/service/id");
    let endpoint =
        |url: &str| json!({"endpoint": {"service_id": far, "interface": "public", "url": url, "region": "R2"}});
    admin.post("/identity/v3/endpoints", endpoint("ftp://far")).await.expect(400);
    let made = admin.post("/identity/v3/endpoints", endpoint("http://far/image")).await.expect(201);
    let catalog = people.alice.get("/identity/v3/auth/catalog").await.expect(200).json();
    let remote = catalog["catalog"].as_array().unwrap().iter().find(|row| row["type"] == "image_remote").unwrap();
    assert_eq!(remote["endpoints"][0]["url"], "http://far/image");
    assert_eq!(remote["endpoints"][0]["region_id"], "R2");
    let regions = people.alice.get("/identity/v3/regions").await.expect(200).json();
    let ids: Vec<_> = regions["regions"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, ["RegionOne", "R2"]);
    admin.delete("/identity/v3/regions/R2").await.expect(409);
    let body = json!({"region": {"description": "a part", "parent_region_id": "R2"}});
    let part = admin.put("/identity/v3/regions/R3", body).await.expect(201).json();
    assert_eq!((&part["region"]["id"], &part["region"]["parent_region_id"]), (&json!("R3"), &json!("R2")));
    let circle = json!({"region": {"parent_region_id": "R3"}});
    admin.patch("/identity/v3/regions/R2", circle).await.expect(400);
    let away = json!({"region": {"description": "by itself", "parent_region_id": null}});
    let away = admin.patch("/identity/v3/regions/R3", away).await.expect(200).json();
    assert_eq!(
        (&away["region"]["description"], &away["region"]["parent_region_id"]),
        (&json!("by itself"), &json!(null))
    );
    admin.patch("/identity/v3/regions/R4", json!({"region": {}})).await.expect(404);
    admin.delete("/identity/v3/regions/R3").await.expect(204);
    admin.delete(&format!("/identity/v3/endpoints/{}", made.string("/endpoint/id"))).await.expect(204);
    admin.delete(&format!("/identity/v3/services/{far}")).await.expect(204);
    admin.delete("/identity/v3/regions/R2").await.expect(204);
    people.alice.get("/identity/v3/services").await.expect(403);
    people.alice.get("/identity/v3/endpoints").await.expect(403);
    for empty in ["limits", "registered_limits"] {
        let list = people.alice.get(&format!("/identity/v3/{empty}")).await.expect(200).json();
        assert_eq!(list[empty], json!([]));
    }
}
