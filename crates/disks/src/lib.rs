//! Disk image formats as bytes: what a file claims to be, whether it may be trusted, which disk
//! is in it, and how to write one.
//!
//! Everything here is synchronous and reads through [`ReadAt`]; callers in async programs run it
//! on blocking threads. Nothing here opens a file, follows a name found in an image, or allocates
//! in proportion to a number that a header states.
//!
//! - [`detect`] lists every format whose signature some bytes carry.
//! - [`check`] is the gate: it judges bytes by the format somebody declared for them.
//! - [`qcow2::Image`] maps guest addresses to places in a qcow2 file.
//! - [`qcow2::Rendering`] writes a disk as a qcow2 file, any part of it at any time.
//!
//! Bytes are judged by what is declared, never guessed: detection only ever turns a file away.

mod detect;
mod format;
mod judge;
pub mod qcow2;
mod read_at;
mod rejection;

pub use detect::detect;
pub use format::{Format, UnknownFormat};
pub use judge::{Checked, Limits, check};
pub use read_at::ReadAt;
pub use rejection::{Rejection, Rule};
