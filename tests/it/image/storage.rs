//! The bytes that an image takes, the images that it comes from, and how much of that is told to whom.

use serde_json::{Value, json};

use super::bytes;
use crate::support::{Effigy, People, Person, qcow2_of};

async fn figures(person: &Person, id: &str) -> Value {
    person.get(&format!("/effigy/v1/images/{id}/storage")).await.expect(200).json()["storage"].clone()
}

#[tokio::test]
async fn figures_count_bytes_shared_with_the_images_that_the_caller_sees() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let (common, own) = (bytes(7, 1 << 20), bytes(8, 1 << 19));
    let first = alice.save_image("first", "raw", [common.clone(), own].concat()).await;
    let alone = figures(&alice, &first).await;
    assert_eq!(alone["logical_bytes"], 3 << 19);
    assert!(alone["stored_bytes"].as_u64().unwrap() >= 3 << 19, "noise does not compress: {alone}");
    assert_eq!((&alone["unique_bytes"], &alone["shared_bytes"]), (&alone["stored_bytes"], &json!(0)));

    alice.save_image("second", "raw", common).await;
    let shared = figures(&alice, &first).await;
    assert_eq!(shared["compared_with"], 1);
    assert_eq!(shared["stored_bytes"], alone["stored_bytes"]);
    let (same, rest) = (shared["shared_bytes"].as_u64().unwrap(), shared["unique_bytes"].as_u64().unwrap());
    assert!(same >= 1 << 20 && (1 << 19..1 << 20).contains(&rest), "{shared}");
}

#[tokio::test]
async fn chunks_that_file_and_disk_share_are_counted_once() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    // A disk ends with a whole sector, so it is another content than this file; all but the last chunk are the same.
    let id = alice.save_image("odd", "raw", bytes(7, (1 << 20) + 100)).await;
    let counted = figures(&alice, &id).await;
    let stored = counted["stored_bytes"].as_u64().unwrap();
    assert_eq!(counted["unique_bytes"], counted["stored_bytes"]);
    assert!((1 << 20..(1 << 20) + (1 << 18)).contains(&stored), "{counted}");
}

#[tokio::test]
async fn a_disk_that_another_project_keeps_counts_as_one_that_nobody_keeps() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    // Its clusters are compressed, so that the disk shares no chunk with the file.
    let disk: Vec<u8> = bytes(11, 1 << 20).iter().map(|byte| byte & 15).collect();
    let file = qcow2_of(&disk, &["-c"]);
    let first = alice.save_image("first", "qcow2", file.clone()).await;
    let again = bob.save_image("again", "qcow2", file).await;
    let stored = async |person: &Person, id: &str| {
        let shown = person.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
        shown["effigy"]["stored_bytes"].as_u64().unwrap_or_else(|| panic!("{shown}"))
    };
    let (first, again) = (stored(&alice, &first).await, stored(&bob, &again).await);
    assert_eq!(again, first, "the figure tells that somebody has the disk");
}

#[tokio::test]
async fn no_figure_reveals_another_projects_images() {
    let effigy = Effigy::start().await;
    let People { alice, bob, rita, .. } = effigy.people().await;
    let content = bytes(9, 1 << 20);
    let id = alice.save_image("mine", "raw", content.clone()).await;
    let before = figures(&alice, &id).await;
    let his = bob.save_image("his", "raw", content).await;
    assert_eq!(figures(&alice, &id).await, before, "the other project's copy shows");
    assert_eq!(figures(&bob, &his).await["shared_bytes"], 0);
    let path = format!("/effigy/v1/images/{id}/storage");
    bob.get(&path).await.expect(404);
    rita.get(&path).await.expect(403);
}

#[tokio::test]
async fn origins_are_followed_as_far_as_one_sees_and_never_in_a_ring() {
    let effigy = Effigy::start().await;
    let People { alice, bob, .. } = effigy.people().await;
    let his = bob.create_image("his", json!({})).await;
    let root = alice.create_image("root", json!({"base_image_ref": his})).await;
    let middle = alice.create_image("middle", json!({"base_image_ref": root})).await;
    let leaf = alice.create_image("leaf", json!({"base_image_ref": middle})).await;
    let names = async |id: &str| {
        let found = alice.get(&format!("/effigy/v1/images/{id}/ancestors")).await.expect(200).json();
        let images = found["images"].as_array().cloned().unwrap_or_default();
        images.iter().map(|image| image["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&leaf).await, ["middle", "root"]);
    bob.get(&format!("/effigy/v1/images/{leaf}/ancestors")).await.expect(404);

    let one = alice.create_image("one", json!({})).await;
    let two = alice.create_image("two", json!({"base_image_ref": one})).await;
    let ring = json!([{"op": "add", "path": "/base_image_ref", "value": two}]);
    alice.patch_image(&one, ring).await.expect(200);
    assert_eq!(names(&one).await, ["two"]);
    assert_eq!(names(&two).await, ["one"]);
}
