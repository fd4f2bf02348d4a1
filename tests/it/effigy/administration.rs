//! The host, the usage of every project and the audit, for those who run the service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD, People, eventually, micro_disk};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn host_is_shown_with_its_guests_stores_and_jobs() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\nmemory_mib = 5000\n").await;
    let People { admin, alice, .. } = effigy.people().await;
    let micro = alice.save_image("micro", "raw", micro_disk("host", 1 << 20)).await;
    let before = admin.get("/effigy/v1/host").await.expect(200).json();
    assert_eq!((&before["guests"]["running"], &before["guests"]["memory_limit_mib"]), (&json!(0), &json!(5000)));

    let id = alice.launched("one", &micro).await;

    let shown = admin.get("/effigy/v1/host").await.expect(200).json();
    assert_eq!(shown["health"], effigy.stranger().get("/readyz").await.expect(200).json(), "what /readyz says");
    let guests = &shown["guests"];
    assert_eq!((&guests["running"], &guests["vcpus"]), (&json!(1), &json!(1)), "{shown}");
    assert!(guests["memory_mib"].as_u64() > Some(0) && guests["disk_free_bytes"].as_u64() > Some(0), "{shown}");
    let store = &shown["stores"][0];
    assert_eq!(
        (&store["name"], &store["is_default"], &store["has_room"]),
        (&json!("local"), &json!(true), &json!(true))
    );
    assert_eq!((&store["damaged_chunks"], &store["is_sweep_stopped"]), (&json!(0), &json!(false)));
    let lanes: Vec<_> = shown["jobs"].as_array().unwrap().iter().map(|jobs| jobs["lane"].clone()).collect();
    assert_eq!(lanes, ["front", "import", "clean", "back"]);
    assert!(shown["memory_mib"].as_u64() > Some(0) && shown["cpus"].as_u64() > Some(0), "{shown}");
    // The clock has begun neither yet.
    assert_eq!(shown["sweep"], json!({"is_under_way": false, "ended_at": null, "failure": null}));

    // A stopped instance takes nothing of the host.
    alice.post(&format!("/effigy/v1/instances/{id}/actions/force-off"), json!({})).await.expect(202);
    alice.instance_becomes(&id, "SHUTOFF").await;
    assert_eq!(admin.get("/effigy/v1/host").await.expect(200).json()["guests"]["running"], 0);
    alice.get("/effigy/v1/host").await.expect(403);
}

#[tokio::test]
async fn host_has_no_guests_where_none_are_run() {
    let effigy = Effigy::with("[instances]\nenabled = false\n").await;
    let admin = effigy.admin().await;
    assert_eq!(admin.get("/effigy/v1/host").await.expect(200).json()["guests"], Value::Null);
    let usage = admin.get("/effigy/v1/projects").await.expect(200).json();
    assert_eq!((&usage["projects"], &usage["others"]["instances"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn usage_of_every_project_is_what_each_sees_of_itself() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n[quota]\nimages = 7\n").await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let micro = alice.save_image("micro", "raw", micro_disk("usage of all", 1 << 20)).await;
    alice.launched("one", &micro).await;
    let staged = bob.create_image("staged", json!({})).await;
    bob.put_bytes(&format!("/image/v2/images/{staged}/stage"), vec![1; 4096]).await.expect(204);

    let all = admin.get("/effigy/v1/projects").await.expect(200).json();

    let of = |project: &str| {
        let found = all["projects"].as_array().unwrap().iter().find(|of| of["project_id"] == project);
        found.unwrap_or_else(|| panic!("{project} is not in {all}"))["usage"].clone()
    };
    for person in [&alice, &bob] {
        let own = person.get("/effigy/v1/usage").await.expect(200).json()["usage"].clone();
        assert_eq!(of(&person.project_id), own);
    }
    assert_eq!(of(&bob.project_id)["staged_bytes"]["used"], 4096);
    assert_eq!(all["projects"].as_array().unwrap().len(), 2, "a project without anything is one of the others");
    assert_eq!(all["others"]["images"], json!({"used": 0, "limit": 7}));
    alice.get("/effigy/v1/projects").await.expect(403);
}

#[tokio::test]
async fn audit_is_searched_by_name_action_outcome_and_time() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("audited", json!({})).await;
    alice.get("/image/v2/images/nonsense/file").await.expect(404);
    let found = async |query: &str| {
        let answer = admin.get(&format!("/effigy/v1/audit?{query}")).await.expect(200).json();
        answer["events"].as_array().unwrap().clone()
    };
    let made = eventually("the event", PATIENCE, async || {
        found("user_name=ALICE&project_name=Web&action=image.create").await.into_iter().next()
    })
    .await;
    assert_eq!((&made["user_name"], &made["target_id"]), (&json!("alice"), &json!(id)));

    let of_images = found("action=image&user_name=alice").await;
    let is_of_images = |event: &Value| event["action"].as_str().is_some_and(|action| action.starts_with("image."));
    assert!(of_images.len() > 1 && of_images.iter().all(is_of_images), "{of_images:?}");
    assert_eq!(found("action=imag").await, Vec::<Value>::new(), "a part of a word is not a word");
    let failed = found("outcome=failure&user_name=alice").await;
    assert!(!failed.is_empty() && failed.iter().all(|event| event["outcome"] == "failure"), "{failed:?}");

    let time = made["time"].as_str().unwrap();
    assert!(found(&format!("since={time}")).await.contains(&made));
    assert!(!found(&format!("until={time}")).await.contains(&made));
    assert_eq!(found("since=2126-01-01T00:00:00Z").await, Vec::<Value>::new());
    for wrong in ["since=yesterday", "until=soon", "outcome=maybe"] {
        admin.get(&format!("/effigy/v1/audit?{wrong}")).await.expect(400);
    }
}

#[tokio::test]
async fn audit_names_what_is_there_still() {
    let effigy = Effigy::start().await;
    let People { admin, alice, alice_batch, .. } = effigy.people().await;
    let kept = alice.create_image("kept", json!({})).await;
    alice
        .post(&format!("/image/v2/images/{kept}/members"), json!({"member": alice_batch.project_id}))
        .await
        .expect(200);
    let gone = alice.create_image("gone", json!({})).await;
    alice.delete(&format!("/image/v2/images/{gone}")).await.expect(204);
    let name = async |query: String| {
        let answer = admin.get(&format!("/effigy/v1/audit?{query}")).await.expect(200).json();
        answer["events"][0]["target_name"].clone()
    };
    assert_eq!(name(format!("target_id={kept}&action=image.create")).await, "kept");
    assert_eq!(name(format!("target_id={kept}&action=image.member.create")).await, "kept/batch");
    assert_eq!(name(format!("target_id={gone}&action=image.create")).await, Value::Null);
    let of_alice = name(format!("target_id={}", alice.user_id)).await;
    assert_eq!(of_alice, "alice");
    let granted = name("action=project.user.role.set".to_string()).await;
    assert!(granted.as_str().is_some_and(|name| name.split('/').count() == 3 && !name.contains('-')), "{granted}");
}

#[tokio::test]
async fn instances_are_counted_whatever_the_page() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let micro = alice.save_image("micro", "raw", micro_disk("counted", 1 << 20)).await;
    for name in ["web-1", "web-2", "db-1"] {
        let fields = json!({"tags": if name == "db-1" { json!([]) } else { json!(["front"]) }});
        alice.launch(name, &micro, fields).await.expect(202);
    }
    let count = async |person: &crate::support::Person, query: &str| {
        person.get(&format!("/effigy/v1/instances/count?{query}")).await.expect(200).json()["count"].clone()
    };
    for (query, expected) in [("", 3), ("limit=1", 3), ("tags=front", 2), ("name=(?i)DB&tags=front", 0), ("name=db", 1)]
    {
        assert_eq!(count(&alice, query).await, expected, "{query}");
    }
    assert_eq!((count(&bob, "").await, count(&admin, "all_tenants=1").await), (json!(0), json!(3)));
    assert_eq!(count(&admin, &format!("all_tenants=1&project_id={}", bob.project_id)).await, 0);
    alice.get("/effigy/v1/instances/count?all_tenants=1").await.expect(403);
    alice.get("/effigy/v1/instances/count?colour=red").await.expect(400);
}

#[tokio::test]
async fn limits_of_a_project_bind_it_and_nobody_else() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n[quota]\nimages = 3\ninstances = 1\n").await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let quota = format!("/effigy/v1/projects/{}/quota", alice.project_id);
    let limits = async || alice.get("/effigy/v1/usage").await.expect(200).json()["usage"].clone();
    alice.put(&quota, json!({"images": 9})).await.expect(403);
    admin.put(&quota, json!({"images": u64::MAX})).await.expect(400);

    // Less than the deployment gives.
    admin.put(&quota, json!({"images": 1, "image_bytes": 1 << 20})).await.expect(204);
    let micro = alice.save_image("micro", "raw", micro_disk("own limits", 1 << 20)).await;
    let refused = alice.post("/image/v2/images", json!({"name": "second"})).await.expect(413);
    assert!(refused.text().contains("all of its 1 images"), "{}", refused.text());
    bob.create_image("of another", json!({})).await;
    assert_eq!(limits().await["images"], json!({"used": 1, "limit": 1}));
    assert_eq!(limits().await["instances"]["limit"], 1, "the deployment's holds where none is said");

    // More, from the next request on; what is said by name alone holds.
    admin.put(&quota, json!({"images": 9, "instances": 2})).await.expect(204);
    for name in ["one", "two"] {
        alice.launched(name, &micro).await;
    }
    let body = json!({"server": {"name": "three", "imageRef": micro, "flavorRef": "42"}});
    let refused = alice.post("/compute/v2.1/servers", body).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(limits().await["image_bytes"]["limit"], json!(10_u64 << 40));
    let set = alice.get(&format!("/compute/v2.1/os-quota-sets/{}", alice.project_id)).await.expect(200).json();
    assert_eq!(set["quota_set"]["instances"], 2);
    let absolute = alice.get("/compute/v2.1/limits").await.expect(200).json()["limits"]["absolute"].clone();
    assert_eq!(absolute["maxTotalInstances"], 2);

    // A file whose size nobody said is reserved for in steps, which are smaller than the limit.
    admin.put(&quota, json!({"image_bytes": 2 << 20})).await.expect(204);
    let streamed = bob.create_image("unbound", json!({})).await;
    bob.upload(&streamed, vec![1; 3 << 20]).await.expect(204);
    let streamed = alice.create_image("streamed", json!({})).await;
    alice.upload(&streamed, vec![1; 3 << 20]).await.expect(413);
    let streamed = alice.create_image("fits", json!({})).await;
    alice.upload(&streamed, vec![1; 1 << 20]).await.expect(204);

    admin.put(&quota, json!({})).await.expect(204);
    assert_eq!(limits().await["images"]["limit"], 3);
    let all = admin.get("/effigy/v1/projects").await.expect(200).json();
    assert!(all["projects"].as_array().unwrap().iter().all(|of| of["own"].is_null()), "{all}");
}

#[tokio::test]
async fn administrators_see_who_came_in_and_open_a_locked_account() {
    let effigy = Effigy::with("[identity]\nlock_after_failures = 3\n").await;
    let People { admin, alice, .. } = effigy.people().await;
    let of_alice = async || {
        let shown = admin.get("/effigy/v1/users").await.expect(200).json();
        let users = shown["users"].as_array().unwrap().clone();
        users.into_iter().find(|user| user["user_id"] == json!(alice.user_id)).expect("alice")
    };
    let before = of_alice().await;
    assert!(before["last_sign_in_at"].as_str().unwrap().ends_with('Z'), "{before}");
    assert_eq!((&before["locked_addresses"], &before["locked_until"]), (&json!(0), &Value::Null));

    let stranger = effigy.stranger();
    for _ in 0..3 {
        stranger.try_sign_in("alice", "a wrong password", Some("web")).await.expect(401);
    }
    stranger.try_sign_in("alice", PASSWORD, Some("web")).await.expect(401);
    let locked = of_alice().await;
    assert_eq!(locked["locked_addresses"], 1, "{locked}");
    assert!(locked["locked_until"].as_str().is_some(), "{locked}");

    let locks = format!("/effigy/v1/users/{}/locks", alice.user_id);
    alice.delete(&locks).await.expect(403);
    alice.get("/effigy/v1/users").await.expect(403);
    admin.delete("/effigy/v1/users/nobody/locks").await.expect(404);
    admin.delete(&locks).await.expect(204);
    assert_eq!(of_alice().await["locked_addresses"], 0);
    stranger.try_sign_in("alice", PASSWORD, Some("web")).await.expect(201);
    let events = admin.get("/effigy/v1/audit?action=user.unlock").await.expect(200).json();
    assert_eq!(events["events"][0]["target_id"], json!(alice.user_id), "{events}");
}
