//! Compressed clusters: do their bytes overlap?
//!
//! They begin at any byte and end in a known sector. A program that writes a file front to
//! back leaves them in order, which costs nothing to see; otherwise they are sorted, a bounded number
//! at a time.

use crate::{ReadAt, Rejection, Rule};

use super::entry::Entry;
use super::header::Header;
use super::walk::each_entry;

/// Whether compressed clusters came in the order of their bytes, each behind the last.
#[derive(Debug)]
pub(super) struct Order {
    start: u64,
    end: u64,
    pub(super) kept: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { start: 0, end: 0, kept: true }
    }
}

impl Order {
    pub(super) fn add(&mut self, start: u64, end: u64) {
        self.kept &= is_behind(self.start, self.end, start);
        (self.start, self.end) = (start, end);
    }
}

/// Tells whether compressed bytes that begin at `start` are behind others. Ends are known to the sector only, and a
/// writer may count one sector too many, so the next may begin in the sector before.
fn is_behind(last_start: u64, last_end: u64, start: u64) -> bool {
    start > last_start && start + 1024 > last_end
}

/// How many compressed clusters are put in order at a time: twice this many pairs, 8 MiB.
const SORTED_AT_A_TIME: usize = 1 << 18;

/// Checks that no compressed clusters overlap, whatever order they come in: walks the tables for
/// the next few by place in the file, until there are no more.
pub(super) fn apart(bytes: &dyn ReadAt, header: &Header) -> Result<(), Rejection> {
    let (mut last_start, mut last_end) = (0, 0);
    loop {
        let mut next: Vec<(u64, u64)> = Vec::new();
        each_entry(bytes, header, |_, _, entry| {
            let Entry::Compressed { host, len } = entry else {
                return Ok(());
            };
            if host > last_start {
                next.push((host, host + len));
            }
            if next.len() == 2 * SORTED_AT_A_TIME { keep_lowest(&mut next) } else { Ok(()) }
        })?;
        if next.len() > SORTED_AT_A_TIME {
            keep_lowest(&mut next)?;
        }
        if next.is_empty() {
            return Ok(());
        }
        next.sort_unstable();
        for (start, end) in next {
            if !is_behind(last_start, last_end, start) {
                return Err(shared(start));
            }
            (last_start, last_end) = (start, end);
        }
    }
}

/// Drops all but the lowest; the next walk comes by the dropped again, except by one that begins
/// where the highest of the kept does: that is what is looked for.
fn keep_lowest(found: &mut Vec<(u64, u64)>) -> Result<(), Rejection> {
    let (_, highest, dropped) = found.select_nth_unstable(SORTED_AT_A_TIME - 1);
    let start = highest.0;
    if dropped.iter().any(|other| other.0 == start) {
        return Err(shared(start));
    }
    found.truncate(SORTED_AT_A_TIME);
    Ok(())
}

fn shared(at: u64) -> Rejection {
    Rejection::new(Rule::Amplification, at, "compressed clusters share their bytes")
}
