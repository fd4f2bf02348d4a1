//! A bitmap that knows how many bits are set before any of its bits.

/// Words between two remembered counts: 4,096 bits, so counts add an eighth of a bit to a bit.
const WORDS_PER_COUNT: usize = 64;

/// A bitmap with rank and select.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranked {
    words: Vec<u64>,
    /// How many bits are set before each group of words.
    counts: Vec<u64>,
    ones: u64,
}

impl Ranked {
    /// The first `len` of the bits; missing ones are not set.
    pub(super) fn new(len: u64, bits: impl Iterator<Item = bool>) -> Self {
        let words = len.div_ceil(64) as usize;
        let mut ranked = Self { words: Vec::with_capacity(words), ..Self::default() };
        let mut word = 0;
        let mut at = 0;
        for bit in bits.take(len as usize) {
            word |= u64::from(bit) << (at % 64);
            at += 1;
            if at % 64 == 0 {
                ranked.push(word);
                word = 0;
            }
        }
        if at % 64 != 0 {
            ranked.push(word);
        }
        while ranked.words.len() < words {
            ranked.push(0);
        }
        ranked
    }

    fn push(&mut self, word: u64) {
        if self.words.len().is_multiple_of(WORDS_PER_COUNT) {
            self.counts.push(self.ones);
        }
        self.ones += u64::from(word.count_ones());
        self.words.push(word);
    }

    pub(super) fn ones(&self) -> u64 {
        self.ones
    }

    /// Tells whether a bit is set; bits behind the end are not.
    pub(super) fn get(&self, index: u64) -> bool {
        self.words.get((index / 64) as usize).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Tells whether any bit of a range is set whose bounds are multiples of 64 or the end.
    pub(super) fn any(&self, start: u64, end: u64) -> bool {
        let end = (end.div_ceil(64) as usize).min(self.words.len());
        self.words.get((start / 64) as usize..end).is_some_and(|words| words.iter().any(|w| *w != 0))
    }

    /// How many bits before `index` are set.
    pub(super) fn rank(&self, index: u64) -> u64 {
        let word = (index / 64) as usize;
        if word >= self.words.len() {
            return self.ones;
        }
        let group = word / WORDS_PER_COUNT;
        let before: u32 = self.words[group * WORDS_PER_COUNT..word].iter().map(|word| word.count_ones()).sum();
        let within = self.words[word] & ((1 << (index % 64)) - 1);
        self.counts[group] + u64::from(before) + u64::from(within.count_ones())
    }

    /// The place of the set bit that has `nth` set bits before it.
    pub(super) fn select(&self, nth: u64) -> Option<u64> {
        if nth >= self.ones {
            return None;
        }
        let group = self.counts.partition_point(|count| *count <= nth) - 1;
        let mut left = nth - self.counts[group];
        for (index, word) in self.words.iter().enumerate().skip(group * WORDS_PER_COUNT) {
            let ones = u64::from(word.count_ones());
            if left < ones {
                let mut word = *word;
                for _ in 0..left {
                    word &= word - 1;
                }
                return Some(index as u64 * 64 + u64::from(word.trailing_zeros()));
            }
            left -= ones;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rank_and_select_agree_with_counting(bits in proptest::collection::vec(any::<bool>(), 0..10_000)) {
            let ranked = Ranked::new(bits.len() as u64, bits.iter().copied());
            let mut ones = 0;
            for (index, bit) in bits.iter().enumerate() {
                prop_assert_eq!(ranked.get(index as u64), *bit);
                prop_assert_eq!(ranked.rank(index as u64), ones);
                if *bit {
                    prop_assert_eq!(ranked.select(ones), Some(index as u64));
                    ones += 1;
                }
            }
            prop_assert_eq!(ranked.ones(), ones);
            prop_assert_eq!(ranked.rank(bits.len() as u64), ones);
            prop_assert_eq!(ranked.select(ones), None);
        }
    }
}
