//! The policy of servers: who may do what.

use reqwest::Method;
use serde_json::json;

use super::{at, get_at, post_at};
use crate::support::{Effigy, micro_disk};

#[tokio::test]
async fn reader_looks_and_changes_nothing() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("policy", 1 << 20)).await;
    people.rita.launch("mine", &image, json!({})).await.expect(403);
    let id = people.alice.launched("one", &image).await;
    let path = format!("/servers/{id}");
    get_at("2.1", &people.rita, &path).await;
    at("2.1", &people.rita, Method::DELETE, &path, None).await.expect(403);
    at("2.1", &people.rita, Method::PUT, &path, Some(json!({"server": {"name": "n"}}))).await.expect(403);
    for action in [json!({"os-stop": null}), json!({"createImage": {"name": "i"}}), json!({"lock": null})] {
        post_at("2.1", &people.rita, &format!("{path}/action"), action).await.expect(403);
    }
    let console = json!({"remote_console": {"protocol": "serial", "type": "serial"}});
    post_at("2.6", &people.rita, &format!("{path}/remote-consoles"), console).await.expect(403);
}

#[tokio::test]
async fn server_of_another_project_is_as_if_it_were_not_there() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("policy", 1 << 20)).await;
    let id = people.alice.launched("one", &image).await;
    let nobody = "7c1bd0a2-5a0e-4f7e-9a0e-0f6f1a2b3c4d";
    for person in [&people.bob, &people.alice_batch] {
        for (method, below, body) in [
            (Method::GET, "", None),
            (Method::DELETE, "", None),
            (Method::PUT, "", Some(json!({"server": {"name": "n"}}))),
            (Method::POST, "/action", Some(json!({"os-stop": null}))),
            (Method::POST, "/action", Some(json!({"pause": null}))),
            (Method::POST, "/action", Some(json!({"os-getConsoleOutput": {}}))),
            (Method::POST, "/remote-consoles", Some(json!({"remote_console": {"protocol": "vnc", "type": "novnc"}}))),
            (Method::GET, "/metadata", None),
            (Method::GET, "/tags", None),
            (Method::GET, "/os-instance-actions", None),
            (Method::GET, "/os-interface", None),
        ] {
            let hidden = at("2.96", person, method.clone(), &format!("/servers/{id}{below}"), body.clone()).await;
            let absent = at("2.96", person, method.clone(), &format!("/servers/{nobody}{below}"), body).await;
            assert_eq!(hidden.clone().expect(404).text(), absent.text().replace(nobody, &id), "{method} {below}");
        }
    }
    get_at("2.1", &people.admin, &format!("/servers/{id}")).await;
}

#[tokio::test]
async fn locked_server_is_changed_only_by_the_admin() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let image = people.alice.save_image("micro", "raw", micro_disk("lock", 1 << 20)).await;
    let id = people.alice.launched("one", &image).await;
    let path = format!("/servers/{id}");
    let action = format!("{path}/action");
    post_at("2.73", &people.alice, &action, json!({"lock": {"locked_reason": "payday"}})).await.expect(202);
    let shown = get_at("2.73", &people.alice, &path).await["server"].clone();
    assert_eq!((&shown["locked"], &shown["locked_reason"]), (&json!(true), &json!("payday")));
    for (method, body) in [(Method::DELETE, None), (Method::PUT, Some(json!({"server": {"name": "n"}})))] {
        at("2.1", &people.alice, method, &path, body).await.expect(409).string("/conflictingRequest/message");
    }
    for refused in [json!({"os-stop": null}), json!({"reboot": {"type": "SOFT"}})] {
        post_at("2.1", &people.alice, &action, refused).await.expect(409);
    }
    post_at("2.1", &people.alice, &action, json!({"unlock": null})).await.expect(202);
    post_at("2.1", &people.admin, &action, json!({"lock": null})).await.expect(202);
    post_at("2.1", &people.alice, &action, json!({"unlock": null})).await.expect(403);
    at("2.1", &people.admin, Method::DELETE, &path, None).await.expect(204);
}
