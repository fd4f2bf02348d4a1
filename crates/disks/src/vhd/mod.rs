//! Microsoft's VHD: a footer, and for dynamic disks a header and a table of blocks.
//!
//! The format is Microsoft's "Virtual Hard Disk Image Format Specification". A *fixed* disk is the disk's bytes and a
//! footer of 512 behind them. A *dynamic* one begins with a copy of the footer:
//!
//! ```text
//! footer's copy -> dynamic header -> block table -> bitmap, block
//! footer (last 512 bytes)
//! ```
//!
//! Each block has a bitmap of its sectors before it; like QEMU, we take a block as a whole. A disk's size is stated
//! twice, as a number and as a geometry, and readers differ in which they believe: see [`footer`].

mod dynamic;
mod footer;

use crate::extent::{Extent, Kind};
use crate::read_at::read_up_to;
use crate::{Disk, DiskExtents, Limits, ReadAt, Rejection};

use footer::{FOOTER_BYTES, Footer, Type};

/// Judges a file declared VHD.
pub(crate) fn open<'a>(bytes: &'a dyn ReadAt, limits: &Limits) -> Result<Box<dyn Disk + 'a>, Rejection> {
    let file_bytes = bytes.size_bytes();
    let unread = |error| Rejection::unread(0, &error);
    let head = read_up_to(bytes, 0, FOOTER_BYTES as usize).map_err(unread)?;
    let Some(footer_at) = file_bytes.checked_sub(FOOTER_BYTES) else {
        return Err(Rejection::truncated(file_bytes, "the VHD footer is cut off"));
    };
    let tail = read_up_to(bytes, footer_at, FOOTER_BYTES as usize).map_err(unread)?;
    if !tail.starts_with(footer::COOKIE) {
        // The bytes carry the cookie at the start, or else a byte further than where the footer belongs.
        return Err(Rejection::truncated(footer_at, "there is no footer in the last 512 bytes"));
    }
    let footer = Footer::read(&tail, footer_at)?;
    limits.allow(footer.virtual_size_bytes)?;
    let has_copy = head.starts_with(footer::COOKIE);
    match (footer.kind, has_copy) {
        (Type::Fixed, false) if footer.stated_bytes == footer_at => {
            Ok(Box::new(Fixed { virtual_size_bytes: footer.virtual_size_bytes }))
        }
        (Type::Fixed, false) if footer.stated_bytes > footer_at => {
            Err(Rejection::truncated(footer_at + 48, "the footer states a larger disk than the file holds"))
        }
        (Type::Fixed, false) => {
            Err(Rejection::corrupt(footer_at + 48, "the footer states a smaller disk than the file holds"))
        }
        (Type::Fixed, true) => {
            Err(Rejection::corrupt(0, "the footer says that the disk is fixed, and the file begins like a dynamic one"))
        }
        (Type::Dynamic, false) => Err(Rejection::corrupt(0, "the file does not begin with a copy of its footer")),
        (Type::Dynamic, true) if head != tail => {
            Err(Rejection::corrupt(footer_at, "the footer and its copy at the file's start differ"))
        }
        (Type::Dynamic, true) => Ok(Box::new(dynamic::File::open(bytes, &footer)?)),
    }
}

/// A fixed disk: the file without its footer.
#[derive(Debug)]
struct Fixed {
    virtual_size_bytes: u64,
}

impl Disk for Fixed {
    fn virtual_size_bytes(&self) -> u64 {
        self.virtual_size_bytes
    }

    fn extents(&self) -> DiskExtents<'_> {
        let whole = Extent { guest_offset: 0, len: self.virtual_size_bytes, kind: Kind::Data { file_offset: 0 } };
        Box::new((whole.len > 0).then_some(Ok(whole)).into_iter())
    }

    fn inflate(&self, _: &Extent) -> Result<Vec<u8>, Rejection> {
        Err(Rejection::not_compressed())
    }
}
