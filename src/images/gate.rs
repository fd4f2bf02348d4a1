//! From an accepted file to its disk: what every road into an image passes before its row does.

use super::Image;
use crate::error::{Error, Result};

/// Judges the stored file by the format it was declared to be in, and finds or makes its disk.
///
/// # Errors
/// `Refused` with the rule that the content breaks.
pub(super) async fn disk_of(
    _store: &chunks::Store,
    _session: &chunks::Session,
    image: &Image,
    file: chunks::Content,
    _max_disk_bytes: u64,
) -> Result<chunks::Content> {
    match image.disk_format.as_deref() {
        Some("raw") => Ok(file),
        _ => Err(Error::Refused { rule: "unsupported_feature", message: "This format is not accepted yet.".into() }),
    }
}
