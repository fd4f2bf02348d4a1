//! A file of this machine becomes an image of a cloud's Effigy, in parts (tus 1.0).
//!
//! ```text
//! file ─► its SHA-512 ─► begun before? ──no──► record ─► upload ─┐
//!                             └─────────yes──────────────────────┴─► part, part, … ─► saved
//! ```
//!
//! - Nothing is kept on this machine. The digest is told when an upload begins, and an earlier run is known by it: it goes on
//!   only with the very same bytes, whatever the file's name and time say.
//! - The service holds the whole to that digest before the image is active.
//! - A part that does not come through is asked after, and sent from where the service has come to.
//! - An image that was made for a file and does not become it is deleted again.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use base64::Engine as _;
use bytes::Bytes;
use disks::Compression;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use openssl::hash::{Hasher, MessageDigest};
use serde_json::{Map, Value, json};
use tokio::time::{Duration, Instant, sleep};

use super::{ASK, FIRST_PAUSE, Fault, LONGEST_PAUSE, LONGEST_WAIT, PIECE_BYTES, Remote, Tell, Told, hex, words};
use crate::keystone::Reply;

/// A part has as many bytes as a second or some carry: its size doubles and halves between these.
const LEAST_PART_BYTES: usize = 1 << 20;
const MOST_PART_BYTES: usize = 32 << 20;
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(8);
/// Images of one name that are looked through for the one that this goes on with.
const MOST_LOOKED_AT: usize = 100;
/// How often those who watch are told how much is read.
const TELL_BYTES: u64 = 64 << 20;

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The file to send, and the image that it becomes.
#[derive(Clone, Debug, Default)]
pub struct Push {
    pub file: PathBuf,
    /// The image's name; without, the file's without its ending.
    pub name: Option<String>,
    /// `disk_format`; without, as the file's first bytes tell.
    pub disk_format: Option<String>,
    /// The store that takes it; without, the default one.
    pub store: Option<String>,
    pub tags: Vec<String>,
    /// Further fields of the image's record.
    pub fields: Map<String, Value>,
}

/// A file, as it was when it was opened.
struct Source {
    file: Arc<File>,
    path: PathBuf,
    name: String,
    metadata: Metadata,
    compression: Option<Compression>,
}

/// A push at work.
struct Pushing<'a> {
    remote: &'a Remote,
    effigy: Remote,
    source: Source,
    sha512: String,
    /// The image's record, as it is asked for.
    record: Value,
    store: Option<String>,
    tell: Tell<'a>,
}

/// An image that an earlier run has made of the file, or has begun.
enum Found {
    Whole(String),
    UnderWay(Upload),
}

/// An upload that is under way.
struct Upload {
    image: String,
    /// Its path at the service.
    path: String,
    kept_bytes: u64,
}

/// Sends a file, and waits until it is an image; its id.
///
/// # Errors
/// The file cannot be read or is changed meanwhile; the service is no Effigy, is away for a quarter of an hour, or refuses. The
/// error says what to do.
pub async fn push(remote: &Remote, wanted: Push, tell: Tell<'_>) -> anyhow::Result<String> {
    let effigy = remote.effigy()?;
    check_is_effigy(remote, &effigy).await?;
    let source = Source::open(&wanted.file)?;
    let record = record(&wanted, &source)?;
    let sha512 = source.sha512(tell).await?;
    let pushing = Pushing { remote, effigy, source, sha512, record, store: wanted.store, tell };
    let upload = match pushing.found().await? {
        Some(Found::Whole(image)) => {
            tell(Told::IsThere(image.clone()));
            return Ok(image);
        }
        Some(Found::UnderWay(mut upload)) => {
            // A request of the earlier run may hang in the service still: it keeps what it has when it is asked.
            upload.kept_bytes = pushing.come_to(&upload).await.unwrap_or(upload.kept_bytes);
            tell(Told::GoesOn(upload.kept_bytes));
            upload
        }
        None => pushing.begin().await?,
    };
    pushing.send(&upload).await?;
    tell(Told::Saves);
    pushing.saved(&upload.image).await?;
    Ok(upload.image)
}

/// The image's record, as it is asked for.
fn record(wanted: &Push, source: &Source) -> anyhow::Result<Value> {
    let mut record = wanted.fields.clone();
    let disk_format = match &wanted.disk_format {
        Some(format) => format.as_str(),
        None => source.disk_format()?,
    };
    let container_format = if source.compression.is_some() { "compressed" } else { "bare" };
    let mut tags = wanted.tags.clone();
    tags.sort_unstable();
    tags.dedup();
    let name = wanted.name.clone().unwrap_or_else(|| name_of(&source.name));
    for (field, value) in [
        ("name", json!(name)),
        ("disk_format", json!(disk_format)),
        ("container_format", json!(container_format)),
        ("tags", json!(tags)),
    ] {
        record.insert(field.into(), value);
    }
    Ok(Value::Object(record))
}

/// Whether a record is as this one was asked for. The service changes a container format when it unpacks, and a visibility when
/// an image is held back.
fn is_as(shown: &Value, wanted: &Value) -> bool {
    let sorted = |tags: &Value| {
        let mut tags: Vec<String> = serde_json::from_value(tags.clone()).unwrap_or_default();
        tags.sort_unstable();
        tags
    };
    wanted.as_object().into_iter().flatten().all(|(name, value)| match name.as_str() {
        "tags" => sorted(&shown["tags"]) == sorted(value),
        "container_format" | "visibility" => true,
        _ => shown[name] == *value,
    })
}

async fn check_is_effigy(remote: &Remote, effigy: &Remote) -> anyhow::Result<()> {
    let answer = effigy.get("/v1/usage").await?;
    let read: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status.is_success() && read.is_some_and(|read| read["usage"].is_object()) {
        return Ok(());
    }
    anyhow::ensure!(
        matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
        "the image service at {} is not an Effigy, which takes files in parts: send the file with 'openstack image create'",
        remote.url()
    );
    anyhow::bail!("the service answers {}: {}", answer.status, words(&answer.body))
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<Source> {
        let unreadable = || format!("cannot read {}", path.display());
        // Asked first: opening a pipe would wait for somebody who writes.
        let metadata = std::fs::metadata(path).with_context(unreadable)?;
        anyhow::ensure!(metadata.is_file() && metadata.len() > 0, "{} is not a file with bytes in it", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let metadata = file.metadata().with_context(unreadable)?;
        let mut head = [0; 6];
        let len = file.read_at(&mut head, 0).with_context(unreadable)?;
        Ok(Source {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: path.to_owned(),
            file: Arc::new(file),
            metadata,
            compression: Compression::of_head(&head[..len]),
        })
    }

    fn size_bytes(&self) -> u64 {
        self.metadata.len()
    }

    /// The name of the disk's format, as the Image API has it.
    fn disk_format(&self) -> anyhow::Result<&'static str> {
        anyhow::ensure!(
            self.compression.is_none(),
            "{} is compressed: say the format of the disk in it with --disk-format",
            self.path.display()
        );
        let found = disks::detect(&*self.file).with_context(|| self.unreadable())?;
        match found.as_slice() {
            [] => Ok("raw"),
            [format] => Ok(format.word()),
            _ => anyhow::bail!("{} may be of several formats: say which with --disk-format", self.path.display()),
        }
    }

    /// The file's digest. The bytes are read here once more than they are sent.
    async fn sha512(&self, tell: Tell<'_>) -> anyhow::Result<String> {
        let mut hasher = Hasher::new(MessageDigest::sha512())?;
        let mut at = 0;
        while at < self.size_bytes() {
            tell(Told::Read(at, self.size_bytes()));
            let (file, end) = (self.file.clone(), self.size_bytes().min(at + TELL_BYTES));
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE_BYTES];
                while at < end {
                    let len = piece.len().min((end - at) as usize);
                    file.read_exact_at(&mut piece[..len], at)?;
                    hasher.update(&piece[..len])?;
                    at += len as u64;
                }
                io::Result::Ok((hasher, at))
            });
            (hasher, at) = read.await?.with_context(|| self.unreadable())?;
        }
        tell(Told::Read(at, at));
        self.check_unchanged()?;
        Ok(hex(&hasher.finish()?))
    }

    /// The bytes of a part.
    async fn read(&self, at: u64, len: usize) -> anyhow::Result<Bytes> {
        let (file, len) = (self.file.clone(), len.min((self.size_bytes() - at) as usize));
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, at)?;
            io::Result::Ok(Bytes::from(bytes))
        });
        read.await?.with_context(|| self.unreadable())
    }

    /// Whether the path still leads to the file as it was opened.
    fn check_unchanged(&self) -> anyhow::Result<()> {
        let of = |metadata: &Metadata| {
            (metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
        };
        let is_same = std::fs::metadata(&self.path).is_ok_and(|now| of(&now) == of(&self.metadata));
        anyhow::ensure!(is_same, "{} was changed while it was sent: push it again", self.path.display());
        Ok(())
    }

    fn unreadable(&self) -> String {
        format!("cannot read {}", self.path.display())
    }
}

impl Pushing<'_> {
    /// The image that an earlier run has made of this file, or the upload that it has begun.
    async fn found(&self) -> anyhow::Result<Option<Found>> {
        // An admin sees other projects' images, which are not to go on with.
        let Some(project) = self.remote.project().await? else { return Ok(None) };
        let encoded =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let name = encoded(self.record["name"].as_str().unwrap_or_default());
        let path = format!(
            "/v2/images?name=eq:{name}&owner=eq:{}&status=in:active,importing,uploading&limit={MOST_LOOKED_AT}",
            encoded(&project)
        );
        let list = json_of(&self.remote.get(&path).await?, StatusCode::OK)?;
        let mut importing = Vec::new();
        for image in list["images"].as_array().into_iter().flatten().filter(|image| is_as(image, &self.record)) {
            let Some(id) = image["id"].as_str() else { continue };
            match image["status"].as_str() {
                Some("active") if self.is_file(image) => return Ok(Some(Found::Whole(id.to_owned()))),
                Some("uploading") => match self.under_way(id).await? {
                    Some(upload) => return Ok(Some(Found::UnderWay(upload))),
                    None => continue,
                },
                // The digest of an unpacked file would tell nothing of this one.
                Some("importing") if self.source.compression.is_none() => importing.push(id.to_owned()),
                _ => {}
            }
        }
        for id in importing {
            (self.tell)(Told::Saves);
            // It may be deleted meanwhile, and be another file's.
            let Ok(image) = self.settled(&id).await else { continue };
            if image["status"] == "active" && self.is_file(&image) {
                return Ok(Some(Found::Whole(id)));
            }
        }
        Ok(None)
    }

    /// Whether an image has this file, as it is, in the store that is wanted.
    fn is_file(&self, image: &Value) -> bool {
        let stores = image["stores"].as_str().unwrap_or_default();
        let is_in = |store: &String| stores.split(',').any(|one| one == store);
        image["os_hash_value"] == self.sha512.as_str() && self.store.as_ref().is_none_or(is_in)
    }

    /// The upload of this file into an image; `None` for another's.
    async fn under_way(&self, image: &str) -> anyhow::Result<Option<Upload>> {
        let answer = self.effigy.get(&format!("/v1/images/{image}/upload")).await?;
        if answer.status != StatusCode::OK {
            // It is not this caller's to change, or its bytes do not come in parts.
            return Ok(None);
        }
        let upload: Value = serde_json::from_slice(&answer.body).context("the service's answer is not JSON")?;
        let said = &upload["metadata"];
        let is_this = upload["whole_bytes"] == self.source.size_bytes()
            && said["sha512"] == self.sha512.as_str()
            && said["store"].as_str() == self.store.as_deref();
        let (true, Some(id), Some(kept_bytes)) = (is_this, upload["id"].as_str(), upload["kept_bytes"].as_u64()) else {
            return Ok(None);
        };
        Ok(Some(Upload { image: image.to_owned(), path: format!("/v1/uploads/{id}"), kept_bytes }))
    }

    /// Makes the image's record, and begins its upload.
    async fn begin(&self) -> anyhow::Result<Upload> {
        let mut request = Request::new(Full::new(Bytes::from(self.record.to_string())));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let made = json_of(&self.remote.send("/v2/images", &request).await?, StatusCode::CREATED)?;
        let image = made["id"].as_str().context("the service's answer names no image")?.to_owned();

        let mut request = tus(Method::POST, Bytes::new());
        let headers = request.headers_mut();
        headers.insert("upload-length", self.source.size_bytes().into());
        headers.insert("upload-metadata", HeaderValue::from_str(&self.metadata(&image))?);
        if let Some(store) = &self.store {
            headers.insert("x-image-meta-store", HeaderValue::from_str(store).context("the store's name")?);
        }
        let answer = self.effigy.send("/v1/uploads", &request).await?;
        let location = text(&answer.headers, header::LOCATION).and_then(|url| url.rsplit('/').next());
        match (answer.status, location) {
            (StatusCode::CREATED, Some(id)) => Ok(Upload { image, path: format!("/v1/uploads/{id}"), kept_bytes: 0 }),
            (status, _) => {
                let why = words(&answer.body);
                Err(self.discarded(&image, &format!("the service does not take the file ({status}): {why}")).await)
            }
        }
    }

    /// The words about the file that the service tells again. The console knows a file by its name and its time.
    fn metadata(&self, image: &str) -> String {
        let modified = self.source.metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let pairs = [
            ("image_id", Some(image.to_owned())),
            ("filename", Some(self.source.name.clone())),
            ("modified", modified.map(|time| time.as_millis().to_string())),
            ("sha512", Some(self.sha512.clone())),
            ("store", self.store.clone()),
        ];
        let base64 = |value: String| base64::engine::general_purpose::STANDARD.encode(value);
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", base64(value?))));
        pairs.collect::<Vec<_>>().join(",")
    }

    /// Sends the rest of a file.
    async fn send(&self, upload: &Upload) -> anyhow::Result<()> {
        let (mut at, mut part_bytes, mut pause) = (upload.kept_bytes, 4 * LEAST_PART_BYTES, FIRST_PAUSE);
        let mut moved = Instant::now();
        (self.tell)(Told::Came(at, self.source.size_bytes()));
        while at < self.source.size_bytes() {
            let bytes = self.source.read(at, part_bytes).await;
            // Before each part, so that the last one is never sent of a file that is not what it was.
            if let Err(changed) = self.source.check_unchanged() {
                return Err(self.discarded(&upload.image, &changed.to_string()).await);
            }
            let began = Instant::now();
            let next = match self.append(upload, at, bytes?).await {
                Ok(next) => next,
                Err(fault @ (Fault::Away(_) | Fault::Failed(_))) => {
                    anyhow::ensure!(moved.elapsed() < LONGEST_WAIT, "{fault}; the same command goes on with it");
                    (self.tell)(Told::Waits(fault.to_string()));
                    sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                    match self.come_to(upload).await {
                        Ok(come_to) => come_to,
                        Err(Fault::Away(_) | Fault::Failed(_)) => at,
                        Err(fault) => return Err(fault.into()),
                    }
                }
                Err(fault) => return Err(fault.into()),
            };
            if next > at {
                (moved, pause) = (Instant::now(), FIRST_PAUSE);
            }
            part_bytes = match began.elapsed() {
                soon if soon < SOON => MOST_PART_BYTES.min(part_bytes * 2),
                late if late > LATE => LEAST_PART_BYTES.max(part_bytes / 2),
                _ => part_bytes,
            };
            at = next;
            (self.tell)(Told::Came(at, self.source.size_bytes()));
        }
        Ok(())
    }

    /// Sends a part; how far the service is.
    async fn append(&self, upload: &Upload, at: u64, bytes: Bytes) -> Result<u64, Fault> {
        let mut request = tus(Method::PATCH, bytes);
        request.headers_mut().insert(OFFSET, at.into());
        let media_type = HeaderValue::from_static("application/offset+octet-stream");
        request.headers_mut().insert(header::CONTENT_TYPE, media_type);
        offset_of(&self.effigy.send(&upload.path, &request).await?)
    }

    /// How far the service is.
    async fn come_to(&self, upload: &Upload) -> Result<u64, Fault> {
        offset_of(&self.effigy.send(&upload.path, &tus(Method::HEAD, Bytes::new())).await?)
    }

    /// Waits until the image has the file.
    async fn saved(&self, image: &str) -> anyhow::Result<()> {
        let record = self.settled(image).await?;
        if !matches!(record["status"].as_str(), Some("active" | "deactivated")) {
            let shown = json_of(&self.effigy.get(&format!("/v1/images/{image}")).await?, StatusCode::OK)?;
            let reason = shown["effigy"]["reason"].as_str().unwrap_or("it does not say why");
            return Err(self.discarded(image, &format!("the service refuses the file: {reason}")).await);
        }
        // Of a file that was unpacked on its way the image has the digest of what was in it.
        if self.source.compression.is_none() && record["os_hash_value"] != self.sha512.as_str() {
            let path = self.source.path.display();
            let why = format!("the image is not the file {path}, whose SHA-512 is {}: push it again", self.sha512);
            return Err(self.discarded(image, &why).await);
        }
        Ok(())
    }

    /// The image's record, once no bytes are on their way.
    async fn settled(&self, image: &str) -> anyhow::Result<Value> {
        let mut reached = Instant::now();
        loop {
            match self.remote.get(&format!("/v2/images/{image}")).await {
                Ok(answer) => {
                    reached = Instant::now();
                    let record = json_of(&answer, StatusCode::OK)?;
                    match record["status"].as_str() {
                        Some("importing" | "saving") => sleep(ASK).await,
                        _ => return Ok(record),
                    }
                }
                Err(fault @ (Fault::Away(_) | Fault::Failed(_))) => {
                    anyhow::ensure!(
                        reached.elapsed() < LONGEST_WAIT,
                        "{fault}; all of the file is sent, and image {image} may become active without this command"
                    );
                    (self.tell)(Told::Waits(fault.to_string()));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// Deletes the image that does not become the file; the reason, with what became of the image.
    async fn discarded(&self, image: &str, why: &str) -> anyhow::Error {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = Method::DELETE;
        let deleted = self.remote.send(&format!("/v2/images/{image}"), &request).await;
        match deleted.is_ok_and(|answer| answer.status.is_success()) {
            true => anyhow::anyhow!("{why} (image {image}, made for it, is deleted again)"),
            false => anyhow::anyhow!("{why} (image {image}, made for it, is left: delete it)"),
        }
    }
}

fn offset_of(answer: &Reply) -> Result<u64, Fault> {
    let offset = text(&answer.headers, OFFSET).and_then(|digits| digits.parse().ok());
    let said =
        || format!("the service answers {}: {}", answer.status, words(&answer.body)).trim_end_matches(": ").to_owned();
    match (answer.status, offset) {
        (status, Some(offset)) if status.is_success() => Ok(offset),
        // Its own status for a part that begins elsewhere, and those of a service that cannot now.
        (StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
            Err(Fault::Failed(said()))
        }
        (status, _) if status.is_server_error() => Err(Fault::Failed(said())),
        (StatusCode::NOT_FOUND, _) => {
            let why = "the service has given the upload up, or its image is deleted: the same command begins another";
            Err(Fault::Refused(why.into()))
        }
        _ => Err(Fault::Refused(said())),
    }
}

fn tus(method: Method, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    request.headers_mut().insert("tus-resumable", HeaderValue::from_static("1.0.0"));
    request
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The JSON of a good answer.
fn json_of(answer: &Reply, status: StatusCode) -> anyhow::Result<Value> {
    anyhow::ensure!(answer.status == status, "the service answers {}: {}", answer.status, words(&answer.body));
    serde_json::from_slice(&answer.body).context("the service's answer is not JSON")
}

/// A file's name without what it ends with: `debian` of `debian.qcow2.xz`.
fn name_of(file: &str) -> String {
    let ends = [".gz", ".xz", ".zst", ".bz2"];
    let bare = ends.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    match bare.rsplit_once('.') {
        Some((name, end)) if !name.is_empty() && end.len() <= 5 => name.to_owned(),
        _ => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_the_files_without_its_endings() {
        for (file, name) in [
            ("debian.qcow2.xz", "debian"),
            ("disk.raw", "disk"),
            ("disk", "disk"),
            (".raw", ".raw"),
            ("v1.2-final-image", "v1.2-final-image"),
        ] {
            assert_eq!(name_of(file), name, "{file}");
        }
    }

    #[test]
    fn record_is_known_again_by_every_field_that_was_asked_for() {
        let wanted =
            json!({"name": "a", "disk_format": "raw", "container_format": "compressed", "tags": ["x", "y"], "k": "v"});
        let mut shown = wanted.clone();
        (shown["tags"], shown["container_format"]) = (json!(["y", "x"]), json!("bare"));
        shown["os_type"] = json!("linux");
        assert!(is_as(&shown, &wanted), "in another order, unpacked, with what the service has found");
        for (name, other) in [("tags", json!(["x"])), ("disk_format", json!("qcow2")), ("k", json!("w"))] {
            let mut shown = shown.clone();
            shown[name] = other;
            assert!(!is_as(&shown, &wanted), "{name}");
        }
    }

    #[tokio::test]
    async fn source_tells_its_digest_its_format_and_whether_it_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.raw");
        std::fs::write(&path, b"hello world").unwrap();
        let source = Source::open(&path).unwrap();
        let whole = openssl::hash::hash(MessageDigest::sha512(), b"hello world").unwrap();
        assert_eq!(source.sha512(&|_| ()).await.unwrap(), hex(&whole));
        assert_eq!(source.disk_format().unwrap(), "raw");
        assert_eq!(&source.read(6, 100).await.unwrap()[..], b"world");
        std::fs::write(&path, b"hello wor").unwrap();
        assert!(source.check_unchanged().is_err() && source.read(6, 100).await.is_err());
        assert!(Source::open(folder.path()).is_err());
    }
}
