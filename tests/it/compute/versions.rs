//! Discovery and microversions.

use reqwest::Method;
use serde_json::json;

use super::{at, fields};
use crate::support::{Answer, Effigy};

#[tokio::test]
async fn root_and_version_document_need_no_token_and_say_the_range() {
    let effigy = Effigy::start().await;
    let stranger = effigy.stranger();
    for root in ["/compute", "/compute/"] {
        let versions = stranger.get(root).await.expect(200).json();
        assert_eq!(versions["versions"][0]["id"], "v2.1", "{root}");
    }
    for path in ["/compute/v2.1", "/compute/v2.1/"] {
        let version = stranger.get(path).await.expect(200).json()["version"].clone();
        assert_eq!(fields(&version), ["id", "links", "media-types", "min_version", "status", "updated", "version"]);
        assert_eq!((&version["min_version"], &version["version"]), (&json!("2.1"), &json!("2.96")));
        assert_eq!(version["links"][0]["href"], effigy.at("/compute/v2.1/"));
    }
}

#[tokio::test]
async fn both_headers_choose_the_microversion_and_the_answer_says_which() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let forms = [
        ("OpenStack-API-Version", "compute 2.55", "2.55"),
        ("OpenStack-API-Version", "compute latest", "2.96"),
        ("OpenStack-API-Version", "volume 3.70", "2.1"),
        ("X-OpenStack-Nova-API-Version", "2.10", "2.10"),
        ("X-OpenStack-Nova-API-Version", "latest", "2.96"),
        ("X-Nothing", "", "2.1"),
    ];
    for (header, value, version) in forms {
        let request = admin.request(Method::GET, "/compute/v2.1/flavors").header(header, value);
        let answer = Answer::of(request).await.expect(200);
        assert_eq!(answer.header("openstack-api-version"), Some(&*format!("compute {version}")), "{header}: {value}");
        assert_eq!(answer.header("x-openstack-nova-api-version"), Some(version));
        let vary = answer.header("vary").expect("Vary");
        assert!(vary.contains("OpenStack-API-Version") && vary.contains("X-OpenStack-Nova-API-Version"), "{vary}");
    }
}

#[tokio::test]
async fn microversion_out_of_range_is_not_acceptable() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let refused = at("2.97", &admin, Method::GET, "/flavors", None).await.expect(406);
    assert!(refused.string("/computeFault/message").contains("Minimum is 2.1 and maximum is 2.96"));
    at("2.x", &admin, Method::GET, "/flavors", None).await.expect(400);
}

#[tokio::test]
async fn parts_outside_of_their_microversions_are_not_found() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    for (path, has, has_not) in [
        ("/os-networks", "2.35", "2.36"),
        ("/os-security-groups", "2.35", "2.36"),
        ("/os-hypervisors/statistics", "2.87", "2.88"),
    ] {
        at(has, &admin, Method::GET, path, None).await.expect(200);
        at(has_not, &admin, Method::GET, path, None).await.expect(404);
    }
    let description = json!({"flavor": {"description": "d"}});
    at("2.54", &admin, Method::PUT, "/flavors/42", Some(description.clone())).await.expect(404);
    at("2.55", &admin, Method::PUT, "/flavors/42", Some(description)).await.expect(200);
}
