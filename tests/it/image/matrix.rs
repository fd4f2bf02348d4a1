//! Who may do what: every cell of the policy's table, on the wire.

use reqwest::Method;
use serde_json::json;

use super::{RECORD, bytes, path, share, someone};
use crate::support::{Answer, Effigy, People, Person};

/// What a cell says.
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

/// The columns of the table. Each leaves the image as it was.
const ACTIONS: [&str; 11] =
    ["show", "download", "upload", "update", "tag", "delete", "publish", "unshare", "members", "accept", "deactivate"];

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
        let id = self.people.alice.save_image(visibility, "raw", bytes(1, 512)).await;
        if visibility != "private" {
            let patch = json!([{"op": "replace", "path": "/visibility", "value": visibility}]);
            self.people.admin.patch_image(&id, patch).await.expect(200);
        }
        id
    }
}

async fn attempt(person: &Person, action: &str, id: &str, shared_with: &str) -> Answer {
    let at = path(id);
    match action {
        "show" => person.get(&at).await,
        "download" => person.get(&format!("{at}/file")).await,
        "upload" => person.put_bytes(&format!("{at}/file"), bytes(2, 512)).await,
        "update" => person.patch_image(id, json!([{"op": "add", "path": "/touched", "value": "yes"}])).await,
        "tag" => person.put(&format!("{at}/tags/touched"), json!({})).await,
        "delete" => person.delete(&at).await,
        "publish" => person.patch_image(id, json!([{"op": "add", "path": "/visibility", "value": "public"}])).await,
        "unshare" => person.delete(&format!("{at}/members/{}", "0".repeat(32))).await,
        "members" => person.get(&format!("{at}/members")).await,
        "accept" => person.put(&format!("{at}/members/{shared_with}"), json!({"status": "accepted"})).await,
        "deactivate" => Answer::of(person.request(Method::POST, &format!("{at}/actions/deactivate"))).await,
        other => panic!("no action {other}"),
    }
}

/// What an answer means for the table: an upload to an active image that is allowed is a conflict, and unsharing
/// with a project that it is not shared with finds no member.
fn cell(action: &str, answer: &Answer) -> Cell {
    let is_hidden = answer.status == 404 && answer.text().contains("No image found with ID");
    match (action, answer.status) {
        (_, 404) if is_hidden => H,
        (_, 403) => F,
        ("upload", 409) | ("unshare", 404) => Y,
        (_, 200 | 204) => Y,
        (_, status) => panic!("{action} answered {status}: {}", answer.text()),
    }
}

/// Tries every action as every persona but what would end the image, and what the owner and admin may do to it.
async fn table(cast: &Cast, id: &str, skipped: &[&str], expected: [[Cell; 11]; 7]) {
    let batch = cast.people.alice_batch.project_id.clone();
    for ((who, person), row) in cast.personas().into_iter().zip(expected) {
        for (action, wanted) in ACTIONS.into_iter().zip(row) {
            let would_change_it = wanted == Y && ["delete", "publish", "deactivate"].contains(&action);
            if would_change_it || skipped.contains(&action) {
                continue;
            }
            let answer = attempt(person, action, id, &batch).await;
            assert_eq!(cell(action, &answer), wanted, "{who}: {action}: {} {}", answer.status, answer.text());
        }
    }
}

//                       show dl up update tag delete publish unshare members accept deactivate
const ADMIN: [Cell; 11] = [Y, Y, Y, Y, Y, Y, Y, Y, Y, Y, Y];
const MEMBER: [Cell; 11] = [Y, Y, Y, Y, Y, Y, F, Y, Y, F, Y];
const READER: [Cell; 11] = [Y, F, F, F, F, F, F, F, Y, F, F];
const HIDDEN: [Cell; 11] = [H; 11];

#[tokio::test]
async fn private_image_is_its_projects_alone() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    // There is nothing to accept before somebody is a member.
    let skipped = ["accept"];
    table(&cast, &id, &skipped, [ADMIN, MEMBER, READER, HIDDEN, HIDDEN, HIDDEN, HIDDEN]).await;
}

#[tokio::test]
async fn shared_image_is_also_its_members() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    share(&cast.people.alice, &id, &cast.people.alice_batch).await;
    let member = [Y, Y, F, F, F, F, F, F, Y, Y, F];
    let reader = [Y, F, F, F, F, F, F, F, Y, F, F];
    table(&cast, &id, &[], [ADMIN, MEMBER, READER, member, reader, HIDDEN, HIDDEN]).await;
}

#[tokio::test]
async fn pending_image_is_seen_and_rejected_one_is_not() {
    let effigy = Effigy::with("[sharing]\nscope = \"any\"\n").await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    let batch = &cast.people.alice_batch;
    // The admin belongs to neither project, so the share waits for an answer.
    let member = share(&cast.people.admin, &id, batch).await;
    assert_eq!(member["status"], "pending");
    let rows = [Y, Y, F, F, F, F, F, F, Y, Y, F];
    let reader = [Y, F, F, F, F, F, F, F, Y, F, F];
    table(&cast, &id, &["accept"], [ADMIN, MEMBER, READER, rows, reader, HIDDEN, HIDDEN]).await;
    let decision = json!({"member": batch.project_id, "status": "rejected"});
    batch.put(&format!("{}/members/{}", path(&id), batch.project_id), decision).await.expect(200);
    table(&cast, &id, &["accept"], [ADMIN, MEMBER, READER, HIDDEN, HIDDEN, HIDDEN, HIDDEN]).await;
}

#[tokio::test]
async fn community_and_public_images_are_everybodys_to_read() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    // What is not shared has no members to see.
    let skipped = ["unshare", "accept", "members"];
    for visibility in ["community", "public"] {
        let id = cast.image(visibility).await;
        let mut owner = MEMBER;
        // Publishing what is public already changes nothing, so it needs no right.
        owner[6] = if visibility == "public" { Y } else { F };
        let member = [Y, Y, F, F, F, F, F, F, F, F, F];
        let reader = [Y, F, F, F, F, F, F, F, F, F, F];
        table(&cast, &id, &skipped, [ADMIN, owner, READER, member, reader, member, reader]).await;
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
async fn what_is_hidden_answers_as_what_does_not_exist() {
    let effigy = Effigy::with(RECORD).await;
    let cast = Cast::of(&effigy).await;
    let id = cast.image("private").await;
    let nobodys = "5f0c5f4c-2f7e-4b2c-9a3e-0123456789ab";
    let batch = cast.people.alice_batch.project_id.clone();
    for action in ACTIONS {
        let hidden = attempt(&cast.people.bob, action, &id, &batch).await;
        let missing = attempt(&cast.people.bob, action, nobodys, &batch).await;
        assert_eq!(hidden.status, missing.status, "{action}");
        assert_eq!(hidden.text().replace(&id, nobodys), missing.text(), "{action}");
        let mut names: [Vec<_>; 2] = [&hidden, &missing].map(|a| a.headers.keys().map(|k| k.to_string()).collect());
        names.iter_mut().for_each(|names| names.sort());
        assert_eq!(names[0], names[1], "{action}");
    }
}
