//! The crate against QEMU's own tools, `qemu-img` and `qemu-io`.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

mod mapping;
mod rendering;
mod support;
