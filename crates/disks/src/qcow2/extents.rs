//! Where each byte of the disk is.

use std::ops::Range;

use crate::Rejection;

use super::entry::{self, Entry};
use super::image::Image;
use super::table::Words;

/// A run of the disk's bytes of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where on the disk it begins.
    pub guest_offset: u64,
    /// How many bytes of the disk it is.
    pub len: u64,
    /// Where its bytes are.
    pub kind: Kind,
}

/// Where an extent's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not in this file: the base's, or zeroes without one.
    Unallocated,
    /// Zeroes, whatever the base has.
    Zero,
    /// In the file as they are.
    Data {
        /// Where in the file they begin.
        file_offset: u64,
    },
    /// In the file, compressed together with the rest of their cluster; see
    /// [`Image::read_compressed`].
    Compressed {
        /// Where in the file the compressed cluster begins.
        file_offset: u64,
        /// An upper bound of its length.
        len: u64,
    },
}

impl Kind {
    /// The kind of bytes that follow `len` bytes of this one, if they are of one run.
    fn after(self, len: u64) -> Option<Kind> {
        match self {
            Kind::Unallocated | Kind::Zero => Some(self),
            Kind::Data { file_offset } => Some(Kind::Data { file_offset: file_offset + len }),
            Kind::Compressed { .. } => None,
        }
    }
}

/// The extents of a part of a disk.
pub struct Extents<'a> {
    image: &'a Image<'a>,
    l1: Words<'a>,
    l2: Words<'a>,
    at: u64,
    end: u64,
    pending: Option<Extent>,
}

impl std::fmt::Debug for Extents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extents").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<'a> Extents<'a> {
    pub(super) fn new(image: &'a Image<'a>, guest: Range<u64>) -> Self {
        Self {
            image,
            l1: Words::new(image.bytes),
            l2: Words::new(image.bytes),
            at: guest.start,
            end: guest.end.min(image.virtual_size_bytes()),
            pending: None,
        }
    }

    /// The bytes of one kind at `at`, of one cluster or of one L2 table that does not exist.
    fn step(&mut self) -> Result<Extent, Rejection> {
        let header = &self.image.header;
        let covers = header.l2_covers_bytes();
        let (index, within) = (self.at / covers, self.at % covers);
        let l1_at = header.l1_offset + index * 8;
        let l1_end = header.l1_offset + header.l1_entries * 8;
        let word = self.l1.get(l1_at, l1_end)?;
        let table = entry::l1(header, word).map_err(|what| Rejection::corrupt(l1_at, what))?;
        let Some(table) = table else {
            return Ok(self.extent(covers - within, Kind::Unallocated));
        };
        let entry_bytes = header.l2_entry_bytes();
        let at = table + (within >> header.cluster_bits) * entry_bytes;
        let table_end = table + header.cluster_bytes();
        let word = self.l2.get(at, table_end)?;
        let parts = match header.extended_l2 {
            true => Some(self.l2.get(at + 8, table_end)?),
            false => None,
        };
        let entry = entry::l2(header, word, parts).map_err(|what| Rejection::corrupt(at, what))?;
        Ok(self.of_entry(entry))
    }

    fn of_entry(&self, entry: Entry) -> Extent {
        let cluster_bytes = self.image.cluster_bytes();
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

impl Iterator for Extents<'_> {
    type Item = Result<Extent, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            let found = match self.step() {
                Ok(found) => found,
                Err(rejection) => {
                    (self.at, self.pending) = (self.end, None);
                    return Some(Err(rejection));
                }
            };
            self.at += found.len;
            match &mut self.pending {
                Some(run) if run.kind.after(run.len) == Some(found.kind) => run.len += found.len,
                Some(_) => return self.pending.replace(found).map(Ok),
                None => self.pending = Some(found),
            }
        }
        self.pending.take().map(Ok)
    }
}
