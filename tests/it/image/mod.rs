//! The Image API, as a client sees it.
