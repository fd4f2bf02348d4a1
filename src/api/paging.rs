//! Lists page by key: `limit` and `marker`, and a next link that keeps the filters.

use crate::error::{Error, Result};

/// The default page and the largest, as Glance and Nova have them.
pub const PAGE: u32 = 25;
/// The largest page.
pub const MAX_PAGE: u32 = 1000;

/// Reads a `limit`; an absent one means `default`, a larger one than [`MAX_PAGE`] is cut to it.
///
/// # Errors
/// `Invalid` when it is no number or negative.
pub fn limit(text: Option<&str>, default: u32) -> Result<u32> {
    match text {
        None => Ok(default),
        Some(text) => match text.parse::<i64>() {
            Ok(n) if n >= 0 => Ok(n.min(i64::from(MAX_PAGE)) as u32),
            _ => Err(Error::Invalid(format!("limit must be a whole number of at least 0, not '{text}'"))),
        },
    }
}
