//! Compressed grains: a marker of twelve bytes, then a zlib stream.

use flate2::{Decompress, FlushDecompress, Status};

use crate::fields::le::{u32_at, u64_at};
use crate::{Extent, ReadAt, Rejection};

use super::header::{Header, SECTOR_BYTES};

/// The grain's first sector on the disk, and the length of the stream.
const MARKER_BYTES: u64 = 12;

/// An upper bound of a compressed grain with its marker: QEMU reads two grains.
pub(super) fn longest(grain_bytes: u64) -> u64 {
    2 * grain_bytes
}

/// The bytes of an extent whose grain lies compressed at `at`.
pub(super) fn inflate(bytes: &dyn ReadAt, header: &Header, extent: &Extent, at: u64) -> Result<Vec<u8>, Rejection> {
    let within = extent.guest_offset % header.grain_bytes;
    let mut marker = [0; MARKER_BYTES as usize];
    bytes.read_exact_at(&mut marker, at).map_err(|error| Rejection::unread(at, &error))?;
    // Two entries for one grain, or an entry for the middle of another grain's stream, end here.
    if u64_at(&marker, 0).checked_mul(SECTOR_BYTES) != Some(extent.guest_offset - within) {
        return Err(Rejection::corrupt(at, "a grain's marker is for another place of the disk"));
    }
    let len = u64::from(u32_at(&marker, 8));
    if len == 0 || len > longest(header.grain_bytes) - MARKER_BYTES {
        return Err(Rejection::corrupt(at + 8, "the length of a compressed grain is impossible"));
    }
    let mut source = vec![0; len as usize]; // At most two grains of 2 MiB.
    bytes.read_exact_at(&mut source, at + MARKER_BYTES).map_err(|error| Rejection::unread(at, &error))?;
    let mut grain = vec![0; header.grain_bytes as usize];
    let mut stream = Decompress::new(true);
    let wanted = (within + extent.len) as usize;
    match stream.decompress(&source, &mut grain, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if stream.total_out() >= wanted as u64 => {}
        _ => return Err(Rejection::corrupt(at, "a compressed grain does not inflate")),
    }
    grain.truncate(wanted);
    grain.drain(..within as usize);
    Ok(grain)
}
