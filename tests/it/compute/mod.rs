//! The Compute API, as a client sees it.
