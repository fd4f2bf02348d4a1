//! The address clients know the service by, for the links in answers.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use super::Api;

/// The address clients know the service by, without a slash at the end: `server.public_url`, or else the `Host`
/// this request came to.
#[derive(Clone, Debug)]
pub struct PublicUrl(pub String);

impl FromRequestParts<Api> for PublicUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<PublicUrl, Infallible> {
        if let Some(url) = &api.public_url {
            return Ok(PublicUrl(url.trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // What is no host and port is not repeated into answers.
        let plain =
            |host: &&str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
        Ok(PublicUrl(format!("http://{}", host.filter(plain).unwrap_or("localhost"))))
    }
}
