//! The lines that requests stand in: each project has one, and each address of those who are not known yet.
//!
//! ```text
//! asked ──a place of its line is free──► Place ──dropped──────► the next of the same line
//!   └──none is──► waits in its line ──────►┘
//!                   └──the line is full, or it waited too long──► refused
//! ```
//!
//! No request ever waits for one of another line, so nobody's crowd keeps others waiting. A line that is alone has all
//! places. Lines that asked lately share them out, and each has at least one: the processors and the connections to the
//! database then have little of a crowd's work at a time, and that is done in the background ([`crate::background`]).
//!
//! No circle of waits can come: a request waits for a place before it has taken anything that others wait for, and once it
//! has one it waits only for what needs no place: connections to the database, drivers, looks into disks, the audit.
//! The one exception keeps an order: a request of a project may wait for a place of its address (it exchanges a token),
//! and never the other way round. A slow hash of a password is not waited for with a place ([`super::sign_in`]), and
//! neither are a client's bytes ([`Place::leave`]).

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{Caller, share_of};
use crate::{
    error::{Error, Result},
    ids::{ProjectId, UserId},
};

/// Requests of one line that wait: with a hundred programs of a project that ask at once there is room for all, and a
/// crowd holds little memory.
const WAITING: usize = 256;
/// How long one waits: many clients give up after 30 s, and do not learn why.
const PATIENCE: Duration = Duration::from_secs(20);
/// A line counts for so long after its last request: of programs that ask one thing after the other, each is there.
const LATELY: Duration = Duration::from_secs(1);
/// Lines that have ended are looked for so many times in that time at most: a look passes all of them.
const LOOKS: u32 = 10;

/// The owner of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    Project(ProjectId),
    /// Somebody whose token is of no project.
    User(UserId),
    /// Somebody who is not known yet; of IPv6 the network.
    Address(IpAddr),
}

impl Share {
    /// The line of a caller's requests.
    pub fn of(caller: &Caller) -> Share {
        caller.project.as_ref().map_or(Share::User(caller.user.id), |project| Share::Project(project.id))
    }

    /// The line of those who ask from this address.
    pub(super) fn of_address(address: Option<IpAddr>) -> Share {
        Share::Address(share_of(address))
    }
}

/// The lines of one kind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    at_once: usize,
    lately: Duration,
    lines: HashMap<Share, Line>,
    looked_at: Instant,
}

#[derive(Debug)]
struct Line {
    at_work: usize,
    /// Those that have given up since are among them, closed. There is none without somebody at work.
    waiting: VecDeque<oneshot::Sender<Place>>,
    asked_at: Instant,
}

/// The numbers of the requests of all lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub at_work: usize,
    pub waiting: usize,
}

/// A place among the requests at work. The next of its line gets it when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// `None` once it is another's.
    lines: Option<Lines>,
    share: Share,
    is_of_crowd: bool,
}

/// A request that gave its place away while it waits for its client.
#[derive(Clone, Debug)]
pub struct Absent {
    lines: Lines,
    share: Share,
}

impl Lines {
    /// Lines that have so many places; each has all of them while it is alone.
    pub fn new(at_once: usize) -> Lines {
        Lines::timed(at_once, LATELY, PATIENCE)
    }

    fn timed(at_once: usize, lately: Duration, patience: Duration) -> Lines {
        let state = Mutex::new(State { at_once, lately, lines: HashMap::new(), looked_at: Instant::now() });
        Lines(Arc::new(Inner { patience, state }))
    }

    /// Waits for a place in this line. Dropped, it has left the line.
    ///
    /// # Errors
    /// `TooMany` when the line is full, or the wait was too long.
    pub async fn take(&self, share: Share) -> Result<Place> {
        let turn = {
            let mut state = self.state();
            if state.enter(share) {
                return Ok(Place { lines: Some(self.clone()), share, is_of_crowd: false });
            }
            let line = state.line(share);
            if line.waiting.len() >= WAITING {
                line.waiting.retain(|waiting| !waiting.is_closed());
            }
            if line.waiting.len() >= WAITING {
                return Err(too_many(share));
            }
            let (sender, turn) = oneshot::channel();
            line.waiting.push_back(sender);
            turn
        };
        // A place that comes as the time is up is dropped with the turn, and so handed on.
        timeout(self.0.patience, turn).await.ok().and_then(|turn| turn.ok()).ok_or_else(|| too_many(share))
    }

    /// How many are at work, and how many wait.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        let waiting = |line: &Line| line.waiting.iter().filter(|waiting| !waiting.is_closed()).count();
        Standing {
            at_work: state.lines.values().map(|line| line.at_work).sum(),
            waiting: state.lines.values().map(waiting).sum(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place of the line, if one is free.
    fn enter(&mut self, share: Share) -> bool {
        self.line(share).asked_at = Instant::now();
        let places = self.places();
        let line = self.line(share);
        let is_free = line.at_work < places;
        line.at_work += usize::from(is_free);
        is_free
    }

    /// The places of each line.
    fn places(&mut self) -> usize {
        let now = Instant::now();
        if now - self.looked_at >= self.lately / LOOKS {
            self.looked_at = now;
            self.lines
                .retain(|_, line| line.at_work > 0 || !line.waiting.is_empty() || now - line.asked_at < self.lately);
        }
        (self.at_once / self.lines.len().max(1)).max(1)
    }

    fn line(&mut self, share: Share) -> &mut Line {
        let new = || Line { at_work: 0, waiting: VecDeque::new(), asked_at: Instant::now() };
        self.lines.entry(share).or_insert_with(new)
    }

    /// The next of the line, if there is a place for it.
    fn next(&mut self, share: Share) -> Option<oneshot::Sender<Place>> {
        let places = self.places();
        let line = self.line(share);
        if line.at_work >= places {
            return None;
        }
        loop {
            let next = line.waiting.pop_front()?;
            if !next.is_closed() {
                return Some(next);
            }
        }
    }
}

impl Place {
    /// Whether the request had to wait for others of its line while another line was there.
    pub fn is_of_crowd(&self) -> bool {
        self.is_of_crowd
    }

    /// Gives the place away for a while.
    pub fn leave(mut self) -> Option<Absent> {
        let lines = self.lines.clone()?;
        let share = self.share;
        self.give_back();
        Some(Absent { lines, share })
    }

    fn give_back(&mut self) {
        let Some(lines) = self.lines.take() else { return };
        let mut state = lines.state();
        let line = state.line(self.share);
        line.at_work -= 1;
        line.asked_at = Instant::now();
        // More than one, when other lines have ended meanwhile.
        while let Some(next) = state.next(self.share) {
            let is_of_crowd = state.lines.len() > 1;
            let place = Place { lines: Some(lines.clone()), share: self.share, is_of_crowd };
            match next.send(place) {
                Ok(()) => state.line(self.share).at_work += 1,
                // It was given up this moment. Its place was never counted, and must not be given back.
                Err(mut unwanted) => drop(unwanted.lines.take()),
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Absent {
    /// Waits for a place again, before those of its line that never had one: it is never refused. `None` when the service
    /// ends.
    pub async fn come_back(self) -> Option<Place> {
        let turn = {
            let mut state = self.lines.state();
            if state.enter(self.share) {
                return Some(Place { lines: Some(self.lines.clone()), share: self.share, is_of_crowd: false });
            }
            let (sender, turn) = oneshot::channel();
            state.line(self.share).waiting.push_front(sender);
            turn
        };
        turn.await.ok()
    }
}

fn too_many(share: Share) -> Error {
    let whose = match share {
        Share::Project(_) => "your project has",
        Share::User(_) => "you have",
        Share::Address(_) => "your address has",
    };
    Error::TooMany(format!("{whose} more requests under way than the service can answer; try again in a few seconds"))
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, task::Poll};

    use futures::{FutureExt as _, poll};

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Place>>>>;

    fn project() -> Share {
        Share::Project(ProjectId::new())
    }

    /// So many requests of a line that wait.
    async fn crowd(lines: &Lines, share: Share, count: usize) -> Vec<Waiting> {
        let mut crowd = Vec::new();
        for _ in 0..count {
            let lines = lines.clone();
            let mut asked: Waiting = Box::pin(async move { lines.take(share).await });
            assert!(matches!(poll!(asked.as_mut()), Poll::Pending));
            crowd.push(asked);
        }
        crowd
    }

    /// Those of a crowd that have a place by now.
    async fn entered(crowd: &mut Vec<Waiting>) -> Vec<Place> {
        let mut places = Vec::new();
        let mut still = Vec::new();
        for mut asked in crowd.drain(..) {
            match poll!(asked.as_mut()) {
                Poll::Ready(place) => places.push(place.unwrap()),
                Poll::Pending => still.push(asked),
            }
        }
        *crowd = still;
        places
    }

    #[tokio::test]
    async fn crowd_of_one_project_keeps_no_other_waiting() {
        let (lines, flood, other) = (Lines::new(3), project(), project());
        let mut at_work = Vec::new();
        for _ in 0..3 {
            at_work.push(lines.take(flood).await.unwrap());
        }
        let mut waiting = crowd(&lines, flood, 100).await;
        let own = lines.take(other).now_or_never().expect("a place at once").unwrap();
        assert_eq!(lines.standing(), Standing { at_work: 4, waiting: 100 });
        // From now on the crowd has the half of the places, one: two of its three end before the next begins.
        for (ended, entering) in [(1, 0), (2, 0), (3, 1)] {
            at_work.pop();
            assert_eq!(entered(&mut waiting).await.len(), entering, "after {ended} have ended");
        }
        drop(own);
        lines.take(other).now_or_never().expect("a place at once").unwrap();
    }

    #[tokio::test]
    async fn project_that_is_alone_has_all_places() {
        for (lately, entering) in [(Duration::ZERO, 3), (Duration::from_secs(3600), 1)] {
            let (lines, busy, other) = (Lines::timed(3, lately, PATIENCE), project(), project());
            let own = lines.take(other).await.unwrap();
            let first = lines.take(busy).await.unwrap();
            let mut waiting = crowd(&lines, busy, 5).await;
            drop(own);
            drop(first);
            assert_eq!(entered(&mut waiting).await.len(), entering, "another asked within {lately:?}");
        }
    }

    #[tokio::test]
    async fn request_that_is_given_up_has_left_its_line() {
        let (lines, share) = (Lines::new(1), project());
        let at_work = lines.take(share).await.unwrap();
        let mut waiting = crowd(&lines, share, WAITING).await;
        let refused = lines.take(share).await.unwrap_err();
        assert!(matches!(&refused, Error::TooMany(why) if why.starts_with("your project has more")), "{refused}");
        waiting.truncate(WAITING - 1);
        let mut last = crowd(&lines, share, 1).await;
        // One has its place already and never takes it: the next gets it.
        drop(at_work);
        drop(waiting);
        assert_eq!(lines.standing(), Standing { at_work: 1, waiting: 0 });
        drop(entered(&mut last).await);
        lines.take(share).now_or_never().expect("a place at once").unwrap();
    }

    #[tokio::test]
    async fn request_that_waited_too_long_is_refused() {
        let (lines, share) = (Lines::timed(1, LATELY, Duration::ZERO), project());
        let _at_work = lines.take(share).await.unwrap();
        assert!(matches!(lines.take(share).await, Err(Error::TooMany(_))));
    }

    #[tokio::test]
    async fn request_that_comes_back_is_next() {
        let (lines, share) = (Lines::new(1), project());
        let absent = lines.take(share).await.unwrap().leave().unwrap();
        let at_work = lines.take(share).await.unwrap();
        let mut waiting = crowd(&lines, share, 2).await;
        let mut back = Box::pin(absent.come_back());
        assert!(matches!(poll!(back.as_mut()), Poll::Pending));
        drop(at_work);
        assert!(entered(&mut waiting).await.is_empty());
        assert!(matches!(poll!(back.as_mut()), Poll::Ready(Some(_))));
        assert_eq!(entered(&mut waiting).await.len(), 1);
    }
}
