//! The images that each persona sees: an image is in somebody's lists exactly when it is shown to them, in every case
//! there is but one: a rejected image is shown by its address alone.

use reqwest::Method;
use serde_json::json;

use super::{bytes, path, someone};
use crate::support::{Answer, Effigy, Person};

/// `y`: the persona sees such images; `a`: at their address alone. Admin, admin of the system, member and reader of the owner, member and reader of
/// the project it is shared with (if it is), member and reader of another project, somebody without a project.
const KINDS: [(&str, &str); 8] = [
    ("private", "yyyynnnnn"),
    ("shared with nobody", "yyyynnnnn"),
    ("pending", "yyyyyynnn"),
    ("accepted", "yyyyyynnn"),
    ("rejected", "yyyyaannn"),
    ("community", "yyyyyyyyn"),
    ("public", "yyyyyyyyn"),
    ("held back from public", "yyyynnnnn"),
];

/// One image.
struct Case {
    what: String,
    id: String,
    sees: &'static str,
}

/// Signs the person's token over to another scope.
async fn scoped(person: &Person, scope: serde_json::Value) -> Person {
    let auth = json!({"identity": {"methods": ["token"], "token": {"id": person.token}}, "scope": scope});
    let answer = person.post("/identity/v3/auth/tokens", json!({ "auth": auth })).await.expect(201);
    let mut scoped = person.clone();
    scoped.token = answer.header("x-subject-token").expect("a token").to_owned();
    scoped
}

/// Makes an image of a kind in Alice's project *web*.
async fn image(admin: &Person, alice: &Person, batch: &Person, kind: &str, seed: u64) -> String {
    let visibility = match kind {
        "shared with nobody" | "pending" | "accepted" | "rejected" => "shared",
        "community" => "community",
        _ => "private",
    };
    let id = alice.create_image(kind, json!({ "visibility": visibility })).await;
    // Without bytes there is nothing to verify, so that one is held back for good.
    let is_held_back = kind.starts_with("held");
    if !is_held_back {
        alice.upload(&id, bytes(seed, 512)).await.expect(204);
    }
    if kind == "public" || is_held_back {
        let mut patch = vec![json!({"op": "replace", "path": "/visibility", "value": "public"})];
        if !is_held_back {
            patch.push(json!({"op": "add", "path": "/effigy_public_reason", "value": "it is a test"}));
        }
        admin.patch_image(&id, json!(patch)).await.expect(200);
    }
    if ["pending", "accepted", "rejected"].contains(&kind) {
        let members = format!("{}/members", path(&id));
        // The admin belongs to neither project, so the share waits for an answer.
        admin.post(&members, json!({"member": batch.project_id})).await.expect(200);
        if kind != "pending" {
            let decision = json!({"member": batch.project_id, "status": kind});
            batch.put(&format!("{members}/{}", batch.project_id), decision).await.expect(200);
        }
    }
    id
}

/// The images that a list holds; none for somebody who may list none.
async fn listed(person: &Person, query: &str) -> Vec<String> {
    let answer = person.get(&format!("/image/v2/images?member_status=all&limit=1000&{query}")).await;
    if answer.status == 403 {
        return Vec::new();
    }
    let list = answer.expect(200).json();
    let images = list["images"].as_array().expect("images").iter();
    images.map(|image| image["id"].as_str().expect("an id").to_owned()).collect()
}

async fn every_case(admin: &Person, alice: &Person, batch: &Person) -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, sees) in KINDS {
        for (hidden, deactivated) in [(false, false), (true, false), (false, true), (true, true)] {
            if deactivated && kind.starts_with("held") {
                continue; // Only an image with bytes is deactivated.
            }
            let id = image(admin, alice, batch, kind, cases.len() as u64).await;
            if hidden {
                let hide = json!([{"op": "add", "path": "/os_hidden", "value": true}]);
                alice.patch_image(&id, hide).await.expect(200);
            }
            if deactivated {
                let deactivate = format!("{}/actions/deactivate", path(&id));
                Answer::of(alice.request(Method::POST, &deactivate)).await.expect(204);
            }
            let what = format!("{kind}, hidden: {hidden}, deactivated: {deactivated}");
            cases.push(Case { what, id, sees });
        }
    }
    cases
}

#[tokio::test]
async fn image_is_listed_exactly_when_it_is_shown() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let people = effigy.people().await;
    let ruth = someone(&effigy, &people, "ruth", "batch", "reader").await;
    let olga = someone(&effigy, &people, "olga", "other", "reader").await;
    let system = scoped(&people.admin, json!({"system": {"all": true}})).await;
    let unscoped = scoped(&people.alice, json!("unscoped")).await;
    let personas: [(&str, &Person); 9] = [
        ("admin", &people.admin),
        ("admin of the system", &system),
        ("member of the owner", &people.alice),
        ("reader of the owner", &people.rita),
        ("member it is shared with", &people.alice_batch),
        ("reader it is shared with", &ruth),
        ("another's member", &people.bob),
        ("another's reader", &olga),
        ("somebody without a project", &unscoped),
    ];
    let cases = every_case(&people.admin, &people.alice, &people.alice_batch).await;
    for (n, (who, person)) in personas.into_iter().enumerate() {
        let (mut by_visibility, mut all) = (Vec::new(), Vec::new());
        for hidden in [false, true] {
            for visibility in ["private", "shared", "community", "public"] {
                by_visibility.extend(listed(person, &format!("visibility={visibility}&os_hidden={hidden}")).await);
            }
            all.extend(listed(person, &format!("visibility=all&os_hidden={hidden}")).await);
            for id in listed(person, &format!("os_hidden={hidden}")).await {
                assert!(all.contains(&id), "{who}: the default list has {id} and the list of all has not");
            }
        }
        for Case { what, id, sees } in &cases {
            let (is_listed, is_shown) = (sees.as_bytes()[n] == b'y', sees.as_bytes()[n] != b'n');
            let count = |list: &[String]| list.iter().filter(|listed| *listed == id).count();
            assert_eq!(count(&by_visibility), usize::from(is_listed), "{who}: {what}: lists by visibility");
            assert_eq!(count(&all), usize::from(is_listed), "{who}: {what}: the list of all");
            let shown = person.get(&path(id)).await;
            assert_eq!(shown.status, if is_shown { 200 } else { 404 }, "{who}: {what}: {}", shown.text());
            let file = person.get(&format!("{}/file", path(id))).await.status;
            assert_eq!(file != 404, is_shown, "{who}: {what}: the file answers {file}");
        }
    }
}
