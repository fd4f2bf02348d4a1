//! The metadata: the sizes of disk, blocks and sectors, and whether there is a parent.

use crate::fields::le::{u16_at, u32_at, u64_at};
use crate::{ReadAt, Rejection, Rule};

use super::regions::Region;
use super::{MEGABYTE, SECTOR_BYTES, parent};

/// The table is the region's first 64 KiB; the items are behind it.
const TABLE_BYTES: usize = 64 << 10;
const MAX_ENTRIES: u16 = 2047;
const MAX_BLOCK_BYTES: u64 = 256 << 20;
/// 64 TiB, the format's limit.
const MAX_DISK_BYTES: u64 = 64 << 40;

/// Items by their ids, as they lie in the file.
const FILE_PARAMETERS: [u8; 16] =
    [0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b];
const DISK_SIZE: [u8; 16] =
    [0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8];
const DISK_ID: [u8; 16] =
    [0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46];
const LOGICAL_SECTOR: [u8; 16] =
    [0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f];
const PHYSICAL_SECTOR: [u8; 16] =
    [0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56];
const PARENT_LOCATOR: [u8; 16] =
    [0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c];

#[derive(Debug)]
pub(super) struct Metadata {
    pub virtual_size_bytes: u64,
    pub block_bytes: u64,
}

/// Items that are there, each where it was found.
#[derive(Default)]
struct Items {
    parameters: Option<(u64, [u8; 8])>,
    disk_bytes: Option<(u64, [u8; 8])>,
    disk_id: Option<(u64, [u8; 8])>,
    logical_sector: Option<(u64, [u8; 8])>,
    physical_sector: Option<(u64, [u8; 8])>,
}

impl Metadata {
    pub(super) fn read(bytes: &dyn ReadAt, region: &Region) -> Result<Self, Rejection> {
        Items::read(bytes, region)?.into_metadata(region.offset)
    }
}

impl Items {
    fn read(bytes: &dyn ReadAt, region: &Region) -> Result<Self, Rejection> {
        let mut table = vec![0; TABLE_BYTES];
        bytes.read_exact_at(&mut table, region.offset).map_err(|error| Rejection::unread(region.offset, &error))?;
        if !table.starts_with(b"metadata") {
            return Err(Rejection::corrupt(region.offset, "there is no metadata where the region table says"));
        }
        let count = u16_at(&table, 10);
        if count > MAX_ENTRIES {
            return Err(Rejection::corrupt(region.offset + 10, "the metadata table is longer than its place"));
        }
        let mut items = Self::default();
        for index in 1..=usize::from(count) {
            let (at, entry) = (region.offset + 32 * index as u64, &table[32 * index..32 * index + 32]);
            items.take(bytes, region, at, entry)?;
        }
        Ok(items)
    }

    fn take(&mut self, bytes: &dyn ReadAt, region: &Region, at: u64, entry: &[u8]) -> Result<(), Rejection> {
        let (item, len) = match entry[..16].try_into().unwrap_or([0; 16]) {
            FILE_PARAMETERS => (&mut self.parameters, 8),
            DISK_SIZE => (&mut self.disk_bytes, 8),
            DISK_ID => (&mut self.disk_id, 16),
            LOGICAL_SECTOR => (&mut self.logical_sector, 4),
            PHYSICAL_SECTOR => (&mut self.physical_sector, 4),
            PARENT_LOCATOR => return Err(parent(at)),
            // A reader that does not know a required item must not read the disk.
            _ if u32_at(entry, 24) & 4 != 0 => {
                let message = "the file needs metadata that is not known here";
                return Err(Rejection::new(Rule::UnsupportedFeature, at, message));
            }
            _ => return Ok(()),
        };
        let (offset, stated) = (u64::from(u32_at(entry, 16)), u64::from(u32_at(entry, 20)));
        if stated < len || offset < TABLE_BYTES as u64 || offset + stated > region.len {
            return Err(Rejection::corrupt(at + 16, "an item of the metadata is not where it can be"));
        }
        let mut value = [0; 8];
        let used = &mut value[..len.min(8) as usize];
        bytes.read_exact_at(used, region.offset + offset).map_err(|error| Rejection::unread(at, &error))?;
        if item.replace((region.offset + offset, value)).is_some() {
            return Err(Rejection::corrupt(at, "an item of the metadata is there twice"));
        }
        Ok(())
    }

    fn into_metadata(self, at: u64) -> Result<Metadata, Rejection> {
        let (
            Some((parameters_at, parameters)),
            Some((size_at, size)),
            Some(_),
            Some((sector_at, sector)),
            Some((physical_at, physical)),
        ) = (self.parameters, self.disk_bytes, self.disk_id, self.logical_sector, self.physical_sector)
        else {
            return Err(Rejection::corrupt(at, "the metadata lacks a size that every disk has"));
        };
        if u32_at(&parameters, 4) & 2 != 0 {
            return Err(parent(parameters_at + 4));
        }
        if u32_at(&parameters, 4) & !3 != 0 {
            return Err(Rejection::corrupt(parameters_at + 4, "the file parameters have reserved bits set"));
        }
        let block_bytes = u64::from(u32_at(&parameters, 0));
        if !block_bytes.is_power_of_two() || !(MEGABYTE..=MAX_BLOCK_BYTES).contains(&block_bytes) {
            return Err(Rejection::corrupt(parameters_at, "the size of blocks is impossible"));
        }
        match u64::from(u32_at(&sector, 0)) {
            SECTOR_BYTES => {}
            4096 => {
                let message = "the disk has sectors of 4,096 bytes, and instances have disks with sectors of 512";
                return Err(Rejection::new(Rule::UnsupportedFeature, sector_at, message));
            }
            _ => return Err(Rejection::corrupt(sector_at, "the size of sectors is impossible")),
        }
        if !matches!(u32_at(&physical, 0), 512 | 4096) {
            return Err(Rejection::corrupt(physical_at, "the size of physical sectors is impossible"));
        }
        let virtual_size_bytes = u64_at(&size, 0);
        if virtual_size_bytes > MAX_DISK_BYTES || !virtual_size_bytes.is_multiple_of(SECTOR_BYTES) {
            return Err(Rejection::corrupt(size_at, "the disk's size is impossible"));
        }
        Ok(Metadata { virtual_size_bytes, block_bytes })
    }
}
