//! The address clients know the service by, for the links in answers.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{Api, Rooms};

/// The address clients know the service by, without a slash at the end: `server.public_url`, or else the `Host`
/// this request came to.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub String);

impl PublicUrl {
    /// The address as a request with these headers came to it.
    ///
    /// `X-Forwarded-Host` is never believed: an operator who needs another address sets `server.public_url`.
    pub fn of(rooms: &Rooms, headers: &HeaderMap) -> PublicUrl {
        if let Some(url) = &rooms.public_url {
            return PublicUrl(url.trim_end_matches('/').to_owned());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // A header that is not a host and port is not repeated in answers.
        let plain =
            |host: &&str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
        PublicUrl(format!("http://{}", host.filter(plain).unwrap_or("localhost")))
    }
}

impl FromRequestParts<Api> for PublicUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, rooms: &Api) -> Result<PublicUrl, Infallible> {
        Ok(PublicUrl::of(rooms, &parts.headers))
    }
}
