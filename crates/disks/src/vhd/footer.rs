//! The footer: 512 bytes that say what the file is.

use crate::fields::be::{u16_at, u32_at, u64_at};
use crate::{Rejection, Rule};

pub(super) const COOKIE: &[u8] = b"conectix";
pub(super) const FOOTER_BYTES: u64 = 512;
const VERSION_1_0: u32 = 0x0001_0000;
const SECTOR_BYTES: u64 = 512;
const CHECKSUM_AT: usize = 64;
/// The largest geometry that the specification's algorithm gives: disks that reach it are larger.
const MAX_GEOMETRY_SECTORS: u64 = 65_535 * 16 * 255;
/// Programs whose files have the size that is stated as a number; all others are read by their geometry
/// (QEMU: `block/vpc.c`, "Known creator apps"; Azure's is there since version 10).
const SIZE_IS_A_NUMBER: [&[u8; 4]; 6] = [b"win ", b"qem2", b"d2v ", b"CTXS", b"tap\0", b"wa\0\0"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Fixed,
    Dynamic,
}

/// A footer that breaks no rule by itself.
#[derive(Debug)]
pub(super) struct Footer {
    pub kind: Type,
    pub virtual_size_bytes: u64,
    /// Where a dynamic disk's header is.
    pub header_offset: u64,
}

impl Footer {
    /// Judges the footer, which lies at `at`.
    pub(super) fn read(footer: &[u8], at: u64) -> Result<Self, Rejection> {
        check_sum(footer, CHECKSUM_AT, at, "the footer")?;
        if u32_at(footer, 12) != VERSION_1_0 {
            return Err(Rejection::new(Rule::UnsupportedFeature, at + 12, "only version 1.0 of VHD is known here"));
        }
        let kind = match u32_at(footer, 60) {
            2 => Type::Fixed,
            3 => Type::Dynamic,
            4 => {
                return Err(Rejection::new(Rule::ExternalReference, at + 60, "the file holds changes to another file")
                    .with_remedy("Merge it into its parent, or convert both: qemu-img convert -O qcow2 OLD NEW."));
            }
            other => {
                let message = format!("the disk type {other} is not known");
                return Err(Rejection::new(Rule::UnsupportedFeature, at + 60, message));
            }
        };
        let virtual_size_bytes = u64_at(footer, 48);
        if !virtual_size_bytes.is_multiple_of(SECTOR_BYTES) {
            return Err(Rejection::corrupt(at + 48, "the disk's size is not a multiple of 512"));
        }
        check_geometry(footer, virtual_size_bytes / SECTOR_BYTES, at)?;
        Ok(Self { kind, virtual_size_bytes, header_offset: u64_at(footer, 16) })
    }
}

/// Refuses a disk that has one size for readers of the number and another for readers of the geometry.
fn check_geometry(footer: &[u8], sectors: u64, at: u64) -> Result<(), Rejection> {
    let creator = &footer[28..32];
    let geometry = u64::from(u16_at(footer, 56)) * u64::from(footer[58]) * u64::from(footer[59]);
    let is_clear = geometry == sectors
        || geometry == MAX_GEOMETRY_SECTORS
        || SIZE_IS_A_NUMBER.iter().any(|known| *known == creator);
    if is_clear {
        return Ok(());
    }
    let message = format!("the disk has {sectors} sectors by its size and {geometry} by its geometry");
    Err(Rejection::corrupt(at + 56, message)
        .with_remedy("Convert it to qcow2 or raw with the program that made it, which knows the size."))
}

/// Checks a checksum: the complement of the sum of all bytes but its own.
pub(super) fn check_sum(bytes: &[u8], sum_at: usize, at: u64, what: &str) -> Result<(), Rejection> {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let found = !(sum(&bytes[..sum_at]) + sum(&bytes[sum_at + 4..]));
    if found == u32_at(bytes, sum_at) {
        return Ok(());
    }
    Err(Rejection::corrupt(at + sum_at as u64, format!("the checksum of {what} is wrong")))
}
