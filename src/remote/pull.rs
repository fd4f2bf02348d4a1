//! The file of an image, fetched to this machine.
//!
//! ```text
//! image ─► part file beside the target ─► the rest is fetched ─► its digest is the image's ─► synced ─► the target
//! ```
//!
//! The part file is named by the image, whose bytes never change: a run that was killed goes on with the next. The target
//! appears only when it is whole and compared.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{StatusCode, body::Incoming};
use openssl::hash::{Hasher, MessageDigest};
use rustix::{
    fs::{CWD, OFlags, RenameFlags, renameat_with, statvfs},
    io::Errno,
};
use serde_json::Value;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{
    ASK, FIRST_PAUSE, Fault, LONGEST_PAUSE, LONGEST_WAIT, PATIENCE, PIECE_BYTES, Remote, Tell, Told, hex, words,
};
use crate::ids::ImageId;

/// How often those who watch are told.
const TELL_INTERVAL: Duration = Duration::from_millis(200);
/// Images of one name that are looked at.
const MOST_OF_A_NAME: usize = 20;
/// Letters of the target's name in that of its part file, which has the image's id too: file systems take 255 bytes.
const MOST_LETTERS: usize = 50;

/// The image to fetch, and the file that it becomes.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Its id, or its name.
    pub image: String,
    pub target: PathBuf,
    /// Whether a file that is there is replaced.
    pub replaces: bool,
}

/// The bytes that are there, and their digest.
struct Part {
    path: PathBuf,
    file: File,
    kind: MessageDigest,
    hasher: Hasher,
    len: u64,
}

/// Fetches the file of an image; its id.
///
/// # Errors
/// There is no such image, or more than one of the name; something is at the target, or it cannot be written; the service is away
/// or refuses, or has no digest; the file that comes is not the image's. The error says what to do.
pub async fn pull(remote: &Remote, wanted: &Pull, tell: Tell<'_>) -> anyhow::Result<String> {
    wanted.check_target()?;
    let record = find(remote, &wanted.image).await?;
    let id: ImageId =
        record["id"].as_str().unwrap_or_default().parse().context("the service's answer names no image")?;
    let size_bytes = record["size"].as_u64().context("the service's answer tells no size")?;
    let kind = digest(&record).map_or_else(MessageDigest::sha512, |(kind, _)| kind);

    let target = wanted.target.clone();
    let mut part = tokio::task::spawn_blocking(move || Part::open(&target, id, kind)).await??;
    let had = part.len;
    if had > 0 {
        tell(Told::GoesOn(had));
    }
    part.check_room(size_bytes)?;
    fetch(remote, id, &mut part, size_bytes, tell).await?;
    let expected = expected(remote, id, record, &part, tell).await?;
    let mut found = part.found()?;
    if found != expected && had > 0 {
        // A machine that lost its power may have kept less of a file than its length.
        tell(Told::Anew);
        part.clear()?;
        fetch(remote, id, &mut part, size_bytes, tell).await?;
        found = part.found()?;
    }
    if found != expected {
        std::fs::remove_file(&part.path).context("cannot remove the wrong file")?;
        anyhow::bail!(
            "the bytes that came are not those of image {id}: their digest is {found}, and its own {expected}; nothing is \
             kept. Fetch it again, and if that ends so too, tell the service's operator"
        );
    }
    let wanted = wanted.clone();
    tokio::task::spawn_blocking(move || part.become_target(&wanted)).await??;
    Ok(id.to_string())
}

impl Pull {
    fn check_target(&self) -> anyhow::Result<()> {
        let target = self.target.display();
        match std::fs::symlink_metadata(&self.target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot write {target}")),
            Ok(found) if found.is_dir() => anyhow::bail!("{target} is a folder: name a file in it"),
            Ok(found) if !found.is_file() => anyhow::bail!("{target} is not a plain file: name another"),
            Ok(_) if self.replaces => Ok(()),
            Ok(_) => anyhow::bail!("{target} is there already: --force replaces it"),
        }
    }
}

/// The image of this id, or the one of this name.
async fn find(remote: &Remote, image: &str) -> anyhow::Result<Value> {
    if image.parse::<ImageId>().is_ok() {
        let answer = remote.get(&format!("/v2/images/{image}")).await?;
        // It may be a name that looks like an id.
        if answer.status != StatusCode::NOT_FOUND {
            anyhow::ensure!(
                answer.status == StatusCode::OK,
                "the service answers {}: {}",
                answer.status,
                words(&answer.body)
            );
            return with_file(serde_json::from_slice(&answer.body).context("the service's answer is not JSON")?);
        }
    }
    let name = percent_encoding::utf8_percent_encode(image, percent_encoding::NON_ALPHANUMERIC);
    let answer = remote.get(&format!("/v2/images?name={name}&limit={MOST_OF_A_NAME}")).await?;
    anyhow::ensure!(answer.status == StatusCode::OK, "the service answers {}: {}", answer.status, words(&answer.body));
    let mut list: Value = serde_json::from_slice(&answer.body).context("the service's answer is not JSON")?;
    let mut found = list["images"].as_array_mut().map(std::mem::take).unwrap_or_default();
    // The filter has a grammar of its own, and a name may look like it.
    found.retain(|one| one["name"] == image);
    match found.as_mut_slice() {
        [] => {
            anyhow::bail!("there is no image '{image}' that you see: 'openstack image list' shows those that there are")
        }
        [only] => with_file(only.take()),
        several => {
            let word = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
            let line =
                |one: &Value| format!("\n  {}  {}  {}", word(one, "id"), word(one, "created_at"), word(one, "status"));
            let lines: String = several.iter().map(line).collect();
            anyhow::bail!("there are several images '{image}': name the one that you mean by its id{lines}")
        }
    }
}

/// An image that has a file. Only some may fetch that of a deactivated one, and the service knows who.
fn with_file(record: Value) -> anyhow::Result<Value> {
    let (id, status) = (record["id"].as_str().unwrap_or_default(), record["status"].as_str().unwrap_or_default());
    anyhow::ensure!(
        matches!(status, "active" | "deactivated"),
        "image {id} is {status} and has no file yet: fetch it when it is active"
    );
    Ok(record)
}

/// The digest of an image, by which algorithm, as its record tells.
fn digest(record: &Value) -> Option<(MessageDigest, String)> {
    let text = |name: &str| record[name].as_str().filter(|text| !text.is_empty()).map(str::to_ascii_lowercase);
    let strong =
        text("os_hash_algo").and_then(|algorithm| MessageDigest::from_name(&algorithm)).zip(text("os_hash_value"));
    strong.or_else(|| Some((MessageDigest::md5(), text("checksum")?)))
}

/// The digest that the part must have. That of a new capture is computed by the service a while after it is active.
async fn expected(
    remote: &Remote,
    id: ImageId,
    mut record: Value,
    part: &Part,
    tell: Tell<'_>,
) -> anyhow::Result<String> {
    let began = Instant::now();
    loop {
        if let Some((kind, digest)) = digest(&record) {
            anyhow::ensure!(kind == part.kind, "image {id} has a digest of another kind now: the same command goes on");
            return Ok(digest);
        }
        anyhow::ensure!(
            began.elapsed() < LONGEST_WAIT,
            "the service tells no digest of image {id}, so nobody knows whether what came is whole: it is kept in {}, and the \
             same command compares it once there is a digest",
            part.path.display()
        );
        tell(Told::Waits("the service is still computing the digest".into()));
        sleep(ASK).await;
        let answer = remote.get(&format!("/v2/images/{id}")).await?;
        anyhow::ensure!(
            answer.status == StatusCode::OK,
            "the service answers {}: {}",
            answer.status,
            words(&answer.body)
        );
        record = serde_json::from_slice(&answer.body).context("the service's answer is not JSON")?;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // There is nothing to go on with, and the name would only be in the way.
        if self.len == 0 {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Part {
    /// Opens the part file of an image beside the target, and hashes what is in it.
    fn open(target: &Path, id: ImageId, kind: MessageDigest) -> anyhow::Result<Part> {
        let name = target.file_name().with_context(|| format!("{} is not the name of a file", target.display()))?;
        let name: String = name.to_string_lossy().chars().take(MOST_LETTERS).collect();
        let path = target.with_file_name(format!("{name}.{id}.part"));
        let unwritable = || format!("cannot write {}", path.display());
        // Nobody else's link is followed: the folder may be one that all may write to.
        let no_link = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(no_link);
        let mut file = options.open(&path).with_context(unwritable)?;
        let taken = || format!("another command fetches this image to {}: wait for it", target.display());
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!(taken()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(unwritable),
        }
        // The other may have just renamed it.
        let (here, there) = (file.metadata().with_context(unwritable)?, std::fs::symlink_metadata(&path));
        let is_it = there.is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino()));
        anyhow::ensure!(is_it && here.is_file(), taken());
        let mut hasher = Hasher::new(kind)?;
        let (mut piece, mut len) = (vec![0; PIECE_BYTES], 0);
        loop {
            match file.read(&mut piece).with_context(|| format!("cannot read {}", path.display()))? {
                0 => break,
                more => {
                    hasher.update(&piece[..more])?;
                    len += more as u64;
                }
            }
        }
        Ok(Part { path, file, kind, hasher, len })
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn check_room(&self, size_bytes: u64) -> anyhow::Result<()> {
        let missing = size_bytes.saturating_sub(self.len);
        let Ok(room) = statvfs(self.folder()) else { return Ok(()) };
        let free = room.f_bavail.saturating_mul(room.f_frsize);
        anyhow::ensure!(
            missing <= free,
            "{missing} bytes are to come, and there is room for {free} in {}: make room, or name a file elsewhere",
            self.folder().display()
        );
        Ok(())
    }

    fn take(&mut self, bytes: &Bytes) -> anyhow::Result<()> {
        self.file.write_all(bytes).with_context(|| format!("{}; the same command goes on", self.unwritable()))?;
        self.hasher.update(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew: what came is not of this image, or the service gives only the whole.
    fn clear(&mut self) -> anyhow::Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).with_context(|| self.unwritable())?;
        (self.hasher, self.len) = (Hasher::new(self.kind)?, 0);
        Ok(())
    }

    fn found(&self) -> anyhow::Result<String> {
        Ok(hex(&self.hasher.clone().finish()?))
    }

    /// Gives it the target's name, for good.
    fn become_target(self, wanted: &Pull) -> anyhow::Result<()> {
        self.file.sync_all().with_context(|| self.unwritable())?;
        wanted.check_target()?;
        let target = &wanted.target;
        let renamed = match wanted.replaces {
            true => std::fs::rename(&self.path, target),
            // Somebody may have made one since it was looked for.
            false => match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
                // A file system that cannot do this at once.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::rename(&self.path, target),
                renamed => renamed.map_err(io::Error::from),
            },
        };
        renamed
            .with_context(|| format!("cannot write {}; the file is in {}", target.display(), self.path.display()))?;
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot sync {}", target.display()))
    }

    fn unwritable(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

/// Fetches the rest of a file. One that breaks off is asked for again.
async fn fetch(remote: &Remote, id: ImageId, part: &mut Part, size_bytes: u64, tell: Tell<'_>) -> anyhow::Result<()> {
    let (mut moved, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        if part.len > size_bytes {
            part.clear()?;
        }
        tell(Told::Came(part.len, size_bytes));
        if part.len == size_bytes {
            return Ok(());
        }
        let had = part.len;
        let why = match remote.file(id, had).await {
            Err(fault @ (Fault::Refused(_) | Fault::Denied(_))) => return Err(fault.into()),
            Err(fault) => fault.to_string(),
            Ok((from, body)) => {
                if from != part.len {
                    part.clear()?;
                }
                append(part, body, size_bytes, tell).await?
            }
        };
        if part.len == size_bytes {
            continue;
        }
        if part.len > had {
            (moved, pause) = (Instant::now(), FIRST_PAUSE);
        }
        anyhow::ensure!(moved.elapsed() < LONGEST_WAIT, "{why}; the same command goes on");
        tell(Told::Waits(why));
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Appends what comes; why it ended.
async fn append(part: &mut Part, mut body: Incoming, size_bytes: u64, tell: Tell<'_>) -> anyhow::Result<String> {
    let mut told = Instant::now();
    loop {
        let bytes = match timeout(PATIENCE, body.frame()).await {
            Ok(None) => return Ok("the file is shorter than the image's record says".into()),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => bytes,
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => return Ok(format!("the file breaks off: {error}")),
            Err(_) => return Ok("nothing of the file comes".into()),
        };
        anyhow::ensure!(
            bytes.len() as u64 <= size_bytes - part.len,
            "more comes than the {size_bytes} bytes of the image's record: is this address the image service's?"
        );
        part.take(&bytes)?;
        if told.elapsed() >= TELL_INTERVAL {
            told = Instant::now();
            tell(Told::Came(part.len, size_bytes));
        }
    }
}
