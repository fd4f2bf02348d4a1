//! `rebuild` and `resize`, as Nova's clients order them.

use reqwest::Method;
use serde_json::json;

use super::{at, get_at, post_at};
use crate::support::{Effigy, People, micro_disk};

async fn running() -> (Effigy, People, String) {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("first", "raw", micro_disk("first", 1 << 20)).await;
    let id = people.alice.launched("one", &image).await;
    people.alice.console_says(&id, "first 0001 OK").await;
    (effigy, people, id)
}

#[tokio::test]
async fn server_is_rebuilt_with_the_words_of_its_order_and_the_answer_shows_it() {
    let (effigy, people, id) = running().await;
    let alice = &people.alice;
    let image = alice.save_image("second", "raw", micro_disk("second", 1 << 20)).await;
    let key = json!({"keypair": {"name": "laptop"}});
    post_at("2.1", alice, "/os-keypairs", key).await.expect(200);
    let action = format!("/servers/{id}/action");
    for (version, fields, status) in [
        ("2.96", json!({}), 400),
        ("2.96", json!({"imageRef": "no id"}), 400),
        ("2.96", json!({"imageRef": id}), 400),
        ("2.53", json!({"imageRef": image, "key_name": "laptop"}), 400),
        ("2.56", json!({"imageRef": image, "user_data": "aGVsbG8="}), 400),
        ("2.57", json!({"imageRef": image, "personality": []}), 400),
        ("2.96", json!({"imageRef": image, "key_name": "nobody's"}), 400),
        ("2.96", json!({"imageRef": image, "colour": "red"}), 400),
    ] {
        let answer = post_at(version, alice, &action, json!({ "rebuild": fields })).await;
        assert_eq!(answer.status, status, "{version} {fields}: {}", answer.text());
    }
    let elsewhere = post_at("2.96", &people.bob, &action, json!({"rebuild": {"imageRef": image}})).await;
    elsewhere.expect(404);

    let order = json!({"imageRef": image, "name": "renamed", "description": "anew", "adminPass": "swordfish",
        "metadata": {"role": "front"}, "key_name": "laptop", "user_data": "aGVsbG8=", "preserve_ephemeral": false});
    let answer = post_at("2.90", alice, &action, json!({ "rebuild": order })).await.expect(202);
    assert!(answer.header("location").unwrap().ends_with(&format!("/servers/{id}")));
    let server = &answer.json()["server"];
    assert_eq!((&server["status"], &server["adminPass"]), (&json!("REBUILD"), &json!("swordfish")));
    alice.console_says(&id, "second 0001 OK").await;
    let shown = alice.instance_becomes(&id, "ACTIVE").await;
    for (field, value) in
        [("name", json!("renamed")), ("metadata", json!({"role": "front"})), ("key_name", json!("laptop"))]
    {
        assert_eq!(shown[field], value);
    }
    assert_eq!(shown["image"]["id"], image.as_str());
    let drive = std::fs::read(effigy.data().join("instances").join(&id).join("config.img")).unwrap();
    for part in [&b"hello"[..], b"renamed"] {
        assert!(drive.windows(part.len()).any(|found| found == part));
    }
    let events = get_at("2.1", alice, &format!("/servers/{id}/os-instance-actions")).await;
    assert_eq!(events["instanceActions"][0]["action"], "rebuild");
    let order = json!({"imageRef": image, "user_data": null, "key_name": null, "accessIPv4": "192.0.2.7"});
    let answer = post_at("2.90", alice, &action, json!({ "rebuild": order })).await.expect(202).json();
    assert_eq!((&answer["server"]["user_data"], &answer["server"]["key_name"]), (&json!(null), &json!(null)));
    assert_eq!((&answer["server"]["accessIPv4"], &answer["server"]["accessIPv6"]), (&json!("192.0.2.7"), &json!("")));
    alice.instance_becomes(&id, "ACTIVE").await;
    let drive = std::fs::read(effigy.data().join("instances").join(&id).join("config.img")).unwrap();
    assert!(!drive.windows(5).any(|found| found == b"hello"));
}

#[tokio::test]
async fn server_is_resized_and_that_is_confirmed_or_reverted_as_nova_does() {
    let (_effigy, people, id) = running().await;
    let (alice, admin) = (&people.alice, &people.admin);
    let flavor = json!({"flavor": {"id": "larger", "name": "larger", "ram": 96, "vcpus": 2, "disk": 1}});
    post_at("2.1", admin, "/flavors", flavor).await.expect(200);
    let action = format!("/servers/{id}/action");
    let resize = json!({"resize": {"flavorRef": "larger"}});
    for fields in
        [json!({}), json!({"flavorRef": "none"}), json!({"flavorRef": "larger", "imageRef": "x"}), json!(null)]
    {
        let answer = post_at("2.1", alice, &action, json!({ "resize": fields })).await;
        assert_eq!(answer.status, 400, "{fields}: {}", answer.text());
    }
    post_at("2.1", alice, &action, json!({"confirmResize": null})).await.expect(409);
    post_at("2.1", alice, &action, json!({"revertResize": null})).await.expect(409);
    for (word, status, flavor) in [("revertResize", 202, "m1.nano"), ("confirmResize", 204, "larger")] {
        let answer = post_at("2.1", alice, &action, resize.clone()).await.expect(202);
        assert!(answer.body.is_empty());
        let shown = alice.instance_becomes(&id, "VERIFY_RESIZE").await;
        assert_eq!((&shown["OS-EXT-STS:vm_state"], &shown["OS-EXT-STS:power_state"]), (&json!("resized"), &json!(1)));
        let waits = get_at("2.1", alice, "/servers?status=VERIFY_RESIZE").await;
        assert_eq!(waits["servers"][0]["id"], id.as_str());
        post_at("2.1", alice, &action, json!({"os-stop": null})).await.expect(409);
        post_at("2.1", alice, &action, json!({ word: null })).await.expect(status);
        alice.instance_becomes(&id, "ACTIVE").await;
        let shown = at("2.47", alice, Method::GET, &format!("/servers/{id}"), None).await.expect(200).json();
        assert_eq!(shown["server"]["flavor"]["original_name"], flavor);
    }
}

#[tokio::test]
async fn backups_of_each_kind_rotate_and_protected_ones_stay() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    let action = format!("/servers/{id}/action");
    let backup = |name: &str, kind: &str, rotation: u32| json!({"createBackup": {"name": name, "backup_type": kind, "rotation": rotation, "metadata": {"purpose": "test"}}});
    post_at("2.45", alice, &action, backup("early", "daily", 1)).await.expect(409);
    alice.stop(&id).await;
    for fields in [json!({"name": "a"}), json!({"name": "a", "backup_type": "daily", "rotation": -1}), json!(null)] {
        post_at("2.45", alice, &action, json!({ "createBackup": fields })).await.expect(400);
    }
    let made = async |name: &str, kind: &str, rotation: u32| {
        let image = post_at("2.45", alice, &action, backup(name, kind, rotation)).await.expect(202).string("/image_id");
        let shown = alice.image_becomes(&image, "active").await;
        assert_eq!((&shown["image_type"], &shown["backup_type"]), (&json!("backup"), &json!(kind)));
        assert_eq!((&shown["instance_uuid"], &shown["purpose"]), (&json!(id), &json!("test")));
        image
    };
    let kept = made("kept", "daily", 2).await;
    let protect = json!([{"op": "replace", "path": "/protected", "value": true}]);
    let request = alice.request(Method::PATCH, &format!("/image/v2/images/{kept}"));
    let request =
        request.header("content-type", "application/openstack-images-v2.1-json-patch").body(protect.to_string());
    crate::support::Answer::of(request).await.expect(200);
    let first = made("first", "daily", 2).await;
    let weekly = made("weekly", "weekly", 1).await;
    let second = made("second", "daily", 2).await;
    for image in [&kept, &first, &weekly, &second] {
        alice.image(image).await;
    }
    let third = made("third", "daily", 2).await;
    crate::support::eventually("the oldest is gone", std::time::Duration::from_secs(20), || async {
        (alice.get(&format!("/image/v2/images/{first}")).await.status == 404).then_some(())
    })
    .await;
    for image in [&kept, &weekly, &second, &third] {
        alice.image(image).await;
    }
    let events = get_at("2.1", alice, &format!("/servers/{id}/os-instance-actions")).await;
    assert_eq!(events["instanceActions"][0]["action"], "createBackup");
    // The instance is brought back to one of them.
    post_at("2.1", alice, &action, json!({"rebuild": {"imageRef": second}})).await.expect(202);
    alice.instance_becomes(&id, "SHUTOFF").await;
    alice.start(&id).await;
    alice.console_says(&id, "first 0002 OK").await;
}
