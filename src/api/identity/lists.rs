//! What every list of the Identity API has: filters, pages by key, links.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde_json::{Value, json};

use super::super::{
    Api,
    error::ApiError,
    links::PublicUrl,
    paging::{self, MAX_PAGE},
    trail::WholeUri,
};
use crate::error::{Error, Result};

/// A list's filters and page, as the query names them.
#[derive(Clone, Debug)]
pub(in crate::api) struct Filters {
    query: HashMap<String, String>,
    path: String,
    base: String,
    /// The largest page asked for; Keystone's clients do not page, so that is as much as there may be.
    pub(in crate::api) limit: u32,
}

impl FromRequestParts<Api> for Filters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Filters, ApiError> {
        let query = Query::<HashMap<String, String>>::try_from_uri(&parts.uri);
        let Query(query) = query.map_err(|_| Error::Invalid("The query is not readable.".into()))?;
        let limit = paging::limit(query.get("limit").map(String::as_str), MAX_PAGE)?.max(1);
        let base = PublicUrl::of(api, &parts.headers).0;
        let whole = parts.extensions.get::<WholeUri>().map_or(&parts.uri, |uri| &uri.0);
        Ok(Filters { query, path: whole.path().to_owned(), base, limit })
    }
}

impl Filters {
    /// A filter's text; an empty one counts as absent.
    pub(in crate::api) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A filter that is a flag. Keystone takes everything but the words for no as a yes.
    pub(in crate::api) fn flag(&self, name: &str) -> Option<bool> {
        let word = self.query.get(name)?.to_ascii_lowercase();
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
        mut rows: Vec<T>,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        let is_more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let next = rows.last().filter(|_| is_more).map(|last| self.page_after(id(last)));
        let items: Vec<Value> = rows.iter().map(show).collect();
        json!({name: items, "links": {"self": self.here(None), "next": next, "previous": null}})
    }

    fn page_after(&self, marker: &str) -> String {
        self.here(Some(marker))
    }

    fn here(&self, marker: Option<&str>) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let mut pairs: Vec<(&str, &str)> = self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        if let Some(marker) = marker {
            pairs.retain(|(name, _)| *name != "marker");
            pairs.push(("marker", marker));
        }
        pairs.sort_unstable();
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let query: Vec<String> = pairs.iter().map(pair).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{}{mark}{}", self.base, self.path, query.join("&"))
    }
}

/// Tells a field that is null from one that is absent.
pub(in crate::api) fn set<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}
