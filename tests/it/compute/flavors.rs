//! Flavors.

use reqwest::Method;
use serde_json::json;

use super::{at, fields, get_at, post_at};
use crate::support::Effigy;

#[tokio::test]
async fn there_are_flavors_from_the_first_start() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let flavors = get_at("2.1", &admin, "/flavors/detail").await["flavors"].clone();
    let mut names: Vec<_> = flavors.as_array().unwrap().iter().map(|flavor| flavor["name"].clone()).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["m1.large", "m1.medium", "m1.nano", "m1.small", "m1.tiny"]);
    let nano = flavors.as_array().unwrap().iter().find(|flavor| flavor["name"] == "m1.nano").unwrap();
    assert_eq!((&nano["vcpus"], &nano["ram"]), (&json!(1), &json!(64)));
}

#[tokio::test]
async fn shape_of_a_flavor_follows_the_microversion() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let base = [
        "OS-FLV-DISABLED:disabled",
        "OS-FLV-EXT-DATA:ephemeral",
        "disk",
        "id",
        "links",
        "name",
        "os-flavor-access:is_public",
        "ram",
        "rxtx_factor",
        "swap",
        "vcpus",
    ];
    for (version, more) in
        [("2.1", vec![]), ("2.55", vec!["description"]), ("2.61", vec!["description", "extra_specs"])]
    {
        let flavor = get_at(version, &admin, "/flavors/42").await["flavor"].clone();
        let mut expected = [base.to_vec(), more].concat();
        expected.sort_unstable();
        assert_eq!(fields(&flavor), expected, "{version}");
        assert_eq!(flavor["swap"], "", "{version}");
    }
    assert_eq!(get_at("2.75", &admin, "/flavors/42").await["flavor"]["swap"], 0);
    let brief = get_at("2.1", &admin, "/flavors").await["flavors"][0].clone();
    assert_eq!(fields(&brief), ["id", "links", "name"]);
}

#[tokio::test]
async fn flavor_made_with_id_null_gets_an_id_and_can_be_deleted() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let asked = json!({"flavor": {"name": "web", "id": null, "ram": "256", "vcpus": 2, "disk": 1, "swap": 0,
        "rxtx_factor": 1.0, "OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": true}});
    let made = post_at("2.61", &admin, "/flavors", asked.clone()).await.expect(200).json()["flavor"].clone();
    assert_eq!((&made["ram"], made["id"].as_str().unwrap().len()), (&json!(256), 36));
    let again = post_at("2.61", &admin, "/flavors", asked).await.expect(409);
    assert!(again.string("/conflictingRequest/message").contains("already exists"));
    let path = format!("/flavors/{}", made["id"].as_str().unwrap());
    at("2.1", &admin, Method::DELETE, &path, None).await.expect(202);
    at("2.1", &admin, Method::GET, &path, None).await.expect(404);
}

#[tokio::test]
async fn flavor_that_makes_no_sense_is_refused() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let good = json!({"name": "x", "ram": 64, "vcpus": 1, "disk": 0});
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(null)),
        ("ram", json!(0)),
        ("vcpus", json!(-1)),
        ("disk", json!("much")),
        ("rxtx_factor", json!(0)),
        ("colour", json!("red")),
        ("os-flavor-access:is_public", json!("maybe")),
        ("description", json!("only from 2.55 on")),
    ] {
        let mut flavor = good.clone();
        flavor[field] = value;
        let refused = post_at("2.1", &admin, "/flavors", json!({ "flavor": flavor })).await;
        refused.expect(400).string("/badRequest/message");
    }
}

#[tokio::test]
async fn extra_specs_are_set_read_and_deleted_one_by_one() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let specs = "/flavors/42/os-extra_specs";
    post_at("2.1", &admin, specs, json!({"extra_specs": {"a:b": "1", "c": "2"}})).await.expect(200);
    at("2.1", &admin, Method::PUT, &format!("{specs}/c"), Some(json!({"c": "3"}))).await.expect(200);
    assert_eq!(get_at("2.1", &admin, specs).await, json!({"extra_specs": {"a:b": "1", "c": "3"}}));
    assert_eq!(get_at("2.1", &admin, &format!("{specs}/a:b")).await, json!({"a:b": "1"}));
    at("2.1", &admin, Method::DELETE, &format!("{specs}/c"), None).await.expect(200);
    at("2.1", &admin, Method::DELETE, &format!("{specs}/c"), None).await.expect(404);
    at("2.1", &admin, Method::PUT, &format!("{specs}/c"), Some(json!({"d": "3"}))).await.expect(400);
}

#[tokio::test]
async fn flavor_that_is_not_public_is_seen_by_those_who_were_given_it() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let asked = json!({"flavor": {"name": "big", "id": "big", "ram": 64, "vcpus": 1, "disk": 0,
        "os-flavor-access:is_public": false}});
    post_at("2.1", &people.admin, "/flavors", asked).await.expect(200);
    let listed =
        |list: serde_json::Value| list["flavors"].as_array().unwrap().iter().any(|flavor| flavor["id"] == "big");
    assert!(!listed(get_at("2.1", &people.alice, "/flavors?is_public=None").await));
    at("2.1", &people.alice, Method::GET, "/flavors/big", None).await.expect(404);

    let give = json!({"addTenantAccess": {"tenant": people.alice.project_id}});
    let given = post_at("2.1", &people.admin, "/flavors/big/action", give.clone()).await.expect(200).json();
    assert_eq!(given, json!({"flavor_access": [{"flavor_id": "big", "tenant_id": people.alice.project_id}]}));
    post_at("2.1", &people.admin, "/flavors/big/action", give).await.expect(409);
    assert!(listed(get_at("2.1", &people.alice, "/flavors").await));
    assert!(!listed(get_at("2.1", &people.bob, "/flavors").await));
    assert!(listed(get_at("2.1", &people.admin, "/flavors?is_public=None").await));
    assert!(!listed(get_at("2.1", &people.admin, "/flavors").await));

    let take = json!({"removeTenantAccess": {"tenant": people.alice.project_id}});
    post_at("2.1", &people.admin, "/flavors/big/action", take).await.expect(200);
    at("2.1", &people.alice, Method::GET, "/flavors/big", None).await.expect(404);
}

#[tokio::test]
async fn only_the_admin_changes_flavors() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let asked = json!({"flavor": {"name": "mine", "ram": 64, "vcpus": 1, "disk": 0}});
    post_at("2.1", &people.alice, "/flavors", asked).await.expect(403).string("/forbidden/message");
    at("2.1", &people.alice, Method::DELETE, "/flavors/42", None).await.expect(403);
    post_at("2.1", &people.alice, "/flavors/42/os-extra_specs", json!({"extra_specs": {}})).await.expect(403);
    get_at("2.1", &people.rita, "/flavors/42").await;
}

#[tokio::test]
async fn list_of_flavors_pages_by_key_and_filters() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let mut seen = Vec::new();
    let mut next = Some(effigy.at("/compute/v2.1/flavors?limit=2&sort_key=memory_mb"));
    while let Some(url) = next {
        let page = admin.get(&url).await.expect(200).json();
        seen.extend(page["flavors"].as_array().unwrap().iter().map(|flavor| flavor["name"].clone()));
        next = page["flavors_links"][0]["href"].as_str().map(str::to_owned);
        assert!(next.as_ref().is_none_or(|url| url.contains("sort_key=memory_mb")), "{next:?}");
    }
    assert_eq!(seen, ["m1.nano", "m1.tiny", "m1.small", "m1.medium", "m1.large"]);
    let large = get_at("2.1", &admin, "/flavors?minRam=4096&minDisk=50").await;
    assert_eq!(large["flavors"].as_array().unwrap().len(), 1);
    at("2.1", &admin, Method::GET, "/flavors?marker=none", None).await.expect(400);
    at("2.1", &admin, Method::GET, "/flavors?is_public=maybe", None).await.expect(400);
}
