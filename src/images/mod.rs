//! Image records and their bytes.
