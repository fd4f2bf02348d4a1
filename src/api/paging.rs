//! Lists page by key: the query that asks for a page, the page, and the address of the next one.

use axum::{extract::FromRequestParts, http::request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode};

use super::error::ApiError;
use crate::error::{Error, Result};

/// The default page, as Glance has it.
pub const PAGE: u32 = 25;
/// The largest page, as Glance and Nova have it.
pub const MAX_PAGE: u32 = 1000;

/// The most pairs of one query: each filter costs work, and no client sends so many.
pub const MAX_PAIRS: usize = 128;

/// A request's query, as it came and as pairs. A name may occur again.
#[derive(Clone, Debug)]
pub struct Query {
    raw: String,
    pairs: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, ApiError> {
        Ok(Query::read(parts.uri.query().unwrap_or_default())?)
    }
}

impl Query {
    /// Reads the part of a URL after its question mark. A `%` that begins no escape is kept as it is.
    ///
    /// # Errors
    /// `Invalid` for more than [`MAX_PAIRS`].
    pub fn read(raw: &str) -> Result<Query> {
        let pairs: Vec<_> = parts(raw)
            .take(MAX_PAIRS + 1)
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect();
        if pairs.len() > MAX_PAIRS {
            return Err(Error::Invalid(format!(
                "A query has at most {MAX_PAIRS} parameters: ask in several requests."
            )));
        }
        Ok(Query { raw: raw.to_owned(), pairs })
    }

    /// Every pair, decoded, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Every value of a name.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &str> {
        self.pairs.iter().filter(move |(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Refuses a query with another name than these.
    ///
    /// # Errors
    /// `Invalid` by the first such name: left out, a filter would make a list one of everything.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.pairs().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => Err(unknown_filter(name, known)),
            None => Ok(()),
        }
    }

    /// The largest page that is asked for: Nova takes a limit of 0 as the largest there is.
    ///
    /// # Errors
    /// As [`limit`].
    pub fn limit_of_nova(&self) -> Result<usize> {
        let limit = match limit(self.one("limit"), MAX_PAGE)? {
            0 => MAX_PAGE,
            limit => limit,
        };
        Ok(limit as usize)
    }

    /// The address of this very list.
    pub fn here(&self, address: &str) -> String {
        joined(address, parts(&self.raw).map(str::to_owned))
    }

    /// The address of the list's first page: every filter stays as the client wrote it.
    pub fn first(&self, address: &str) -> String {
        joined(address, self.kept())
    }

    /// The address of the page after `marker`.
    pub fn after(&self, address: &str, marker: &str) -> String {
        joined(address, self.kept().chain([format!("marker={}", escaped(marker))]))
    }

    fn kept(&self) -> impl Iterator<Item = String> {
        let is_marker = |pair: &&str| decode(pair.split('=').next().unwrap_or_default()) == "marker";
        parts(&self.raw).filter(move |pair| !is_marker(pair)).map(str::to_owned)
    }
}

fn parts(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('&').filter(|pair| !pair.is_empty())
}

fn joined(address: &str, pairs: impl Iterator<Item = String>) -> String {
    let query = pairs.collect::<Vec<_>>().join("&");
    if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") }
}

/// NUL, which no column holds, becomes a character that is in no name.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().replace('\0', "\u{fffd}")
}

/// A text as a part of a URL.
pub fn escaped(text: &str) -> PercentEncode<'_> {
    // RFC 3986, section 2.3: what needs no escape.
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, PLAIN)
}

/// Reads a `limit`; an absent one means `default`, a larger one than [`MAX_PAGE`] is cut to it.
///
/// # Errors
/// `Invalid` when it is not a number, or negative.
pub fn limit(text: Option<&str>, default: u32) -> Result<u32> {
    match text {
        None => Ok(default),
        Some(text) => match text.parse::<i64>() {
            Ok(n) if n >= 0 => Ok(n.min(i64::from(MAX_PAGE)) as u32),
            _ => Err(Error::Invalid(format!("limit must be a whole number of at least 0, not '{text}'"))),
        },
    }
}

/// A part of a list, and the marker of the next one.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The marker of the next page: the last row of this one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of rows that may be more than fit: there is a next one only where something is left.
    pub fn cut(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> String) -> Page<T> {
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more).map(id);
        Page { items: rows, next }
    }

    /// A page of rows of which no more were asked for than fit. A full one may be the last; Glance, and Nova for some of
    /// its lists, link on all the same, and the next page is empty.
    pub fn full(rows: Vec<T>, limit: usize, id: impl Fn(&T) -> String) -> Page<T> {
        let next = rows.last().filter(|_| rows.len() == limit).map(id);
        Page { items: rows, next }
    }
}

/// Drops everything up to the marker from a list that is held whole.
///
/// # Errors
/// `missing`, when nothing in the list has the marker's id.
pub fn begin_after<T>(
    rows: &mut Vec<T>,
    marker: Option<&str>,
    is_it: impl Fn(&T, &str) -> bool,
    missing: impl Fn(&str) -> Error,
) -> Result<()> {
    if let Some(marker) = marker {
        let at = rows.iter().position(|row| is_it(row, marker)).ok_or_else(|| missing(marker))?;
        rows.drain(..=at);
    }
    Ok(())
}

/// The answer to a filter that a list does not know.
pub fn unknown_filter(name: &str, known: &[&str]) -> Error {
    let shown: String = name.chars().take(64).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::Invalid(format!("This list has no filter '{shown}'. It knows: {known}."))
}

/// Nova's words for a marker that the list does not have.
pub fn no_such_marker(marker: &str) -> Error {
    Error::Invalid(format!("marker [{marker}] not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_every_filter_and_replace_the_marker() {
        let query = Query::read("name=a%20b&marker=x&tag=1&tag=2&%6darker=y").unwrap();
        assert_eq!(query.first("/l"), "/l?name=a%20b&tag=1&tag=2");
        assert_eq!(query.after("/l", "c d_é"), "/l?name=a%20b&tag=1&tag=2&marker=c%20d_%C3%A9");
        assert_eq!(query.here("/l"), "/l?name=a%20b&marker=x&tag=1&tag=2&%6darker=y");
        assert_eq!(Query::read("").unwrap().here("/l"), "/l");
        assert_eq!(Query::read("marker=x").unwrap().after("/l", "y"), "/l?marker=y");
    }

    #[test]
    fn a_query_has_a_bound_of_pairs() {
        assert!(Query::read(&"a=1&".repeat(MAX_PAIRS)).is_ok());
        assert!(matches!(Query::read(&"a=1&".repeat(MAX_PAIRS + 1)), Err(Error::Invalid(_))));
    }

    #[test]
    fn pairs_are_decoded_and_may_repeat() {
        let query = Query::read("a=1+2&a=%00&b").unwrap();
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1 2", "\u{fffd}"]);
        assert_eq!((query.one("a"), query.one("b"), query.one("c")), (Some("1 2"), Some(""), None));
    }

    #[test]
    fn a_page_links_on_where_something_is_left_or_where_it_is_full() {
        let page = |rows: &[u8], limit| Page::cut(rows.to_vec(), limit, u8::to_string);
        assert_eq!(page(&[1, 2, 3], 2), Page { items: vec![1, 2], next: Some("2".into()) });
        assert_eq!(page(&[1, 2], 2).next, None);
        assert_eq!(Page::full(vec![1, 2], 2, u8::to_string).next, Some("2".into()));
        assert_eq!(Page::full(vec![1], 2, u8::to_string).next, None);
        assert_eq!(Page::full(Vec::<u8>::new(), 0, u8::to_string).next, None);
    }
}
