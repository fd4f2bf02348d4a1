//! The audit: one event for every change, every download and every refused sign-in, durable before the answer leaves.
//!
//! Events that arrive together are written together: under load one sync to disk serves many requests.

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

type Entry = (Event, oneshot::Sender<Result<()>>);

/// Where events are handed in.
#[derive(Clone)]
pub(super) struct Recorder(mpsc::Sender<Entry>);

impl Recorder {
    pub(super) fn start(db: Database) -> Recorder {
        let (sender, mut receiver) = mpsc::channel::<Entry>(WAITING);
        tokio::spawn(async move {
            let mut entries = Vec::new();
            while receiver.recv_many(&mut entries, TOGETHER).await > 0 {
                let (events, waiting): (Vec<Event>, Vec<_>) = entries.drain(..).unzip();
                let written = db.insert_events(&events).await;
                for answer in waiting {
                    let verdict = match &written {
                        Ok(()) => Ok(()),
                        Err(error) => Err(Error::Unavailable(format!("the audit cannot be written: {error}"))),
                    };
                    // The request that asked may be gone; its event is written all the same.
                    let _ = answer.send(verdict);
                }
            }
        });
        Recorder(sender)
    }
}

impl Identity {
    /// Writes an event; it is durable when this returns. Its id and time are given here.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written: then the request must not be acknowledged.
    pub async fn record(&self, mut event: Event) -> Result<()> {
        event.at_ms = now_ms();
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
        let gone = || Error::Unavailable("the audit has ended; the service is stopping".into());
        let (answer, written) = oneshot::channel();
        self.recorder.0.send((event, answer)).await.map_err(|_| gone())?;
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
        db.insert_events(&events).await.unwrap();
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
