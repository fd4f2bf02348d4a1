//! The format gate: which files are accepted, and the disk in those that are.

use chunks::{Content, Reader, Session};
use disks::{Checked, Format, Limits, Rejection, Rule};
use tokio_util::sync::CancellationToken;

use super::{bytes::ContentBytes, disk};
use crate::error::{Error, Result};

/// Rises when a rule becomes stricter: what an older version accepted is judged again
/// before it boots, and verified again.
pub const CHECKER_VERSION: i64 = 3;

/// Disks are counted in sectors.
const SECTOR_BYTES: u64 = 512;

/// Judges a file by the format declared for it.
///
/// # Errors
/// `Refused` with the rule that the file breaks, `Invalid` for a word that is not a format, `Unavailable` when the
/// store cannot be read now: no verdict then.
pub async fn judge(file: &Reader, declared: &str, limits: Limits) -> Result<Checked> {
    let declared: Format = declared.parse().map_err(|unknown| Error::Invalid(format!("{unknown}")))?;
    let bytes = ContentBytes::new(file.clone());
    tokio::task::spawn_blocking(move || disks::check(declared, &bytes, &limits))
        .await
        .map_err(Error::internal)?
        .map_err(refused)
}

/// Whether files of this declared format are taken at all: asked before the bytes come.
pub fn is_accepted(declared: &str) -> bool {
    declared.parse().is_ok_and(Format::is_accepted)
}

/// Makes the disk of a file that [`judge`] accepted: `None` when the file is its own disk.
///
/// The whole chunks of the file are shared with its disk; the rest is read, inflated and saved, a piece at a time.
/// The bytes are those of `qemu-img convert -O raw`, in whole sectors.
///
/// # Errors
/// `Refused` when compressed data is damaged (the judge does not inflate), `Unavailable` when the store cannot be read
/// or written now.
pub async fn disk_of(session: &Session, file: &Reader, format: Format) -> Result<Option<Content>> {
    match format {
        Format::Raw | Format::Iso if file.size_bytes().is_multiple_of(SECTOR_BYTES) => Ok(None),
        Format::Raw | Format::Iso => {
            let size_bytes = file.size_bytes().next_multiple_of(SECTOR_BYTES);
            let patch = session.patch(Some(file.root()), size_bytes).await?;
            Ok(Some(patch.finish().await?))
        }
        format => {
            let patch = session.patch(None, disk::size_bytes(file, format).await?).await?;
            let bytes = ContentBytes::new(file.clone());
            // Ends the work on the blocking thread when this future is dropped.
            let stop = CancellationToken::new();
            let _stop_on_drop = stop.clone().drop_guard();
            let work = tokio::task::spawn_blocking(move || disk::of_file(&bytes, format, patch, &stop));
            work.await.map_err(Error::internal)?.map(Some)
        }
    }
}

/// The refusal as an error: `Refused` with the rule's word, or `Unavailable` where the bytes cannot be read now.
pub(crate) fn refused(rejection: Rejection) -> Error {
    let Rejection { rule, offset, message, remedy } = rejection;
    if rule == Rule::Unreadable {
        return Error::Unavailable(format!("The image cannot be judged now: {message}."));
    }
    let place = offset.map(|offset| format!(" (at byte {offset})")).unwrap_or_default();
    Error::Refused { rule: rule.word(), message: format!("The image is refused: {message}{place}. {remedy}") }
}

#[cfg(test)]
mod tests;
