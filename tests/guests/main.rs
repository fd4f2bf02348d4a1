//! Real guests and real clients: the guide from end to end, what a power cut may not break, and what ten thousand slow
//! peers may not hold up.
//!
//! Minutes, not seconds, and each alone on its machine: `make test` runs them, a bare `cargo test` does not.

#![allow(
    unreachable_pub,
    unused_imports,
    reason = "a test program has no outside; each test uses its part of the support"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "../it/support/mod.rs"]
mod support;

mod bridge;
mod guide;
mod kill;
mod life;
mod reach;
mod slow;
