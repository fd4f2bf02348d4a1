//! Files that are their disk's bytes: raw, and ISO images.

use crate::extent::{Extent, Kind};
use crate::{Disk, DiskExtents, Limits, ReadAt, Rejection};

/// Disks are counted in sectors.
const SECTOR_BYTES: u64 = 512;

/// A file that is its disk, filled up with zeroes to whole sectors.
#[derive(Debug)]
pub(crate) struct Flat {
    file_bytes: u64,
    virtual_size_bytes: u64,
    notes: Vec<String>,
}

impl Flat {
    pub(crate) fn open(bytes: &dyn ReadAt, limits: &Limits, is_luks: bool) -> Result<Self, Rejection> {
        let file_bytes = bytes.size_bytes();
        limits.allow(file_bytes)?;
        // A size within the last sector of 2^64 has no whole number of sectors.
        let virtual_size_bytes = file_bytes.checked_next_multiple_of(SECTOR_BYTES).unwrap_or(u64::MAX);
        limits.allow(virtual_size_bytes)?;
        let mut notes = Vec::new();
        if is_luks {
            // A container that only its owner can open: stored as it is, never tried.
            notes.push("the disk is an encrypted LUKS volume".to_owned());
        }
        let added = virtual_size_bytes - file_bytes;
        if added > 0 {
            notes.push(format!("{added} zero bytes were added to make whole sectors"));
        }
        Ok(Self { file_bytes, virtual_size_bytes, notes })
    }
}

impl Disk for Flat {
    fn virtual_size_bytes(&self) -> u64 {
        self.virtual_size_bytes
    }

    fn extents(&self) -> DiskExtents<'_> {
        let file = Extent { guest_offset: 0, len: self.file_bytes, kind: Kind::Data { file_offset: 0 } };
        let added = self.virtual_size_bytes - self.file_bytes;
        let end = Extent { guest_offset: self.file_bytes, len: added, kind: Kind::Zero };
        Box::new([file, end].into_iter().filter(|extent| extent.len > 0).map(Ok))
    }

    fn inflate(&self, _: &Extent) -> Result<Vec<u8>, Rejection> {
        Err(Rejection::not_compressed())
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}
