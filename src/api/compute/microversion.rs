//! Microversions: which shape of the API a request asks for, from 2.1 to 2.96.
//!
//! Both headers are read: `OpenStack-API-Version: compute 2.N` wins over `X-OpenStack-Nova-API-Version: 2.N`;
//! `latest` is the largest there is; none is 2.1. Every answer says which one it has.

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::api::{
    Api,
    error::{Answer, ApiError},
};

/// The newest microversion there is: Nova's of 2024.1, the newest that the pinned clients speak.
pub(super) const NEWEST: Microversion = Microversion(96);
/// The oldest.
pub(super) const OLDEST: Microversion = Microversion(1);

const STANDARD: &str = "openstack-api-version";
const LEGACY: &str = "x-openstack-nova-api-version";

/// `2.N`, by its N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Microversion(pub u16);

impl Microversion {
    /// Whether the request asks for 2.`minor` or newer.
    pub(super) fn since(self, minor: u16) -> bool {
        self.0 >= minor
    }

    /// Goes on only from 2.`minor` on: before, there was nothing at this URL.
    pub(super) fn begins(self, minor: u16) -> Answer<()> {
        if self.since(minor) { Ok(()) } else { Err(self.nothing_here()) }
    }

    /// Goes on only up to 2.`minor`: after, there is nothing at this URL.
    pub(super) fn ends(self, minor: u16) -> Answer<()> {
        if self.0 <= minor { Ok(()) } else { Err(self.nothing_here()) }
    }

    fn nothing_here(self) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, format!("There is nothing at this URL in microversion {self}."))
    }
}

impl std::fmt::Display for Microversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "2.{}", self.0)
    }
}

impl FromRequestParts<Api> for Microversion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Answer<Microversion> {
        match parts.extensions.get::<Microversion>() {
            Some(version) => Ok(*version),
            None => asked(&parts.headers),
        }
    }
}

/// Reads the version a request asks for, refuses one there is not, and says in the answer which one it has.
pub(super) async fn negotiate(mut request: Request, next: Next) -> Response {
    let (mut response, version) = match asked(request.headers()) {
        Ok(version) => {
            request.extensions_mut().insert(version);
            (next.run(request).await, version)
        }
        Err(refused) => (refused.into_response(), OLDEST),
    };
    let headers = response.headers_mut();
    for (name, value) in [(STANDARD, format!("compute {version}")), (LEGACY, version.to_string())] {
        let value = HeaderValue::from_str(&value).expect("digits and letters make a header");
        headers.insert(name, value);
    }
    headers.append(header::VARY, HeaderValue::from_static("OpenStack-API-Version, X-OpenStack-Nova-API-Version"));
    response
}

fn asked(headers: &HeaderMap) -> Answer<Microversion> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim().to_owned());
    // One header may name several services: `compute 2.96, volume 3.70`.
    let standard = headers.get_all(STANDARD).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let ours = standard.filter_map(|pair| pair.trim().strip_prefix("compute")).find(|rest| rest.starts_with(' '));
    match ours.map(|version| version.trim().to_owned()).or_else(|| text(LEGACY)) {
        Some(version) => parse(&version),
        None => Ok(OLDEST),
    }
}

fn parse(text: &str) -> Answer<Microversion> {
    if text == "latest" {
        return Ok(NEWEST);
    }
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let Some((major, minor)) = text.split_once('.').and_then(|(a, b)| Some((number(a)?, number(b)?))) else {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."),
        ));
    };
    let known = u32::from(OLDEST.0)..=u32::from(NEWEST.0);
    if major == 2 && known.contains(&minor) {
        return Ok(Microversion(minor as u16));
    }
    Err(ApiError::new(
        StatusCode::NOT_ACCEPTABLE,
        format!("Version {text} is not supported by the API. Minimum is {OLDEST} and maximum is {NEWEST}."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &'static str)]) -> Result<u16, u16> {
        let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        asked(&map).map(|version| version.0).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn both_headers_are_read_and_the_standard_one_wins() {
        assert_eq!(answer(&[]), Ok(1));
        assert_eq!(answer(&[(LEGACY, "2.37")]), Ok(37));
        assert_eq!(answer(&[(STANDARD, "compute 2.47")]), Ok(47));
        assert_eq!(answer(&[(STANDARD, "volume 3.70, compute 2.47"), (LEGACY, "2.2")]), Ok(47));
        assert_eq!(answer(&[(STANDARD, "volume 3.70"), (LEGACY, "2.2")]), Ok(2));
        assert_eq!(answer(&[(STANDARD, "compute latest")]), Ok(96));
    }

    #[test]
    fn version_there_is_not_is_not_acceptable_and_none_at_all_is_a_bad_request() {
        for (version, status) in [("2.97", 406), ("2.0", 406), ("3.1", 406), ("2", 400), ("two", 400), ("2.-1", 400)] {
            assert_eq!(answer(&[(LEGACY, version)]), Err(status), "{version}");
        }
    }
}
