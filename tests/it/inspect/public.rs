//! A Public image has passed its verification, or an admin said why not: every road to *public*.

use effigy::{
    db::Database,
    inspect::{SigningKey, statement},
    model::verification::{Outcome, Seen, Verdict, VerificationRow},
};
use serde_json::{Value, json};

use super::{SECRET, verified};
use crate::support::{Effigy, People, Person, Reply, Source, eventually, linux_disk, micro_disk};

const PASSED: Outcome = Outcome { verdict: Verdict::Passed, seen: Seen::Whole, problems: 0 };

fn path(id: &str) -> String {
    format!("/image/v2/images/{id}")
}

async fn sees(person: &Person, id: &str) -> bool {
    let shown = person.get(&path(id)).await.status;
    let list = person.get("/image/v2/images?visibility=public").await.expect(200).json();
    let kinds = person.get("/effigy/v1/images?kind=public").await.expect(200).json();
    let listed = [list, kinds].map(|list| list["images"].as_array().unwrap().iter().any(|image| image["id"] == *id));
    assert!(listed[0] == listed[1] && listed[0] == (shown == 200), "{listed:?} {shown}");
    if !listed[0] {
        assert_eq!(shown, 404);
        assert_eq!(person.get(&format!("{}/file", path(id))).await.status, 404);
        assert_eq!(person.get(&format!("/effigy/v1/images/{id}/verification")).await.status, 404);
        let launch = person.launch("theft", id, json!({})).await.status;
        assert!([400, 404].contains(&launch), "{launch}");
    }
    listed[0]
}

/// Waits until the image is there for somebody, or is not, and then that no answer says otherwise.
async fn becomes(person: &Person, id: &str, is_seen: bool) {
    eventually(&format!("the image is seen: {is_seen}"), super::PATIENCE, || async {
        ((person.get(&path(id)).await.status == 200) == is_seen).then_some(())
    })
    .await;
    assert_eq!(sees(person, id).await, is_seen);
}

fn publish(more: Value) -> Value {
    let mut changes = vec![json!({"op": "replace", "path": "/visibility", "value": "public"})];
    changes.extend(more.as_array().cloned().unwrap_or_default());
    json!(changes)
}

#[tokio::test]
async fn declared_before_the_upload_it_is_everybodys_once_it_has_passed() {
    let effigy = Effigy::start().await;
    let People { admin, bob, .. } = effigy.people().await;
    let id = admin.create_image("good", json!({"visibility": "public"})).await;
    assert!(!sees(&bob, &id).await);
    let shown = admin.image(&id).await;
    assert_eq!((&shown["visibility"], &shown["os_effigy_public"]), (&json!("public"), &json!("pending")));
    admin.upload(&id, linux_disk(&[])).await.expect(204);
    becomes(&bob, &id, true).await;
    assert!(admin.image(&id).await["os_effigy_public"].is_null());
    bob.download(&id).await.expect(200);
}

#[tokio::test]
async fn declared_before_the_upload_it_is_held_when_it_has_not_passed() {
    let effigy = Effigy::start().await;
    let People { admin, bob, .. } = effigy.people().await;
    let id = admin.create_image("bad", json!({"visibility": "public"})).await;
    admin.upload(&id, linux_disk(&[SECRET])).await.expect(204);
    verified(&admin, &id).await;
    let shown = eventually("held", super::PATIENCE, || async {
        let shown = admin.image(&id).await;
        (shown["os_effigy_public"] == "held").then_some(shown)
    })
    .await;
    assert!(shown["os_effigy_public_why"].as_str().unwrap().contains("private_key"), "{shown}");
    assert!(!sees(&bob, &id).await);
}

/// Disks with more than is looked at, and the name of the bound.
fn disks_behind_bounds() -> [(&'static str, Vec<u8>); 2] {
    let strong = "$6$saltsalt$aFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    let many: String = (0..9).map(|n| format!("u{n}:{strong}:{}:0::/:/bin/sh\n", 1000 + n)).collect();
    let instances: Vec<String> = (0..201).map(|n| format!("/var/lib/cloud/instances/i-{n}/x")).collect();
    let instances: Vec<(&str, &str)> = instances.iter().map(|path| (path.as_str(), "")).collect();
    [("password_hashes", linux_disk(&[("/etc/passwd", many.as_str())])), ("findings", linux_disk(&instances))]
}

#[tokio::test]
async fn an_image_behind_a_bound_is_held_and_told_which() {
    let effigy = Effigy::start().await;
    let People { admin, bob, alice_batch, .. } = effigy.people().await;
    for (bound, disk) in disks_behind_bounds() {
        let id = admin.create_image(bound, json!({"visibility": "public"})).await;
        admin.upload(&id, disk).await.expect(204);
        let verification = verified(&admin, &id).await;
        assert_eq!(verification["verdict"], "failed", "{verification}");
        let shown = eventually("held", super::PATIENCE, || async {
            let shown = admin.image(&id).await;
            (shown["os_effigy_public"] == "held").then_some(shown)
        })
        .await;
        let named = format!("({bound}: ");
        assert!(shown["os_effigy_public_why"].as_str().unwrap().contains(&named), "{shown}");
        assert!(!sees(&bob, &id).await);
        // Nobody knows what lies behind it, so it is nothing to share without a word, either.
        let private = json!([{"op": "replace", "path": "/visibility", "value": "private"}]);
        admin.patch_image(&id, private).await.expect(200);
        let member = json!({"member": alice_batch.project_id});
        let shared = admin.post(&format!("{}/members", path(&id)), member).await.expect(200);
        assert!(shared.headers["warning"].to_str().unwrap().contains(&named));
    }
}

#[tokio::test]
async fn an_active_image_that_failed_is_not_made_public_but_for_a_reason() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let id = alice.save_image("bad", "raw", linux_disk(&[SECRET])).await;
    verified(&alice, &id).await;
    let refused = admin.patch_image(&id, publish(json!([]))).await.expect(409).text();
    assert!(refused.contains("private_key") && refused.contains(SECRET.0), "{refused}");
    assert_eq!(alice.image(&id).await["visibility"], "private");
    let reason = json!([{"op": "add", "path": "/effigy_public_reason", "value": "the key is a sample"}]);
    alice.patch_image(&id, reason.clone()).await.expect(403);
    for shown in ["os_effigy_public", "os_effigy_public_why"] {
        let change = json!([{"op": "add", "path": format!("/{shown}"), "value": "no"}]);
        admin.patch_image(&id, change).await.expect(403);
        admin.post("/image/v2/images", json!({"name": "no", shown: "no"})).await.expect(403);
    }
    alice.post("/image/v2/images", json!({"name": "no", "effigy_public_reason": "no"})).await.expect(403);
    admin.patch_image(&id, publish(reason)).await.expect(200);
    assert!(sees(&bob, &id).await);
    assert_eq!(bob.image(&id).await["effigy_public_reason"], "the key is a sample");
    let audit = admin.get("/effigy/v1/audit?action=image.public_override").await.expect(200).json();
    assert_eq!(audit["events"][0]["reason"], "the key is a sample", "{audit}");
    assert_eq!(audit["events"][0]["target_id"], json!(id));
    // Its project may change it as ever, only not the reason.
    alice.patch_image(&id, json!([{"op": "remove", "path": "/effigy_public_reason"}])).await.expect(403);
    alice.patch_image(&id, json!([{"op": "replace", "path": "/name", "value": "b"}])).await.expect(200);
    admin.patch_image(&id, json!([{"op": "remove", "path": "/effigy_public_reason"}])).await.expect(200);
    assert!(!sees(&bob, &id).await);
}

#[tokio::test]
async fn an_active_image_that_passed_is_public_at_once() {
    let effigy = Effigy::start().await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let id = alice.save_image("good", "raw", linux_disk(&[])).await;
    assert_eq!(verified(&alice, &id).await["verdict"], "passed");
    admin.patch_image(&id, publish(json!([]))).await.expect(200);
    assert!(sees(&bob, &id).await);
    // Given to another project by an admin, it is what it was.
    let other = json!([{"op": "replace", "path": "/owner", "value": bob.project_id}]);
    admin.patch_image(&id, other).await.expect(200);
    assert!(sees(&alice, &id).await);
}

/// Makes an image by each road on which somebody can declare it public, from a disk that is at `source`.
async fn by_each_road(
    admin: &Person,
    alice: &Person,
    disk: &[u8],
    source: &str,
    region: &str,
) -> Vec<(&'static str, String)> {
    let public = || json!({"visibility": "public", "disk_format": "raw", "container_format": "bare"});
    let import = async |id: &str, method: Value| {
        admin.post(&format!("{}/import", path(id)), json!({ "method": method })).await.expect(202);
    };
    let uploaded = admin.create_image("uploaded", public()).await;
    admin.upload(&uploaded, disk.to_vec()).await.expect(204);

    let staged = admin.create_image("staged", public()).await;
    admin.put_bytes(&format!("{}/stage", path(&staged)), disk.to_vec()).await.expect(204);
    import(&staged, json!({"name": "glance-direct"})).await;

    let fetched = admin.create_image("fetched", public()).await;
    import(&fetched, json!({"name": "web-download", "uri": source})).await;

    let theirs = admin.save_image("theirs", "raw", disk.to_vec()).await;
    let taken_over = admin.create_image("taken over", public()).await;
    let elsewhere = json!({"name": "glance-download", "glance_region": region, "glance_image_id": theirs});
    import(&taken_over, elsewhere).await;

    let properties = json!({"name": "tasked", "container_format": "bare", "visibility": "public"});
    let input = json!({"import_from": source, "import_from_format": "raw", "image_properties": properties});
    let body = json!({"type": "import", "input": input});
    let tasked = admin.post("/image/v2/tasks", body).await.expect(201).string("/image_id");

    // Declared while nothing is known of it yet.
    let changed = alice.create_image("changed", json!({})).await;
    admin.patch_image(&changed, publish(json!([]))).await.expect(200);
    alice.upload(&changed, disk.to_vec()).await.expect(204);

    let copied = admin.create_image("copied", public()).await;
    admin.upload(&copied, disk.to_vec()).await.expect(204);
    admin.image_becomes(&copied, "active").await;
    let copy = json!({"method": {"name": "copy-image"}, "all_stores": true, "all_stores_must_succeed": false});
    admin.post(&format!("{}/import", path(&copied)), copy).await.expect(202);

    vec![
        ("upload", uploaded),
        ("glance-direct", staged),
        ("web-download", fetched),
        ("glance-download", taken_over),
        ("task", tasked),
        ("PATCH", changed),
        ("copy-image", copied),
    ]
}

#[tokio::test]
async fn each_road_to_public_leads_through_the_gate() {
    let (good, bad) = (linux_disk(&[]), linux_disk(&[SECRET]));
    let served = [good.clone(), bad.clone()];
    let source = Source::start(move |path| Reply::file(&served[usize::from(path == "/bad")])).await;
    let mut effigy = Effigy::start().await;
    let port = effigy.url().rsplit(':').next().unwrap().to_owned();
    let ports = source.settings().replace("allowed_ports = [", &format!("allowed_ports = [{port}, "));
    effigy.restart_with(&ports).await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let service = json!({"service": {"type": "image", "name": "elsewhere"}});
    let service = admin.post("/identity/v3/services", service).await.expect(201).string("/service/id");
    let endpoint = json!({"endpoint": {"service_id": service, "interface": "public", "region": "RegionTwo",
        "url": effigy.at("/image")}});
    admin.post("/identity/v3/endpoints", endpoint).await.expect(201);

    for (road, id) in by_each_road(&admin, &alice, &good, &source.at("/good"), "RegionTwo").await {
        eventually(&format!("public by {road}"), super::PATIENCE, || async {
            (bob.get(&path(&id)).await.status == 200).then_some(())
        })
        .await;
        assert!(sees(&bob, &id).await, "{road}");
    }
    for (road, id) in by_each_road(&admin, &alice, &bad, &source.at("/bad"), "RegionTwo").await {
        let shown = eventually(&format!("held by {road}"), super::PATIENCE, || async {
            assert_eq!(bob.get(&path(&id)).await.status, 404, "{road}");
            let shown = admin.image(&id).await;
            (shown["os_effigy_public"] == "held").then_some(shown)
        })
        .await;
        assert_eq!(shown["status"], "active", "{road}");
        assert!(!sees(&bob, &id).await, "{road}");
    }
}

#[tokio::test]
async fn a_statement_that_was_forged_or_is_of_another_disk_or_stale_opens_nothing() {
    if std::env::var("EFFIGY_TEST_DATABASE").is_ok_and(|database| database == "postgres") {
        return; // The rows are altered by hand here, in the service's own file.
    }
    let mut effigy = Effigy::start().await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let good = alice.save_image("good", "raw", linux_disk(&[])).await;
    let bad = alice.save_image("bad", "raw", linux_disk(&[SECRET])).await;
    let stale = alice.save_image("stale", "raw", linux_disk(&[])).await;
    for id in [&good, &bad, &stale] {
        verified(&alice, id).await;
    }
    effigy.stop().await;
    let db = Database::sqlite(&effigy.data().join("effigy.db")).await.unwrap();
    let (good_id, bad_id) = (good.parse().unwrap(), bad.parse().unwrap());
    let passed = db.verification(good_id).await.unwrap().unwrap();
    let failed = db.verification(bad_id).await.unwrap().unwrap();
    // The statement of another disk, under the digest and the rules of this one.
    let row = VerificationRow { statement: passed.statement.clone(), ..failed };
    assert!(db.keep_verification(bad_id, &row, PASSED).await.unwrap());
    let forged = VerificationRow { statement: passed.statement.replace("\"sig\":\"", "\"sig\":\"AA"), ..passed };
    assert!(db.keep_verification(good_id, &forged, PASSED).await.unwrap());
    // The deployment's own, by rules that have grown since.
    let of_stale = db.verification(stale.parse().unwrap()).await.unwrap().unwrap();
    let key = SigningKey::open(&effigy.data()).unwrap();
    let mut old = statement::read(&key, &of_stale.statement).unwrap();
    old.predicate.guest_rules -= 1;
    let signed = statement::sign(&key, &old.subject, &old.predicate).unwrap();
    let file = effigy.scratch().join("stale.json");
    std::fs::write(&file, &signed).unwrap();
    let told = effigy.output(&["verify", file.to_str().unwrap()]);
    assert!(!told.status.success() && String::from_utf8_lossy(&told.stderr).contains("stale"), "{told:?}");
    let row = VerificationRow { statement: signed, ..of_stale };
    assert!(db.keep_verification(stale.parse().unwrap(), &row, PASSED).await.unwrap());
    db.close().await;
    effigy.run().await;
    for id in [&good, &bad, &stale] {
        let patched = admin.patch_image(id, publish(json!([]))).await.expect(200).json();
        assert_eq!(patched["os_effigy_public"], "pending", "{patched}");
        assert!(!sees(&bob, id).await);
    }
    admin.post(&format!("/effigy/v1/images/{good}/verification"), json!({})).await.expect(202);
    becomes(&bob, &good, true).await;
}

#[tokio::test]
async fn recording_is_glances_way_and_requiring_again_holds_back() {
    let mut effigy = Effigy::with("[inspect]\npublic = \"record\"\n").await;
    let People { admin, bob, .. } = effigy.people().await;
    let id = admin.create_image("micro", json!({"visibility": "public"})).await;
    assert!(sees(&bob, &id).await);
    admin.upload(&id, micro_disk("micro", 1 << 20)).await.expect(204);
    assert_eq!(verified(&admin, &id).await["verdict"], "failed");
    assert!(sees(&bob, &id).await);
    effigy.restart_with("").await;
    becomes(&bob, &id, false).await;
}
