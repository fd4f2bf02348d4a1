//! The support of all tests: the real program in a temporary folder, people who sign in to it, the
//! pinned `openstack` client, guests that boot, and a PostgreSQL of our own.
//!
//! ```ignore
//! let effigy = Effigy::start().await;
//! let people = effigy.people().await;
//! let answer = people.alice.post("/image/v2/images", json!({"name": "a"})).await.expect(201);
//! ```
#![allow(dead_code, reason = "each test binary uses its own part of the support")]

mod acts;
mod bucket;
mod cli;
mod disks;
mod faults;
mod guests;
mod http;
mod line;
mod mount;
mod people;
mod postgres;
mod service;
mod source;
mod zoo;

pub use acts::*;
pub use bucket::Bucket;
pub use cli::{Cli, clients};
pub use disks::*;
pub use faults::Faults;
pub use guests::*;
pub use http::{Answer, Person, shown};
pub use line::Line;
pub use mount::Small;
pub use people::{PASSWORD, People, id_of};
pub use postgres::Postgres;
pub use service::Effigy;
pub use source::{Reply, Source};
pub use zoo::{Animal, zoo};

use std::{future::Future, time::Duration};

/// Loopback addresses for the guests of one service: those that run beside it, in whichever test program, have others.
pub fn loopback() -> String {
    let random = uuid::Uuid::new_v4().into_bytes();
    format!("127.{}.{}.{}/26", random[0] | 128, random[1], random[2] & 0b1100_0000)
}

/// Asks again until there is an answer; the test fails when `patience` is over.
pub async fn eventually<T, F>(what: &str, patience: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = std::time::Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "after {patience:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
