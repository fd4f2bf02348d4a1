//! The tests of the service from outside: each starts the real program on a free port with a
//! temporary data folder, and says what a client sees.
//!
//! One folder for each API, mirroring its URLs; `clients` replays the calls of clients that no registry has; `db` runs the database's methods on SQLite and on
//! PostgreSQL; `faults` makes file calls fail; `glance` brings the images of a Glance over; `process` is about the program itself: start, stop, kill, settings; `docs` reads the
//! documentation and holds it to the program; `tidy` reads the sources and holds them to the
//! invariants of ARCHITECTURE.md.

#![allow(
    unreachable_pub,
    unused_imports,
    reason = "a test program has no outside; each test uses its part of the support"
)]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

mod clients;
mod compute;
pub mod db;
mod docs;
mod effigy;
mod faults;
mod glance;
mod identity;
mod image;
mod inspect;
mod instances;
mod keystone;
mod process;
mod tidy;
