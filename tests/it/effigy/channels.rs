//! Channels: one name, one current release, whatever happens meanwhile.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Effigy, People, Person, Postgres, eventually, linux_disk, micro_disk};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Every image is let through; the gate has a test of its own.
const OPEN: &str = "[inspect]\npublic = \"record\"\n";
const CHANNELS: &str = "/effigy/v1/channels";

fn at(channel: &str) -> String {
    format!("{CHANNELS}/{channel}")
}

async fn saved(person: &Person, name: &str) -> String {
    person.save_image(name, "raw", micro_disk(name, 1 << 20)).await
}

async fn promote(person: &Person, channel: &str, image: &str) -> Answer {
    person.post(&format!("{}/actions/promote", at(channel)), json!({"image": image, "notes": "better"})).await
}

async fn roll_back(person: &Person, channel: &str) -> Answer {
    Answer::of(person.request(Method::POST, &format!("{}/actions/roll-back", at(channel)))).await
}

/// A channel of a first image; the image's id.
async fn made(person: &Person, name: &str) -> String {
    let image = saved(person, &format!("{name}-1")).await;
    person.post(CHANNELS, json!({"name": name, "image": image, "notes": "the first"})).await.expect(201);
    image
}

/// The ids of the images of a name, as the Image API lists them.
async fn listed(person: &Person, name: &str, more: &str) -> Vec<String> {
    let list = person.get(&format!("/image/v2/images?name={name}{more}")).await.expect(200).json();
    let images = list["images"].as_array().expect("images");
    images.iter().map(|image| image["id"].as_str().expect("an id").to_owned()).collect()
}

async fn number(person: &Person, channel: &str) -> i64 {
    person.get(&at(channel)).await.expect(200).json()["current"]["number"].as_i64().expect("a number")
}

#[tokio::test]
async fn a_name_leads_to_the_current_release_and_a_pin_to_its_own() {
    let effigy = Effigy::with(OPEN).await;
    let People { alice, rita, .. } = effigy.people().await;
    let first = made(&alice, "golden").await;
    let second = saved(&alice, "golden-2").await;
    assert_eq!(listed(&alice, "golden", "").await, [first.as_str()]);

    let shown = promote(&alice, "golden", &second).await.expect(200).json();
    assert_eq!((&shown["current"]["number"], &shown["current"]["image"]), (&json!(2), &json!(second)));
    assert_eq!(listed(&alice, "golden", "").await, [second.as_str()]);
    assert_eq!(listed(&alice, "golden", "&os_hidden=true").await, [first.as_str()]);
    let old = alice.image(&first).await;
    assert_eq!(
        (&old["name"], &old["os_hidden"], &old["os_effigy_release"]),
        (&json!("golden"), &json!(true), &json!("1"))
    );
    assert_eq!(alice.image(&second).await["os_effigy_release"], "2");
    let beside = alice.get(&format!("/effigy/v1/images/{second}")).await.expect(200).json();
    assert_eq!(beside["effigy"]["channel"], shown["id"]);

    // A pin is a number, an image or a disk, and means the same release after later promotions.
    let digest = alice.get(&format!("{}/releases/1", at("golden"))).await.expect(200).string("/disk_digest");
    for pin in ["1", &first, &digest] {
        let pinned = rita.get(&format!("{}/releases/{pin}", at("golden"))).await.expect(200).json();
        assert_eq!((&pinned["image"], &pinned["former_name"]), (&json!(first), &json!("golden-1")), "{pin}");
        assert_eq!((&pinned["notes"], &pinned["is_current"]), (&json!("the first"), &json!(false)));
    }
    rita.get(&format!("{}/releases/3", at("golden"))).await.expect(404);
    alice.launched("of-the-pin", &first).await;

    assert_eq!(roll_back(&alice, "golden").await.expect(200).json()["current"]["number"], 1);
    assert_eq!(listed(&alice, "golden", "").await, [first.as_str()]);
    // Back from a release that took the place of 1 and not of 2, which was left.
    let third = saved(&alice, "golden-3").await;
    promote(&alice, "golden", &third).await.expect(200);
    assert_eq!(roll_back(&alice, "golden").await.expect(200).json()["current"]["number"], 1);
    let refused = roll_back(&alice, "golden").await.expect(409).text();
    assert!(refused.contains("no release before") && refused.contains("promote"), "{refused}");

    let history = rita.get(&format!("{}/history", at("golden"))).await.expect(200).json();
    let steps: Vec<_> = history["history"].as_array().unwrap().iter().rev().collect();
    let told: Vec<_> =
        steps.iter().map(|step| (step["action"].as_str().unwrap(), step["release"].as_i64().unwrap())).collect();
    let expected = [("promoted", 1), ("promoted", 2), ("rolled_back", 1), ("promoted", 3), ("rolled_back", 1)];
    assert_eq!(told, expected, "{history}");
    assert!(steps.iter().all(|step| step["user_name"] == "alice" && step["user_id"] == *alice.user_id), "{history}");
    let releases = rita.get(&format!("{}/releases", at("golden"))).await.expect(200).json();
    let current: Vec<_> =
        releases["releases"].as_array().unwrap().iter().filter(|one| one["is_current"] == true).collect();
    assert_eq!((current.len(), &current[0]["number"]), (1, &json!(1)), "{releases}");

    // An image that is promoted again keeps its number, and a deleted one goes with its number.
    promote(&alice, "golden", &second).await.expect(200);
    assert_eq!(number(&alice, "golden").await, 2);
    alice.delete(&format!("/image/v2/images/{third}")).await.expect(204);
    alice.get(&format!("{}/releases/3", at("golden"))).await.expect(404);
    let fourth = saved(&alice, "golden-4").await;
    assert_eq!(promote(&alice, "golden", &fourth).await.expect(200).json()["current"]["number"], 4);
}

#[tokio::test]
async fn a_channel_guards_its_name_and_its_current_release() {
    let effigy = Effigy::with(OPEN).await;
    let People { admin, alice, alice_batch, .. } = effigy.people().await;
    let first = made(&alice, "golden").await;
    let other = saved(&alice, "other").await;
    let image = |id: &str| format!("/image/v2/images/{id}");
    let set = |name: &str, value: Value| json!([{"op": "replace", "path": format!("/{name}"), "value": value}]);

    let refused = alice.delete(&image(&first)).await.expect(409).text();
    assert!(refused.contains("golden") && refused.contains("promote another release"), "{refused}");
    for change in [set("name", json!("mine")), set("os_hidden", json!(true))] {
        let refused = alice.patch_image(&first, change).await.expect(409).text();
        assert!(refused.contains("release 1") && refused.contains("delete the channel"), "{refused}");
    }
    admin.patch_image(&first, set("owner", json!(alice_batch.project_id))).await.expect(409);
    for name in ["os_effigy_release", "os_effigy_deprecated_at", "os_effigy_retired_at"] {
        let change = json!([{"op": "add", "path": format!("/{name}"), "value": "1"}]);
        alice.patch_image(&first, change).await.expect(403);
    }

    // No other image of the project is listed under the name; hidden ones, and those of others, are nobody's concern.
    let named = json!({"name": "golden", "disk_format": "raw", "container_format": "bare"});
    let refused = alice.post("/image/v2/images", named.clone()).await.expect(409).text();
    assert!(refused.contains("promote it there"), "{refused}");
    alice.patch_image(&other, set("name", json!("golden"))).await.expect(409);
    let hidden = alice.create_image("golden", json!({"os_hidden": true})).await;
    alice.patch_image(&hidden, set("os_hidden", json!(false))).await.expect(409);
    alice_batch.post("/image/v2/images", named).await.expect(201);
    let twin = saved(&alice_batch, "twin").await;
    let taken = alice_batch.post(CHANNELS, json!({"name": "golden", "image": twin})).await.expect(409).text();
    assert!(taken.contains("rename it or hide it"), "{taken}");

    alice.post(CHANNELS, json!({"name": "golden", "image": other})).await.expect(409);
    alice.post(CHANNELS, json!({"name": "next", "image": first})).await.expect(409);
    alice.post(CHANNELS, json!({"name": first, "image": other})).await.expect(400);
    alice.post(CHANNELS, json!({"name": "next", "image": other, "colour": "red"})).await.expect(400);
    alice.post(CHANNELS, json!({"name": "next", "image": other, "notes": "x".repeat(16_385)})).await.expect(400);
    let theirs = promote(&admin, &id_of(&alice, "golden").await, &twin).await.expect(409).text();
    assert!(theirs.contains("another project"), "{theirs}");
    let empty = alice.create_image("empty", json!({})).await;
    assert!(promote(&alice, "golden", &empty).await.expect(409).text().contains("not active but queued"));
    assert!(promote(&alice, "golden", &first).await.expect(409).text().contains("already"));
    let stale = json!({"image": other, "from": 7});
    alice.post(&format!("{}/actions/promote", at("golden")), stale).await.expect(409);
    assert_eq!(number(&alice, "golden").await, 1);

    // Without the channel the image is one like any other.
    alice.delete(&at("golden")).await.expect(204);
    alice.get(&at("golden")).await.expect(404);
    assert_eq!(listed(&alice, "golden", "").await, [first.as_str()]);
    assert!(alice.image(&first).await["os_effigy_release"].is_null());
    alice.delete(&image(&first)).await.expect(204);
}

async fn id_of(person: &Person, channel: &str) -> String {
    person.get(&at(channel)).await.expect(200).string("/id")
}

#[tokio::test]
async fn a_release_passes_the_gate_or_has_a_reason() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let good = alice.save_image("good", "raw", linux_disk(&[])).await;
    let secret = ("/root/.ssh/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n");
    let bad = alice.save_image("bad", "raw", linux_disk(&[secret])).await;
    for id in [&good, &bad] {
        eventually("verified", PATIENCE, || async {
            let shown = alice.get(&format!("/effigy/v1/images/{id}/verification")).await.expect(200).json();
            (shown["state"] == "done" && !shown["verdict"].is_null()).then_some(())
        })
        .await;
    }
    alice.post(CHANNELS, json!({"name": "golden", "image": good})).await.expect(201);
    let refused = promote(&alice, "golden", &bad).await.expect(409).text();
    assert!(refused.contains("private_key") && refused.contains("give a reason"), "{refused}");
    let with_reason = json!({"image": bad, "reason": "the key is a test key"});
    alice.post(&format!("{}/actions/promote", at("golden")), with_reason).await.expect(200);
    let history = alice.get(&format!("{}/history", at("golden"))).await.expect(200).json();
    assert_eq!(history["history"][0]["reason"], "the key is a test key", "{history}");
    roll_back(&alice, "golden").await.expect(200);

    // Everybody sees a public channel, and only an administrator releases in it.
    let public = json!([{"op": "replace", "path": "/visibility", "value": "public"}]);
    admin.patch_image(&good, public).await.expect(200);
    let id = id_of(&alice, "golden").await;
    assert_eq!(bob.get(&at("golden")).await.expect(200).string("/id"), id);
    let refused =
        alice.post(&format!("{}/actions/promote", at("golden")), json!({"image": bad, "reason": "mine"})).await;
    refused.expect(403);
    let reason = json!({"image": bad, "reason": "a test key"});
    admin.post(&format!("{}/actions/promote", at(&id)), reason).await.expect(200);
    assert_eq!(listed(&bob, "golden", "").await, [bad.as_str()], "the new release is as public as the one before");
    let shown = alice.image(&bad).await;
    assert_eq!((&shown["visibility"], &shown["effigy_public_reason"]), (&json!("public"), &json!("a test key")));
    let events = admin.get(&format!("/effigy/v1/audit?action=channel&target_id={id}")).await.expect(200).json();
    let actions: Vec<_> = events["events"].as_array().unwrap().iter().map(|event| event["action"].clone()).collect();
    assert!(actions.contains(&json!("channel.promote")) && actions.contains(&json!("channel.roll-back")), "{events}");
    assert!(actions.contains(&json!("channel.create")), "{events}");
}

#[tokio::test]
async fn those_who_see_a_release_see_the_next_one() {
    let effigy = Effigy::with(&format!("{OPEN}[sharing]\nscope = \"any\"\n")).await;
    let People { alice, bob, alice_batch, .. } = effigy.people().await;
    let first = made(&alice, "golden").await;
    alice_batch.get(&at("golden")).await.expect(404);
    for other in [&bob, &alice_batch] {
        let members = format!("/image/v2/images/{first}/members");
        alice.post(&members, json!({"member": other.project_id})).await.expect(200);
    }
    let accept = format!("/image/v2/images/{first}/members/{}", bob.project_id);
    bob.put(&accept, json!({"status": "accepted"})).await.expect(200);
    let second = saved(&alice, "golden-2").await;
    promote(&alice, "golden", &second).await.expect(200);
    assert_eq!(listed(&bob, "golden", "&visibility=shared").await, [second.as_str()]);
    assert_eq!(number(&bob, "golden").await, 2);
    let member = bob.get(&format!("/image/v2/images/{second}/members/{}", bob.project_id)).await.expect(200).json();
    assert_eq!(member["status"], "accepted");
    // The older one stays launchable for those who pinned it. Others are told no name.
    let pinned = bob.get(&format!("{}/releases/1", at("golden"))).await.expect(200).json();
    assert_eq!((&pinned["image"], &pinned["former_name"]), (&json!(first), &Value::Null));
    bob.get(&format!("{}/history", at("golden"))).await.expect(403);
    promote(&bob, "golden", &second).await.expect(403);
}

/// One letter for each persona: `y` may, `f` is refused, `h` finds nothing, `u` is not known.
#[tokio::test]
async fn who_may_do_what_with_a_channel() {
    let effigy = Effigy::with(OPEN).await;
    let people = effigy.people().await;
    let personas = [&people.admin, &people.alice, &people.rita, &people.bob, &effigy.stranger()];
    made(&people.alice, "private").await;
    let second = saved(&people.alice, "private-2").await;
    let open = made(&people.alice, "public").await;
    let public = json!([{"op": "replace", "path": "/visibility", "value": "public"}]);
    people.admin.patch_image(&open, public).await.expect(200);
    let candidate = saved(&people.alice, "public-2").await;
    let ids = [id_of(&people.alice, "private").await, id_of(&people.alice, "public").await];

    // admin, member, reader, another project's member, nobody
    let table = [
        ("show", "yyyhu", "yyyyu"),
        ("releases", "yyyhu", "yyyyu"),
        ("release", "yyyhu", "yyyyu"),
        ("instances", "yyyhu", "yyyyu"),
        ("history", "yyyhu", "yyyfu"),
        ("set", "yyfhu", "yfffu"),
        ("note", "yyfhu", "yfffu"),
        ("promote", "yyfhu", "yfffu"),
        ("roll back", "yyfhu", "yfffu"),
        ("delete", "yyfhu", "yfffu"),
    ];
    for (action, private, public) in table {
        for (n, (expected, to)) in [(private, &second), (public, &candidate)].into_iter().enumerate() {
            let mut done = 0;
            // The ones who may do it come last.
            for (persona, letter) in personas.iter().zip(expected.chars()).collect::<Vec<_>>().into_iter().rev() {
                let wanted = match letter {
                    'y' => 200..300,
                    'f' => 403..404,
                    'h' => 404..405,
                    _ => 401..402,
                };
                if action == "delete" && letter == 'y' && persona.user_id != people.admin.user_id {
                    continue;
                }
                let answer = attempt(persona, action, &ids[n], to).await;
                let is_done = letter == 'y' && answer.status == 409 && done > 0;
                done += usize::from(letter == 'y' && (200..300).contains(&answer.status));
                assert!(
                    wanted.contains(&answer.status) || is_done,
                    "{action} {n} {expected}: {} {}",
                    answer.status,
                    answer.text()
                );
            }
        }
    }
    let list = |person: &Person| {
        let person = person.clone();
        async move {
            let list = person.get(CHANNELS).await.expect(200).json();
            list["channels"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
        }
    };
    assert!(list(&people.admin).await.is_empty(), "they were deleted");
    // Its last current release is listed under that name.
    people.alice.post(CHANNELS, json!({"name": "private", "image": second})).await.expect(409);
    let fresh = saved(&people.alice, "fresh").await;
    people.rita.post(CHANNELS, json!({"name": "mine", "image": fresh})).await.expect(403);
    people.bob.post(CHANNELS, json!({"name": "mine", "image": fresh})).await.expect(404);
    effigy.stranger().post(CHANNELS, json!({"name": "mine", "image": fresh})).await.expect(401);
    people.alice.post(CHANNELS, json!({"name": "mine", "image": fresh})).await.expect(201);
    assert_eq!(list(&people.rita).await, [json!("mine")]);
    assert!(list(&people.bob).await.is_empty());
    effigy.stranger().get(CHANNELS).await.expect(401);
}

async fn attempt(person: &Person, action: &str, channel: &str, image: &str) -> Answer {
    let at = at(channel);
    match action {
        "show" => person.get(&at).await,
        "releases" | "instances" | "history" => person.get(&format!("{at}/{action}")).await,
        "release" => person.get(&format!("{at}/releases/1")).await,
        "set" => person.put(&at, json!({"deprecated_at": "2126-11-23T03:28:41Z"})).await,
        "note" => {
            let dates = json!({"notes": "x", "deprecated_at": "2126-11-23T03:28:41Z"});
            person.put(&format!("{at}/releases/1"), dates).await
        }
        "promote" => promote(person, channel, image).await,
        "roll back" => roll_back(person, channel).await,
        "delete" => person.delete(&at).await,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_date_tells_that_a_release_ends_and_withdraws_it() {
    let effigy = Effigy::with(OPEN).await;
    let People { alice, rita, .. } = effigy.people().await;
    let first = made(&alice, "golden").await;
    let second = saved(&alice, "golden-2").await;
    promote(&alice, "golden", &second).await.expect(200);
    let (later, past) = ("2126-11-23T03:28:41Z", "2026-01-01T00:00:00Z");
    let of = |n: i64| format!("{}/releases/{n}", at("golden"));

    let refused = alice.put(&of(2), json!({"notes": "", "retired_at": later})).await.expect(409).text();
    assert!(refused.contains("promote another release first"), "{refused}");
    alice.put(&of(1), json!({"notes": "old", "deprecated_at": later, "retired_at": past})).await.expect(400);
    alice.put(&of(1), json!({"notes": "old", "deprecated_at": "soon"})).await.expect(400);
    let shown =
        alice.put(&of(1), json!({"notes": "old", "deprecated_at": past, "retired_at": later})).await.expect(200);
    assert_eq!((shown.string("/deprecated_at"), shown.string("/notes")), (past.into(), "old".into()));
    let image = rita.image(&first).await;
    assert_eq!((&image["os_effigy_deprecated_at"], &image["os_effigy_retired_at"]), (&json!(past), &json!(later)));
    assert_eq!(image["status"], "active");

    alice.put(&of(1), json!({"notes": "old", "retired_at": past})).await.expect(200);
    alice.image_becomes(&first, "deactivated").await;
    let refused = alice.launch("late", &first, json!({})).await.expect(403).text();
    assert!(refused.contains("take the current release of its channel"), "{refused}");
    assert!(roll_back(&alice, "golden").await.expect(409).text().contains("deactivated"));
    // Given back, it is not withdrawn again.
    Answer::of(alice.request(Method::POST, &format!("/image/v2/images/{first}/actions/reactivate"))).await.expect(204);
    assert!(alice.image(&first).await["os_effigy_retired_at"].is_null());

    alice.put(&at("golden"), json!({"deprecated_at": past, "retired_at": past})).await.expect(200);
    for id in [&first, &second] {
        alice.image_becomes(id, "deactivated").await;
    }
    alice.put(&at("golden"), json!({})).await.expect(200);
    assert!(alice.image(&second).await["os_effigy_deprecated_at"].is_null());
}

#[tokio::test]
async fn instances_on_older_releases_are_listed_until_they_are_rebuilt() {
    let effigy = Effigy::with(&format!("{OPEN}[sharing]\nscope = \"any\"\n")).await;
    let People { alice, bob, .. } = effigy.people().await;
    let first = made(&alice, "golden").await;
    alice.post(&format!("/image/v2/images/{first}/members"), json!({"member": bob.project_id})).await.expect(200);
    bob.put(&format!("/image/v2/images/{first}/members/{}", bob.project_id), json!({"status": "accepted"}))
        .await
        .expect(200);
    let own = alice.launched("own", &first).await;
    let theirs = bob.launched("theirs", &first).await;
    let older = |person: &Person| {
        let person = person.clone();
        async move { person.get(&format!("{}/instances", at("golden"))).await.expect(200).json() }
    };
    assert_eq!(older(&alice).await, json!({"instances": [], "elsewhere": 0}));
    let second = saved(&alice, "golden-2").await;
    promote(&alice, "golden", &second).await.expect(200);
    let instance = |id: &str, name: &str| json!([{"id": id, "name": name, "image": first, "release": 1}]);
    assert_eq!(older(&alice).await, json!({"instances": instance(&own, "own"), "elsewhere": 1}));
    assert_eq!(older(&bob).await, json!({"instances": instance(&theirs, "theirs"), "elsewhere": null}));
    alice.act(&own, json!({"rebuild": {"imageRef": second}})).await.expect(202);
    eventually("brought over", PATIENCE, || async {
        (older(&alice).await == json!({"instances": [], "elsewhere": 1})).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_none_or_two_current_releases_on_sqlite() {
    promotions_are_killed(Effigy::prepared_on_sqlite(OPEN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_none_or_two_current_releases_on_postgres() {
    promotions_are_killed(Effigy::prepared_on(&Postgres::database(), OPEN)).await;
}

/// Whether the crowd goes on, and what it came to.
#[derive(Clone, Default)]
struct Crowd {
    is_over: Arc<AtomicBool>,
    /// Lists that were answered.
    lists: Arc<AtomicUsize>,
    /// Steps of the channel that were answered.
    steps: Arc<AtomicUsize>,
}

impl Crowd {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn lists(&self) -> usize {
        self.lists.load(Ordering::Relaxed)
    }

    fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }

    /// Looks the name up again and again, and launches what it finds; the releases that it saw.
    async fn look_up(self, person: Person, is_launcher: bool) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        while self.goes_on() {
            let Some(id) = current_by_name(&person).await else { continue };
            self.lists.fetch_add(1, Ordering::Relaxed);
            if is_launcher {
                launches(&person, &id).await;
            }
            found.insert(id);
        }
        found
    }

    /// Promotes one image after the other, and goes back each third time.
    async fn promote(self, person: Person, images: Vec<String>) {
        for n in (1..).take_while(|_| self.goes_on()) {
            let (action, body) = match n % 3 {
                0 => ("roll-back", json!({})),
                _ => ("promote", json!({"image": images[n % images.len()]})),
            };
            let request = person.request(Method::POST, &format!("{}/actions/{action}", at("golden"))).json(&body);
            match Answer::try_of(request).await {
                Ok(answer) if answer.status == 200 => drop(self.steps.fetch_add(1, Ordering::Relaxed)),
                // The one that is current already; the way back is at its end; busy; killed.
                Ok(answer) => assert!([409, 429, 503].contains(&answer.status), "{} {}", answer.status, answer.text()),
                Err(_) => {}
            }
        }
    }
}

/// A hundred clients launch by name and list while releases are promoted and rolled back and the service is killed, each
/// time somewhere else on the way.
async fn promotions_are_killed(mut effigy: Effigy) {
    const CLIENTS: usize = 100;
    const KILLS: usize = 8;
    effigy.run().await;
    let People { alice, rita, .. } = effigy.people().await;
    // No flavor has the memory that they ask for: whoever may launch one is told that, and nothing boots.
    let mut images = Vec::new();
    for n in 0..4 {
        let id = alice.create_image(&format!("golden-{n}"), json!({"min_ram": 2_000_000})).await;
        alice.upload(&id, micro_disk("golden", 1 << 20)).await.expect(204);
        images.push(id);
    }
    alice.post(CHANNELS, json!({"name": "golden", "image": images[0]})).await.expect(201);
    let crowd = Crowd::default();
    let personas = [(&alice, true), (&rita, false)].into_iter().cycle().take(CLIENTS);
    let clients: Vec<_> =
        personas.map(|(person, launches)| tokio::spawn(crowd.clone().look_up(person.clone(), launches))).collect();
    let promotions = tokio::spawn(crowd.clone().promote(alice.clone(), images));
    for round in 1..=KILLS {
        let (lists, steps) = (crowd.lists(), crowd.steps());
        eventually("lists and steps", PATIENCE, || async {
            let is_enough = crowd.lists() >= lists + CLIENTS && crowd.steps() > steps + round % 3;
            is_enough.then_some(())
        })
        .await;
        effigy.kill9();
        effigy.run().await;
        let releases = eventually("releases", PATIENCE, || async {
            let request = rita.request(Method::GET, &format!("{}/releases", at("golden")));
            Answer::try_of(request).await.ok().filter(|answer| answer.status == 200).map(|answer| answer.json())
        })
        .await;
        let current = releases["releases"].as_array().unwrap().iter().filter(|one| one["is_current"] == true).count();
        assert_eq!(current, 1, "{releases}");
    }
    crowd.is_over.store(true, Ordering::Relaxed);
    promotions.await.expect("promotions");
    let mut found = BTreeSet::new();
    for client in clients {
        found.extend(client.await.expect("a client"));
    }
    assert!(found.len() > 1, "the clients saw one release only");
    let history = alice.get(&format!("{}/history", at("golden"))).await.expect(200).json();
    let history = history["history"].as_array().unwrap();
    assert!(history.len() > crowd.steps(), "steps that were answered are missing");
    assert_eq!(history[0]["release"], number(&alice, "golden").await, "the last step is the current release");
    // Each step begins where the one before ended.
    assert!(history.windows(2).all(|pair| pair[0]["replaced"] == pair[1]["release"]), "{history:?}");
}

/// The one current release, as a client finds it that knows nothing of channels; `None` while the service is away.
async fn current_by_name(person: &Person) -> Option<String> {
    let answer = Answer::try_of(person.request(Method::GET, "/image/v2/images?name=golden")).await.ok()?;
    if [429, 503].contains(&answer.status) {
        return None;
    }
    let list = answer.expect(200).json();
    let images = list["images"].as_array().expect("images");
    assert_eq!(images.len(), 1, "{list}");
    Some(images[0]["id"].as_str().expect("an id").to_owned())
}

/// A launch of the one that was found, which may be the one before by now.
async fn launches(person: &Person, id: &str) {
    let server = json!({"name": "x", "imageRef": id, "flavorRef": "42", "networks": "none"});
    let request = person.request(Method::POST, "/compute/v2.1/servers");
    let request = request.header("OpenStack-API-Version", "compute 2.96").json(&json!({ "server": server }));
    if let Ok(answer) = Answer::try_of(request).await
        && ![429, 503].contains(&answer.status)
    {
        assert!(answer.status == 400 && answer.text().contains("emory"), "{} {}", answer.status, answer.text());
    }
}
