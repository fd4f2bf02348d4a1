//! The verification of an image: made, shown, filled in, signed, and checked offline.

use serde_json::{Value, json};

use super::{CANARY, SECRET, findings, verified};
use crate::support::{Effigy, linux_disk, micro_disk, qcow2_of, windows_disk};

#[tokio::test]
async fn facts_fill_what_the_owner_left_open() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let id = alice.create_image("linux", json!({"disk_format": "qcow2", "os_version": "mine"})).await;
    alice.upload(&id, qcow2_of(&linux_disk(&[]), &[])).await.expect(204);
    let verification = verified(&alice, &id).await;
    assert_eq!(verification["verdict"], "passed", "{verification}");
    assert_eq!(verification["report"]["facts"]["distribution"]["known"], "debian");
    let image = alice.image(&id).await;
    assert_eq!((&image["os_type"], &image["os_distro"]), (&json!("linux"), &json!("debian")));
    assert_eq!((&image["os_version"], &image["min_disk"]), (&json!("mine"), &json!(1)));
    let windows = alice.save_image("windows", "raw", windows_disk("generalized-gpt.raw")).await;
    assert_eq!(verified(&alice, &windows).await["verdict"], "passed");
    assert_eq!(alice.image(&windows).await["os_type"], "windows");
}

#[tokio::test]
async fn unreadable_system_is_unknown_and_says_why() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let before = json!({"min_disk": 0});
    let id = alice.save_image("micro", "raw", micro_disk("micro", 1 << 20)).await;
    let verification = verified(&alice, &id).await;
    assert_eq!(verification["verdict"], "failed");
    assert!(verification["reasons"][0].as_str().unwrap().contains("system inside is unknown"), "{verification}");
    assert_eq!(alice.image(&id).await["min_disk"], before["min_disk"]);
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
