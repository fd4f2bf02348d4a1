//! The Sysprep gate: an image is made of Windows only when Windows is generalised.
//!
//! A disk with no Windows in it passes at once; one of which it cannot be told is refused like *not generalised*, in words
//! of its own. The owner can override both with a reason, which the image then carries.

use std::collections::BTreeMap;

use guest::{Report, WindowsState};

use crate::config::Rule;

/// The property with the owner's reason to make an image of Windows that is not generalised, or may not be.
pub const REASON: &str = "effigy_sysprep_reason";
/// The property that says what was wrong, where that is only warned of.
pub const WARNING: &str = "effigy_sysprep_warning";
/// Properties' values are a text; a sentence is enough.
const MAX_WARNING_CHARS: usize = 500;

/// Lets an image be made of a disk that was looked into; with a warning for the image to carry, if there is one.
///
/// # Errors
/// The finding, and what to do.
pub fn judge(
    rule: Rule,
    look: Result<Report, String>,
    properties: &BTreeMap<String, String>,
) -> Result<Option<String>, String> {
    let Some(concern) = concern(look) else { return Ok(None) };
    if properties.get(REASON).is_some_and(|reason| !reason.trim().is_empty()) {
        tracing::warn!("an image is made for the reason that its owner gave, despite this: {concern}");
        return Ok(None);
    }
    match rule {
        Rule::Warn => Ok(Some(concern.chars().take(MAX_WARNING_CHARS).collect())),
        Rule::Refuse => {
            Err(format!("{concern} To make the image all the same, give a reason in the image's property {REASON}."))
        }
    }
}

/// The reason not to copy the disk, and the remedy.
fn concern(look: Result<Report, String>) -> Option<String> {
    let unknown =
        |why: String| format!("It is not known whether this disk holds Windows that is not generalised: {why}.");
    let report = match look {
        Ok(report) => report,
        Err(why) => return Some(unknown(why)),
    };
    let Some(windows) = report.windows else { return report.incomplete.map(unknown) };
    match windows.state {
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
    }
}
