//! The verification of an image: made, shown, filled in, signed, and checked offline.

use serde_json::{Map, Value, json};

use super::{CANARY, SECRET, findings, verified};
use crate::support::{Effigy, People, Person, eventually, linux_disk, micro_disk, qcow2_of, uefi_disk, windows_disk};

#[tokio::test]
async fn facts_fill_the_names_of_systems_that_the_owner_left_open() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let id = alice.create_image("linux", json!({"disk_format": "qcow2", "os_version": "mine"})).await;
    alice.upload(&id, qcow2_of(&linux_disk(&[]), &[])).await.expect(204);
    let verification = verified(&alice, &id).await;
    assert_eq!(verification["verdict"], "passed", "{verification}");
    assert_eq!(verification["report"]["facts"]["distribution"]["known"], "debian");
    let image = alice.image(&id).await;
    assert_eq!((&image["os_type"], &image["os_distro"]), (&json!("linux"), &json!("debian")));
    assert_eq!((&image["os_version"], &image["min_disk"]), (&json!("mine"), &json!(0)));
    assert!(image["architecture"].is_null() && image["hw_firmware_type"].is_null(), "{image}");
    let windows = alice.save_image("windows", "raw", windows_disk("generalized-gpt.raw")).await;
    assert_eq!(verified(&alice, &windows).await["verdict"], "passed");
    assert_eq!(alice.image(&windows).await["os_type"], "windows");
}

#[tokio::test]
async fn unreadable_system_is_unknown_and_says_why() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let id = alice.save_image("micro", "raw", micro_disk("micro", 1 << 20)).await;
    let verification = verified(&alice, &id).await;
    assert_eq!(verification["verdict"], "failed");
    assert!(verification["reasons"][0].as_str().unwrap().contains("system inside is unknown"), "{verification}");
    assert!(alice.image(&id).await["os_type"].is_null());
}

/// The fields of an image that Terraform's provider knows (the library below it, gophercloud); all other texts are properties.
const KNOWN: [&str; 20] = [
    "id",
    "name",
    "status",
    "tags",
    "container_format",
    "disk_format",
    "min_disk",
    "min_ram",
    "owner",
    "protected",
    "visibility",
    "checksum",
    "size",
    "created_at",
    "updated_at",
    "file",
    "schema",
    "virtual_size",
    "self",
    "locations",
];

/// The changes that the next `terraform apply` makes to an image of its own, by the rule of
/// `resource_openstack_images_image_v2.go`: a field that differs is set back or makes the image anew, and a property that
/// the configuration has not is removed, unless its name begins with `os_`, or is `stores` or `direct_url`.
fn plan(declared: &Value, image: &Value) -> Vec<String> {
    let fields = ["name", "container_format", "disk_format", "min_disk", "min_ram", "protected", "visibility", "tags"];
    let is_property =
        |name: &str| !KNOWN.contains(&name) && !name.starts_with("os_") && !["stores", "direct_url"].contains(&name);
    let properties = |of: &Value| -> Map<String, Value> {
        let texts = of.as_object().unwrap().iter().filter(|(name, value)| is_property(name) && value.is_string());
        texts.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let (wanted, there) = (properties(declared), properties(image));
    let changed = fields.into_iter().filter(|name| declared[name] != image[name]).map(str::to_owned);
    let names = wanted.keys().chain(there.keys()).filter(|name| wanted.get(*name) != there.get(*name));
    changed.chain(names.cloned()).collect()
}

#[tokio::test]
async fn an_image_that_terraform_made_is_as_it_declared_it_once_it_is_verified() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let made = async |person: &Person, visibility: &str, disk: Vec<u8>| {
        let declared = json!({"name": "golden", "container_format": "bare", "disk_format": "raw", "min_disk": 0, "min_ram": 0,
            "protected": false, "visibility": visibility, "tags": ["web"], "hw_disk_bus": "virtio"});
        let id = person.post("/image/v2/images", declared.clone()).await.expect(201).string("/id");
        person.upload(&id, disk).await.expect(204);
        verified(person, &id).await;
        (declared, id)
    };
    let (declared, id) = made(&alice, "private", linux_disk(&[])).await;
    let image = alice.image(&id).await;
    assert_eq!(image["os_distro"], "debian", "it was looked into");
    assert_eq!(plan(&declared, &image), Vec::<String>::new(), "{image}");
    // Held back from others: so say names that the provider leaves alone.
    let (declared, id) = made(&admin, "public", linux_disk(&[SECRET])).await;
    let image = eventually("held", super::PATIENCE, || async {
        let image = admin.image(&id).await;
        (image["os_effigy_public"] == "held").then_some(image)
    })
    .await;
    assert_eq!(plan(&declared, &image), Vec::<String>::new(), "{image}");
}

#[tokio::test]
async fn no_secret_leaves_the_disk() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let id = people.alice.save_image("careless", "raw", linux_disk(&[SECRET])).await;
    let verification = verified(&people.alice, &id).await;
    assert_eq!(findings(&verification), ["private_key"]);
    assert_eq!(verification["report"]["findings"][0]["place"], SECRET.0);
    assert!(!verification.to_string().contains(CANARY));
    assert!(!people.alice.image(&id).await.to_string().contains(CANARY));
    assert!(!effigy.log().contains(CANARY));
    let path = format!("/effigy/v1/images/{id}/verification");
    people.bob.get(&path).await.expect(404);
    people.bob.post(&path, json!({})).await.expect(404);
    people.rita.post(&path, json!({})).await.expect(403);
    people.alice.post(&path, json!({})).await.expect(202);
}

#[tokio::test]
async fn statement_is_checked_offline() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let disk = linux_disk(&[]);
    let id = alice.save_image("linux", "raw", disk.clone()).await;
    let mut answer = verified(&alice, &id).await;
    let file = |name: &str, content: &[u8]| {
        let path = effigy.scratch().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let verify = |arguments: &[&str]| {
        let output = effigy.output(&[&["verify"], arguments].concat());
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let good = file("good.json", answer.to_string().as_bytes());
    let bare = file("bare.json", answer["statement"].to_string().as_bytes());
    let key = effigy.stranger().get("/effigy/v1/verification-key").await.expect(200).string("/public_key");
    let key = file("key.pem", key.as_bytes());
    let image = file("image.raw", &disk);
    for arguments in [vec![good.as_str()], vec![&bare, "--key", &key], vec![&good, "--key", &key, "--image", &image]] {
        assert_eq!(verify(&arguments), (true, String::new()), "{arguments:?}");
    }
    let other = file("other.raw", &disk[..disk.len() - 1]);
    assert!(verify(&[&good, "--image", &other]).1.contains("is not the file"));
    let elsewhere = Effigy::start().await;
    let foreign = elsewhere.stranger().get("/effigy/v1/verification-key").await.expect(200).string("/public_key");
    let foreign = file("foreign.pem", foreign.as_bytes());
    assert!(verify(&[&good, "--key", &foreign]).1.contains("not signed with this key"));
    let payload = answer["statement"]["payload"].as_str().unwrap().to_owned();
    answer["statement"]["payload"] = Value::String(format!("{}A{}", &payload[..40], &payload[41..]));
    let altered = file("altered.json", answer.to_string().as_bytes());
    assert!(!verify(&[&altered]).0);
}

#[tokio::test]
async fn lists_carry_what_it_came_to() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let empty = alice.create_image("empty", json!({})).await;
    let good = alice.save_image("good", "raw", linux_disk(&[])).await;
    let bad = alice.save_image("bad", "raw", linux_disk(&[SECRET])).await;
    verified(&alice, &good).await;
    verified(&alice, &bad).await;
    let list = alice.get("/effigy/v1/images?kind=private&limit=25").await.expect(200).json();
    let verdict = |id: &str| {
        let images = list["images"].as_array().unwrap();
        images.iter().find(|image| image["id"] == id).expect("in the list")["effigy"]["verdict"].clone()
    };
    assert_eq!((verdict(&good), verdict(&bad), verdict(&empty)), (json!("passed"), json!("failed"), Value::Null));
    for (id, expected) in [(&good, json!("passed")), (&empty, Value::Null)] {
        let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
        assert_eq!(shown["effigy"]["verdict"], expected);
        let listed = list["images"].as_array().unwrap().iter().find(|image| image["id"] == **id);
        assert_eq!(Some(&shown), listed, "an image is the same alone and in a list");
    }
    // It is the service's word: a record's own property of that name says nothing.
    let named = alice.create_image("named", json!({"verdict": "passed"})).await;
    let list = alice.get("/effigy/v1/images?kind=private&name=named").await.expect(200).json();
    assert_eq!((&list["images"][0]["id"], &list["images"][0]["effigy"]["verdict"]), (&json!(named), &Value::Null));
}

#[tokio::test]
async fn lists_tell_problems_from_a_system_that_is_not_known() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let lease = ("/var/lib/dhcp/dhclient.eth0.leases", "lease { fixed-address 10.0.0.5; }\n");
    let disks = [
        ("clean", linux_disk(&[]), json!(["passed", "whole", 0])),
        ("harmless", linux_disk(&[lease]), json!(["passed", "whole", 1])),
        ("careless", linux_disk(&[SECRET, lease]), json!(["failed", "whole", 2])),
        ("strange", micro_disk("strange", 1 << 20), json!(["failed", "unknown", 0])),
    ];
    for (name, disk, expected) in disks {
        let id = alice.save_image(name, "raw", disk).await;
        verified(&alice, &id).await;
        let list = alice.get(&format!("/effigy/v1/images?kind=private&name={name}")).await.expect(200).json();
        let short = &list["images"][0]["effigy"];
        assert_eq!(json!([short["verdict"], short["seen"], short["problems"]]), expected, "{name}");
    }
}

#[tokio::test]
async fn disk_that_boots_by_uefi_alone_needs_no_property_to_boot() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let alice = effigy.people().await.alice;
    let image = alice.save_image("by-uefi", "raw", uefi_disk(512)).await;
    verified(&alice, &image).await;
    assert!(alice.get(&format!("/image/v2/images/{image}")).await.expect(200).json()["hw_firmware_type"].is_null());
    let instance = alice.launched("by-uefi", &image).await;
    alice.console_says(&instance, "UEFI-READY 0001").await;
}
