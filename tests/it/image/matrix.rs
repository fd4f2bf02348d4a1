//! The policy's table of who may do what: every cell of it, on the wire.

use reqwest::Method;
use serde_json::json;

use super::{RECORD, bytes, ids, path, share, someone};
use crate::support::{Answer, Effigy, People, Person};

/// The answer in a cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// Yes.
    Y,
    /// 403.
    F,
    /// 404, in the words of an id that nobody has.
    H,
}
use Cell::{F, H, Y};

/// The lines of the table, each with the actions that are tried for it. An attempt leaves the image as it was.
const LINES: [&[&str]; 9] = [
    &["show"],
    &["download"],
    &["launch"],
    &["upload", "stage", "import", "update", "tag", "untag", "delete", "deactivate", "reactivate", "community"],
    &["publish"],
    &["share", "unshare"],
    &["members", "member"],
    &["accept", "reject"],
    &["copy"],
];

/// The actions that, where they are allowed, would change the image for the others.
const CHANGES_IT: [&str; 6] = ["delete", "publish", "deactivate", "community", "share", "reject"];

struct Cast {
    people: People,
    /// A reader of `batch`.
    ruth: Person,
    /// A reader of `other`.
    olga: Person,
}

impl Cast {
    async fn of(effigy: &Effigy) -> Cast {
        let people = effigy.people().await;
        let ruth = someone(effigy, &people, "ruth", "batch", "reader").await;
        let olga = someone(effigy, &people, "olga", "other", "reader").await;
        Cast { people, ruth, olga }
    }

    /// A, M, R, m, r, O, o.
    fn personas(&self) -> [(&'static str, &Person); 7] {
        [
            ("admin", &self.people.admin),
            ("member of the owner", &self.people.alice),
            ("reader of the owner", &self.people.rita),
            ("member it is shared with", &self.people.alice_batch),
            ("reader it is shared with", &self.ruth),
            ("another's member", &self.people.bob),
            ("another's reader", &self.olga),
        ]
    }

    async fn image(&self, visibility: &str) -> String {
        // No flavor has the memory that it asks for: whoever may launch it is told that, and nothing boots.
        let id = self.people.alice.create_image(visibility, json!({"min_ram": 2_000_000})).await;
        self.people.alice.upload(&id, bytes(1, 512)).await.expect(204);
        if visibility != "private" {
            let patch = json!([{"op": "replace", "path": "/visibility", "value": visibility}]);
            self.people.admin.patch_image(&id, patch).await.expect(200);
        }
        id
    }
}

async fn attempt(person: &Person, action: &str, id: &str, shared_with: &str) -> Answer {
    let at = path(id);
    let post = |to: &str, body| {
        let to = format!("{at}/{to}");
        async move { person.post(&to, body).await }
    };
    let patch = |path: &str, value: &str| {
        let patch = json!([{"op": "add", "path": path, "value": value}]);
        async move { person.patch_image(id, patch).await }
    };
    let decide = |status: &str| {
        let (to, body) = (format!("{at}/members/{shared_with}"), json!({"status": status}));
        async move { person.put(&to, body).await }
    };
    match action {
        "show" => person.get(&at).await,
        "download" => person.get(&format!("{at}/file")).await,
        "launch" => {
            let server = json!({"name": "x", "imageRef": id, "flavorRef": "42", "networks": "none"});
            let request = person.request(Method::POST, "/compute/v2.1/servers");
            Answer::of(request.header("OpenStack-API-Version", "compute 2.96").json(&json!({ "server": server }))).await
        }
        "upload" => person.put_bytes(&format!("{at}/file"), bytes(2, 512)).await,
        "stage" => person.put_bytes(&format!("{at}/stage"), bytes(2, 512)).await,
        "import" => post("import", json!({"method": {"name": "glance-direct"}})).await,
        "update" => patch("/touched", "yes").await,
        "tag" => person.put(&format!("{at}/tags/touched"), json!({})).await,
        "untag" => person.delete(&format!("{at}/tags/nobody-has-this")).await,
        "delete" => person.delete(&at).await,
        "deactivate" | "reactivate" => {
            Answer::of(person.request(Method::POST, &format!("{at}/actions/{action}"))).await
        }
        "community" => patch("/visibility", "community").await,
        "publish" => patch("/visibility", "public").await,
        "share" => post("members", json!({"member": shared_with})).await,
        "unshare" => person.delete(&format!("{at}/members/{}", "0".repeat(32))).await,
        "members" => person.get(&format!("{at}/members")).await,
        "member" => person.get(&format!("{at}/members/{shared_with}")).await,
        "accept" => decide("accepted").await,
        "reject" => decide("rejected").await,
        "copy" => post("import", json!({"method": {"name": "copy-image"}, "all_stores": true})).await,
        other => panic!("no action {other}"),
    }
}

/// The cell that an answer stands for. Where there is nothing to do, a caller with the right is told that, and not 403:
/// an active image takes no bytes, nobody has that tag or is that member, no flavor is large enough.
fn cell(action: &str, answer: &Answer) -> Cell {
    let is_hidden = answer.text().contains("No image found with ID");
    match (action, answer.status) {
        ("launch", 400) | (_, 404) if is_hidden => H,
        (_, 403) => F,
        ("upload" | "stage" | "import", 409) | ("unshare" | "untag" | "member", 404) | ("launch", 400) => Y,
        (_, 200 | 202 | 204) => Y,
        (_, status) => panic!("{action} answered {status}: {}", answer.text()),
    }
}

/// Tries every action as every persona, but those that are skipped and those that would change the image.
async fn table(cast: &Cast, id: &str, skipped: &[&str], expected: [[Cell; 9]; 7]) {
    let batch = cast.people.alice_batch.project_id.clone();
    for ((who, person), row) in cast.personas().into_iter().zip(expected) {
        for (actions, wanted) in LINES.into_iter().zip(row) {
            for action in actions {
                let would_change_it = wanted == Y && CHANGES_IT.contains(action);
                if would_change_it || skipped.contains(action) {
                    continue;
                }
                let answer = attempt(person, action, id, &batch).await;
                // A reader launches nothing at all, and is told that, whatever the image.
                let is_reader = who.contains("reader") && *action == "launch" && answer.status == 403;
                let found = if is_reader && wanted == H { H } else { cell(action, &answer) };
                assert_eq!(found, wanted, "{who}: {action}: {} {}", answer.status, answer.text());
            }
        }
    }
}

//                     show download launch change publish share members decide copy
const ADMIN: [Cell; 9] = [Y, Y, Y, Y, Y, Y, Y, Y, Y];
const MEMBER: [Cell; 9] = [Y, Y, Y, Y, F, Y, Y, F, F];
const READER: [Cell; 9] = [Y, F, F, F, F, F, Y, F, F];
const HIDDEN: [Cell; 9] = [H; 9];
/// A project that it is shared with, as a member and as a reader of that project.
const SHARED: [Cell; 9] = [Y, Y, Y, F, F, F, Y, Y, F];
const SHARED_READER: [Cell; 9] = [Y, F, F, F, F, F, Y, F, F];
/// Anybody, on what everybody sees.
const OTHER: [Cell; 9] = [Y, Y, Y, F, F, F, F, F, F];
const OTHER_READER: [Cell; 9] = [Y, F, F, F, F, F, F, F, F];

/// The personas whose default list the image is in.
async fn listed(cast: &Cast, id: &str) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for (who, person) in cast.personas() {
        if ids(person, "?limit=100").await.contains(&id.to_owned()) {
            seen.push(who);
        }
    }
    seen
}

const OWNERS: [&str; 3] = ["admin", "member of the owner", "reader of the owner"];
const SHARED_WITH: [&str; 2] = ["member it is shared with", "reader it is shared with"];

#[tokio::test]
async fn private_image_is_only_its_projects() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    // There is nothing to accept before somebody is a member.
    let skipped = ["accept", "reject"];
    table(&cast, &id, &skipped, [ADMIN, MEMBER, READER, HIDDEN, HIDDEN, HIDDEN, HIDDEN]).await;
    assert_eq!(listed(&cast, &id).await, OWNERS);
}

#[tokio::test]
async fn shared_image_is_also_its_members() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    share(&cast.people.alice, &id, &cast.people.alice_batch).await;
    table(&cast, &id, &[], [ADMIN, MEMBER, READER, SHARED, SHARED_READER, HIDDEN, HIDDEN]).await;
    assert_eq!(listed(&cast, &id).await, [&OWNERS[..], &SHARED_WITH].concat());
}

#[tokio::test]
async fn pending_image_is_downloaded_and_rejected_one_is_not() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    let batch = &cast.people.alice_batch;
    // The admin belongs to neither project, so the share waits for an answer.
    let member = share(&cast.people.admin, &id, batch).await;
    assert_eq!(member["status"], "pending");
    let mut pending = SHARED;
    // Launching takes an accepted share.
    pending[2] = F;
    table(&cast, &id, &["accept"], [ADMIN, MEMBER, READER, pending, SHARED_READER, HIDDEN, HIDDEN]).await;
    assert_eq!(listed(&cast, &id).await, OWNERS);
    let decision = json!({"member": batch.project_id, "status": "rejected"});
    batch.put(&format!("{}/members/{}", path(&id), batch.project_id), decision).await.expect(200);
    // It may change its mind, and sees the record until then.
    let (mut rejected, mut reader) = (pending, SHARED_READER);
    (rejected[1], reader[1]) = (F, F);
    table(&cast, &id, &["accept"], [ADMIN, MEMBER, READER, rejected, reader, HIDDEN, HIDDEN]).await;
    assert_eq!(listed(&cast, &id).await, OWNERS);
}

#[tokio::test]
async fn community_and_public_images_are_everybodys_to_read() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    // An image that is not shared has no members to see.
    let skipped = ["share", "unshare", "accept", "reject", "members", "member"];
    for visibility in ["community", "public"] {
        let id = cast.image(visibility).await;
        let mut owner = MEMBER;
        // Publishing what is public already changes nothing, so it needs no right.
        owner[4] = if visibility == "public" { Y } else { F };
        table(&cast, &id, &skipped, [ADMIN, owner, READER, OTHER, OTHER_READER, OTHER, OTHER_READER]).await;
        let everybody = cast.personas().map(|(who, _)| who);
        assert_eq!(listed(&cast, &id).await, if visibility == "public" { &everybody[..] } else { &OWNERS });
        for (who, person) in cast.personas() {
            let community = ids(person, "?visibility=community").await.contains(&id);
            assert_eq!(community, visibility == "community", "{who}");
            // A hidden image is one nobody asks for by accident; whoever sees it still sees it.
            assert!(!ids(person, "?os_hidden=true").await.contains(&id), "{who}");
        }
        let hide = json!([{"op": "add", "path": "/os_hidden", "value": true}]);
        cast.people.alice.patch_image(&id, hide).await.expect(200);
        assert_eq!(listed(&cast, &id).await, Vec::<&str>::new());
        let query = format!("?os_hidden=true&visibility={visibility}");
        for (who, person) in cast.personas() {
            assert!(ids(person, &query).await.contains(&id), "{who}");
            person.get(&path(&id)).await.expect(200);
        }
    }
}

#[tokio::test]
async fn deactivated_image_is_withheld_from_all_but_admins() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("public").await;
    attempt(&cast.people.alice, "deactivate", &id, "").await.expect(204);
    attempt(&cast.people.alice, "deactivate", &id, "").await.expect(204);
    for (who, person) in cast.personas() {
        let expected = if who == "admin" { 200 } else { 403 };
        assert_eq!(person.download(&id).await.status, expected, "{who}");
        let launch = cell("launch", &attempt(person, "launch", &id, "").await);
        assert_eq!(launch, if who == "admin" { Y } else { F }, "{who}");
        assert_eq!(person.image(&id).await["status"], "deactivated", "{who}");
    }
    attempt(&cast.people.bob, "deactivate", &id, "").await.expect(403);
    let reactivate = format!("{}/actions/reactivate", path(&id));
    Answer::of(cast.people.alice.request(Method::POST, &reactivate)).await.expect(204);
    cast.people.bob.download(&id).await.expect(200);
    let queued = cast.people.alice.create_image("queued", json!({})).await;
    attempt(&cast.people.alice, "deactivate", &queued, "").await.expect(403);
}

#[tokio::test]
async fn owner_and_admin_delete_and_readers_make_nothing() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    for person in [&cast.people.alice, &cast.people.admin] {
        let id = cast.image("private").await;
        person.delete(&path(&id)).await.expect(204);
        cast.people.alice.get(&path(&id)).await.expect(404);
        person.delete(&path(&id)).await.expect(404);
    }
    for person in [&cast.people.rita, &cast.ruth, &cast.olga] {
        person.post("/image/v2/images", json!({"name": "no"})).await.expect(403);
    }
    effigy.stranger().get("/image/v2/images").await.expect(401);
    effigy.stranger().get(&path("00000000-0000-0000-0000-000000000000")).await.expect(401);
}

#[tokio::test]
async fn hidden_image_answers_like_one_that_does_not_exist() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    let nobodys = "5f0c5f4c-2f7e-4b2c-9a3e-0123456789ab";
    let batch = cast.people.alice_batch.project_id.clone();
    for action in LINES.concat() {
        let hidden = attempt(&cast.people.bob, action, &id, &batch).await;
        let missing = attempt(&cast.people.bob, action, nobodys, &batch).await;
        assert_eq!(hidden.status, missing.status, "{action}");
        assert_eq!(hidden.text().replace(&id, nobodys), missing.text(), "{action}");
        let mut names: [Vec<_>; 2] = [&hidden, &missing].map(|a| a.headers.keys().map(|k| k.to_string()).collect());
        names.iter_mut().for_each(|names| names.sort());
        assert_eq!(names[0], names[1], "{action}");
    }
}

#[tokio::test]
async fn cache_tasks_copies_and_definitions_are_the_admins() {
    let effigy = Effigy::start().await;
    let cast = Cast::of(&effigy).await;
    let namespace = json!({"namespace": "x", "properties": {}});
    for (who, person) in cast.personas() {
        let is_admin = who == "admin";
        let namespaces = "/image/v2/metadefs/namespaces";
        let answers = [
            person.get("/image/v2/tasks").await.status,
            person.get("/image/v2/cache").await.status,
            person.get("/image/v2/info/stores/detail").await.status,
            person.post(namespaces, namespace.clone()).await.status,
        ];
        assert_eq!(answers, if is_admin { [200, 404, 200, 201] } else { [403; 4] }, "{who}");
        person.get(namespaces).await.expect(200);
    }
}
