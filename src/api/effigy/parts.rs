//! Files that are sent in parts: the tus protocol 1.0 (https://tus.io/protocols/resumable-upload), with its extensions
//! creation, expiration, checksum and termination.
//!
//! An upload is of an image that was made before: the metadata `image_id` names it. After the last byte the image is
//! `importing`, then `active`, or `queued` with the reason.

use std::collections::BTreeMap;

use axum::{
    Extension, Json,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, Path, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use base64::Engine as _;
use serde::Serialize;
use strum::VariantNames as _;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::document::Refusals;
use crate::{
    api::{
        Api,
        at_work::AtWork,
        caller::Asked,
        error::{Answer, ApiError, ErrorBody},
        image::{self, image_id},
        times,
        trail::Trail,
    },
    error::{Error, Result},
    ids::ImageId,
    images::{Algorithm, Appended, NewUpload, Part, UploadInParts},
};

/// An upload in parts.
#[derive(Serialize, ToSchema)]
#[schema(as = Upload)]
struct Shown {
    #[schema(format = Uuid)]
    id: String,
    /// Its address.
    url: String,
    kept_bytes: u64,
    whole_bytes: u64,
    /// The words of its client; a value that is not in base64 or no text is left out.
    metadata: BTreeMap<String, String>,
    /// When it is given up unless more of it comes.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static("creation,expiration,checksum,termination");
const PART: &str = "application/offset+octet-stream";
/// The most bytes of a client's metadata: each upload under way keeps its own.
const MAX_METADATA_BYTES: usize = 4096;

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The URLs of uploads in parts.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(offered, begin))
        .routes(routes!(progress, append, end, act))
        // A part is as long as the rest of a file may be: the images room counts its bytes.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(in_version))
        .routes(routes!(show))
}

/// Names the version of the protocol in every answer.
async fn in_version(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(RESUMABLE, VERSION);
    response
}

/// A request of this version of the protocol; another is refused, once its caller is known.
struct OfVersion;

impl<S: Sync> FromRequestParts<S> for OfVersion {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<OfVersion, Response> {
        if parts.headers.get(RESUMABLE) == Some(&VERSION) {
            return Ok(OfVersion);
        }
        let message = "An upload in parts is by tus 1.0.0: send the header Tus-Resumable: 1.0.0 with each request.";
        let mut refusal = ApiError::new(StatusCode::PRECONDITION_FAILED, message).into_response();
        refusal.headers_mut().insert(VERSIONS, VERSION);
        Err(refusal)
    }
}

/// Says what this service takes of uploads in parts.
///
/// The headers `Tus-Version`, `Tus-Extension`, `Tus-Max-Size` in bytes, and `Tus-Checksum-Algorithm`.
#[utoipa::path(
    options, path = "/uploads", operation_id = "describe_uploads", tag = "uploads",
    responses(
        (status = 204, description = "In the headers"),
        Refusals,
    ),
)]
async fn offered(Asked { rooms, .. }: Asked) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(VERSIONS, VERSION);
    headers.insert("tus-extension", EXTENSIONS);
    headers.insert("tus-max-size", HeaderValue::from(rooms.images.max_size_bytes()));
    if let Ok(algorithms) = HeaderValue::from_str(&Algorithm::VARIANTS.join(",")) {
        headers.insert("tus-checksum-algorithm", algorithms);
    }
    response
}

/// Begins an upload in parts.
///
/// `Upload-Length` is the file's length in bytes. `Upload-Metadata` names the image, `image_id`, which is `queued`; and,
/// where the client knows it, the file's `sha512` in hex, to which the whole is held. The header `X-Image-Meta-Store` names
/// a store. The whole length counts in the project's quota from now on.
#[utoipa::path(
    post, path = "/uploads", operation_id = "begin_upload", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "The bytes of the file"),
        ("Upload-Metadata" = String, Header, description = "Pairs of a name and its value in base64"),
    ),
    responses(
        (status = 201, description = "It is begun, at the address in `Location`, and waits until `Upload-Expires`"),
        (status = 400, description = "Metadata or a length that will not do", body = ErrorBody),
        (status = 403, description = "The caller may not change the image", body = ErrorBody),
        (status = 404, description = "There is no such image, or the caller may not see it", body = ErrorBody),
        (status = 409, description = "The image is not queued", body = ErrorBody),
        (status = 412, description = "Another version of the protocol", body = ErrorBody),
        (status = 413, description = "The file is too large, or a quota is used up", body = ErrorBody),
        (status = 415, description = "The image's format is not accepted", body = ErrorBody),
        Refusals,
    ),
)]
async fn begin(
    Asked { rooms, caller, url }: Asked,
    _: OfVersion,
    Extension(trail): Extension<Trail>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (id, new) = wanted(&headers)?;
    trail.does("image.begin_upload", Some(id.to_string()));
    let upload = rooms.images.begin_parts(&caller, id, &new).await?;
    let mut response = with_progress(StatusCode::CREATED, &upload);
    if let Ok(location) = HeaderValue::from_str(&format!("{url}/effigy/v1/uploads/{}", upload.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Says how far an upload is, in `Upload-Offset`.
///
/// A request that is at work on it keeps what it has, and ends. Of an image that has its bytes, all have come.
#[utoipa::path(
    head, path = "/uploads/{upload}", operation_id = "show_upload", tag = "uploads",
    params(
        ("upload" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 200, description = "In the headers `Upload-Offset`, `Upload-Length`, `Upload-Metadata`, `Upload-Expires`"),
        (status = 404, description = "There is no such upload"),
        (status = 412, description = "Another version of the protocol"),
        Refusals,
    ),
)]
async fn progress(Asked { rooms, caller, .. }: Asked, _: OfVersion, Path(upload): Path<String>) -> Answer<Response> {
    let upload = rooms.images.upload_in_parts(&caller, &upload).await?;
    let mut response = with_progress(StatusCode::OK, &upload);
    let headers = response.headers_mut();
    headers.insert(LENGTH, upload.whole_bytes.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(metadata) = HeaderValue::from_str(&upload.metadata)
        && !metadata.is_empty()
    {
        headers.insert(METADATA, metadata);
    }
    Ok(response)
}

/// Sends the next part of a file, from `Upload-Offset` on.
///
/// A part that breaks off is kept as far as it came; one with an `Upload-Checksum` as a whole or not at all. With the last
/// byte the image is `importing`. Where a newer request goes on, the older one is answered 410.
#[utoipa::path(
    patch, path = "/uploads/{upload}", operation_id = "append_to_upload", tag = "uploads",
    params(
        ("upload" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where in the file it begins: where the kept bytes end"),
        ("Upload-Checksum" = Option<String>, Header, description = "An algorithm, a blank, and the part's digest in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "It is kept; the next one begins at `Upload-Offset`"),
        (status = 400, description = "Headers that will not do", body = ErrorBody),
        (status = 404, description = "There is no such upload", body = ErrorBody),
        (status = 409, description = "It begins elsewhere, or somebody asked how far the upload is", body = ErrorBody),
        (status = 412, description = "Another version of the protocol", body = ErrorBody),
        (status = 413, description = "More than the whole file, or a quota is used up", body = ErrorBody),
        (status = 415, description = "A media type other than application/offset+octet-stream", body = ErrorBody),
        (status = 460, description = "The part is not as its checksum says: nothing of it is kept", body = ErrorBody),
        Refusals,
    ),
)]
async fn append(
    asked: Asked,
    version: OfVersion,
    Extension(at_work): Extension<AtWork>,
    Extension(trail): Extension<Trail>,
    Path(upload): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    taken(asked, version, (&at_work, &trail), &upload, &headers, body).await
}

/// Shows the upload that is under way into an image, without disturbing it.
///
/// It is for clients that did not keep the upload's address.
#[utoipa::path(
    get, path = "/images/{image}/upload", operation_id = "show_upload_of_image", tag = "uploads",
    params(("image" = String, Path, format = Uuid, description = "An image's id")),
    responses(
        (status = 200, description = "The upload", body = Shown),
        (status = 404, description = "There is no such image, the caller may not change it, or no upload in parts is under way", body = ErrorBody),
        Refusals,
    ),
)]
async fn show(Asked { rooms, caller, url }: Asked, Path(image): Path<String>) -> Answer<Json<Shown>> {
    let upload = rooms.images.upload_into(&caller, image_id(&image)?).await?;
    let metadata = pairs(&upload.metadata).filter_map(|(name, value)| Some((name.to_owned(), decoded(value)?)));
    Ok(Json(Shown {
        url: format!("{url}/effigy/v1/uploads/{}", upload.id),
        kept_bytes: upload.kept_bytes,
        whole_bytes: upload.whole_bytes,
        metadata: metadata.collect(),
        expires_at: upload.expires_ms.map(times::seconds_z),
        id: upload.id,
    }))
}

/// Gives an upload up: the image is queued, and nothing of its file stays.
#[utoipa::path(
    delete, path = "/uploads/{upload}", operation_id = "end_upload", tag = "uploads",
    params(
        ("upload" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 204, description = "It is given up"),
        (status = 404, description = "There is no such upload", body = ErrorBody),
        (status = 409, description = "All bytes have come", body = ErrorBody),
        (status = 412, description = "Another version of the protocol", body = ErrorBody),
        Refusals,
    ),
)]
async fn end(
    Asked { rooms, caller, .. }: Asked,
    _: OfVersion,
    Extension(trail): Extension<Trail>,
    Path(upload): Path<String>,
) -> Answer<StatusCode> {
    let image = rooms.images.end_parts(&caller, &upload).await?;
    trail.does("image.end_upload", Some(image.to_string()));
    Ok(StatusCode::NO_CONTENT)
}

/// Does what `X-HTTP-Method-Override` says, `PATCH` or `DELETE`, for clients that can send neither.
#[utoipa::path(
    post, path = "/uploads/{upload}", operation_id = "act_on_upload", tag = "uploads",
    params(
        ("upload" = String, Path, format = Uuid, description = "The upload's id"),
        ("X-HTTP-Method-Override" = String, Header, description = "PATCH or DELETE"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "As of the method"),
        (status = 405, description = "Another method, or none", body = ErrorBody),
        Refusals,
    ),
)]
async fn act(
    asked: Asked,
    version: OfVersion,
    Extension(at_work): Extension<AtWork>,
    Extension(trail): Extension<Trail>,
    Path(upload): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match headers.get(OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => taken(asked, version, (&at_work, &trail), &upload, &headers, body).await,
        Some(b"DELETE") => end(asked, version, Extension(trail), Path(upload)).await.into_response(),
        _ => {
            let message = "A POST to an upload needs the header X-HTTP-Method-Override: PATCH or DELETE.";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
        }
    }
}

async fn taken(
    asked: Asked,
    _: OfVersion,
    (at_work, trail): (&AtWork, &Trail),
    upload: &str,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let Asked { rooms, caller, .. } = asked;
    at_work.uploads();
    let appended = async {
        let part = part(headers)?;
        Ok(rooms.images.append(&caller, upload, &part, body.into_data_stream()).await?)
    };
    match appended.await {
        Ok(Appended::To(upload)) => {
            trail.does("image.upload", Some(upload.image.to_string()));
            with_progress(StatusCode::NO_CONTENT, &upload)
        }
        Ok(Appended::Mismatch) => {
            let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
            ApiError::new(status, "The part is not as its Upload-Checksum says: send it again.").into_response()
        }
        Err(error) => image::refused(error),
    }
}

fn with_progress(status: StatusCode, upload: &UploadInParts) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, upload.kept_bytes.into());
    if let Some(expires) = upload.expires_ms.and_then(|ms| HeaderValue::from_str(&times::http_date(ms)).ok()) {
        headers.insert(EXPIRES, expires);
    }
    response
}

/// The image and the file that a request is to begin.
fn wanted(headers: &HeaderMap) -> Answer<(ImageId, NewUpload)> {
    if headers.contains_key("upload-defer-length") {
        let message = "The length of a file is told when its upload begins: send Upload-Length.";
        return Err(Error::Invalid(message.into()).into());
    }
    let whole_bytes = number(headers, &LENGTH)?;
    let metadata = headers.get(METADATA).map(|value| value.to_str()).transpose();
    let metadata = metadata.map_err(|_| Error::Invalid("Upload-Metadata has a byte that is not printable.".into()))?;
    let metadata = metadata.unwrap_or_default();
    if metadata.len() > MAX_METADATA_BYTES {
        return Err(Error::TooLarge(format!("Upload-Metadata may have at most {MAX_METADATA_BYTES} bytes.")).into());
    }
    let image = value_of(metadata, "image_id")?.ok_or_else(|| {
        let message =
            "Upload-Metadata needs image_id: make the image by POST /image/v2/images, and give its id in base64.";
        Error::Invalid(message.into())
    })?;
    let sha512 = value_of(metadata, "sha512")?;
    if sha512.as_ref().is_some_and(|hex| hex.len() != 128 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        let message = "The sha512 in Upload-Metadata is the file's digest as 128 hexadecimal digits, in base64.";
        return Err(Error::Invalid(message.into()).into());
    }
    let store = image::store_header(headers).map(str::to_owned);
    Ok((image_id(&image)?, NewUpload { whole_bytes, metadata: metadata.to_owned(), sha512, store }))
}

/// The head of a part.
fn part(headers: &HeaderMap) -> Answer<Part> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type != PART {
        let message = format!("A part of a file is sent with Content-Type {PART}.");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    Ok(Part {
        offset: number(headers, &OFFSET)?,
        size_bytes: text(header::CONTENT_LENGTH).and_then(|digits| digits.parse().ok()),
        digest: headers.get(CHECKSUM).map(|value| digest(value.to_str().unwrap_or_default())).transpose()?,
        waits_to_be_asked: text(header::EXPECT).is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")),
    })
}

/// `ALGORITHM BASE64`
fn digest(text: &str) -> Result<(Algorithm, String)> {
    let (name, digest) = text.split_once(' ').unwrap_or_default();
    let Ok(algorithm) = name.parse::<Algorithm>() else {
        let known = Algorithm::VARIANTS.join(", ");
        return Err(Error::Invalid(format!("Upload-Checksum is one of {known}, a blank, and the digest in base64.")));
    };
    match base64::engine::general_purpose::STANDARD.decode(digest) {
        Ok(bytes) if bytes.len() == algorithm.size_bytes() => {
            Ok((algorithm, bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
        }
        _ => Err(Error::Invalid(format!(
            "The digest in Upload-Checksum is not one of {name}: it has {} bytes, in base64.",
            algorithm.size_bytes()
        ))),
    }
}

/// A value of the metadata.
fn value_of(metadata: &str, name: &str) -> Result<Option<String>> {
    let Some((_, value)) = pairs(metadata).find(|(key, _)| *key == name) else { return Ok(None) };
    let not_base64 = || Error::Invalid(format!("The {name} in Upload-Metadata is not in base64."));
    decoded(value).map(Some).ok_or_else(not_base64)
}

/// The metadata: pairs of a name and its value in base64, with commas between them.
fn pairs(metadata: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once(' ').unwrap_or((pair, "")))
}

fn decoded(value: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = text.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    // The largest that a row holds; no file comes near.
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| *number <= i64::MAX as u64);
    number.ok_or_else(|| Error::Invalid(format!("The header {name} must be a number of bytes.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_by_its_names() {
        let metadata = "filename d29ybGQ=,image_id YWJj, empty";
        assert_eq!(value_of(metadata, "image_id").unwrap().as_deref(), Some("abc"));
        assert_eq!(value_of(metadata, "empty").unwrap().as_deref(), Some(""));
        assert_eq!(value_of(metadata, "sha512").unwrap(), None);
        assert!(value_of("image_id !!!", "image_id").is_err());
    }

    #[test]
    fn checksum_is_of_its_algorithm() {
        let (algorithm, digest) = digest("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap();
        assert_eq!((algorithm, digest.as_str()), (Algorithm::Sha1, "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"));
        for wrong in ["sha1", "crc32 AAAAAA==", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 ???"] {
            assert!(super::digest(wrong).is_err(), "{wrong}");
        }
    }
}
