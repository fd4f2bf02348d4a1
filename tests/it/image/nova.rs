//! Requests as a Nova sends them that keeps its images here. `make openstack` has a real one.

use std::{collections::BTreeSet, path::Path};

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Effigy, People, Person, linux_disk, windows_disk};

/// The record of a snapshot, as Nova makes it: each property of the base that its schema does not know is the snapshot's too.
async fn begin(person: &Person, base: &Value, name: &str, more: Value) -> Answer {
    let schema = person.get("/image/v2/schemas/image").await.expect(200).json();
    let is_known = |name: &str| schema["properties"].get(name).is_some_and(|known| known["is_base"] != false);
    let inherited = base.as_object().unwrap().iter().filter(|(name, _)| !is_known(name));
    let mut record: Map<String, Value> = inherited.map(|(name, value)| (name.clone(), value.clone())).collect();
    let own = json!({
        "name": name, "visibility": "private", "min_ram": 0, "min_disk": 1, "image_type": "snapshot",
        "base_image_ref": base["id"], "instance_uuid": "2a1c1b5e-6f0e-4f0e-9d5c-0c3f8c6a1e01", "user_id": "u",
    });
    for fields in [own, more] {
        record.extend(fields.as_object().unwrap().clone());
    }
    person.post("/image/v2/images", Value::Object(record)).await
}

/// Its formats, once they are known, and its bytes, in chunks and without a length.
async fn fill(person: &Person, id: &str, disk: Vec<u8>) -> Answer {
    let changes = json!([
        {"op": "add", "path": "/image_state", "value": "available"},
        {"op": "add", "path": "/image_location", "value": "snapshot"},
        {"op": "replace", "path": "/disk_format", "value": "raw"},
        {"op": "replace", "path": "/container_format", "value": "bare"},
    ]);
    person.patch_image(id, changes).await.expect(200);
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(disk)]);
    let request = person.request(Method::PUT, &format!("/image/v2/images/{id}/file"));
    let request = request.header("Content-Type", "application/octet-stream").header("X-Service-Token", &person.token);
    Answer::of(request.body(reqwest::Body::wrap_stream(pieces))).await
}

async fn snapshot(person: &Person, base: &Value, name: &str, more: Value, disk: Vec<u8>) -> (String, Answer) {
    let id = begin(person, base, name, more).await.expect(201).string("/id");
    let filled = fill(person, &id, disk).await;
    (id, filled)
}

#[tokio::test]
async fn a_snapshot_inherits_nothing_that_the_service_or_an_admin_says_of_its_base() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    // Without a known system inside, so that it is held back.
    let held = admin.create_image("held", json!({"visibility": "public", "hw_disk_bus": "virtio"})).await;
    admin.upload(&held, vec![7; 4096]).await.expect(204);
    let image = admin.image(&held).await;
    assert!(!image["os_effigy_public"].is_null(), "{image}");
    let (id, filled) = snapshot(&admin, &image, "of a held one", json!({}), linux_disk(&[])).await;
    filled.expect(204);
    assert_eq!(admin.image(&id).await["hw_disk_bus"], "virtio");

    let reasons = json!([
        {"op": "add", "path": "/effigy_public_reason", "value": "it is ours"},
        {"op": "add", "path": "/effigy_sysprep_reason", "value": "for one machine"},
    ]);
    admin.patch_image(&held, reasons).await.expect(200);
    let (id, filled) = snapshot(&alice, &alice.image(&held).await, "of a public one", json!({}), linux_disk(&[])).await;
    filled.expect(204);
    let image = alice.image_becomes(&id, "active").await;
    let own: Vec<_> = image.as_object().unwrap().keys().filter(|name| name.contains("effigy_")).collect();
    assert!(own.is_empty(), "{image}");
}

#[tokio::test]
async fn all_that_the_service_says_of_an_image_is_in_the_schema_of_images() {
    let effigy = Effigy::start().await;
    let schema = effigy.stranger().get("/image/v2/schemas/image").await.expect(200).json();
    let mut said = BTreeSet::new();
    for room in ["images", "instances", "inspect", "images/fill"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room)).unwrap() {
            let path = entry.unwrap().path();
            let text = if path.is_file() { std::fs::read_to_string(path).unwrap() } else { String::new() };
            said.extend(text.split('"').filter(|word| is_property(word)).map(str::to_owned));
        }
    }
    assert!(said.contains("os_effigy_public_why") && said.contains("effigy_flavor_ram"), "{said:?}");
    let missing: Vec<_> = said.iter().filter(|name| schema["properties"].get(name).is_none()).collect();
    assert!(missing.is_empty(), "Nova would give these to snapshots: {missing:?}");
}

fn is_property(word: &str) -> bool {
    word.strip_prefix("os_")
        .unwrap_or(word)
        .strip_prefix("effigy_")
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == '_' || c.is_alphanumeric()))
}

#[tokio::test]
async fn a_snapshot_of_windows_is_refused_while_it_is_saved_unless_it_is_generalised() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let base = alice.save_image("base", "raw", vec![7; 4096]).await;
    let base = alice.image(&base).await;
    let disk = || windows_disk("complete.raw");
    let (id, refused) = snapshot(&alice, &base, "template", json!({}), disk()).await;
    // Nova's user reads the message of a 400, and of no other refusal.
    let said = refused.expect(400).text();
    assert!(said.contains("IMAGE_STATE_COMPLETE") && said.contains("sysprep /generalize"), "{said}");
    assert!(said.contains("effigy_sysprep_reason"), "{said}");
    assert_eq!(alice.image(&id).await["status"], "queued");
    // Generalised, with a reason, and not for a second machine.
    let reason = json!({"effigy_sysprep_reason": "for one machine"});
    for (name, more, disk) in [
        ("generalised", json!({}), windows_disk("generalized.raw")),
        ("all the same", reason, disk()),
        ("machine-shelved", json!({}), disk()),
        ("machine-resize-temp", json!({}), disk()),
        ("nightly", json!({"image_type": "backup", "backup_type": "daily"}), disk()),
        ("linux", json!({}), linux_disk(&[])),
    ] {
        let (id, filled) = snapshot(&alice, &base, name, more, disk).await;
        assert_eq!(filled.status, 204, "{name}: {}", filled.text());
        assert_eq!(alice.image(&id).await["status"], "active", "{name}");
    }
    // An upload of one's own is a file like any other.
    let own = alice.create_image("own", json!({})).await;
    alice.upload(&own, disk()).await.expect(204);
}

#[tokio::test]
async fn a_snapshot_of_windows_carries_the_warning_where_it_is_only_warned_of() {
    let effigy = Effigy::with("[inspect]\nwindows = \"warn\"\n").await;
    let alice = effigy.people().await.alice;
    let base = alice.save_image("base", "raw", vec![7; 4096]).await;
    let disk = windows_disk("complete.raw");
    let (id, filled) = snapshot(&alice, &alice.image(&base).await, "warned", json!({}), disk).await;
    filled.expect(204);
    let image = alice.image_becomes(&id, "active").await;
    let warning = image["effigy_sysprep_warning"].to_string();
    assert!(warning.contains("not generalised"), "{image}");
    assert_eq!(image["image_state"], "available");
}

#[tokio::test]
async fn what_is_found_in_a_snapshot_does_not_replace_what_nova_says_of_it() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let base = alice.save_image("base", "raw", vec![7; 4096]).await;
    let said = json!({"os_distro": "gentoo", "min_disk": 3, "hw_machine_type": "pc"});
    let (id, filled) = snapshot(&alice, &alice.image(&base).await, "of gentoo", said, linux_disk(&[])).await;
    filled.expect(204);
    crate::inspect::verified(&alice, &id).await;
    let image = alice.image(&id).await;
    assert_eq!([&image["os_distro"], &image["min_disk"]], [&json!("gentoo"), &json!(3)], "{image}");
    // Its system is known, and the owner left this open.
    assert_eq!([&image["os_type"], &image["os_version"]], [&json!("linux"), &json!("12")], "{image}");
}
