//! The Identity API, as a client sees it.

mod tokens;
