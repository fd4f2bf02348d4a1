//! Partition tables: MBR with its logical partitions, and GPT with its backup.

use crate::{
    bound::Bound,
    disk::{Bounded, Window},
    report::TableKind,
};

/// Partitions of one disk that are looked at. GPT's usual table has 128 places.
const MAX_PARTITIONS: usize = 128;
/// The largest GPT table that is read: 128 entries of 128 bytes are usual.
const MAX_ENTRIES_BYTES: u64 = 1 << 20;
/// Logical partitions that are followed: a chain that is longer goes round.
const MAX_LOGICAL: u32 = 64;
/// Sectors of disks: 512 bytes, or 4 KiB on some.
const SECTORS_BYTES: [u64; 2] = [512, 4096];

/// The UEFI specification's types, as bytes on disk.
pub(crate) const EFI_SYSTEM: [u8; 16] = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";

/// How a disk is divided.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) kind: TableKind,
    pub(crate) partitions: Vec<Partition>,
    /// The first sector has code that a BIOS runs.
    pub(crate) has_boot_code: bool,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) number: u32,
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) kind: PartitionKind,
    /// The value of `PARTUUID=` in fstab, in lower case.
    pub(crate) uuid: String,
    /// The value of `PARTLABEL=`.
    pub(crate) name: String,
}

/// The purpose of a partition, as the table states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionKind {
    Mbr(u8),
    Gpt([u8; 16]),
}

impl Partition {
    pub(crate) fn is_efi_system(&self) -> bool {
        matches!(self.kind, PartitionKind::Mbr(0xef) | PartitionKind::Gpt(EFI_SYSTEM))
    }
}

/// Reads the table of a disk.
pub(crate) fn read(disk: &Bounded) -> Table {
    let whole = disk.window(0, disk.size_bytes());
    let mut table = Table { kind: TableKind::None, partitions: Vec::new(), has_boot_code: false };
    let Some(sector) = whole.bytes_at::<512>(0) else { return table };
    if sector[510..] != [0x55, 0xaa] {
        return table;
    }
    table.has_boot_code = sector[..440].iter().any(|byte| *byte != 0);
    let entries = mbr_entries(&sector);
    if is_file_system(&sector) || entries.is_empty() {
        return table;
    }
    if entries.iter().any(|entry| entry.kind == 0xee) {
        table.kind = TableKind::Gpt;
        match gpt(&whole) {
            Some(partitions) => table.partitions = partitions,
            None => unseen(&whole, "its GUID partition table and the backup of it are damaged"),
        }
        return table;
    }
    table.kind = TableKind::Mbr;
    table.partitions = mbr(&whole, &sector, &entries);
    table
}

/// FAT, NTFS, exFAT and BitLocker volumes begin with a boot sector that ends like an MBR.
fn is_file_system(sector: &[u8; 512]) -> bool {
    let oem = &sector[3..11];
    let is_jump = sector[0] == 0xe9 || (sector[0] == 0xeb && sector[2] == 0x90);
    let is_fat = &sector[54..57] == b"FAT" || &sector[82..87] == b"FAT32";
    [b"NTFS    ".as_slice(), b"EXFAT   ", b"-FVE-FS-", b"ReFS\0\0\0\0"].contains(&oem) || (is_jump && is_fat)
}

struct MbrEntry {
    number: u32,
    kind: u8,
    start_sector: u32,
    sectors: u32,
}

/// The four entries that are in use; none where what is there is no table.
fn mbr_entries(sector: &[u8; 512]) -> Vec<MbrEntry> {
    let mut entries = Vec::new();
    for (number, entry) in (1..).zip(sector[446..510].chunks_exact(16)) {
        if entry[0] & 0x7f != 0 {
            return Vec::new();
        }
        let (kind, start_sector, sectors) = (entry[4], le32(&entry[8..]), le32(&entry[12..]));
        if kind != 0 && sectors != 0 {
            entries.push(MbrEntry { number, kind, start_sector, sectors });
        }
    }
    entries
}

fn mbr(disk: &Window, sector: &[u8; 512], entries: &[MbrEntry]) -> Vec<Partition> {
    let signature = le32(&sector[440..]);
    let mut partitions = Vec::new();
    let mut logical = 5;
    for entry in entries {
        let start = u64::from(entry.start_sector) * 512;
        if matches!(entry.kind, 0x05 | 0x0f | 0x85) {
            extended(disk, start, signature, &mut logical, &mut partitions);
        } else {
            partitions.push(mbr_partition(entry.number, start, entry, signature));
        }
    }
    partitions.retain(|partition| partition.start < disk.size_bytes());
    partitions
}

fn mbr_partition(number: u32, start: u64, entry: &MbrEntry, signature: u32) -> Partition {
    Partition {
        number,
        start,
        len: u64::from(entry.sectors) * 512,
        kind: PartitionKind::Mbr(entry.kind),
        uuid: format!("{signature:08x}-{number:02x}"),
        name: String::new(),
    }
}

/// Follows the chain of logical partitions: each link's first entry is relative to the link, its second to the whole.
fn extended(disk: &Window, base: u64, signature: u32, number: &mut u32, partitions: &mut Vec<Partition>) {
    let mut link = base;
    for _ in 0..MAX_LOGICAL {
        let Some(sector) = disk.bytes_at::<512>(link).filter(|sector| sector[510..] == [0x55, 0xaa]) else { return };
        let entries = mbr_entries(&sector);
        let mut next = None;
        for entry in &entries {
            let offset = u64::from(entry.start_sector) * 512;
            if matches!(entry.kind, 0x05 | 0x0f | 0x85) {
                next = Some(base.saturating_add(offset));
            } else {
                partitions.push(mbr_partition(*number, link.saturating_add(offset), entry, signature));
                *number += 1;
            }
        }
        match next {
            Some(next) if next > link => link = next,
            // A system may follow it; whoever makes such a table hides a partition or is about to.
            Some(_) => return unseen(disk, "its chain of logical partitions goes back"),
            None => return,
        }
    }
    unseen(disk, "it has more than the 64 logical partitions that are followed");
}

/// Notes that there may be parts of the disk that are not looked at.
fn unseen(disk: &Window, why: &str) {
    disk.bounds().meet(Bound::Partitions, || why.to_owned());
}

/// The partitions of the first header whose checksums are right: the main one, or the backup at the disk's end.
fn gpt(disk: &Window) -> Option<Vec<Partition>> {
    SECTORS_BYTES.iter().find_map(|sector_bytes| {
        let last = disk.size_bytes().checked_sub(*sector_bytes)? / sector_bytes * sector_bytes;
        gpt_at(disk, *sector_bytes, *sector_bytes).or_else(|| gpt_at(disk, last, *sector_bytes))
    })
}

fn gpt_at(disk: &Window, offset: u64, sector_bytes: u64) -> Option<Vec<Partition>> {
    let mut header = disk.bytes_at::<512>(offset).filter(|header| header.starts_with(b"EFI PART"))?;
    let header_bytes = le32(&header[12..]) as usize;
    let checksum = le32(&header[16..]);
    header[16..20].fill(0);
    if !(92..=512).contains(&header_bytes) || crc32(&header[..header_bytes]) != checksum {
        return None;
    }
    let (count, entry_bytes) = (u64::from(le32(&header[80..])), u64::from(le32(&header[84..])));
    let total = count.checked_mul(entry_bytes).filter(|total| (128..=MAX_ENTRIES_BYTES).contains(total))?;
    if entry_bytes < 128 {
        return None;
    }
    let mut entries = vec![0; total as usize];
    disk.read_exact_at(&mut entries, le64(&header[72..]).checked_mul(sector_bytes)?).ok()?;
    if crc32(&entries) != le32(&header[88..]) {
        return None;
    }
    let used = (1..).zip(entries.chunks_exact(entry_bytes as usize)).filter(|(_, entry)| entry[..16] != [0; 16]);
    let partitions = used.filter_map(|(number, entry)| gpt_partition(number, entry, sector_bytes));
    let mut partitions: Vec<_> = partitions.filter(|partition| partition.start < disk.size_bytes()).collect();
    if partitions.len() > MAX_PARTITIONS {
        unseen(disk, "it has more than the 128 partitions that are looked at");
        partitions.truncate(MAX_PARTITIONS);
    }
    Some(partitions)
}

fn gpt_partition(number: u32, entry: &[u8], sector_bytes: u64) -> Option<Partition> {
    let (first, last) = (le64(&entry[32..]), le64(&entry[40..]));
    let start = first.checked_mul(sector_bytes)?;
    let len = last.checked_sub(first)?.checked_add(1)?.checked_mul(sector_bytes)?;
    let units: Vec<u16> = entry[56..128].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let name = String::from_utf16_lossy(&units);
    Some(Partition {
        number,
        start,
        len,
        kind: PartitionKind::Gpt(entry[..16].try_into().ok()?),
        uuid: guid(entry[16..32].try_into().ok()?),
        name: name.trim_end_matches('\0').to_owned(),
    })
}

/// A GUID as people write it: its first three numbers are little-endian on disk.
fn guid(bytes: [u8; 16]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (place, at) in order.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", bytes[at]));
    }
    text
}

/// CRC-32 as GPT has it (ISO-HDLC), a bit at a time: its tables are small and read once.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The first four bytes as a little-endian number; the callers' slices are long enough.
pub(crate) fn le32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The first eight bytes as a little-endian number.
pub(crate) fn le64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_names_are_those_of_the_specification() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(guid(EFI_SYSTEM), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    }
}
