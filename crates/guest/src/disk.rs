//! The bytes of a disk, and views of them with a bound on time and on what is read.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    io::{self, Read, Seek, SeekFrom, Write},
    rc::Rc,
    time::Instant,
};

use crate::bound::{Bound, Bounds};

/// Bytes of a known size that can be read at any offset. The crate of disk formats has such a trait too: leaf
/// crates stand alone, so neither takes the other's.
pub trait Disk {
    /// The size in bytes.
    fn size_bytes(&self) -> u64;

    /// Fills `buf` from `offset`, which lies with all of `buf` inside the disk.
    ///
    /// # Errors
    /// The bytes cannot be read.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Disk for Vec<u8> {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Disk for std::fs::File {
    fn size_bytes(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buf, offset)
    }
}

/// The bytes that are read at a time: file systems ask for a few hundred here and there, mostly near each other.
const BLOCK_BYTES: u64 = 64 << 10;
/// Blocks that are kept: 8 MiB, which holds the metadata that one walk comes back to.
const KEPT_BLOCKS: usize = 128;

/// A disk read through a cache, until the time or the number of bytes is used up. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bounded(Rc<Inner>);

struct Inner {
    disk: Box<dyn Disk>,
    deadline: Instant,
    bytes_left: Cell<u64>,
    bounds: Bounds,
    blocks: RefCell<Blocks>,
}

#[derive(Default)]
struct Blocks {
    kept: HashMap<u64, Rc<[u8]>>,
    oldest: VecDeque<u64>,
}

impl Bounded {
    pub(crate) fn new(disk: Box<dyn Disk>, deadline: Instant, bytes: u64) -> Bounded {
        Bounded(Rc::new(Inner {
            disk,
            deadline,
            bytes_left: Cell::new(bytes),
            bounds: Bounds::default(),
            blocks: RefCell::default(),
        }))
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.0.disk.size_bytes()
    }

    /// The bounds that the look at this disk has met.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }

    /// A part of the disk; cut where the disk ends.
    pub(crate) fn window(&self, start: u64, len: u64) -> Window {
        let start = start.min(self.size_bytes());
        Window { bytes: self.clone(), start, len: len.min(self.size_bytes() - start), at: 0 }
    }

    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.size_bytes() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !buf.is_empty() {
            let block = self.block(offset / BLOCK_BYTES)?;
            let within = (offset % BLOCK_BYTES) as usize;
            let len = buf.len().min(block.len() - within);
            let (now, later) = buf.split_at_mut(len);
            now.copy_from_slice(&block[within..within + len]);
            buf = later;
            offset += len as u64;
        }
        Ok(())
    }

    fn block(&self, number: u64) -> io::Result<Rc<[u8]>> {
        let inner = &*self.0;
        if Instant::now() >= inner.deadline {
            return Err(self.over(Bound::Time, "the time for it ran out"));
        }
        if let Some(block) = inner.blocks.borrow().kept.get(&number) {
            return Ok(block.clone());
        }
        let start = number * BLOCK_BYTES;
        let len = BLOCK_BYTES.min(self.size_bytes() - start);
        if inner.bytes_left.get() < len {
            return Err(self.over(Bound::ReadBytes, "more would have to be read than is allowed"));
        }
        inner.bytes_left.set(inner.bytes_left.get() - len);
        let mut bytes = vec![0; len as usize];
        inner.disk.read_exact_at(&mut bytes, start).inspect_err(|error| {
            inner.bounds.meet(Bound::Unreadable, || format!("the disk cannot be read at byte {start}: {error}"));
        })?;
        let block: Rc<[u8]> = bytes.into();
        let blocks = &mut *inner.blocks.borrow_mut();
        if blocks.oldest.len() >= KEPT_BLOCKS
            && let Some(oldest) = blocks.oldest.pop_front()
        {
            blocks.kept.remove(&oldest);
        }
        blocks.oldest.push_back(number);
        blocks.kept.insert(number, block.clone());
        Ok(block)
    }

    fn over(&self, bound: Bound, what: &'static str) -> io::Error {
        self.0.bounds.meet(bound, || what.to_owned());
        io::Error::other(what)
    }
}

/// A part of a disk, as file-system readers want it. It takes writes and refuses them: one of the readers can also
/// write, and has no type for a disk that cannot be.
#[derive(Clone)]
pub(crate) struct Window {
    bytes: Bounded,
    start: u64,
    len: u64,
    at: u64,
}

impl Window {
    pub(crate) fn size_bytes(&self) -> u64 {
        self.len
    }

    /// The bounds that the look at its disk has met.
    pub(crate) fn bounds(&self) -> &Bounds {
        self.bytes.bounds()
    }

    /// Fills `buf` from `offset`.
    pub(crate) fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match offset.checked_add(buf.len() as u64) {
            Some(end) if end <= self.len => self.bytes.read_exact_at(buf, self.start + offset),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The bytes at `offset`; `None` where the part does not reach so far or cannot be read.
    pub(crate) fn bytes_at<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact_at(&mut bytes, offset).ok().map(|()| bytes)
    }

    /// Whether these bytes are at `offset`.
    pub(crate) fn has(&self, offset: u64, expected: &[u8]) -> bool {
        let mut found = vec![0; expected.len()];
        self.read_exact_at(&mut found, offset).is_ok() && found == expected
    }
}

impl Read for Window {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = (self.len.saturating_sub(self.at)).min(buf.len() as u64) as usize;
        self.read_exact_at(&mut buf[..len], self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Write for Window {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
