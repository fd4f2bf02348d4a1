//! The program itself: starting, stopping, being killed, its settings and its health pages.

mod bucket;
mod crowds;
mod first_start;
mod full_disk;
mod groups;
mod health;
mod lifecycle;
mod no_instances;
mod one_service;
mod push;
mod settings;
mod store;
mod upgrade;
