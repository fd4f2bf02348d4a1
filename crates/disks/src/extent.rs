//! A disk as a row of extents: which of its bytes lie where in the file.

use crate::Rejection;

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
    /// In the file, compressed together with the rest of their cluster or grain; see [`Disk::inflate`].
    Compressed {
        /// Where in the file the compressed bytes begin.
        file_offset: u64,
        /// An upper bound of their length.
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

/// The extents of a disk, in order and without gaps.
pub type DiskExtents<'a> = Box<dyn Iterator<Item = Result<Extent, Rejection>> + 'a>;

/// The disk in a file that passed every rule of its format.
pub trait Disk: std::fmt::Debug {
    /// The disk's size, a multiple of 512.
    fn virtual_size_bytes(&self) -> u64;

    /// Where each byte of the disk is; neighbours of one kind come as one extent.
    fn extents(&self) -> DiskExtents<'_>;

    /// The bytes of a compressed extent, as many as it has; a cluster or grain of 2 MiB at most.
    ///
    /// # Errors
    /// [`crate::Rule::Corrupt`] or [`crate::Rule::Truncated`] when the bytes in the file do not inflate to them.
    fn inflate(&self, extent: &Extent) -> Result<Vec<u8>, Rejection>;

    /// Notes for the owner, in sentences: things in the file that the disk does not have, and the like.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Joins what a map says of one place after another into extents.
pub(crate) struct Runs<M> {
    map: M,
    at: u64,
    end: u64,
    pending: Option<Extent>,
}

/// A map that is asked for one place at a time.
pub(crate) trait Step {
    /// The extent that begins at `at`; at least a byte long, at most up to `end`.
    fn step(&mut self, at: u64, end: u64) -> Result<Extent, Rejection>;
}

impl<M> Runs<M> {
    pub(crate) fn new(map: M, at: u64, end: u64) -> Self {
        Self { map, at, end, pending: None }
    }
}

impl<M> std::fmt::Debug for Runs<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<M: Step> Iterator for Runs<M> {
    type Item = Result<Extent, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            let found = match self.map.step(self.at, self.end) {
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
