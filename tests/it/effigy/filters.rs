//! The filters of images that only Effigy's own API has.

use serde_json::{Value, json};

use crate::support::{Effigy, People, Person, linux_disk, micro_disk};

async fn names(person: &Person, query: &str) -> Vec<String> {
    let page = person.get(&format!("/effigy/v1/images?sort=name:asc&{query}")).await.expect(200).json();
    page["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect()
}

async fn counts(person: &Person, query: &str) -> Value {
    person.get(&format!("/effigy/v1/images/counts?{query}")).await.expect(200).json()["counts"].clone()
}

#[tokio::test]
async fn a_search_finds_names_ids_tags_and_systems() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let id = alice.create_image("First", json!({"os_distro": "debian", "os_version": "13"})).await;
    alice.create_image("second", json!({"tags": ["Nightly-build", "50%"]})).await;
    alice.create_image("third", json!({"note": "\"os_distro\":\"debian\"", "os_distro": "al\"ma"})).await;

    assert_eq!(names(&alice, "search=FIRST").await, ["First"]);
    assert_eq!(names(&alice, "search=Deb").await, ["First"], "by the beginning of the system, and of nothing else");
    assert_eq!(names(&alice, "search=al%22m").await, ["third"]);
    assert_eq!(names(&alice, "search=nightly").await, ["second"]);
    assert_eq!(names(&alice, "search=50%25").await, ["second"], "no sign is a pattern's");
    assert_eq!(names(&alice, &format!("search={}", &id[..13])).await, ["First"]);
    assert_eq!(names(&alice, &format!("search={}", &id[1..13])).await, Vec::<String>::new());
    assert_eq!(names(&bob, "search=deb").await, Vec::<String>::new(), "what others have is not found");
    assert_eq!(counts(&alice, "search=deb").await["private"], 1);
}

#[tokio::test]
async fn a_verdict_and_a_failure_are_filters() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    for (name, disk) in [
        ("clean", linux_disk(&[])),
        ("history", linux_disk(&[("root/.bash_history", "passwd\n")])),
        ("unknown", micro_disk("unknown", 1 << 20)),
    ] {
        let id = alice.save_image(name, "raw", disk).await;
        crate::support::eventually("verified", std::time::Duration::from_secs(60), async || {
            let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
            (!shown["effigy"]["verdict"].is_null()).then_some(())
        })
        .await;
    }
    alice.create_image("waiting", json!({})).await;
    let refused = alice.create_image("refused", json!({"disk_format": "qcow2"})).await;
    alice.upload(&refused, vec![7; 4096]).await.expect(415);

    assert_eq!(names(&alice, "verdict=passed").await, ["clean", "history"]);
    assert_eq!(names(&alice, "verdict=passed&problems=false").await, ["clean"]);
    assert_eq!(names(&alice, "problems=true").await, ["history"]);
    assert_eq!(names(&alice, "verdict=failed&problems=false").await, ["unknown"]);
    assert_eq!(names(&alice, "verdict=failed").await, ["unknown"]);
    assert_eq!(names(&alice, "failed=true").await, ["refused"]);
    assert_eq!(names(&alice, "failed=false&status=queued").await, ["waiting"]);
    alice.get("/effigy/v1/images?verdict=glad").await.expect(400);
}

#[tokio::test]
async fn a_kind_is_narrowed_by_a_visibility_and_counted_as_it_is_listed() {
    let effigy = Effigy::with("[inspect]\npublic = \"record\"\n").await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    alice.create_image("private", json!({})).await;
    alice.create_image("open", json!({"visibility": "community"})).await;
    alice.create_image("hidden", json!({"os_hidden": true})).await;
    bob.create_image("of-bob", json!({"visibility": "community"})).await;
    admin.create_image("public", json!({"visibility": "public"})).await;

    assert_eq!(names(&alice, "kind=private").await, ["open", "private"]);
    assert_eq!(names(&alice, "kind=private&visibility=community").await, ["open"]);
    assert_eq!(names(&alice, "visibility=private&kind=private").await, ["private"]);
    assert_eq!(names(&alice, "kind=private&visibility=all").await, ["open", "private"]);
    assert_eq!(names(&alice, "kind=community").await, ["of-bob"]);
    assert_eq!(names(&alice, "kind=private&os_hidden=true").await, ["hidden"]);
    assert_eq!(counts(&alice, "").await, json!({"public": 1, "private": 2, "shared": 0, "community": 1}));
    assert_eq!(counts(&alice, "os_hidden=true").await, json!({"public": 0, "private": 1, "shared": 0, "community": 0}));
    assert_eq!(counts(&alice, "kind=private&visibility=community").await["private"], 1);
    alice.get("/effigy/v1/images?kind=private&visibility=purple").await.expect(400);
}
