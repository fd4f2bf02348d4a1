//! The usage, the activity and the sharing of a project, in one read each.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Effigy, People, Person, eventually, micro_disk};

const PATIENCE: Duration = Duration::from_secs(60);

async fn activity(person: &Person, query: &str) -> Vec<Value> {
    let answer = person.get(&format!("/effigy/v1/activity{query}")).await.expect(200).json();
    answer["activity"].as_array().expect("a list").clone()
}

fn entry<'a>(all: &'a [Value], name: &str, action: &str) -> &'a Value {
    let found = all.iter().find(|entry| entry["name"] == name && entry["action"] == action);
    found.unwrap_or_else(|| panic!("no {action} of {name} in {all:?}"))
}

#[tokio::test]
async fn usage_stands_beside_its_limits() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n[quota]\nimages = 7\ninstances = 3\n").await;
    let People { alice, bob, .. } = effigy.people().await;
    let micro = alice.save_image("micro", "raw", micro_disk("usage", 1 << 20)).await;
    alice.launched("one", &micro).await;

    let usage = alice.get("/effigy/v1/usage").await.expect(200).json()["usage"].clone();

    assert_eq!(usage["images"], json!({"used": 1, "limit": 7}));
    assert_eq!(usage["instances"], json!({"used": 1, "limit": 3}));
    assert_eq!(usage["image_bytes"]["used"], json!(1 << 20));
    assert!(usage["vcpus"]["used"].as_u64() >= Some(1) && usage["memory_mib"]["used"].as_u64() >= Some(1), "{usage}");
    let others = bob.get("/effigy/v1/usage").await.expect(200).json()["usage"].clone();
    assert_eq!((&others["images"]["used"], &others["instances"]["used"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn usage_has_no_instances_where_none_are_run() {
    let effigy = Effigy::with("[instances]\nenabled = false\n").await;
    let People { alice, .. } = effigy.people().await;
    let usage = alice.get("/effigy/v1/usage").await.expect(200).json()["usage"].clone();
    assert_eq!((&usage["instances"], &usage["vcpus"]), (&Value::Null, &Value::Null));
    assert_eq!(activity(&alice, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn activity_tells_what_is_under_way_and_how_it_ended() {
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let People { alice, bob, rita, .. } = effigy.people().await;
    let micro = alice.save_image("micro", "raw", micro_disk("activity", 1 << 20)).await;
    let refused = alice.create_image("refused", json!({"disk_format": "qcow2"})).await;
    alice.upload(&refused, vec![7; 4096]).await.expect(415);
    let staged = alice.create_image("staged", json!({})).await;
    alice.put_bytes(&format!("/image/v2/images/{staged}/stage"), vec![1; 4096]).await.expect(204);
    let waiting = alice.create_image("waiting", json!({})).await;
    let id = alice.launched("one", &micro).await;
    alice.post(&format!("/effigy/v1/instances/{id}/actions/force-off"), json!({})).await.expect(202);
    alice.instance_becomes(&id, "SHUTOFF").await;

    let all = eventually("the end of the action", PATIENCE, async || {
        let all = activity(&alice, "").await;
        all.iter().any(|entry| entry["action"] == "forceOff" && entry["state"] == "done").then_some(all)
    })
    .await;

    let done = entry(&all, "micro", "create");
    assert_eq!((&done["state"], &done["thing"], &done["id"]), (&json!("done"), &json!("image"), &json!(micro)));
    let failed = entry(&all, "refused", "create");
    assert_eq!(failed["state"], "failed");
    assert!(failed["message"].as_str().is_some_and(|why| !why.is_empty()), "{failed}");
    let under_way = entry(&all, "staged", "stage");
    assert_eq!((&under_way["state"], &under_way["ended_at"]), (&json!("under_way"), &Value::Null));
    let launched = entry(&all, "one", "create");
    assert_eq!((&launched["state"], &launched["thing"]), (&json!("done"), &json!("instance")));
    assert!(all.iter().all(|entry| entry["id"] != json!(waiting)), "nothing was done with it: {all:?}");
    let now: Vec<_> = activity(&alice, "?under_way=true").await.iter().map(|entry| entry["name"].clone()).collect();
    assert_eq!(now, ["staged"]);
    assert_eq!(activity(&bob, "").await, Vec::<Value>::new());
    assert_eq!(activity(&rita, "").await.len(), all.len(), "a reader sees what happens in the project");

    alice.delete(&format!("/compute/v2.1/servers/{id}")).await.expect(204);
    eventually("the deletion", PATIENCE, async || {
        let all = activity(&alice, "").await;
        all.iter().any(|entry| entry["action"] == "delete" && entry["is_there"] == false).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sharing_names_those_who_share_and_nobody_else() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", micro_disk("golden", 1 << 20)).await;
    let members = format!("/image/v2/images/{id}/members");
    let names = async |person: &Person| {
        let sharing = person.get("/effigy/v1/sharing").await.expect(200).json();
        sharing["projects"].as_array().unwrap().iter().map(|project| project["name"].clone()).collect::<Vec<_>>()
    };
    let offers = async |person: &Person| person.get("/effigy/v1/activity").await.expect(200).json()["offers"].clone();
    let rejected =
        async |person: &Person| person.get("/effigy/v1/sharing").await.expect(200).json()["rejected"].clone();
    admin.save_image("of the provider", "raw", micro_disk("provider", 1 << 20)).await;
    assert_eq!((names(&alice).await, names(&bob).await), (Vec::<Value>::new(), Vec::new()));

    alice.post(&members, json!({"member": bob.project_id})).await.expect(200);

    // The offer says from whom it is; it does not tell the name of a project whose id somebody knows.
    assert_eq!((names(&bob).await, offers(&bob).await), (vec![json!("web")], json!(1)));
    assert_eq!((names(&alice).await, offers(&alice).await), (Vec::<Value>::new(), json!(0)));

    let own = format!("{members}/{}", bob.project_id);
    bob.put(&own, json!({"status": "accepted"})).await.expect(200);
    assert_eq!((names(&alice).await, offers(&bob).await), (vec![json!("other")], json!(0)));

    bob.put(&own, json!({"status": "rejected"})).await.expect(200);
    assert_eq!(names(&alice).await, Vec::<Value>::new());
    let had = rejected(&bob).await;
    assert_eq!(
        (&had[0]["id"], &had[0]["name"], &had[0]["owner"]),
        (&json!(id), &json!("golden"), &json!(alice.project_id))
    );
    bob.get(&format!("/image/v2/images/{id}")).await.expect(200);

    // A change of mind, by the project itself and nobody else.
    bob.put(&own, json!({"status": "accepted"})).await.expect(200);
    assert_eq!(rejected(&bob).await, json!([]));
    bob.get(&format!("/image/v2/images/{id}")).await.expect(200);

    bob.put(&own, json!({"status": "rejected"})).await.expect(200);
    alice.delete(&own).await.expect(204);
    assert_eq!(rejected(&bob).await, json!([]));
    bob.put(&own, json!({"status": "accepted"})).await.expect(404);
}

#[tokio::test]
async fn where_nothing_is_shared_there_is_nobody_to_name() {
    let mut effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let People { alice, bob, .. } = effigy.people().await;
    let id = alice.save_image("golden", "raw", micro_disk("golden", 1 << 20)).await;
    alice.post(&format!("/image/v2/images/{id}/members"), json!({"member": bob.project_id})).await.expect(200);
    effigy.restart_with("[sharing]\nscope = \"off\"\n").await;
    assert_eq!(bob.get("/effigy/v1/sharing").await.expect(200).json(), json!({"projects": [], "rejected": []}));
    assert_eq!(bob.get("/effigy/v1/activity").await.expect(200).json()["offers"], 0);
}
