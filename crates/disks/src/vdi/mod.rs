//! VirtualBox's VDI: one header, one map, blocks of one size.
//!
//! The layout is that of VirtualBox's `VDICore.h`; what is accepted is what QEMU's `block/vdi.c` reads: version 1.1,
//! blocks of 1 MiB, no parent. The map has a number for each block of the disk, counted in blocks from the data's
//! start; the two largest numbers stand for blocks that are not there and read as zeroes.

use crate::blocks::{Block, Blocks, Layout, Tables, Visit};
use crate::extent::Runs;
use crate::fields::le::{u32_at, u64_at};
use crate::read_at::read_up_to;
use crate::table::{Table, Words};
use crate::{Disk, DiskExtents, Extent, Kind, Limits, ReadAt, Rejection, Rule};

const HEADER_BYTES: usize = 512;
const VERSION_1_1: u32 = 0x0001_0001;
/// The only size of blocks that VirtualBox writes and QEMU reads.
const BLOCK_BYTES: u64 = 1 << 20;
const SECTOR_BYTES: u64 = 512;
/// A block that was discarded; the next number, all ones, is one that never was.
const DISCARDED: u32 = 0xffff_fffe;
/// UUIDs of other files that this one would need: the one it is linked to, and its parent.
const UUID_LINK: usize = 0x1a8;
const UUID_PARENT: usize = 0x1b8;

/// A VDI file that broke no rule.
pub(crate) struct File<'a> {
    bytes: &'a dyn ReadAt,
    header: Header,
}

#[derive(Debug)]
struct Header {
    virtual_size_bytes: u64,
    map_offset: u64,
    map_bytes: u64,
    data_offset: u64,
}

/// Judges a file declared VDI.
pub(crate) fn open<'a>(bytes: &'a dyn ReadAt, limits: &Limits) -> Result<File<'a>, Rejection> {
    let header = Header::read(bytes)?;
    limits.allow(header.virtual_size_bytes)?;
    let file = File { bytes, header };
    file.check_blocks()?;
    Ok(file)
}

impl Header {
    fn read(bytes: &dyn ReadAt) -> Result<Self, Rejection> {
        let head = read_up_to(bytes, 0, HEADER_BYTES).map_err(|error| Rejection::unread(0, &error))?;
        if head.len() < HEADER_BYTES {
            return Err(Rejection::truncated(head.len() as u64, "the VDI header is cut off"));
        }
        if u32_at(&head, 0x44) != VERSION_1_1 {
            return Err(Rejection::new(Rule::UnsupportedFeature, 0x44, "only version 1.1 of VDI is known here"));
        }
        refuse_parents(&head)?;
        let block_bytes = u64::from(u32_at(&head, 0x178));
        if block_bytes != BLOCK_BYTES || u32_at(&head, 0x17c) != 0 {
            return Err(Rejection::new(
                Rule::UnsupportedFeature,
                0x178,
                "blocks of other than 1 MiB are not known here",
            ));
        }
        if u64::from(u32_at(&head, 0x168)) != SECTOR_BYTES {
            return Err(Rejection::corrupt(0x168, "sectors have other than 512 bytes"));
        }
        let size_bytes = u64_at(&head, 0x170);
        // VirtualBox makes odd sizes from raw files; QEMU rounds them up, too.
        let virtual_size_bytes = size_bytes
            .checked_next_multiple_of(SECTOR_BYTES)
            .ok_or_else(|| Rejection::corrupt(0x170, "the disk's size is impossible"))?;
        let blocks = u64::from(u32_at(&head, 0x180));
        if virtual_size_bytes > blocks * BLOCK_BYTES {
            return Err(Rejection::corrupt(0x180, "the map is too short for the disk"));
        }
        let map_offset = u64::from(u32_at(&head, 0x154));
        let data_offset = u64::from(u32_at(&head, 0x158));
        for (at, offset) in [(0x154, map_offset), (0x158, data_offset)] {
            if !offset.is_multiple_of(SECTOR_BYTES) {
                return Err(Rejection::corrupt(at, "the map or the data is not aligned to a sector"));
            }
        }
        // Entries behind the disk's end are nobody's.
        let map_bytes = virtual_size_bytes.div_ceil(BLOCK_BYTES) * 4;
        Ok(Self { virtual_size_bytes, map_offset, map_bytes, data_offset })
    }
}

fn refuse_parents(head: &[u8]) -> Result<(), Rejection> {
    match u32_at(head, 0x4c) {
        1 | 2 => {}
        3 | 4 => {
            return Err(Rejection::new(Rule::ExternalReference, 0x4c, "the file holds changes to another file")
                .with_remedy("Write the disk into one file: VBoxManage clonemedium OLD NEW."));
        }
        other => {
            return Err(Rejection::new(Rule::UnsupportedFeature, 0x4c, format!("the image type {other} is not known")));
        }
    }
    for at in [UUID_LINK, UUID_PARENT] {
        if head[at..at + 16].iter().any(|byte| *byte != 0) {
            return Err(Rejection::new(Rule::ExternalReference, at as u64, "the file names a parent")
                .with_remedy("Write the disk into one file: VBoxManage clonemedium OLD NEW."));
        }
    }
    Ok(())
}

impl File<'_> {
    fn check_blocks(&self) -> Result<(), Rejection> {
        let (header, file_bytes) = (&self.header, self.bytes.size_bytes());
        let mut tables = Tables::default();
        tables.add(0, "the header", 0..HEADER_BYTES as u64, file_bytes)?;
        let map = header.map_offset..header.map_offset + header.map_bytes;
        tables.add(0x154, "the map", map, file_bytes)?;
        let virtual_size_bytes = header.virtual_size_bytes;
        let layout = Layout { file_bytes, virtual_size_bytes, block_bytes: BLOCK_BYTES, tables };
        layout.check(&|visit| self.each_block(visit))
    }

    fn each_block(&self, visit: &mut Visit<'_>) -> Result<(), Rejection> {
        let header = &self.header;
        let mut table = Table::new(self.bytes, header.map_offset, header.map_bytes);
        let mut left = header.virtual_size_bytes;
        while let Some((piece_at, piece)) = table.next_piece()? {
            for (index, raw) in piece.chunks_exact(4).enumerate() {
                let entry = u32_at(raw, 0);
                if entry < DISCARDED {
                    let start = header.data_offset + u64::from(entry) * BLOCK_BYTES;
                    visit(Block { at: piece_at + 4 * index as u64, start, used_bytes: left.min(BLOCK_BYTES) })?;
                }
                left = left.saturating_sub(BLOCK_BYTES);
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
        let mut map = Words::new(self.bytes);
        let place = move |index: u64| {
            let entry = map.get(header.map_offset + index * 4, header.map_offset + header.map_bytes)?;
            Ok(match u32::from_le_bytes(entry) {
                DISCARDED.. => Kind::Zero,
                entry => Kind::Data { file_offset: header.data_offset + u64::from(entry) * BLOCK_BYTES },
            })
        };
        Box::new(Runs::new(Blocks { block_bytes: BLOCK_BYTES, place }, 0, header.virtual_size_bytes))
    }

    fn inflate(&self, _: &Extent) -> Result<Vec<u8>, Rejection> {
        Err(Rejection::not_compressed())
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("vdi::File").field("header", &self.header).finish_non_exhaustive()
    }
}
