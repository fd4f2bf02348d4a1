//! The parts that every list of the Identity API has: filters, pages by key, links.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::{
    Api,
    error::{Answer, ApiError},
    links::PublicUrl,
    paging::{self, MAX_PAGE, Page, Query},
    trail::WholeUri,
};
use crate::error::Result;

/// A list's filters and page, as the query names them.
#[derive(Clone, Debug)]
pub(in crate::api) struct Filters {
    query: Query,
    path: String,
    base: String,
    /// The largest page asked for; Keystone's clients do not page, so that is as much as there may be.
    limit: u32,
}

/// The addresses of a page and of its neighbours. Clients do not page back: there is no previous one.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Links {
    #[serde(rename = "self")]
    own: String,
    next: Option<String>,
    previous: Option<String>,
}

impl FromRequestParts<Api> for Filters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Answer<Filters> {
        let query = Query::read(parts.uri.query().unwrap_or_default())?;
        let limit = paging::limit(query.all("limit").next_back(), MAX_PAGE)?.max(1);
        let base = PublicUrl::of(rooms, &parts.headers).0;
        let whole = parts.extensions.get::<WholeUri>().map_or(&parts.uri, |uri| &uri.0);
        Ok(Filters { query, path: whole.path().to_owned(), base, limit })
    }
}

impl Filters {
    /// A filter's text, the last one that is given; an empty one counts as absent.
    pub(in crate::api) fn text(&self, name: &str) -> Option<&str> {
        self.query.all(name).next_back().filter(|text| !text.is_empty())
    }

    /// A filter that is a flag. Keystone takes everything but the words for no as a yes.
    pub(in crate::api) fn flag(&self, name: &str) -> Option<bool> {
        let word = self.query.all(name).next_back()?.to_ascii_lowercase();
        Some(!["0", "false", "no", "off", "f"].contains(&word.as_str()))
    }

    /// The row after which the page begins.
    pub(in crate::api) fn marker(&self) -> Option<&str> {
        self.text("marker")
    }

    /// One more than the page, to know whether there is a next.
    pub(in crate::api) fn one_more(&self) -> u32 {
        self.limit + 1
    }

    /// An address of the Identity API.
    pub(in crate::api) fn base_of(&self, path: &str) -> String {
        format!("{}/identity{path}", self.base)
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
        let page = Page::cut(rows, self.limit as usize, |row| id(row).to_owned());
        let address = format!("{}{}", self.base, self.path);
        let next = page.next.map(|marker| self.query.after(&address, &marker));
        (page.items, Links { own: self.query.here(&address), next, previous: None })
    }
}

/// Tells a field that is null from one that is absent.
pub(in crate::api) fn set<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}
