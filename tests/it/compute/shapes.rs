//! Servers as JSON: golden shapes by microversion, time stamps, and what breaks clients when it is missing.

use serde_json::{Value, json};

use super::{fields, get_at, post_at};
use crate::support::{Effigy, People, micro_disk};

/// Every field of a server at 2.1, as a member sees it.
const BASE: [&str; 27] = [
    "OS-DCF:diskConfig",
    "OS-EXT-AZ:availability_zone",
    "OS-EXT-STS:power_state",
    "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state",
    "OS-SRV-USG:launched_at",
    "OS-SRV-USG:terminated_at",
    "accessIPv4",
    "accessIPv6",
    "addresses",
    "config_drive",
    "created",
    "flavor",
    "hostId",
    "id",
    "image",
    "key_name",
    "links",
    "metadata",
    "name",
    "os-extended-volumes:volumes_attached",
    "progress",
    "security_groups",
    "status",
    "tenant_id",
    "updated",
    "user_id",
];

/// The fields that the microversions of the golden shapes add for everyone.
const SINCE_2_37: [&str; 3] = ["description", "locked", "tags"];
const SINCE_2_69: [&str; 1] = ["trusted_image_certificates"];
const SINCE_2_96: [&str; 4] =
    ["OS-EXT-SRV-ATTR:hostname", "locked_reason", "pinned_availability_zone", "server_groups"];

/// The fields that the admin sees besides, at 2.1 and from 2.16 on.
const ADMINS: [&str; 3] =
    ["OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-SRV-ATTR:instance_name"];
const ADMINS_SINCE_2_16: [&str; 8] = [
    "OS-EXT-SRV-ATTR:hostname",
    "OS-EXT-SRV-ATTR:kernel_id",
    "OS-EXT-SRV-ATTR:launch_index",
    "OS-EXT-SRV-ATTR:ramdisk_id",
    "OS-EXT-SRV-ATTR:reservation_id",
    "OS-EXT-SRV-ATTR:root_device_name",
    "OS-EXT-SRV-ATTR:user_data",
    "host_status",
];

/// A service with a running server of Alice's, on the network.
async fn running() -> (Effigy, People, String, String) {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("shape", 1 << 20)).await;
    let fields = json!({"networks": "auto", "metadata": {"role": "web"}, "tags": ["b", "a"], "description": "first"});
    let id = people.alice.launch("one", &image, fields).await.expect(202).string("/server/id");
    people.alice.instance_becomes(&id, "ACTIVE").await;
    (effigy, people, id, image)
}

fn sorted<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    let mut all = parts.concat();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test]
async fn fields_of_a_server_are_those_of_its_microversion() {
    let (_effigy, people, id, _) = running().await;
    let path = format!("/servers/{id}");
    for (version, parts) in [
        ("2.1", vec![&BASE[..]]),
        ("2.37", vec![&BASE[..], &SINCE_2_37]),
        ("2.46", vec![&BASE[..], &SINCE_2_37]),
        ("2.47", vec![&BASE[..], &SINCE_2_37]),
        ("2.69", vec![&BASE[..], &SINCE_2_37, &SINCE_2_69]),
        ("2.96", vec![&BASE[..], &SINCE_2_37, &SINCE_2_69, &SINCE_2_96]),
    ] {
        let members = get_at(version, &people.alice, &path).await["server"].clone();
        assert_eq!(fields(&members), sorted(&parts), "{version}");
        let admins = get_at(version, &people.admin, &path).await["server"].clone();
        let more: &[&str] = if version == "2.1" { &[] } else { &ADMINS_SINCE_2_16 };
        assert_eq!(fields(&admins), sorted(&[parts, vec![&ADMINS[..], more]].concat()), "{version}, admin");
        let mut listed = get_at(version, &people.alice, "/servers/detail").await["servers"][0].clone();
        if version == "2.96" {
            listed["server_groups"] = json!([]);
        }
        assert_eq!(fields(&listed), fields(&members), "{version}, list");
    }
}

#[tokio::test]
async fn flavor_is_a_link_before_2_47_and_itself_from_there_on() {
    let (effigy, people, id, image) = running().await;
    let path = format!("/servers/{id}");
    for version in ["2.1", "2.46"] {
        let flavor = get_at(version, &people.alice, &path).await["server"]["flavor"].clone();
        let href = effigy.at("/compute/flavors/42");
        assert_eq!(flavor, json!({"id": "42", "links": [{"rel": "bookmark", "href": href}]}), "{version}");
    }
    for version in ["2.47", "2.96"] {
        let flavor = get_at(version, &people.alice, &path).await["server"]["flavor"].clone();
        let expected = ["disk", "ephemeral", "extra_specs", "original_name", "ram", "swap", "vcpus"];
        assert_eq!(fields(&flavor), expected, "{version}");
        assert_eq!((&flavor["original_name"], &flavor["ram"]), (&json!("m1.nano"), &json!(64)));
    }
    let server = get_at("2.1", &people.alice, &path).await["server"].clone();
    assert_eq!(server["image"]["id"], image.as_str());
    assert_eq!(server["security_groups"], json!([{"name": "default"}]));
    assert_eq!(server["links"][0]["href"], effigy.at(&format!("/compute/v2.1/servers/{id}")));
    let address = server["addresses"]["default"][0].clone();
    assert_eq!((&address["version"], &address["OS-EXT-IPS:type"]), (&json!(4), &json!("fixed")));
    assert!(address["addr"].as_str().unwrap().starts_with("10.0.2."), "{address}");
    assert!(address["OS-EXT-IPS-MAC:mac_addr"].as_str().unwrap().len() == 17, "{address}");
    assert_eq!((&server["status"], &server["OS-EXT-STS:vm_state"]), (&json!("ACTIVE"), &json!("active")));
    assert_eq!(server["OS-EXT-STS:power_state"], 1);
    let last = get_at("2.96", &people.alice, &path).await["server"].clone();
    assert_eq!((&last["tags"], &last["description"]), (&json!(["a", "b"]), &json!("first")));
}

#[tokio::test]
async fn time_stamps_have_the_form_that_gophercloud_parses() {
    let (_effigy, people, id, _) = running().await;
    people.alice.act(&id, json!({"reboot": {"type": "HARD"}})).await.expect(202);
    let server = get_at("2.1", &people.alice, &format!("/servers/{id}")).await["server"].clone();
    for (field, form) in [
        ("created", "dddd-dd-ddTdd:dd:ddZ"),
        ("updated", "dddd-dd-ddTdd:dd:ddZ"),
        ("OS-SRV-USG:launched_at", "dddd-dd-ddTdd:dd:dd.dddddd"),
    ] {
        assert_form(&server[field], form, field);
    }
    assert!(server["OS-SRV-USG:terminated_at"].is_null());
    let actions = get_at("2.58", &people.alice, &format!("/servers/{id}/os-instance-actions")).await;
    let action = &actions["instanceActions"][0];
    for field in ["start_time", "updated_at"] {
        assert_form(&action[field], "dddd-dd-ddTdd:dd:dd.dddddd", field);
    }
}

fn assert_form(value: &Value, form: &str, field: &str) {
    let text = value.as_str().unwrap_or_else(|| panic!("{field} is {value}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
    assert_eq!(shape, form, "{field}: {text}");
}

#[tokio::test]
async fn update_answers_the_core_before_2_75_and_all_from_there_on() {
    let (_effigy, people, id, _) = running().await;
    let path = format!("/servers/{id}");
    let change = |name: &str| Some(json!({"server": {"name": name}}));
    let early = super::at("2.1", &people.alice, reqwest::Method::PUT, &path, change("two")).await.expect(200).json();
    assert_eq!(early["server"]["name"], "two");
    assert!(early["server"]["OS-EXT-STS:vm_state"].is_null());
    let late = super::at("2.96", &people.alice, reqwest::Method::PUT, &path, change("three")).await.expect(200).json();
    assert_eq!(fields(&late["server"]), sorted(&[&BASE, &SINCE_2_37, &SINCE_2_69, &SINCE_2_96]));
    for (version, bad) in [
        ("2.1", json!({"name": ""})),
        ("2.1", json!({"description": "only from 2.19 on"})),
        ("2.96", json!({"hostname": "no host name"})),
        ("2.96", json!({"status": "ACTIVE"})),
    ] {
        let refused =
            super::at(version, &people.alice, reqwest::Method::PUT, &path, Some(json!({"server": bad}))).await;
        refused.expect(400);
    }
}

#[tokio::test]
async fn answer_to_a_launch_has_what_clients_read() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("launch", 1 << 20)).await;
    // Packer and Terraform at 2.1: no networks, no word about microversions.
    let asked = json!({"server": {"name": "p", "imageRef": image, "flavorRef": "42"}});
    let made = people.alice.post("/compute/v2.1/servers", asked).await.expect(202);
    let server = made.json()["server"].clone();
    assert_eq!(fields(&server), ["OS-DCF:diskConfig", "adminPass", "id", "links", "security_groups"]);
    let id = server["id"].as_str().unwrap();
    assert!(made.header("location").unwrap().ends_with(&format!("/compute/v2.1/servers/{id}")));
    // Several by one call, and the id of the reservation instead of the first server.
    let several = json!({"server": {"name": "s", "imageRef": image, "flavorRef": "42", "networks": "none",
        "min_count": 2, "return_reservation_id": true}});
    let reservation = post_at("2.37", &people.alice, "/servers", several).await.expect(202).string("/reservation_id");
    let path = format!("/servers/detail?reservation_id={reservation}");
    let made = get_at("2.1", &people.alice, &path).await["servers"].clone();
    assert_eq!(made.as_array().unwrap().len(), 2);
    // Without a network there is neither address nor group.
    assert_eq!(made[0]["addresses"], json!({}));
    assert!(made[0]["security_groups"].is_null());
}
