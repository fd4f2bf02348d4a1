//! A server's life on a real guest: actions, history, metadata and tags, what hangs on it.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{at, fields, get_at, post_at};
use crate::support::{Effigy, People, eventually, micro_disk};

async fn running() -> (Effigy, People, String) {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("life", 1 << 20)).await;
    let id = people.alice.launch("one", &image, json!({"networks": "auto"})).await.expect(202).string("/server/id");
    people.alice.instance_becomes(&id, "ACTIVE").await;
    (effigy, people, id)
}

#[tokio::test]
async fn image_is_cast_of_a_stopped_server_in_both_forms() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    alice.console_says(&id, "life").await;
    let action = format!("/servers/{id}/action");
    let cast = |name: &str| json!({"createImage": {"name": name, "metadata": {"purpose": "test"}}});
    let refused = post_at("2.45", alice, &action, cast("early")).await.expect(409);
    assert!(refused.string("/conflictingRequest/message").to_lowercase().contains("stop"), "{}", refused.text());

    alice.stop(&id).await;
    let shown = get_at("2.1", alice, &format!("/servers/{id}")).await["server"].clone();
    assert_eq!((&shown["OS-EXT-STS:vm_state"], &shown["OS-EXT-STS:power_state"]), (&json!("stopped"), &json!(4)));

    let new = post_at("2.45", alice, &action, cast("new")).await.expect(202);
    assert_eq!(fields(&new.json()), ["image_id"]);
    alice.image_becomes(&new.string("/image_id"), "active").await;
    alice.instance_becomes(&id, "SHUTOFF").await;
    // Packer at 2.1: the id is the last part of the Location, and the body is empty.
    let old = post_at("2.44", alice, &action, cast("old")).await.expect(202);
    assert!(old.body.is_empty() && old.header("content-type").is_none());
    let image = old.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(alice.image_becomes(&image, "active").await["name"], "old");

    alice.instance_becomes(&id, "SHUTOFF").await;
    alice.start(&id).await;
}

#[tokio::test]
async fn files_of_a_launch_are_on_its_config_drive() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let People { alice, .. } = effigy.people().await;
    let image = alice.save_image("micro", "raw", micro_disk("life", 1 << 20)).await;
    let flavor = alice.flavor("m1.nano").await;
    let launch = async |version, files: &serde_json::Value| {
        let server =
            json!({"name": "a", "imageRef": image, "flavorRef": flavor, "networks": "none", "personality": files});
        post_at(version, &alice, "/servers", json!({ "server": server })).await
    };
    let file = |path: &str, contents: &str| json!({"path": path, "contents": contents});
    let motd = file("/etc/motd", "R29vZCBt\nb3JuaW5nIQ==");
    for (files, status) in [
        (json!(vec![&motd; 6]), 403),
        (json!([file(&"/".repeat(256), "")]), 403),
        (json!([file("/a", &"AAAA".repeat(3414))]), 403),
        (json!([file("/a", "no base64!")]), 400),
        (json!([{"path": "/a"}]), 400),
        (json!("/a"), 400),
    ] {
        launch("2.56", &files).await.expect(status);
    }
    launch("2.57", &json!([motd])).await.expect(400);
    let id = launch("2.56", &json!([motd])).await.expect(202).string("/server/id");
    alice.instance_becomes(&id, "ACTIVE").await;
    let drive = std::fs::read(effigy.data().join("instances").join(id).join("config.img")).unwrap();
    for part in [&b"Good morning!"[..], br#""content_path":"/content/0000","path":"/etc/motd""#] {
        assert!(drive.windows(part.len()).any(|found| found == part), "{}", String::from_utf8_lossy(part));
    }
}

#[tokio::test]
async fn an_image_is_its_servers_projects_and_inherits_what_the_owner_said_of_the_base() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let People { admin, alice, .. } = effigy.people().await;
    let said = json!({"min_ram": 32, "hw_rng_model": "virtio", "purpose": "web", "img_signature": "x", "cache_in_nova": "y",
        "owner_specified.openstack.md5": "z", "long": "l".repeat(256)});
    let base = alice.create_image("base", said).await;
    alice.upload(&base, micro_disk("life", 1 << 20)).await.expect(204);
    let server = alice.launched("one", &base).await;
    alice.stop(&server).await;
    // The admin helps out: the user finds the image among its own, and pays for it.
    let id = admin.cast(&server, "by the admin").await;
    let image = alice.image_becomes(&id, "active").await;
    assert_eq!((&image["owner"], &image["visibility"]), (&json!(alice.project_id), &json!("private")), "{image}");
    assert_eq!(
        (&image["min_ram"], &image["purpose"], &image["hw_rng_model"]),
        (&json!(32), &json!("web"), &json!("virtio"))
    );
    for name in ["img_signature", "cache_in_nova", "owner_specified.openstack.md5", "long"] {
        assert!(image[name].is_null(), "{name}: {image}");
    }
    let events = admin.get("/effigy/v1/audit?action=instance.createImage").await.expect(200).json();
    assert_eq!(events["events"][0]["target_id"], format!("{server}/{id}"), "{events}");
    alice.patch_image(&id, json!([{"op": "replace", "path": "/name", "value": "mine"}])).await.expect(200);
    alice.delete(&format!("/image/v2/images/{id}")).await.expect(204);
}

#[tokio::test]
async fn deleted_server_is_gone_and_its_history_stays() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    alice.act(&id, json!({"reboot": {"type": "HARD"}})).await.expect(202);
    alice.instance_becomes(&id, "ACTIVE").await;
    let path = format!("/servers/{id}");
    at("2.1", alice, Method::DELETE, &path, None).await.expect(204);
    eventually("the server is gone", Duration::from_secs(60), || async {
        (alice.get(&format!("/compute/v2.1{path}")).await.status == 404).then_some(())
    })
    .await;
    let history = get_at("2.21", alice, &format!("{path}/os-instance-actions")).await;
    let actions: Vec<_> = history["instanceActions"].as_array().unwrap().iter().map(|a| a["action"].clone()).collect();
    assert_eq!(actions, ["delete", "reboot", "create"]);
    let request = history["instanceActions"][0]["request_id"].as_str().unwrap().to_owned();
    assert!(request.starts_with("req-"));
    let one = get_at("2.84", alice, &format!("{path}/os-instance-actions/{request}")).await["instanceAction"].clone();
    assert_eq!(fields(&one["events"][0]), ["details", "event", "finish_time", "result", "start_time"]);
    let page = get_at("2.58", alice, &format!("{path}/os-instance-actions?limit=1")).await;
    assert_eq!(page["instanceActions"].as_array().unwrap().len(), 1);
    assert!(page["links"][0]["href"].as_str().unwrap().contains("marker=req-"));
    let listed = get_at("2.1", &people.admin, "/servers/detail?all_tenants=1&deleted=True").await["servers"].clone();
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&json!(id), &json!("DELETED")));
}

#[tokio::test]
async fn action_not_offered_says_why_and_unknown_action_is_refused() {
    let (_effigy, people, id) = running().await;
    let path = format!("/servers/{id}/action");
    for action in ["restore", "migrate", "evacuate", "changePassword"] {
        let refused = post_at("2.1", &people.alice, &path, json!({action: {}})).await.expect(501);
        assert!(refused.string("/notImplemented/message").contains("not offered"), "{action}");
    }
    for (version, action) in [
        ("2.1", json!({"dance": null})),
        ("2.1", json!({"trigger_crash_dump": null})),
        ("2.6", json!({"os-getVNCConsole": {"type": "novnc"}})),
        ("2.1", json!({"os-stop": null, "os-start": null})),
        ("2.1", json!({"reboot": {"type": "GENTLE"}})),
        ("2.1", json!({"reboot": null})),
        ("2.1", json!({"createImage": {"name": ""}})),
        ("2.1", json!({"os-getConsoleOutput": {"length": "many"}})),
        ("2.1", json!({"os-getVNCConsole": {"type": "tube"}})),
    ] {
        post_at(version, &people.alice, &path, action).await.expect(400).string("/badRequest/message");
    }
    at("2.1", &people.alice, Method::GET, &format!("/servers/{id}/diagnostics"), None).await.expect(501);
    // An action that makes no sense in this state.
    post_at("2.1", &people.alice, &path, json!({"os-start": null})).await.expect(409);
}

#[tokio::test]
async fn console_log_is_cut_to_the_lines_asked_for() {
    let (_effigy, people, id) = running().await;
    people.alice.console_says(&id, "life").await;
    let path = format!("/servers/{id}/action");
    let log = |length: serde_json::Value| post_at("2.1", &people.alice, &path, json!({"os-getConsoleOutput": length}));
    let whole = log(json!({})).await.expect(200).string("/output");
    for all in [json!(null), json!({"length": -1}), json!({"length": null}), json!({"length": ""})] {
        assert!(log(all).await.expect(200).string("/output").len() >= whole.len());
    }
    let last = log(json!({"length": "1"})).await.expect(200).string("/output");
    assert!(last.lines().count() <= 1, "{last:?}");
}

#[tokio::test]
async fn metadata_and_tags_are_set_one_by_one_and_all_at_once() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    let metadata = format!("/servers/{id}/metadata");
    post_at("2.1", alice, &metadata, json!({"metadata": {"a": "1", "b": "2"}})).await.expect(200);
    at("2.1", alice, Method::PUT, &format!("{metadata}/b"), Some(json!({"meta": {"b": "3"}}))).await.expect(200);
    assert_eq!(get_at("2.1", alice, &metadata).await, json!({"metadata": {"a": "1", "b": "3"}}));
    assert_eq!(get_at("2.1", alice, &format!("{metadata}/a")).await, json!({"meta": {"a": "1"}}));
    at("2.1", alice, Method::DELETE, &format!("{metadata}/a"), None).await.expect(204);
    at("2.1", alice, Method::GET, &format!("{metadata}/a"), None).await.expect(404);
    at("2.1", alice, Method::DELETE, &format!("{metadata}/a"), None).await.expect(404);
    at("2.1", alice, Method::PUT, &metadata, Some(json!({"metadata": {"c": "4"}}))).await.expect(200);
    assert_eq!(get_at("2.1", alice, &metadata).await, json!({"metadata": {"c": "4"}}));
    post_at("2.1", alice, &metadata, json!({"metadata": {"d": 5}})).await.expect(400);
    at("2.1", alice, Method::PUT, &format!("{metadata}/b"), Some(json!({"meta": {"x": "3"}}))).await.expect(400);

    let tags = format!("/servers/{id}/tags");
    at("2.25", alice, Method::GET, &tags, None).await.expect(404);
    at("2.26", alice, Method::PUT, &tags, Some(json!({"tags": ["b", "a", "a"]}))).await.expect(200);
    assert_eq!(get_at("2.26", alice, &tags).await, json!({"tags": ["a", "b"]}));
    let added = at("2.26", alice, Method::PUT, &format!("{tags}/c"), None).await.expect(201);
    assert!(added.header("location").unwrap().ends_with("/tags/c"));
    at("2.26", alice, Method::PUT, &format!("{tags}/c"), None).await.expect(204);
    at("2.26", alice, Method::GET, &format!("{tags}/c"), None).await.expect(204);
    at("2.26", alice, Method::DELETE, &format!("{tags}/c"), None).await.expect(204);
    at("2.26", alice, Method::DELETE, &format!("{tags}/c"), None).await.expect(404);
    at("2.26", alice, Method::PUT, &tags, Some(json!({"tags": ["a,b"]}))).await.expect(400);
    at("2.26", alice, Method::DELETE, &tags, None).await.expect(204);
}

#[tokio::test]
async fn attachments_of_a_server_are_its_one_interface() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    let path = format!("/servers/{id}");
    let interfaces = get_at("2.1", alice, &format!("{path}/os-interface")).await["interfaceAttachments"].clone();
    assert_eq!(fields(&interfaces[0]), ["fixed_ips", "mac_addr", "net_id", "port_id", "port_state"]);
    let port = interfaces[0]["port_id"].as_str().unwrap();
    get_at("2.1", alice, &format!("{path}/os-interface/{port}")).await;
    let ports = alice.get(&format!("/network/v2.0/ports?device_id={id}")).await.expect(200).json();
    assert_eq!(ports["ports"][0]["id"], port);
    assert_eq!(ports["ports"][0]["mac_address"], interfaces[0]["mac_addr"]);
    let one = alice.get(&format!("/network/v2.0/ports/{port}")).await.expect(200);
    assert!(one.string("/port/description").starts_with("port 22 is 127."), "{}", one.text());
    assert_eq!(get_at("2.89", alice, &format!("{path}/os-volume_attachments")).await, json!({"volumeAttachments": []}));
    post_at("2.1", alice, &format!("{path}/os-volume_attachments"), json!({})).await.expect(400);
    post_at("2.1", alice, &format!("{path}/os-interface"), json!({})).await.expect(501);
    at("2.1", alice, Method::DELETE, &format!("{path}/os-interface/{port}"), None).await.expect(501);
    let groups = get_at("2.1", alice, &format!("{path}/os-security-groups")).await;
    assert_eq!(groups["security_groups"][0]["name"], "default");
    let ips = get_at("2.1", alice, &format!("{path}/ips")).await;
    assert_eq!(fields(&ips["addresses"]["default"][0]), ["addr", "version"]);
    get_at("2.1", alice, &format!("{path}/ips/default")).await;
    at("2.1", alice, Method::GET, &format!("{path}/ips/other"), None).await.expect(404);
    let usage = format!("/os-simple-tenant-usage/{}", alice.project_id);
    assert_eq!(get_at("2.1", alice, &usage).await["tenant_usage"]["server_usages"][0]["instance_id"], id.as_str());
    let since = "2026-01-02T03:04:05.000678";
    let told = get_at("2.1", alice, &format!("{usage}?start={since}")).await;
    assert_eq!(told["tenant_usage"]["start"], since, "a time is shown as it was given");
    // novaclient asks for the page after the last one, until it is empty.
    assert_eq!(get_at("2.40", alice, &format!("{usage}?marker={id}")).await, json!({"tenant_usage": {}}));
    assert_eq!(get_at("2.1", alice, "/limits").await["limits"]["absolute"]["totalInstancesUsed"], 1);
}

#[tokio::test]
async fn paused_guest_stands_still_over_a_restart_and_goes_on_when_it_may() {
    let (mut effigy, people, id) = running().await;
    let alice = &people.alice;
    alice.console_says(&id, "life 0001 OK").await;
    alice.act(&id, json!({"unpause": null})).await.expect(409);
    people.rita.post(&format!("/compute/v2.1/servers/{id}/action"), json!({"pause": null})).await.expect(403);
    alice.act(&id, json!({"pause": null})).await.expect(202);
    let paused = alice.instance_becomes(&id, "PAUSED").await;
    assert!(paused["fault"].is_null(), "{paused}");
    assert_eq!((&paused["OS-EXT-STS:vm_state"], &paused["OS-EXT-STS:power_state"]), (&json!("paused"), &json!(3)));
    for (action, word) in [(json!({"pause": null}), "unpause it first"), (json!({"os-stop": null}), "unpause it first")]
    {
        let refused = alice.act(&id, action).await.expect(409);
        assert!(refused.text().contains(word), "{}", refused.text());
    }

    effigy.kill9();
    effigy.run().await;
    // It hears the key, which waits in its serial port, when it goes on.
    alice.types(&id, "k").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(alice.instance(&id).await["status"], "PAUSED");
    assert!(!alice.console_log(&id).await.ends_with('k'), "a paused guest answers");
    alice.act(&id, json!({"unpause": null})).await.expect(202);
    alice.instance_becomes(&id, "ACTIVE").await;
    eventually("the guest answers", Duration::from_secs(60), || async {
        alice.console_log(&id).await.ends_with('k').then_some(())
    })
    .await;

    alice.act(&id, json!({"pause": null})).await.expect(202);
    alice.instance_becomes(&id, "PAUSED").await;
    alice.act(&id, json!({"reboot": {"type": "HARD"}})).await.expect(202);
    alice.instance_becomes(&id, "ACTIVE").await;
    alice.act(&id, json!({"pause": null})).await.expect(202);
    alice.instance_becomes(&id, "PAUSED").await;
    alice.delete(&format!("/compute/v2.1/servers/{id}")).await.expect(204);
}

#[tokio::test]
async fn hung_guest_is_forced_off_also_while_it_is_asked_to_shut_down() {
    let (_effigy, people, id) = running().await;
    let alice = &people.alice;
    alice.console_says(&id, "life 0001 OK").await;
    let force = format!("/effigy/v1/instances/{id}/actions/force-off");
    people.bob.post(&force, json!({})).await.expect(404);
    people.rita.post(&force, json!({})).await.expect(403);

    alice.types(&id, "p").await;
    // The guest looks at the button before it looks at its keys: one that had not hung yet would shut down.
    eventually("the guest hangs", Duration::from_secs(60), || async {
        alice.console_log(&id).await.ends_with('p').then_some(())
    })
    .await;
    // It hangs with interrupts off: the power button is not seen, and the grace period is two minutes.
    alice.act(&id, json!({"os-stop": null})).await.expect(202);
    alice.post(&force, json!({})).await.expect(202);
    alice.instance_becomes(&id, "SHUTOFF").await;
    alice.post(&force, json!({})).await.expect(409);

    let history = get_at("2.21", alice, &format!("/servers/{id}/os-instance-actions")).await;
    let actions: Vec<_> = history["instanceActions"].as_array().unwrap().iter().map(|a| a["action"].clone()).collect();
    assert_eq!(actions, ["forceOff", "stop", "create"]);
    let audit = people.admin.get(&format!("/effigy/v1/audit?target_id={id}&limit=3")).await.expect(200).json();
    let actions: Vec<_> = audit["events"].as_array().unwrap().iter().map(|event| event["action"].clone()).collect();
    assert!(actions.contains(&json!("instance.force-off")), "{actions:?}");
    alice.start(&id).await;
}
