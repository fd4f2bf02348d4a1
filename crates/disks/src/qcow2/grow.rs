//! The disk of a qcow2 file of ours, made larger where it stands.
//!
//! The L1 table fills whole clusters, and the entries behind its end are free: a disk that needs no more clusters for that
//! table grows by a change of the header alone. A larger one would need the table moved and its references counted anew,
//! which is QEMU's work and not done here.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{
    CLUSTER_BYTES,
    header::Header,
    render::{L2_ENTRIES, sectors},
};

/// The disk that one cluster of the L1 table maps: 4 TiB.
const MAPPED_BYTES: u64 = (CLUSTER_BYTES / 8) * L2_ENTRIES * CLUSTER_BYTES;
/// In the header: the size of the disk, the kind of encryption (none), the entries of the L1 table.
const SIZE_AT: u64 = 24;

/// The size to which the disk of an [overlay](super::create_overlay) of `virtual_size_bytes` can grow.
pub fn grows_to(virtual_size_bytes: u64) -> u64 {
    virtual_size_bytes.max(1).div_ceil(MAPPED_BYTES).saturating_mul(MAPPED_BYTES)
}

/// Makes the disk of an overlay at least this large; a disk that is as large already stays as it is. The new part reads as
/// zeroes, or as the disk beneath. Cut off at any call, it leaves the disk with its old size or with the new one.
///
/// # Errors
/// The file cannot be read or written, has no sound header, or its L1 table has no room ([`grows_to`]).
pub fn grow_overlay(file: &File, virtual_size_bytes: u64) -> io::Result<()> {
    let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let header = Header::read(file).map_err(|rejection| bad(rejection.to_string()))?;
    if header.virtual_size_bytes >= virtual_size_bytes {
        return Ok(());
    }
    let entries = virtual_size_bytes.div_ceil(header.l2_covers_bytes()).max(header.l1_entries);
    let room = (header.l1_entries * 8).next_multiple_of(header.cluster_bytes()) / 8;
    if entries > room {
        return Err(bad(format!("its L1 table has room for {room} entries, and {entries} are needed")));
    }
    // QEMU leaves zeroes there; this must be so before the entries count.
    let new = vec![0; (entries - header.l1_entries) as usize * 8];
    file.write_all_at(&new, header.l1_offset + header.l1_entries * 8)?;
    file.sync_all()?;
    // In one sector, so that no power cut tears it.
    let mut fields = [0; 16];
    fields[..8].copy_from_slice(&sectors(virtual_size_bytes).to_be_bytes());
    // QEMU's limit of 32 MiB for the table leaves the upper half empty.
    fields[12..].copy_from_slice(&entries.to_be_bytes()[4..]);
    file.write_all_at(&fields, SIZE_AT)?;
    file.sync_all()
}
