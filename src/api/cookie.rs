//! The console's cookie: the token, where no script can read it.
//!
//! Over HTTPS it is a `__Host-` cookie, `Secure`. Over plain HTTP on this host's own loopback address, where browsers
//! have no other way, it goes without; over plain HTTP to anywhere else there is no session at all. A cookie comes
//! by itself with whatever page makes the browser ask, so each change must say, by its `Origin`, that it comes from
//! the console.
//!
//! A token is of one project, and a person has several tabs open, each in its own. So there is a cookie for each
//! project that was worked in, with the project's id at the end of its name, and one without, for a page that names
//! none: it has the token that was made last. A page names its project in [`PROJECT`]; a token of another is never
//! taken instead, or a tab would change things in a project that it does not show.

use std::{collections::BTreeSet, net::IpAddr};

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{Rooms, links::PublicUrl};
use crate::error::{Error, Result};

/// The cookie over HTTPS.
const SECURE_NAME: &str = "__Host-effigy";

/// The header in which a page of the console names its project, by id. A link cannot have one, and names it in its query.
const PROJECT: &str = "x-effigy-project";
const PROJECT_IN_QUERY: &str = "effigy_project=";

/// Projects that one browser has a cookie for: all of them go with each request, and a request's head is bounded.
const MAX_PROJECTS: usize = 32;

/// The token in a request's cookie, if it has one.
///
/// # Errors
/// `Forbidden` when the request changes something and does not come from the console's own pages.
pub(super) fn token<'a>(rooms: &Rooms, parts: &'a Parts) -> Result<Option<&'a str>> {
    let in_query = || parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix(PROJECT_IN_QUERY));
    let project = project(&parts.headers).or_else(in_query);
    let Some(token) = of(&parts.headers, project) else { return Ok(None) };
    if !parts.method.is_safe() {
        check_origin(rooms, &parts.headers)?;
    }
    Ok(Some(token))
}

/// The token of the project that a request's header names, or else the last one.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    of(headers, project(headers))
}

/// The token that the browser already has for a project.
pub(super) fn of<'a>(headers: &'a HeaderMap, project: Option<&str>) -> Option<&'a str> {
    let name = name(headers);
    match project {
        None => all(headers).find(|(found, _)| *found == name).map(|(_, token)| token),
        Some(project) => all(headers)
            .find(|(found, _)| {
                found.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('.')) == Some(project)
            })
            .map(|(_, token)| token),
    }
}

fn project(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROJECT).and_then(|value| value.to_str().ok())
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

/// The cookies that begin a session, or bring it into a project, for a request whose origin was checked.
///
/// # Errors
/// `Forbidden` over plain HTTP from another machine: the network between could read it.
pub(super) fn begin(headers: &HeaderMap, token: &str, project: Option<&str>) -> Result<Vec<HeaderValue>> {
    let (name, attributes) = if text(headers, header::ORIGIN).is_some_and(|origin| origin.starts_with("https://")) {
        (SECURE_NAME.to_owned(), "; Path=/; Secure; HttpOnly; SameSite=Strict")
    } else if is_loopback(headers) {
        (plain_name(headers), "; Path=/; HttpOnly; SameSite=Strict")
    } else {
        return Err(Error::Forbidden(
            "The console needs HTTPS, or to be opened on the machine it runs on: put a proxy with TLS before it and \
             set server.public_url."
                .into(),
        ));
    };
    // The tokens of projects that are forgotten here end by themselves.
    let mut cookies = if all(headers).count() > MAX_PROJECTS { end(headers) } else { vec![] };
    let mut set =
        |name: &str| HeaderValue::from_str(&format!("{name}={token}{attributes}")).map(|set| cookies.push(set));
    set(&name).map_err(Error::internal)?;
    if let Some(project) = project {
        set(&format!("{name}.{project}")).map_err(Error::internal)?;
    }
    Ok(cookies)
}

/// The cookies that end the session, in every project.
pub(super) fn end(headers: &HeaderMap) -> Vec<HeaderValue> {
    let attributes = if name(headers) == SECURE_NAME { "; Secure" } else { "" };
    let ended = |(name, _): (&str, _)| format!("{name}=; Path=/{attributes}; HttpOnly; SameSite=Strict; Max-Age=0");
    all(headers).map(ended).filter_map(|cookie| HeaderValue::from_str(&cookie).ok()).collect()
}

/// The tokens of the session, in whichever projects.
pub(super) fn tokens(headers: &HeaderMap) -> BTreeSet<&str> {
    all(headers).map(|(_, token)| token).collect()
}

/// The session's cookies: their names, and the tokens in them.
fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let name = name(headers);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(found, token)| {
        let rest = found.strip_prefix(name.as_str());
        !token.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The name that the session's cookies begin with. Without the prefix a neighbour of the same domain could have set
/// them, so that name counts on loopback only, and only where there is none with it.
fn name(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let is_secure = cookies.flat_map(|cookies| cookies.split(';')).any(|pair| pair.trim().starts_with(SECURE_NAME));
    if is_secure || !is_loopback(headers) { SECURE_NAME.to_owned() } else { plain_name(headers) }
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
        assert_eq!(begin(&proxied, "t", None).unwrap(), ["__Host-effigy=t; Path=/; Secure; HttpOnly; SameSite=Strict"]);
        let local = headers(&[("host", "127.0.0.1:9292"), ("origin", "http://127.0.0.1:9292")]);
        let both = ["effigy-9292", "effigy-9292.p"].map(|name| format!("{name}=t; Path=/; HttpOnly; SameSite=Strict"));
        assert_eq!(begin(&local, "t", Some("p")).unwrap(), both);
        let open = headers(&[("host", "images.example.org"), ("origin", "http://images.example.org")]);
        assert!(matches!(begin(&open, "t", None), Err(Error::Forbidden(_))));
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

    #[test]
    fn token_of_another_project_is_never_taken_instead() {
        let cookie = ("cookie", "effigy-9292=last; effigy-9292.web=w; effigy-9292.batch=b; effigy-92920=other");
        let asked = |project| headers(&[("host", "127.0.0.1:9292"), cookie, ("x-effigy-project", project)]);
        assert_eq!(read(&asked("web")), Some("w"));
        assert_eq!(read(&asked("night")), None);
        assert_eq!(read(&headers(&[("host", "127.0.0.1:9292"), cookie])), Some("last"));
        assert_eq!(tokens(&asked("web")), BTreeSet::from(["last", "w", "b"]));
        assert_eq!(end(&asked("web")).len(), 3);
    }
}
