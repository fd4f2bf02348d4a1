//! Changes by JSON patch.

use reqwest::Method;
use serde_json::{Value, json};

use super::{bytes, path};
use crate::support::{Answer, Effigy, People};

#[tokio::test]
async fn changes_are_added_replaced_and_removed() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("old", json!({"colour": "red", "a/b": "1"})).await;
    let patch = json!([
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "add", "path": "/colour", "value": "blue"},
        {"op": "add", "path": "/os_distro", "value": "debian"},
        {"op": "remove", "path": "/a~1b"},
        {"op": "replace", "path": "/tags", "value": ["z", "a"]},
        {"op": "add", "path": "/min_ram", "value": 128},
        {"op": "replace", "path": "/os_hidden", "value": true},
        {"op": "replace", "path": "/visibility", "value": "community"},
    ]);

    let changed = alice.patch_image(&id, patch).await.expect(200).json();

    assert_eq!(changed, alice.image(&id).await);
    let of = |name: &str| changed[name].clone();
    assert_eq!(of("name"), "new");
    assert_eq!((of("colour"), of("os_distro"), of("a/b")), (json!("blue"), json!("debian"), Value::Null));
    assert_eq!((of("tags"), of("min_ram"), of("os_hidden")), (json!(["a", "z"]), json!(128), json!(true)));
    assert_eq!(of("visibility"), "community");
}

#[tokio::test]
async fn older_form_of_patch_is_read_too() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("old", json!({"colour": "red"})).await;
    let patch = json!([{"replace": "/name", "value": "new"}, {"remove": "/colour"}]);
    let request = alice.request(Method::PATCH, &path(&id)).body(patch.to_string());
    let request = request.header("Content-Type", "application/openstack-images-v2.0-json-patch");
    let changed = Answer::of(request).await.expect(200).json();
    assert_eq!((changed["name"].as_str(), changed.get("colour")), (Some("new"), None));
}

#[tokio::test]
async fn refused_patch_changes_nothing() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("old", json!({"colour": "red"})).await;
    let before = alice.image(&id).await;
    let first = json!({"op": "replace", "path": "/name", "value": "new"});
    let refused = [
        (409, json!({"op": "replace", "path": "/absent", "value": "x"})),
        (409, json!({"op": "remove", "path": "/absent"})),
        (403, json!({"op": "remove", "path": "/name"})),
        (403, json!({"op": "remove", "path": "/tags"})),
        (403, json!({"op": "add", "path": "/status", "value": "active"})),
        (400, json!({"op": "add", "path": "/colour", "value": 5})),
        (400, json!({"op": "add", "path": "/colour"})),
        (400, json!({"op": "test", "path": "/colour", "value": "red"})),
        (400, json!({"op": "add", "path": "colour", "value": "red"})),
        (400, json!({"op": "add", "path": "/tags/-", "value": "red"})),
        (400, json!("add")),
        (501, json!({"op": "add", "path": "/locations/-", "value": {"url": "file:///etc/passwd"}})),
    ];
    for (status, operation) in refused {
        let answer = alice.patch_image(&id, json!([first, operation])).await;
        assert_eq!(answer.status, status, "{operation}: {}", answer.text());
        assert_eq!(alice.image(&id).await, before, "{operation}");
    }
    alice.patch(&path(&id), json!([first])).await.expect(415);
}

#[tokio::test]
async fn formats_are_fixed_once_there_are_bytes() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({"disk_format": "qcow2"})).await;
    alice.patch_image(&id, json!([{"op": "replace", "path": "/disk_format", "value": "raw"}])).await.expect(200);
    alice.upload(&id, bytes(1, 512)).await.expect(204);
    for name in ["disk_format", "container_format"] {
        let patch = json!([{"op": "replace", "path": format!("/{name}"), "value": "ami"}]);
        alice.patch_image(&id, patch).await.expect(403);
    }
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let changes = (0..6).map(|n| {
        let (alice, id) = (alice.clone(), id.clone());
        async move {
            let patch = json!([{"op": "add", "path": format!("/p{n}"), "value": "x"}]);
            alice.patch_image(&id, patch).await.expect(200);
        }
    });
    futures::future::join_all(changes).await;
    let image = alice.image(&id).await;
    assert!((0..6).all(|n| image[format!("p{n}")] == "x"), "{image}");
}
