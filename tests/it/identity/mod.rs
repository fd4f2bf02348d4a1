//! The Identity API, as a client sees it.

mod audit;
mod catalog;
mod credentials;
mod people;
mod roles;
mod tokens;
