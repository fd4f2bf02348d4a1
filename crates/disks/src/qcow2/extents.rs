//! Where each byte of the disk is.

use std::ops::Range;

use crate::extent::{Runs, Step};
use crate::table::Words;
use crate::{Extent, Kind, Rejection};

use super::entry::{self, Entry};
use super::file::File;

/// The extents of a part of a disk.
#[derive(Debug)]
pub struct Extents<'a>(Runs<Map<'a>>);

impl<'a> Extents<'a> {
    pub(super) fn new(file: &'a File<'a>, guest: Range<u64>) -> Self {
        let map = Map { file, l1: Words::new(file.bytes), l2: Words::new(file.bytes) };
        Self(Runs::new(map, guest.start, guest.end.min(file.virtual_size_bytes())))
    }
}

impl Iterator for Extents<'_> {
    type Item = Result<Extent, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// The tables, with the pieces of them that were read last.
struct Map<'a> {
    file: &'a File<'a>,
    l1: Words<'a>,
    l2: Words<'a>,
}

impl Step for Map<'_> {
    /// The bytes of one kind at `at`, of one cluster or of one L2 table that does not exist.
    fn step(&mut self, at: u64, end: u64) -> Result<Extent, Rejection> {
        let part = Part { at, end };
        let header = &self.file.header;
        let covers = header.l2_covers_bytes();
        let (index, within) = (at / covers, at % covers);
        let l1_at = header.l1_offset + index * 8;
        let l1_end = header.l1_offset + header.l1_entries * 8;
        let word = u64::from_be_bytes(self.l1.get(l1_at, l1_end)?);
        let table = entry::l1(header, word).map_err(|what| Rejection::corrupt(l1_at, what))?;
        let Some(table) = table else {
            return Ok(part.extent(covers - within, Kind::Unallocated));
        };
        let entry_bytes = header.l2_entry_bytes();
        let at = table + (within >> header.cluster_bits) * entry_bytes;
        let table_end = table + header.cluster_bytes();
        let word = u64::from_be_bytes(self.l2.get(at, table_end)?);
        let parts = match header.extended_l2 {
            true => Some(u64::from_be_bytes(self.l2.get(at + 8, table_end)?)),
            false => None,
        };
        let entry = entry::l2(header, word, parts).map_err(|what| Rejection::corrupt(at, what))?;
        Ok(part.of_entry(entry, header.cluster_bytes()))
    }
}

/// The place that is asked for, and where the asking ends.
struct Part {
    at: u64,
    end: u64,
}

impl Part {
    fn of_entry(&self, entry: Entry, cluster_bytes: u64) -> Extent {
        let within = self.at % cluster_bytes;
        let left = cluster_bytes - within;
        match entry {
            Entry::Unallocated => self.extent(left, Kind::Unallocated),
            Entry::Zero { .. } => self.extent(left, Kind::Zero),
            Entry::Data { host } => self.extent(left, Kind::Data { file_offset: host + within }),
            Entry::Compressed { host, len } => self.extent(left, Kind::Compressed { file_offset: host, len }),
            Entry::Parts { host, data, zero } => {
                let part_bytes = cluster_bytes / 32;
                let first = within / part_bytes;
                let state = |part: u64| (data >> part & 1, zero >> part & 1);
                let same = (first..32).take_while(|part| state(*part) == state(first)).count();
                let kind = match state(first) {
                    (1, _) => Kind::Data { file_offset: host.unwrap_or(0) + within },
                    (_, 1) => Kind::Zero,
                    _ => Kind::Unallocated,
                };
                self.extent((first + same as u64) * part_bytes - within, kind)
            }
        }
    }

    fn extent(&self, len: u64, kind: Kind) -> Extent {
        Extent { guest_offset: self.at, len: len.min(self.end - self.at), kind }
    }
}
