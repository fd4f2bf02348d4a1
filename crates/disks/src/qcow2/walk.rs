//! One walk over every table of a file.
//!
//! Each host cluster is claimed once: by the header, by a table, or by one guest cluster.
//! Compressed clusters share host clusters with one another only, and their bytes are apart. A
//! file longer than a window of [`Claims`] is walked once for each window.

use crate::claims::Claims;
use crate::fields::be::u64_at;
use crate::table::Table;
use crate::{ReadAt, Rejection, Rule};

use super::apart::{Order, apart};
use super::entry::{self, Entry};
use super::header::Header;
use super::snapshots;

/// The result of the walk.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub compressed_clusters: u64,
    /// The end of the last cluster that anything uses.
    pub end_bytes: u64,
}

/// Walks the tables.
///
/// # Errors
/// The first contradiction.
pub(crate) fn walk(bytes: &dyn ReadAt, header: &Header) -> Result<Found, Rejection> {
    let clusters = bytes.size_bytes().div_ceil(header.cluster_bytes());
    let mut found = Found::default();
    let mut in_order = true;
    for window in Claims::windows(clusters) {
        let mut pass = Pass::new(bytes, header, Claims::new(window));
        pass.take_static_tables()?;
        pass.take_l2_tables()?;
        pass.take_clusters()?;
        found = pass.found;
        in_order = pass.compressed.kept;
    }
    if !in_order {
        apart(bytes, header)?;
    }
    Ok(found)
}

/// One walk that keeps account of one window of the file.
struct Pass<'a> {
    bytes: &'a dyn ReadAt,
    /// Asked for once: for a file it is a system call.
    file_bytes: u64,
    header: &'a Header,
    claims: Claims,
    found: Found,
    compressed: Order,
}

impl<'a> Pass<'a> {
    fn new(bytes: &'a dyn ReadAt, header: &'a Header, claims: Claims) -> Self {
        Self {
            bytes,
            file_bytes: bytes.size_bytes(),
            header,
            claims,
            found: Found::default(),
            compressed: Order::default(),
        }
    }

    /// The header, the L1 table, the refcounts, the snapshots' tables.
    fn take_static_tables(&mut self) -> Result<(), Rejection> {
        let header = self.header;
        self.take_range(0, 0, header.cluster_bytes(), "the header")?;
        self.take_range(40, header.l1_offset, header.l1_entries * 8, "the L1 table")?;
        let refcount_table_bytes = header.refcount_table_clusters << header.cluster_bits;
        let offset = header.refcount_table_offset;
        self.take_range(48, offset, refcount_table_bytes, "the refcount table")?;
        let mut table = Table::new(self.bytes, offset, refcount_table_bytes);
        while let Some((at, piece)) = table.next_piece()? {
            for (index, word) in words(piece).enumerate().filter(|(_, word)| *word != 0) {
                self.take_refcount_block(at + 8 * index as u64, word)?;
            }
        }
        snapshots::each_range(header, self.bytes, |at, range| {
            self.take_range(at, range.start, range.end - range.start, "a snapshot's table")
        })
    }

    fn take_refcount_block(&mut self, at: u64, offset: u64) -> Result<(), Rejection> {
        if offset & 0x1ff != 0 {
            return Err(Rejection::corrupt(at, "a refcount table entry has reserved bits set"));
        }
        if !offset.is_multiple_of(self.header.cluster_bytes()) {
            return Err(Rejection::corrupt(at, "a refcount block is not aligned"));
        }
        self.check_inside(at, offset, self.header.cluster_bytes(), "a refcount block")?;
        self.take_range(at, offset, self.header.cluster_bytes(), "a refcount block")
    }

    fn take_l2_tables(&mut self) -> Result<(), Rejection> {
        let (header, cluster_bytes) = (self.header, self.header.cluster_bytes());
        let mut table = Table::new(self.bytes, header.l1_offset, header.l1_entries * 8);
        while let Some((piece_at, piece)) = table.next_piece()? {
            for (index, word) in words(piece).enumerate().filter(|(_, word)| *word != 0) {
                let at = piece_at + 8 * index as u64;
                let offset = entry::l1(header, word).map_err(|what| Rejection::corrupt(at, what))?;
                let Some(offset) = offset else { continue };
                self.check_inside(at, offset, cluster_bytes, "an L2 table")?;
                if !self.claims.take(offset / cluster_bytes) {
                    return Err(self.shared_l2_table(at, offset));
                }
                self.note_end(offset + cluster_bytes);
            }
        }
        Ok(())
    }

    /// Two entries of the L1 table for one L2 table multiply what it maps; anything else that
    /// has its cluster is damage.
    fn shared_l2_table(&self, at: u64, offset: u64) -> Rejection {
        let mut table = Table::new(self.bytes, self.header.l1_offset, at - self.header.l1_offset);
        while let Ok(Some((_, piece))) = table.next_piece() {
            if words(piece).any(|word| entry::l1(self.header, word) == Ok(Some(offset))) {
                return Rejection::new(Rule::Amplification, at, "an L2 table is used more than once");
            }
        }
        Rejection::corrupt(at, "an L2 table overlaps another table")
    }

    fn take_clusters(&mut self) -> Result<(), Rejection> {
        let (bytes, header) = (self.bytes, self.header);
        each_entry(bytes, header, |at, guest, entry| self.take_entry(at, entry, guest))
    }

    fn take_entry(&mut self, at: u64, entry: Entry, guest: u64) -> Result<(), Rejection> {
        match entry {
            Entry::Unallocated | Entry::Zero { host: None } | Entry::Parts { host: None, .. } => Ok(()),
            Entry::Compressed { host, len } => self.take_compressed(at, host, len),
            Entry::Data { host } => {
                // Behind the disk's end, where a last cluster may reach, nothing is read.
                let left = self.header.virtual_size_bytes.saturating_sub(guest);
                self.take_cluster(at, host, left.min(self.header.cluster_bytes()))
            }
            // Space kept for later may not be in the file yet.
            Entry::Zero { host: Some(host) } => self.take_cluster(at, host, 0),
            Entry::Parts { host: Some(host), data, .. } => {
                let part_bytes = self.header.cluster_bytes() / 32;
                let used = u64::from(32 - data.leading_zeros()) * part_bytes;
                let left = self.header.virtual_size_bytes.saturating_sub(guest);
                self.take_cluster(at, host, left.min(used))
            }
        }
    }

    fn take_cluster(&mut self, at: u64, host: u64, used_bytes: u64) -> Result<(), Rejection> {
        self.check_inside(at, host, used_bytes, "a data cluster")?;
        if !self.claims.take(host >> self.header.cluster_bits) {
            return Err(self.shared_cluster(at, host));
        }
        self.note_end(host + self.header.cluster_bytes());
        Ok(())
    }

    fn take_compressed(&mut self, at: u64, host: u64, len: u64) -> Result<(), Rejection> {
        let sectors_in_file = self.file_bytes.next_multiple_of(512);
        if host >= self.file_bytes || host + len > sectors_in_file {
            return Err(self.header.outside(at, "a compressed cluster", host));
        }
        let first = host >> self.header.cluster_bits;
        let last = (host + len - 1) >> self.header.cluster_bits;
        for cluster in first..=last {
            if !self.claims.take_compressed(cluster) {
                return Err(Rejection::corrupt(at, "compressed bytes overlap a table or a cluster"));
            }
        }
        self.compressed.add(host, host + len);
        self.found.compressed_clusters += 1;
        self.note_end((last + 1) << self.header.cluster_bits);
        Ok(())
    }

    /// A cluster below the tables' is damage; one that another guest cluster has multiplies it.
    fn shared_cluster(&self, at: u64, host: u64) -> Rejection {
        let mut tables = Pass::new(self.bytes, self.header, self.claims.emptied());
        let is_table = tables.take_static_tables().is_err()
            || tables.take_l2_tables().is_err()
            || !tables.claims.take(host >> self.header.cluster_bits);
        if is_table {
            Rejection::corrupt(at, "a data cluster overlaps a table")
        } else {
            Rejection::new(Rule::Amplification, at, "a data cluster is used more than once")
        }
    }

    fn take_range(&mut self, at: u64, offset: u64, len: u64, what: &str) -> Result<(), Rejection> {
        if len == 0 {
            return Ok(());
        }
        let bits = self.header.cluster_bits;
        let last = (offset + len - 1) >> bits;
        if !self.claims.take_all(offset >> bits..last + 1) {
            return Err(Rejection::corrupt(at, format!("{what} overlaps another table")));
        }
        self.note_end((last + 1) << bits);
        Ok(())
    }

    fn check_inside(&self, at: u64, offset: u64, len: u64, what: &str) -> Result<(), Rejection> {
        if offset.checked_add(len).is_some_and(|end| end <= self.file_bytes) {
            return Ok(());
        }
        Err(self.header.outside(at, what, offset))
    }

    fn note_end(&mut self, end: u64) {
        self.found.end_bytes = self.found.end_bytes.max(end);
    }
}

/// Calls `visit` with every L2 entry that says something: where it lies, which guest address it
/// maps, what it says.
pub(super) fn each_entry(
    bytes: &dyn ReadAt,
    header: &Header,
    mut visit: impl FnMut(u64, u64, Entry) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let mut l2_table = Table::new(bytes, 0, 0);
    let mut l1_table = Table::new(bytes, header.l1_offset, header.l1_entries * 8);
    let mut guest = 0_u64;
    while let Some((at, piece)) = l1_table.next_piece()? {
        for (index, word) in words(piece).enumerate() {
            let l1_at = at + 8 * index as u64;
            let offset = entry::l1(header, word).map_err(|what| Rejection::corrupt(l1_at, what))?;
            if let Some(offset) = offset {
                l2_table.restart(offset, header.cluster_bytes());
                each_entry_of(&mut l2_table, header, guest, &mut visit)?;
            }
            // Tables behind the disk's end may exist (they held a machine's state).
            guest = guest.saturating_add(header.l2_covers_bytes());
        }
    }
    Ok(())
}

fn each_entry_of(
    table: &mut Table<'_>,
    header: &Header,
    mut guest: u64,
    visit: &mut impl FnMut(u64, u64, Entry) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let entry_bytes = header.l2_entry_bytes();
    while let Some((at, piece)) = table.next_piece()? {
        for (index, raw) in piece.chunks_exact(entry_bytes as usize).enumerate() {
            let word = u64_at(raw, 0);
            let parts = header.extended_l2.then(|| u64_at(raw, 8));
            if word != 0 || parts.is_some_and(|parts| parts != 0) {
                let at = at + entry_bytes * index as u64;
                let entry = entry::l2(header, word, parts).map_err(|what| Rejection::corrupt(at, what))?;
                visit(at, guest, entry)?;
            }
            guest = guest.saturating_add(header.cluster_bytes());
        }
    }
    Ok(())
}

fn words(piece: &[u8]) -> impl Iterator<Item = u64> {
    piece.chunks_exact(8).map(|raw| u64_at(raw, 0))
}
