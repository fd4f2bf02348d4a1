//! A service that was killed in the middle of its work, with an earlier version's database, goes on with this program.
//!
//! `tests/fixtures/make.py` made what is opened here, and wrote down what clients saw before the kill (`told.json`).

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD, Person, Postgres, eventually};

/// The stores and the sharing of the service that was killed. Its staged files and audit events are kept, although they
/// are old when this test runs.
const SETTINGS: &str = "[stores.archive]\nfolder = \"archive\"\n[sharing]\nscope = \"any\"\n\
                        [import]\nkeep_staged_hours = 1000000\n[identity]\naudit_keep_days = 0\n";
const PATIENCE: Duration = Duration::from_secs(120);

/// A service with a data folder of an earlier version, and what its clients were told.
struct Left {
    effigy: Effigy,
    told: Value,
}

impl Left {
    /// Unpacks what was left behind; nothing runs yet.
    fn unpack(name: &str) -> Left {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.tar.gz"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
        assert!(unpacked.expect("tar").success());
        let dump = folder.path().join("dump.sql");
        let effigy = match dump.exists() {
            true => Effigy::prepared_on(&Postgres::restored(&dump), SETTINGS),
            false => Effigy::prepared_on_sqlite(SETTINGS),
        };
        let told = std::fs::read(folder.path().join("told.json")).expect("told.json");
        let moved = Command::new("cp").arg("-a").arg(folder.path().join("data")).arg(effigy.data()).status();
        assert!(moved.expect("cp").success());
        Left { effigy, told: serde_json::from_slice(&told).expect("JSON") }
    }

    /// The id of an image that something was being done to.
    fn unfinished(&self, name: &str) -> String {
        self.told["unfinished"][name].as_str().unwrap_or_else(|| panic!("no image '{name}'")).to_owned()
    }
}

/// The SHA-512 of an image's file, as a client downloads it.
async fn sha512(person: &Person, image: &str) -> String {
    let file = person.download(image).await.expect(200).body;
    let digest = openssl::hash::hash(openssl::hash::MessageDigest::sha512(), &file).expect("a digest");
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn reason(person: &Person, image: &str) -> String {
    let shown = person.get(&format!("/effigy/v1/images/{image}")).await.expect(200).json();
    shown["effigy"]["reason"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the newest task of an image has this status.
async fn task_becomes(person: &Person, image: &str, status: &str) -> Value {
    eventually(&format!("the task of {image} {status}"), PATIENCE, || async {
        let tasks = person.get(&format!("/image/v2/images/{image}/tasks")).await.expect(200).json();
        (tasks["tasks"][0]["status"] == status).then(|| tasks["tasks"][0].clone())
    })
    .await
}

/// An image as an older service told it, with today's names of the words that say why others do not see it.
fn in_todays_words(before: &Value) -> Value {
    let fields = before.as_object().expect("an image").iter().map(|(name, value)| match name.as_str() {
        "effigy_public" | "effigy_public_why" | "effigy_sharing" | "effigy_sharing_why" => {
            (format!("os_{name}"), value)
        }
        _ => (name.clone(), value),
    });
    fields.map(|(name, value)| (name, value.clone())).collect()
}

/// The images that were at rest are as they were, byte for byte.
async fn images_are_as_they_were(admin: &Person, told: &Value) {
    for (name, before) in told["images"].as_object().expect("images") {
        let id = before["image"]["id"].as_str().expect("an id");
        assert_eq!(admin.image(id).await, in_todays_words(&before["image"]), "{name}");
        if let Some(digest) = before["sha512"].as_str() {
            assert_eq!(sha512(admin, id).await, digest, "{name}");
        }
    }
    let shared = told["images"]["shared"]["image"]["id"].as_str().expect("an id");
    let members = admin.get(&format!("/image/v2/images/{shared}/members")).await.expect(200).json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(2), "{members}");
}

/// The work that the kill cut off is given up with a reason, or done after all.
async fn unfinished_work_ends(left: &Left, admin: &Person, alice: &Person) {
    let saving = left.unfinished("saving");
    alice.image_becomes(&saving, "queued").await;
    let why = reason(alice, &saving).await;
    assert!(why.contains("send the bytes again"), "{why}");

    for number in 0..3 {
        let id = left.unfinished(&format!("fetching {number}"));
        let task = task_becomes(alice, &id, "failure").await;
        assert!(!task["message"].as_str().unwrap_or_default().is_empty(), "{task}");
        assert_eq!(alice.image(&id).await["status"], "queued");
        assert!(!reason(alice, &id).await.is_empty());
    }
    let failed = left.unfinished("fetch that failed");
    task_becomes(alice, &failed, "failure").await;
    assert_eq!(alice.image(&failed).await["status"], "queued");

    let waiting = left.unfinished("waiting");
    let image = alice.image_becomes(&waiting, "active").await;
    task_becomes(alice, &waiting, "success").await;
    assert_eq!(image["stores"], "archive,local");
    assert_eq!(sha512(alice, &waiting).await, left.told["waiting_sha512"]);

    let copying = left.unfinished("copying");
    task_becomes(alice, &copying, "success").await;
    let image = admin.image(&copying).await;
    assert_eq!((&image["status"], &image["stores"]), (&json!("active"), &json!("archive,local")));
    for store in ["local", "archive"] {
        assert_eq!(sha512(alice, &copying).await, left.told["copied_sha512"]);
        if store == "local" {
            alice.delete(&format!("/image/v2/stores/{store}/{copying}")).await.expect(204);
        }
    }

    let capturing = left.unfinished("capturing");
    alice.image_becomes(&capturing, "active").await;
    assert_eq!(sha512(alice, &capturing).await, left.told["images"]["captured"]["sha512"], "of the same disk");
}

/// People, flavors, key pairs, definitions and the audit are there.
async fn the_rest_is_there(left: &Left, admin: &Person, alice: &Person) {
    for (user, project) in [("alice", "batch"), ("bob", "other"), ("rita", "web")] {
        left.effigy.sign_in(user, PASSWORD, Some(project)).await;
    }
    let flavor = admin.get("/compute/v2.1/flavors/own").await.expect(200).json();
    assert_eq!(flavor["flavor"]["ram"], 128);
    let specs = admin.get("/compute/v2.1/flavors/own/os-extra_specs").await.expect(200).json();
    assert_eq!(specs["extra_specs"], json!({"hw:cpu_policy": "shared"}));
    alice.get("/compute/v2.1/os-keypairs/key").await.expect(200);
    let space = admin.get("/image/v2/metadefs/namespaces/Own::Space").await.expect(200).json();
    assert_eq!(space["objects"][0]["name"], "o", "{space}");
    assert_eq!(space["properties"]["p"]["enum"], json!(["a", "b"]), "{space}");
    let audit = admin.get("/effigy/v1/audit?limit=1000").await.expect(200).json();
    let events: Vec<_> = audit["events"].as_array().expect("events").iter().map(|event| &event["id"]).collect();
    for id in left.told["audit"].as_array().expect("ids") {
        assert!(events.contains(&id), "event {id}");
    }
}

/// The instance that was off is off, and boots from the disk it had.
async fn instance_boots_on(left: &Left, alice: &Person) {
    let instance = left.told["instance"].as_str().expect("an id");
    alice.instance_becomes(instance, "SHUTOFF").await;
    alice.start(instance).await;
    alice.console_says(instance, "MICRO-READY left 0002 OK").await;
    alice.stop(instance).await;
}

async fn goes_on(name: &str) {
    let mut left = Left::unpack(name);
    left.effigy.run().await;
    let admin = left.effigy.admin().await;
    let alice = left.effigy.sign_in("alice", PASSWORD, Some("web")).await;

    images_are_as_they_were(&admin, &left.told).await;
    unfinished_work_ends(&left, &admin, &alice).await;
    the_rest_is_there(&left, &admin, &alice).await;
    instance_boots_on(&left, &alice).await;
    left.effigy.check_store();
    left.effigy.restart().await;
    images_are_as_they_were(&admin, &left.told).await;
    assert!(left.effigy.output(&["store", "sweep"]).status.success());
    left.effigy.check_store();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_of_schema_12_goes_on_with_its_sqlite() {
    goes_on("schema-12.sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_of_schema_12_goes_on_with_its_postgresql() {
    goes_on("schema-12.postgres").await;
}
