//! Turns at scarce work, shared out between the addresses that ask for it.
//!
//! ```text
//! asked ──a turn is free──────────────────────────► Turn ──dropped──► the next address's first
//!   └──all are taken──► waits behind its own ────────►┘
//!                         └──too many wait──► the last of the address with the most gives way, or this one does
//! ```
//!
//! The addresses that wait are served in a circle, one turn each. So an address that asks a thousand times takes its own
//! time and nobody else's, and alone it has all turns and all places.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The address under which turns and failures are counted: hosts of IPv6 have a /64 each, to choose addresses from.
pub fn share_of(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Some(IpAddr::V6(v6)) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        Some(v4) => v4,
    }
}

/// The turns.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    places: usize,
    /// The addresses that wait, in the order of their next turns; none is there without somebody who waits.
    waiting: VecDeque<(IpAddr, VecDeque<oneshot::Sender<Turn>>)>,
}

/// One of the turns. The next in line gets it when it is dropped.
pub(super) struct Turn(Option<Turns>);

impl Turns {
    /// So many turns at once, and so many places to wait.
    pub(super) fn new(at_once: usize, places: usize) -> Turns {
        Turns(Arc::new(Mutex::new(Queue { free: at_once, places, waiting: VecDeque::new() })))
    }

    /// Waits for a turn of this address.
    ///
    /// # Errors
    /// `Unavailable` when too many wait, and none of them comes from an address that has more places than this one.
    pub(super) async fn take(&self, share: IpAddr) -> Result<Turn> {
        let busy = || Error::Unavailable("too many people are signing in; try again in a few seconds".into());
        let turn = {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Turn(Some(self.clone())));
            }
            queue.join(share).ok_or_else(busy)?
        };
        turn.await.map_err(|_| busy())
    }

    /// The next in line; without one, the turn is free.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((share, mut line)) = queue.waiting.pop_front() else {
            queue.free += 1;
            return None;
        };
        let first = line.pop_front();
        if !line.is_empty() {
            queue.waiting.push_back((share, line));
        }
        first
    }
}

impl Queue {
    /// Takes a place, if there is one for this address.
    fn join(&mut self, share: IpAddr) -> Option<oneshot::Receiver<Turn>> {
        let own = self.waiting.iter().position(|(address, _)| *address == share);
        let (sender, receiver) = oneshot::channel();
        if self.waiting.iter().map(|(_, line)| line.len()).sum::<usize>() >= self.places {
            let held = own.map_or(0, |own| self.waiting[own].1.len());
            let (_, most) = self.waiting.iter_mut().max_by_key(|(_, line)| line.len())?;
            if most.len() <= held + 1 {
                return None;
            }
            // The one that gives way sees that its sender is gone.
            most.pop_back();
        }
        match own {
            Some(own) => self.waiting[own].1.push_back(sender),
            None => self.waiting.push_back((share, VecDeque::from([sender]))),
        }
        Some(receiver)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        while let Some(next) = turns.next() {
            match next.send(Turn(Some(turns.clone()))) {
                Ok(()) => return,
                // Its request was given up meanwhile: the turn is still ours to hand on.
                Err(mut unwanted) => drop(unwanted.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn crowd_of_one_address_keeps_nobody_else_waiting() {
        let turns = Turns::new(1, 3);
        let (crowd, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let running = turns.take(crowd).await.unwrap();
        let ask = |share| {
            let mut asked = Box::pin(turns.take(share));
            assert!(asked.as_mut().now_or_never().is_none_or(|turn| turn.is_err()));
            asked
        };
        let (first, second, third) = (ask(crowd), ask(crowd), ask(crowd));
        assert!(turns.take(crowd).await.is_err(), "its places are taken");
        let one = ask(other);
        assert!(
            third.now_or_never().is_some_and(|turn| turn.is_err()),
            "the last of the crowd gives its place to another address"
        );
        drop(running);
        drop(first.await.unwrap());
        // The other address came last and waits for one turn of the crowd, not for all of them.
        let turn = one.await.unwrap();
        let mut second = second;
        assert!(second.as_mut().now_or_never().is_none());
        drop(turn);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn turn_of_a_request_that_was_given_up_is_handed_on() {
        let turns = Turns::new(1, 8);
        let share = ip("192.0.2.1");
        let running = turns.take(share).await.unwrap();
        let mut given_up = Box::pin(turns.take(share));
        let mut next = Box::pin(turns.take(share));
        let mut late = Box::pin(turns.take(share));
        for asked in [&mut given_up, &mut next, &mut late] {
            assert!(asked.as_mut().now_or_never().is_none());
        }
        drop(given_up);
        drop(running);
        // This one has its turn already, and never takes it.
        drop(next);
        drop(late.await.unwrap());
        turns.take(share).now_or_never().expect("a free turn").unwrap();
    }

    #[test]
    fn share_of_an_ipv6_host_is_its_network() {
        assert_eq!(share_of(Some(ip("2001:db8:1:2:3:4:5:6"))), ip("2001:db8:1:2::"));
        assert_eq!(share_of(Some(ip("::ffff:192.0.2.1"))), ip("192.0.2.1"));
        assert_eq!(share_of(None), ip("::"));
    }
}
