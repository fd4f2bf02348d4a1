//! Stores, the cache and locations: what one store makes of them.

use reqwest::Method;
use serde_json::json;

use super::{bytes, path};
use crate::support::{Answer, Effigy, People};

#[tokio::test]
async fn the_one_store_is_named_wherever_stores_are() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let stores = alice.get("/image/v2/info/stores").await.expect(200).json();
    assert_eq!(stores["stores"], json!([{"id": "local", "description": "Effigy's own store", "default": "true"}]));
    let detail = admin.get("/image/v2/info/stores/detail").await.expect(200).json();
    assert_eq!((&detail["stores"][0]["id"], &detail["stores"][0]["weight"]), (&json!("local"), &json!(0)));
    let answer = alice.post("/image/v2/images", json!({"disk_format": "raw", "container_format": "bare"})).await;
    assert_eq!(answer.header("openstack-image-store-ids"), Some("local"));
    let id = answer.expect(201).string("/id");
    let upload = |store: &'static str| {
        let request = alice.request(Method::PUT, &format!("{}/file", path(&id)));
        let request = request.header("Content-Type", "application/octet-stream").header("x-image-meta-store", store);
        Answer::of(request.body(bytes(1, 512)))
    };
    let refused = upload("elsewhere").await.expect(400);
    assert!(refused.text().contains("the only one is 'local'"), "{}", refused.text());
    upload("local").await.expect(204);
    assert_eq!(alice.image(&id).await["stores"], "local");
}

#[tokio::test]
async fn the_last_store_keeps_its_images() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, rita, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    let queued = alice.create_image("b", json!({})).await;
    let at = |store: &str, id: &str| format!("/image/v2/stores/{store}/{id}");
    for person in [&admin, &alice] {
        person.delete(&at("local", &id)).await.expect(403);
        person.delete(&at("local", &queued)).await.expect(409);
        person.delete(&at("elsewhere", &id)).await.expect(409);
    }
    rita.delete(&at("local", &id)).await.expect(403);
    bob.delete(&at("local", &id)).await.expect(404);
    assert_eq!(alice.download(&id).await.expect(200).body.len(), 512);
}

#[tokio::test]
async fn there_is_no_cache_to_manage() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    for (method, path) in [
        (Method::GET, "/image/v2/cache".to_owned()),
        (Method::DELETE, "/image/v2/cache".into()),
        (Method::PUT, format!("/image/v2/cache/{id}")),
        (Method::DELETE, format!("/image/v2/cache/{id}")),
        (Method::GET, format!("/image/v2/cache/nodes/{id}")),
        (Method::POST, "/image/v2/cache/clean".into()),
        (Method::POST, "/image/v2/cache/prune".into()),
    ] {
        let answer = Answer::of(admin.request(method.clone(), &path)).await.expect(404);
        assert!(answer.text().contains("Caching via API is not supported at this site."), "{method} {path}");
        Answer::of(alice.request(method.clone(), &path)).await.expect(403);
        Answer::of(effigy.stranger().request(method, &path)).await.expect(401);
    }
}

#[tokio::test]
async fn adding_a_location_is_not_implemented_and_changing_one_forbidden() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let url = "file:///etc/passwd";
    for person in [&admin, &alice] {
        person.post(&format!("{}/locations", path(&id)), json!({ "url": url })).await.expect(501);
        let add = json!([{"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}]);
        person.patch_image(&id, add).await.expect(501);
        let replace = json!([{"op": "replace", "path": "/locations", "value": [{"url": url, "metadata": {}}]}]);
        person.patch_image(&id, replace).await.expect(403);
        person.patch_image(&id, json!([{"op": "remove", "path": "/locations/0"}])).await.expect(403);
    }
    let image = alice.image(&id).await;
    assert!(image.get("locations").is_none() && image.get("direct_url").is_none(), "{image}");
}
