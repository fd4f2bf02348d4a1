//! The console's files: built beforehand, compressed beforehand, part of the program.

use axum::{
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Name and content of every file of the built console; none when it was not built.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The sources that the console's document may load from: its own files, and nothing inline but styles, which its
/// component library writes. Consoles of guests are WebSockets of this address.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: \
                      blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action \
                      'self'; frame-ancestors 'none'; object-src 'none'";

/// The headers of every answer of the console.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Effigy</title>\n\
    <h1>Effigy</h1>\n<p>The service runs. This program was built without its web console: <code>make build</code> builds \
    both (it needs Node 20 or later and npm).</p>\n<p>The APIs are at <code>/image</code> and, where they are served, \
    <code>/identity</code> and <code>/compute</code>.</p></html>\n";

/// Any page of the console.
pub(in crate::api) async fn page(headers: HeaderMap) -> Response {
    match found("index.html", &headers) {
        Some(file) => answer(file, "text/html; charset=utf-8", "no-cache"),
        None => answer((NOT_BUILT.as_bytes(), None), "text/html; charset=utf-8", "no-store"),
    }
}

/// `GET /favicon.svg`
pub(super) async fn icon(headers: HeaderMap) -> Response {
    match found("favicon.svg", &headers) {
        Some(file) => answer(file, "image/svg+xml", "max-age=86400"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file whose name changes with its content.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match found(&format!("assets/{name}"), &headers) {
        Some(file) => answer(file, media_type(&name), "public, max-age=31536000, immutable"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file's bytes and how they are encoded.
type Encoded = (&'static [u8], Option<&'static str>);

/// The file as small as the client takes it.
fn found(name: &str, headers: &HeaderMap) -> Option<Encoded> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes = |coding: &str| {
        let mut offers = accepted.split(',').map(|offer| offer.trim().split(';').map(str::trim));
        offers.any(|mut offer| offer.next() == Some(coding) && !offer.any(|weight| weight == "q=0"))
    };
    let smaller = [("br", "br"), ("gz", "gzip")].into_iter().filter(|(_, coding)| takes(coding));
    let mut smaller = smaller.filter_map(|(suffix, coding)| Some((file(&format!("{name}.{suffix}"))?, Some(coding))));
    smaller.next().or_else(|| Some((file(name)?, None)))
}

fn file(name: &str) -> Option<&'static [u8]> {
    FILES.binary_search_by_key(&name, |(name, _)| name).ok().map(|at| FILES[at].1)
}

fn answer((bytes, coding): Encoded, media_type: &'static str, cache: &'static str) -> Response {
    let mut response = Bytes::from_static(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
