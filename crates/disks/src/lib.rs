//! Disk image formats as bytes: what a file claims to be, whether it may be trusted, which disk
//! is in it, and how to write one.
//!
//! Everything here is synchronous and reads through [`ReadAt`]; callers in async programs run it
//! on blocking threads. Nothing here opens a file, follows a name found in an image, or allocates
//! in proportion to a number that a header states.
//!
//! - [`detect`] lists every format whose signature some bytes carry.
//! - [`check`] is the gate: it judges bytes by the format somebody declared for them.
//! - [`open`] does the same and gives the [`Disk`]: a map from the disk's bytes to places in the file.
//! - [`qcow2`] has the parts of qcow2 that are more than that: overlays, and writing a disk as a file.
//! - [`Decoder`] takes the one layer of gzip, zstd, xz or bzip2 off that a file may be wrapped in.
//!
//! Bytes are judged by what is declared, never guessed: detection only ever turns a file away.

mod blocks;
mod claims;
mod decompress;
mod detect;
mod extent;
mod fields;
mod flat;
mod format;
mod iso;
mod judge;
pub mod qcow2;
mod read_at;
mod rejection;
mod table;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod wrapped;

pub use decompress::{Compression, Decoder};
pub use detect::detect;
pub use extent::{Disk, DiskExtents, Extent, Kind};
pub use format::{Format, UnknownFormat};
pub use judge::{Checked, Limits, check, open};
pub use read_at::ReadAt;
pub use rejection::{Rejection, Rule};
