//! The audit: one event for every change, every download and every refused sign-in, durable before the answer leaves.
//!
//! Events that arrive together are written together: under load one sync to disk serves many requests.

use tokio::sync::{mpsc, oneshot};

use super::{Caller, Identity, policy, tokens::random};
pub use crate::db::audit::{EventRow as Event, Events as ListEvents};
use crate::{
    db::{Database, now_ms},
    error::{Error, Result},
};

/// Events that may wait for the disk; beyond, requests wait to hand theirs in.
const WAITING: usize = 1024;
/// Events written at once.
const TOGETHER: usize = 256;
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
                    // Whoever asked may be gone; the event is written all the same.
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
        event.id = format!("{:012x}{random}", event.at_ms);
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

    /// Events, the newest first, in pages.
    pub async fn events(&self, caller: &Caller, wanted: &ListEvents<'_>) -> Result<Vec<Event>> {
        policy::administer(caller, "read the audit")?;
        self.db.events(wanted).await
    }
}
