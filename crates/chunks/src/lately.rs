//! The chunks that this process knows to be readable, since it wrote or verified them lately.
//!
//! A save reads again what it found already there, as its bytes are at hand only until it is acknowledged. Many saves
//! find the same chunks within an hour (a base image, a nightly snapshot): those are read once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::index::Location;

/// An entry lives for one of these at least and for two at most: an hour. Disks rot over months, and what happens
/// to a record within the hour happens to one just written as well.
const GENERATION: Duration = Duration::from_secs(30 * 60);
/// Records in a generation: 28 GiB of content. A set of them takes 4.7 MiB, so both take 9.4 at most.
const REMEMBERED: usize = (1 << 19) / 8 * 7;

/// The records that were written or verified lately.
#[derive(Debug)]
pub(crate) struct Lately(Mutex<Generations>);

#[derive(Debug)]
struct Generations {
    now: HashSet<u64>,
    before: HashSet<u64>,
    since: Instant,
}

impl Lately {
    pub(crate) fn new() -> Lately {
        Lately(Mutex::new(Generations { now: HashSet::new(), before: HashSet::new(), since: Instant::now() }))
    }

    /// Remembers that these records hold their chunks.
    pub(crate) fn note(&self, records: impl IntoIterator<Item = (Digest, Location)>) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (digest, location) in records {
            if generations.now.len() >= REMEMBERED {
                generations.turn();
            }
            generations.now.insert(fingerprint(&digest, &location));
        }
    }

    /// Tells of each record whether it is known to hold its chunk.
    pub(crate) fn know(&self, records: impl Iterator<Item = (Digest, Location)>) -> Vec<bool> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |print| generations.now.contains(&print) || generations.before.contains(&print);
        records.map(|(digest, location)| has(fingerprint(&digest, &location))).collect()
    }

    /// Forgets what is too long ago.
    pub(crate) fn tidy(&self) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.since.elapsed() >= GENERATION {
            generations.turn();
        }
    }
}

impl Generations {
    fn turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.since = Instant::now();
    }
}

/// Eight bytes for a record: the digest's first ones, mixed with the place, as a chunk that was moved or written again
/// is another record. Two records of one print, one pair in 2^64, cost a save the reading of one of them.
fn fingerprint(digest: &Digest, location: &Location) -> u64 {
    let place = location.segment.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ location.start.rotate_left(32);
    digest.prefix() ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> (Digest, Location) {
        (Digest::of(&number.to_le_bytes()), Location { segment: 1, start: number, stored_bytes: 9, raw_bytes: 9 })
    }

    #[test]
    fn a_record_is_known_until_two_generations_have_passed() {
        let lately = Lately::new();
        lately.note([record(1), record(2)]);
        let moved = (record(1).0, Location { segment: 2, ..record(1).1 });
        assert_eq!(lately.know([record(1), record(3), moved].into_iter()), [true, false, false]);
        lately.note((10..10 + REMEMBERED as u64).map(record));
        assert_eq!(lately.know([record(1), record(10)].into_iter()), [true, true]);
        lately.note((0..REMEMBERED as u64).map(|number| record(number + (1 << 30))));
        assert_eq!(lately.know([record(1), record(10)].into_iter()), [false, false]);
        let generations = lately.0.lock().unwrap();
        assert!(generations.now.len().max(generations.before.len()) <= REMEMBERED);
    }
}
