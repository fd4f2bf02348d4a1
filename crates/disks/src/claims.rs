//! Which host clusters are taken, for a window of the file at a time.

use std::ops::Range;

/// A bit for each of this many clusters: 4 MiB, which is 2 TiB of a file with 64 KiB clusters.
const WINDOW_CLUSTERS: u64 = 1 << 25;

/// The part of a file that one pass of the walk keeps account of.
pub(crate) struct Claims {
    window: Range<u64>,
    /// Taken by a table or by data.
    whole: Vec<u64>,
    /// Touched by compressed bytes, which share clusters with one another.
    compressed: Vec<u64>,
}

impl Claims {
    /// The windows that together are a file of so many clusters.
    pub(crate) fn windows(clusters: u64) -> impl Iterator<Item = Range<u64>> {
        (0..clusters.div_ceil(WINDOW_CLUSTERS)).map(move |index| {
            let start = index * WINDOW_CLUSTERS;
            start..(start + WINDOW_CLUSTERS).min(clusters)
        })
    }

    pub(crate) fn new(window: Range<u64>) -> Self {
        let words = (window.end - window.start).div_ceil(64) as usize; // At most 2^19.
        Self { window, whole: vec![0; words], compressed: Vec::new() }
    }

    /// The same window with nothing taken.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.window.clone())
    }

    /// Takes a cluster for itself; false when something else has it.
    pub(crate) fn take(&mut self, cluster: u64) -> bool {
        if !self.window.contains(&cluster) {
            return true;
        }
        let (word, bit) = place(cluster - self.window.start);
        let free = self.whole[word] & bit == 0 && self.compressed.get(word).is_none_or(|word| word & bit == 0);
        self.whole[word] |= bit;
        free
    }

    /// Takes every cluster of a range; false when something else has one of them.
    pub(crate) fn take_all(&mut self, clusters: Range<u64>) -> bool {
        let mut at = clusters.start.max(self.window.start);
        let end = clusters.end.min(self.window.end);
        while at < end {
            let index = at - self.window.start;
            let (word, shift) = ((index / 64) as usize, index % 64); // The window bounds the index.
            let len = (64 - shift).min(end - at);
            let bits = (u64::MAX >> (64 - len)) << shift;
            if self.whole[word] & bits != 0 || self.compressed.get(word).is_some_and(|word| word & bits != 0) {
                return false;
            }
            self.whole[word] |= bits;
            at += len;
        }
        true
    }

    /// Takes part of a cluster for compressed bytes; false when it is taken whole.
    pub(crate) fn take_compressed(&mut self, cluster: u64) -> bool {
        if !self.window.contains(&cluster) {
            return true;
        }
        if self.compressed.is_empty() {
            self.compressed = vec![0; self.whole.len()];
        }
        let (word, bit) = place(cluster - self.window.start);
        self.compressed[word] |= bit;
        self.whole[word] & bit == 0
    }
}

fn place(index: u64) -> (usize, u64) {
    ((index / 64) as usize, 1 << (index % 64)) // The window bounds the index.
}
