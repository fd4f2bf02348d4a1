//! A verdict's time and memory on files far larger than this machine: they exist only as far as they are read.
//!
//! One test in a program of its own, because it looks at the whole process's memory.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io;
use std::time::{Duration, Instant};

use disks::qcow2::{Piece, Rendering};
use disks::{Checked, Format, Limits, ReadAt, Rejection, Rule, check};

const LIMITS: Limits = Limits { virtual_size_bytes: 1 << 50 };
const GROWTH_BYTES: u64 = 16 << 20;
const CLUSTER: u64 = 65_536;

/// A file that is laid out and never written: its data reads as zeroes.
struct Rendered(Rendering);

impl ReadAt for Rendered {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        if end > self.size_bytes() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = 0;
        for piece in self.0.pieces(offset..end) {
            let next = at + piece.len() as usize;
            match piece {
                Piece::Bytes(bytes) => buf[at..next].copy_from_slice(&bytes),
                Piece::Zeroes(_) | Piece::Disk { .. } => buf[at..next].fill(0),
            }
            at = next;
        }
        Ok(())
    }
}

/// A file of 64-bit words that a function knows.
struct Words<F> {
    size_bytes: u64,
    word: F,
}

impl<F: Fn(u64) -> u64 + Send + Sync> ReadAt for Words<F> {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + buf.len() as u64 > self.size_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, byte) in (offset..).zip(buf) {
            *byte = (self.word)(at / 8).to_be_bytes()[(at % 8) as usize];
        }
        Ok(())
    }
}

/// A file of little-endian 32-bit words that a function knows.
struct Halves<F> {
    size_bytes: u64,
    word: F,
}

impl<F: Fn(u64) -> u32 + Send + Sync> ReadAt for Halves<F> {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + buf.len() as u64 > self.size_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Tables are read from whole words on.
        for (index, target) in (offset / 4..).zip(buf.chunks_mut(4)) {
            target.copy_from_slice(&(self.word)(index).to_le_bytes()[..target.len()]);
        }
        Ok(())
    }
}

/// The words of some bytes.
fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// A VDI with a terabyte in blocks of 1 MiB, the last of which is where `last` says.
fn vdi(last: u32) -> Halves<impl Fn(u64) -> u32 + Send + Sync> {
    const BLOCKS: u32 = 1 << 20;
    let mut head = vec![0; 512];
    for (at, value) in [
        (0x40, 0xbeda_107f_u32),
        (0x44, 0x0001_0001),
        (0x4c, 1),
        (0x154, 512),
        (0x158, 1 << 23),
        (0x168, 512),
        (0x174, 1 << 8),
        (0x178, 1 << 20),
        (0x180, BLOCKS),
    ] {
        head[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let head = words_of(&head);
    let word = move |index: u64| match index {
        0..128 => head[index as usize],
        // In no order: a prime number apart.
        index if index == u64::from(BLOCKS) + 127 => last,
        index if index < u64::from(BLOCKS) + 128 => ((index - 128) * 1_000_003 % u64::from(BLOCKS)) as u32,
        _ => 0,
    };
    Halves { size_bytes: (1 << 23) + (1 << 40), word }
}

/// A VMDK with a terabyte in grains of 64 KiB, the last of which is where `last` says.
fn vmdk(last: u32) -> Halves<impl Fn(u64) -> u32 + Send + Sync> {
    const SECTORS: u64 = 1 << 31;
    const TABLES: u64 = SECTORS / 128 / 512;
    const DIRECTORY: u64 = 21;
    const FIRST_TABLE: u64 = DIRECTORY + TABLES * 4 / 512;
    const DATA: u64 = (FIRST_TABLE + TABLES * 4).next_multiple_of(128);
    let mut head = vec![0; 512 * 21];
    head[..4].copy_from_slice(b"KDMV");
    for (at, value) in [(4, 1_u64), (12, SECTORS), (20, 128), (28, 1), (36, 20), (44, 512), (56, DIRECTORY), (64, DATA)]
    {
        head[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let text = format!("createType=\"monolithicSparse\"\nRW {SECTORS} SPARSE \"a.vmdk\"\n");
    head[512..512 + text.len()].copy_from_slice(text.as_bytes());
    let head = words_of(&head);
    let (directory, tables, data) = (DIRECTORY * 128, FIRST_TABLE * 128, (FIRST_TABLE + TABLES * 4) * 128);
    let word = move |index: u64| match index {
        index if index < directory => head[index as usize],
        index if index < directory + TABLES => (FIRST_TABLE + (index - directory) * 4) as u32,
        index if index + 1 == data => last,
        index if (tables..data).contains(&index) => (DATA + (index - tables) * 128) as u32,
        _ => 0,
    };
    Halves { size_bytes: (DATA + SECTORS) * 512, word }
}

/// The words of a header: version 3, an L1 table of `l1` entries in the third cluster, a refcount table in the second.
fn header(index: u64, cluster_bits: u64, disk_bytes: u64, l1: u64) -> u64 {
    match index {
        0 => 0x5146_49fb_0000_0003,
        2 => cluster_bits,
        3 => disk_bytes,
        4 => l1,
        5 => 2 << cluster_bits,
        6 => 1 << cluster_bits,
        7 => 1 << 32,
        12 => 4 << 32 | 104,
        _ => 0,
    }
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The verdict, after a look at what it cost.
fn judged(what: &str, file: &dyn ReadAt, soon: Duration) -> Result<Checked, Rejection> {
    judged_as(Format::Qcow2, what, file, soon)
}

fn judged_as(format: Format, what: &str, file: &dyn ReadAt, soon: Duration) -> Result<Checked, Rejection> {
    // The peak so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, begin) = (peak_bytes(), Instant::now());
    let verdict = check(format, file, &LIMITS);
    let (took, grew) = (begin.elapsed(), peak_bytes().saturating_sub(before));
    assert!(grew < GROWTH_BYTES, "{what}: the verdict took {grew} bytes");
    assert!(took < soon, "{what}: the verdict took {took:?}");
    verdict
}

fn rule(verdict: Result<Checked, Rejection>) -> Rule {
    verdict.unwrap_err().rule
}

#[test]
fn a_verdict_takes_bounded_time_and_memory_whatever_the_file_states() {
    // Machines that run tests are busy: the bound is 100 ms on a quiet one.
    let soon = Duration::from_millis(500);

    let tera = Rendered(Rendering::new(1 << 40, std::iter::repeat(true)));
    // 128 MiB of tables are made up and looked at.
    let checked = judged("an honest terabyte", &tera, Duration::from_secs(10)).unwrap();
    assert_eq!((checked.virtual_size_bytes, checked.notes.len()), (1 << 40, 0));

    // An L1 table of 32 MiB whose last entry alone is wrong.
    let l1 = 4 << 20;
    let late = Words {
        size_bytes: (2 << 16) + l1 * 8,
        word: |index| match index {
            0..8192 => header(index, 16, (l1 << 29) / 4, l1),
            index if index == 2 * 8192 + l1 - 1 => 7,
            _ => 0,
        },
    };
    assert_eq!(rule(judged("a long L1 table", &late, soon * 4)), Rule::Corrupt);

    // Every entry of it names the same table.
    let shared = Words {
        size_bytes: (2 << 16) + l1 * 8 + CLUSTER,
        word: |index| match index {
            0..8192 => header(index, 16, (l1 << 29) / 4, l1),
            index if index >= 2 * 8192 && index < 2 * 8192 + l1 => (2 << 16) + l1 * 8,
            _ => 0,
        },
    };
    assert_eq!(rule(judged("a shared L2 table", &shared, soon)), Rule::Amplification);

    // A terabyte of clusters of 512 bytes, of which nothing is used: 64 windows.
    let wide =
        Words { size_bytes: 1 << 40, word: |index| if index < 64 { header(index, 9, 1 << 30, 1 << 15) } else { 0 } };
    judged("two thousand million clusters", &wide, soon).unwrap();

    // Two million compressed clusters in no order, 600 bytes apart; then two of them at one place.
    let compressed = |twice: bool| {
        const COUNT: u64 = 1 << 21;
        const DATA_AT: u64 = (3 + COUNT / 8192) * CLUSTER;
        Words {
            size_bytes: DATA_AT + COUNT * 600 + 1024,
            word: move |index| match index {
                0..8192 => header(index, 16, COUNT * CLUSTER, COUNT / 8192),
                index if index < 2 * 8192 => 0,
                index if index < 2 * 8192 + COUNT / 8192 => (3 + index - 2 * 8192) * CLUSTER,
                index if (3 * 8192..3 * 8192 + COUNT).contains(&index) => {
                    let nth = (index - 3 * 8192) * 1_000_003 % COUNT;
                    let nth = if twice && nth == COUNT / 2 { nth + 1 } else { nth };
                    let host = DATA_AT + nth * 600;
                    let sectors = (host + 599) / 512 - host / 512;
                    1 << 62 | sectors << 54 | host
                }
                _ => 0,
            },
        }
    };
    judged("compressed clusters in no order", &compressed(false), Duration::from_secs(20)).unwrap();
    let twice = judged("compressed clusters at one place", &compressed(true), Duration::from_secs(20));
    assert_eq!(rule(twice), Rule::Amplification);

    formats_of_blocks();
}

/// The same of other formats, whose tables for a terabyte have 4 MiB and 64 MiB.
fn formats_of_blocks() {
    let end = |checked: Checked| (checked.virtual_size_bytes, checked.notes.len());
    let patience = Duration::from_secs(10);
    let whole = judged_as(Format::Vdi, "an honest VDI", &vdi((1 << 20) - 1_000_003), patience);
    assert_eq!(whole.map(end), Ok((1 << 40, 0)));
    assert_eq!(rule(judged_as(Format::Vdi, "a VDI's block used twice", &vdi(7), patience)), Rule::Amplification);
    assert_eq!(rule(judged_as(Format::Vdi, "a VDI's block outside", &vdi(1 << 22), patience)), Rule::Corrupt);
    let last = vmdk(0);
    let last = (last.size_bytes() / 512 - 128) as u32;
    assert_eq!(judged_as(Format::Vmdk, "an honest VMDK", &vmdk(last), patience).map(end), Ok((1 << 40, 0)));
    let twice = judged_as(Format::Vmdk, "a VMDK's grain used twice", &vmdk(last - 128), patience);
    assert_eq!(rule(twice), Rule::Amplification);
    assert_eq!(rule(judged_as(Format::Vmdk, "a VMDK's grain in a table", &vmdk(300), patience)), Rule::Corrupt);
}
