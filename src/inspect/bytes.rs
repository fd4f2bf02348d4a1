//! The bridge from the store's async reads to the synchronous ones of format checks.

use std::io;

use chunks::Reader;
use disks::ReadAt;
use tokio::runtime::Handle;

/// A content as bytes for code on a blocking thread; on any other thread it panics.
pub(super) struct ContentBytes {
    reader: Reader,
    runtime: Handle,
}

impl ContentBytes {
    /// Called in async code; the value is for a blocking thread.
    pub(super) fn new(reader: Reader) -> ContentBytes {
        ContentBytes { reader, runtime: Handle::current() }
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl ReadAt for ContentBytes {
    fn size_bytes(&self) -> u64 {
        self.reader.size_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let read = self.runtime.block_on(self.reader.read_at(offset, buf.len())).map_err(io::Error::other)?;
        if read.len() != buf.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf.copy_from_slice(&read);
        Ok(())
    }
}
