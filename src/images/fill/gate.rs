//! From a stored file to its disk: every file that comes from outside is judged here before its image is active.

use disks::Limits;

use super::super::Image;
use crate::{error::Result, inspect::formats, stores::Session};

/// Judges the stored file by the format it was declared to be in, and finds or makes its disk.
///
/// # Errors
/// `Refused` with the rule that the content breaks.
pub(super) async fn disk_of(
    session: &Session,
    image: &Image,
    file: chunks::Content,
    max_disk_bytes: u64,
) -> Result<chunks::Content> {
    let declared = image.disk_format.as_deref().unwrap_or_default();
    let reader = session.store.chunks.reader(file.root).await?;
    let checked = formats::judge(&reader, declared, Limits { virtual_size_bytes: max_disk_bytes }).await?;
    for note in &checked.notes {
        tracing::info!(image.id = %image.id, "image {}: {note}", image.id);
    }
    Ok(formats::disk_of(&session.chunks, &reader, checked.format).await?.unwrap_or(file))
}
