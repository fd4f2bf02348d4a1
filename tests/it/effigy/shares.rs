//! Shares on terms: their ends, the offers, the history, and the things that rest on an image.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Effigy, People, Person, eventually, micro_disk};

const ANY: &str = "[sharing]\nscope = \"any\"\n[inspect]\npublic = \"record\"\nshare = \"warn\"\n";

fn shares(image: &str) -> String {
    format!("/effigy/v1/images/{image}/shares")
}

fn history(image: &str) -> String {
    format!("/effigy/v1/images/{image}/share-history")
}

fn in_seconds(seconds: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.format(format).expect("a time")
}

async fn saved(person: &Person, name: &str) -> String {
    person.save_image(name, "raw", micro_disk(name, 1 << 20)).await
}

/// Shares on these terms, in the owner's name.
async fn share(owner: &Person, image: &str, with: &Person, mut terms: Value) -> Answer {
    terms["project"] = json!(with.project_id);
    owner.post(&shares(image), terms).await
}

async fn decide(person: &Person, image: &str, status: &str) -> Answer {
    let at = format!("/image/v2/images/{image}/members/{}", person.project_id);
    person.put(&at, json!({ "status": status })).await
}

fn steps(page: &Value) -> Vec<&str> {
    page["history"].as_array().expect("a history").iter().map(|step| step["step"].as_str().expect("a step")).collect()
}

#[tokio::test]
async fn terms_are_seen_by_those_whom_they_concern() {
    let effigy = Effigy::with(ANY).await;
    let People { admin, alice, alice_batch, bob, rita, .. } = effigy.people().await;
    let image = saved(&alice, "golden").await;
    let end = in_seconds(3600);
    let terms = json!({"expires_at": end, "reason": "the audit of May", "note": "boots by UEFI"});
    let made = share(&alice, &image, &bob, terms).await.expect(201).json();
    assert_eq!((&made["status"], &made["expires_at"]), (&json!("pending"), &json!(end)));
    share(&alice, &image, &alice_batch, json!({})).await.expect(201);
    share(&alice, &image, &bob, json!({})).await.expect(409);

    // On the wire of the Image API a share is a plain member.
    let members = alice.get(&format!("/image/v2/images/{image}/members")).await.expect(200).json();
    let plain = ["created_at", "image_id", "member_id", "schema", "status", "updated_at"];
    for member in members["members"].as_array().unwrap() {
        assert!(member.as_object().unwrap().keys().all(|key| plain.contains(&key.as_str())), "{member}");
    }

    let seen = async |person: &Person| person.get(&shares(&image)).await.expect(200).json()["shares"].clone();
    for owner in [&alice, &rita, &admin] {
        let all = seen(owner).await;
        assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
        let of_bob = all.as_array().unwrap().iter().find(|one| one["project_id"] == *bob.project_id).unwrap();
        assert_eq!((&of_bob["reason"], &of_bob["project_name"]), (&json!("the audit of May"), &Value::Null), "{all}");
    }
    let own = seen(&bob).await;
    assert_eq!(own.as_array().unwrap().len(), 1, "{own}");
    assert_eq!((&own[0]["note"], &own[0]["reason"]), (&json!("boots by UEFI"), &Value::Null));
    let one = format!("{}/{}", shares(&image), bob.project_id);
    assert_eq!(bob.get(&one).await.expect(200).json()["expires_at"], json!(end));
    alice_batch.get(&one).await.expect(404);

    // Pages, and terms that are set anew: those that are left out are none.
    let first = alice.get(&format!("{}?limit=1", shares(&image))).await.expect(200).json();
    let next = alice.get(first["next"].as_str().expect("a next page")).await.expect(200).json();
    assert_ne!(first["shares"][0]["project_id"], next["shares"][0]["project_id"]);
    assert_eq!(next["next"], Value::Null);
    bob.put(&one, json!({})).await.expect(403);
    rita.put(&one, json!({})).await.expect(403);
    let set = alice.put(&one, json!({"note": "and by BIOS"})).await.expect(200).json();
    assert_eq!((&set["note"], &set["reason"], &set["expires_at"]), (&json!("and by BIOS"), &Value::Null, &Value::Null));

    for (terms, why) in [
        (json!({"expires_at": in_seconds(-1)}), "to come"),
        (json!({"expires_at": "2126-01-01T00:00:00.5Z"}), "expires_at"),
        (json!({"expires_at": "soon"}), "such as"),
        (json!({"reason": "x".repeat(1025)}), "1024 bytes"),
        (json!({"note": "가".repeat(1366)}), "4096 bytes"),
        (json!({"note": "a\u{0}b"}), "NUL"),
    ] {
        let refused = alice.put(&one, terms.clone()).await.expect(400).text();
        assert!(refused.contains(why), "{terms}: {refused}");
    }

    // To a stranger there is nothing of it, as of an image that does not exist.
    let private = saved(&alice, "hidden").await;
    for path in [shares(&private), history(&private), format!("/effigy/v1/images/{private}/references")] {
        let there = bob.get(&path).await.expect(404).text();
        let nowhere = path.replace(&private, "00000000-0000-4000-8000-000000000000");
        let missing = bob.get(&nowhere).await.expect(404).text();
        let same = |text: String, id: &str| text.replace(id, "ID");
        let cut = |text: String| text.split("req-").next().unwrap_or_default().to_owned();
        assert_eq!(
            cut(same(there, &private)),
            cut(same(missing, "00000000-0000-4000-8000-000000000000")),
            "it tells that there is an image: {path}"
        );
    }
}

#[tokio::test]
async fn end_comes_to_the_second_and_without_the_clock() {
    let mut effigy = Effigy::with(ANY).await;
    let People { alice, bob, .. } = effigy.people().await;
    let image = saved(&alice, "golden").await;
    share(&alice, &image, &bob, json!({"expires_at": in_seconds(3600), "note": "for now"})).await.expect(201);
    decide(&bob, &image, "accepted").await.expect(200);
    bob.launched("goes-on", &image).await;
    bob.download(&image).await.expect(200);
    // A part is of a download that was counted, and to ask for the head reads nothing.
    let file = format!("/image/v2/images/{image}/file");
    Answer::of(bob.request(reqwest::Method::GET, &file).header("Range", "bytes=512-1023")).await.expect(206);
    Answer::of(bob.request(reqwest::Method::HEAD, &file)).await.expect(200);
    let uses = alice.get(&history(&image)).await.expect(200).json()["uses"].clone();
    assert_eq!((&uses[0]["launches"], &uses[0]["downloads"]), (&json!(1), &json!(1)), "{uses}");
    assert_eq!(uses[0]["project_id"], json!(bob.project_id));

    // A moment that lies between two turns of the clock, as often as not.
    let end = time::OffsetDateTime::now_utc().unix_timestamp() + 3;
    let at = format!("{}/{}", shares(&image), bob.project_id);
    alice.put(&at, json!({"expires_at": in_seconds(3)})).await.expect(200);
    bob.get(&format!("/image/v2/images/{image}")).await.expect(200);
    while time::OffsetDateTime::now_utc().unix_timestamp() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bob.get(&format!("/image/v2/images/{image}")).await.expect(404);
    bob.download(&image).await.expect(404);
    bob.launch("too-late", &image, json!({})).await.expect(400);
    let listed = bob.get("/image/v2/images?visibility=shared").await.expect(200).json();
    assert_eq!(listed["images"], json!([]));
    alice.get(&at).await.expect(404);
    alice.delete(&format!("/image/v2/images/{image}/members/{}", bob.project_id)).await.expect(404);
    let servers = bob.get("/compute/v2.1/servers/detail").await.expect(200).json();
    assert_eq!(servers["servers"][0]["status"], "ACTIVE", "what runs goes on");

    // Killed meanwhile, the next run takes the row and tells the audit.
    effigy.kill9();
    effigy.run().await;
    let told = eventually("the end in the audit", Duration::from_secs(60), async || {
        let events = effigy.admin().await.get("/effigy/v1/audit?action=image.share.expire").await.expect(200).json();
        events["events"].as_array().and_then(|events| events.first().cloned())
    })
    .await;
    assert_eq!(told["target_id"], json!(format!("{image}/{}", bob.project_id)), "{told}");
    let page = effigy.admin().await.get(&history(&image)).await.expect(200).json();
    assert_eq!(steps(&page), ["expired", "changed", "accepted", "shared"], "{page}");
}

#[tokio::test]
async fn offers_wait_with_a_note_and_both_sides_have_a_history() {
    let effigy = Effigy::with(ANY).await;
    let People { alice, bob, rita, .. } = effigy.people().await;
    let (first, second) = (saved(&alice, "first").await, saved(&alice, "second").await);
    let end = in_seconds(3600);
    share(&alice, &first, &bob, json!({"reason": "of our own"})).await.expect(201);
    share(&alice, &second, &bob, json!({"note": "the newer", "expires_at": end})).await.expect(201);

    const OFFERS: &str = "/effigy/v1/sharing/offers";
    let page = bob.get(&format!("{OFFERS}?limit=1")).await.expect(200).json();
    let offer = &page["offers"][0];
    assert_eq!((&offer["image"], &offer["owner_name"]), (&json!(second), &json!("web")), "{page}");
    assert_eq!((&offer["note"], &offer["expires_at"]), (&json!("the newer"), &json!(end)), "{page}");
    assert!(offer.get("reason").is_none(), "{page}");
    let next = page["next"].as_str().expect("a next page");
    let second_page = bob.get(next).await.expect(200).json();
    assert_eq!(second_page["offers"][0]["image"], json!(first), "{second_page}");
    bob.get(&format!("{OFFERS}?marker=00000000-0000-4000-8000-000000000000")).await.expect(400);
    assert_eq!(alice.get(OFFERS).await.expect(200).json()["offers"], json!([]));

    decide(&bob, &second, "accepted").await.expect(200);
    assert_eq!(bob.get(next).await.expect(200).json(), second_page, "it goes on after one that is answered");
    decide(&bob, &first, "rejected").await.expect(200);
    assert_eq!(bob.get(OFFERS).await.expect(200).json()["offers"], json!([]));
    let named = alice.get(&shares(&second)).await.expect(200).json();
    assert_eq!(named["shares"][0]["project_name"], "other", "one that has accepted is named");

    alice.delete(&format!("/image/v2/images/{second}/members/{}", bob.project_id)).await.expect(204);
    let owners = rita.get(&history(&second)).await.expect(200).json();
    assert_eq!(steps(&owners), ["ended", "accepted", "shared"], "{owners}");
    bob.get(&history(&second)).await.expect(404);
    let own = bob.get("/effigy/v1/sharing/history").await.expect(200).json();
    assert_eq!(steps(&own), ["ended", "rejected", "accepted", "shared", "shared"], "{own}");
    assert!(own["history"].as_array().unwrap().iter().all(|step| step["reason"].is_null()), "{own}");
    let of_first = alice.get(&history(&first)).await.expect(200).json();
    assert_eq!(of_first["history"][1]["reason"], "of our own", "{of_first}");
    let page = bob.get("/effigy/v1/sharing/history?limit=2").await.expect(200).json();
    let rest = bob.get(page["next"].as_str().expect("a next page")).await.expect(200).json();
    assert_eq!(steps(&rest), ["accepted", "shared"], "{rest}");
    // Nobody else's: not of the owner as a receiver.
    assert_eq!(alice.get("/effigy/v1/sharing/history").await.expect(200).json()["history"], json!([]));
}

#[tokio::test]
async fn where_nothing_is_shared_there_are_no_shares() {
    let effigy = Effigy::with("[sharing]\nscope = \"off\"\n").await;
    let People { alice, bob, .. } = effigy.people().await;
    let image = saved(&alice, "golden").await;
    share(&alice, &image, &bob, json!({})).await.expect(403);
    let one = format!("{}/{}", shares(&image), bob.project_id);
    alice.put(&one, json!({})).await.expect(403);
    for path in [&shares(&image), &one, &history(&image), "/effigy/v1/sharing/offers", "/effigy/v1/sharing/history"] {
        let refused = alice.get(path).await.expect(403).text();
        assert!(refused.contains("does not share"), "{path}: {refused}");
    }
}

#[tokio::test]
async fn release_takes_the_terms_over() {
    let effigy = Effigy::with(ANY).await;
    let People { alice, bob, .. } = effigy.people().await;
    let (first, second) = (saved(&alice, "first").await, saved(&alice, "second").await);
    let end = in_seconds(3600);
    share(&alice, &first, &bob, json!({"expires_at": end, "note": "for a while"})).await.expect(201);
    alice.post("/effigy/v1/channels", json!({"name": "golden", "image": first})).await.expect(201);
    let promote = json!({ "image": second });
    alice.post("/effigy/v1/channels/golden/actions/promote", promote).await.expect(200);
    let taken = bob.get(&shares(&second)).await.expect(200).json();
    assert_eq!((&taken["shares"][0]["expires_at"], &taken["shares"][0]["note"]), (&json!(end), &json!("for a while")));
}

#[tokio::test]
async fn references_say_what_deleting_does_and_it_does_so() {
    let effigy = Effigy::with(ANY).await;
    let People { alice, bob, rita, .. } = effigy.people().await;
    let image = saved(&alice, "golden").await;
    let at = format!("/effigy/v1/images/{image}/references");
    let show = async || alice.get(&at).await.expect(200).json();
    let lone = show().await;
    assert_eq!(lone["instances"], json!({"own": [], "own_count": 0, "elsewhere": 0}));
    assert_eq!((&lone["deletion"]["refused"], &lone["deletion"]["breaks"]), (&Value::Null, &json!([])), "{lone}");
    let storage = alice.get(&format!("/effigy/v1/images/{image}/storage")).await.expect(200).json();
    assert_eq!(lone["deletion"]["frees_bytes"], storage["storage"]["unique_bytes"], "the caller's own sight, no more");

    share(&alice, &image, &bob, json!({"reason": "a test"})).await.expect(201);
    decide(&bob, &image, "accepted").await.expect(200);
    let own = alice.launched("of-the-owner", &image).await;
    let others = bob.launched("of-another", &image).await;
    let copy = alice.create_image("copy", json!({"base_image_ref": image})).await;
    bob.create_image("secret", json!({"base_image_ref": image})).await;
    let full = show().await;
    assert_eq!(full["instances"]["own"][0]["id"], json!(own), "{full}");
    assert_eq!((&full["instances"]["own_count"], &full["instances"]["elsewhere"]), (&json!(1), &json!(1)), "{full}");
    assert_eq!((&full["images"]["own"][0]["id"], &full["images"]["elsewhere"]), (&json!(copy), &json!(1)), "{full}");
    assert_eq!(full["deletion"]["breaks"], json!(["rebuilds", "shares"]), "{full}");
    assert_eq!(full["stores"].as_array().unwrap().len(), 1, "{full}");
    let text = full.to_string();
    assert!(!text.contains(&others) && !text.contains("of-another") && !text.contains("secret"), "{text}");

    // The receiver knows the image, and not what rests on it; a reader of the project does not change it.
    bob.get(&at).await.expect(403);
    rita.get(&at).await.expect(403);
    alice.patch_image(&image, json!([{"op": "replace", "path": "/protected", "value": true}])).await.expect(200);
    let refused = show().await["deletion"]["refused"].as_str().expect("a reason").to_owned();
    let really = alice.delete(&format!("/image/v2/images/{image}")).await.expect(403).text();
    assert!(really.contains(&refused), "{really} is not {refused}");
    alice.patch_image(&image, json!([{"op": "replace", "path": "/protected", "value": false}])).await.expect(200);
    alice.post("/effigy/v1/channels", json!({"name": "golden", "image": image})).await.expect(201);
    let current = show().await;
    assert_eq!((&current["release"]["name"], &current["release"]["is_current"]), (&json!("golden"), &json!(true)));
    let refused = current["deletion"]["refused"].as_str().expect("a reason").to_owned();
    let really = alice.delete(&format!("/image/v2/images/{image}")).await.expect(409).text();
    assert!(really.contains(&refused), "{really} is not {refused}");
    alice.delete("/effigy/v1/channels/golden").await.expect(204);

    assert_eq!(show().await["deletion"], full["deletion"]);
    alice.delete(&format!("/image/v2/images/{image}")).await.expect(204);
    alice.get(&at).await.expect(404);
    bob.get(&format!("/image/v2/images/{image}")).await.expect(404);
    for (person, id) in [(&alice, &own), (&bob, &others)] {
        assert_eq!(person.instance(id).await["status"], "ACTIVE", "instances go on");
        person.act(id, json!({"rebuild": {"imageRef": image}})).await.expect(400);
    }
}
