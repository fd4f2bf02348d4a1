//! Manifests: the list of a content's chunks, in two levels.
//!
//! A leaf names up to 4,096 chunks (256 MiB); a root names the leaves. Both are chunks. Each
//! content has exactly one encoding, so that equal contents have equal roots: a leaf ends with its
//! last chunk that is not zeroes, and a leaf without one is not stored but named by the zero digest.

use bytes::Bytes;

use crate::CHUNK_BYTES;
use crate::digest::Digest;
use crate::error::Error;

/// How many chunks a leaf names: 128 KiB of digests for 256 MiB of content.
pub(crate) const LEAF_CHUNKS: u64 = 4_096;
/// The longest content: a root of 8 MiB.
pub(crate) const MAX_CONTENT_BYTES: u64 = 64 << 40;

const LEAF_MAGIC: &[u8; 4] = b"EFLF";
const ROOT_MAGIC: &[u8; 4] = b"EFRT";
const VERSION: u32 = 1;
const LEAF_HEADER_BYTES: usize = 8;
const ROOT_HEADER_BYTES: usize = 32;

/// A root, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) size_bytes: u64,
    pub(crate) leaves: Vec<Digest>,
}

/// How many chunks a content of this size has.
pub(crate) fn chunk_count(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(CHUNK_BYTES as u64)
}

/// How many leaves a content of this size has.
pub(crate) fn leaf_count(size_bytes: u64) -> usize {
    chunk_count(size_bytes).div_ceil(LEAF_CHUNKS) as usize
}

impl Manifest {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(ROOT_HEADER_BYTES + self.leaves.len() * 32);
        bytes.extend(ROOT_MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.size_bytes.to_le_bytes());
        bytes.extend((CHUNK_BYTES as u32).to_le_bytes());
        bytes.extend((LEAF_CHUNKS as u32).to_le_bytes());
        bytes.extend((self.leaves.len() as u64).to_le_bytes());
        self.leaves.iter().for_each(|leaf| bytes.extend(leaf.as_bytes()));
        bytes.into()
    }

    pub(crate) fn decode(root: Digest, bytes: &[u8]) -> Result<Manifest, Error> {
        let no = |reason| Err(Error::NotAManifest { digest: root, reason });
        let Some((header, leaves)) = bytes.split_at_checked(ROOT_HEADER_BYTES) else {
            return no("it is too short for a root");
        };
        let size_bytes = u64_at(header, 8);
        let shape = [VERSION.to_le_bytes(), (CHUNK_BYTES as u32).to_le_bytes(), (LEAF_CHUNKS as u32).to_le_bytes()];
        if &header[..4] != ROOT_MAGIC {
            return no("it does not start as a root");
        }
        if [&header[4..8], &header[16..20], &header[20..24]] != [&shape[0][..], &shape[1], &shape[2]] {
            return no("its version, chunk size or leaf size is unknown");
        }
        let fits = size_bytes <= MAX_CONTENT_BYTES && u64_at(header, 24) == leaf_count(size_bytes) as u64;
        if !fits || leaves.len() != leaf_count(size_bytes) * 32 {
            return no("its size and its leaves disagree");
        }
        Ok(Manifest { size_bytes, leaves: digests(leaves) })
    }
}

/// Encodes a leaf; `None` when it names nothing but zeroes.
pub(crate) fn encode_leaf(chunks: &[Digest]) -> Option<Bytes> {
    let last = chunks.iter().rposition(|chunk| !chunk.is_zero())?;
    let mut bytes = Vec::with_capacity(LEAF_HEADER_BYTES + (last + 1) * 32);
    bytes.extend(LEAF_MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    chunks[..=last].iter().for_each(|chunk| bytes.extend(chunk.as_bytes()));
    Some(bytes.into())
}

/// Decodes a leaf: the digests up to the last one that is not zero.
pub(crate) fn decode_leaf(leaf: Digest, bytes: &[u8]) -> Result<Vec<Digest>, Error> {
    let no = |reason| Err(Error::NotAManifest { digest: leaf, reason });
    let Some((header, chunks)) = bytes.split_at_checked(LEAF_HEADER_BYTES) else {
        return no("it is too short for a leaf");
    };
    if &header[..4] != LEAF_MAGIC || header[4..] != VERSION.to_le_bytes() {
        return no("it does not start as a leaf");
    }
    if chunks.len() % 32 != 0 || chunks.len() / 32 > LEAF_CHUNKS as usize {
        return no("its length is not that of a leaf");
    }
    Ok(digests(chunks))
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks_exact(32).filter_map(Digest::from_slice).collect()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_read_back_and_a_wrong_one_is_refused() {
        let leaf = Digest::of(b"leaf");
        let manifest = Manifest { size_bytes: 300 << 20, leaves: vec![leaf, Digest::ZERO] };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(leaf, &bytes).unwrap(), manifest);
        for at in [0, 4, 16, 20, 24, 31] {
            let mut bad = bytes.to_vec();
            bad[at] ^= 1;
            assert!(matches!(Manifest::decode(leaf, &bad), Err(Error::NotAManifest { .. })), "{at}");
        }
        assert!(Manifest::decode(leaf, &bytes[..bytes.len() - 1]).is_err());
        let huge = Manifest { size_bytes: u64::MAX, leaves: Vec::new() }.encode();
        assert!(Manifest::decode(leaf, &huge).is_err());
    }

    #[test]
    fn a_leaf_ends_with_its_last_chunk() {
        let chunk = Digest::of(b"chunk");
        let bytes = encode_leaf(&[Digest::ZERO, chunk, Digest::ZERO]).unwrap();
        assert_eq!(decode_leaf(chunk, &bytes).unwrap(), [Digest::ZERO, chunk]);
        assert_eq!(encode_leaf(&[Digest::ZERO; 9]), None);
        assert!(decode_leaf(chunk, &bytes[..bytes.len() - 1]).is_err());
    }
}
