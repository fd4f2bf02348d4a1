//! One run of a campaign: its random numbers, its end, and the figures of its table.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A run starts anew after so long, with a fresh service: tokens live for an hour.
const LONGEST_RUN: Duration = Duration::from_secs(600);

/// The figures of a campaign over all its runs.
#[derive(Debug, Default)]
pub struct Tally {
    /// Faults that were made.
    pub faults: AtomicUsize,
    /// Files that were downloaded and compared.
    pub compared: AtomicUsize,
    /// Remarks for the table, such as a slowest answer.
    pub remarks: Mutex<Vec<String>>,
}

/// The plan of a run. Cheap to clone.
#[derive(Clone)]
pub struct Plan {
    random: Arc<Mutex<u64>>,
    began: Instant,
    until: Instant,
    is_begun: Arc<AtomicUsize>,
    tally: Arc<Tally>,
}

impl Plan {
    /// The plan that this seed makes; it ends at a time.
    pub fn new(seed: u64, until: Instant, tally: Arc<Tally>) -> Plan {
        let random = Arc::new(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        Plan { random, began: Instant::now(), until, is_begun: Arc::default(), tally }
    }

    /// Whether another fault is to be made. The first always is.
    pub fn goes_on(&self) -> bool {
        let is_first = self.is_begun.fetch_add(1, Ordering::Relaxed) == 0;
        let goes_on = is_first || Instant::now() < self.until.min(self.began + LONGEST_RUN);
        if goes_on {
            self.tally.faults.fetch_add(1, Ordering::Relaxed);
        }
        goes_on
    }

    /// How much time the run has left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Counts a file that was compared.
    pub fn compared(&self) {
        self.tally.compared.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts a remark beside the campaign's figures.
    pub fn remark(&self, remark: String) {
        self.tally.remarks.lock().expect("no panic").push(remark);
    }

    /// A number of this range.
    pub fn number(&self, range: Range<u64>) -> u64 {
        let mut state = self.random.lock().expect("no panic");
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        range.start + (*state >> 8) % (range.end - range.start)
    }

    /// One of these.
    pub fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.number(0..choices.len() as u64) as usize]
    }

    /// Bytes that do not compress.
    pub fn noise(&self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| self.number(0..1 << 55).to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }

    /// Waits for so many milliseconds.
    pub async fn pause(&self, ms: Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.number(ms))).await;
    }
}
