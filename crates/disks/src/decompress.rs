//! The one layer of compression that a file may be wrapped in.

use std::{fmt, io};

use crate::ReadAt;
use crate::read_at::read_up_to;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The `.xz` format.
    Xz,
}

impl Compression {
    /// The compression whose signature these bytes begin with.
    pub fn of(bytes: &dyn ReadAt) -> io::Result<Option<Self>> {
        Ok(Self::of_head(&read_up_to(bytes, 0, 6)?))
    }

    /// The compression whose signature a file that begins like this has; six bytes are enough.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        })
    }
}
