//! The snapshot table: only its place in the file matters, the snapshots themselves are dropped.

use std::ops::Range;

use crate::fields::be::{u32_at, u64_at};
use crate::{ReadAt, Rejection};

use super::header::Header;

/// The fields of a snapshot's entry before the parts of variable length.
const ENTRY_BYTES: u64 = 40;

/// Calls `claim` with the bytes of the table and of every snapshot's L1 table.
pub(crate) fn each_range(
    header: &Header,
    bytes: &dyn ReadAt,
    mut claim: impl FnMut(u64, Range<u64>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let file_bytes = bytes.size_bytes();
    let mut at = header.snapshots_offset;
    for _ in 0..header.snapshots {
        let mut entry = [0; ENTRY_BYTES as usize];
        bytes.read_exact_at(&mut entry, at).map_err(|error| Rejection::unread(at, &error))?;
        let l1_offset = u64_at(&entry, 0);
        let l1_bytes = u64::from(u32_at(&entry, 8)) * 8;
        let names = u64::from(u32_at(&entry, 12) >> 16) + u64::from(u32_at(&entry, 12) & 0xffff);
        let end = l1_offset.checked_add(l1_bytes).filter(|end| *end <= file_bytes);
        let Some(end) = end.filter(|_| l1_offset.is_multiple_of(header.cluster_bytes())) else {
            return Err(Rejection::corrupt(at, "a snapshot's L1 table is not where it can be"));
        };
        if l1_bytes > 0 {
            claim(at, l1_offset..end)?;
        }
        // Each term is below 2^33 and `at` lies in the file.
        at += (ENTRY_BYTES + u64::from(u32_at(&entry, 36)) + names).next_multiple_of(8);
    }
    if at > file_bytes.next_multiple_of(8) {
        return Err(Rejection::corrupt(header.snapshots_offset, "the snapshot table leaves the file"));
    }
    if header.snapshots > 0 {
        claim(64, header.snapshots_offset..at)?;
    }
    Ok(())
}
