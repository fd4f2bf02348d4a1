//! Interoperable import: staging, the methods, their tasks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{bytes, path, usage};
use crate::support::{Answer, Effigy, People, Person, Reply, Source, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for an import.
pub(super) async fn import(person: &Person, id: &str, method: Value) -> Answer {
    person.post(&format!("{}/import", path(id)), json!({ "method": method })).await
}

pub(super) fn web(uri: &str) -> Value {
    json!({"name": "web-download", "uri": uri})
}

async fn stage(person: &Person, id: &str, file: Vec<u8>) -> Answer {
    person.put_bytes(&format!("{}/stage", path(id)), file).await
}

/// The one task of an image, once it has this status.
pub(super) async fn task_becomes(person: &Person, id: &str, status: &str) -> Value {
    eventually(&format!("the task of {id} {status}"), PATIENCE, || async {
        let tasks = person.get(&format!("{}/tasks", path(id))).await.expect(200).json();
        let task = tasks["tasks"][0].clone();
        let other_end = if status == "success" { "failure" } else { "success" };
        assert!(task["status"] != other_end, "{task}");
        (task["status"] == status).then_some(task)
    })
    .await
}

/// Whether a reason says that a save was cut off. A service alone with its database knows at its start; where others may
/// go on with it, the lease has to lapse.
fn is_cut_off(reason: &Value) -> bool {
    let reason = reason.as_str().unwrap_or_default();
    reason.contains("the service ended") || reason.contains("showed no sign of life")
}

async fn staged_mib(person: &Person) -> i64 {
    let usage = person.get("/image/v2/info/usage").await.expect(200).json();
    usage["usage"]["image_stage_total"]["usage"].as_i64().unwrap()
}

#[tokio::test]
async fn staged_bytes_become_an_image() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let answer = alice.post("/image/v2/images", json!({"disk_format": "raw", "container_format": "bare"})).await;
    let methods = answer.header("openstack-image-import-methods").unwrap_or_default().to_owned();
    assert_eq!(methods, "glance-direct,web-download,copy-image,glance-download");
    let id = answer.expect(201).string("/id");
    let file = bytes(1, 3 << 20);

    stage(&alice, &id, file.clone()).await.expect(204);
    assert_eq!(alice.image(&id).await["status"], "uploading");
    assert_eq!((staged_mib(&alice).await, usage(&alice).await.2), (3, 0));
    let begun = import(&alice, &id, json!({"name": "glance-direct"})).await.expect(202);

    assert!(begun.body.is_empty() && begun.header("content-type").is_none(), "clients read JSON from typed bodies");
    let image = alice.image_becomes(&id, "active").await;
    assert_eq!((&image["size"], &image["stores"]), (&json!(3 << 20), &json!("local")));
    assert_eq!((&image["os_glance_importing_to_stores"], &image["os_glance_failed_import"]), (&json!(""), &json!("")));
    assert!(image["os_glance_import_task"].is_null(), "{image}");
    assert!(alice.download(&id).await.expect(200).body == file);
    let task = task_becomes(&alice, &id, "success").await;
    assert_eq!(task["request_id"], begun.header("x-openstack-request-id").unwrap());
    assert_eq!(task["input"]["import_req"]["method"]["name"], "glance-direct");
    assert_eq!((&task["type"], &task["owner"]), (&json!("api_image_import"), &json!(alice.project_id)));
    assert_eq!((staged_mib(&alice).await, usage(&alice).await), (0, (1, 3, 0)));
    effigy.check_store();
}

#[tokio::test]
async fn each_method_wants_its_status() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let queued = alice.create_image("queued", json!({})).await;
    let staged = alice.create_image("staged", json!({})).await;
    stage(&alice, &staged, bytes(1, 512)).await.expect(204);
    let active = alice.save_image("active", "raw", bytes(2, 512)).await;
    let remote = json!({"name": "glance-download", "glance_region": "x", "glance_image_id": active});
    let direct = json!({"name": "glance-direct"});
    for (id, method) in [
        (&queued, &direct),
        (&active, &direct),
        (&staged, &web("http://example.org/x")),
        (&active, &web("http://example.org/x")),
        (&staged, &remote),
        (&active, &remote),
        (&queued, &json!({"name": "copy-image"})),
    ] {
        import(&admin, id, method.clone()).await.expect(409);
    }
    stage(&alice, &staged, bytes(1, 512)).await.expect(409);
    stage(&alice, &active, bytes(1, 512)).await.expect(409);
    alice.upload(&staged, bytes(1, 512)).await.expect(409);
    let bare = alice.post("/image/v2/images", json!({"name": "no formats"})).await.expect(201).string("/id");
    stage(&alice, &bare, bytes(1, 512)).await.expect(204);
    import(&alice, &bare, direct).await.expect(409);
}

#[tokio::test]
async fn an_import_that_makes_no_sense_is_refused() {
    let effigy = Effigy::start().await;
    let People { alice, bob, rita, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let at = format!("{}/import", path(&id));
    let image = "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c";
    for body in [
        json!({}),
        json!({"method": {}}),
        json!({"method": {"name": "nonsense"}}),
        json!({"method": {"name": "web-download"}}),
        json!({"method": {"name": "glance-download", "glance_image_id": image}}),
        json!({"method": {"name": "glance-download", "glance_region": "x"}}),
        json!({"method": {"name": "glance-download", "glance_region": "x", "glance_image_id": "foo"}}),
        json!({"method": web("http://example.org/x"), "all_stores": "yes"}),
        json!({"method": web("http://example.org/x"), "all_stores": true, "stores": ["local"]}),
        json!({"method": web("http://example.org/x"), "stores": "local"}),
    ] {
        alice.post(&at, body.clone()).await.expect(400);
    }
    let elsewhere = json!({"method": web("http://example.org/x"), "stores": ["elsewhere"]});
    alice.post(&at, elsewhere).await.expect(409);
    let uuid = json!({"method": {"name": "glance-download", "glance_region": "x", "glance_image_id": "foo"}});
    assert!(alice.post(&at, uuid).await.text().contains("image id does not look like a UUID"));
    for (person, status) in [(&rita, 403), (&bob, 404)] {
        import(person, &id, web("http://example.org/x")).await.expect(status);
        stage(person, &id, bytes(1, 512)).await.expect(status);
        assert!(person.get(&format!("{}/tasks", path(&id))).await.status != 403);
    }
    assert_eq!(alice.image(&id).await["status"], "queued");
}

#[tokio::test]
async fn refused_content_leaves_the_image_queued_with_the_rule() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({"disk_format": "qcow2"})).await;
    stage(&alice, &id, bytes(1, 100_000)).await.expect(204);
    import(&alice, &id, json!({"name": "glance-direct"})).await.expect(202);

    let task = task_becomes(&alice, &id, "failure").await;

    assert!(task["message"].as_str().unwrap().contains("rule: format_mismatch"), "{task}");
    let image = alice.image(&id).await;
    assert_eq!((&image["status"], &image["os_glance_failed_import"]), (&json!("queued"), &json!("local")));
    assert_eq!((staged_mib(&alice).await, usage(&alice).await), (0, (1, 0, 0)));
    let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(shown["effigy"]["reason"].as_str().unwrap().contains("format_mismatch"), "{shown}");
    stage(&alice, &id, bytes(1, 100_000)).await.expect(204);
}

#[tokio::test]
async fn staged_bytes_outlive_a_kill_and_are_counted() {
    let mut effigy = Effigy::with("[quota]\nstaged_bytes = 2000000\n").await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let file = bytes(1, 1_500_000);
    stage(&alice, &id, file.clone()).await.expect(204);
    let other = alice.create_image("b", json!({})).await;
    let over = stage(&alice, &other, bytes(2, 600_000)).await.expect(413);
    assert!(over.text().contains("staged"), "{}", over.text());

    effigy.kill9();
    effigy.run().await;

    assert_eq!(alice.image(&id).await["status"], "uploading");
    import(&alice, &id, json!({"name": "glance-direct"})).await.expect(202);
    alice.image_becomes(&id, "active").await;
    assert!(alice.download(&id).await.expect(200).body == file);
    stage(&alice, &other, bytes(2, 600_000)).await.expect(204);
    alice.delete(&path(&other)).await.expect(204);
    assert_eq!(usage(&alice).await, (1, 1, 0));
}

#[tokio::test]
async fn staging_cut_off_by_a_kill_leaves_nothing() {
    let mut effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Result<bytes::Bytes, std::io::Error>>();
    let pieces = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    sender.send(Ok(bytes::Bytes::from(bytes(1, 1 << 20)))).unwrap();
    let request = alice.request(reqwest::Method::PUT, &format!("{}/stage", path(&id)));
    let request = request.header("Content-Type", "application/octet-stream").body(reqwest::Body::wrap_stream(pieces));
    let staging = tokio::spawn(async move { Answer::try_of(request).await.ok() });
    alice.image_becomes(&id, "uploading").await;
    import(&alice, &id, json!({"name": "glance-direct"})).await.expect(409);

    effigy.kill9();
    assert!(staging.await.unwrap().is_none());
    effigy.run().await;

    alice.image_becomes(&id, "queued").await;
    let shown = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(is_cut_off(&shown["effigy"]["reason"]), "{shown}");
    assert_eq!(usage(&alice).await, (1, 0, 0));
    effigy.stop().await;
    assert!(effigy.output(&["store", "sweep"]).status.success());
    let stats = String::from_utf8_lossy(&effigy.output(&["store", "stats"]).stdout).into_owned();
    assert!(stats.lines().any(|line| line.split_whitespace().eq(["chunks", "0"])), "{stats}");
}

#[tokio::test]
async fn download_from_the_web_becomes_an_image() {
    let file = bytes(1, 2 << 20);
    let served = file.clone();
    let source = Source::start(move |path| match path {
        "/latest" => Reply::to("/v1/disk?mirror=2"),
        _ => Reply::file(&served),
    })
    .await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let id = alice.create_image("a", json!({})).await;

    import(&alice, &id, web(&source.at("/latest"))).await.expect(202);

    task_becomes(&alice, &id, "success").await;
    let image = alice.image(&id).await;
    assert_eq!((&image["status"], &image["size"]), (&json!("active"), &json!(2 << 20)));
    assert!(alice.download(&id).await.expect(200).body == file);
    assert_eq!(usage(&alice).await, (1, 2, 0));
    assert!(source.asked()[1].starts_with("GET /v1/disk?mirror=2 HTTP/1.1\r\n"), "{:?}", source.asked());
}

/// A source that sends half of a file and the rest only when the test says so.
async fn half_sent() -> Source {
    let mut head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n".to_vec();
    head.extend_from_slice(&bytes(1, 1_000_000));
    Source::start(move |_| Reply::Held(head.clone())).await
}

async fn halfway(alice: &Person, source: &Source) -> String {
    let id = alice.create_image("a", json!({})).await;
    import(alice, &id, web(&source.at("/x"))).await.expect(202);
    eventually("a task with progress", PATIENCE, || async {
        assert_eq!(alice.image(&id).await["status"], "importing");
        let tasks = alice.get(&format!("{}/tasks", path(&id))).await.expect(200).json();
        (tasks["tasks"][0]["status"] == "processing" && !source.asked().is_empty()).then_some(())
    })
    .await;
    id
}

#[tokio::test]
async fn import_killed_halfway_is_queued_with_the_reason() {
    let source = half_sent().await;
    let mut effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let id = halfway(&alice, &source).await;

    effigy.kill9();
    effigy.run().await;

    let task = task_becomes(&alice, &id, "failure").await;
    assert!(is_cut_off(&task["message"]), "{task}");
    assert_eq!(alice.image(&id).await["status"], "queued");
    assert_eq!(usage(&alice).await, (1, 0, 0));
}

#[tokio::test]
async fn import_goes_on_after_a_clean_restart() {
    let (sent, rest) = (bytes(1, 1_000_000), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let (is_whole, file) = (rest.clone(), sent.clone());
    let source = Source::start(move |_| match is_whole.load(std::sync::atomic::Ordering::Relaxed) {
        true => Reply::file(&file),
        false => Reply::Held(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf".to_vec()),
    })
    .await;
    let mut effigy = Effigy::with(&source.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let id = halfway(&alice, &source).await;

    rest.store(true, std::sync::atomic::Ordering::Relaxed);
    effigy.restart().await;

    task_becomes(&alice, &id, "success").await;
    assert!(alice.download(&id).await.expect(200).body == sent);
    assert_eq!(usage(&alice).await.2, 0);
}

#[tokio::test]
async fn image_deleted_during_its_import_is_gone() {
    let source = half_sent().await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = halfway(&alice, &source).await;

    alice.delete(&path(&id)).await.expect(204);

    alice.get(&path(&id)).await.expect(404);
    eventually("its quota back", PATIENCE, || async { (usage(&alice).await == (0, 0, 0)).then_some(()) }).await;
    let tasks = admin.get("/image/v2/tasks?status=failure").await.expect(200).json();
    assert_eq!(tasks["tasks"][0]["image_id"], id);
}

#[tokio::test]
async fn image_of_another_service_is_taken_over_with_what_its_guests_need() {
    let mut effigy = Effigy::start().await;
    let port = effigy.url().rsplit(':').next().unwrap().to_owned();
    let settings = format!("[import]\nallowed_hosts = [\"127.0.0.1\"]\nallowed_ports = [{port}]\n");
    effigy.restart_with(&settings).await;
    let People { admin, alice, .. } = effigy.people().await;
    let service = json!({"service": {"type": "image", "name": "elsewhere"}});
    let service = admin.post("/identity/v3/services", service).await.expect(201).string("/service/id");
    let endpoint = json!({"endpoint": {"service_id": service, "interface": "public", "region": "RegionTwo",
        "url": effigy.at("/image")}});
    admin.post("/identity/v3/endpoints", endpoint).await.expect(201);
    let properties = json!({"hw_cpu_cores": "5", "trait:STORAGE": "required", "os_distro": "debian", "speed": "88"});
    let theirs = alice.create_image("theirs", properties).await;
    let file = bytes(1, 1 << 20);
    alice.upload(&theirs, file.clone()).await.expect(204);
    let ours = json!({"disk_format": "iso", "container_format": "ovf", "hw_cpu_cores": "1", "os_distro": "windows"});
    let ours = alice.create_image("ours", ours).await;
    let method = |region: &str, image: &str| json!({"name": "glance-download", "glance_region": region, "glance_image_id": image});

    import(&alice, &ours, method("RegionTwo", &theirs)).await.expect(202);

    task_becomes(&alice, &ours, "success").await;
    let image = alice.image(&ours).await;
    assert!(alice.download(&ours).await.expect(200).body == file);
    let taken = ["disk_format", "container_format", "hw_cpu_cores", "trait:STORAGE", "os_distro", "speed", "name"];
    let taken = taken.map(|name| image[name].clone());
    let wanted = json!(["raw", "bare", "5", "required", "debian", null, "ours"]);
    assert_eq!(json!(taken), wanted);
    let log = effigy.log();
    assert!(!log.contains(&alice.token), "a token in the log");
    for (region, id) in [("RegionNine", theirs.as_str()), ("RegionOne", "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c")] {
        let bad = alice.create_image("bad", json!({"os_distro": "windows"})).await;
        import(&alice, &bad, method(region, id)).await.expect(202);
        task_becomes(&alice, &bad, "failure").await;
        let image = alice.image(&bad).await;
        assert_eq!((&image["status"], &image["os_distro"]), (&json!("queued"), &json!("windows")));
    }
}

#[tokio::test]
async fn copy_between_stores_is_the_admins_and_has_nothing_to_do() {
    let effigy = Effigy::start().await;
    let People { admin, alice, .. } = effigy.people().await;
    let id = alice.save_image("a", "raw", bytes(1, 512)).await;
    let at = format!("{}/import", path(&id));
    let copy = json!({"method": {"name": "copy-image"}, "all_stores": true, "all_stores_must_succeed": false});
    alice.post(&at, copy.clone()).await.expect(403);
    admin.post(&at, copy).await.expect(202);
    let image = alice.image(&id).await;
    assert_eq!((&image["os_glance_importing_to_stores"], &image["os_glance_failed_import"]), (&json!(""), &json!("")));
    task_becomes(&alice, &id, "success").await;
    let one = json!({"method": {"name": "copy-image"}, "stores": ["local"]});
    let answer = admin.post(&at, one).await.expect(400);
    assert!(answer.text().contains("already present at store 'local'"), "{}", answer.text());
}

#[tokio::test]
async fn tasks_are_made_and_seen_by_admins_and_deleted_by_nobody() {
    let source = Source::start(|_| Reply::file(&[7; 4096])).await;
    let effigy = Effigy::with(&source.settings()).await;
    let People { admin, alice, bob, .. } = effigy.people().await;
    let properties = json!({"name": "made", "container_format": "bare", "visibility": "community"});
    let input = json!({"import_from": source.at("/x"), "import_from_format": "raw", "image_properties": properties});
    let body = json!({"type": "import", "input": input});
    alice.post("/image/v2/tasks", body.clone()).await.expect(403);
    let made = admin.post("/image/v2/tasks", body).await.expect(201);
    let (task, id) = (made.string("/id"), made.string("/image_id"));
    assert_eq!(made.header("location"), Some(format!("/v2/tasks/{task}").as_str()));
    let done = task_becomes(&admin, &id, "success").await;
    assert_eq!(done["result"]["image_id"], id.as_str());
    assert_eq!(admin.image(&id).await["name"], "made");
    let seen = bob.get(&format!("{}/tasks", path(&id))).await.expect(200).json();
    assert_eq!(seen["tasks"], json!([]), "another project sees what an import was given");
    let shown = admin.get(&format!("/image/v2/tasks/{task}")).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["input"]["import_from"]), (&json!("success"), &json!(source.at("/x"))));
    let page = admin.get("/image/v2/tasks?type=import&limit=1").await.expect(200).json();
    assert_eq!((&page["tasks"][0]["id"], page["tasks"][0].get("input")), (&json!(task), None));
    let next = admin.get(&format!("/image{}", page["next"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(next["tasks"], json!([]));
    admin.get("/image/v2/tasks?sort_key=status&sort_dir=asc").await.expect(200);
    admin.get("/image/v2/tasks?status=odd").await.expect(400);
    admin.get("/image/v2/tasks?marker=odd").await.expect(400);
    admin.get("/image/v2/tasks/c0ffee00-1234-4abc-8def-0123456789ab").await.expect(404);
    let refused = admin.delete(&format!("/image/v2/tasks/{task}")).await.expect(405);
    assert_eq!(refused.header("allow"), Some("GET"));
    for path in ["/image/v2/tasks", &format!("/image/v2/tasks/{task}")] {
        alice.get(path).await.expect(403);
    }
    alice.delete(&format!("/image/v2/tasks/{task}")).await.expect(403);
    for bad in [json!({"type": "export", "input": {}}), json!({"type": "import", "input": {}})] {
        admin.post("/image/v2/tasks", bad).await.expect(400);
    }
}

#[tokio::test]
async fn a_token_goes_to_no_host_that_the_request_itself_names() {
    let stranger = Source::start(|_| Reply::file(b"{}")).await;
    let mut effigy = Effigy::with(&stranger.settings()).await;
    let People { alice, .. } = effigy.people().await;
    let theirs = alice.save_image("theirs", "raw", bytes(1, 4096)).await;
    let ours = alice.create_image("ours", json!({})).await;
    let method = json!({"name": "glance-download", "glance_region": "RegionOne", "glance_image_id": theirs});
    let request = alice.request(reqwest::Method::POST, &format!("{}/import", path(&ours)));
    let request = request.header("Host", stranger.address.to_string()).json(&json!({ "method": method }));
    Answer::of(request).await.expect(202);
    let task = task_becomes(&alice, &ours, "failure").await;
    assert!(task["message"].as_str().unwrap().contains("server.public_url"), "{task}");
    assert_eq!(stranger.asked(), Vec::<String>::new());
    // The address that the operator wrote down is this service's own.
    let port = effigy.url().rsplit(':').next().unwrap().to_owned();
    let settings = format!(
        "[server]\npublic_url = \"{}\"\n[import]\nallowed_hosts = [\"127.0.0.1\"]\nallowed_ports = [{port}]\n",
        effigy.url()
    );
    effigy.restart_with(&settings).await;
    import(&alice, &ours, method).await.expect(202);
    alice.image_becomes(&ours, "active").await;
    assert!(alice.download(&ours).await.expect(200).body == bytes(1, 4096));
}
