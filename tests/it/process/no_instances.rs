//! A service that runs no instances (`instances.enabled = false`).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy};

const OFF: &str = "[instances]\nenabled = false\n";

#[tokio::test]
async fn urls_of_instances_are_not_found_in_their_dialect() {
    let effigy = Effigy::with(OFF).await;
    let admin = effigy.admin().await;
    let urls =
        ["/compute", "/compute/", "/compute/v2.1", "/compute/v2.1/", "/compute/v2.1/servers/detail", "/console/vnc"];
    for url in urls {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = Answer::of(admin.request(method.clone(), url)).await;
            assert_eq!(answer.status, 404, "{method} {url}");
            assert_eq!(answer.json()["itemNotFound"]["code"], 404, "{method} {url}");
            assert!(answer.text().contains("instances.enabled"), "{}", answer.text());
        }
    }
    for url in ["/network", "/network/", "/network/v2.0/networks"] {
        let answer = admin.get(url).await.expect(404).json();
        assert_eq!(answer["NeutronError"]["type"], "NotFound", "{url}: {answer}");
    }
    let answer = admin.post("/effigy/v1/instances/x/actions/force-off", json!({})).await.expect(404);
    assert_eq!(answer.json()["error"]["code"], 404);
}

#[tokio::test]
async fn catalog_has_no_service_of_instances() {
    let effigy = Effigy::with(OFF).await;
    let admin = effigy.admin().await;
    let kinds = |rows: &Value| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect()
    };
    let catalog = admin.get("/identity/v3/auth/catalog").await.expect(200).json();
    assert_eq!(kinds(&catalog["catalog"]), ["identity", "image"]);
    let services = admin.get("/identity/v3/services").await.expect(200).json();
    assert_eq!(kinds(&services["services"]), ["identity", "image"]);
    let endpoints = admin.get("/identity/v3/endpoints").await.expect(200).json();
    assert_eq!(endpoints["endpoints"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn images_work_and_the_session_says_that_there_are_no_instances() {
    let effigy = Effigy::with(OFF).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("kept", "raw", vec![1; 100_000]).await;
    assert_eq!(admin.image(&image).await["status"], "active");
    let body = json!({"user": "admin", "password": effigy.admin_password()});
    let request = effigy.stranger().request(Method::POST, "/session").header("origin", effigy.url()).json(&body);
    assert_eq!(Answer::of(request).await.expect(201).json()["runs_instances"], false);
}

#[tokio::test]
async fn no_qemu_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (qemu, mark) = (folder.path().join("qemu"), folder.path().join("started"));
    std::fs::write(&qemu, format!("#!/bin/sh\ntouch {}\n", mark.display())).expect("write");
    std::fs::set_permissions(&qemu, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let settings = format!("[instances]\nenabled = false\nqemu = \"{}\"\n", qemu.display());
    let mut effigy = Effigy::with(&settings).await;
    // The probe of another service is half a second after its start.
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    effigy.stop().await;
    assert!(!mark.exists(), "a QEMU was started");
}

#[tokio::test]
async fn instances_that_are_there_stay_as_they_are() {
    // A QEMU that is not there: the instance is in ERROR, and has a row.
    let on = "[instances]\nqemu = \"/nowhere/qemu\"\naccel = \"tcg\"\n";
    let mut effigy = Effigy::with(on).await;
    let admin = effigy.admin().await;
    let image = admin.save_image("disk", "raw", vec![1; 1 << 20]).await;
    let flavors = admin.get("/compute/v2.1/flavors").await.expect(200).json();
    let server = json!({"server": {
        "name": "there", "imageRef": image, "flavorRef": flavors["flavors"][0]["id"], "networks": "none"
    }});
    let newest =
        |method: Method, path: &str| admin.request(method, path).header("openstack-api-version", "compute 2.96");
    let made = Answer::of(newest(Method::POST, "/compute/v2.1/servers").json(&server)).await.expect(202).json();
    let path = format!("/compute/v2.1/servers/{}", made["server"]["id"].as_str().unwrap());
    let before =
        crate::support::eventually("the instance has failed", std::time::Duration::from_secs(30), async || {
            let shown = admin.get(&path).await.expect(200).json();
            (shown["server"]["status"] == "ERROR").then_some(shown)
        });
    let before = before.await;
    effigy.restart_with(&format!("{on}enabled = false\n")).await;
    admin.get(&path).await.expect(404);
    admin.delete(&path).await.expect(404);
    effigy.restart_with(on).await;
    assert_eq!(admin.get(&path).await.expect(200).json(), before);
}
