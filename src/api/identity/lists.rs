//! The parts that every list of the Identity API has: filters, pages by key, links.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::{
    Api,
    error::{Answer, ApiError},
    links::PublicUrl,
    paging::{self, MAX_PAGE, Page, Query, begin_after, no_such_marker, unknown_filter},
    trail::WholeUri,
};
use crate::{error::Result, identity::users::NamePart};

/// A list's query before the list has said which filters it knows; nothing is read from it earlier.
#[derive(Clone, Debug)]
pub(in crate::api) struct Unread {
    query: Query,
    path: String,
    base: String,
    /// The largest page asked for; Keystone's clients do not page, so that is as much as there may be.
    limit: u32,
}

/// A list's filters and page: the list knows all that the query names.
#[derive(Clone, Debug)]
pub(in crate::api) struct Filters {
    of: Unread,
    known: &'static [&'static str],
    parts: Vec<NamePart>,
}

/// Every list knows these.
const PAGES: [&str; 2] = ["limit", "marker"];

/// The addresses of a page and of its neighbours. Clients do not page back: there is no previous one.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Links {
    #[serde(rename = "self")]
    own: String,
    next: Option<String>,
    previous: Option<String>,
}

impl FromRequestParts<Api> for Unread {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Answer<Unread> {
        let query = Query::read(parts.uri.query().unwrap_or_default())?;
        let limit = paging::limit(query.all("limit").next_back(), MAX_PAGE)?.max(1);
        let base = PublicUrl::of(rooms, &parts.headers).0;
        let whole = parts.extensions.get::<WholeUri>().map_or(&parts.uri, |uri| &uri.0);
        Ok(Unread { query, path: whole.path().to_owned(), base, limit })
    }
}

impl Unread {
    /// The query of a list that knows these filters; a list with `name` also knows parts of names, `name__contains`.
    ///
    /// # Errors
    /// `Invalid` for any other, by its name: left out, it would make the list one of everything.
    pub(in crate::api) fn knowing(self, known: &'static [&'static str]) -> Result<Filters> {
        let mut parts = Vec::new();
        for (name, value) in self.query.pairs() {
            let comparator = name.strip_prefix("name__").filter(|_| known.contains(&"name"));
            match comparator.and_then(|comparator| NamePart::read(comparator, value)) {
                Some(part) => parts.push(part),
                None if known.contains(&name) || PAGES.contains(&name) => {}
                None => return Err(unknown_filter(name, &[known, &PAGES].concat())),
            }
        }
        Ok(Filters { of: self, known, parts })
    }
}

impl Filters {
    /// A filter's text, the last one that is given. An empty one matches nothing: a script whose variable is empty must
    /// not be answered with everything.
    pub(in crate::api) fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(self.known.contains(&name), "a filter that the list does not name");
        self.of.query.all(name).next_back()
    }

    /// The words of a filter between commas; none when it is not there.
    pub(in crate::api) fn words(&self, name: &str) -> Vec<String> {
        self.text(name).map(|words| words.split(',').map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The parts of names that are looked for.
    pub(in crate::api) fn parts(&self) -> &[NamePart] {
        &self.parts
    }

    /// Whether a name has all of them, and is the one that is asked for.
    pub(in crate::api) fn is_named(&self, name: &str) -> bool {
        self.text("name").is_none_or(|wanted| wanted == name) && self.parts.iter().all(|part| part.is_in(name))
    }

    /// A filter that is a flag. Keystone takes everything but the words for no as a yes.
    pub(in crate::api) fn flag(&self, name: &str) -> Option<bool> {
        let word = self.text(name)?.to_ascii_lowercase();
        Some(!["0", "false", "no", "off", "f"].contains(&word.as_str()))
    }

    /// The row after which the page begins.
    pub(in crate::api) fn marker(&self) -> Option<&str> {
        self.of.query.all("marker").next_back().filter(|marker| !marker.is_empty())
    }

    /// Drops what is before the page from a list that is held whole.
    ///
    /// # Errors
    /// `Invalid` when the marker is not in the list.
    pub(in crate::api) fn begin<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> &str) -> Result<()> {
        begin_after(rows, self.marker(), |row, marker| id(row) == marker, no_such_marker)
    }

    /// One more than the page, to know whether there is a next.
    pub(in crate::api) fn one_more(&self) -> u32 {
        self.of.limit + 1
    }

    /// The list as Keystone shows it; `rows` may be one more than a page.
    pub(in crate::api) fn shown<T>(
        &self,
        name: &str,
        rows: Vec<T>,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        let (rows, links) = self.page(rows, id);
        let items: Vec<Value> = rows.iter().map(show).collect();
        json!({name: items, "links": links})
    }

    /// The rows of the page and its links; `rows` may be one more than a page.
    pub(in crate::api) fn page<T>(&self, rows: Vec<T>, id: impl Fn(&T) -> &str) -> (Vec<T>, Links) {
        let Unread { query, path, base, limit } = &self.of;
        let page = Page::cut(rows, *limit as usize, |row| id(row).to_owned());
        let address = format!("{base}{path}");
        let next = page.next.map(|marker| query.after(&address, &marker));
        (page.items, Links { own: query.here(&address), next, previous: None })
    }
}

/// Tells a field that is null from one that is absent.
pub(in crate::api) fn set<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}
