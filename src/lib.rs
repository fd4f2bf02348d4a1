//! Effigy: a cloud's VM image service in one program.
//!
//! The modules that hold the program together come first, then the rooms by name. Each room's door is its `mod.rs`.
#![allow(missing_docs, reason = "a field says itself what it is; `tests/it/tidy.rs` asks for the docs of functions")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop at the first surprise"))]

/// Opens the parts, joins them, starts and stops the tasks.
pub mod app;
/// Threads of lower priority, for jobs and crowds.
pub mod background;
/// Room set aside for a full disk.
pub mod ballast;
/// The command line.
pub mod cli;
/// The settings: one struct for each section of the file.
pub mod config;
/// The errors, without HTTP.
pub mod error;
/// The names of things.
pub mod ids;
/// TLS to others.
pub mod tls;

/// HTTP: every URL, every status code, OpenStack's JSON.
pub mod api;
/// All SQL, and the checks inside its transactions.
pub mod db;
/// Disks offered by name over NBD.
pub mod exports;
/// Bytes from addresses that people name.
pub mod fetch;
/// A Glance whose images come over.
pub mod glance;
/// Users, projects, roles, tokens and the policy.
pub mod identity;
/// Image records and their bytes.
pub mod images;
/// The inspection of images.
pub mod inspect;
/// Instances and the QEMU processes behind them.
pub mod instances;
/// Work that outlives a request.
pub mod jobs;
/// Tokens that Keystone made.
pub mod keystone;
/// The definitions of properties: their names and values.
pub mod metadefs;
/// The values that the service keeps: types only.
pub mod model;
/// The rows of work that outlives a request, and what work there is.
pub mod queue;
/// A cloud as its users reach it.
pub mod remote;
/// The named stores, each with chunks of its own.
pub mod stores;

pub use error::{Error, Result};

/// The version of this program, as `build.rs` found it: of a release the tag, else the commit.
pub const VERSION: &str = env!("EFFIGY_VERSION");
