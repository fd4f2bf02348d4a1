//! Where `inspect.share` refuses, others see an image only after a statement that has nothing against it.

use serde_json::{Value, json};

use super::{SECRET, verified};
use crate::support::{Effigy, People, Person, eventually, linux_disk};

const REFUSE: &str = "[inspect]\nshare = \"refuse\"\n";

fn path(id: &str) -> String {
    format!("/image/v2/images/{id}")
}

/// Whether somebody of another project finds the image, in whichever way there is.
async fn sees(person: &Person, id: &str) -> bool {
    let shown = person.get(&path(id)).await.status == 200;
    let mut listed = false;
    for visibility in ["shared", "community"] {
        let query = format!("/image/v2/images?visibility={visibility}&member_status=all");
        let list = person.get(&query).await.expect(200).json();
        listed |= list["images"].as_array().unwrap().iter().any(|image| image["id"] == *id);
    }
    assert_eq!(shown, listed);
    if !shown {
        assert_eq!(person.get(&format!("{}/file", path(id))).await.status, 404);
        assert_eq!(person.get(&format!("{}/members", path(id))).await.status, 404);
    }
    shown
}

async fn share(owner: &Person, id: &str, with: &Person) -> Option<String> {
    let member = json!({"member": with.project_id});
    let shared = owner.post(&format!("{}/members", path(id)), member).await.expect(200);
    shared.headers.get("warning").map(|warning| warning.to_str().unwrap().to_owned())
}

fn community() -> Value {
    json!([{"op": "replace", "path": "/visibility", "value": "community"}])
}

/// The state that the owner is told.
async fn is_told(owner: &Person, id: &str, state: &str) -> Value {
    eventually(&format!("the owner is told: {state}"), super::PATIENCE, || async {
        let shown = owner.image(id).await;
        (shown["os_effigy_sharing"] == state).then_some(shown)
    })
    .await
}

#[tokio::test]
async fn members_of_a_queued_image_see_it_after_a_statement_without_concern() {
    let effigy = Effigy::with(REFUSE).await;
    let People { alice, alice_batch, .. } = effigy.people().await;
    for (disk, is_good) in [(linux_disk(&[]), true), (linux_disk(&[SECRET]), false)] {
        let id = alice.create_image("shared early", json!({})).await;
        let warning = share(&alice, &id, &alice_batch).await.expect("the owner is told");
        assert!(warning.contains("only its own project sees it"), "{warning}");
        assert!(!sees(&alice_batch, &id).await);
        is_told(&alice, &id, "pending").await;
        alice.upload(&id, disk).await.expect(204);
        if is_good {
            eventually("the member sees it", super::PATIENCE, || async {
                (alice_batch.get(&path(&id)).await.status == 200).then_some(())
            })
            .await;
            assert!(sees(&alice_batch, &id).await);
            assert!(alice.image(&id).await["os_effigy_sharing"].is_null());
        } else {
            let shown = is_told(&alice, &id, "held").await;
            assert!(shown["os_effigy_sharing_why"].as_str().unwrap().contains("private_key"), "{shown}");
            assert!(!sees(&alice_batch, &id).await);
        }
    }
}

#[tokio::test]
async fn a_community_image_is_held_like_a_shared_one() {
    let effigy = Effigy::with(REFUSE).await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let early = alice.create_image("early", json!({"visibility": "community"})).await;
    let changed = alice.create_image("changed", json!({})).await;
    alice.patch_image(&changed, community()).await.expect(200);
    for id in [&early, &changed] {
        assert!(!sees(&bob, id).await);
        alice.upload(id, linux_disk(&[SECRET])).await.expect(204);
        is_told(&alice, id, "held").await;
        assert!(!sees(&bob, id).await);
    }
    let late = alice.save_image("late", "raw", linux_disk(&[SECRET])).await;
    verified(&alice, &late).await;
    let refused = alice.patch_image(&late, community()).await.expect(409).text();
    assert!(refused.contains("private_key"), "{refused}");
    let mut let_through = community();
    let reason = json!({"op": "add", "path": "/effigy_public_reason", "value": "a sample"});
    let_through.as_array_mut().unwrap().push(reason);
    admin.patch_image(&late, let_through).await.expect(200);
    assert!(sees(&bob, &late).await);
    let good = alice.save_image("good", "raw", linux_disk(&[])).await;
    verified(&alice, &good).await;
    alice.patch_image(&good, community()).await.expect(200);
    assert!(sees(&bob, &good).await);
}

#[tokio::test]
async fn a_deployment_that_begins_to_refuse_holds_back_what_is_shared() {
    let mut effigy = Effigy::start().await;
    let People { alice, alice_batch, .. } = effigy.people().await;
    let id = alice.save_image("bad", "raw", linux_disk(&[SECRET])).await;
    verified(&alice, &id).await;
    share(&alice, &id, &alice_batch).await;
    assert!(sees(&alice_batch, &id).await);
    effigy.restart_with(REFUSE).await;
    is_told(&alice, &id, "held").await;
    assert!(!sees(&alice_batch, &id).await);
    effigy.restart_with("").await;
    eventually("the member sees it again", super::PATIENCE, || async {
        (alice_batch.get(&path(&id)).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sharing_warns_or_refuses() {
    let mut effigy = Effigy::start().await;
    let People { alice, alice_batch, .. } = effigy.people().await;
    let id = alice.save_image("bad", "raw", linux_disk(&[SECRET])).await;
    verified(&alice, &id).await;
    let member = json!({"member": alice_batch.project_id});
    let shared = alice.post(&format!("{}/members", path(&id)), member.clone()).await.expect(200);
    let warning = shared.headers["warning"].to_str().unwrap();
    assert!(warning.contains("private_key"), "{warning}");
    alice.delete(&format!("{}/members/{}", path(&id), alice_batch.project_id)).await.expect(204);
    effigy.restart_with("[inspect]\nshare = \"refuse\"\n").await;
    let refused = alice.post(&format!("{}/members", path(&id)), member).await.expect(409).text();
    assert!(refused.contains("private_key"), "{refused}");
}
