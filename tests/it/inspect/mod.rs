//! The inspection of images, and the uses that the service makes of it.

mod generalize;
mod jail;
mod public;
mod sharing;
mod sysprep;
mod verification;

use std::time::Duration;

use serde_json::Value;

use crate::support::{Person, eventually};

/// Longer than any look takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A private key, which must not be in an image, with a canary that must not be in any answer or log.
const SECRET: (&str, &str) = ("/root/.ssh/id_rsa", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ\n");
const CANARY: &str = "c2VjcmV0LWNhbmFyeQ";

/// The verification of an image, when it is done.
pub async fn verified(person: &Person, id: &str) -> Value {
    let path = format!("/effigy/v1/images/{id}/verification");
    eventually(&format!("image {id} verified"), PATIENCE, || async {
        let shown = person.get(&path).await.expect(200).json();
        (shown["state"] == "done" && !shown["verdict"].is_null()).then_some(shown)
    })
    .await
}

/// The ids of the findings of a verification.
fn findings(verification: &Value) -> Vec<String> {
    let findings = verification["report"]["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect()
}
