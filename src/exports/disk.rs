//! A content of the store as a disk.

use std::{io, time::Duration};

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Reader};
use nbd::{Device, Extent, Part};
use tracing::{error, warn};

/// How much of a disk one question for the block status looks at: clients come back for the rest.
const EXTENTS_BYTES: u64 = 4 << 30;

/// The pauses before a read that failed for a reason that passes is tried again: three seconds in all, which is less
/// than a guest waits for a disk.
const PAUSES_MS: [u64; 4] = [50, 250, 700, 2_000];

/// A content of the store as a disk.
pub(super) struct Disk {
    reader: Reader,
}

impl Disk {
    pub(super) fn new(reader: Reader) -> Disk {
        Disk { reader }
    }

    /// The runs of chunks with data and without, cut to the bytes of the range.
    async fn runs(&self, offset: u64, len: u64) -> Result<Vec<Extent>, chunks::Error> {
        let chunk_bytes = CHUNK_BYTES as u64;
        let end = offset + len;
        let first = offset / chunk_bytes;
        let present = self.reader.present(first..end.div_ceil(chunk_bytes)).await?;
        let mut runs: Vec<Extent> = Vec::new();
        let mut at = offset;
        for (chunk, present) in (first..).zip(present) {
            let next = ((chunk + 1) * chunk_bytes).min(end);
            match runs.last_mut() {
                Some(last) if last.hole != present => last.len += next - at,
                _ => runs.push(Extent { len: next - at, hole: !present }),
            }
            at = next;
        }
        Ok(runs)
    }

    async fn parts(&self, offset: u64, len: u32) -> Result<Vec<Part>, chunks::Error> {
        let mut parts = Vec::new();
        let mut at = offset;
        for run in self.runs(offset, len.into()).await? {
            if run.hole {
                parts.push(Part::Zeroes(run.len as u32)); // At most `len`.
            } else {
                let pieces = self.pieces(at, run.len as usize).await?;
                parts.extend(pieces.into_iter().map(Part::Data));
            }
            at += run.len;
        }
        Ok(parts)
    }

    async fn pieces(&self, offset: u64, len: usize) -> Result<Vec<Bytes>, chunks::Error> {
        Ok(vec![self.reader.read_at(offset, len).await?])
    }
}

impl Device for Disk {
    fn size_bytes(&self) -> u64 {
        self.reader.size_bytes()
    }

    async fn read(&self, offset: u64, len: u32) -> io::Result<Vec<Part>> {
        let mut patience = Patience::default();
        loop {
            match self.parts(offset, len).await {
                Ok(parts) => return Ok(parts),
                Err(problem) => patience.wait(problem).await?,
            }
        }
    }

    async fn extents(&self, offset: u64, len: u32) -> io::Result<Vec<Extent>> {
        let len = u64::from(len).min(EXTENTS_BYTES);
        let mut patience = Patience::default();
        loop {
            match self.runs(offset, len).await {
                Ok(runs) => return Ok(runs),
                Err(problem) => patience.wait(problem).await?,
            }
        }
    }
}

/// How often one read has been tried again.
#[derive(Default)]
struct Patience {
    tries: usize,
}

impl Patience {
    /// Waits before the next attempt, or gives up.
    async fn wait(&mut self, problem: chunks::Error) -> io::Result<()> {
        match PAUSES_MS.get(self.tries) {
            Some(pause_ms) if passes(&problem) => {
                warn!(%problem, "cannot read a disk; trying again in {pause_ms} ms");
                self.tries += 1;
                tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
                Ok(())
            }
            _ => {
                error!(%problem, "cannot read a disk, and its guest is told so: {problem}");
                Err(io::Error::other(problem))
            }
        }
    }
}

/// Tells whether the store may answer better in a moment.
fn passes(problem: &chunks::Error) -> bool {
    matches!(problem, chunks::Error::Io { .. } | chunks::Error::Index(_) | chunks::Error::Worker(_))
}
