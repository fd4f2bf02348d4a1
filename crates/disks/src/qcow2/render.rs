//! A disk written as a qcow2 file: version 3, 64 KiB clusters, nothing in it by chance.
//!
//! ```text
//! header | refcount table | refcount blocks | L1 table | L2 tables | data, in the disk's order
//! ```
//!
//! Each part starts at a cluster. Which clusters the disk has is all there is to know, so the
//! file's size and any part of it are known without writing the rest.

use std::ops::Range;

use super::ranked::Ranked;

/// The cluster size of everything that is written here.
pub const CLUSTER_BYTES: u64 = 65_536;

/// Guest clusters that one L2 table maps.
pub(super) const L2_ENTRIES: u64 = CLUSTER_BYTES / 8;
/// Reference counts in one block, of 16 bits each.
const REFCOUNTS: u64 = CLUSTER_BYTES / 2;
/// "The reference count is one": true of every cluster here.
const COPIED: u64 = 1 << 63;
/// The most that one [`Piece::Disk`] has: enough to read ahead, little enough to hold.
const DISK_PIECE_BYTES: u64 = 1 << 20;

/// A disk's qcow2 file.
#[derive(Debug, Clone)]
pub struct Rendering {
    disk_bytes: u64,
    /// Guest clusters that have data.
    clusters: Ranked,
    /// L1 entries that have an L2 table.
    tables: Ranked,
    /// Where the parts begin, in clusters.
    blocks_at: u64,
    l1_at: u64,
    tables_at: u64,
    data_at: u64,
    end_at: u64,
}

/// A run of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many zero bytes.
    Zeroes(u64),
    /// So many bytes of the disk, at most 1 MiB.
    Disk {
        /// Where on the disk they are.
        guest_offset: u64,
        /// How many.
        len: u64,
    },
}

impl Piece {
    /// How many bytes of the file it is.
    #[expect(clippy::len_without_is_empty, reason = "a piece is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Zeroes(len) | Piece::Disk { len, .. } => *len,
        }
    }
}

impl Rendering {
    /// Lays out the file of a disk; `present` tells of each 64 KiB of the disk whether it has
    /// data, missing ones have none.
    ///
    /// QEMU opens disks of up to 2 PiB (an L1 table of 32 MiB).
    pub fn new(virtual_size_bytes: u64, present: impl Iterator<Item = bool>) -> Self {
        let guest_clusters = virtual_size_bytes.div_ceil(CLUSTER_BYTES);
        let clusters = Ranked::new(guest_clusters, present);
        let l1_entries = guest_clusters.div_ceil(L2_ENTRIES);
        let tables = Ranked::new(
            l1_entries,
            (0..l1_entries).map(|index| clusters.any(index * L2_ENTRIES, (index + 1) * L2_ENTRIES)),
        );
        let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER_BYTES);
        let rest = 1 + l1_clusters + tables.ones() + clusters.ones();
        let (refcount_table, blocks) = refcount_clusters(rest);
        let blocks_at = 1 + refcount_table;
        let l1_at = blocks_at + blocks;
        let tables_at = l1_at + l1_clusters;
        let data_at = tables_at + tables.ones();
        let end_at = data_at + clusters.ones();
        let disk_bytes = virtual_size_bytes;
        Self { disk_bytes, clusters, tables, blocks_at, l1_at, tables_at, data_at, end_at }
    }

    /// The file's size.
    pub fn size_bytes(&self) -> u64 {
        self.end_at * CLUSTER_BYTES
    }

    /// The bytes of a part of the file, in order; the part ends where the file ends.
    pub fn pieces(&self, range: Range<u64>) -> Pieces<'_> {
        Pieces { rendering: self, at: range.start, end: range.end.min(self.size_bytes()) }
    }

    /// The disk's size as the file states it.
    fn virtual_size_bytes(&self) -> u64 {
        sectors(self.disk_bytes)
    }

    fn l1_entries(&self) -> u64 {
        self.disk_bytes.div_ceil(CLUSTER_BYTES).div_ceil(L2_ENTRIES)
    }

    /// The meaningful bytes of a cluster before the data; zeroes follow them.
    fn table_cluster(&self, cluster: u64) -> Vec<u8> {
        if cluster == 0 {
            self.header()
        } else if cluster < self.blocks_at {
            let first = (cluster - 1) * L2_ENTRIES;
            let blocks = self.l1_at - self.blocks_at;
            let last = blocks.min(first + L2_ENTRIES);
            be_words((first..last).map(|block| (self.blocks_at + block) * CLUSTER_BYTES))
        } else if cluster < self.l1_at {
            let first = (cluster - self.blocks_at) * REFCOUNTS;
            let counted = self.end_at.saturating_sub(first).min(REFCOUNTS);
            [0, 1].repeat(counted as usize)
        } else if cluster < self.tables_at {
            let first = (cluster - self.l1_at) * L2_ENTRIES;
            let last = self.l1_entries().min(first + L2_ENTRIES);
            self.entries(&self.tables, first..last, self.tables_at)
        } else {
            let table = self.tables.select(cluster - self.tables_at);
            let first = table.expect("there is a cluster for each set bit") * L2_ENTRIES;
            self.entries(&self.clusters, first..first + L2_ENTRIES, self.data_at)
        }
    }

    /// Entries that name the clusters from `base` on, one for each set bit.
    fn entries(&self, bits: &Ranked, range: Range<u64>, base: u64) -> Vec<u8> {
        let mut next = base + bits.rank(range.start);
        be_words(range.map(|index| {
            if !bits.get(index) {
                return 0;
            }
            next += 1;
            ((next - 1) * CLUSTER_BYTES) | COPIED
        }))
    }

    fn header(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(112);
        let mut u32 = |value: u64| header.extend_from_slice(&(value as u32).to_be_bytes());
        let mut u64 = |value: u64| {
            u32(value >> 32);
            u32(value & 0xffff_ffff);
        };
        u64(0x5146_49fb_0000_0003); // Magic and version.
        u64(0); // No backing file ...
        u64(16); // ... nor its name's length; cluster_bits.
        u64(self.virtual_size_bytes());
        u64(self.l1_entries()); // No encryption, then the length of the L1 table.
        u64(self.l1_at * CLUSTER_BYTES);
        u64(CLUSTER_BYTES); // The refcount table is behind the header.
        u64((self.blocks_at - 1) << 32); // Its clusters; no snapshots.
        u64(0); // No snapshot table.
        u64(0); // Incompatible, compatible and autoclear features: none.
        u64(0);
        u64(0);
        u64(4 << 32 | 104); // Reference counts of 2^4 bits; the header's length.
        u64(0); // No header extensions.
        header
    }

    /// The longest piece at `at` that ends by `end`.
    fn piece(&self, at: u64, end: u64) -> Piece {
        let cluster = at / CLUSTER_BYTES;
        let within = at % CLUSTER_BYTES;
        if cluster >= self.data_at {
            return self.disk_piece(cluster - self.data_at, within, end - at);
        }
        let len = (CLUSTER_BYTES - within).min(end - at);
        let bytes = self.table_cluster(cluster);
        match bytes.get(within as usize..) {
            Some(rest) if !rest.is_empty() => Piece::Bytes(rest[..rest.len().min(len as usize)].to_vec()),
            _ => Piece::Zeroes(len),
        }
    }

    fn disk_piece(&self, nth: u64, within: u64, limit: u64) -> Piece {
        let guest = self.clusters.select(nth).expect("there is a cluster for each set bit");
        let guest_offset = guest * CLUSTER_BYTES + within;
        if guest_offset >= self.disk_bytes {
            return Piece::Zeroes((CLUSTER_BYTES - within).min(limit));
        }
        // Neighbours on the disk are neighbours in the file.
        let most = limit.min(DISK_PIECE_BYTES).min(self.disk_bytes - guest_offset);
        let mut len = CLUSTER_BYTES - within;
        while len < most && self.clusters.get((guest_offset + len) / CLUSTER_BYTES) {
            len += CLUSTER_BYTES;
        }
        Piece::Disk { guest_offset, len: len.min(most) }
    }
}

/// The clusters of the refcount table and of the refcount blocks for a file that has `rest`
/// clusters besides: they count themselves too.
fn refcount_clusters(rest: u64) -> (u64, u64) {
    let (mut table, mut blocks) = (1, 1);
    loop {
        let needed_blocks = (rest + table + blocks).div_ceil(REFCOUNTS);
        let needed_table = needed_blocks.div_ceil(L2_ENTRIES);
        if (needed_table, needed_blocks) == (table, blocks) {
            return (table, blocks);
        }
        // Both only grow, so this ends.
        (table, blocks) = (needed_table.max(table), needed_blocks.max(blocks));
    }
}

fn be_words(words: impl Iterator<Item = u64>) -> Vec<u8> {
    words.flat_map(u64::to_be_bytes).collect()
}

/// The pieces of a part of a [`Rendering`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    rendering: &'a Rendering,
    at: u64,
    end: u64,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.at >= self.end {
            return None;
        }
        let piece = self.rendering.piece(self.at, self.end);
        self.at += piece.len();
        Some(piece)
    }
}

/// The size of a disk in whole sectors, which a header states.
pub(super) fn sectors(disk_bytes: u64) -> u64 {
    disk_bytes.next_multiple_of(512)
}

/// The bytes of an empty overlay for a disk of this size: a valid qcow2 file without a backing
/// file's name. The program that opens it says what lies beneath.
pub fn create_overlay(virtual_size_bytes: u64) -> Vec<u8> {
    let rendering = Rendering::new(virtual_size_bytes, std::iter::empty());
    let mut file = Vec::with_capacity(rendering.size_bytes() as usize);
    for piece in rendering.pieces(0..rendering.size_bytes()) {
        match piece {
            Piece::Bytes(bytes) => file.extend_from_slice(&bytes),
            Piece::Zeroes(len) => file.resize(file.len() + len as usize, 0),
            Piece::Disk { .. } => unreachable!("an empty disk has no data"),
        }
    }
    file
}
