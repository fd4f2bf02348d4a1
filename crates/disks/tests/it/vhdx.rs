//! VHDX files that lie.

use disks::{Format, Rule, check};

use crate::support::{LIMITS, made, put, refusal, refused_wherever_cut, rule_after};

fn sample() -> Vec<u8> {
    made("vhdx", &["-o", "block_size=1M"])
}

fn after(change: impl FnOnce(&mut Vec<u8>)) -> Rule {
    rule_after(Format::Vhdx, &sample(), change)
}

const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
const REGIONS: [usize; 2] = [192 << 10, 256 << 10];

fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    !sum
}

/// Changes both copies of a header or region table, and their sums.
fn copies(file: &mut [u8], places: [usize; 2], len: usize, at: usize, bytes: &[u8]) {
    for place in places {
        put(file, place + at, bytes);
        put(file, place + 4, [0; 4]);
        let sum = crc32c(&file[place..place + len]);
        put(file, place + 4, sum.to_le_bytes());
    }
}

/// Corrects the checksums of a changed file, and makes the second region table what the first is.
pub(crate) fn mend(file: &mut [u8]) {
    if file.len() < 1 << 20 {
        return;
    }
    for place in HEADERS {
        copies(file, [place, place], 4096, 0, b"head");
    }
    let first = file[REGIONS[0]..REGIONS[0] + (64 << 10)].to_vec();
    regions(file, 0, &first);
}

fn header(file: &mut [u8], at: usize, bytes: &[u8]) {
    copies(file, HEADERS, 4096, at, bytes);
}

fn regions(file: &mut [u8], at: usize, bytes: &[u8]) {
    copies(file, REGIONS, 64 << 10, at, bytes);
}

/// Where QEMU puts the block table and the metadata, and the items there.
const TABLE: usize = 2 << 20;
const METADATA: usize = 3 << 20;

/// Where the item of an id that begins so is.
fn item(file: &[u8], id: [u8; 4]) -> usize {
    let entries = (1..8).map(|index| METADATA + 32 * index);
    let entry = entries.clone().find(|at| file[*at..*at + 4] == id).unwrap();
    METADATA + u32::from_le_bytes(file[entry + 16..entry + 20].try_into().unwrap()) as usize
}

const PARAMETERS: [u8; 4] = [0x37, 0x67, 0xa1, 0xca];
const DISK_SIZE: [u8; 4] = [0x24, 0x42, 0xa5, 0x2f];
const LOGICAL_SECTOR: [u8; 4] = [0x1d, 0xbf, 0x41, 0x81];

#[test]
fn a_parent_of_a_vhdx_is_refused_by_its_flag_and_by_its_locator() {
    let flag = after(|file| {
        let at = item(file, PARAMETERS) + 4;
        file[at] |= 2;
    });
    assert_eq!(flag, Rule::ExternalReference);
    let locator = after(|file| {
        let id = [0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c];
        put(file, METADATA + 32, id);
    });
    assert_eq!(locator, Rule::ExternalReference);
    let partly = after(|file| put(file, TABLE, [7]));
    assert_eq!(partly, Rule::Corrupt);
}

#[test]
fn a_log_with_entries_is_refused_with_what_to_do() {
    let mut file = sample();
    header(&mut file, 48, &[1]);
    let refused = refusal(Format::Vhdx, &file);
    assert_eq!(refused.rule, Rule::Corrupt);
    assert!(refused.remedy.contains("Mount-VHD"), "{refused}");
    // The header with the lower number does not count.
    let mut file = sample();
    put(&mut file, HEADERS[0] + 48, [1]);
    put(&mut file, HEADERS[0] + 4, [0; 4]);
    let sum = crc32c(&file[HEADERS[0]..HEADERS[0] + 4096]);
    put(&mut file, HEADERS[0] + 4, sum.to_le_bytes());
    assert!(check(Format::Vhdx, &file, &LIMITS).is_ok());
}

#[test]
fn one_right_header_is_enough_and_two_that_contradict_are_not() {
    for damaged in HEADERS {
        let mut file = sample();
        file[damaged + 100] ^= 1;
        assert!(check(Format::Vhdx, &file, &LIMITS).is_ok());
    }
    assert_eq!(after(|file| HEADERS.iter().for_each(|at| file[at + 100] ^= 1)), Rule::Corrupt);
    assert_eq!(after(|file| header(file, 8, &[9; 8])), Rule::Corrupt, "both the newer one, and different");
    assert_eq!(after(|file| header(file, 66, &[2])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| header(file, 64, &[1])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| header(file, 72, &[0, 0, 0x20])), Rule::Corrupt, "a log over the block table");
    assert_eq!(after(|file| header(file, 72, &[1])), Rule::Corrupt);
}

#[test]
fn region_tables_of_a_vhdx_that_lie_are_refused() {
    assert_eq!(after(|file| file[REGIONS[0] + 100] ^= 1), Rule::Corrupt);
    let mut second = sample();
    second[REGIONS[1] + 100] ^= 1;
    assert!(check(Format::Vhdx, &second, &LIMITS).is_ok(), "a damaged copy is no other table");
    let differ = after(|file| {
        regions(file, 200, &[1]);
        let first = sample()[REGIONS[0]..REGIONS[0] + (64 << 10)].to_vec();
        put(file, REGIONS[0], first);
    });
    assert_eq!(differ, Rule::Corrupt);
    let changes: &[(usize, &[u8])] = &[
        (8, &[0xff; 4]),
        (8, &[0; 4]),
        (8, &[1]),
        (32, &[1]),
        (32, &[0; 8]),
        (32, &[0, 0, 0x30]),
        (32, &[0, 0, 0, 0, 0, 0, 0, 0x7f]),
        (40, &[0; 4]),
        (40, &[0xff; 4]),
        (40, &[0, 0, 0xf0, 0xff]),
    ];
    for (at, bytes) in changes {
        let rule = after(|file| regions(file, *at, bytes));
        assert!(matches!(rule, Rule::Corrupt | Rule::Truncated), "{at} {bytes:?}: {rule}");
    }
    let twice = after(|file| {
        let entry = file[REGIONS[0] + 16..REGIONS[0] + 48].to_vec();
        regions(file, 48, &entry);
    });
    assert_eq!(twice, Rule::Corrupt);
    let unknown = |required: u8| {
        let mut file = sample();
        regions(&mut file, 8, &[3]);
        regions(&mut file, 16 + 64, &[7; 16]);
        regions(&mut file, 16 + 64 + 28, &[required]);
        file
    };
    assert_eq!(refusal(Format::Vhdx, &unknown(1)).rule, Rule::UnsupportedFeature);
    assert!(check(Format::Vhdx, &unknown(0), &LIMITS).is_ok());
}

#[test]
fn metadata_of_a_vhdx_that_lies_is_refused() {
    assert_eq!(after(|file| file[METADATA] ^= 1), Rule::Corrupt);
    assert_eq!(after(|file| put(file, METADATA + 10, [0xff; 2])), Rule::Corrupt);
    assert_eq!(after(|file| put(file, METADATA + 10, [1])), Rule::Corrupt, "sizes are missing");
    for at in [METADATA + 32 + 16, METADATA + 32 + 20] {
        assert_eq!(after(|file| put(file, at, [0xff; 4])), Rule::Corrupt);
        assert_eq!(after(|file| put(file, at, [0; 4])), Rule::Corrupt);
    }
    assert_eq!(after(|file| file.copy_within(METADATA + 32..METADATA + 64, METADATA + 64)), Rule::Corrupt);
    let block = |bytes: u32| {
        after(|file| {
            let at = item(file, PARAMETERS);
            put(file, at, bytes.to_le_bytes());
        })
    };
    for bytes in [0, 512 << 10, 3 << 20, 512 << 20, u32::MAX] {
        assert_eq!(block(bytes), Rule::Corrupt, "{bytes}");
    }
    let sector = |bytes: u32| {
        after(|file| {
            let at = item(file, LOGICAL_SECTOR);
            put(file, at, bytes.to_le_bytes());
        })
    };
    assert_eq!((sector(4096), sector(513), sector(0)), (Rule::UnsupportedFeature, Rule::Corrupt, Rule::Corrupt));
    let unknown = after(|file| put(file, METADATA + 32, [7; 16]));
    assert_eq!(unknown, Rule::UnsupportedFeature);
}

#[test]
fn a_vhdx_block_that_is_not_where_it_can_be_is_refused() {
    assert_eq!(after(|file| put(file, TABLE, (u64::MAX << 20 | 6).to_le_bytes())), Rule::Corrupt);
    assert_eq!(after(|file| put(file, TABLE, (20_u64 << 20 | 6).to_le_bytes())), Rule::Truncated);
    assert_eq!(after(|file| put(file, TABLE, [6, 0, 0x20])), Rule::Corrupt, "over the table itself");
    assert_eq!(after(|file| put(file, TABLE, [6, 0, 0])), Rule::Corrupt, "over the headers");
    assert_eq!(after(|file| file[TABLE + 1] |= 1), Rule::Corrupt, "a reserved bit");
    assert_eq!(after(|file| put(file, TABLE, [4])), Rule::Corrupt);
    assert_eq!(after(|file| file.copy_within(TABLE..TABLE + 8, TABLE + 8)), Rule::Amplification);
}

#[test]
fn vhdx_sizes_up_to_the_largest_number_are_refused_at_once() {
    // The block table has room for a disk of nearly 2^37 bytes.
    for bits in 37..64 {
        let rule = after(|file| {
            let at = item(file, DISK_SIZE);
            put(file, at, (1_u64 << bits).to_le_bytes());
        });
        assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt), "{bits}: {rule}");
    }
}

#[test]
fn a_vhdx_is_refused_wherever_it_is_cut() {
    // QEMU leaves room behind the last block.
    let mut file = sample();
    let last = (0..4).map(|index| u32::from_le_bytes(file[TABLE + 8 * index..][..4].try_into().unwrap()) >> 20).max();
    file.truncate((last.unwrap() as usize + 1) << 20);
    assert!(check(Format::Vhdx, &file, &LIMITS).is_ok());
    refused_wherever_cut(Format::Vhdx, &file, 8);
}
