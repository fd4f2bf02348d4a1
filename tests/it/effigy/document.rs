//! Walks `/openapi.json` against a running service: each operation is asked well and badly, each answer that is
//! documented is had once, and each answer is held against its schema.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::schema::misfits;
use crate::{
    docs::urls,
    support::{Answer, Effigy, PASSWORD, People, Person, cleaner, eventually, linux_disk, micro_disk, windows_disk},
};

/// Longer than any look takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Something of everything that a report has a word for.
const CARELESS: [(&str, &str); 3] = [
    ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("/root/.bash_history", "ls\n"),
    ("/root/.ssh/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n"),
];

/// An operation as the document has it.
struct Operation {
    method: Method,
    path: String,
    says: Value,
}

/// The document, and what has been seen of it.
struct Walk {
    document: Value,
    seen: BTreeSet<(String, String)>,
}

impl Walk {
    async fn begin(effigy: &Effigy) -> Walk {
        let answer = effigy.stranger().get("/openapi.json").await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        Walk { document: answer.json(), seen: BTreeSet::new() }
    }

    fn operations(&self) -> Vec<Operation> {
        let paths = self.document["paths"].as_object().expect("paths");
        let all = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().expect("methods").iter().map(|(method, says)| Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                says: says.clone(),
            })
        });
        all.collect()
    }

    fn operation(&self, id: &str) -> Operation {
        let found = self.operations().into_iter().find(|operation| operation.says["operationId"] == id);
        found.unwrap_or_else(|| panic!("there is no operation {id}"))
    }

    /// Asks an operation about this thing (or about these, with a blank between them), with this query and body, and holds its answer against the document.
    async fn ask(&mut self, person: &Person, id: &str, about: &str, body: Option<Value>, status: u16) -> Value {
        let operation = self.operation(id);
        let (thing, query) = about.split_once('?').unwrap_or((about, ""));
        let mut things = thing.split(' ').cycle();
        let mut path = Vec::new();
        for part in operation.path.split('/') {
            path.push(if part.starts_with('{') { things.next().unwrap_or_default() } else { part });
        }
        let request = person.request(operation.method.clone(), &format!("{}?{query}", path.join("/")));
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        self.sent(id, request, status).await
    }

    /// Sends a request of an operation, and holds its answer against the document.
    async fn sent(&mut self, id: &str, request: RequestBuilder, status: u16) -> Value {
        let operation = self.operation(id);
        let answer = Answer::of(request).await.expect(status);
        self.seen.insert((id.to_owned(), status.to_string()));
        let responses = &operation.says["responses"];
        let documented = responses.get(status.to_string());
        let documented = documented.unwrap_or_else(|| panic!("{id} does not document {status}: {}", answer.text()));
        let Some(schema) = documented.pointer("/content/application~1json/schema") else {
            assert_eq!(answer.text(), "", "{id}: nothing is documented for {status}");
            return Value::Null;
        };
        assert_eq!(answer.header("content-type"), Some("application/json"), "{id} {status}");
        if operation.method == Method::HEAD {
            return Value::Null;
        }
        let differences = misfits(&self.document, schema, &answer.json());
        assert!(differences.is_empty(), "{id} {status}: {}\n{}", answer.text(), differences.join("\n"));
        answer.json()
    }

    /// Fails the test unless each documented answer was had, but for those that only a service in trouble gives.
    fn end(&self) {
        let mut missing = Vec::new();
        for Operation { says, .. } in self.operations() {
            let id = says["operationId"].as_str().expect("an operation id");
            let documented =
                says["responses"].as_object().expect("responses").keys().filter(|status| *status != "default");
            missing.extend(
                documented
                    .filter(|status| !self.seen.contains(&(id.to_owned(), (*status).clone())))
                    .map(|status| format!("{id} {status}")),
            );
        }
        assert!(missing.is_empty(), "documented, and not seen: {missing:?}");
    }
}

#[tokio::test]
async fn service_answers_as_its_document_says() {
    let settings = format!("[instances]\naccel = \"tcg\"\n[inspect]\ncleaner = \"{}\"\n", cleaner().display());
    let effigy = Effigy::with(&settings).await;
    let people = effigy.people().await;
    let mut walk = Walk::begin(&effigy).await;
    strangers(&mut walk, &effigy).await;
    let linux = images(&mut walk, &people).await;
    filters(&mut walk, &people.alice).await;
    uploads(&mut walk, &people).await;
    verification(&mut walk, &people, &linux).await;
    instances(&mut walk, &people).await;
    copies(&mut walk, &people, &linux).await;
    channels(&mut walk, &people).await;
    shares(&mut walk, &people).await;
    projects(&mut walk, &people, &linux).await;
    administration(&mut walk, &people).await;
    sessions(&mut walk, &effigy, &people.alice).await;
    events(&mut walk, &people).await;
    walk.end();
}

/// A file in parts, whose requests are told in headers.
async fn uploads(walk: &mut Walk, people: &People) {
    let (alice, rita) = (&people.alice, &people.rita);
    let id = alice.create_image("in parts", json!({})).await;
    let packed = alice.create_image("packed", json!({"container_format": "ovf"})).await;
    let base64 = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let begin = |person: &Person, id: &str, length: &str| {
        let request = person.request(Method::POST, "/effigy/v1/uploads").header("Upload-Length", length);
        request.header("Upload-Metadata", format!("image_id {}", base64(id)))
    };
    walk.sent("describe_uploads", alice.request(Method::OPTIONS, "/effigy/v1/uploads"), 204).await;
    walk.ask(alice, "show_upload_of_image", &id, None, 404).await;
    for (person, id, length, status) in [
        (alice, id.as_str(), "many", 400),
        (rita, &id, "1000", 403),
        (alice, "nothing", "1000", 404),
        (alice, &packed, "1000", 415),
        (alice, &id, "9000000000000000", 413),
        (alice, &id, "1000", 201),
        (alice, &id, "1000", 409),
    ] {
        walk.sent("begin_upload", begin(person, id, length).header("Tus-Resumable", "1.0.0"), status).await;
    }
    walk.sent("begin_upload", begin(alice, &id, "1000"), 412).await;
    let shown = walk.ask(alice, "show_upload_of_image", &id, None, 200).await;
    let (at, nothing) = (shown["url"].as_str().unwrap(), "/effigy/v1/uploads/x");
    let tus = |method: Method, path: &str| alice.request(method, path).header("Tus-Resumable", "1.0.0");
    for (id, method) in
        [("show_upload", Method::HEAD), ("append_to_upload", Method::PATCH), ("end_upload", Method::DELETE)]
    {
        walk.sent(id, alice.request(method, at), 412).await;
    }
    walk.sent("show_upload", tus(Method::HEAD, nothing), 404).await;
    walk.sent("show_upload", tus(Method::HEAD, at), 200).await;
    let part = |method: Method, path: &str, offset: &str, bytes: usize| {
        let request = tus(method, path).header("Upload-Offset", offset).body(vec![1; bytes]);
        request.header("Content-Type", "application/offset+octet-stream")
    };
    for (path, offset, bytes, status) in
        [(at, "first", 10, 400), (nothing, "0", 10, 404), (at, "5", 10, 409), (at, "0", 1001, 413), (at, "0", 600, 204)]
    {
        walk.sent("append_to_upload", part(Method::PATCH, path, offset, bytes), status).await;
    }
    walk.sent("append_to_upload", tus(Method::PATCH, at).header("Upload-Offset", 600), 415).await;
    let wrong = format!("md5 {}", base64("sixteen bytes 16"));
    walk.sent("append_to_upload", part(Method::PATCH, at, "600", 10).header("Upload-Checksum", wrong), 460).await;
    walk.sent("act_on_upload", tus(Method::POST, at), 405).await;
    let put = part(Method::POST, at, "600", 400).header("X-HTTP-Method-Override", "PATCH");
    walk.sent("act_on_upload", put, 204).await;
    walk.sent("end_upload", tus(Method::DELETE, at), 409).await;
    walk.sent("end_upload", tus(Method::DELETE, nothing), 404).await;
    alice.image_becomes(&id, "active").await;
    let other = alice.create_image("given up", json!({})).await;
    walk.sent("begin_upload", begin(alice, &other, "10").header("Tus-Resumable", "1.0.0"), 201).await;
    let shown = walk.ask(alice, "show_upload_of_image", &other, None, 200).await;
    walk.sent("end_upload", tus(Method::DELETE, shown["url"].as_str().unwrap()), 204).await;
    for id in [id, packed, other] {
        alice.delete(&format!("/image/v2/images/{id}")).await.expect(204);
    }
}

/// A stranger is refused by each operation that wants a token, and by no other.
async fn strangers(walk: &mut Walk, effigy: &Effigy) {
    let stranger = effigy.stranger();
    let nobody = "00000000-0000-0000-0000-000000000000";
    let token = &walk.document["components"]["securitySchemes"]["token"];
    assert_eq!(token, &json!({"type": "apiKey", "name": "X-Auth-Token", "in": "header"}));
    for Operation { says, .. } in walk.operations() {
        let id = says["operationId"].as_str().unwrap().to_owned();
        let is_open = says["security"] == json!([{}]);
        walk.ask(&stranger, &id, nobody, None, if is_open { 200 } else { 401 }).await;
    }
}

async fn images(walk: &mut Walk, people: &People) -> String {
    let People { admin, alice, bob, rita, .. } = people;
    let properties = json!({"disk_format": "raw", "hw_disk_bus": "scsi", "effigy": "mine", "tags": ["nightly"]});
    let linux = alice.create_image("linux", properties).await;
    alice.upload(&linux, linux_disk(&CARELESS)).await.expect(204);
    alice.save_image("windows", "raw", windows_disk("generalized-gpt.raw")).await;
    alice.create_image("child", json!({"base_image_ref": linux})).await;
    let held = admin.create_image("held", json!({"visibility": "public"})).await;
    admin.upload(&held, micro_disk("held", 1 << 20)).await.expect(204);
    let refused = alice.create_image("refused", json!({"disk_format": "qcow2"})).await;
    alice.upload(&refused, vec![7; 4096]).await.expect(415);

    let page = walk.ask(alice, "list_images", "?kind=private&limit=2", None, 200).await;
    assert_eq!(page["images"].as_array().unwrap().len(), 2);
    assert!(page["next"].as_str().unwrap().starts_with("/effigy/v1/images?"), "{page}");
    let whole = walk.ask(alice, "list_images", "?kind=private", None, 200).await;
    for listed in whole["images"].as_array().unwrap() {
        walk.ask(alice, "show_image", listed["id"].as_str().unwrap(), None, 200).await;
    }
    let shown = walk.ask(admin, "show_image", &held, None, 200).await;
    assert!(["pending", "held"].contains(&shown["os_effigy_public"].as_str().unwrap()), "{shown}");
    for query in ["?limit=-1", "?kind=purple", "?sort=colour", "?os_hidden=maybe"] {
        walk.ask(alice, "list_images", query, None, 400).await;
    }
    walk.ask(alice, "count_images", "", None, 200).await;
    walk.ask(alice, "count_images", "?kind=purple", None, 400).await;
    walk.ask(alice, "list_descendants", &linux, None, 200).await;
    walk.ask(alice, "list_ancestors", &linux, None, 200).await;
    walk.ask(alice, "show_storage", &linux, None, 200).await;
    walk.ask(rita, "show_storage", &linux, None, 403).await;
    for operation in ["show_image", "list_descendants", "list_ancestors", "show_storage"] {
        walk.ask(bob, operation, &linux, None, 404).await;
        walk.ask(bob, operation, "nonsense", None, 404).await;
    }
    linux
}

/// Each parameter of the list is taken with its example, and a word that the document does not have is refused.
async fn filters(walk: &mut Walk, alice: &Person) {
    for operation in ["list_images", "count_images"] {
        for parameter in walk.operation(operation).says["parameters"].as_array().unwrap().clone() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let words = schema["enum"].as_array().cloned().unwrap_or_default();
            let example = schema["examples"].get(0).cloned().or_else(|| words.first().cloned());
            let value = match (name, example) {
                // A marker is an image that there is.
                ("marker", _) => continue,
                ("properties", _) => json!("scsi"),
                (_, Some(example)) => example,
                (_, None) => json!(1),
            };
            let name = if name == "properties" { "hw_disk_bus" } else { name };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value: String =
                reqwest::Url::parse_with_params("http://x", [(name, value)]).unwrap().query().unwrap().into();
            walk.ask(alice, operation, &format!("?{value}"), None, 200).await;
            if !words.is_empty() && name != "status" {
                walk.ask(alice, operation, &format!("?{name}=purple"), None, 400).await;
            }
        }
    }
}

async fn verification(walk: &mut Walk, people: &People, linux: &str) {
    let People { alice, bob, rita, .. } = people;
    let list = alice.get("/effigy/v1/images?kind=private").await.expect(200).json();
    let mut reports = Vec::new();
    for image in list["images"].as_array().unwrap() {
        let id = image["id"].as_str().unwrap();
        if image["effigy"]["has_disk"] == true {
            eventually("verified", PATIENCE, async || {
                let shown = alice.get(&format!("/effigy/v1/images/{id}/verification")).await.expect(200).json();
                (shown["state"] == "done" && !shown["verdict"].is_null()).then_some(())
            })
            .await;
        }
        reports.push(walk.ask(alice, "show_verification", id, None, 200).await);
        if image["effigy"]["has_disk"] == false {
            walk.ask(alice, "verify_image", id, None, 409).await;
        }
    }
    let has = |test: &dyn Fn(&Value) -> bool| assert!(reports.iter().any(test), "{reports:?}");
    has(&|shown| shown["state"] == "none" && shown["statement"].is_null());
    has(&|shown| shown["verdict"] == "failed" && !shown["report"]["findings"][0].is_null());
    has(&|shown| shown["verdict"] == "passed" && !shown["report"]["windows"].is_null());
    for operation in ["show_verification", "verify_image"] {
        walk.ask(bob, operation, linux, None, 404).await;
    }
    walk.ask(rita, "verify_image", linux, None, 403).await;
    walk.ask(alice, "verify_image", linux, None, 202).await;
    walk.ask(alice, "show_verification", linux, None, 200).await;
    eventually("verified again", PATIENCE, async || {
        let shown = alice.get(&format!("/effigy/v1/images/{linux}/verification")).await.expect(200).json();
        (shown["state"] == "done").then_some(())
    })
    .await;
}

async fn instances(walk: &mut Walk, people: &People) {
    let People { alice, bob, rita, .. } = people;
    let micro = alice.save_image("micro", "raw", micro_disk("document", 1 << 20)).await;
    let id = alice.launched("running", &micro).await;
    for operation in ["show_instance", "force_off_instance"] {
        walk.ask(bob, operation, &id, None, 404).await;
    }
    walk.ask(rita, "show_instance", &id, None, 200).await;
    assert_eq!(walk.ask(alice, "count_instances", "?status=ACTIVE&name=runn", None, 200).await["count"], 1);
    walk.ask(alice, "count_instances", "?colour=red", None, 400).await;
    walk.ask(rita, "force_off_instance", &id, None, 403).await;
    walk.ask(alice, "force_off_instance", &id, None, 202).await;
    alice.instance_becomes(&id, "SHUTOFF").await;
    walk.ask(alice, "force_off_instance", &id, None, 409).await;
}

async fn copies(walk: &mut Walk, people: &People, linux: &str) {
    let People { alice, bob, rita, .. } = people;
    let empty = alice.create_image("empty", json!({})).await;
    walk.ask(bob, "generalize_image", linux, Some(json!({})), 404).await;
    walk.ask(rita, "generalize_image", linux, Some(json!({})), 403).await;
    walk.ask(alice, "generalize_image", linux, Some(json!({"nmae": "x"})), 400).await;
    walk.ask(alice, "generalize_image", linux, Some(json!({"name": "x".repeat(1 << 20)})), 413).await;
    walk.ask(alice, "generalize_image", &empty, None, 409).await;
    walk.ask(alice, "generalize_image", &empty, Some(Value::Null), 409).await;

    let body = json!({"name": "clean"});
    let operation = walk.operation("generalize_image").says;
    let schema = operation.pointer("/requestBody/content/application~1json/schema").expect("a body");
    assert_eq!(misfits(&walk.document, schema, &body), Vec::<String>::new());
    assert_eq!(misfits(&walk.document, schema, &json!({"nmae": "x"})).len(), 1);
    let made = walk.ask(alice, "generalize_image", linux, Some(body), 202).await;
    let copy = walk.ask(alice, "show_image", made["image"]["id"].as_str().unwrap(), None, 200).await;
    assert_eq!((&copy["name"], &copy["base_image_ref"]), (&json!("clean"), &json!(linux)));
}

/// A channel with two releases, and each refusal on the way.
async fn channels(walk: &mut Walk, people: &People) {
    let People { alice, bob, rita, .. } = people;
    let [first, second, empty] = [
        alice.create_image("one", json!({})).await,
        alice.create_image("two", json!({})).await,
        alice.create_image("no", json!({})).await,
    ];
    for image in [&first, &second] {
        alice.upload(image, micro_disk("document", 1 << 20)).await.expect(204);
    }
    let long = json!({"name": "golden", "image": first, "notes": "x".repeat(1 << 20)});
    let new = |image: &str| json!({"name": "golden", "image": image, "reason": "a test"});
    for (person, body, status) in [
        (alice, json!({"nmae": "x"}), 400),
        (alice, long.clone(), 413),
        (rita, new(&first), 403),
        (bob, new(&first), 404),
        (alice, new(&empty), 409),
        (alice, new(&first), 201),
    ] {
        walk.ask(person, "create_channel", "", Some(body), status).await;
    }
    let of = |image: &str| json!({"image": image, "reason": "a test"});
    for (person, body, status) in [
        (alice, json!({"nmae": "x"}), 400),
        (alice, long, 413),
        (rita, of(&second), 403),
        (bob, of(&second), 404),
        (alice, of(&empty), 409),
        (alice, of(&second), 200),
    ] {
        walk.ask(person, "promote_image", "golden", Some(body), status).await;
    }
    channel(walk, people).await;
    people
        .admin
        .patch_image(
            &first,
            json!([{"op": "add", "path": "/effigy_public_reason", "value": "a test"},
        {"op": "replace", "path": "/visibility", "value": "public"}]),
        )
        .await
        .expect(200);
    walk.ask(bob, "list_channel_history", "golden", None, 403).await;
    walk.ask(bob, "delete_channel", "golden", None, 403).await;
    walk.ask(bob, "delete_channel", "silver", None, 404).await;
    walk.ask(&people.admin, "delete_channel", "golden", None, 204).await;
}

/// The channel as it is, its ends, and the way back.
async fn channel(walk: &mut Walk, people: &People) {
    let People { alice, bob, rita, .. } = people;
    walk.ask(alice, "list_channels", "?limit=1", None, 200).await;
    walk.ask(alice, "list_channels", "?colour=red", None, 400).await;
    for operation in ["show_channel", "list_releases", "list_channel_history", "list_older_instances"] {
        walk.ask(rita, operation, "golden", None, 200).await;
        walk.ask(bob, operation, "golden", None, 404).await;
    }
    walk.ask(rita, "show_release", "golden 1", None, 200).await;
    walk.ask(rita, "show_release", "golden 7", None, 404).await;
    let (past, said) = ("2026-01-01T00:00:00Z", |at: &str| Some(json!({"notes": "old", "deprecated_at": at})));
    walk.ask(alice, "set_release", "golden 1", said(past), 200).await;
    walk.ask(alice, "set_release", "golden 1", said("soon"), 400).await;
    walk.ask(alice, "set_release", "golden 2", said(past), 409).await;
    walk.ask(rita, "set_release", "golden 1", said(past), 403).await;
    walk.ask(bob, "set_release", "golden 1", said(past), 404).await;
    let end = |at: &str| Some(json!({"retired_at": at}));
    walk.ask(alice, "set_channel", "golden", end("2126-01-01T00:00:00Z"), 200).await;
    walk.ask(alice, "set_channel", "golden", end("soon"), 400).await;
    walk.ask(rita, "set_channel", "golden", end(past), 403).await;
    walk.ask(bob, "set_channel", "golden", end(past), 404).await;
    walk.ask(alice, "roll_back_channel", "golden", Some(json!({"nmae": "x"})), 400).await;
    walk.ask(rita, "roll_back_channel", "golden", None, 403).await;
    walk.ask(bob, "roll_back_channel", "golden", None, 404).await;
    walk.ask(alice, "roll_back_channel", "golden", Some(json!({"reason": "a test"})), 200).await;
    walk.ask(alice, "roll_back_channel", "golden", None, 409).await;
}

/// An image that is shared on terms, and what rests on it.
async fn shares(walk: &mut Walk, people: &People) {
    let People { admin, alice, bob, rita, .. } = people;
    let image = alice.save_image("shared", "raw", micro_disk("shared", 1 << 20)).await;
    let public = admin.create_image("for-all", json!({"visibility": "public", "effigy_public_reason": "a test"})).await;
    let new = json!({"project": bob.project_id, "note": "a test", "expires_at": "2126-01-01T00:00:00Z"});
    for (person, about, body, status) in [
        (admin, &image, json!({"prject": "x"}), 400),
        (admin, &image, json!({"project": bob.project_id, "note": "x".repeat(1 << 20)}), 413),
        (rita, &image, new.clone(), 403),
        (bob, &image, new.clone(), 404),
        (admin, &image, new.clone(), 201),
        (admin, &image, new, 409),
    ] {
        walk.ask(person, "create_share", about, Some(body), status).await;
    }
    let one = format!("{image} {}", bob.project_id);
    for (person, body, status) in
        [(alice, json!({"reason": "a test"}), 200), (alice, json!({"expires_at": "soon"}), 400), (bob, json!({}), 403)]
    {
        walk.ask(person, "set_share", &one, Some(body), status).await;
    }
    let nobody = format!("{image} {}", alice.project_id);
    walk.ask(alice, "set_share", &nobody, Some(json!({})), 404).await;
    walk.ask(alice, "show_share", &one, None, 200).await;
    walk.ask(alice, "show_share", &nobody, None, 404).await;
    walk.ask(bob, "show_share", &format!("{public} {}", bob.project_id), None, 403).await;
    for operation in ["list_shares", "list_share_history"] {
        walk.ask(alice, operation, &format!("{image}?limit=1"), None, 200).await;
        walk.ask(alice, operation, &format!("{image}?colour=red"), None, 400).await;
        walk.ask(bob, operation, &public, None, 403).await;
        walk.ask(bob, operation, "00000000-0000-4000-8000-000000000000", None, 404).await;
    }
    for operation in ["list_offers", "list_received_history"] {
        walk.ask(bob, operation, "?limit=1", None, 200).await;
        walk.ask(bob, operation, "?colour=red", None, 400).await;
    }
    walk.ask(alice, "show_references", &image, None, 200).await;
    walk.ask(bob, "show_references", &image, None, 403).await;
    walk.ask(bob, "show_references", "00000000-0000-4000-8000-000000000000", None, 404).await;
}

/// The usage, the activity and the sharing of a project, with something of each in it.
async fn projects(walk: &mut Walk, people: &People, linux: &str) {
    let People { admin, alice, bob, .. } = people;
    let members = format!("/image/v2/images/{linux}/members");
    admin.post(&members, json!({"member": bob.project_id})).await.expect(200);
    bob.put(&format!("{members}/{}", bob.project_id), json!({"status": "rejected"})).await.expect(200);
    let sharing = walk.ask(bob, "show_sharing", "", None, 200).await;
    assert_eq!((&sharing["projects"][0]["name"], &sharing["rejected"][0]["id"]), (&json!("web"), &json!(linux)));
    let usage = walk.ask(alice, "show_usage", "", None, 200).await;
    assert!(!usage["usage"]["instances"].is_null(), "{usage}");
    let whole = walk.ask(alice, "list_activity", "", None, 200).await;
    assert!(whole["activity"].as_array().unwrap().iter().any(|entry| entry["state"] == "failed"), "{whole}");
    walk.ask(alice, "list_activity", "?under_way=true", None, 200).await;
    walk.ask(alice, "list_activity", "?under_way=purple", None, 400).await;
}

/// The host and the usage of every project, which a member is refused.
async fn administration(walk: &mut Walk, people: &People) {
    let People { admin, alice, .. } = people;
    for operation in ["show_host", "list_usage", "list_arrivals"] {
        walk.ask(alice, operation, "", None, 403).await;
        walk.ask(admin, operation, "", None, 200).await;
    }
    let own = json!({"images": 5});
    walk.ask(alice, "set_quota", &alice.project_id, Some(own.clone()), 403).await;
    walk.ask(admin, "set_quota", &alice.project_id, Some(json!({"imags": 5})), 400).await;
    walk.ask(admin, "set_quota", &uuid::Uuid::new_v4().simple().to_string(), Some(own.clone()), 404).await;
    walk.ask(admin, "set_quota", &alice.project_id, Some(own), 204).await;
    let all = walk.ask(admin, "list_usage", "", None, 200).await;
    assert!(all["projects"].as_array().unwrap().iter().any(|of| of["own"]["images"] == 5), "{all}");
    walk.ask(admin, "set_quota", &alice.project_id, Some(json!({})), 204).await;
    walk.ask(alice, "unlock_user", &alice.user_id, None, 403).await;
    walk.ask(admin, "unlock_user", "nobody", None, 404).await;
    walk.ask(admin, "unlock_user", &alice.user_id, None, 204).await;
}

/// The sessions of a person, which a program with an application credential is refused.
async fn sessions(walk: &mut Walk, effigy: &Effigy, alice: &Person) {
    let own = format!("/identity/v3/users/{}/application_credentials", alice.user_id);
    let made = alice.post(&own, json!({"application_credential": {"name": "reviews"}})).await.expect(201);
    let secret = made.string("/application_credential/secret");
    let proof = json!({"id": made.string("/application_credential/id"), "secret": secret});
    let auth = json!({"identity": {"methods": ["application_credential"], "application_credential": proof}});
    let answer = effigy.stranger().post("/identity/v3/auth/tokens", json!({ "auth": auth })).await.expect(201);
    let mut program = alice.clone();
    program.token = answer.header("x-subject-token").unwrap().to_owned();
    for operation in ["list_sessions", "end_session", "end_other_sessions"] {
        walk.ask(&program, operation, "any", None, 403).await;
    }
    effigy.sign_in("alice", PASSWORD, Some("web")).await;
    let shown = walk.ask(alice, "list_sessions", "", None, 200).await;
    let other = shown["sessions"].as_array().unwrap().iter().find(|session| session["is_this"] == false).unwrap();
    let other = other["id"].as_str().unwrap();
    walk.ask(alice, "end_session", other, None, 204).await;
    walk.ask(alice, "end_session", other, None, 404).await;
    walk.ask(alice, "end_other_sessions", "", None, 204).await;
}

async fn events(walk: &mut Walk, people: &People) {
    let People { admin, alice, .. } = people;
    walk.ask(alice, "list_events", "", None, 403).await;
    walk.ask(admin, "list_events", "?limit=-1", None, 400).await;
    walk.ask(admin, "list_events", "", None, 200).await;
    let page = walk.ask(admin, "list_events", "?limit=1&action=image.generalize", None, 200).await;
    assert!(!page["links"]["next"].is_null(), "{page}");
    let event = &page["events"][0];
    for parameter in walk.operation("list_events").says["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        if let Some(value) = event[name].as_str() {
            let found = walk.ask(admin, "list_events", &format!("?{name}={value}"), None, 200).await;
            let events = found["events"].as_array().unwrap();
            assert!(!events.is_empty() && events.iter().all(|found| found[name] == event[name]), "{name}: {found}");
        }
    }
}

#[tokio::test]
async fn document_has_all_that_is_served_and_nothing_else() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let walk = Walk::begin(&effigy).await;
    assert_eq!(walk.document["openapi"], "3.1.0");
    assert_eq!(
        (&walk.document["info"]["title"], &walk.document["info"]["version"]),
        (&json!("Effigy"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let operations = walk.operations();
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.says["operationId"].to_string()).collect();
    assert_eq!(ids.len(), operations.len(), "an id is one operation's");
    for Operation { path, says, .. } in &operations {
        assert!(
            path.starts_with("/effigy/v1/") && says["summary"].as_str().is_some_and(|says| says.ends_with('.')),
            "{path}"
        );
        let named = says["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path");
        let named: Vec<_> = named.map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap())).collect();
        assert_eq!(named, path.split('/').filter(|part| part.starts_with('{')).collect::<Vec<_>>(), "{path}");
    }
    let paths: BTreeSet<_> = operations.iter().map(|operation| operation.path.clone()).collect();
    let served: BTreeSet<_> = urls().into_iter().filter(|url| url.starts_with("/effigy/")).collect();
    assert_eq!(paths, served, "the document's paths, and those of the router");
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let is_documented = operations.iter().any(|operation| operation.path == path && operation.method == method);
            let answer = Answer::of(admin.request(method.clone(), &path.replace(['{', '}'], ""))).await;
            assert_eq!(answer.status != 405, is_documented, "{method} {path} answered {}", answer.text());
            if !is_documented {
                let error = json!({"$ref": "#/components/schemas/Error"});
                assert_eq!(misfits(&walk.document, &error, &answer.json()), Vec::<String>::new());
            }
        }
    }
}
