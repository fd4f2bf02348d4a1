//! The crate against QEMU's own tools, `qemu-img` and `qemu-io`.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub)]

mod blocks;
mod decompressing;
mod differ;
mod formats;
mod hostile;
mod mapping;
mod mutations;
mod rendering;
mod support;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
