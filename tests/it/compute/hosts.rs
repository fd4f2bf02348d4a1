//! Limits, quotas, zones, hypervisors, and the lists that are truthfully empty.

use reqwest::Method;
use serde_json::{Value, json};

use super::{at, fields, get_at};
use crate::support::{Effigy, Person, micro_disk};

#[tokio::test]
async fn limits_are_those_of_the_settings_and_shed_what_nova_shed() {
    let effigy = Effigy::with("[quota]\ninstances = 7\nvcpus = 8\nmemory_mib = 900\n").await;
    let admin = effigy.admin().await;
    let absolute = |body: Value| body["limits"]["absolute"].clone();
    let first = absolute(get_at("2.1", &admin, "/limits?reserved=False").await);
    assert_eq!(first["maxTotalInstances"], 7);
    assert_eq!((&first["maxTotalCores"], &first["maxTotalRAMSize"]), (&json!(8), &json!(900)));
    assert_eq!(first["totalInstancesUsed"], 0);
    assert!(first["maxTotalFloatingIps"].is_number());
    assert_eq!((&first["maxPersonality"], &first["maxPersonalitySize"]), (&json!(5), &json!(10_240)));
    let last = absolute(get_at("2.96", &admin, "/limits").await);
    assert!(last["maxTotalFloatingIps"].is_null() && last["maxPersonality"].is_null());
}

#[tokio::test]
async fn quotas_are_shown_by_project_and_set_by_the_admin() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let own = format!("/os-quota-sets/{}", people.alice.project_id);
    let set = get_at("2.56", &people.alice, &own).await["quota_set"].clone();
    assert_eq!((&set["instances"], &set["id"]), (&json!(200), &json!(people.alice.project_id)));
    assert_eq!(get_at("2.1", &people.alice, &format!("{own}/detail")).await["quota_set"]["cores"]["in_use"], 0);
    get_at("2.1", &people.alice, &format!("{own}/defaults")).await;
    at("2.1", &people.bob, Method::GET, &own, None).await.expect(403);
    get_at("2.1", &people.admin, &format!("{own}/detail")).await;
    let change = async |person: &Person, fields: Value| {
        at("2.56", person, Method::PUT, &own, Some(json!({ "quota_set": fields }))).await
    };
    change(&people.alice, json!({"instances": 9})).await.expect(403);
    let answer = change(&people.admin, json!({"instances": 9, "cores": "16", "injected_files": 5})).await.expect(200);
    assert_eq!(
        (&answer.json()["quota_set"]["instances"], &answer.json()["quota_set"]["id"]),
        (&json!(9), &Value::Null)
    );
    for refused in [json!({"instances": -1}), json!({"key_pairs": 7}), json!({"gigabytes": 7}), json!({"ram": "much"})]
    {
        change(&people.admin, refused).await.expect(400);
    }
    let limits = get_at("2.56", &people.alice, "/limits").await["limits"]["absolute"].clone();
    assert_eq!((&limits["maxTotalInstances"], &limits["maxTotalCores"]), (&json!(9), &json!(16)));
    let defaults = get_at("2.56", &people.alice, &format!("{own}/defaults")).await["quota_set"].clone();
    assert_eq!((&defaults["instances"], &defaults["id"]), (&json!(200), &json!(people.alice.project_id)));

    // Nova counts no addresses; and what no project is, is asked for and set nowhere.
    assert_eq!(get_at("2.35", &people.alice, &own).await["quota_set"]["fixed_ips"], -1);
    let nobody = "/os-quota-sets/0123456789abcdef0123456789abcdef";
    for (method, body) in [(Method::GET, None), (Method::PUT, Some(json!({"quota_set": {"cores": 7}})))] {
        let refused = at("2.56", &people.admin, method, nobody, body).await.expect(400);
        assert!(refused.text().contains("is not a valid project"), "{}", refused.text());
    }
    let quota = "/effigy/v1/projects/0123456789abcdef0123456789abcdef/quota";
    people.admin.put(quota, json!({"images": 4})).await.expect(404);
    let all = people.admin.get("/effigy/v1/projects").await.expect(200).text();
    assert!(!all.contains("0123456789abcdef0123456789abcdef"), "{all}");
    for id in ["0123456789abcdef0123456789abcdef", "no%20id"] {
        let limits = get_at("2.56", &people.admin, &format!("/limits?tenant_id={id}")).await;
        assert_eq!(limits["limits"]["absolute"]["totalInstancesUsed"], 0, "{id}");
    }

    // The limits of images are of their own, and stay.
    let quota = format!("/effigy/v1/projects/{}/quota", people.alice.project_id);
    people.admin.put(&quota, json!({"images": 4, "instances": 3})).await.expect(204);
    change(&people.admin, json!({"ram": 512})).await.expect(200);
    at("2.56", &people.alice, Method::DELETE, &own, None).await.expect(403);
    at("2.56", &people.admin, Method::DELETE, &own, None).await.expect(202);
    let usage = people.alice.get("/effigy/v1/usage").await.expect(200).json();
    assert_eq!((&usage["usage"]["images"]["limit"], &usage["usage"]["instances"]["limit"]), (&json!(4), &json!(200)));
}

#[tokio::test]
async fn limit_below_what_is_used_is_set_by_force_alone() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let micro = people.alice.save_image("micro", "raw", micro_disk("quota", 1 << 20)).await;
    people.alice.launched("one", &micro).await;
    let own = format!("/os-quota-sets/{}", people.alice.project_id);
    let change = |fields: Value| at("2.56", &people.admin, Method::PUT, &own, Some(json!({ "quota_set": fields })));
    let refused = change(json!({"instances": 0})).await.expect(400);
    assert!(refused.text().contains("already used and reserved 1"), "{}", refused.text());
    change(json!({"instances": 0, "force": true})).await.expect(200);
    let server = json!({"name": "two", "imageRef": micro, "flavorRef": people.alice.flavor("m1.nano").await});
    let body = json!({"server": server});
    people.alice.post("/compute/v2.1/servers", body).await.expect(403);
}

#[tokio::test]
async fn zone_is_for_everyone_and_its_hosts_for_the_admin() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let zones = get_at("2.1", &people.alice, "/os-availability-zone").await;
    let zone = json!([{"zoneName": "nova", "zoneState": {"available": true}, "hosts": null}]);
    assert_eq!(zones["availabilityZoneInfo"], zone);
    at("2.1", &people.alice, Method::GET, "/os-availability-zone/detail", None).await.expect(403);
    let detail = get_at("2.1", &people.admin, "/os-availability-zone/detail").await;
    assert_eq!(detail["availabilityZoneInfo"][0]["hosts"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn hypervisor_says_how_its_guests_run() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let first = get_at("2.1", &people.admin, "/os-hypervisors/detail").await["hypervisors"][0].clone();
    assert_eq!((&first["id"], &first["hypervisor_type"]), (&json!(1), &json!("QEMU/tcg")));
    assert!(first["memory_mb"].as_u64().unwrap() > 0 && first["cpu_info"].is_string());
    let last = get_at("2.96", &people.admin, "/os-hypervisors/detail").await["hypervisors"][0].clone();
    let id = last["id"].as_str().unwrap().to_owned();
    assert!(id.len() == 36 && last["memory_mb"].is_null());
    get_at("2.96", &people.admin, &format!("/os-hypervisors/{id}")).await;
    at("2.96", &people.admin, Method::GET, "/os-hypervisors/none", None).await.expect(404);
    assert_eq!(get_at("2.1", &people.admin, "/os-hypervisors/statistics").await["hypervisor_statistics"]["count"], 1);
    at("2.1", &people.alice, Method::GET, "/os-hypervisors", None).await.expect(403);
}

#[tokio::test]
async fn hypervisor_is_shown_with_its_instances_and_how_long_it_runs() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let micro = people.alice.save_image("micro", "raw", micro_disk("host", 1 << 20)).await;
    let id = people.alice.launched("one", &micro).await;
    let servers = json!([{"uuid": id, "name": "one"}]);
    let listed = get_at("2.53", &people.admin, "/os-hypervisors?with_servers=true").await["hypervisors"][0].clone();
    assert_eq!(listed["servers"], servers);
    let host = listed["id"].as_str().expect("an id").to_owned();
    let path = format!("/os-hypervisors/{host}?with_servers=1");
    assert_eq!(get_at("2.96", &people.admin, &path).await["hypervisor"]["servers"], servers);
    assert!(get_at("2.96", &people.admin, &format!("/os-hypervisors/{host}")).await["hypervisor"]["servers"].is_null());
    let name = listed["hypervisor_hostname"].as_str().expect("a name");
    let found = get_at("2.52", &people.admin, &format!("/os-hypervisors/{name}/servers")).await;
    assert_eq!(found["hypervisors"][0]["servers"], servers);
    assert_eq!(
        get_at("2.52", &people.admin, &format!("/os-hypervisors/{name}/search")).await["hypervisors"][0]["id"],
        1
    );
    at("2.52", &people.admin, Method::GET, "/os-hypervisors/another/search", None).await.expect(404);
    at("2.53", &people.admin, Method::GET, &format!("/os-hypervisors/{name}/search"), None).await.expect(404);

    let uptime = get_at("2.52", &people.admin, "/os-hypervisors/1/uptime").await["hypervisor"]["uptime"].clone();
    assert!(uptime.as_str().is_some_and(|text| text.starts_with("up ") && text.contains("load average: ")), "{uptime}");
    let shown = get_at("2.96", &people.admin, &format!("/os-hypervisors/{host}")).await["hypervisor"]["uptime"].clone();
    assert!(shown.as_str().is_some_and(|text| text.starts_with("up ")), "{shown}");
    at("2.52", &people.alice, Method::GET, "/os-hypervisors/1/uptime", None).await.expect(403);
    at("2.52", &people.admin, Method::GET, "/os-hypervisors/2/uptime", None).await.expect(404);
}

#[tokio::test]
async fn a_resource_that_there_is_not_is_refused_with_the_reason() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (method, path, word) in [
        (Method::POST, "/os-aggregates", "There is one host"),
        (Method::GET, "/os-aggregates/1", "There is one host"),
        (Method::POST, "/os-security-groups", "forwarded"),
        (Method::POST, "/os-floating-ips", "one network"),
        (Method::POST, "/os-volumes", "no volumes"),
        (Method::GET, "/os-volumes/one", "no volumes"),
        (Method::PUT, "/os-services/disable", "not disabled"),
        (Method::GET, "/os-hosts/one", "os-hypervisors"),
    ] {
        let answer = at("2.1", &admin, method.clone(), path, None).await.expect(501);
        assert!(answer.string("/notImplemented/message").contains(word), "{method} {path}: {}", answer.text());
    }
    let answer = at("2.1", &admin, Method::PUT, "/limits", None).await.expect(405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    at("2.1", &admin, Method::GET, "/os-nonsense", None).await.expect(404);
}

#[tokio::test]
async fn lists_of_things_that_effigy_does_not_have_are_empty() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (path, list) in [
        ("/servers", "servers"),
        ("/os-migrations", "migrations"),
        ("/os-aggregates", "aggregates"),
        ("/os-floating-ips", "floating_ips"),
        ("/os-simple-tenant-usage", "tenant_usages"),
    ] {
        assert_eq!(get_at("2.1", &admin, path).await, json!({list: []}), "{path}");
    }
}

#[tokio::test]
async fn extensions_are_named_as_nova_names_them() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let listed = get_at("2.1", &admin, "/extensions").await["extensions"].clone();
    let keys = listed.as_array().expect("a list").iter().find(|one| one["alias"] == "os-keypairs").expect("keys");
    assert_eq!(fields(keys), ["alias", "description", "links", "name", "namespace", "updated"]);
    assert_eq!(&get_at("2.1", &admin, "/extensions/os-keypairs").await["extension"], keys);
    at("2.1", &admin, Method::GET, "/extensions/os-hosts", None).await.expect(404);
}

#[tokio::test]
async fn proxies_of_old_microversions_know_the_one_network_and_group() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let network = get_at("2.1", &admin, "/os-networks").await["networks"][0].clone();
    assert_eq!(network["label"], "default");
    let path = format!("/os-networks/{}", network["id"].as_str().unwrap());
    get_at("2.1", &admin, &path).await;
    at("2.1", &admin, Method::GET, "/os-networks/default", None).await.expect(404);
    let group = get_at("2.1", &admin, "/os-security-groups").await["security_groups"][0].clone();
    assert_eq!(fields(&group), ["description", "id", "name", "rules", "tenant_id"]);
}
