//! Formats of blocks: a table says where in the file each block of the disk lies.
//!
//! VDI, VHD, VHDX and VMDK differ in their tables and in the size of a block; that blocks lie in the file, apart from
//! one another and from the tables, is checked here for all of them.

use std::ops::Range;

use crate::claims::Claims;
use crate::extent::{Extent, Kind, Step};
use crate::{Rejection, Rule};

const SECTOR_BYTES: u64 = 512;

/// A block that a table names.
pub(crate) struct Block {
    /// Where the table's entry is.
    pub at: u64,
    /// Where the block begins.
    pub start: u64,
    /// How much of it the file must have.
    pub used_bytes: u64,
}

/// Takes one block after another.
pub(crate) type Visit<'v> = dyn FnMut(Block) -> Result<(), Rejection> + 'v;

/// The sizes of a file, and its tables.
pub(crate) struct Layout {
    pub file_bytes: u64,
    pub virtual_size_bytes: u64,
    /// The bytes of the file that a block takes.
    pub block_bytes: u64,
    pub tables: Tables,
}

impl Layout {
    /// Checks that each block that `each` visits is in the file, and apart from tables and other blocks.
    ///
    /// A bit for each block is enough where all of them begin at the same place of their length, as they do in files
    /// that honest programs write; otherwise there is a bit for each sector. A long file is walked several times.
    ///
    /// # Errors
    /// The first rule that a block breaks.
    pub(crate) fn check(&self, each: &dyn Fn(&mut Visit<'_>) -> Result<(), Rejection>) -> Result<(), Rejection> {
        if self.take_blocks(each)? {
            return Ok(());
        }
        let sectors = self.file_bytes.div_ceil(SECTOR_BYTES);
        for window in Claims::windows(sectors) {
            let mut claims = Claims::new(window);
            each(&mut |block| {
                let end = block.start.saturating_add(self.block_bytes).min(self.file_bytes);
                match claims.take_all(block.start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)) {
                    true => Ok(()),
                    false => Err(shared(&block)),
                }
            })?;
        }
        Ok(())
    }

    /// Takes each block as one; false when they do not all begin at the same place of their length.
    fn take_blocks(&self, each: &dyn Fn(&mut Visit<'_>) -> Result<(), Rejection>) -> Result<bool, Rejection> {
        let mut phase = None;
        let mut in_phase = true;
        for window in Claims::windows(self.file_bytes.div_ceil(self.block_bytes)) {
            let mut claims = Claims::new(window);
            each(&mut |block| {
                self.check_place(&block)?;
                let within = block.start % self.block_bytes;
                in_phase &= *phase.get_or_insert(within) == within;
                match claims.take(block.start / self.block_bytes) {
                    true => Ok(()),
                    false => Err(shared(&block)),
                }
            })?;
        }
        Ok(in_phase)
    }

    fn check_place(&self, block: &Block) -> Result<(), Rejection> {
        if block.start.checked_add(block.used_bytes).is_none_or(|end| end > self.file_bytes) {
            return Err(Rejection::outside(block.at, "a block", block.start, self.virtual_size_bytes));
        }
        if self.tables.touch(block.start, block.start.saturating_add(self.block_bytes)) {
            return Err(Rejection::corrupt(block.at, "a block overlaps a table"));
        }
        Ok(())
    }
}

fn shared(block: &Block) -> Rejection {
    Rejection::new(Rule::Amplification, block.at, "a block is used more than once")
}

/// The places of headers and tables.
#[derive(Default)]
pub(crate) struct Tables {
    few: Vec<Range<u64>>,
    /// Many of one length, in order.
    pages: Vec<u32>,
    page_bytes: u64,
}

impl Tables {
    /// Adds a table that is named at `at`.
    pub(crate) fn add(&mut self, at: u64, what: &str, range: Range<u64>, file_bytes: u64) -> Result<(), Rejection> {
        if range.end > file_bytes || range.start > range.end {
            return Err(Rejection::outside(at, what, range.start, file_bytes));
        }
        if self.touch(range.start, range.end) {
            return Err(Rejection::corrupt(at, format!("{what} overlaps another table")));
        }
        self.few.push(range);
        Ok(())
    }

    /// Adds many tables of one length, named by their first sectors; false when one touches another or a table.
    pub(crate) fn add_pages(&mut self, mut sectors: Vec<u32>, page_bytes: u64) -> bool {
        sectors.sort_unstable();
        let page_sectors = page_bytes.div_ceil(SECTOR_BYTES);
        let apart = sectors.windows(2).all(|two| u64::from(two[1]) - u64::from(two[0]) >= page_sectors);
        let free = sectors.iter().map(|sector| u64::from(*sector) * SECTOR_BYTES);
        let free = free.map(|start| self.touch(start, start + page_bytes)).all(|touches| !touches);
        (self.pages, self.page_bytes) = (sectors, page_bytes);
        apart && free
    }

    fn touch(&self, start: u64, end: u64) -> bool {
        if self.few.iter().any(|table| table.start < end && start < table.end) {
            return true;
        }
        let page_start = |page: &u32| u64::from(*page) * SECTOR_BYTES;
        let behind = self.pages.partition_point(|page| page_start(page) + self.page_bytes <= start);
        self.pages.get(behind).is_some_and(|page| page_start(page) < end)
    }
}

/// A disk of blocks, asked for one block at a time.
pub(crate) struct Blocks<F> {
    pub block_bytes: u64,
    /// Where a block is, by its number.
    pub place: F,
}

impl<F: FnMut(u64) -> Result<Kind, Rejection>> Step for Blocks<F> {
    fn step(&mut self, at: u64, end: u64) -> Result<Extent, Rejection> {
        let within = at % self.block_bytes;
        let kind = match (self.place)(at / self.block_bytes)? {
            Kind::Data { file_offset } => Kind::Data { file_offset: file_offset + within },
            other => other,
        };
        Ok(Extent { guest_offset: at, len: (self.block_bytes - within).min(end - at), kind })
    }
}
