//! The Image API, as a client sees it.

mod captured;
mod documents;
mod downloads;
mod fetches;
mod formats;
mod imports;
mod lasting;
mod lists;
mod matrix;
mod members;
mod metadefs;
mod nova;
mod packed;
mod parts;
mod patches;
mod records;
mod refusals;
mod safety;
mod seen;
mod storage;
mod stores;
mod uploads;

use serde_json::{Value, json};

use crate::support::{Effigy, PASSWORD, People, Person, id_of};

/// A deployment where *public* is what somebody declares, as in Glance: the tests of who sees what are about that, and
/// their images have no system inside to verify.
const RECORD: &str = "[inspect]\npublic = \"record\"\n";

/// A user with one role in one project, made by the admin and signed in.
async fn someone(effigy: &Effigy, people: &People, name: &str, project: &str, role: &str) -> Person {
    let admin = &people.admin;
    let body = json!({"user": {"name": name, "password": PASSWORD, "domain_id": "default"}});
    admin.post("/identity/v3/users", body).await.expect(201);
    grant(admin, name, project, role).await;
    effigy.sign_in(name, PASSWORD, Some(project)).await
}

/// Gives a user a role in a project.
async fn grant(admin: &Person, user: &str, project: &str, role: &str) {
    let path = format!(
        "/identity/v3/projects/{}/users/{}/roles/{}",
        id_of(admin, "projects", project).await,
        id_of(admin, "users", user).await,
        id_of(admin, "roles", role).await,
    );
    admin.put(&path, json!({})).await.expect(204);
}

/// Bytes that no other image of the tests has, in whole sectors.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// The path of an image.
fn path(id: &str) -> String {
    format!("/image/v2/images/{id}")
}

/// The ids of a list's images, in its order.
async fn ids(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/image/v2/images{query}")).await.expect(200).json();
    let images = list["images"].as_array().cloned().unwrap_or_default();
    images.iter().map(|image| image["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The names of a list's images, in its order.
async fn names(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/image/v2/images{query}")).await.expect(200).json();
    let images = list["images"].as_array().cloned().unwrap_or_default();
    images.iter().map(|image| image["name"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The project's usage: images, MiB, and uploads under way.
async fn usage(person: &Person) -> (i64, i64, i64) {
    let usage = person.get("/image/v2/info/usage").await.expect(200).json();
    let of = |name: &str| usage["usage"][name]["usage"].as_i64().unwrap_or(-1);
    (of("image_count_total"), of("image_size_total"), of("image_count_uploading"))
}

/// Shares by the one call that a person makes.
async fn share(owner: &Person, image: &str, with: &Person) -> Value {
    owner.post(&format!("{}/members", path(image)), json!({"member": with.project_id})).await.expect(200).json()
}
