//! A Glance whose images come over: read by its API only, written by the functions of [`crate::images`].
//!
//! ```text
//! list ─► of each image: noted ─► record ─► bytes into a part file ─► upload ─► status ─► members
//!                                                                                          │
//!                        report ◄─ every record, here and there, compared ◄────────────────┘
//! ```
//!
//! - Every step looks first at what is here, so a run may be killed anywhere and done again: nothing comes twice. The
//!   bytes of a part file are kept for the next run, which asks for the rest.
//! - An image takes the road of every upload: it is judged, and its checksums must be those that Glance has.
//! - An image is noted ([`folder`]) before it is made. Only noted images are said to be deleted in Glance, and deleted.
//! - A fault of one image is told in the [`Report`]; a Glance that is away, or a store that takes nothing, ends the run.
//! - Properties that this service found inside an image, where its record leaves them open, are no difference.

mod client;
mod folder;
mod import;
mod record;
mod report;

pub use client::Glance;
pub use import::{Import, Options};
pub use report::Report;
