//! A qcow2 file that passed every rule.

use crate::{Extent, Kind, ReadAt, Rejection};

use super::extents::Extents;
use super::header::Header;
use super::{compressed, walk};

/// Which files are acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// A file that somebody made: a whole disk, unallocated clusters are zeroes.
    Upload,
    /// An overlay that [`super::create_overlay`] began and a guest went on with: 64 KiB clusters,
    /// no compression; unallocated clusters are the base's.
    Overlay,
}

/// A qcow2 file whose header and tables break no rule.
pub struct File<'a> {
    pub(super) bytes: &'a dyn ReadAt,
    pub(super) header: Header,
    notes: Vec<String>,
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'a> File<'a> {
    /// Reads the header and walks every table once.
    ///
    /// # Errors
    /// The first rule that the file breaks, or [`Rule::Unreadable`] when it cannot be read.
    pub fn open(bytes: &'a dyn ReadAt, rules: Rules) -> Result<Self, Rejection> {
        let header = Header::read(bytes)?;
        if rules == Rules::Overlay {
            refuse_foreign_overlay(&header)?;
        }
        let found = walk::walk(bytes, &header)?;
        if rules == Rules::Overlay && found.compressed_clusters > 0 {
            return Err(Rejection::corrupt(0, "an overlay has compressed clusters"));
        }
        let notes = notes(&header, &found, bytes.size_bytes());
        Ok(Self { bytes, header, notes })
    }

    /// Reads the header alone, of a file that [`File::open`] accepted and that has not changed since.
    ///
    /// # Errors
    /// The first rule that the header breaks, or [`Rule::Unreadable`] when it cannot be read.
    pub fn reopen(bytes: &'a dyn ReadAt) -> Result<Self, Rejection> {
        Ok(Self { bytes, header: Header::read(bytes)?, notes: Vec::new() })
    }

    /// The disk's size, a multiple of 512.
    pub fn virtual_size_bytes(&self) -> u64 {
        self.header.virtual_size_bytes
    }

    /// The size of a cluster, a power of two from 512 to 2 MiB.
    pub fn cluster_bytes(&self) -> u64 {
        self.header.cluster_bytes()
    }

    /// Notes for the owner, in sentences: things in the file that the disk does not have.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where each byte of a part of the disk is, in order and without gaps; neighbours of one
    /// kind come as one extent. The part ends where the disk ends.
    pub fn extents(&self, guest: std::ops::Range<u64>) -> Extents<'_> {
        Extents::new(self, guest)
    }

    /// Inflates the cluster that a compressed extent lies in; as long as a cluster, or shorter at
    /// the disk's end.
    ///
    /// # Errors
    /// [`Rule::Corrupt`] when the bytes do not inflate to a cluster.
    pub fn read_compressed(&self, extent: &Extent) -> Result<Vec<u8>, Rejection> {
        let Kind::Compressed { file_offset, len } = extent.kind else {
            return Err(Rejection::not_compressed());
        };
        let mut cluster = compressed::read(self.bytes, &self.header, file_offset, len)?;
        let start = extent.guest_offset & !(self.cluster_bytes() - 1);
        let left = self.header.virtual_size_bytes.saturating_sub(start);
        if left < cluster.len() as u64 {
            cluster.truncate(left as usize);
        }
        Ok(cluster)
    }
}

fn refuse_foreign_overlay(header: &Header) -> Result<(), Rejection> {
    let ours = header.version == 3
        && header.cluster_bytes() == super::CLUSTER_BYTES
        && !header.extended_l2
        && !header.dirty
        && header.cut_bytes == 0
        && header.snapshots == 0;
    if ours {
        return Ok(());
    }
    Err(Rejection::corrupt(0, "the overlay is not of the form that overlays are made in"))
}

fn notes(header: &Header, found: &walk::Found, file_bytes: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if header.dirty {
        notes.push("the file was not closed cleanly: its reference counts are stale, and nothing else is".to_owned());
    }
    if header.cut_bytes > 0 {
        let cut = header.cut_bytes;
        notes.push(format!("{cut} bytes behind the last whole sector are not part of the disk, as for QEMU"));
    }
    if header.snapshots > 0 {
        notes.push(format!("{} internal snapshots are not part of the disk", header.snapshots));
    }
    if header.bitmaps > 0 {
        notes.push(format!("{} bitmaps are not part of the disk", header.bitmaps));
    }
    if header.snapshots == 0 && header.bitmaps == 0 && found.end_bytes < file_bytes {
        notes.push(format!("{} bytes at the file's end are not part of the disk", file_bytes - found.end_bytes));
    }
    notes
}
