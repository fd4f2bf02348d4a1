//! Refused sign-ins in the audit: strangers cause them, so their events have a budget.
//!
//! The first from an address under a name is an event like any other; those of the same hour are counted on it
//! (`times`), some seconds later. An address has so many names an hour, and all strangers together so many events: past
//! that the name is left out, then the address too, and only the number goes on. No attempt is lost from the count.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::share_of;
use crate::{db::Database, model::event::Event};

/// Events of one hour, of at most about 1 KiB: in the 400 days that they are kept, 1.2 GiB if strangers try all the time.
const EVENTS_AN_HOUR: usize = 128;
/// Names under which one address has events of its own.
const NAMES_OF_AN_ADDRESS: usize = 8;
/// The longest name that is kept, in characters.
const MAX_NAME_CHARS: usize = 128;
const HOUR_MS: i64 = 3_600_000;
/// How long repeats wait to be written together.
const TOGETHER: Duration = Duration::from_secs(2);

/// Where refused sign-ins are counted.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<(Mutex<Counts>, Notify)>);

#[derive(Default)]
struct Counts {
    hour: i64,
    /// This hour's events and how often each was met.
    met: HashMap<Kind, (String, i64)>,
    /// The numbers that are not written yet, by event, and since when there are any.
    unwritten: HashMap<String, i64>,
    unwritten_since: Option<Instant>,
}

/// Events of one kind are one event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    action: String,
    share: Option<IpAddr>,
    name: Option<String>,
}

impl Refusals {
    /// Counts from now on.
    pub(super) fn start(db: Database) -> Refusals {
        let refusals = Refusals::default();
        tokio::spawn(write_numbers(db, refusals.clone()));
        refusals
    }

    /// Counts an event that has its id and time; gives it back, with its kind, when it is the first and must be written.
    pub(super) fn count(&self, mut event: Event) -> Option<(Kind, Event)> {
        let mut counts = self.lock();
        let kind = counts.kind(&mut event);
        if let Some((id, times)) = counts.met.get_mut(&kind) {
            *times += 1;
            let (id, times) = (id.clone(), *times);
            counts.unwritten.insert(id, times);
            counts.unwritten_since.get_or_insert_with(Instant::now);
            self.0.1.notify_one();
            return None;
        }
        counts.met.insert(kind.clone(), (event.id.clone(), 1));
        Some((kind, event))
    }

    /// The first could not be written: the next one is the first.
    pub(super) fn forget(&self, kind: &Kind) {
        self.lock().met.remove(kind);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until numbers are to be written.
    async fn due(&self) {
        loop {
            let since = self.lock().unwritten_since;
            match since {
                Some(since) => return sleep_until(since + TOGETHER).await,
                None => self.0.1.notified().await,
            }
        }
    }
}

impl Counts {
    /// The kind that an event falls under; its event shows no more than the kind says.
    fn kind(&mut self, event: &mut Event) -> Kind {
        let hour = event.at_ms / HOUR_MS;
        if self.hour != hour {
            self.hour = hour;
            self.met.clear();
        }
        let address: Option<IpAddr> = event.address.as_deref().and_then(|address| address.parse().ok());
        let share = Some(share_of(address));
        let name = event.user_name.as_deref().map(|name| name.chars().take(MAX_NAME_CHARS).collect());
        let action = event.action.clone();
        let mut kind = Kind { action, share, name };
        let has_room =
            |counts: &Counts, kind: &Kind| counts.met.contains_key(kind) || counts.met.len() < EVENTS_AN_HOUR;
        let names = self.met.keys().filter(|met| met.share == share && met.name.is_some()).count();
        if names >= NAMES_OF_AN_ADDRESS && !self.met.contains_key(&kind) || !has_room(self, &kind) {
            kind.name = None;
        }
        if !has_room(self, &kind) {
            kind.share = None;
            event.address = None;
        }
        event.user_name.clone_from(&kind.name);
        // Of a change of password it is the user's id, as the stranger named it.
        event.target_id = event.target_id.take().and(kind.name.clone());
        kind
    }
}

async fn write_numbers(db: Database, refusals: Refusals) {
    loop {
        refusals.due().await;
        let numbers = {
            let mut counts = refusals.lock();
            counts.unwritten_since = None;
            std::mem::take(&mut counts.unwritten)
        };
        if let Err(error) = db.count_events(&numbers).await {
            tracing::error!("how often sign-ins were refused cannot be written: {error}; trying again");
            let mut counts = refusals.lock();
            for (id, times) in numbers {
                counts.unwritten.entry(id).or_insert(times);
            }
            counts.unwritten_since.get_or_insert_with(Instant::now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, name: &str) -> Event {
        Event {
            id: format!("{address} {name}"),
            action: "user.sign_in".into(),
            address: Some(address.into()),
            user_name: Some(name.into()),
            ..Event::default()
        }
    }

    #[test]
    fn strangers_have_a_budget_of_events_and_every_attempt_is_counted() {
        let refusals = Refusals::default();
        let mut written = Vec::new();
        let mut sent = 0;
        for address in 0..200 {
            for name in 0..100 {
                let event = refused(&format!("192.0.2.{address}"), &format!("name {name}"));
                written.extend(refusals.count(event).map(|(_, event)| event));
                sent += 1;
            }
        }
        let of_first = written.iter().filter(|event| event.address.as_deref() == Some("192.0.2.0"));
        assert_eq!(of_first.count(), NAMES_OF_AN_ADDRESS + 1, "each name, and the rest");
        assert_eq!(written.len(), EVENTS_AN_HOUR + 1, "and those of whom nothing more is told");
        assert_eq!(written.last().map(|event| (&event.address, &event.user_name)), Some((&None, &None)));
        let counted: i64 = refusals.lock().met.values().map(|(_, times)| times).sum();
        assert_eq!(counted, sent);
        let later = Event { at_ms: HOUR_MS, ..refused("192.0.2.199", "name 99") };
        assert!(refusals.count(later).is_some_and(|(_, event)| event.address.is_some()), "an hour later");
    }

    #[test]
    fn first_that_was_not_written_leaves_its_place_to_the_next() {
        let refusals = Refusals::default();
        let (kind, _) = refusals.count(refused("192.0.2.1", "alice")).unwrap();
        assert!(refusals.count(refused("192.0.2.1", "alice")).is_none());
        refusals.forget(&kind);
        assert!(refusals.count(refused("192.0.2.1", "alice")).is_some());
    }

    #[test]
    fn huge_name_is_cut() {
        let refusals = Refusals::default();
        let (_, event) = refusals.count(refused("192.0.2.1", &"x".repeat(10_000))).unwrap();
        assert_eq!(event.user_name.map(|name| name.len()), Some(MAX_NAME_CHARS));
    }
}
