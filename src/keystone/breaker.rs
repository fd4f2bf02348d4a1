//! The breaker: who asks a Keystone that does not answer.
//!
//! ```text
//! closed ──FAILURES in a row──► open ──every AGAIN, one asks──► an answer: closed
//!                                 ▲                        └──► none: open
//!                                 └────────────────────────────────┘
//! ```
//!
//! While it is open, everybody else is told at once that Keystone is away, and does not wait for it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How often one asks whether Keystone is back.
const AGAIN: Duration = Duration::from_secs(2);

/// The breaker.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    /// When the next one may ask, while it is open.
    next: Option<Instant>,
}

impl Breaker {
    /// Whether this one may ask.
    pub(super) fn lets_through(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.next {
            None => true,
            Some(next) if now >= next => {
                // Also when this one is given up and tells nothing, another may ask then.
                state.next = Some(now + AGAIN);
                true
            }
            Some(_) => false,
        }
    }

    /// Keystone has answered.
    pub(super) fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Keystone has not answered, or not with what was asked; says whether it opens by this.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES {
            state.next = Some(now + AGAIN);
        }
        state.failures == FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_service_that_does_not_answer_one_asks_every_two_seconds() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        for _ in 1..FAILURES {
            assert!(breaker.lets_through(now) && !breaker.failed(now));
        }
        assert!(breaker.lets_through(now) && breaker.failed(now));
        for _ in 0..3 {
            assert!(!breaker.lets_through(now));
            now += AGAIN;
            assert!(breaker.lets_through(now));
            assert!(!breaker.lets_through(now), "one alone");
            breaker.failed(now);
        }
        now += AGAIN;
        assert!(breaker.lets_through(now));
        breaker.answered();
        assert!(breaker.lets_through(now) && breaker.lets_through(now));
    }

    #[test]
    fn failures_between_answers_do_not_open_it() {
        let breaker = Breaker::default();
        for _ in 0..3 * FAILURES {
            breaker.failed(Instant::now());
            breaker.answered();
        }
        assert!(breaker.lets_through(Instant::now()));
    }
}
