//! VMware's VMDK in one file: sparse extents, and streams of compressed grains.
//!
//! The format is VMware's "Virtual Disk Format 5.0". A file is a header, a text that describes the disk, and two levels
//! of tables (grain directory, grain tables) that say which sectors hold a *grain* of the disk:
//!
//! ```text
//! header -> descriptor: createType, the one extent, no parent
//!        -> grain directory -> grain table -> grain | marker, compressed grain
//! footer (a stream's last but one sector): the header again, with the directory's place
//! ```
//!
//! A text alone, and a text that names anything but the file it lies in, is refused: QEMU and others open what it names.

mod descriptor;
mod grain;
mod header;

use crate::blocks::{Block, Blocks, Layout, Tables, Visit};
use crate::extent::Runs;
use crate::fields::le::u32_at;
use crate::read_at::read_up_to;
use crate::table::{Table, Words};
use crate::{Disk, DiskExtents, Extent, Kind, Limits, ReadAt, Rejection, Rule};

use header::{Header, SECTOR_BYTES};

/// A grain table has this many entries (numGTEsPerGT).
const TABLE_ENTRIES: u64 = 512;
const TABLE_BYTES: u64 = TABLE_ENTRIES * 4;
/// A grain of zeroes, where the header says that there are such.
const ZERO_GRAIN: u32 = 1;
/// The directory of a disk of 32 TiB with the usual grains; it is held in memory for a while.
const MAX_DIRECTORY_ENTRIES: u64 = 1 << 20;

/// A VMDK file that broke no rule.
pub(crate) struct File<'a> {
    bytes: &'a dyn ReadAt,
    header: Header,
}

/// Judges a file declared VMDK.
pub(crate) fn open<'a>(bytes: &'a dyn ReadAt, limits: &Limits) -> Result<File<'a>, Rejection> {
    let head = read_up_to(bytes, 0, SECTOR_BYTES as usize).map_err(|error| Rejection::unread(0, &error))?;
    if !head.starts_with(b"KDMV") {
        return Err(refuse_other_kinds(&head));
    }
    let header = Header::read(bytes, &head)?;
    limits.allow(header.virtual_size_bytes)?;
    descriptor::check(bytes, &header)?;
    let file = File { bytes, header };
    file.check_grains()?;
    Ok(file)
}

/// VMDK comes in kinds that have little but the name in common.
fn refuse_other_kinds(head: &[u8]) -> Rejection {
    let (rule, message) = match head {
        [b'C', b'O', b'W', b'D', ..] => (Rule::UnsupportedFeature, "the file is an extent of an old ESX disk"),
        [0xbe, 0xba, 0xfe, 0xca, ..] => {
            (Rule::UnsupportedFeature, "the file is a space-efficient extent of an ESX disk")
        }
        _ => (Rule::ExternalReference, "the file is a text that names the files of a disk"),
    };
    Rejection::new(rule, 0, message).with_remedy(descriptor::REMEDY)
}

impl File<'_> {
    fn directory_entries(&self) -> u64 {
        self.header.virtual_size_bytes.div_ceil(self.header.grain_bytes * TABLE_ENTRIES)
    }

    fn check_grains(&self) -> Result<(), Rejection> {
        let (header, file_bytes) = (&self.header, self.bytes.size_bytes());
        let entries = self.directory_entries();
        if entries > MAX_DIRECTORY_ENTRIES {
            return Err(Rejection::new(
                Rule::UnsupportedFeature,
                12,
                "the grain directory is larger than is read here",
            ));
        }
        let mut tables = Tables::default();
        tables.add(0, "the header", 0..SECTOR_BYTES, file_bytes)?;
        tables.add(28, "the descriptor", header.descriptor.clone(), file_bytes)?;
        let directory = header.directory_offset..header.directory_offset.saturating_add(entries * 4);
        tables.add(header.directory_at, "the grain directory", directory, file_bytes)?;
        if !tables.add_pages(self.grain_tables()?, TABLE_BYTES) {
            return Err(Rejection::corrupt(header.directory_offset, "a grain table overlaps another table")
                .or_amplification(self.has_a_table_twice()?, "a grain table is used more than once"));
        }
        // Where compressed grains end is in the file only; grain::inflate looks at it.
        let block_bytes = if header.compressed { SECTOR_BYTES } else { header.grain_bytes };
        let virtual_size_bytes = header.virtual_size_bytes;
        let layout = Layout { file_bytes, virtual_size_bytes, block_bytes, tables };
        layout.check(&|visit| self.each_grain(visit))
    }

    /// The first sectors of all grain tables, in the directory's order; each lies in the file.
    fn grain_tables(&self) -> Result<Vec<u32>, Rejection> {
        let mut found = Vec::new();
        let mut directory = Table::new(self.bytes, self.header.directory_offset, self.directory_entries() * 4);
        while let Some((piece_at, piece)) = directory.next_piece()? {
            for (index, raw) in piece.chunks_exact(4).enumerate() {
                let sector = u32_at(raw, 0);
                let end = u64::from(sector) * SECTOR_BYTES + TABLE_BYTES;
                if sector != 0 && end > self.bytes.size_bytes() {
                    let at = piece_at + 4 * index as u64;
                    return Err(self.header.outside(at, "a grain table", end - TABLE_BYTES));
                }
                found.extend((sector != 0).then_some(sector));
            }
        }
        Ok(found)
    }

    fn has_a_table_twice(&self) -> Result<bool, Rejection> {
        let mut tables = self.grain_tables()?;
        tables.sort_unstable();
        Ok(tables.windows(2).any(|two| two[0] == two[1]))
    }

    fn each_grain(&self, visit: &mut Visit<'_>) -> Result<(), Rejection> {
        let mut grains = Table::new(self.bytes, 0, 0);
        let mut directory = Table::new(self.bytes, self.header.directory_offset, self.directory_entries() * 4);
        let table_covers = self.header.grain_bytes * TABLE_ENTRIES;
        let mut guest = 0_u64;
        while let Some((_, piece)) = directory.next_piece()? {
            for raw in piece.chunks_exact(4) {
                let sector = u32_at(raw, 0);
                if sector != 0 {
                    grains.restart(u64::from(sector) * SECTOR_BYTES, TABLE_BYTES);
                    self.each_grain_of(&mut grains, guest, visit)?;
                }
                guest += table_covers;
            }
        }
        Ok(())
    }

    fn each_grain_of(&self, table: &mut Table<'_>, mut guest: u64, visit: &mut Visit<'_>) -> Result<(), Rejection> {
        let header = &self.header;
        while let Some((piece_at, piece)) = table.next_piece()? {
            for (index, raw) in piece.chunks_exact(4).enumerate() {
                let left = header.virtual_size_bytes.saturating_sub(guest);
                guest += header.grain_bytes;
                let sector = u32_at(raw, 0);
                if left == 0 || !header.is_there(sector) {
                    continue;
                }
                let used_bytes = if header.compressed { SECTOR_BYTES } else { left.min(header.grain_bytes) };
                let start = u64::from(sector) * SECTOR_BYTES;
                visit(Block { at: piece_at + 4 * index as u64, start, used_bytes })?;
            }
        }
        Ok(())
    }
}

impl Disk for File<'_> {
    fn virtual_size_bytes(&self) -> u64 {
        self.header.virtual_size_bytes
    }

    fn extents(&self) -> DiskExtents<'_> {
        let header = &self.header;
        let (mut directory, mut tables) = (Words::new(self.bytes), Words::new(self.bytes));
        let directory_end = header.directory_offset + self.directory_entries() * 4;
        let place = move |index: u64| {
            let at = header.directory_offset + index / TABLE_ENTRIES * 4;
            let table = u64::from(u32::from_le_bytes(directory.get(at, directory_end)?)) * SECTOR_BYTES;
            if table == 0 {
                return Ok(Kind::Zero);
            }
            let at = table + index % TABLE_ENTRIES * 4;
            let sector = u32::from_le_bytes(tables.get(at, table + TABLE_BYTES)?);
            let file_offset = u64::from(sector) * SECTOR_BYTES;
            Ok(match (header.is_there(sector), header.compressed) {
                (false, _) => Kind::Zero,
                (true, false) => Kind::Data { file_offset },
                (true, true) => Kind::Compressed { file_offset, len: grain::longest(header.grain_bytes) },
            })
        };
        Box::new(Runs::new(Blocks { block_bytes: header.grain_bytes, place }, 0, header.virtual_size_bytes))
    }

    fn inflate(&self, extent: &Extent) -> Result<Vec<u8>, Rejection> {
        match extent.kind {
            Kind::Compressed { file_offset, .. } => grain::inflate(self.bytes, &self.header, extent, file_offset),
            _ => Err(Rejection::not_compressed()),
        }
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("vmdk::File").field("header", &self.header).finish_non_exhaustive()
    }
}
