//! An image's bytes, up and down.

use std::ops::Range;

use axum::{
    Extension,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::Engine as _;
use disks::Compression;

use super::{image_id, stores};
use crate::{
    api::{
        at_work::AtWork,
        caller::Asked,
        error::{Answer, ApiError},
    },
    error::{Error, Result},
    ids::ImageId,
    images::{Declared, File, Image},
};

/// `PUT …/file`
pub(super) async fn upload(
    Asked { rooms, caller, .. }: Asked,
    Extension(at_work): Extension<AtWork>,
    Path(image): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    at_work.uploads();
    let saved = async {
        let (id, declared) = opening(&image, &headers)?;
        Ok(rooms.images.upload(&caller, id, declared, body.into_data_stream()).await?)
    };
    taken(saved.await)
}

/// `PUT …/stage`
pub(super) async fn stage(
    Asked { rooms, caller, .. }: Asked,
    Extension(at_work): Extension<AtWork>,
    Path(image): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    at_work.uploads();
    let staged = async {
        let (id, declared) = opening(&image, &headers)?;
        Ok(rooms.images.stage(&caller, id, declared, body.into_data_stream()).await?)
    };
    taken(staged.await)
}

fn taken(taken: Answer<()>) -> Response {
    match taken {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(error),
    }
}

/// The answer to a body that was refused. The rest of it is still on its way: the connection cannot carry another request.
pub(in crate::api) fn refused(error: ApiError) -> Response {
    let mut response = error.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The head of an upload: the image's id and the declared sizes and digests.
fn opening(image: &str, headers: &HeaderMap) -> Answer<(ImageId, Declared)> {
    let id = image_id(image)?;
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.split(';').next().unwrap_or_default().trim() != "application/octet-stream" {
        let message = "An image's file is sent with Content-Type application/octet-stream.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok((id, Declared { compression: compression(headers)?, ..declared(headers)? }))
}

/// `GET …/file`
pub(super) async fn download(
    Asked { rooms, caller, .. }: Asked,
    Path(image): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let Some(file) = rooms.images.file(&caller, image_id(&image)?).await? else {
        // Glance: an image without bytes yet has a file without content.
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let size_bytes = file.size_bytes;
    let (status, range) = match headers.get(header::RANGE).map(|range| range_of(range, size_bytes)) {
        Some(Ok(Some(range))) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Ok(None)) | None => (StatusCode::OK, 0..size_bytes),
        Some(Err(error)) => return Ok(unsatisfiable(error, size_bytes)),
    };
    // One that goes on after a break is not counted again.
    if method == Method::GET && range.start == 0 {
        rooms.images.count_download(&caller, &file.image);
    }
    let mut response = head(status, &file, &range);
    *response.body_mut() = Body::from_stream(file.stream_to(&rooms.images, &caller, range));
    Ok(response)
}

/// The answer without its body.
fn head(status: StatusCode, file: &File, range: &Range<u64>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/octet-stream".into());
    set(header::CONTENT_LENGTH, (range.end - range.start).to_string());
    set(header::ACCEPT_RANGES, "bytes".into());
    // An image may hold any bytes: no browser may show them as a page of this service.
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff".into());
    set(header::CONTENT_DISPOSITION, disposition(&file.image));
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, file.size_bytes));
    } else if let Some(checksum) = &file.image.checksum {
        // Glance sends hex here, not RFC 1864's base64, and its clients compare hex.
        set(header::HeaderName::from_static("content-md5"), checksum.clone());
    }
    response
}

fn unsatisfiable(error: Error, size_bytes: u64) -> Response {
    let mut response = ApiError::from(error).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size_bytes}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// The part that a `Range` asks for; `None` for a unit other than bytes, which is ignored (RFC 9110, 14.2).
/// Only one part is served: several would let a small request ask for many times the file.
fn range_of(value: &HeaderValue, size_bytes: u64) -> Result<Option<Range<u64>>> {
    let bad = || Error::BadRange { size_bytes };
    let text = value.to_str().map_err(|_| bad())?;
    let Some((unit, spec)) = text.split_once('=') else { return Ok(None) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Ok(None);
    }
    let (first, last) = spec.trim().split_once('-').ok_or_else(bad)?;
    // Only digits: Rust would also read "+5". A number past 2^64 is past every file's end.
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u64::MAX)).ok_or_else(bad)
    };
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => size_bytes.saturating_sub(number(suffix)?)..size_bytes,
        (first, "") => number(first)?..size_bytes,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(bad());
            }
            first..last.saturating_add(1).min(size_bytes)
        }
    };
    if range.is_empty() { Err(bad()) } else { Ok(Some(range)) }
}

/// `attachment` with a name that no shell, header or file system trips over, and the exact one beside it (RFC 6266).
fn disposition(image: &Image) -> String {
    let extension = image.disk_format.as_deref().unwrap_or("bin");
    let name = image.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map_or_else(|| image.id.to_string(), |name| name.chars().take(100).collect());
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let plain: String = name.chars().map(safe).collect();
    let plain = plain.trim_start_matches('.');
    let exact = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{exact}.{extension}")
}

/// The compression that the body is to be taken out of (RFC 9110, 8.4; xz and bzip2 are no registered codings).
fn compression(headers: &HeaderMap) -> Answer<Option<Compression>> {
    let coding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    match coding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(None),
        Some("gzip" | "x-gzip") => Ok(Some(Compression::Gzip)),
        Some("zstd") => Ok(Some(Compression::Zstd)),
        Some("xz") => Ok(Some(Compression::Xz)),
        Some("bzip2") => Ok(Some(Compression::Bzip2)),
        Some(other) => {
            let message = format!(
                "The Content-Encoding of a file is gzip, zstd, xz or bzip2, not '{other}': it is then unpacked as it comes."
            );
            Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    }
}

/// The sizes and digests that the headers declare.
fn declared(headers: &HeaderMap) -> Result<Declared> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    let size = |name: &str| match text(name) {
        None => Ok(None),
        Some(digits) => match digits.parse::<u64>() {
            Ok(size) => Ok(Some(size)),
            Err(_) => Err(Error::Invalid(format!("The header {name} must be a number of bytes, not '{digits}'."))),
        },
    };
    let (length, image_size) = (size("content-length")?, size("x-openstack-image-size")?);
    if let (Some(length), Some(image_size)) = (length, image_size)
        && length != image_size
    {
        let message = format!("Content-Length says {length} bytes and x-openstack-image-size {image_size}.");
        return Err(Error::Invalid(message));
    }
    Ok(Declared {
        size_bytes: length.or(image_size),
        md5: text("content-md5").map(|digest| hex_digest("Content-MD5", digest, 16)).transpose()?,
        sha512: text("content-digest").map(sha512_of).transpose()?.flatten(),
        compression: None,
        store: stores::header(headers).map(str::to_owned),
        waits_to_be_asked: text("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")),
    })
}

/// The SHA-512 in a `Content-Digest` (RFC 9530): `sha-512=:BASE64:`. Other algorithms are not checked.
fn sha512_of(value: &str) -> Result<Option<String>> {
    let digest = value.split(',').find_map(|item| item.trim().strip_prefix("sha-512="));
    digest.map(|digest| hex_digest("Content-Digest", digest.trim_matches(':'), 64)).transpose()
}

/// A digest in hex, from hex (as Glance writes it) or base64 (as the standards have it).
fn hex_digest(header: &str, digest: &str, bytes: usize) -> Result<String> {
    if digest.len() == bytes * 2 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest.to_ascii_lowercase());
    }
    match base64::engine::general_purpose::STANDARD.decode(digest) {
        Ok(decoded) if decoded.len() == bytes => Ok(decoded.iter().map(|byte| format!("{byte:02x}")).collect()),
        _ => Err(Error::Invalid(format!("The header {header} is not a digest of {bytes} bytes, in hex or base64."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_others_are_refused() {
        let read = |text: &str| range_of(&HeaderValue::from_str(text).unwrap(), 1000).ok();
        assert_eq!(read("bytes=0-0"), Some(Some(0..1)));
        assert_eq!(read("bytes=0-9"), Some(Some(0..10)));
        assert_eq!(read("bytes=990-"), Some(Some(990..1000)));
        assert_eq!(read("bytes=-10"), Some(Some(990..1000)));
        assert_eq!(read("bytes=-5000"), Some(Some(0..1000)));
        assert_eq!(read("bytes=900-18446744073709551616"), Some(Some(900..1000)));
        assert_eq!(read("lines=1-2"), Some(None));
        for refused in ["bytes=1000-", "bytes=5-4", "bytes=0-1,5-6", "bytes=-0", "bytes=-", "bytes=+1-2", "bytes=a-b"] {
            assert_eq!(read(refused), None, "{refused}");
        }
        assert!(range_of(&HeaderValue::from_static("bytes=0-"), 0).is_err());
    }

    #[test]
    fn declared_digests_are_read_in_hex_and_base64() {
        let mut headers = HeaderMap::new();
        headers.insert("content-md5", HeaderValue::from_static("1B2M2Y8AsgTpgAmY7PhCfg=="));
        assert_eq!(declared(&headers).unwrap().md5.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
        headers.insert("content-md5", HeaderValue::from_static("D41D8CD98F00B204E9800998ECF8427E"));
        assert_eq!(declared(&headers).unwrap().md5.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
        headers.insert("content-length", HeaderValue::from_static("5"));
        headers.insert("x-openstack-image-size", HeaderValue::from_static("6"));
        assert!(declared(&headers).is_err());
    }
}
