//! What is inside an image: format safety first.
//!
//! An uploaded *file* is judged by the format declared for it, never by a guess, and its *disk* (what a guest sees)
//! is made of it. Both are contents of the store; no other program and no other file is ever involved.
//!
//! ```text
//! file ─► formats::judge ─► Refused, with the rule it broke
//!              │ Checked
//!              ▼
//!         formats::disk_of ─► the file itself (raw, iso), or a content that shares its chunks (qcow2 and the others)
//! ```

mod bytes;
mod disk;
pub mod formats;
