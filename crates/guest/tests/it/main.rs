//! Disks made by the usual programs, looked at as they are, planted with what should not be there, and damaged.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bounds;
mod facts;
mod mutations;
mod plants;
mod support;
mod windows;
