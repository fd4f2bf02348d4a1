//! The two headers: which of them holds, and whether its log is empty.

use crate::fields::le::{u16_at, u32_at, u64_at};
use crate::{ReadAt, Rejection, Rule};

use super::regions::Region;
use super::{MEGABYTE, sum};

const PLACES: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_BYTES: usize = 4096;

/// The place of the log of the header that holds; the log is empty.
///
/// # Errors
/// `corrupt` when no header holds, or when its log has entries.
pub(super) fn log_of(bytes: &dyn ReadAt) -> Result<Region, Rejection> {
    let mut holds: Option<(u64, Vec<u8>)> = None;
    for at in PLACES {
        let mut header = vec![0; HEADER_BYTES];
        bytes.read_exact_at(&mut header, at).map_err(|error| Rejection::unread(at, &error))?;
        if !header.starts_with(b"head") || !sum::is_right(&header) {
            continue;
        }
        holds = match holds {
            Some((_, first)) if u64_at(&first, 8) == u64_at(&header, 8) && first != header => {
                return Err(Rejection::corrupt(at + 8, "both headers claim to be the newer one"));
            }
            Some((first_at, first)) if u64_at(&first, 8) >= u64_at(&header, 8) => Some((first_at, first)),
            _ => Some((at, header)),
        };
    }
    let Some((at, header)) = holds else {
        return Err(Rejection::corrupt(PLACES[0], "neither header has a right checksum"));
    };
    if u16_at(&header, 66) != 1 || u16_at(&header, 64) != 0 {
        return Err(Rejection::new(Rule::UnsupportedFeature, at + 64, "this version of VHDX is not known here"));
    }
    if header[48..64].iter().any(|byte| *byte != 0) {
        return Err(Rejection::corrupt(at + 48, "the file was not closed cleanly: its log has entries").with_remedy(
            "Attach and detach it once (Mount-VHD), or qemu-img check -r all FILE, and upload it again.",
        ));
    }
    let (len, offset) = (u64::from(u32_at(&header, 68)), u64_at(&header, 72));
    if !len.is_multiple_of(MEGABYTE) || !offset.is_multiple_of(MEGABYTE) {
        return Err(Rejection::corrupt(at + 68, "the log is not aligned"));
    }
    Ok(Region { at: at + 68, offset, len })
}
