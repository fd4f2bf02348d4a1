//! One L1 or L2 entry: its bits, judged.

use super::header::Header;

/// The bits of an L1 or L2 entry that are a host offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// "The cluster's reference count is one."
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
/// Version 3: the cluster reads as zeroes.
const ZERO: u64 = 1;

/// The content of one guest cluster, as an L2 entry states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Nothing: the backing file's bytes, or zeroes without one.
    Unallocated,
    /// Zeroes; a host cluster may be kept for later.
    Zero { host: Option<u64> },
    /// A whole cluster.
    Data { host: u64 },
    /// Bytes that inflate to a cluster; `len` reaches to the end of their last sector.
    Compressed { host: u64, len: u64 },
    /// A cluster in 32 parts: a bit each for "has data" and "is zeroes".
    Parts { host: Option<u64>, data: u32, zero: u32 },
}

/// Why an entry is impossible.
pub(crate) type Problem = &'static str;

/// The offset of the L2 table that an L1 entry names.
pub(crate) fn l1(header: &Header, word: u64) -> Result<Option<u64>, Problem> {
    if word & !(OFFSET | COPIED) != 0 {
        return Err("an L1 entry has reserved bits set");
    }
    host(header, word & OFFSET)
}

/// Reads an L2 entry; `parts` is its second word in an image with subclusters.
pub(crate) fn l2(header: &Header, word: u64, parts: Option<u64>) -> Result<Entry, Problem> {
    if word & COMPRESSED != 0 {
        if word & COPIED != 0 {
            return Err("a compressed cluster is marked as a whole one");
        }
        if parts.is_some_and(|parts| parts != 0) {
            return Err("a compressed cluster has subclusters");
        }
        return compressed(header, word);
    }
    let has_zero_flag = header.version >= 3 && parts.is_none();
    let flags = if has_zero_flag { ZERO } else { 0 };
    if word & !(OFFSET | COPIED | flags) != 0 {
        return Err("an L2 entry has reserved bits set");
    }
    let host = host(header, word & OFFSET)?;
    if let Some(parts) = parts {
        return in_parts(host, parts as u32, (parts >> 32) as u32);
    }
    Ok(match (word & flags != 0, host) {
        (true, host) => Entry::Zero { host },
        (false, Some(host)) => Entry::Data { host },
        (false, None) => Entry::Unallocated,
    })
}

fn in_parts(host: Option<u64>, data: u32, zero: u32) -> Result<Entry, Problem> {
    if data & zero != 0 {
        return Err("a subcluster is both data and zeroes");
    }
    Ok(match (host, data, zero) {
        (None, 0, 0) => Entry::Unallocated,
        (None, 0, u32::MAX) => Entry::Zero { host: None },
        (None, 0, zero) => Entry::Parts { host: None, data: 0, zero },
        (None, ..) => return Err("a subcluster has data and no cluster"),
        (Some(host), u32::MAX, _) => Entry::Data { host },
        (Some(host), 0, u32::MAX) => Entry::Zero { host: Some(host) },
        (host, data, zero) => Entry::Parts { host, data, zero },
    })
}

fn host(header: &Header, offset: u64) -> Result<Option<u64>, Problem> {
    if !offset.is_multiple_of(header.cluster_bytes()) {
        return Err("a table or cluster is not aligned");
    }
    Ok((offset != 0).then_some(offset))
}

/// `docs/interop/qcow2.rst`, "Compressed Clusters Descriptor": the offset has `62 - (cluster_bits
/// - 8)` bits, the bits above are the number of further 512-byte sectors.
fn compressed(header: &Header, word: u64) -> Result<Entry, Problem> {
    let offset_bits = 62 - (header.cluster_bits - 8);
    let host = word & ((1 << offset_bits) - 1);
    let sectors = (word & (COMPRESSED - 1)) >> offset_bits;
    if host == 0 {
        return Err("a compressed cluster lies in the header");
    }
    let end = (host / 512 + sectors + 1) * 512;
    Ok(Entry::Compressed { host, len: end - host })
}
