//! The audit: what was done is known, and was known before the answer left.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy, PASSWORD, Person, eventually};

async fn events(admin: &Person, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("/effigy/v1/audit{query}")).await.expect(200).json();
    answer["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_is_recorded_with_who_what_and_how_it_ended() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let request =
        people.admin.request(Method::POST, "/identity/v3/projects").header("X-OpenStack-Request-ID", "req-me");
    let made = Answer::of(request.json(&json!({"project": {"name": "recorded"}}))).await.expect(201);
    let id = made.string("/project/id");
    let all = events(&people.admin, &format!("?target_id={id}")).await;
    assert_eq!(all.len(), 1);
    let event = &all[0];
    assert_eq!(event["action"], "project.create");
    assert_eq!(event["outcome"], "success");
    assert_eq!(event["status"], 201);
    assert_eq!(event["user_id"], people.admin.user_id);
    assert_eq!(event["user_name"], "admin");
    assert_eq!(event["project_id"], people.admin.project_id);
    assert_eq!(event["address"], "127.0.0.1");
    assert_eq!(event["client_request_id"], "req-me");
    assert_eq!(event["request_id"], made.header("x-openstack-request-id").unwrap());

    let refused = people.alice.delete(&format!("/identity/v3/projects/{id}")).await.expect(403);
    let request_id = refused.header("x-openstack-request-id").unwrap();
    let all = events(&people.admin, &format!("?request_id={request_id}")).await;
    assert_eq!(all[0]["action"], "project.delete");
    assert_eq!(all[0]["outcome"], "failure");
    assert_eq!(all[0]["user_name"], "alice");
    assert_eq!(all[0]["target_id"], id);
    assert_eq!(all[0]["reason"], "Only the admin may delete projects.");
}

#[tokio::test]
async fn refused_sign_ins_are_recorded_and_strangers_changes_are_not() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    effigy.stranger().try_sign_in("alice", "wrong", Some("web")).await.expect(401);
    let all = events(&people.admin, "?action=user.sign_in").await;
    assert_eq!(all.len(), 1, "those that succeed are no change");
    assert_eq!(all[0]["user_name"], "alice");
    assert_eq!(all[0]["user_id"], Value::Null);
    assert_eq!(all[0]["outcome"], "failure");
    effigy.stranger().post("/identity/v3/projects", json!({"project": {"name": "x"}})).await.expect(401);
    assert_eq!(events(&people.admin, "?limit=1").await[0]["action"], "user.sign_in");
}

#[tokio::test]
async fn the_audit_pages_and_is_for_admins() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    people.alice.get("/effigy/v1/audit").await.expect(403);
    effigy.stranger().get("/effigy/v1/audit").await.expect(401);
    let whole = events(&people.admin, "").await;
    let mut paged = Vec::new();
    let mut next = Some("/effigy/v1/audit?limit=3".to_owned());
    while let Some(url) = next {
        let page = people.admin.get(&url).await.expect(200).json();
        paged.extend(page["events"].as_array().unwrap().clone());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert!(whole.len() > 3 && paged == whole);
    let times: Vec<_> = whole.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "the newest first");
}

#[tokio::test]
async fn no_secret_reaches_the_audit_or_the_log() {
    let effigy = Effigy::with("[log]\nfilter = \"trace\"\n").await;
    let people = effigy.people().await;
    let canary = "canary-secret-4711";
    let body = json!({"user": {"name": "carol", "password": canary}});
    let carol = people.admin.post("/identity/v3/users", body).await.expect(201).string("/user/id");
    effigy.stranger().try_sign_in("carol", &format!("{canary}x"), None).await.expect(401);
    let path = format!("/identity/v3/users/{carol}/password");
    let body = json!({"user": {"original_password": canary, "password": format!("{canary}2")}});
    effigy.stranger().post(&path, body).await.expect(204);
    let body = json!({"user": {"original_password": canary, "password": 4711}});
    effigy.stranger().post(&path, body).await.expect(400);
    let all = serde_json::to_string(&events(&people.admin, "").await).unwrap();
    assert!(all.contains("user.change_password"));
    for text in [all, effigy.log()] {
        for secret in [canary, PASSWORD, &people.alice.token, &effigy.admin_password()] {
            assert!(!text.contains(secret), "a secret is in the audit or the log");
        }
    }
}

#[tokio::test]
async fn uploads_and_downloads_are_recorded_with_their_image() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let id = people.alice.save_image("recorded", "raw", vec![7; 1024]).await;
    people.alice.download(&id).await.expect(200);
    people.bob.download(&id).await.expect(404);
    let body = json!({"member": people.alice_batch.project_id});
    people
        .alice
        .patch_image(&id, json!([{"op": "replace", "path": "/visibility", "value": "shared"}]))
        .await
        .expect(200);
    people.alice.post(&format!("/image/v2/images/{id}/members"), body).await.expect(200);
    let all = events(&people.admin, &format!("?target_id={id}")).await;
    let told: Vec<_> = all
        .iter()
        .rev()
        .map(|event| {
            format!(
                "{} {} {}",
                event["user_name"].as_str().unwrap(),
                event["action"].as_str().unwrap(),
                event["status"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "alice image.create 201",
            "alice image.upload 204",
            "alice image.download 200",
            "bob image.download 404",
            "alice image.update 200",
            "alice image.member.create 200"
        ]
    );
    assert_eq!(all[0]["target_id"], format!("{id}/{}", people.alice_batch.project_id));
}

#[tokio::test]
async fn a_change_whose_client_goes_away_is_still_recorded() {
    use tokio::io::AsyncWriteExt as _;
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let id = people.alice.create_image("broken", json!({})).await;
    let address = effigy.url().trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /image/v2/images/{id}/file HTTP/1.1\r\nHost: {address}\r\nX-Auth-Token: {}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\nonly this",
        people.alice.token
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    people.alice.image_becomes(&id, "saving").await;
    drop(connection);
    let event = eventually("the event", Duration::from_secs(30), || async {
        events(&people.admin, &format!("?target_id={id}&action=image.upload")).await.pop()
    });
    assert_eq!(event.await["outcome"], "failure");
    people.alice.image_becomes(&id, "queued").await;
}
