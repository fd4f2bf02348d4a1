//! The store from outside, over the index in memory.
#![allow(clippy::unwrap_used, missing_docs)]

mod bucket;
mod copy;
mod crash;
mod damage;
mod full;
mod index;
mod lanes;
mod model;
mod rot;
mod save;
mod support;
mod sweep;
