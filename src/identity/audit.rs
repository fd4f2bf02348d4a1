//! The audit: one event for every change and every download, durable before the answer leaves. Reads and deletions go on
//! while the database takes no writes; their events follow ([`Promise`]). Refused sign-ins are counted on the first of the
//! hour ([`super::refusals`]).
//!
//! Events that arrive together are written together: under load one sync to disk serves many requests.

use std::{collections::HashMap, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{Caller, Identity, policy, tokens::random};
pub use crate::model::event::{Event, Events as ListEvents};
use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
};

/// Events that may wait for the disk; beyond, requests wait to hand theirs in.
const WAITING: usize = 1024;
/// Events written at once.
const TOGETHER: usize = 256;
/// Events forgotten at once.
const FORGOTTEN_AT_ONCE: u32 = 1000;
/// The longest text of an event; what comes from a request is cut to it.
const MAX_TEXT_CHARS: usize = 512;

/// Events that are kept in memory while the database takes no writes, about 1 KiB each; further ones are dropped.
const KEPT: usize = 4096;
/// How long after a failure the kept events are tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Whether an answer waits for its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The event is durable before the answer leaves; when it cannot be written the request fails.
    Durable,
    /// The event of a read or a deletion: it is kept and written later when it cannot be written now, so that nobody is
    /// refused what is there, and room can be made on a full disk.
    Kept,
}

struct Entry {
    event: Event,
    promise: Promise,
    answer: oneshot::Sender<Result<()>>,
}

/// Where events are handed in.
#[derive(Clone)]
pub(super) struct Recorder(mpsc::Sender<Entry>);

impl Recorder {
    pub(super) fn start(db: Database) -> Recorder {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write_events(db, receiver));
        Recorder(sender)
    }
}

async fn write_events(db: Database, mut receiver: mpsc::Receiver<Entry>) {
    let (mut entries, mut kept): (Vec<Entry>, Vec<Event>) = Default::default();
    loop {
        // Both branches lose nothing when the other wins: `recv_many` takes entries only when it ends.
        let has_ended = tokio::select! {
            taken = receiver.recv_many(&mut entries, TOGETHER) => taken == 0,
            () = tokio::time::sleep(AGAIN), if !kept.is_empty() => false,
        };
        let mut events = || {
            entries
                .extend(std::iter::from_fn(|| receiver.try_recv().ok()).take(TOGETHER.saturating_sub(entries.len())));
            kept.iter().chain(entries.iter().map(|entry| &entry.event)).cloned().collect()
        };
        let written = if has_ended && kept.is_empty() { Ok(()) } else { db.insert_events(&mut events).await };
        if written.is_ok() {
            kept.clear();
        }
        let mut dropped = 0;
        for Entry { event, promise, answer } in entries.drain(..) {
            let verdict = match (&written, promise) {
                (Err(error), Promise::Durable) => Err(unwritten(error)),
                (Err(_), Promise::Kept) if kept.len() < KEPT => {
                    kept.push(event);
                    Ok(())
                }
                (Err(_), Promise::Kept) => {
                    dropped += 1;
                    Ok(())
                }
                (Ok(()), _) => Ok(()),
            };
            // The request that asked may be gone; its event is written all the same.
            let _ = answer.send(verdict);
        }
        if let Err(error) = written {
            let kept = kept.len();
            tracing::error!(
                kept,
                dropped,
                "the audit cannot be written: {error}; {kept} events wait, {dropped} are lost"
            );
        }
        if has_ended {
            return;
        }
    }
}

fn unwritten(error: &Error) -> Error {
    Error::Unavailable(format!("the audit cannot be written: {error}"))
}

impl Identity {
    /// Writes an event; it is durable when this returns. Its id and time are given here.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written: then the request must not be acknowledged.
    pub async fn record(&self, event: Event) -> Result<()> {
        self.record_as(event, Promise::Durable).await
    }

    /// Writes an event, as is promised. Its id and time are given here.
    ///
    /// # Errors
    /// `Unavailable` when it had to be durable and is not: then the request must not be acknowledged.
    pub async fn record_as(&self, event: Event, promise: Promise) -> Result<()> {
        self.write(begun(event), promise).await
    }

    /// Records a refused sign-in: as an event when it is the first of its kind in this hour, else as a number.
    ///
    /// # Errors
    /// `Unavailable` when the event cannot be written.
    pub async fn record_refusal(&self, event: Event) -> Result<()> {
        let Some((kind, event)) = self.refusals.count(begun(event)) else { return Ok(()) };
        let written = self.write(event, Promise::Durable).await;
        if written.is_err() {
            self.refusals.forget(&kind);
        }
        written
    }

    async fn write(&self, event: Event, promise: Promise) -> Result<()> {
        let gone = || Error::Unavailable("the audit has ended; the service is stopping".into());
        let (answer, written) = oneshot::channel();
        self.recorder.0.send(Entry { event, promise, answer }).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }

    /// Forgets the events that were kept long enough. Called by the clock.
    pub async fn forget_events(&self) -> Result<()> {
        let keep_days = self.settings.audit_keep_days;
        if keep_days == 0 {
            return Ok(());
        }
        let keep_ms = i64::try_from(keep_days.saturating_mul(24 * 3_600_000)).unwrap_or(i64::MAX);
        let before = first_id(now_ms().saturating_sub(keep_ms).max(0));
        // Some at a time: every change writes an event and waits for these rows.
        while self.db.forget_events(&before, FORGOTTEN_AT_ONCE).await? == u64::from(FORGOTTEN_AT_ONCE) {}
        Ok(())
    }

    /// Events, the newest first, in pages.
    pub async fn events(&self, caller: &Caller, wanted: &ListEvents<'_>) -> Result<Vec<Event>> {
        policy::administer(caller, "read the audit")?;
        self.db.events(wanted).await
    }

    /// The names of what these events are about, by the ids that their targets consist of; of what is there still.
    pub async fn names_of_targets(&self, caller: &Caller, events: &[Event]) -> Result<HashMap<String, String>> {
        policy::administer(caller, "read the audit")?;
        let targets = events.iter().filter_map(|event| event.target_id.as_deref());
        self.db.names_of(&targets.flat_map(|target| target.split('/')).collect()).await
    }
}

/// The event with its id and time, its texts cut.
fn begun(mut event: Event) -> Event {
    event.at_ms = now_ms();
    event.times = 1;
    let random: String = random::<10>().iter().map(|byte| format!("{byte:02x}")).collect();
    event.id = first_id(event.at_ms) + &random;
    let texts = [
        &mut event.client_request_id,
        &mut event.user_name,
        &mut event.project_name,
        &mut event.target_id,
        &mut event.reason,
    ];
    for text in texts.into_iter().flatten() {
        *text = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect();
    }
    event
}

/// The lowest id of the events of a moment; all of them begin with it.
fn first_id(at_ms: i64) -> String {
    format!("{at_ms:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn left_with(keep_days: u64) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::sqlite(&folder.path().join("effigy.db")).await.unwrap();
        let settings = crate::config::Identity { audit_keep_days: keep_days, ..Default::default() };
        let identity = Identity::open(db.clone(), settings).await.unwrap();
        let days_ago = |days: i64, number: u64| {
            let at_ms = now_ms() - days * 24 * 3_600_000;
            Event { id: format!("{}{number:020}", first_id(at_ms)), at_ms, ..Event::default() }
        };
        let events: Vec<Event> = (0..2_500).map(|number| days_ago(11, number)).chain([days_ago(9, 0)]).collect();
        db.insert_events(|| events).await.unwrap();
        identity.record(Event::default()).await.unwrap();
        identity.forget_events().await.unwrap();
        db.events(&ListEvents { limit: 5_000, ..Default::default() }).await.unwrap().len()
    }

    #[tokio::test]
    async fn events_are_kept_as_long_as_is_set() {
        assert_eq!(left_with(10).await, 2);
        assert_eq!(left_with(0).await, 2_502);
        assert_eq!(left_with(u64::MAX).await, 2_502);
    }
}
