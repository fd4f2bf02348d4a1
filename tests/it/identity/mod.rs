//! The Identity API, as a client sees it.

mod access_rules;
mod admin;
mod audit;
mod catalog;
mod credentials;
mod extra;
mod filters;
mod options;
mod people;
mod roles;
mod strangers;
mod tokens;
mod trees;
