//! Image records: made, shown, tagged, deleted; their numbers and words.

use serde_json::json;

use super::path;
use crate::support::{Effigy, People};

#[tokio::test]
async fn new_image_is_a_private_record_without_bytes() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let body = json!({"name": "golden", "disk_format": "qcow2", "container_format": "bare", "min_disk": 1, "min_ram": 64,
        "tags": ["b", "a", "b"], "os_distro": "debian", "owner_specified.openstack.md5": ""});

    let answer = alice.post("/image/v2/images", body).await.expect(201);

    let image = answer.json();
    let id = image["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(effigy.at(&path(id)).as_str()));
    let expected = json!({
        "id": id, "name": "golden", "status": "queued", "visibility": "private", "protected": false,
        "os_hidden": false, "disk_format": "qcow2", "container_format": "bare", "min_disk": 1, "min_ram": 64,
        "size": null, "virtual_size": null, "checksum": null, "os_hash_algo": null, "os_hash_value": null,
        "owner": alice.project_id, "created_at": image["created_at"], "updated_at": image["updated_at"],
        "tags": ["a", "b"], "os_distro": "debian", "owner_specified.openstack.md5": "",
        "self": format!("/v2/images/{id}"), "file": format!("/v2/images/{id}/file"), "schema": "/v2/schemas/image",
    });
    assert_eq!(image, expected);
    assert_eq!(alice.image(id).await, expected);
    let created = image["created_at"].as_str().unwrap();
    assert!(created.len() == 20 && created.ends_with('Z'), "{created}");
    assert!(answer.header("openstack-image-import-methods").is_some(), "clients that import give the image up");
}

#[tokio::test]
async fn client_may_choose_the_id_once() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let id = "c0ffee00-1234-4abc-8def-0123456789ab";
    let made = alice.post("/image/v2/images", json!({"id": id})).await.expect(201).json();
    assert_eq!((made["id"].as_str(), made["name"].is_null()), (Some(id), true));
    alice.post("/image/v2/images", json!({"id": id})).await.expect(409);
    bob.post("/image/v2/images", json!({"id": id})).await.expect(409);
    alice.post("/image/v2/images", json!({"id": "mine"})).await.expect(400);
    alice.post("/image/v2/images", json!({"id": 5})).await.expect(400);
}

#[tokio::test]
async fn id_of_a_deleted_image_is_nobodys_again() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let id = alice.create_image("trusted", json!({})).await;
    alice.delete(&path(&id)).await.expect(204);
    for person in [&bob, &alice] {
        let refused = person.post("/image/v2/images", json!({"id": id, "visibility": "community"})).await.expect(409);
        assert!(refused.text().contains("an id is used once"), "{}", refused.text());
    }
}

#[tokio::test]
async fn record_has_a_bound_in_bytes() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("heavy", json!({})).await;
    let add = |n: u32, chars: usize| json!([{"op": "add", "path": format!("/note{n}"), "value": "x".repeat(chars)}]);
    for n in 0..4 {
        alice.patch_image(&id, add(n, 65_000)).await.expect(200);
    }
    let refused = alice.patch_image(&id, add(4, 65_000)).await.expect(413);
    assert!(refused.text().contains("262144 bytes together"), "{}", refused.text());
    alice.patch_image(&id, add(4, 1000)).await.expect(200);
    let address = format!("https://example.org/{}", "x".repeat(9000));
    let body = json!({"method": {"name": "web-download", "uri": address}});
    let refused = alice.post(&format!("{}/import", path(&id)), body).await.expect(413);
    assert!(refused.text().contains("8192 bytes"), "{}", refused.text());
}

#[tokio::test]
async fn nobody_sets_what_the_service_says() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let values = [
        ("status", json!("active")),
        ("size", json!(1)),
        ("virtual_size", json!(1)),
        ("checksum", json!("d41d8cd98f00b204e9800998ecf8427e")),
        ("os_hash_algo", json!("sha512")),
        ("os_hash_value", json!("00")),
        ("created_at", json!("2026-01-01T00:00:00Z")),
        ("updated_at", json!("2026-01-01T00:00:00Z")),
        ("locations", json!([{"url": "file:///etc/passwd", "metadata": {}}])),
        ("direct_url", json!("file:///etc/passwd")),
        ("self", json!("/")),
        ("file", json!("/")),
        ("schema", json!("/")),
        ("stores", json!("local")),
        ("deleted", json!("false")),
        ("os_glance_import_task", json!("x")),
        ("owner", json!(bob.project_id)),
        ("visibility", json!("public")),
    ];
    for (name, value) in values {
        let create = alice.post("/image/v2/images", json!({ name: value })).await;
        assert_eq!(create.status, 403, "create with {name}: {}", create.text());
        let patch = alice.patch_image(&id, json!([{"op": "add", "path": format!("/{name}"), "value": value}])).await;
        assert_eq!(patch.status, 403, "add {name}: {}", patch.text());
        let remove = alice.patch_image(&id, json!([{"op": "remove", "path": format!("/{name}")}])).await;
        assert_eq!(remove.status, 403, "remove {name}: {}", remove.text());
    }
    let another_id = json!([{"op": "replace", "path": "/id", "value": "c0ffee00-1234-4abc-8def-0123456789ab"}]);
    alice.patch_image(&id, another_id).await.expect(403);
    let gift = json!([{"op": "replace", "path": "/owner", "value": bob.project_id}]);
    assert_eq!(admin.patch_image(&id, gift).await.expect(200).json()["owner"], bob.project_id.as_str());
    alice.get(&path(&id)).await.expect(404);
    assert_eq!((super::usage(&alice).await.0, super::usage(&bob).await.0), (0, 1), "the usage did not move along");
}

#[tokio::test]
async fn senseless_attributes_are_refused_with_their_names() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let bad = [
        json!({"name": 5}),
        json!({"name": "x".repeat(256)}),
        json!({"name": "a\u{0}b"}),
        json!({"visibility": "everybody"}),
        json!({"disk_format": "floppy"}),
        json!({"container_format": "bucket"}),
        json!({"min_disk": -1}),
        json!({"min_ram": "64"}),
        json!({"min_ram": 1_u64 << 40}),
        json!({"protected": "yes"}),
        json!({"tags": "one"}),
        json!({"tags": [1]}),
        json!({"tags": ["x".repeat(256)]}),
        json!({"p": 1}),
        json!({"p": {"q": "r"}}),
        json!({"p": "x".repeat(70_000)}),
        json!({"x".repeat(256): "v"}),
        json!([]),
        json!("image"),
    ];
    for body in bad {
        let answer = alice.post("/image/v2/images", body.clone()).await;
        assert_eq!(answer.status, 400, "{}: {}", body.to_string().chars().take(80).collect::<String>(), answer.text());
    }
    let many: serde_json::Map<_, _> = (0..129).map(|n| (format!("p{n}"), json!("v"))).collect();
    alice.post("/image/v2/images", many.into()).await.expect(413);
    let tags: Vec<_> = (0..129).map(|n| format!("t{n}")).collect();
    alice.post("/image/v2/images", json!({ "tags": tags })).await.expect(413);
    assert_eq!(super::ids(&alice, "").await, Vec::<String>::new(), "a refused image was made");
}

#[tokio::test]
async fn strange_words_are_kept_exactly() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let strange =
        ["\u{202e}gpj.exe", "\u{1b}[31mred", "line\r\nbreak", "<script>alert(1)</script>", "🦀 \"quoted\" \\", ""];
    for word in strange {
        let body = json!({"name": word, "note": word, "disk_format": "raw", "container_format": "bare"});
        let id = alice.post("/image/v2/images", body).await.expect(201).string("/id");
        let shown = alice.image(&id).await;
        assert_eq!((shown["name"].as_str(), shown["note"].as_str()), (Some(word), Some(word)));
        alice.upload(&id, vec![0; 512]).await.expect(204);
        let answer = alice.download(&id).await.expect(200);
        let disposition = answer.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\""), "{disposition}");
        assert!(disposition.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{disposition}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    }
    assert!(!effigy.log().contains("\u{1b}[31mred"), "a name reached the terminal of whoever reads the log");
}

#[tokio::test]
async fn tags_come_and_go() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({"tags": ["one"]})).await;
    let tag = |name: &str| format!("{}/tags/{name}", path(&id));
    alice.put(&tag("two"), json!({})).await.expect(204);
    alice.put(&tag("two"), json!({})).await.expect(204);
    alice.put(&tag("with%20space%20and%20%F0%9F%A6%80"), json!({})).await.expect(204);
    assert_eq!(alice.image(&id).await["tags"], json!(["one", "two", "with space and 🦀"]));
    alice.delete(&tag("one")).await.expect(204);
    alice.delete(&tag("one")).await.expect(404);
    alice.put(&tag(&"x".repeat(256)), json!({})).await.expect(400);
    for n in 0..126 {
        alice.put(&tag(&format!("t{n}")), json!({})).await.expect(204);
    }
    alice.put(&tag("one-too-many"), json!({})).await.expect(413);
    let answer = alice.put(&tag("t0"), json!({})).await.expect(204);
    assert!(answer.header("content-type").is_none(), "an empty answer has a content type");
}

#[tokio::test]
async fn protected_image_is_not_deleted() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({"protected": true})).await;
    let refusal = alice.delete(&path(&id)).await.expect(403);
    assert!(refusal.text().contains("protected"), "{}", refusal.text());
    alice.patch_image(&id, json!([{"op": "replace", "path": "/protected", "value": false}])).await.expect(200);
    alice.delete(&path(&id)).await.expect(204);
    assert_eq!(super::usage(&alice).await, (0, 0, 0));
}

#[tokio::test]
async fn project_has_its_number_of_images_and_no_more() {
    let effigy = Effigy::with("[quota]\nimages = 2\n").await;
    let People { alice, bob, .. } = effigy.people().await;
    let first = alice.create_image("1", json!({})).await;
    alice.create_image("2", json!({})).await;
    let refusal = alice.post("/image/v2/images", json!({"name": "3"})).await.expect(413);
    assert!(refusal.text().contains("2 images"), "{}", refusal.text());
    bob.create_image("1", json!({})).await;
    alice.delete(&path(&first)).await.expect(204);
    alice.create_image("3", json!({})).await;
}

#[tokio::test]
async fn text_that_is_not_an_images_id_is_not_found() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    for name in ["golden", "1", "%2e%2e", "c0ffee00-1234-4abc-8def-0123456789ab", "%00"] {
        let answer = alice.get(&path(name)).await.expect(404).json();
        assert_eq!(answer["error"]["code"], 404);
    }
}
