//! The calls of clients that no package registry has, replayed from `tests/clients`, and the lists that clients ask for.
//!
//! A recording is a JSON file: the client, how its calls are known, and stories of calls. A call has a method, a path, the
//! headers that matter, a body, the status that the client takes for success, and under `reads` the fields that it reads, by
//! JSON pointer, each with a value or with the kind of one (`<text>`, `<number>`, `<bool>`, `<list>`, `<object>`,
//! `<null>`). `keeps` gives a field a name, and `{name}` in later calls stands for it; a call with `until` is sent again
//! until its fields are so. The names that are there from the start: `image`, `flavor`, `network`, and of the one who
//! calls `project` and `user`.

use std::{collections::BTreeMap, path::Path, time::Duration};

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{Answer, Effigy, People, Person, eventually, micro_disk};

/// How long a guest may take under emulation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    client: String,
    /// Where its calls are from.
    made_from: String,
    stories: Vec<Story>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    name: String,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// `alice`, `bob` or `admin`.
    by: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    /// The file that is sent instead of a body.
    #[serde(default)]
    file: Option<String>,
    status: u16,
    #[serde(default)]
    reads: BTreeMap<String, Value>,
    #[serde(default)]
    until: BTreeMap<String, Value>,
    #[serde(default)]
    keeps: BTreeMap<String, String>,
}

type Names = BTreeMap<String, String>;

#[tokio::test]
async fn terraforms_provider_gets_the_answers_that_it_reads() {
    replay("terraform-provider-openstack.json").await;
}

#[tokio::test]
async fn gophercloud_gets_the_answers_that_it_reads() {
    replay("gophercloud.json").await;
}

#[tokio::test]
async fn every_list_that_clients_ask_for_is_a_list() {
    let (_effigy, people, mut names) = stage().await;
    let server = people.admin.launch("listed", &names["image"], serde_json::json!({})).await.expect(202);
    names.insert("server".into(), server.string("/server/id"));
    names.insert("endpoint".into(), people.admin.get("/identity/v3/endpoints").await.string("/endpoints/0/id"));
    let shared = serde_json::json!({"visibility": "shared"});
    names.insert("shared".into(), people.admin.create_image("shared", shared).await);
    name_caller(&mut names, &people.admin);
    let table = std::fs::read_to_string(folder().join("lists.txt")).expect("the table of lists");
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for row in rows {
        let [path, version, list, _, ..] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("a path, a microversion, a list and its clients: {row}");
        };
        let request = people.admin.request(Method::GET, &filled(path, &names));
        let answer = Answer::of(match version {
            "-" => request,
            version => request.header("OpenStack-API-Version", format!("compute {version}")),
        });
        let body = answer.await.expect(200).json();
        let found = body.get(list).unwrap_or_else(|| panic!("{row}: no {list} in {body}"));
        // Few of them are an object: addresses by network, values by name.
        assert!(found.is_array() || found.is_object(), "{row}: {found}");
    }
}

/// A service with a Public image, and the names that recordings begin with.
async fn stage() -> (Effigy, People, Names) {
    let effigy =
        Effigy::with("[instances]\naccel = \"tcg\"\n[inspect]\npublic = \"record\"\n[sharing]\nscope = \"any\"\n");
    let effigy = effigy.await;
    let people = effigy.people().await;
    let image = people.admin.save_image("public", "raw", micro_disk("clients", 1 << 20)).await;
    let public = serde_json::json!([{"op": "replace", "path": "/visibility", "value": "public"}]);
    people.admin.patch_image(&image, public).await.expect(200);
    let network = people.alice.get("/network/v2.0/networks").await.expect(200).string("/networks/0/id");
    let flavor = people.alice.flavor("m1.nano").await;
    let names = [("image", image), ("flavor", flavor), ("network", network)];
    (effigy, people, names.map(|(name, id)| (name.to_owned(), id)).into())
}

async fn replay(file: &str) {
    let text = std::fs::read_to_string(folder().join(file)).expect("the recording");
    let recording: Recording = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!recording.client.is_empty() && !recording.made_from.is_empty(), "{file} says whose calls these are");
    let (effigy, people, mut names) = stage().await;
    names.insert("address".into(), effigy.url().to_owned());
    for story in &recording.stories {
        // Each story stands alone, with the names of the stage.
        let mut names = names.clone();
        names.insert("other_project".into(), people.bob.project_id.clone());
        for call in &story.calls {
            let person = match call.by.as_str() {
                "alice" => &people.alice,
                "bob" => &people.bob,
                "admin" => &people.admin,
                other => panic!("{file}: there is no {other}"),
            };
            name_caller(&mut names, person);
            let what = format!("{file}: {}: {} {}", story.name, call.method, call.path);
            let answer = if call.until.is_empty() {
                sent(call, person, &names).await
            } else {
                let so = || async {
                    let answer = sent(call, person, &names).await;
                    let body = answer.json();
                    call.until.iter().all(|(at, wanted)| is_so(body.pointer(at), wanted, &names)).then_some(answer)
                };
                eventually(&what, PATIENCE, so).await
            };
            judge(call, &answer, &what, &mut names);
        }
    }
}

/// Sends one call.
async fn sent(call: &Call, person: &Person, names: &Names) -> Answer {
    let method = call.method.parse().expect("a method");
    let mut request = person.request(method, &filled(&call.path, names));
    for (name, value) in &call.headers {
        request = request.header(name, filled(value, names));
    }
    Answer::of(match (&call.file, &call.body) {
        (Some(file), _) => request.body(micro_disk(file, 1 << 20)),
        (None, Value::Null) => request,
        (None, body) => {
            let named = call.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
            let request = if named { request } else { request.header("Content-Type", "application/json") };
            request.body(filled(&body.to_string(), names))
        }
    })
    .await
}

/// Holds an answer to what the client takes and reads, and keeps what later calls name.
fn judge(call: &Call, answer: &Answer, what: &str, names: &mut Names) {
    assert_eq!(answer.status, call.status, "{what}: {}", answer.text());
    if call.reads.is_empty() && call.keeps.is_empty() {
        return;
    }
    let body = answer.json();
    for (at, wanted) in &call.reads {
        assert!(is_so(body.pointer(at), wanted, names), "{what}: {at} is to be {wanted}: {body}");
    }
    for (name, at) in &call.keeps {
        let found = body.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("{what}: no {at}: {body}"));
        names.insert(name.clone(), found.to_owned());
    }
}

/// Whether a field is the value that is wanted, or of the kind.
fn is_so(found: Option<&Value>, wanted: &Value, names: &Names) -> bool {
    let Some(found) = found else { return false };
    match wanted.as_str() {
        Some("<text>") => found.is_string(),
        Some("<number>") => found.is_number(),
        Some("<bool>") => found.is_boolean(),
        Some("<list>") => found.is_array(),
        Some("<object>") => found.is_object(),
        Some("<null>") => found.is_null(),
        Some(text) => found.as_str() == Some(&filled(text, names)),
        None => found == wanted,
    }
}

/// A text with the names in their places.
fn filled(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn name_caller(names: &mut Names, person: &Person) {
    names.insert("project".into(), person.project_id.clone());
    names.insert("user".into(), person.user_id.clone());
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}
