//! A service whose users are Keystone's (`identity.mode = "keystone"`), in front of a small one of the test's own. The real
//! one is asked by `make keystone`.

mod away;
mod callers;
mod compute;
mod console;
pub mod fake;
mod nova;
mod rules;
mod tls;

use reqwest::Method;

use self::fake::{Fake, Mood, long};
use crate::support::{Answer, Effigy, Person};

/// A service and its Keystone.
async fn both(more: &str) -> (Effigy, Fake) {
    let fake = Fake::start().await;
    (Effigy::with(&fake.settings(more)).await, fake)
}

/// Somebody with a token.
fn person(effigy: &Effigy, token: &str) -> Person {
    let mut person = effigy.stranger();
    token.clone_into(&mut person.token);
    person
}

/// The status that a list of images comes to, with these headers.
async fn status(effigy: &Effigy, headers: &[(&str, &str)]) -> u16 {
    let request = effigy.stranger().request(Method::GET, "/image/v2/images");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request).await.status
}
