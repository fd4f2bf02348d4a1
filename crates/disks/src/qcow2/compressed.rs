//! Compressed clusters: one cluster out, never a byte more.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{ReadAt, Rejection};

use super::header::{Compression, Header};

/// Reads and inflates the compressed bytes at `offset`.
///
/// The last sector may reach beyond the file's end: compressed files are not padded.
pub(crate) fn read(bytes: &dyn ReadAt, header: &Header, offset: u64, len: u64) -> Result<Vec<u8>, Rejection> {
    let len = len.min(bytes.size_bytes().saturating_sub(offset));
    let mut source = vec![0; len as usize]; // At most two clusters: the descriptor has no room for more.
    bytes.read_exact_at(&mut source, offset).map_err(|error| Rejection::unread(offset, &error))?;
    let mut cluster = vec![0; header.cluster_bytes() as usize];
    let whole = match header.compression {
        Compression::Deflate => inflate(&source, &mut cluster),
        Compression::Zstd => unzstd(&source, &mut cluster),
    };
    if whole { Ok(cluster) } else { Err(Rejection::corrupt(offset, "a compressed cluster does not inflate")) }
}

/// Raw deflate; true when it fills the cluster. Like QEMU, takes a stream that is cut off after
/// the last byte that is wanted.
fn inflate(source: &[u8], cluster: &mut [u8]) -> bool {
    let mut stream = Decompress::new(false);
    match stream.decompress(source, cluster, FlushDecompress::Finish) {
        Ok(Status::StreamEnd | Status::Ok | Status::BufError) => stream.total_out() == cluster.len() as u64,
        Err(_) => false,
    }
}

/// One or more zstd frames that end exactly where the cluster does. Each is decoded straight into
/// the cluster, so that no window is allocated, whatever size a frame's header states.
fn unzstd(mut source: &[u8], mut cluster: &mut [u8]) -> bool {
    let Ok(mut decoder) = zstd::bulk::Decompressor::new() else {
        return false;
    };
    while !cluster.is_empty() {
        let Ok(frame) = zstd::zstd_safe::find_frame_compressed_size(source) else {
            return false;
        };
        let Some((frame, rest)) = source.split_at_checked(frame).filter(|(frame, _)| !frame.is_empty()) else {
            return false;
        };
        let Ok(written) = decoder.decompress_to_buffer(frame, cluster) else {
            return false;
        };
        source = rest;
        cluster = &mut cluster[written..];
    }
    true
}
