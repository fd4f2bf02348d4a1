//! The sparse extent's header, and the footer that a stream ends with.

use std::ops::Range;

use crate::fields::le::{u16_at, u32_at, u64_at};
use crate::{ReadAt, Rejection, Rule};

use super::{TABLE_ENTRIES, ZERO_GRAIN};

pub(super) const SECTOR_BYTES: u64 = 512;

/// `flags`.
const HAS_NEWLINES: u32 = 1;
const HAS_ZERO_GRAINS: u32 = 1 << 2;
const IS_COMPRESSED: u32 = 1 << 16;
const HAS_MARKERS: u32 = 1 << 17;
const DEFLATE: u16 = 1;
/// Bytes that do not survive a transfer as text.
const NEWLINES: &[u8] = b"\n \r\n";

const DIRECTORY_AT: usize = 56;
/// "The directory's place is in the footer."
const AT_END: u64 = u64::MAX;
/// A marker, the footer, and the marker of the end.
const FOOTER_BYTES: u64 = 3 * SECTOR_BYTES;
const FOOTER_MARKER: u32 = 3;

/// VMware's smallest grain; the largest is as large as a qcow2 cluster may be, for grains are inflated in memory.
const GRAIN_BYTES: std::ops::RangeInclusive<u64> = 4096..=2 << 20;
/// QEMU reads a megabyte less a byte.
const MAX_DESCRIPTOR_SECTORS: u64 = 2047;

/// A header that breaks no rule by itself.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub virtual_size_bytes: u64,
    pub grain_bytes: u64,
    /// Where the text is.
    pub descriptor: Range<u64>,
    pub directory_offset: u64,
    /// Where the directory's place is stated.
    pub directory_at: u64,
    pub compressed: bool,
    has_zero_grains: bool,
}

impl Header {
    /// Judges the header and, where there is one, the footer.
    pub(super) fn read(bytes: &dyn ReadAt, head: &[u8]) -> Result<Self, Rejection> {
        if (head.len() as u64) < SECTOR_BYTES {
            return Err(Rejection::truncated(head.len() as u64, "the VMDK header is cut off"));
        }
        if !(1..=3).contains(&u32_at(head, 4)) {
            return Err(Rejection::new(Rule::UnsupportedFeature, 4, "this version of VMDK is not known here"));
        }
        let flags = u32_at(head, 8);
        let compressed = compression(head, flags)?;
        if flags & HAS_NEWLINES != 0 && &head[73..77] != NEWLINES {
            return Err(Rejection::corrupt(73, "the file was changed by a transfer as text"));
        }
        if head[72] != 0 {
            return Err(Rejection::corrupt(72, "the file was not closed cleanly")
                .with_remedy("Repair it (vmware-vdiskmanager -R FILE), or close the machine that uses it."));
        }
        let descriptor = descriptor(head)?;
        let virtual_size_bytes = virtual_size_bytes(head)?;
        let grain_bytes = u64_at(head, 20).saturating_mul(SECTOR_BYTES);
        if !grain_bytes.is_power_of_two() || !GRAIN_BYTES.contains(&grain_bytes) {
            return Err(Rejection::corrupt(20, "the size of grains is impossible"));
        }
        if u64::from(u32_at(head, 44)) != TABLE_ENTRIES {
            return Err(Rejection::corrupt(44, "grain tables have other than 512 entries"));
        }
        if u64_at(head, 64).checked_mul(SECTOR_BYTES).is_none_or(|end| end > bytes.size_bytes()) {
            return Err(Rejection::truncated(64, "the file ends before its first grain"));
        }
        let (directory_at, directory) = match u64_at(head, DIRECTORY_AT) {
            AT_END if !compressed => {
                return Err(Rejection::corrupt(DIRECTORY_AT as u64, "only a stream has its directory at its end"));
            }
            AT_END => directory_of_footer(bytes, head)?,
            sector => (DIRECTORY_AT as u64, sector),
        };
        Ok(Self {
            virtual_size_bytes,
            grain_bytes,
            descriptor,
            directory_offset: directory.saturating_mul(SECTOR_BYTES),
            directory_at,
            compressed,
            has_zero_grains: flags & HAS_ZERO_GRAINS != 0,
        })
    }

    /// Whether a grain table's entry names a grain in the file.
    pub(super) fn is_there(&self, sector: u32) -> bool {
        sector != 0 && !(self.has_zero_grains && sector == ZERO_GRAIN)
    }

    pub(super) fn outside(&self, at: u64, what: &str, offset: u64) -> Rejection {
        Rejection::outside(at, what, offset, self.virtual_size_bytes)
    }
}

/// Whether grains are compressed; the three places that say so must agree.
fn compression(head: &[u8], flags: u32) -> Result<bool, Rejection> {
    match (u16_at(head, 77), flags & IS_COMPRESSED != 0, flags & HAS_MARKERS != 0) {
        (0, false, false) => Ok(false),
        (DEFLATE, true, true) => Ok(true),
        (DEFLATE, true, false) => {
            Err(Rejection::new(Rule::UnsupportedFeature, 8, "compressed grains without markers are not known here"))
        }
        (0 | DEFLATE, ..) => Err(Rejection::corrupt(77, "the compression contradicts the flags")),
        (other, ..) => {
            Err(Rejection::new(Rule::UnsupportedFeature, 77, format!("the compression {other} is not known")))
        }
    }
}

fn descriptor(head: &[u8]) -> Result<Range<u64>, Rejection> {
    let (sector, sectors) = (u64_at(head, 28), u64_at(head, 36));
    if sector == 0 {
        // The file is a part of a disk in several files: the descriptor lies in another one.
        return Err(Rejection::new(Rule::ExternalReference, 28, "the file is one of several that are a disk")
            .with_remedy(super::descriptor::REMEDY));
    }
    if sector != 1 || !(1..=MAX_DESCRIPTOR_SECTORS).contains(&sectors) {
        return Err(Rejection::corrupt(28, "the descriptor is not where it can be"));
    }
    Ok(SECTOR_BYTES..SECTOR_BYTES * (1 + sectors))
}

fn virtual_size_bytes(head: &[u8]) -> Result<u64, Rejection> {
    match u64_at(head, 12) {
        // QEMU takes such a header for a wrapping of the descriptor and opens what that names.
        0 => Err(Rejection::new(Rule::ExternalReference, 12, "the disk is in the files that the descriptor names")
            .with_remedy(super::descriptor::REMEDY)),
        sectors => {
            sectors.checked_mul(SECTOR_BYTES).ok_or_else(|| Rejection::corrupt(12, "the disk's size is impossible"))
        }
    }
}

/// Where the directory is by the footer, which is the header again in every other field.
fn directory_of_footer(bytes: &dyn ReadAt, head: &[u8]) -> Result<(u64, u64), Rejection> {
    let file_bytes = bytes.size_bytes();
    let at = file_bytes.checked_sub(FOOTER_BYTES).filter(|_| file_bytes.is_multiple_of(SECTOR_BYTES));
    let Some(at) = at else {
        return Err(Rejection::truncated(file_bytes, "the footer is cut off"));
    };
    let mut end = [0; FOOTER_BYTES as usize];
    bytes.read_exact_at(&mut end, at).map_err(|error| Rejection::unread(at, &error))?;
    let (marker, rest) = end.split_at(SECTOR_BYTES as usize);
    let (footer, last) = rest.split_at(SECTOR_BYTES as usize);
    let footer_at = at + SECTOR_BYTES;
    let is_marker = u32_at(marker, 8) == 0 && u32_at(marker, 12) == FOOTER_MARKER;
    if !is_marker || marker[16..].iter().any(|byte| *byte != 0) || last.iter().any(|byte| *byte != 0) {
        return Err(Rejection::truncated(at, "the file does not end with a footer"));
    }
    if footer[..DIRECTORY_AT] != head[..DIRECTORY_AT] || footer[DIRECTORY_AT + 8..] != head[DIRECTORY_AT + 8..] {
        return Err(Rejection::corrupt(footer_at, "the footer and the header differ"));
    }
    match u64_at(footer, DIRECTORY_AT) {
        AT_END => Err(Rejection::corrupt(footer_at + DIRECTORY_AT as u64, "the footer names another footer")),
        sector => Ok((footer_at + DIRECTORY_AT as u64, sector)),
    }
}
