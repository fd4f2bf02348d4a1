//! Microsoft's VHDX: headers, regions, metadata, and a table of blocks.
//!
//! The format is Microsoft's MS-VHDX. The first megabyte has two headers (the one with the higher sequence number
//! holds) and two copies of the region table, each with a CRC-32C:
//!
//! ```text
//! headers       -> log (must be empty)
//! region tables -> metadata: sizes, has a parent?
//!               -> block table -> block
//! ```
//!
//! Like QEMU we take disks with sectors of 512 bytes. A log with entries is a file that was not closed: what the disk
//! is would depend on who replays it.

mod header;
mod metadata;
mod regions;
mod sum;

use crate::blocks::{Block, Blocks, Layout, Tables, Visit};
use crate::extent::Runs;
use crate::fields::le::u64_at;
use crate::table::{Table, Words};
use crate::{Disk, DiskExtents, Extent, Kind, Limits, ReadAt, Rejection, Rule};

use metadata::Metadata;
use regions::Region;

/// Regions and blocks begin at multiples of this.
const MEGABYTE: u64 = 1 << 20;
/// Sector bitmaps map this many sectors each; only disks with a parent have any, but the table has room for them.
const SECTORS_PER_BITMAP: u64 = 1 << 23;
const SECTOR_BYTES: u64 = 512;

/// A VHDX file that broke no rule.
pub(crate) struct File<'a> {
    bytes: &'a dyn ReadAt,
    metadata: Metadata,
    table: Region,
    /// After this many blocks the table has an entry for a sectors' bitmap.
    blocks_per_bitmap: u64,
}

/// Judges a file declared VHDX.
pub(crate) fn open<'a>(bytes: &'a dyn ReadAt, limits: &Limits) -> Result<File<'a>, Rejection> {
    let file_bytes = bytes.size_bytes();
    if file_bytes < MEGABYTE {
        return Err(Rejection::truncated(file_bytes, "the VHDX header section is cut off"));
    }
    let mut tables = Tables::default();
    tables.add(0, "the header section", 0..MEGABYTE, file_bytes)?;
    let log = header::log_of(bytes)?;
    log.add_to(&mut tables, "the log", file_bytes)?;
    let regions = regions::read(bytes)?;
    regions.metadata.add_to(&mut tables, "the metadata region", file_bytes)?;
    regions.block_table.add_to(&mut tables, "the block table's region", file_bytes)?;
    let metadata = Metadata::read(bytes, &regions.metadata)?;
    limits.allow(metadata.virtual_size_bytes)?;
    let blocks_per_bitmap = SECTORS_PER_BITMAP * SECTOR_BYTES / metadata.block_bytes;
    let file = File { bytes, metadata, table: regions.block_table, blocks_per_bitmap };
    file.check_blocks(tables)?;
    Ok(file)
}

impl File<'_> {
    fn blocks(&self) -> u64 {
        self.metadata.virtual_size_bytes.div_ceil(self.metadata.block_bytes)
    }

    fn table_bytes(&self) -> u64 {
        match self.blocks() {
            0 => 0,
            blocks => (blocks + (blocks - 1) / self.blocks_per_bitmap) * 8,
        }
    }

    fn check_blocks(&self, tables: Tables) -> Result<(), Rejection> {
        if self.table_bytes() > self.table.len {
            return Err(Rejection::corrupt(self.table.at, "the block table is too short for the disk"));
        }
        let layout = Layout {
            file_bytes: self.bytes.size_bytes(),
            virtual_size_bytes: self.metadata.virtual_size_bytes,
            block_bytes: self.metadata.block_bytes,
            tables,
        };
        layout.check(&|visit| self.each_block(visit))
    }

    fn each_block(&self, visit: &mut Visit<'_>) -> Result<(), Rejection> {
        let mut table = Table::new(self.bytes, self.table.offset, self.table_bytes());
        let mut index = 0_u64;
        while let Some((piece_at, piece)) = table.next_piece()? {
            for (nth, raw) in piece.chunks_exact(8).enumerate() {
                let at = piece_at + 8 * nth as u64;
                let is_bitmap = index % (self.blocks_per_bitmap + 1) == self.blocks_per_bitmap;
                index += 1;
                if is_bitmap {
                    continue;
                }
                if let Kind::Data { file_offset } =
                    place(u64_at(raw, 0)).map_err(|what| Rejection::corrupt(at, what))?
                {
                    visit(Block { at, start: file_offset, used_bytes: self.metadata.block_bytes })?;
                }
            }
        }
        Ok(())
    }
}

/// Reads an entry of the block table: three bits of state, and the block's place, in megabytes.
fn place(entry: u64) -> Result<Kind, &'static str> {
    match entry & 7 {
        // Not present, undefined, zero, unmapped; 5 is unmapped in the format's draft.
        0..=3 | 5 => Ok(Kind::Zero),
        6 if entry & (MEGABYTE - 1) & !7 != 0 => Err("an entry of the block table has reserved bits set"),
        6 => Ok(Kind::Data { file_offset: entry & !(MEGABYTE - 1) }),
        7 => Err("a block is partly another file's"),
        _ => Err("the state of a block is not known"),
    }
}

impl Disk for File<'_> {
    fn virtual_size_bytes(&self) -> u64 {
        self.metadata.virtual_size_bytes
    }

    fn extents(&self) -> DiskExtents<'_> {
        let mut table = Words::new(self.bytes);
        let end = self.table.offset + self.table_bytes();
        let place = move |index: u64| {
            let at = self.table.offset + 8 * (index + index / self.blocks_per_bitmap);
            place(u64::from_le_bytes(table.get(at, end)?)).map_err(|what| Rejection::corrupt(at, what))
        };
        let block_bytes = self.metadata.block_bytes;
        Box::new(Runs::new(Blocks { block_bytes, place }, 0, self.metadata.virtual_size_bytes))
    }

    fn inflate(&self, _: &Extent) -> Result<Vec<u8>, Rejection> {
        Err(Rejection::not_compressed())
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("vhdx::File").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

fn parent(at: u64) -> Rejection {
    Rejection::new(Rule::ExternalReference, at, "the file holds changes to another file")
        .with_remedy("Merge it into its parent (Merge-VHD), or convert both: qemu-img convert -O qcow2 OLD NEW.")
}
