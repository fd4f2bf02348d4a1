//! The API's descriptions of itself (versions, schemas, info), and the shape of its errors.

use reqwest::Method;
use serde_json::json;

use super::path;
use crate::support::{Answer, Effigy, People};

#[tokio::test]
async fn every_minor_version_is_listed_and_links_to_the_same_place() {
    let effigy = Effigy::start().await;
    for (at, status) in [("/image", 300), ("/image/", 300), ("/image/versions", 200)] {
        let versions = effigy.stranger().get(at).await.expect(status).json();
        let versions = versions["versions"].as_array().unwrap();
        for minor in 0..=17 {
            let id = format!("v2.{minor}");
            let version = versions.iter().find(|version| version["id"] == id.as_str());
            let version = version.unwrap_or_else(|| panic!("{at} lacks {id}"));
            assert_eq!(version["links"][0]["href"], effigy.at("/image/v2/"));
            assert_eq!(version["status"], if minor == 17 { "CURRENT" } else { "SUPPORTED" });
        }
    }
}

#[tokio::test]
async fn schemas_describe_what_is_answered() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", vec![1; 512]).await;
    for name in ["image", "images", "member", "members", "task", "tasks"] {
        assert_eq!(alice.get(&format!("/image/v2/schemas/{name}")).await.expect(200).json()["name"], name);
    }
    alice.get("/image/v2/schemas/nonsense").await.expect(404);
    let schema = alice.get("/image/v2/schemas/image").await.expect(200).json();
    assert_eq!(schema["properties"]["os_hash_value"]["maxLength"], 128);
    for (name, value) in alice.image(&id).await.as_object().unwrap() {
        let described = &schema["properties"][name]["type"];
        assert!(!described.is_null(), "{name} is answered and not described");
        let kind = match value {
            serde_json::Value::Null => "null",
            serde_json::Value::Bool(_) => "boolean",
            serde_json::Value::Number(_) => "integer",
            serde_json::Value::String(_) => "string",
            serde_json::Value::Array(_) => "array",
            serde_json::Value::Object(_) => "object",
        };
        let allows = described == kind || described.as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
        assert!(allows, "{name} is {value} and described as {described}");
    }
}

#[tokio::test]
async fn info_promises_only_the_methods_and_stores_that_exist() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let import = alice.get("/image/v2/info/import").await.expect(200).json();
    let methods = json!(["glance-direct", "web-download", "copy-image", "glance-download"]);
    assert_eq!(import["import-methods"]["value"], methods);
    let stores = alice.get("/image/v2/info/stores").await.expect(200).json();
    assert_eq!(stores["stores"][0]["id"], "local");
    alice.get("/image/v2/info/stores/detail").await.expect(403);
    admin.get("/image/v2/info/stores/detail").await.expect(200);
    assert_eq!(admin.get("/image/v2/tasks").await.expect(200).json()["tasks"], json!([]));
    let id = alice.create_image("a", json!({})).await;
    assert_eq!(alice.get(&format!("{}/tasks", path(&id))).await.expect(200).json()["tasks"], json!([]));
    let location = json!({"url": "file:///etc/passwd"});
    alice.post(&format!("{}/locations", path(&id)), location).await.expect(501);
}

#[tokio::test]
async fn errors_have_one_shape_and_empty_answers_none() {
    let effigy = Effigy::start().await;
    let People { alice, rita, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({"protected": true})).await;
    let broken = alice.request(Method::POST, "/image/v2/images").body("{\"name\":");
    let huge = json!({"name": "x".repeat(2 << 20)});
    let failures = [
        effigy.stranger().get("/image/v2/images").await.expect(401),
        Answer::of(broken).await.expect(400),
        rita.delete(&path(&id)).await.expect(403),
        alice.get("/image/v2/images/absent").await.expect(404),
        alice.get("/image/v2/nothing/here").await.expect(404),
        alice.put("/image/v2/images", json!({})).await.expect(405),
        alice.post("/image/v2/images", huge).await.expect(413),
        alice.patch(&path(&id), json!([])).await.expect(415),
        alice.get(&format!("{}/locations", path(&id))).await.expect(501),
    ];
    for failure in failures {
        let error = failure.json()["error"].clone();
        assert_eq!(error["code"], failure.status, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        assert!(error["title"].is_string(), "{error}");
        assert!(failure.header("x-openstack-request-id").is_some_and(|id| id.starts_with("req-")));
    }
    let file = alice.download(&id).await.expect(204);
    assert!(file.header("content-type").is_none() && file.body.is_empty());
}
