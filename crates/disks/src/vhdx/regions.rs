//! The region tables: where the metadata and the block table are.

use crate::blocks::Tables;
use crate::fields::le::{u32_at, u64_at};
use crate::{ReadAt, Rejection, Rule};

use super::{MEGABYTE, sum};

const PLACES: [u64; 2] = [192 << 10, 256 << 10];
const TABLE_BYTES: usize = 64 << 10;
/// As many as fit.
const MAX_ENTRIES: u32 = 2047;

/// 2DC27766-F623-4200-9D64-115E9BFD4A08, as it lies in the file.
const BLOCK_TABLE: [u8; 16] =
    [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08];
/// 8B7CA206-4790-4B9A-B8FE-575F050F886E.
const METADATA: [u8; 16] =
    [0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e];

/// A part of the file that something owns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    /// Where it is named.
    pub at: u64,
    pub offset: u64,
    pub len: u64,
}

impl Region {
    pub(super) fn add_to(&self, tables: &mut Tables, what: &str, file_bytes: u64) -> Result<(), Rejection> {
        tables.add(self.at, what, self.offset..self.offset.saturating_add(self.len), file_bytes)
    }
}

pub(super) struct Regions {
    pub metadata: Region,
    pub block_table: Region,
}

/// Reads the first region table; the second is its copy, for readers that find the first damaged.
pub(super) fn read(bytes: &dyn ReadAt) -> Result<Regions, Rejection> {
    let [first, second] = PLACES.map(|at| {
        let mut table = vec![0; TABLE_BYTES];
        bytes.read_exact_at(&mut table, at).map_err(|error| Rejection::unread(at, &error)).map(|()| table)
    });
    let (first, second) = (first?, second?);
    if !first.starts_with(b"regi") {
        return Err(Rejection::corrupt(PLACES[0], "there is no region table"));
    }
    sum::check(&first, PLACES[0], "the region table")?;
    if second.starts_with(b"regi") && sum::is_right(&second) && first != second {
        return Err(Rejection::corrupt(PLACES[1], "the two region tables differ"));
    }
    let count = u32_at(&first, 8);
    if count > MAX_ENTRIES {
        return Err(Rejection::corrupt(PLACES[0] + 8, "the region table is longer than its place"));
    }
    let (mut metadata, mut block_table) = (None, None);
    for index in 0..count as usize {
        let (at, entry) = (PLACES[0] + 16 + 32 * index as u64, &first[16 + 32 * index..48 + 32 * index]);
        let region = Region { at, offset: u64_at(entry, 16), len: u64::from(u32_at(entry, 24)) };
        let place = match entry[..16].try_into().unwrap_or([0; 16]) {
            METADATA => &mut metadata,
            BLOCK_TABLE => &mut block_table,
            _ if u32_at(entry, 28) & 1 == 1 => {
                let message = "the file needs a region that is not known here";
                return Err(Rejection::new(Rule::UnsupportedFeature, at, message));
            }
            _ => continue,
        };
        if place.replace(region).is_some() {
            return Err(Rejection::corrupt(at, "a region is there twice"));
        }
        if !region.offset.is_multiple_of(MEGABYTE) || !region.len.is_multiple_of(MEGABYTE) || region.len == 0 {
            return Err(Rejection::corrupt(at, "a region is not aligned"));
        }
    }
    match (metadata, block_table) {
        (Some(metadata), Some(block_table)) => Ok(Regions { metadata, block_table }),
        _ => Err(Rejection::corrupt(PLACES[0], "the metadata or the block table is missing")),
    }
}
