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
/// Programs whose files have the size that is stated as a number (QEMU: `block/vpc.c`, "Known creator apps"; Azure's is
/// there since version 10). VirtualBox means the number too, and Hyper-V reads its files so; QEMU does not know it, and
/// cuts their end off.
const SIZE_IS_A_NUMBER: [&[u8; 4]; 7] = [b"win ", b"qem2", b"d2v ", b"CTXS", b"tap\0", b"wa\0\0", b"vbox"];
/// Programs whose guests have the disk that the geometry states: Virtual PC and Virtual Server. The file may have a few
/// more sectors, which no guest has ever seen.
const SIZE_IS_THE_GEOMETRY: [&[u8; 4]; 2] = [b"vpc ", b"vs  "];

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
    /// The size that is stated as a number: that of the disk, or a little more.
    pub stated_bytes: u64,
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
        let sectors = sectors(footer, virtual_size_bytes / SECTOR_BYTES, at)?;
        let header_offset = u64_at(footer, 16);
        Ok(Self { kind, stated_bytes: virtual_size_bytes, virtual_size_bytes: sectors * SECTOR_BYTES, header_offset })
    }
}

/// The sectors of the disk. A file whose readers disagree about them is refused.
fn sectors(footer: &[u8], stated: u64, at: u64) -> Result<u64, Rejection> {
    let is_of = |creators: &[&[u8; 4]]| creators.iter().any(|known| known[..] == footer[28..32]);
    let geometry = u64::from(u16_at(footer, 56)) * u64::from(footer[58]) * u64::from(footer[59]);
    if geometry == stated || geometry == MAX_GEOMETRY_SECTORS || is_of(&SIZE_IS_A_NUMBER) {
        return Ok(stated);
    }
    if geometry < stated && geometry > 0 && is_of(&SIZE_IS_THE_GEOMETRY) {
        return Ok(geometry);
    }
    let message = format!("the disk has {stated} sectors by its size and {geometry} by its geometry");
    Err(Rejection::new(Rule::UnsupportedFeature, at + 56, message)
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
