//! Lists of servers: filters, order, pages.

use reqwest::Method;
use serde_json::{Value, json};

use super::{at, get_at};
use crate::support::{Effigy, People, Person, micro_disk};

/// A service with three servers of Alice's: web-1, web-2, db.
async fn three() -> (Effigy, People, String) {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("list", 1 << 20)).await;
    for (name, tags) in [("web-1", json!(["web", "front"])), ("web-2", json!(["web"])), ("db", json!([]))] {
        people.alice.launch(name, &image, json!({"tags": tags})).await.expect(202);
    }
    (effigy, people, image)
}

async fn names(person: &Person, query: &str) -> Vec<String> {
    let list = get_at("2.96", person, &format!("/servers?{query}")).await["servers"].clone();
    list.as_array().unwrap().iter().map(|server| server["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_keep_only_the_servers_that_match() {
    let (_effigy, people, image) = three().await;
    let alice = &people.alice;
    for (query, expected) in [
        ("sort_key=display_name&sort_dir=asc".to_owned(), vec!["db", "web-1", "web-2"]),
        ("name=web&sort_key=display_name&sort_dir=asc".into(), vec!["web-1", "web-2"]),
        ("name=^db$".into(), vec!["db"]),
        (format!("image={image}&name=db"), vec!["db"]),
        ("image=7c1bd0a2-5a0e-4f7e-9a0e-0f6f1a2b3c4d".into(), vec![]),
        ("flavor=42&name=db".into(), vec!["db"]),
        ("flavor=1".into(), vec![]),
        ("status=SUSPENDED".into(), vec![]),
        ("status=DELETED".into(), vec![]),
        ("tags=web,front".into(), vec!["web-1"]),
        ("not-tags=web".into(), vec!["db"]),
        ("tags-any=front,back".into(), vec!["web-1"]),
        ("deleted=False&name=db".into(), vec!["db"]),
        ("ip=10.0.9".into(), vec![]),
        ("ip6=fe80".into(), vec![]),
        ("changes-since=2020-01-01T00:00:00Z&name=db".into(), vec!["db"]),
        ("changes-since=2090-01-01T00:00:00Z".into(), vec![]),
        ("project_id=0&name=db".into(), vec![]),
        (format!("project_id={}&name=db", people.alice.project_id), vec!["db"]),
    ] {
        assert_eq!(names(alice, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn access_addresses_filter_and_sort() {
    let (_effigy, people, _) = three().await;
    let alice = &people.alice;
    for (name, addresses) in [
        ("web-1", json!({"accessIPv4": "192.0.2.7", "accessIPv6": "2001:db8::1"})),
        ("db", json!({"accessIPv4": "192.0.2.3"})),
    ] {
        let list = alice.get(&format!("/compute/v2.1/servers?name={name}")).await.expect(200);
        let path = format!("/compute/v2.1/servers/{}", list.string("/servers/0/id"));
        alice.put(&path, json!({"server": addresses})).await.expect(200);
    }
    for (query, expected) in [
        ("access_ip_v4=2.3$", vec!["db"]),
        ("access_ip_v4=^192&sort_key=access_ip_v4&sort_dir=asc", vec!["db", "web-1"]),
        ("access_ip_v6=db8", vec!["web-1"]),
        ("access_ip_v6=::9", vec![]),
        ("sort_key=access_ip_v4&sort_dir=desc", vec!["web-1", "db", "web-2"]),
        ("sort_key=access_ip_v6&sort_dir=desc&limit=1", vec!["web-1"]),
    ] {
        assert_eq!(names(alice, query).await, expected, "{query}");
    }
    alice.get("/compute/v2.1/servers?access_ip_v4=(").await.expect(400);
}

#[tokio::test]
async fn a_key_that_nova_once_took_orders_nothing_until_it_is_refused() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (version, key, status) in [
        ("2.1", "vcpus", 200),
        ("2.74", "vcpus", 200),
        ("2.75", "vcpus", 400),
        ("2.72", "locked", 200),
        ("2.96", "locked", 200),
        ("2.96", "locked_by", 200),
        ("2.1", "nonsense", 400),
    ] {
        let path = format!("/servers?sort_key={key}");
        at(version, &admin, Method::GET, &path, None).await.expect(status);
    }
}

#[tokio::test]
async fn query_has_a_bound_and_so_have_the_properties_that_an_instance_keeps() {
    let (_effigy, people, image) = three().await;
    let alice = &people.alice;
    let refused = alice.get(&format!("/compute/v2.1/servers?{}", "ip=%5Cw%7B20%7D&".repeat(129))).await.expect(400);
    assert!(refused.text().contains("at most 128 parameters"), "{}", refused.text());
    // Of several patterns the last one counts.
    assert_eq!(names(alice, "name=web&name=db").await, ["db"]);
    let large = json!([{"op": "add", "path": "/hw_note", "value": "x".repeat(17_000)}]);
    alice.patch_image(&image, large).await.expect(200);
    let refused = alice.launch("heavy", &image, json!({})).await.expect(400);
    assert!(refused.text().contains("an instance keeps at most 16384"), "{}", refused.text());
}

#[tokio::test]
async fn list_pages_by_key_and_its_link_keeps_the_filters() {
    let (effigy, people, _) = three().await;
    let mut seen = Vec::new();
    let mut next = Some(effigy.at("/compute/v2.1/servers/detail?limit=1&name=web&sort_key=display_name&sort_dir=asc"));
    while let Some(url) = next {
        assert!(url.contains("name=web") && url.contains("limit=1"), "{url}");
        let page = people.alice.get(&url).await.expect(200).json();
        let servers = page["servers"].as_array().unwrap();
        assert!(servers.len() <= 1);
        seen.extend(servers.iter().map(|server| server["name"].clone()));
        next = page["servers_links"][0]["href"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, ["web-1", "web-2"]);
    // The host name, which only the API judges, is judged before the page is full.
    let by_hostname = "hostname=db&limit=1&sort_key=display_name&sort_dir=desc";
    assert_eq!(names(&people.alice, by_hostname).await, ["db"]);
    let marker = "/compute/v2.1/servers?marker=7c1bd0a2-5a0e-4f7e-9a0e-0f6f1a2b3c4d";
    people.alice.get(marker).await.expect(400);
}

#[tokio::test]
async fn filter_of_the_admins_is_refused_to_others_and_not_left_out() {
    let (_effigy, people, _) = three().await;
    for word in ["host", "node", "hypervisor_hostname"] {
        people.alice.get(&format!("/compute/v2.1/servers?{word}=elsewhere")).await.expect(403);
        assert_eq!(names(&people.admin, &format!("all_tenants=1&{word}=elsewhere")).await, [""; 0]);
    }
    people.alice.get("/compute/v2.1/servers?deleted=true").await.expect(403);
    assert_eq!(names(&people.alice, "deleted=false&name=db").await, ["db"]);
}

#[tokio::test]
async fn newest_is_first_without_a_word_about_order() {
    let (_effigy, people, _) = three().await;
    assert_eq!(names(&people.alice, "").await, ["db", "web-2", "web-1"]);
}

#[tokio::test]
async fn everyone_lists_their_own_project_and_the_admin_all() {
    let (_effigy, people, _) = three().await;
    assert_eq!(names(&people.rita, "name=db").await, ["db"]);
    for person in [&people.bob, &people.alice_batch, &people.admin] {
        assert_eq!(names(person, "").await, [""; 0]);
    }
    assert_eq!(names(&people.admin, "all_tenants=1").await.len(), 3);
    assert_eq!(names(&people.admin, "all_tenants").await.len(), 3);
    let of_alice = format!("all_tenants=true&project_id={}&name=db", people.alice.project_id);
    assert_eq!(names(&people.admin, &of_alice).await, ["db"]);
    let refused = people.alice.get("/compute/v2.1/servers?all_tenants=1").await.expect(403);
    assert_eq!(refused.json()["forbidden"]["code"], Value::from(403));
}
