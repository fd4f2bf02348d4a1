//! The knowledge that a driver has of its machine while that runs.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{
    process::Process,
    qmp::{Event, Qmp},
};

/// How long the last events of a QEMU that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Resets that follow a counted one so soon are the same restart.
const ONE_RESTART: Duration = Duration::from_secs(1);

/// A machine that runs.
pub(super) struct Running {
    pub(super) process: Process,
    /// Gone while the connection is lost; found again in a later round.
    pub(super) monitor: Option<(Qmp, mpsc::Receiver<Event>)>,
    /// QEMU said why it ends.
    pub(super) guest_shut_down: bool,
    pub(super) waits_for_disk: bool,
    /// How often the guest has restarted itself since we look after it, and when that was last counted.
    pub(super) guest_restarts: u32,
    pub(super) restarted: Option<Instant>,
    /// Paused by us ([`super::pause`]).
    pub(super) is_paused: bool,
    /// The room that its disk took at the last look.
    pub(super) disk_bytes: Option<u64>,
}

impl Running {
    pub(super) fn new(process: Process, monitor: Option<(Qmp, mpsc::Receiver<Event>)>) -> Running {
        Running {
            process,
            monitor,
            guest_shut_down: false,
            waits_for_disk: false,
            guest_restarts: 0,
            restarted: None,
            is_paused: false,
            disk_bytes: None,
        }
    }

    /// The guest has reset its machine. A firmware that comes up so resets it once or twice more before it begins.
    pub(super) fn was_reset(&mut self) {
        if self.restarted.is_none_or(|last| last.elapsed() > ONE_RESTART) {
            self.guest_restarts = self.guest_restarts.saturating_add(1);
            self.restarted = Some(Instant::now());
        }
    }

    /// Whether QEMU said that it ends; what it said last may still be in the queue.
    pub(super) async fn has_shut_down(mut self) -> bool {
        if let Some((_, events)) = &mut self.monitor {
            let drained = tokio::time::timeout(LAST_WORDS, async {
                while let Some(event) = events.recv().await {
                    self.guest_shut_down |= event.event == "SHUTDOWN";
                }
            });
            // The queue ends with QEMU's socket, which has ended with QEMU.
            let _ = drained.await;
        }
        self.guest_shut_down
    }
}
