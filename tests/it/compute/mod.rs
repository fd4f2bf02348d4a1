//! The Compute and the Network API, as a client sees them.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, Person};

mod consoles;
mod errors;
mod flavors;
mod hosts;
mod key_pairs;
mod life;
mod lists;
mod network;
mod policy;
mod remakes;
mod server_groups;
mod shapes;
mod versions;

/// A request at a microversion.
async fn at(version: &str, person: &Person, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = person.request(method, &format!("/compute/v2.1{path}"));
    let request = request.header("OpenStack-API-Version", format!("compute {version}"));
    Answer::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

/// `GET` at a microversion; the answer must be 200.
async fn get_at(version: &str, person: &Person, path: &str) -> Value {
    at(version, person, Method::GET, path, None).await.expect(200).json()
}

/// `POST` at a microversion.
async fn post_at(version: &str, person: &Person, path: &str, body: Value) -> Answer {
    at(version, person, Method::POST, path, Some(body)).await
}

/// The fields of a JSON object, sorted.
fn fields(object: &Value) -> Vec<&str> {
    let mut fields: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}
