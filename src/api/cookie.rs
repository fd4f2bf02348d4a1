//! The console's cookie: the token, where no script can read it.
//!
//! Over HTTPS it is a `__Host-` cookie, `Secure`. Over plain HTTP on this host's own loopback address, where browsers
//! have no other way, it goes without; over plain HTTP to anywhere else there is no session at all. A cookie comes
//! by itself with whatever page makes the browser ask, so each change must say, by its `Origin`, that it comes from
//! the console.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::{Rooms, links::PublicUrl};
use crate::error::{Error, Result};

/// The cookie over HTTPS.
const SECURE_NAME: &str = "__Host-effigy";

/// The token in a request's cookie, if it has one.
///
/// # Errors
/// `Forbidden` when the request changes something and does not come from the console's own pages.
pub(super) fn token<'a>(rooms: &Rooms, method: &Method, headers: &'a HeaderMap) -> Result<Option<&'a str>> {
    let Some(token) = read(headers) else { return Ok(None) };
    if !method.is_safe() {
        check_origin(rooms, headers)?;
    }
    Ok(Some(token))
}

/// Refuses what does not come from the console's own pages.
///
/// # Errors
/// `Forbidden` when the `Origin` is absent or another.
pub(super) fn check_origin(rooms: &Rooms, headers: &HeaderMap) -> Result<()> {
    let origin = text(headers, header::ORIGIN);
    let is_own = match &rooms.public_url {
        Some(_) => origin.is_some_and(|origin| origin == PublicUrl::of(rooms, headers).0),
        // A proxy may have ended TLS before us: the scheme is the browser's to know.
        None => origin.and_then(|origin| origin.split_once("://")).is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && text(headers, header::HOST) == Some(host)
        }),
    };
    if is_own {
        return Ok(());
    }
    let own = PublicUrl::of(rooms, headers).0;
    Err(Error::Forbidden(format!("This request did not come from the console's own pages. Open the console at {own}.")))
}

/// The cookie that begins a session, for a request whose origin was checked.
///
/// # Errors
/// `Forbidden` over plain HTTP from another machine: the network between could read it.
pub(super) fn begin(headers: &HeaderMap, token: &str) -> Result<HeaderValue> {
    let cookie = if text(headers, header::ORIGIN).is_some_and(|origin| origin.starts_with("https://")) {
        format!("{SECURE_NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict")
    } else if is_loopback(headers) {
        format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", plain_name(headers))
    } else {
        return Err(Error::Forbidden(
            "The console needs HTTPS, or to be opened on the machine it runs on: put a proxy with TLS before it and \
             set server.public_url."
                .into(),
        ));
    };
    HeaderValue::from_str(&cookie).map_err(Error::internal)
}

/// The cookies that end it, whichever there is.
pub(super) fn end(headers: &HeaderMap) -> Vec<HeaderValue> {
    let secure = format!("{SECURE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    let plain = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", plain_name(headers));
    [secure, plain].iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()).collect()
}

/// The token in the cookie, whatever is asked.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    named(headers, SECURE_NAME).or_else(|| {
        // Without the prefix a neighbour of the same domain could have set it, so it counts on loopback only.
        if is_loopback(headers) { named(headers, &plain_name(headers)) } else { None }
    })
}

fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, value)| *found == name && !value.is_empty()).map(|(_, value)| value)
}

/// Cookies do not know ports, and two services on one machine must not end each other's sessions.
fn plain_name(headers: &HeaderMap) -> String {
    let host = text(headers, header::HOST).unwrap_or_default();
    let port =
        host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    format!("effigy-{}", port.unwrap_or("80"))
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = text(headers, header::HOST).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn cookie_is_secure_unless_it_stays_on_this_machine() {
        let proxied = headers(&[("host", "images.example.org"), ("origin", "https://images.example.org")]);
        assert_eq!(begin(&proxied, "t").unwrap(), "__Host-effigy=t; Path=/; Secure; HttpOnly; SameSite=Strict");
        let local = headers(&[("host", "127.0.0.1:9292"), ("origin", "http://127.0.0.1:9292")]);
        assert_eq!(begin(&local, "t").unwrap(), "effigy-9292=t; Path=/; HttpOnly; SameSite=Strict");
        let open = headers(&[("host", "images.example.org"), ("origin", "http://images.example.org")]);
        assert!(matches!(begin(&open, "t"), Err(Error::Forbidden(_))));
    }

    #[test]
    fn plain_cookie_counts_only_on_loopback() {
        let local = headers(&[("host", "[::1]:9292"), ("cookie", "other=1; effigy-9292=t")]);
        assert_eq!(read(&local), Some("t"));
        let rebound = headers(&[("host", "evil.example:9292"), ("cookie", "effigy-9292=t")]);
        assert_eq!(read(&rebound), None);
        let lookalike = headers(&[("host", "127.0.0.1.evil.example"), ("cookie", "effigy-80=t")]);
        assert_eq!(read(&lookalike), None);
    }
}
