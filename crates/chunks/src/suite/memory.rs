//! An index in memory, for tests: its methods are short enough to be compared with the contract by eye.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::digest::Digest;
use crate::index::{Answer, Index, Location, Move, Row, SegmentRow, SegmentState, SessionRow, SweepRow, Totals};

/// An index that lives as long as its process.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    state: Mutex<State>,
    slow: Slow,
}

/// Digests of which no claim is answered for now, and how many claims wait for that.
#[derive(Debug, Default)]
struct Slow {
    digests: Mutex<BTreeSet<Digest>>,
    waiting: AtomicUsize,
}

#[derive(Debug, Default, Clone)]
struct State {
    epoch: u64,
    last_owner: u64,
    last_session: u64,
    last_segment: u64,
    scrub_position: u64,
    bucket: Option<String>,
    dropped: HashMap<u64, Instant>,
    rows: BTreeMap<Digest, Row>,
    segments: BTreeMap<u64, SegmentRow>,
    sessions: HashMap<u64, SessionState>,
}

#[derive(Debug, Clone)]
struct SessionState {
    owner: u64,
    epoch: u64,
    until: Instant,
    ended: bool,
    pins: BTreeSet<Digest>,
}

impl MemoryIndex {
    /// Makes an empty index.
    pub fn new() -> MemoryIndex {
        MemoryIndex::default()
    }

    /// Copies the index as it is now: what a crash at this moment would leave.
    pub fn snapshot(&self) -> MemoryIndex {
        MemoryIndex { state: Mutex::new(self.state().clone()), slow: Slow::default() }
    }

    /// Answers no claim of these any more, until this is called again with others.
    pub fn stall(&self, digests: impl IntoIterator<Item = Digest>) {
        *self.slow() = digests.into_iter().collect();
    }

    /// Returns how many claims wait.
    pub fn stalled(&self) -> usize {
        self.slow.waiting.load(Ordering::SeqCst)
    }

    fn slow(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.slow.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_where(&mut self, mut dead: impl FnMut(&SessionState) -> bool) -> u64 {
        let mut ended = 0;
        for session in self.sessions.values_mut() {
            if !session.ended && dead(session) {
                session.ended = true;
                ended += 1;
            }
        }
        ended
    }

    fn check_open(&self, segment: u64) -> Answer<()> {
        match self.segments.get(&segment).map(|row| row.state) {
            Some(SegmentState::Open) => Ok(()),
            _ => Err(format!("segment {segment} is not open").into()),
        }
    }

    fn publish(&mut self, new: &Row) {
        let row = self.rows.entry(new.digest).or_insert(*new);
        let epoch = row.epoch.max(new.epoch);
        if !row.is_good() {
            *row = *new;
        }
        row.epoch = epoch;
        row.content_bytes = row.content_bytes.or(new.content_bytes);
    }
}

#[async_trait]
impl Index for MemoryIndex {
    async fn register_owner(&self) -> Answer<u64> {
        let mut state = self.state();
        state.last_owner += 1;
        Ok(state.last_owner)
    }

    async fn begin_session(&self, owner: u64, lease: Duration) -> Answer<SessionRow> {
        let mut state = self.state();
        state.last_session += 1;
        let (id, epoch) = (state.last_session, state.epoch);
        let until = Instant::now() + lease;
        state.sessions.insert(id, SessionState { owner, epoch, until, ended: false, pins: BTreeSet::new() });
        Ok(SessionRow { id, epoch })
    }

    async fn renew_session(&self, session: u64, lease: Duration) -> Answer<bool> {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session).filter(|session| !session.ended) else {
            return Ok(false);
        };
        session.until = Instant::now() + lease;
        Ok(true)
    }

    async fn pin(&self, session: u64, root: Digest) -> Answer<bool> {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session).filter(|session| !session.ended) else {
            return Ok(false);
        };
        session.pins.insert(root);
        Ok(true)
    }

    async fn move_session(&self, session: u64, epoch: u64, pins: &[Digest], unpins: &[Digest]) -> Answer<bool> {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session).filter(|session| !session.ended) else {
            return Ok(false);
        };
        session.epoch = epoch;
        session.pins.extend(pins);
        session.pins.retain(|root| !unpins.contains(root));
        Ok(true)
    }

    async fn end_session(&self, session: u64) -> Answer<()> {
        if let Some(session) = self.state().sessions.get_mut(&session) {
            session.ended = true;
        }
        Ok(())
    }

    async fn end_lapsed_sessions(&self) -> Answer<u64> {
        let now = Instant::now();
        Ok(self.state().end_where(|session| session.until < now))
    }

    async fn end_sessions_of(&self, owner: u64) -> Answer<u64> {
        Ok(self.state().end_where(|session| session.owner == owner))
    }

    async fn session_owners(&self) -> Answer<Vec<u64>> {
        let state = self.state();
        let live = state.sessions.values().filter(|session| !session.ended);
        let mut owners: Vec<u64> = live.map(|session| session.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        Ok(owners)
    }

    async fn locate(&self, digests: &[Digest]) -> Answer<Vec<Option<Row>>> {
        let state = self.state();
        Ok(digests.iter().map(|digest| state.rows.get(digest).copied()).collect())
    }

    async fn claim(&self, epoch: u64, digests: &[Digest]) -> Answer<Vec<Option<Row>>> {
        self.slow.waiting.fetch_add(1, Ordering::SeqCst);
        while digests.iter().any(|digest| self.slow().contains(digest)) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.slow.waiting.fetch_sub(1, Ordering::SeqCst);
        let mut state = self.state();
        let claim = |digest| {
            let row = state.rows.get_mut(digest).filter(|row| row.is_good())?;
            row.epoch = row.epoch.max(epoch);
            Some(*row)
        };
        Ok(digests.iter().map(claim).collect())
    }

    async fn publish(&self, segment: u64, rows: &[Row]) -> Answer<()> {
        let mut state = self.state();
        state.check_open(segment)?;
        rows.iter().for_each(|row| state.publish(row));
        Ok(())
    }

    async fn mark_damaged(&self, digest: Digest, location: Location) -> Answer<bool> {
        let mut state = self.state();
        let row = state.rows.get_mut(&digest).filter(|row| row.location == location);
        Ok(row.map(|row| row.damaged = true).is_some())
    }

    async fn clear_damaged(&self, digest: Digest, location: Location) -> Answer<bool> {
        let mut state = self.state();
        let row = state.rows.get_mut(&digest).filter(|row| row.location == location && row.damaged);
        Ok(row.map(|row| row.damaged = false).is_some())
    }

    async fn relocate(&self, segment: u64, moves: &[Move]) -> Answer<u64> {
        let mut state = self.state();
        state.check_open(segment)?;
        let mut moved = 0;
        for step in moves {
            if let Some(row) = state.rows.get_mut(&step.digest).filter(|row| row.location == step.from) {
                row.location = step.to;
                moved += 1;
            }
        }
        Ok(moved)
    }

    async fn create_segment(&self, owner: u64, nonce: Option<u32>) -> Answer<u64> {
        let mut state = self.state();
        state.last_segment += 1;
        let id = nonce.map_or(state.last_segment, |nonce| state.last_segment << 32 | u64::from(nonce));
        state.segments.insert(id, SegmentRow { id, owner, state: SegmentState::Open, file_bytes: 0 });
        Ok(id)
    }

    async fn seal_segment(&self, segment: u64, file_bytes: u64) -> Answer<()> {
        if let Some(row) = self.state().segments.get_mut(&segment) {
            row.state = SegmentState::Sealed;
            row.file_bytes = file_bytes;
        }
        Ok(())
    }

    async fn drop_segment(&self, segment: u64) -> Answer<bool> {
        let mut state = self.state();
        if state.rows.values().any(|row| row.location.segment == segment) {
            return Ok(false);
        }
        let row = state.segments.get_mut(&segment);
        let is_there = row.map(|row| row.state = SegmentState::Dropping).is_some();
        state.dropped.entry(segment).or_insert_with(Instant::now);
        Ok(is_there)
    }

    async fn dropped_segments(&self, ago: Duration) -> Answer<Vec<u64>> {
        let state = self.state();
        let dropped = state.segments.values().filter(|row| row.state == SegmentState::Dropping).map(|row| row.id);
        Ok(dropped.filter(|id| state.dropped.get(id).is_none_or(|since| since.elapsed() >= ago)).collect())
    }

    async fn forget_segment(&self, segment: u64) -> Answer<()> {
        self.state().segments.remove(&segment);
        Ok(())
    }

    async fn segments(&self, after: u64, limit: usize) -> Answer<Vec<SegmentRow>> {
        Ok(self.state().segments.range(after + 1..).take(limit).map(|(_, row)| *row).collect())
    }

    async fn segment_rows(&self, segment: u64, start: u64, limit: usize) -> Answer<Vec<Row>> {
        let state = self.state();
        let inside = |row: &&Row| row.location.segment == segment && row.location.start >= start;
        let mut rows: Vec<Row> = state.rows.values().filter(inside).copied().collect();
        rows.sort_by_key(|row| (row.location.start, row.digest));
        rows.truncate(limit);
        Ok(rows)
    }

    async fn segment_end(&self, segment: u64) -> Answer<Option<u64>> {
        let state = self.state();
        let inside = state.rows.values().filter(|row| row.location.segment == segment);
        Ok(inside.map(|row| row.location.start + u64::from(row.location.stored_bytes)).max())
    }

    async fn begin_sweep(&self) -> Answer<u64> {
        let mut state = self.state();
        state.epoch += 1;
        state.sessions.retain(|_, session| !session.ended);
        Ok(state.epoch)
    }

    async fn oldest_session(&self) -> Answer<Option<u64>> {
        let state = self.state();
        Ok(state.sessions.values().filter(|session| !session.ended).map(|session| session.epoch).min())
    }

    async fn pinned_roots(&self) -> Answer<Vec<Digest>> {
        Ok(self.state().sessions.values().flat_map(|session| session.pins.clone()).collect())
    }

    async fn rows(&self, after: Option<Digest>, limit: usize) -> Answer<Vec<Row>> {
        let state = self.state();
        let rows = state.rows.values().skip_while(|row| after.is_some_and(|after| row.digest <= after));
        Ok(rows.take(limit).copied().collect())
    }

    async fn condemn(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64> {
        let mut state = self.state();
        if state.epoch != sweep.epoch {
            return Ok(0);
        }
        let mut condemned = 0;
        for digest in digests {
            let row = state.rows.get_mut(digest);
            if let Some(row) = row.filter(|row| row.condemned == 0 && row.epoch < sweep.horizon) {
                row.condemned = sweep.epoch;
                condemned += 1;
            }
        }
        Ok(condemned)
    }

    async fn spare(&self, digests: &[Digest]) -> Answer<u64> {
        let mut state = self.state();
        let mut spared = 0;
        for digest in digests {
            if let Some(row) = state.rows.get_mut(digest).filter(|row| row.condemned != 0) {
                row.condemned = 0;
                spared += 1;
            }
        }
        Ok(spared)
    }

    async fn remove(&self, sweep: SweepRow, digests: &[Digest]) -> Answer<u64> {
        let mut state = self.state();
        if state.epoch != sweep.epoch {
            return Ok(0);
        }
        let mut removed = 0;
        for digest in digests {
            let doomed = |row: &Row| row.condemned != 0 && row.condemned < sweep.epoch;
            if state.rows.get(digest).is_some_and(doomed) {
                state.rows.remove(digest);
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn totals(&self) -> Answer<Totals> {
        let state = self.state();
        let mut totals = Totals { epoch: state.epoch, last_segment: state.last_segment, ..Totals::default() };
        for row in state.rows.values() {
            totals.chunks += 1;
            totals.raw_bytes += u64::from(row.location.raw_bytes);
            totals.stored_bytes += u64::from(row.location.stored_bytes);
            totals.condemned += u64::from(row.condemned != 0);
            totals.damaged += u64::from(row.damaged);
        }
        totals.sessions = state.sessions.values().filter(|session| !session.ended).count() as u64;
        Ok(totals)
    }

    async fn bucket(&self) -> Answer<Option<String>> {
        Ok(self.state().bucket.clone())
    }

    async fn set_bucket(&self, mark: &str) -> Answer<String> {
        Ok(self.state().bucket.get_or_insert_with(|| mark.to_owned()).clone())
    }

    async fn scrub_position(&self) -> Answer<u64> {
        Ok(self.state().scrub_position)
    }

    async fn set_scrub_position(&self, segment: u64) -> Answer<()> {
        self.state().scrub_position = segment;
        Ok(())
    }
}
