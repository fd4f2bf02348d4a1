//! Stores, the cache and locations.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    bytes,
    imports::{import, task_becomes},
    path, usage,
};
use crate::support::{Answer, Effigy, People, Person, eventually, micro_disk, qemu_img};

/// Besides `local`: one that is read first, one that is read last, and one that takes nothing new.
const STORES: &str = "[stores.fast]\nfolder = \"fast\"\nweight = 10\n\
                      [stores.archive]\nfolder = \"archive\"\nweight = -10\ndescription = \"Large and slow\"\n\
                      [stores.old]\nfolder = \"old\"\nread_only = true\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// Uploads a new image's file to a store.
async fn upload_to(person: &Person, id: &str, store: &'static str, file: Vec<u8>) -> Answer {
    let request = person.request(Method::PUT, &format!("{}/file", path(id)));
    let request = request.header("Content-Type", "application/octet-stream").header("x-image-meta-store", store);
    Answer::of(request.body(file)).await
}

async fn saved_in(person: &Person, store: &'static str, file: Vec<u8>) -> String {
    let id = person.create_image(store, json!({})).await;
    upload_to(person, &id, store, file).await.expect(204);
    id
}

/// Asks for an import with these members besides its method.
async fn import_to(person: &Person, id: &str, method: &str, targets: Value) -> Answer {
    let mut body = json!({"method": {"name": method}});
    body.as_object_mut().unwrap().extend(targets.as_object().unwrap().clone());
    person.post(&format!("{}/import", path(id)), body).await
}

async fn staged(person: &Person, file: Vec<u8>) -> String {
    let id = person.create_image("staged", json!({})).await;
    person.put_bytes(&format!("{}/stage", path(&id)), file).await.expect(204);
    id
}

fn in_store(store: &str, id: &str) -> String {
    format!("/image/v2/stores/{store}/{id}")
}

/// The MiB that the project is charged for its files.
async fn used_mib(person: &Person) -> i64 {
    usage(person).await.1
}

/// How many chunks a store holds.
fn chunks_in(effigy: &Effigy, store: &str) -> u64 {
    let output = effigy.output(&["store", "stats", "--store", store]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix("chunks")).unwrap_or_else(|| panic!("{output:?}"));
    line.trim().parse().unwrap()
}

/// Has a store refuse what is new, as a disk does that has failed: its folder of segments is a file.
fn break_store(effigy: &Effigy, store: &str) {
    let segments = effigy.data().join(store).join("segments");
    std::fs::rename(&segments, segments.with_extension("away")).unwrap();
    std::fs::write(&segments, "").unwrap();
}

fn mend_store(effigy: &Effigy, store: &str) {
    let segments = effigy.data().join(store).join("segments");
    std::fs::remove_file(&segments).unwrap();
    std::fs::rename(segments.with_extension("away"), &segments).unwrap();
}

#[tokio::test]
async fn the_one_store_is_named_wherever_stores_are() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let stores = alice.get("/image/v2/info/stores").await.expect(200).json();
    let local = json!({"id": "local", "description": "Effigy's own store", "default": "true", "weight": 0});
    assert_eq!(stores["stores"], json!([local]));
    let detail = admin.get("/image/v2/info/stores/detail").await.expect(200).json();
    assert_eq!((&detail["stores"][0]["id"], &detail["stores"][0]["type"]), (&json!("local"), &json!("effigy")));
    alice.get("/image/v2/info/stores/detail").await.expect(403);
    let answer = alice.post("/image/v2/images", json!({"disk_format": "raw", "container_format": "bare"})).await;
    assert_eq!(answer.header("openstack-image-store-ids"), Some("local"));
    let id = answer.expect(201).string("/id");
    let refused = upload_to(&alice, &id, "elsewhere", bytes(1, 512)).await.expect(400);
    assert!(refused.text().contains("there are: local"), "{}", refused.text());
    upload_to(&alice, &id, "local", bytes(1, 512)).await.expect(204);
    assert_eq!(alice.image(&id).await["stores"], "local");
}

#[tokio::test]
async fn the_last_store_keeps_its_images() {
    let effigy = Effigy::with(STORES).await;
    let People { admin, alice, bob, rita, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    let queued = alice.create_image("b", json!({})).await;
    for person in [&admin, &alice] {
        person.delete(&in_store("local", &id)).await.expect(403);
        person.delete(&in_store("local", &queued)).await.expect(409);
        person.delete(&in_store("archive", &id)).await.expect(404);
        person.delete(&in_store("elsewhere", &id)).await.expect(409);
    }
    rita.delete(&in_store("local", &id)).await.expect(403);
    bob.delete(&in_store("local", &id)).await.expect(404);
    assert_eq!(alice.download(&id).await.expect(200).body.len(), 512);
}

#[tokio::test]
async fn stores_say_what_each_is_for_and_take_what_names_them() {
    let effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let stores = alice.get("/image/v2/info/stores").await.expect(200).json();
    assert_eq!(
        stores["stores"],
        json!([
            {"id": "fast", "description": "", "weight": 10},
            {"id": "local", "description": "Effigy's own store", "weight": 0, "default": "true"},
            {"id": "old", "description": "", "weight": 0, "read-only": "true"},
            {"id": "archive", "description": "Large and slow", "weight": -10},
        ])
    );
    let file = bytes(1, 300_000);
    let id = saved_in(&alice, "archive", file.clone()).await;
    assert_eq!(alice.image(&id).await["stores"], "archive");
    assert!(alice.download(&id).await.expect(200).body == file);
    assert!(chunks_in(&effigy, "archive") > 0);
    assert_eq!((chunks_in(&effigy, "local"), chunks_in(&effigy, "fast")), (0, 0));

    let other = alice.create_image("b", json!({})).await;
    let refused = upload_to(&alice, &other, "old", file.clone()).await.expect(400);
    assert!(refused.text().contains("read-only"), "{}", refused.text());
    alice.upload(&other, file).await.expect(204);
    assert_eq!(alice.image(&other).await["stores"], "local");
    assert!(chunks_in(&effigy, "local") > 0, "what another store has is nothing that this one has");
    assert!(!effigy.output(&["store", "stats", "--store", "elsewhere"]).status.success());
    effigy.check_store();
}

#[tokio::test]
async fn import_comes_to_all_stores_and_is_charged_for_each() {
    let effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    let id = staged(&alice, file.clone()).await;

    import_to(&alice, &id, "glance-direct", json!({"all_stores": true})).await.expect(202);

    task_becomes(&alice, &id, "success").await;
    let image = alice.image(&id).await;
    assert_eq!((&image["status"], &image["stores"]), (&json!("active"), &json!("fast,local,archive")));
    assert_eq!((&image["os_glance_importing_to_stores"], &image["os_glance_failed_import"]), (&json!(""), &json!("")));
    assert_eq!(used_mib(&alice).await, 3);
    let listed = alice.get("/image/v2/images").await.expect(200).json();
    assert_eq!(listed["images"][0]["stores"], "fast,local,archive");
    effigy.check_store();

    alice.delete(&in_store("fast", &id)).await.expect(204);
    alice.delete(&in_store("fast", &id)).await.expect(404);
    alice.delete(&in_store("archive", &id)).await.expect(204);
    assert_eq!(alice.image(&id).await["stores"], "local");
    assert_eq!(used_mib(&alice).await, 1);
    assert!(effigy.output(&["store", "sweep"]).status.success());
    assert_eq!((chunks_in(&effigy, "fast"), chunks_in(&effigy, "archive")), (0, 0));
    assert!(alice.download(&id).await.expect(200).body == file);
    effigy.check_store();
    alice.delete(&path(&id)).await.expect(204);
    assert_eq!(used_mib(&alice).await, 0);
}

#[tokio::test]
async fn import_that_one_store_cannot_take_fails_whole_or_leaves_that_store_out() {
    let effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    break_store(&effigy, "archive");
    let stores = json!(["local", "archive", "fast"]);

    let whole = staged(&alice, file.clone()).await;
    import_to(&alice, &whole, "glance-direct", json!({ "stores": stores })).await.expect(202);
    task_becomes(&alice, &whole, "failure").await;
    let image = alice.image(&whole).await;
    assert_eq!(image["status"], "queued");
    assert_eq!(image["os_glance_failed_import"], "local,archive,fast");
    assert_eq!(used_mib(&alice).await, 0);

    let part = staged(&alice, file.clone()).await;
    let targets = json!({"stores": stores, "all_stores_must_succeed": false});
    import_to(&alice, &part, "glance-direct", targets).await.expect(202);
    let image = alice.image_becomes(&part, "active").await;
    assert_eq!((&image["stores"], &image["os_glance_failed_import"]), (&json!("fast,local"), &json!("archive")));
    assert_eq!(used_mib(&alice).await, 2);
    assert!(alice.download(&part).await.expect(200).body == file);
    mend_store(&effigy, "archive");
    assert!(effigy.output(&["store", "sweep"]).status.success());
    assert_eq!(chunks_in(&effigy, "archive"), 0);
    effigy.check_store();
}

#[tokio::test]
async fn copy_comes_to_further_stores_and_goes_on_after_a_kill() {
    let mut effigy = Effigy::with(STORES).await;
    let People { admin, alice, .. } = effigy.people().await;
    let file = bytes(1, 24 << 20);
    let id = alice.save_image("a", "raw", file.clone()).await;
    let targets = json!({"stores": ["archive", "fast"]});
    import_to(&alice, &id, "copy-image", targets.clone()).await.expect(403);
    import_to(&admin, &id, "copy-image", json!({"stores": ["fast", "local"]})).await.expect(400);
    import_to(&admin, &id, "copy-image", json!({"stores": ["old"]})).await.expect(409);

    import_to(&admin, &id, "copy-image", targets.clone()).await.expect(202);
    assert_eq!(used_mib(&alice).await, 72, "what is promised is charged");
    let second = import_to(&admin, &id, "copy-image", json!({"all_stores": true})).await;
    assert!(second.status == 409 || alice.image(&id).await["stores"] == "fast,local,archive", "{}", second.text());
    effigy.kill9();
    effigy.run().await;

    let image = eventually("a copy in every store", PATIENCE, || async {
        let image = alice.image(&id).await;
        assert_eq!(image["status"], "active", "{image}");
        (image["stores"] == "fast,local,archive").then_some(image)
    })
    .await;
    assert_eq!(image["os_glance_failed_import"], "");
    task_becomes(&alice, &id, "success").await;
    effigy.check_store();
    for store in ["local", "fast"] {
        alice.delete(&in_store(store, &id)).await.expect(204);
    }
    assert!(effigy.output(&["store", "sweep"]).status.success());
    assert!(alice.download(&id).await.expect(200).body == file);
    assert_eq!(used_mib(&alice).await, 24);
}

#[tokio::test]
async fn copy_that_one_store_cannot_take_is_undone_or_leaves_that_store_out() {
    let effigy = Effigy::with(STORES).await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 1 << 20)).await;
    break_store(&effigy, "archive");

    import_to(&admin, &id, "copy-image", json!({"stores": ["fast", "archive"]})).await.expect(202);
    let task = task_becomes(&alice, &id, "failure").await;
    assert!(task["message"].as_str().unwrap().starts_with("archive: "), "{task}");
    let image = alice.image(&id).await;
    assert_eq!((&image["stores"], &image["os_glance_failed_import"]), (&json!("local"), &json!("fast,archive")));
    assert_eq!(used_mib(&alice).await, 1);

    let targets = json!({"all_stores": true, "all_stores_must_succeed": false});
    import_to(&admin, &id, "copy-image", targets).await.expect(202);
    let image = eventually("a copy in the store that can", PATIENCE, || async {
        let image = alice.image(&id).await;
        (image["os_glance_failed_import"] == "archive").then_some(image)
    })
    .await;
    assert_eq!((&image["status"], &image["stores"]), (&json!("active"), &json!("fast,local")));
    assert_eq!(used_mib(&alice).await, 2);
    mend_store(&effigy, "archive");
    effigy.check_store();
}

#[tokio::test]
async fn quota_counts_every_store_before_a_byte_is_copied() {
    let effigy = Effigy::with(&format!("{STORES}[quota]\nimage_bytes = 2500000\n")).await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 1 << 20)).await;
    import_to(&admin, &id, "copy-image", json!({"all_stores": true})).await.expect(413);
    assert_eq!((alice.image(&id).await["stores"].clone(), used_mib(&alice).await), (json!("local"), 1));
    import_to(&admin, &id, "copy-image", json!({"stores": ["fast"]})).await.expect(202);
    task_becomes(&alice, &id, "success").await;
    assert_eq!(used_mib(&alice).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_keeps_its_disk_in_the_store_it_was_launched_from_and_is_cast_from_there() {
    let mut effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let id = staged(&alice, micro_disk("many", 1 << 20)).await;
    import_to(&alice, &id, "glance-direct", json!({"stores": ["fast", "local"]})).await.expect(202);
    alice.image_becomes(&id, "active").await;
    let instance = alice.launched("many", &id).await;
    alice.console_says(&instance, "MICRO-READY many 0001 OK").await;
    alice.stop(&instance).await;

    alice.delete(&in_store("fast", &id)).await.expect(204);
    assert!(effigy.output(&["store", "sweep"]).status.success());
    assert!(chunks_in(&effigy, "fast") > 0, "the instance counts on them");
    alice.start(&instance).await;
    alice.console_says(&instance, "MICRO-READY many 0002 OK").await;
    alice.stop(&instance).await;
    let cast = alice.cast(&instance, "cast").await;
    assert_eq!(alice.image_becomes(&cast, "active").await["stores"], "fast");

    // A store that is being emptied takes nothing new: a capture goes to the default one, whole.
    effigy.restart_with(&STORES.replace("weight = 10", "read_only = true")).await;
    let again = alice.cast(&instance, "again").await;
    assert_eq!(alice.image_becomes(&again, "active").await["stores"], "local");
    alice.delete(&format!("/compute/v2.1/servers/{instance}")).await.expect(204);
    alice.delete(&path(&cast)).await.expect(204);
    eventually("nothing left in the store", PATIENCE, || async {
        assert!(effigy.output(&["store", "sweep"]).status.success());
        (chunks_in(&effigy, "fast") == 0).then_some(())
    })
    .await;
    let clone = alice.launched("clone", &again).await;
    alice.console_says(&clone, "MICRO-READY many 0003 OK").await;
    effigy.check_store();
}

#[tokio::test]
async fn store_that_is_not_where_it_was_is_never_made_anew() {
    let mut effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let id = saved_in(&alice, "archive", bytes(1, 4096)).await;
    effigy.stop().await;
    let (folder, away) = (effigy.data().join("archive"), effigy.data().join("away"));
    std::fs::rename(&folder, &away).unwrap();
    std::fs::create_dir(&folder).unwrap();

    let refused = effigy.output(&["serve", "--listen", "127.0.0.1:0"]);

    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is its disk mounted?"), "{said}");
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    // One that is no longer set up is named; the rest goes on.
    effigy.run_with("").await;
    let image = alice.image(&id).await;
    assert_eq!((&image["status"], &image["stores"]), (&json!("active"), &json!("archive")));
    let missing = alice.download(&id).await.expect(503);
    assert!(missing.text().contains("store 'archive'"), "{}", missing.text());
    effigy.restart_with(STORES).await;
    assert_eq!(alice.download(&id).await.expect(200).body.len(), 4096);
}

#[tokio::test]
async fn staged_bytes_outlive_every_sweep() {
    let effigy = Effigy::with(STORES).await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 1 << 20);
    let id = staged(&alice, file.clone()).await;
    for _ in 0..2 {
        assert!(effigy.output(&["store", "sweep"]).status.success());
    }
    import(&alice, &id, json!({"name": "glance-direct"})).await.expect(202);
    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
}

#[tokio::test]
async fn there_is_no_cache_to_manage() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    for (method, path) in [
        (Method::GET, "/image/v2/cache".to_owned()),
        (Method::DELETE, "/image/v2/cache".into()),
        (Method::PUT, format!("/image/v2/cache/{id}")),
        (Method::DELETE, format!("/image/v2/cache/{id}")),
        (Method::GET, format!("/image/v2/cache/nodes/{id}")),
        (Method::POST, "/image/v2/cache/clean".into()),
        (Method::POST, "/image/v2/cache/prune".into()),
    ] {
        let answer = Answer::of(admin.request(method.clone(), &path)).await.expect(404);
        assert!(answer.text().contains("Caching via API is not supported at this site."), "{method} {path}");
        Answer::of(alice.request(method.clone(), &path)).await.expect(403);
        Answer::of(effigy.stranger().request(method, &path)).await.expect(401);
    }
}

#[tokio::test]
async fn adding_a_location_is_not_implemented_and_changing_one_forbidden() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let url = "file:///etc/passwd";
    for person in [&admin, &alice] {
        person.post(&format!("{}/locations", path(&id)), json!({ "url": url })).await.expect(501);
        let add = json!([{"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}]);
        person.patch_image(&id, add).await.expect(501);
        let replace = json!([{"op": "replace", "path": "/locations", "value": [{"url": url, "metadata": {}}]}]);
        person.patch_image(&id, replace).await.expect(403);
        person.patch_image(&id, json!([{"op": "remove", "path": "/locations/0"}])).await.expect(403);
    }
    let image = alice.image(&id).await;
    assert!(image.get("locations").is_none() && image.get("direct_url").is_none(), "{image}");
}

#[tokio::test]
async fn content_that_was_compressed_in_its_file_counts_too_in_each_store() {
    let effigy = Effigy::with(STORES).await;
    let People { admin, alice, .. } = effigy.people().await;
    let folder = tempfile::tempdir().unwrap();
    let [disk, file] = ["disk.raw", "disk.qcow2"].map(|name| folder.path().join(name));
    // Letters of sixteen kinds: every compressor halves them, and no two chunks are the same.
    let letters: Vec<u8> = bytes(5, 16 << 20).into_iter().map(|byte| b'a' + byte % 16).collect();
    std::fs::write(&disk, letters).unwrap();
    qemu_img(&["convert", "-c", "-f", "raw", "-O", "qcow2"], &[&disk, &file]);
    let file_mib = (std::fs::metadata(&file).unwrap().len() >> 20) as i64;
    let id = alice.save_image("compressed", "qcow2", std::fs::read(&file).unwrap()).await;
    let one = used_mib(&alice).await;
    assert!(one > file_mib + 6, "{one} MiB are charged for {file_mib} MiB and what they inflate to");

    import_to(&admin, &id, "copy-image", json!({"stores": ["archive"]})).await.expect(202);
    task_becomes(&alice, &id, "success").await;
    let two = used_mib(&alice).await;
    assert!((2 * one..=2 * one + 1).contains(&two), "{two} MiB in two stores, {one} in one");
    alice.delete(&in_store("archive", &id)).await.expect(204);
    assert_eq!(used_mib(&alice).await, one);
    alice.delete(&path(&id)).await.expect(204);
    assert_eq!(used_mib(&alice).await, 0);
}
