//! Sharing, in each of its three scopes.

use serde_json::json;

use super::{bytes, grant, ids, path, share};
use crate::support::{Effigy, People, id_of};

fn members_of(id: &str) -> String {
    format!("{}/members", path(id))
}

#[tokio::test]
async fn one_call_shares_with_an_own_project_at_once() {
    let effigy = Effigy::start().await;
    let People { alice, alice_batch, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", bytes(1, 4096)).await;
    assert_eq!(alice.image(&id).await["visibility"], "private");

    let member = share(&alice, &id, &alice_batch).await;

    assert_eq!((member["status"].as_str(), member["image_id"].as_str()), (Some("accepted"), Some(id.as_str())));
    assert_eq!(member["schema"], "/v2/schemas/member");
    assert_eq!(alice.image(&id).await["visibility"], "shared");
    assert_eq!(ids(&alice_batch, "").await, std::slice::from_ref(&id));
    assert_eq!(ids(&alice_batch, "?visibility=shared").await, std::slice::from_ref(&id));
    assert_eq!(ids(&bob, "?visibility=all").await, Vec::<String>::new());
    alice_batch.download(&id).await.expect(200);
    let again = alice.post(&members_of(&id), json!({"member": alice_batch.project_id})).await.expect(409);
    assert!(again.text().contains("already"), "{}", again.text());

    alice.delete(&format!("{}/{}", members_of(&id), alice_batch.project_id)).await.expect(204);
    alice.delete(&format!("{}/{}", members_of(&id), alice_batch.project_id)).await.expect(404);
    alice_batch.get(&path(&id)).await.expect(404);
    assert_eq!(ids(&alice_batch, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn sharing_reaches_no_strangers_project() {
    let effigy = Effigy::start().await;
    let People { admin, alice, alice_batch, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", bytes(1, 4096)).await;
    let refuse =
        async |member: &str| alice.post(&members_of(&id), json!({ "member": member })).await.expect(403).text();
    let existing = refuse(&bob.project_id).await;
    assert_eq!(existing, refuse("0123456789abcdef0123456789abcdef").await, "it tells which projects exist");
    assert_eq!(existing, refuse("no id at all").await);
    assert_eq!(alice.image(&id).await["visibility"], "private", "a refused share changed the image");
    alice.post(&members_of(&id), json!({"member": alice.project_id})).await.expect(400);

    // An admin shares beyond; the project that did not ask decides for itself.
    let member = admin.post(&members_of(&id), json!({"member": bob.project_id})).await.expect(200).json();
    assert_eq!(member["status"], "pending");
    assert_eq!(ids(&bob, "").await, Vec::<String>::new());
    // So does the admin's own project: to share with it is not to accept for it.
    let member = admin.post(&members_of(&id), json!({"member": admin.project_id})).await.expect(200).json();
    assert_eq!(member["status"], "pending");

    // A member does not share the image on.
    share(&alice, &id, &alice_batch).await;
    let onward = json!({"member": alice_batch.project_id});
    alice_batch.post(&members_of(&id), onward).await.expect(403);
    let third =
        admin.post("/identity/v3/projects", json!({"project": {"name": "third", "domain_id": "default"}})).await;
    grant(&admin, "alice", "third", "member").await;
    let third = third.expect(201).string("/project/id");
    alice_batch.post(&members_of(&id), json!({"member": third})).await.expect(403);
    alice_batch.patch_image(&id, json!([{"op": "add", "path": "/name", "value": "mine"}])).await.expect(403);
}

#[tokio::test]
async fn strangers_decide_for_themselves_in_scope_any() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let People { alice, alice_batch, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", bytes(1, 4096)).await;
    let at = format!("{}/{}", members_of(&id), bob.project_id);

    assert_eq!(share(&alice, &id, &bob).await["status"], "pending");

    assert_eq!(ids(&bob, "").await, Vec::<String>::new(), "a pending image is among bob's");
    assert_eq!(ids(&bob, "?visibility=shared&member_status=pending").await, std::slice::from_ref(&id));
    assert_eq!(ids(&bob, "?visibility=shared&member_status=all").await, std::slice::from_ref(&id));
    bob.get(&path(&id)).await.expect(200);
    alice.put(&at, json!({"status": "accepted"})).await.expect(403);
    bob.put(&at, json!({"status": "glad"})).await.expect(400);
    bob.put(&at, json!({})).await.expect(400);
    let other = format!("{}/{}", members_of(&id), alice_batch.project_id);
    bob.put(&other, json!({"status": "accepted"})).await.expect(404);

    let accepted = bob.put(&at, json!({"member": bob.project_id, "status": "accepted"})).await.expect(200).json();
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(ids(&bob, "").await, std::slice::from_ref(&id));

    // Out of every list; a client that rejects reads what it wrote, and may change its mind.
    bob.put(&at, json!({"status": "rejected"})).await.expect(200);
    bob.get(&path(&id)).await.expect(200);
    assert_eq!(bob.get(&at).await.expect(200).json()["status"], "rejected");
    bob.get(&format!("{}/file", path(&id))).await.expect(403);
    assert_eq!(ids(&bob, "?visibility=shared&member_status=all").await, Vec::<String>::new());
    assert_eq!(ids(&bob, "?member_status=rejected").await, Vec::<String>::new());
    // Her own project is accepted at once in this scope, too.
    assert_eq!(share(&alice, &id, &alice_batch).await["status"], "accepted");
}

#[tokio::test]
async fn member_sees_itself_and_the_owner_everybody() {
    let effigy = Effigy::start().await;
    let People { admin, alice, alice_batch, bob, rita } = effigy.people().await;
    let id = alice.save_image("golden", "raw", bytes(1, 4096)).await;
    assert_eq!(alice.get(&members_of(&id)).await.expect(200).json()["members"], json!([]));
    share(&alice, &id, &alice_batch).await;
    share(&admin, &id, &bob).await;
    let count = async |person: &crate::support::Person| {
        let list = person.get(&members_of(&id)).await.expect(200).json();
        list["members"].as_array().unwrap().len()
    };
    assert_eq!(count(&alice).await, 2);
    assert_eq!(count(&rita).await, 2);
    assert_eq!(count(&alice_batch).await, 1);
    alice.get(&format!("{}/{}", members_of(&id), bob.project_id)).await.expect(200);
    alice_batch.get(&format!("{}/{}", members_of(&id), alice_batch.project_id)).await.expect(200);
    alice_batch.get(&format!("{}/{}", members_of(&id), bob.project_id)).await.expect(404);
    alice.get(&format!("{}/no-id", members_of(&id))).await.expect(404);
    // A filter that has no effect would list everybody.
    alice.get(&format!("{}?status=accepted", members_of(&id))).await.expect(400);
    // A member of one image is none of another.
    let second = alice.save_image("second", "raw", bytes(2, 4096)).await;
    alice.delete(&format!("{}/{}", members_of(&second), bob.project_id)).await.expect(404);
}

#[tokio::test]
async fn nothing_is_shared_where_sharing_is_off() {
    let mut effigy = Effigy::start().await;
    let People { alice, alice_batch, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", bytes(1, 4096)).await;
    share(&alice, &id, &alice_batch).await;

    effigy.restart_with("[sharing]\nscope = \"off\"\n").await;

    let at = format!("{}/{}", members_of(&id), alice_batch.project_id);
    let refusals = [
        alice.post(&members_of(&id), json!({"member": alice_batch.project_id})).await,
        alice.get(&members_of(&id)).await,
        alice.get(&at).await,
        alice.delete(&at).await,
        alice_batch.put(&at, json!({"status": "accepted"})).await,
        alice.post("/image/v2/images", json!({"name": "x", "visibility": "shared"})).await,
        alice.get("/image/v2/images?visibility=shared").await,
        alice.get("/image/v2/images?member_status=all").await,
    ];
    for refusal in refusals {
        let refusal = refusal.expect(403);
        assert!(refusal.text().contains("does not share images"), "{}", refusal.text());
    }
    alice_batch.get(&path(&id)).await.expect(404);
    assert_eq!(ids(&alice_batch, "").await, Vec::<String>::new());
    assert_eq!(ids(&bob, "?visibility=all").await, Vec::<String>::new());
    assert_eq!(ids(&alice, "").await, std::slice::from_ref(&id));
    let private = alice.save_image("private", "raw", bytes(2, 512)).await;
    alice.patch_image(&private, json!([{"op": "add", "path": "/visibility", "value": "shared"}])).await.expect(403);
}

#[tokio::test]
async fn image_has_so_many_members_and_no_more() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("wide", json!({})).await;
    for n in 0..128 {
        alice.post(&members_of(&id), json!({"member": format!("{n:032x}")})).await.expect(200);
    }
    alice.post(&members_of(&id), json!({"member": format!("{:032x}", 128)})).await.expect(413);
    let public = admin.create_image("public", json!({"visibility": "public"})).await;
    let web = id_of(&admin, "projects", "web").await;
    admin.post(&members_of(&public), json!({"member": web})).await.expect(403);
}
