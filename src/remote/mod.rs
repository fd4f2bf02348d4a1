//! A cloud as its users reach it: sign-in, catalog, and requests to its image service with a token that is renewed.
//!
//! [`push`](push()) and [`pull`](pull()) send and fetch the files of images; a Glance whose images come over is reached in the
//! same way ([`crate::glance`]).

mod access;
mod client;
mod pull;
mod push;

use std::time::Duration;

pub use access::{Access, Said};
pub use client::{ATTEMPTS, Fault, PATIENCE, Remote, words};
pub use pull::{Pull, pull};
pub use push::{Push, push};

/// A service that takes or gives nothing for so long is given up. The next run goes on.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often it is asked whether the service has done its part.
const ASK: Duration = Duration::from_secs(1);
/// The bytes that are read and hashed at once.
const PIECE_BYTES: usize = 1 << 20;

/// A step of a transfer, for those who watch. All figures are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// So much of so much is read of what lies on this machine.
    Read(u64, u64),
    /// So much is there from an earlier run.
    GoesOn(u64),
    /// So much of so much is there.
    Came(u64, u64),
    /// The service is not reached or cannot now, for this reason, and is asked again.
    Waits(String),
    /// All of the file is sent, and the service saves it.
    Saves,
    /// This image is the file already, and nothing is sent.
    IsThere(String),
    /// The bytes of an earlier run are not the image's, and come anew.
    Anew,
}

/// The one who watches.
pub type Tell<'a> = &'a (dyn Fn(Told) + Sync);

/// A digest as hex.
fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
