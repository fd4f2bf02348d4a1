//! Lists page by key: `limit` and `marker`, and a next link that keeps the filters.

use serde_json::{Value, json};

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

/// The `…_links` of a list: the same query from another marker on.
pub fn next_link(address: &str, pairs: &[(String, String)], marker: &str) -> Value {
    let mut query: Vec<_> = pairs.iter().filter(|(name, _)| name != "marker").map(|(n, v)| (&**n, &**v)).collect();
    query.push(("marker", marker));
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    json!([{"rel": "next", "href": format!("{address}?{}", query.join("&"))}])
}

/// A text as a part of a URL.
pub fn escaped(text: &str) -> percent_encoding::PercentEncode<'_> {
    // RFC 3986, section 2.3: what needs no escape.
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, PLAIN)
}
