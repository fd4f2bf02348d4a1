//! Failed sign-ins, and the locks that follow.
//!
//! An account is locked for the address that failed, and for no other: so a stranger keeps nobody out but the people who
//! share an address with the stranger. Each lock that follows another holds for longer.
//!
//! ```text
//! none ──failure──► counted ──the limit within 15 minutes──► locked (failures do not count) ──time──► counted from 0
//!   ▲                                                                                                   │
//!   └── a right proof, a new password, or a day without a failure ──────────────────────────────────────┘
//! ```
//!
//! They are kept in memory: strangers write nothing to the disk, and a restart, which no stranger can cause, forgets.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use moka::policy::EvictionPolicy;

/// Failures are counted over this long.
const WINDOW_MS: i64 = 15 * 60 * 1000;
/// Failures are remembered for this long after the last one.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Accounts and addresses that are remembered, about 150 bytes each. Each failure costs its sender a slow hash, so it takes
/// a stranger many minutes to have a lock of its own forgotten, for as many further guesses as the lock is worth.
const KEPT: u64 = 100_000;
/// A lock doubles at most so often: an hour by default, for those who share the address with the one who fails.
const DOUBLED_AT_MOST: u32 = 2;

/// A hash of an account's name or id, which may be of any length.
pub(super) type Account = [u8; 32];

/// An account, tried from an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tried {
    account: Account,
    share: IpAddr,
}

/// The account `who`.
pub(super) fn account(who: &str) -> Account {
    *blake3::hash(who.as_bytes()).as_bytes()
}

/// The account `who`, tried from the address with this share.
pub(super) fn tried(who: &str, share: IpAddr) -> Tried {
    Tried { account: account(who), share }
}

/// A lock of an account for one address.
#[derive(Clone, Copy)]
pub(super) struct Lock {
    /// The last failure: a password that is newer opens the account.
    pub(super) failed_ms: i64,
    /// When it ends.
    pub(super) until_ms: i64,
}

/// The rule of the locks.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Failures that lock.
    pub(super) limit: u32,
    /// How long the first lock holds.
    pub(super) lock_ms: i64,
}

#[derive(Clone, Copy, Default)]
struct Failed {
    failures: u32,
    since_ms: i64,
    last_ms: i64,
    locks: u32,
    locked_until_ms: i64,
}

/// The failures of late.
#[derive(Clone)]
pub(super) struct Failures(moka::sync::Cache<Tried, Failed>);

impl Failures {
    pub(super) fn new() -> Failures {
        // By default a full cache may refuse a newcomer, whose failures would then never count.
        let kept = moka::sync::Cache::builder().max_capacity(KEPT).eviction_policy(EvictionPolicy::lru());
        Failures(kept.time_to_live(REMEMBERED).build())
    }

    /// Whether it is locked. Failures up to `forgiven_ms`, the time of the last new password, do not count.
    pub(super) fn is_locked(&self, tried: &Tried, now_ms: i64, forgiven_ms: i64) -> bool {
        self.0.get(tried).is_some_and(|failed| failed.last_ms > forgiven_ms && failed.locked_until_ms > now_ms)
    }

    /// Counts a failure.
    pub(super) fn count(&self, tried: Tried, now_ms: i64, forgiven_ms: i64, rule: Rule) {
        self.0.entry(tried).and_upsert_with(|entry| {
            let known = entry.map(moka::Entry::into_value).filter(|failed| failed.last_ms > forgiven_ms);
            known.unwrap_or_default().after_one_more(now_ms, rule)
        });
    }

    /// Forgets the failures.
    pub(super) fn forget(&self, tried: &Tried) {
        self.0.invalidate(tried);
    }

    /// The locks that hold now, by account. It looks at all that is kept: some milliseconds.
    pub(super) fn locks(&self, now_ms: i64) -> HashMap<Account, Vec<Lock>> {
        let mut locks = HashMap::<Account, Vec<Lock>>::new();
        for (tried, failed) in self.0.iter().filter(|(_, failed)| failed.locked_until_ms > now_ms) {
            let lock = Lock { failed_ms: failed.last_ms, until_ms: failed.locked_until_ms };
            locks.entry(tried.account).or_default().push(lock);
        }
        locks
    }

    /// Forgets the failures of an account, from wherever it was tried.
    pub(super) fn forget_account(&self, account: Account) {
        let of_it: Vec<_> =
            self.0.iter().filter(|(tried, _)| tried.account == account).map(|(tried, _)| *tried).collect();
        of_it.iter().for_each(|tried| self.forget(tried));
    }
}

impl Failed {
    fn after_one_more(mut self, now_ms: i64, rule: Rule) -> Failed {
        // A lock that holds is not prolonged: whoever shares the address would be kept out for ever.
        if self.locked_until_ms > now_ms {
            return self;
        }
        if now_ms - self.since_ms > WINDOW_MS {
            (self.failures, self.since_ms) = (0, now_ms);
        }
        self.failures += 1;
        self.last_ms = now_ms;
        if self.failures >= rule.limit.max(1) {
            self.locked_until_ms = now_ms.saturating_add(rule.lock_ms << self.locks.min(DOUBLED_AT_MOST));
            self.locks += 1;
            self.failures = 0;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { limit: 5, lock_ms: 1000 };

    fn here() -> Tried {
        tried("alice", "192.0.2.1".parse().unwrap())
    }

    #[test]
    fn account_is_locked_for_the_address_that_failed_alone() {
        let failures = Failures::new();
        let elsewhere = tried("alice", "192.0.2.2".parse().unwrap());
        for n in 1..=5 {
            assert!(!failures.is_locked(&here(), n, 0));
            failures.count(here(), n, 0, RULE);
        }
        assert!(failures.is_locked(&here(), 6, 0));
        assert!(!failures.is_locked(&elsewhere, 6, 0));
        assert!(!failures.is_locked(&here(), 6, 5), "a new password opens the account");
        failures.forget(&here());
        assert!(!failures.is_locked(&here(), 6, 0));
    }

    #[test]
    fn lock_is_not_prolonged_and_the_next_one_holds_for_longer() {
        let failures = Failures::new();
        let mut now = 1;
        for lock_ms in [1000, 2000, 4000, 4000] {
            for _ in 0..5 {
                failures.count(here(), now, 0, RULE);
            }
            let ends = now + lock_ms;
            failures.count(here(), ends - 1, 0, RULE);
            assert!(failures.is_locked(&here(), ends - 1, 0), "{lock_ms}");
            assert!(!failures.is_locked(&here(), ends, 0), "{lock_ms}");
            now = ends;
        }
    }

    #[test]
    fn failures_far_apart_do_not_lock() {
        let failures = Failures::new();
        for n in 0..20 {
            failures.count(here(), n * (WINDOW_MS / 4 + 1), 0, RULE);
            assert!(!failures.is_locked(&here(), n * (WINDOW_MS / 4 + 1), 0));
        }
    }
}
