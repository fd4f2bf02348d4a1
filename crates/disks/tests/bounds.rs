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
    // The peak so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, begin) = (peak_bytes(), Instant::now());
    let verdict = check(Format::Qcow2, file, &LIMITS);
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
}
