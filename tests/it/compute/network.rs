//! The Network API: the one network, to look at.

use serde_json::{Value, json};

use super::fields;
use crate::support::{Effigy, micro_disk};

#[tokio::test]
async fn network_is_found_by_name_id_and_status_and_by_nothing_else() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let all = admin.get("/network/v2.0/networks").await.expect(200).json()["networks"].clone();
    let id = all[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(all.as_array().unwrap().len(), 1);
    for (query, count) in [
        ("name=default&status=ACTIVE".to_owned(), 1),
        (format!("id={id}"), 1),
        ("name=other".into(), 0),
        ("status=DOWN".into(), 0),
        ("router:external=True".into(), 0),
        ("shared=true".into(), 1),
    ] {
        let list = admin.get(&format!("/network/v2.0/networks?{query}")).await.expect(200).json();
        assert_eq!(list["networks"].as_array().unwrap().len(), count, "{query}");
    }
    admin.get(&format!("/network/v2.0/networks/{id}")).await.expect(200);
    let missing = admin.get("/network/v2.0/networks/default").await.expect(404);
    assert!(missing.string("/NeutronError/message").contains("could not be found"));
    let cut = admin.get("/network/v2.0/networks?fields=id&fields=name").await.expect(200).json();
    assert_eq!(fields(&cut["networks"][0]), ["id", "name"]);
}

#[tokio::test]
async fn every_list_that_clients_ask_for_is_there() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    for (path, list, count) in [
        ("subnets", "subnets", 1),
        ("ports", "ports", 0),
        ("floatingips", "floatingips", 0),
        ("routers", "routers", 0),
        ("security-groups?name=default", "security_groups", 1),
        ("security-group-rules", "security_group_rules", 1),
        ("extensions", "extensions", 1),
    ] {
        let found = people.alice.get(&format!("/network/v2.0/{path}")).await.expect(200).json();
        assert_eq!(found[list].as_array().unwrap().len(), count, "{path}");
    }
    for root in ["/network", "/network/"] {
        assert_eq!(effigy.stranger().get(root).await.expect(200).json()["versions"][0]["id"], "v2.0");
    }
    effigy.stranger().get("/network/v2.0/networks").await.expect(401);
    let quota = people.alice.get(&format!("/network/v2.0/quotas/{}", people.alice.project_id)).await.expect(200).json();
    assert_eq!(quota["quota"]["network"], 1);
}

#[tokio::test]
async fn network_cannot_be_changed_and_the_answer_says_why() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for path in ["networks", "subnets", "ports", "floatingips", "routers", "security-groups", "security-group-rules"] {
        let refused = admin.post(&format!("/network/v2.0/{path}"), json!({})).await.expect(403);
        assert!(refused.string("/NeutronError/message").contains("cannot be changed"), "{path}");
    }
}

#[tokio::test]
async fn every_api_tells_the_one_address_at_which_a_guest_is_reached() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\nforward_ports = [22, 4822]\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let image = alice.save_image("micro", "raw", micro_disk("reached", 1 << 20)).await;
    let launched = alice.launch("one", &image, json!({"networks": "auto"})).await.expect(202);
    let id = launched.string("/server/id");
    let server = alice.instance_becomes(&id, "ACTIVE").await;
    let address = server["accessIPv4"].as_str().expect("an address").to_owned();
    assert!(address.starts_with("127."), "{address}");
    let told = |list: &Value| list.as_array().unwrap().iter().map(|one| one["addr"].clone()).collect::<Vec<_>>();
    let both = [json!("10.0.2.15"), json!(address)];
    assert_eq!(told(&server["addresses"]["default"]), both);
    assert_eq!(server["addresses"]["default"][1]["OS-EXT-IPS:type"], "floating");
    let ips = alice.get(&format!("/compute/v2.1/servers/{id}/ips/default")).await.expect(200).json();
    assert_eq!(told(&ips["default"]), both);
    let found = alice.get(&format!("/compute/v2.1/servers?ip={address}")).await.expect(200).json();
    assert_eq!(found["servers"][0]["id"], id.as_str());
    let port = alice.get("/network/v2.0/ports").await.expect(200).json()["ports"][0].clone();
    let query =
        format!("/network/v2.0/floatingips?floating_ip_address={address}&port_id={}", port["id"].as_str().unwrap());
    let floating = alice.get(&query).await.expect(200).json()["floatingips"][0].clone();
    assert_eq!((&floating["fixed_ip_address"], &floating["status"]), (&json!("10.0.2.15"), &json!("ACTIVE")));
    let path = format!("/network/v2.0/floatingips/{}", floating["id"].as_str().unwrap());
    assert_eq!(alice.get(&path).await.expect(200).json()["floatingip"]["floating_ip_address"], address);
    people.bob.get(&path).await.expect(404);
    let old = alice.get("/compute/v2.1/os-floating-ips").await.expect(200).json()["floating_ips"][0].clone();
    assert_eq!((&old["ip"], &old["instance_id"]), (&json!(address), &json!(id)));

    // The port says where each of the guest's ports is; that place is open, and one above 1024 has the guest's number.
    let forwards = port["effigy:forwards"].as_array().unwrap();
    assert_eq!(forwards[1]["host"], format!("{address}:4822"));
    for forward in forwards {
        let place = forward["host"].as_str().unwrap();
        assert!(place.starts_with(&format!("{address}:")) && port["description"].as_str().unwrap().contains(place));
        std::net::TcpStream::connect(place).expect("the place is open");
        assert_eq!(forward["obstacle"].is_null(), place.ends_with(&format!(":{}", forward["guest_port"])), "{forward}");
    }

    // The owner's own word goes before ours, and ours is back when it goes.
    let path = format!("/compute/v2.1/servers/{id}");
    let put = async |access: &str| {
        let body = json!({"server": {"accessIPv4": access}});
        alice.put(&path, body).await.expect(200).string("/server/accessIPv4")
    };
    assert_eq!(put("192.0.2.7").await, "192.0.2.7");
    assert_eq!(put("").await, address);
}

#[tokio::test]
async fn ports_come_in_pages_and_one_by_one() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let image = alice.save_image("micro", "raw", micro_disk("ports", 1 << 20)).await;
    let mut devices = Vec::new();
    for name in ["one", "two", "three"] {
        let launched = alice.launch(name, &image, json!({"networks": "auto"})).await.expect(202);
        devices.push(launched.string("/server/id"));
    }
    let mut seen = Vec::new();
    let mut next = "/network/v2.0/ports?limit=2&device_owner=compute:nova".to_owned();
    let mut pages = 0;
    loop {
        let page = alice.get(&next).await.expect(200).json();
        seen.extend(page["ports"].as_array().unwrap().clone());
        pages += 1;
        let Some(link) = page["ports_links"][0]["href"].as_str() else { break };
        next = link.strip_prefix(effigy.url()).expect("a link to this service").to_owned();
    }
    let mut of: Vec<_> = seen.iter().map(|port| port["device_id"].as_str().unwrap().to_owned()).collect();
    of.sort();
    devices.sort();
    assert_eq!((of, pages), (devices.clone(), 2));
    let id = seen[0]["id"].as_str().unwrap();
    let one = alice.get(&format!("/network/v2.0/ports/{id}")).await.expect(200).json();
    assert_eq!(one["port"]["device_id"], seen[0]["device_id"]);
    let by_device = alice.get(&format!("/network/v2.0/ports?device_id={}", devices[1])).await.expect(200).json();
    assert_eq!(by_device["ports"].as_array().unwrap().len(), 1);
    for other in [id, "nothing"] {
        let path = format!("/network/v2.0/ports/{other}");
        let missing = people.bob.get(&path).await.expect(404);
        assert!(missing.string("/NeutronError/message").contains(other), "another project's port");
    }
    alice.get("/network/v2.0/ports?marker=nothing").await.expect(400);
}
