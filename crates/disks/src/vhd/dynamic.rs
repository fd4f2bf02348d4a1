//! Dynamic disks: a header and a table of blocks.

use crate::blocks::{Block, Blocks, Layout, Tables, Visit};
use crate::extent::Runs;
use crate::fields::be::{u32_at, u64_at};
use crate::table::{Table, Words};
use crate::{Disk, DiskExtents, Extent, Kind, ReadAt, Rejection, Rule};

use super::footer::{FOOTER_BYTES, Footer, check_sum};

const HEADER_BYTES: u64 = 1024;
const CHECKSUM_AT: usize = 36;
const VERSION_1_0: u32 = 0x0001_0000;
const SECTOR_BYTES: u64 = 512;
/// Microsoft writes 2 MiB and 512 KiB; smaller blocks than a page, or larger than any program writes, are nonsense.
const BLOCK_BYTES: std::ops::RangeInclusive<u64> = 4096..=256 << 20;
/// The entry of a block that is not there.
const UNUSED: u32 = u32::MAX;
/// Where the header speaks of a parent: its id, its name, and eight places where it may be found.
const PARENTS: [std::ops::Range<usize>; 2] = [40..56, 64..768];

/// A dynamic disk that broke no rule.
pub(super) struct File<'a> {
    bytes: &'a dyn ReadAt,
    virtual_size_bytes: u64,
    block_bytes: u64,
    /// The sectors' bitmap before each block.
    bitmap_bytes: u64,
    table_offset: u64,
    table_bytes: u64,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a dyn ReadAt, footer: &Footer) -> Result<Self, Rejection> {
        let (at, file_bytes) = (footer.header_offset, bytes.size_bytes());
        let mut tables = Tables::default();
        tables.add(0, "the footer's copy", 0..FOOTER_BYTES, file_bytes)?;
        tables.add(file_bytes - FOOTER_BYTES, "the footer", file_bytes - FOOTER_BYTES..file_bytes, file_bytes)?;
        tables.add(16, "the dynamic header", at..at.saturating_add(HEADER_BYTES), file_bytes)?;
        let mut header = [0; HEADER_BYTES as usize];
        bytes.read_exact_at(&mut header, at).map_err(|error| Rejection::unread(at, &error))?;
        let file = Self::of_header(bytes, footer, &header)?;
        let table = file.table_offset..file.table_offset.saturating_add(file.table_bytes);
        tables.add(at + 16, "the block table", table, file_bytes)?;
        let layout = Layout {
            file_bytes,
            virtual_size_bytes: file.virtual_size_bytes,
            block_bytes: file.bitmap_bytes + file.block_bytes,
            tables,
        };
        layout.check(&|visit| file.each_block(visit))?;
        Ok(file)
    }

    fn of_header(bytes: &'a dyn ReadAt, footer: &Footer, header: &[u8]) -> Result<Self, Rejection> {
        let at = footer.header_offset;
        if !header.starts_with(b"cxsparse") {
            return Err(Rejection::corrupt(at, "there is no dynamic header where the footer says"));
        }
        check_sum(header, CHECKSUM_AT, at, "the dynamic header")?;
        if u32_at(header, 24) != VERSION_1_0 {
            return Err(Rejection::new(Rule::UnsupportedFeature, at + 24, "only version 1.0 of VHD is known here"));
        }
        for parent in PARENTS {
            if header[parent.clone()].iter().any(|byte| *byte != 0) {
                return Err(Rejection::new(
                    Rule::ExternalReference,
                    at + parent.start as u64,
                    "a dynamic disk names a parent",
                ));
            }
        }
        let block_bytes = u64::from(u32_at(header, 32));
        if !block_bytes.is_power_of_two() || !BLOCK_BYTES.contains(&block_bytes) {
            return Err(Rejection::corrupt(at + 32, "the size of blocks is impossible"));
        }
        let blocks = footer.virtual_size_bytes.div_ceil(block_bytes);
        if blocks > u64::from(u32_at(header, 28)) {
            return Err(Rejection::corrupt(at + 28, "the block table is too short for the disk"));
        }
        Ok(Self {
            bytes,
            virtual_size_bytes: footer.virtual_size_bytes,
            block_bytes,
            bitmap_bytes: (block_bytes / SECTOR_BYTES).div_ceil(8).next_multiple_of(SECTOR_BYTES),
            table_offset: u64_at(header, 16),
            table_bytes: blocks * 4,
        })
    }

    fn each_block(&self, visit: &mut Visit<'_>) -> Result<(), Rejection> {
        let mut table = Table::new(self.bytes, self.table_offset, self.table_bytes);
        while let Some((piece_at, piece)) = table.next_piece()? {
            for (index, raw) in piece.chunks_exact(4).enumerate() {
                let sector = u32_at(raw, 0);
                if sector != UNUSED {
                    let (at, start) = (piece_at + 4 * index as u64, u64::from(sector) * SECTOR_BYTES);
                    visit(Block { at, start, used_bytes: self.bitmap_bytes + self.block_bytes })?;
                }
            }
        }
        Ok(())
    }
}

impl Disk for File<'_> {
    fn virtual_size_bytes(&self) -> u64 {
        self.virtual_size_bytes
    }

    fn extents(&self) -> DiskExtents<'_> {
        let mut table = Words::new(self.bytes);
        let place = move |index: u64| {
            let sector = table.get(self.table_offset + index * 4, self.table_offset + self.table_bytes)?;
            Ok(match u32::from_be_bytes(sector) {
                UNUSED => Kind::Zero,
                sector => Kind::Data { file_offset: u64::from(sector) * SECTOR_BYTES + self.bitmap_bytes },
            })
        };
        Box::new(Runs::new(Blocks { block_bytes: self.block_bytes, place }, 0, self.virtual_size_bytes))
    }

    fn inflate(&self, _: &Extent) -> Result<Vec<u8>, Rejection> {
        Err(Rejection::not_compressed())
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { virtual_size_bytes, block_bytes, .. } = self;
        write!(f, "vhd::dynamic::File {{ {virtual_size_bytes} bytes in blocks of {block_bytes} }}")
    }
}
