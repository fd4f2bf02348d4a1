//! The server against real clients (`qemu-img`, `nbdinfo`, `nbdcopy`) and against hostile ones.
#![allow(missing_docs, clippy::unwrap_used)]

mod clients;
mod hostile;
mod structured;
mod support;
mod wire;
