//! QEMU's qcow2, versions 2 and 3: read without trust, written without luck.
//!
//! The format is QEMU's `docs/interop/qcow2.rst`. A file is a row of *host clusters*; two levels
//! of tables (L1, L2) say which of them holds a *guest cluster*:
//!
//! ```text
//! header -> L1 table -> L2 table -> data cluster
//!                                -> compressed bytes
//!                                -> zeroes | nothing
//! header -> refcount table -> refcount blocks
//! ```
//!
//! [`File::open`] walks all of it once and refuses what contradicts itself, so that afterwards
//! every mapped byte lies in the file and belongs to one guest address only. The walk holds a bit
//! for each host cluster of a bounded window and one piece of one table, whatever the headers
//! say; its time is in proportion to the tables that are really in the file.
//!
//! Nothing in a file is ever followed out of it: backing files, data files and encryption are
//! refused by the header alone. Internal snapshots and bitmaps are not part of the disk.

mod apart;
mod compressed;
mod entry;
mod extents;
mod file;
mod grow;
mod header;
mod ranked;
mod render;
mod snapshots;
mod walk;

pub use crate::extent::{Extent, Kind};
pub use extents::Extents;
pub use file::{File, Rules};
pub use grow::{grow_overlay, grows_to};
pub use render::{CLUSTER_BYTES, Piece, Pieces, Rendering, create_overlay};

use crate::{Disk, DiskExtents, Limits, ReadAt, Rejection};

/// The first four bytes of every version.
pub(crate) const MAGIC: &[u8] = b"QFI\xfb";

/// Judges a file declared qcow2 that carries qcow2's magic and no other.
pub(crate) fn open<'a>(bytes: &'a dyn ReadAt, limits: &Limits) -> Result<File<'a>, Rejection> {
    let header = header::Header::read(bytes)?;
    limits.allow(header.virtual_size_bytes)?;
    File::open(bytes, Rules::Upload)
}

/// The size of the disk that a qcow2 file's header states; the header is judged, the tables are not.
///
/// # Errors
/// The first rule that the header breaks.
pub fn virtual_size_bytes(bytes: &dyn ReadAt) -> Result<u64, Rejection> {
    Ok(header::Header::read(bytes)?.virtual_size_bytes)
}

impl Disk for File<'_> {
    fn virtual_size_bytes(&self) -> u64 {
        File::virtual_size_bytes(self)
    }

    fn extents(&self) -> DiskExtents<'_> {
        Box::new(File::extents(self, 0..u64::MAX))
    }

    fn inflate(&self, extent: &Extent) -> Result<Vec<u8>, Rejection> {
        let mut cluster = self.read_compressed(extent)?;
        let within = (extent.guest_offset % self.cluster_bytes()) as usize; // At most 2 MiB.
        cluster.truncate(within + extent.len as usize);
        cluster.drain(..within);
        Ok(cluster)
    }

    fn notes(&self) -> Vec<String> {
        File::notes(self).to_vec()
    }
}
