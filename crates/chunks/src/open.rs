//! One open segment: its file, and how far it has come. [`crate::segment`] says how it lives, and in which order its locks
//! are taken.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Mutex as AsyncMutex;

use crate::bucket::Objects;
use crate::build::lock;
use crate::error::Error;
use crate::files::Files;
use crate::index::Row;
use crate::record::{self, Entry, SEGMENT_HEADER_BYTES};

/// A segment that this store appends to.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    pub(crate) id: u64,
    path: PathBuf,
    pub(crate) file: File,
    tail: Mutex<Tail>,
    /// Held from a write until its records are entered. A segment has one writer, so nobody waits here but one who closes
    /// it; should a mistake give it two, one waits for the other instead of writing over its records.
    pub(crate) writing: Mutex<()>,
    /// Held over a commit: when a waiter gets it, the index has the rows, or the commit has failed.
    pub(crate) turn: AsyncMutex<()>,
}

#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) end: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) uncommitted: Vec<Row>,
    name_is_durable: bool,
    pub(crate) full: bool,
    /// Before a bucket: its footer is written, or about to be, and nothing comes behind it.
    pub(crate) closed: bool,
    /// How long the object is; 0 until the bucket has it.
    sent: u64,
    /// The index knows it as sealed.
    pub(crate) sealed: bool,
    /// A failed sync leaves the page cache in doubt: nothing of this segment is published again. The
    /// system reports the failure to one sync only; the next would succeed without having written.
    pub(crate) failed: Option<Error>,
}

/// Whether a segment goes on after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Seal,
}

impl OpenSegment {
    /// Writes the header of a new segment into its file.
    pub(crate) fn new(id: u64, path: PathBuf, file: File) -> Result<OpenSegment, Error> {
        file.write_all_at(&record::segment_header(id), 0).map_err(|error| Error::io(&path, error))?;
        let tail = Mutex::new(Tail { end: SEGMENT_HEADER_BYTES, ..Tail::default() });
        let (writing, turn) = Default::default();
        Ok(OpenSegment { id, path, file, tail, writing, turn })
    }

    pub(crate) fn tail(&self) -> MutexGuard<'_, Tail> {
        lock(&self.tail)
    }

    /// Writes after the last whole record, and returns where. After a failure the segment is as it was,
    /// and takes no more records. The caller has the lock `writing`.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<u64, Error> {
        let base = self.tail().end;
        if let Err(error) = self.file.write_all_at(bytes, base) {
            self.tail().full = true;
            // A full disk needs the space back at once. Should this fail too, the bytes lie behind the
            // last record, where no row points.
            let _ = self.file.set_len(base);
            return Err(Error::io(&self.path, error));
        }
        self.tail().end = base + bytes.len() as u64;
        Ok(base)
    }

    pub(crate) fn has_uncommitted(&self) -> Result<bool, Error> {
        let tail = self.tail();
        match &tail.failed {
            Some(error) => Err(error.clone()),
            None => Ok(!tail.uncommitted.is_empty()),
        }
    }

    pub(crate) fn start_commit(&self) -> Vec<Row> {
        std::mem::take(&mut self.tail().uncommitted)
    }

    /// Lets no further record in, after the append that is under way.
    pub(crate) fn close(&self) {
        let _writing = lock(&self.writing);
        let mut tail = self.tail();
        (tail.closed, tail.full) = (true, true);
    }

    /// Whether the bucket has it.
    pub(crate) fn is_sent(&self) -> bool {
        self.tail().sent > 0
    }

    /// Sends the segment to the bucket, whole and with its footer, and leaves its file as the first copy in the cache;
    /// returns its length. Sent already, it is not sent again.
    pub(crate) async fn send(self: &Arc<Self>, objects: &Arc<Objects>) -> Result<u64, Error> {
        self.close();
        let (sent, end) = (self.tail().sent, self.clone());
        if sent > 0 {
            return Ok(sent);
        }
        let read = move || {
            end.write_footer();
            let mut bytes = vec![0; end.file.metadata()?.len() as usize];
            end.file.read_exact_at(&mut bytes, 0)?;
            end.check(&bytes).map(|()| bytes)
        };
        let bytes = objects.put(self.id, read).await.map_err(|error| Error::object(self.id, error))?;
        self.tail().sent = bytes;
        let (id, cache) = (self.id, objects.clone());
        // From here on the file may be taken away at any time.
        tokio::task::spawn_blocking(move || cache.cache.adopt(id, bytes)).await?;
        Ok(bytes)
    }

    /// Looks whether every record is in the bytes that are sent: rows are about to say so, and nothing else has read them.
    fn check(&self, bytes: &[u8]) -> io::Result<()> {
        let tail = self.tail();
        let is_whole = |entry: &Entry| {
            let record = bytes.get(entry.start as usize..entry.end() as usize);
            record.is_some_and(|record| record::is_whole(record, &entry.header))
        };
        match tail.entries.iter().all(is_whole) {
            true => Ok(()),
            false => Err(io::Error::other("its file lost a record before it was sent")),
        }
    }

    /// Syncs the data; the one sync of a commit, and another of the folder for a new file's name. Returns how long it is.
    pub(crate) fn sync(&self, files: &Files, then: Then) -> Result<u64, Error> {
        if then == Then::Seal {
            self.write_footer();
        }
        self.file.sync_data().map_err(|error| Error::io(&self.path, error))?;
        if !self.tail().name_is_durable {
            files.sync_names()?;
            self.tail().name_is_durable = true;
        }
        Ok(self.file.metadata().map_err(|error| Error::io(&self.path, error))?.len())
    }

    /// Writes the footer if there is space for it. It saves time, and a segment without one is complete:
    /// its records have headers.
    fn write_footer(&self) {
        let (footer, end) = {
            let tail = self.tail();
            (record::footer(&tail.entries, tail.end), tail.end)
        };
        if let Err(error) = self.file.write_all_at(&footer, end) {
            tracing::warn!(path = %self.path.display(), %error, "a segment is sealed without its footer");
            let _ = self.file.set_len(end);
        }
    }
}
