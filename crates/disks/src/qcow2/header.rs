//! The header and its extensions: everything that can be refused without a look at the tables.

use crate::fields::be::{u32_at, u64_at};
use crate::read_at::read_up_to;
use crate::{ReadAt, Rejection, Rule};

/// Version 2's header; version 3 adds to it.
const V2_HEADER_BYTES: u32 = 72;
const V3_HEADER_BYTES: u32 = 104;
/// The compression type is the byte after version 3's first fields.
const COMPRESSION_TYPE_AT: usize = 104;

/// `incompatible_features`.
const DIRTY: u64 = 1 << 0;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

/// QEMU's own limits: an L1 table of 32 MiB, a refcount table of 8 MiB.
const MAX_L1_BYTES: u64 = 32 << 20;
const MAX_REFCOUNT_TABLE_BYTES: u64 = 8 << 20;
/// QEMU's limit on internal snapshots.
const MAX_SNAPSHOTS: u32 = 65_536;

/// Header extensions by their magic numbers.
const EXT_END: u32 = 0;
const EXT_BACKING_FORMAT: u32 = 0xe279_2aca;
const EXT_DATA_FILE: u32 = 0x4441_5441;
const EXT_CRYPTO: u32 = 0x0537_be77;
const EXT_BITMAPS: u32 = 0x2385_2875;

/// How a file's compressed clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Deflate,
    Zstd,
}

/// A header that breaks no rule by itself.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub version: u32,
    pub cluster_bits: u32,
    pub virtual_size_bytes: u64,
    pub l1_offset: u64,
    pub l1_entries: u64,
    pub refcount_table_offset: u64,
    pub refcount_table_clusters: u64,
    pub snapshots: u32,
    pub snapshots_offset: u64,
    pub bitmaps: u32,
    pub compression: Compression,
    /// Each L2 entry has a second word that maps 32 subclusters.
    pub extended_l2: bool,
    /// It was not closed: its reference counts are behind its tables (`lazy_refcounts`). Nothing here reads a count.
    pub dirty: bool,
    /// Bytes behind the last whole sector, which QEMU's guests do not see.
    pub cut_bytes: u64,
}

impl Header {
    /// Reads and judges the header.
    pub(crate) fn read(bytes: &dyn ReadAt) -> Result<Self, Rejection> {
        // The largest header is one cluster of at least 512 bytes; known fields end far before.
        let head = read_up_to(bytes, 0, 512).map_err(|error| Rejection::unread(0, &error))?;
        if !head.starts_with(super::MAGIC) {
            return Err(Rejection::new(Rule::FormatMismatch, 0, "the file has no qcow2 header"));
        }
        if head.len() < V2_HEADER_BYTES as usize {
            return Err(Rejection::truncated(head.len() as u64, "the qcow2 header is cut off"));
        }
        let version = u32_at(&head, 4);
        if !matches!(version, 2 | 3) {
            return Err(Rejection::new(Rule::UnsupportedFeature, 4, format!("qcow2 version {version} is not known")));
        }
        if version == 3 && head.len() < V3_HEADER_BYTES as usize {
            return Err(Rejection::truncated(head.len() as u64, "the qcow2 header is cut off"));
        }
        refuse_backing_and_encryption(&head)?;
        let cluster_bits = u32_at(&head, 20);
        if !(9..=21).contains(&cluster_bits) {
            return Err(Rejection::corrupt(20, "the cluster size is not between 512 bytes and 2 MiB"));
        }
        let (incompatible, header_bytes) = match version {
            2 => (0, V2_HEADER_BYTES),
            _ => (u64_at(&head, 72), u32_at(&head, 100)),
        };
        refuse_features(incompatible)?;
        let mut header = Self {
            version,
            cluster_bits,
            virtual_size_bytes: u64_at(&head, 24),
            l1_entries: u64::from(u32_at(&head, 36)),
            l1_offset: u64_at(&head, 40),
            refcount_table_offset: u64_at(&head, 48),
            refcount_table_clusters: u64::from(u32_at(&head, 56)),
            snapshots: u32_at(&head, 60),
            snapshots_offset: u64_at(&head, 64),
            bitmaps: 0,
            compression: compression(&head, incompatible, header_bytes)?,
            extended_l2: incompatible & EXTENDED_L2 != 0,
            dirty: incompatible & DIRTY != 0,
            cut_bytes: 0,
        };
        header.check_sizes(if version == 2 { 4 } else { u32_at(&head, 96) }, header_bytes)?;
        header.check_tables(bytes.size_bytes())?;
        header.read_extensions(bytes, header_bytes)?;
        header.cut_bytes = header.virtual_size_bytes % 512;
        header.virtual_size_bytes -= header.cut_bytes;
        Ok(header)
    }

    pub(crate) fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// The bytes of one L2 entry.
    pub(crate) fn l2_entry_bytes(&self) -> u64 {
        if self.extended_l2 { 16 } else { 8 }
    }

    /// The guest bytes that one L2 table maps.
    pub(crate) fn l2_covers_bytes(&self) -> u64 {
        (self.cluster_bytes() / self.l2_entry_bytes()) << self.cluster_bits
    }

    fn check_sizes(&self, refcount_order: u32, header_bytes: u32) -> Result<(), Rejection> {
        let least = if self.version == 2 { V2_HEADER_BYTES } else { V3_HEADER_BYTES };
        if header_bytes < least || u64::from(header_bytes) > self.cluster_bytes() {
            return Err(Rejection::corrupt(100, "the header's length is impossible"));
        }
        if refcount_order > 6 {
            return Err(Rejection::corrupt(96, "the reference counts' width is impossible"));
        }
        if self.extended_l2 && self.cluster_bits < 14 {
            return Err(Rejection::corrupt(20, "subclusters need clusters of at least 16 KiB"));
        }
        Ok(())
    }

    fn check_tables(&self, file_bytes: u64) -> Result<(), Rejection> {
        let needed = self.virtual_size_bytes.div_ceil(self.l2_covers_bytes());
        if self.l1_entries < needed {
            return Err(Rejection::corrupt(36, "the L1 table is too short for the disk"));
        }
        let l1_bytes = self.l1_entries * 8;
        if l1_bytes > MAX_L1_BYTES {
            return Err(Rejection::corrupt(36, "the L1 table is larger than 32 MiB"));
        }
        if l1_bytes > 0 {
            self.check_place(40, "the L1 table", self.l1_offset, l1_bytes, file_bytes)?;
        }
        let refcount_table_bytes = self.refcount_table_clusters << self.cluster_bits;
        if self.refcount_table_clusters == 0 {
            return Err(Rejection::corrupt(56, "there is no refcount table"));
        }
        if refcount_table_bytes > MAX_REFCOUNT_TABLE_BYTES.max(self.cluster_bytes()) {
            return Err(Rejection::corrupt(56, "the refcount table is larger than 8 MiB"));
        }
        let (offset, len) = (self.refcount_table_offset, refcount_table_bytes);
        self.check_place(48, "the refcount table", offset, len, file_bytes)?;
        if self.snapshots > MAX_SNAPSHOTS {
            return Err(Rejection::corrupt(60, "there are more than 65,536 internal snapshots"));
        }
        if self.snapshots > 0 {
            // Forty bytes is the least that an entry of the snapshot table has.
            let least = u64::from(self.snapshots) * 40;
            let offset = self.snapshots_offset;
            self.check_place(64, "the snapshot table", offset, least, file_bytes)?;
        }
        Ok(())
    }

    /// Checks that a table named by the header is aligned and lies in the file, after the header.
    fn check_place(&self, field: u64, what: &str, offset: u64, len: u64, file_bytes: u64) -> Result<(), Rejection> {
        if !offset.is_multiple_of(self.cluster_bytes()) {
            return Err(Rejection::corrupt(field, format!("{what} is not aligned to a cluster")));
        }
        if offset == 0 {
            return Err(Rejection::corrupt(field, format!("{what} overlaps the header")));
        }
        match offset.checked_add(len) {
            Some(end) if end <= file_bytes => Ok(()),
            _ => Err(self.outside(field, what, offset)),
        }
    }

    /// A refusal of something that the file does not have.
    pub(crate) fn outside(&self, at: u64, what: &str, offset: u64) -> Rejection {
        Rejection::outside(at, what, offset, self.virtual_size_bytes)
    }

    /// Looks at every header extension up to the end mark or the end of the first cluster.
    fn read_extensions(&mut self, bytes: &dyn ReadAt, start: u32) -> Result<(), Rejection> {
        let cluster_bytes = self.cluster_bytes() as usize; // At most 2 MiB.
        // An extension is looked at by its head and its first bytes; 64 KiB holds hundreds.
        let mut window = Vec::new();
        let mut window_at = 0_usize;
        let mut at = start as usize;
        while at + 8 <= cluster_bytes {
            if window.is_empty() || at + 40 > window_at + window.len() {
                window_at = at;
                let len = (cluster_bytes - at).min(EXTENSION_WINDOW_BYTES);
                window = read_up_to(bytes, at as u64, len).map_err(|error| Rejection::unread(at as u64, &error))?;
            }
            let Some(rest) = window.get(at - window_at..).filter(|rest| rest.len() >= 8) else {
                return Err(Rejection::truncated(at as u64, "the header's extensions are cut off"));
            };
            let (magic, len) = (u32_at(rest, 0), u32_at(rest, 4) as usize);
            if magic == EXT_END {
                return Ok(());
            }
            if len > cluster_bytes - at - 8 {
                return Err(Rejection::corrupt(at as u64, "a header extension leaves the header"));
            }
            self.take_extension(at as u64, magic, &rest[8..])?;
            at += 8 + len.next_multiple_of(8);
        }
        Ok(())
    }

    fn take_extension(&mut self, at: u64, magic: u32, body: &[u8]) -> Result<(), Rejection> {
        match magic {
            EXT_BACKING_FORMAT => {
                Err(Rejection::new(Rule::ExternalReference, at, "the header names the format of a backing file"))
            }
            EXT_DATA_FILE => Err(Rejection::new(Rule::ExternalReference, at, "the header names an external data file")),
            EXT_CRYPTO => Err(Rejection::new(Rule::Encrypted, at, "the file is encrypted")),
            EXT_BITMAPS => {
                self.bitmaps = if body.len() >= 4 { u32_at(body, 0) } else { 0 };
                Ok(())
            }
            // Feature names, and what newer versions add: "unknown extensions are ignored".
            _ => Ok(()),
        }
    }
}

const EXTENSION_WINDOW_BYTES: usize = 64 << 10;

fn refuse_backing_and_encryption(head: &[u8]) -> Result<(), Rejection> {
    if u64_at(head, 8) != 0 {
        return Err(Rejection::new(Rule::ExternalReference, 8, "the file needs a backing file"));
    }
    match u32_at(head, 32) {
        0 => Ok(()),
        _ => Err(Rejection::new(Rule::Encrypted, 32, "the file is encrypted")),
    }
}

fn refuse_features(incompatible: u64) -> Result<(), Rejection> {
    if incompatible & DATA_FILE != 0 {
        return Err(Rejection::new(Rule::ExternalReference, 72, "the file keeps its data in another file"));
    }
    if incompatible & CORRUPT != 0 {
        return Err(Rejection::corrupt(72, "the file is marked corrupt"));
    }
    let unknown = incompatible & !(DIRTY | COMPRESSION_TYPE | EXTENDED_L2);
    if unknown != 0 {
        return Err(Rejection::new(
            Rule::UnsupportedFeature,
            72,
            format!("the file needs features that are not known here ({unknown:#x})"),
        ));
    }
    Ok(())
}

fn compression(head: &[u8], incompatible: u64, header_bytes: u32) -> Result<Compression, Rejection> {
    let has_field = header_bytes as usize > COMPRESSION_TYPE_AT;
    let kind = if has_field { head.get(COMPRESSION_TYPE_AT).copied().unwrap_or(0) } else { 0 };
    let at = COMPRESSION_TYPE_AT as u64;
    match (kind, incompatible & COMPRESSION_TYPE != 0) {
        (0, false) => Ok(Compression::Deflate),
        (1, true) => Ok(Compression::Zstd),
        (0, true) | (1, false) => Err(Rejection::corrupt(at, "the compression type contradicts the feature bit")),
        (other, _) => {
            Err(Rejection::new(Rule::UnsupportedFeature, at, format!("the compression type {other} is not known")))
        }
    }
}
