//! Bytes that can be read at any offset, and a window over them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a known size that can be read at any offset.
pub trait ReadAt: Send + Sync {
    /// The size in bytes; it does not change while the bytes are in use.
    fn size_bytes(&self) -> u64;

    /// Fills `buf` from `offset`; fails with `UnexpectedEof` when the bytes end before it is full.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn size_bytes(&self) -> u64 {
        // A file whose size cannot be asked for reads as empty, and an empty file is refused.
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buf, offset)
    }
}

impl ReadAt for &[u8] {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let source = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(source);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        ReadAt::read_exact_at(&self.as_slice(), buf, offset)
    }
}

/// Reads at most `len` bytes from `offset`: fewer when the bytes end before.
pub(crate) fn read_up_to(bytes: &dyn ReadAt, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let left = bytes.size_bytes().saturating_sub(offset);
    let len = usize::try_from(left).map_or(len, |left| left.min(len));
    let mut buf = vec![0; len];
    bytes.read_exact_at(&mut buf, offset)?;
    Ok(buf)
}
