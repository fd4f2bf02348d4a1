//! The Sysprep gate: an instance with Windows inside is captured only when Windows is generalised.
//!
//! Between the order to capture and the image's record: the disk is at rest and stays so, and nothing is written yet.
//! A disk with no Windows in it passes at once; what cannot be told is refused like *not generalised*, in its own
//! words. The owner can override both with a reason, which the image then carries.

use std::collections::BTreeMap;

use guest::{Scope, WindowsState};

use super::room::Room;
use crate::{
    config::Rule,
    error::{Error, Result},
    model::instance::InstanceRow,
};

/// The property with the owner's reason to capture Windows that is not generalised, or may not be.
const REASON: &str = "effigy_sysprep_reason";
/// The property that says what was wrong, where that is only warned of.
pub(super) const WARNING: &str = "effigy_sysprep_warning";
/// Properties' values are a text; a sentence is enough.
const MAX_WARNING_CHARS: usize = 500;

/// Lets the capture of an instance's disk go on; with a warning for the image to carry, if there is one.
///
/// # Errors
/// `Conflict` with what was found and what to do.
pub(super) async fn gate(
    room: &Room,
    row: &InstanceRow,
    metadata: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    let Some(concern) = concern(room, row).await? else { return Ok(None) };
    if metadata.get(REASON).is_some_and(|reason| !reason.trim().is_empty()) {
        tracing::warn!(instance.id = %row.id, "instance {} is captured for the reason its owner gave, despite this: {concern}", row.id);
        return Ok(None);
    }
    if room.images.inspector().settings().windows == Rule::Warn {
        return Ok(Some(concern.chars().take(MAX_WARNING_CHARS).collect()));
    }
    Err(Error::Conflict(format!(
        "{concern} To make the image all the same, give a reason in the image's property {REASON}."
    )))
}

/// The reason not to copy the disk, and the remedy.
async fn concern(room: &Room, row: &InstanceRow) -> Result<Option<String>> {
    let overlay = room.disk_of(row.id)?;
    let base = room.images.stores().reader(std::slice::from_ref(&row.make.base_store), &row.make.base_root).await?;
    let inspector = room.images.inspector();
    let report = match inspector.look_at_changes(overlay, base, row.make.disk_bytes, Scope::Windows).await? {
        Ok(report) => report,
        Err(why) => {
            return Ok(Some(format!(
                "It is not known whether this disk holds Windows that is not generalised: {why}."
            )));
        }
    };
    if let (None, Some(why)) = (&report.windows, &report.incomplete) {
        return Ok(Some(format!("It is not known whether this disk holds Windows that is not generalised: {why}.")));
    }
    Ok(report.windows.and_then(|windows| match windows.state {
        WindowsState::Generalized => None,
        WindowsState::NotGeneralized => Some(format!(
            "Windows on this instance is not generalised: {} Start the instance, run 'sysprep /generalize /oobe \
             /shutdown' in it, and make the image when it has stopped.",
            windows.found
        )),
        WindowsState::Unknown => Some(format!(
            "It is not known whether Windows on this instance is generalised: {} Start the instance, correct that, run \
             'sysprep /generalize /oobe /shutdown' in it, and make the image when it has stopped.",
            windows.found
        )),
    }))
}
