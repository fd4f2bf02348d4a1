//! A driver pauses its guest when its owner says so; and before the guest eats the reserve of the host's disk, until there
//! is room again.
//!
//! Each step may run again: a pause that could not be carried out or written is tried again in the next round.

use serde_json::json;

use super::{
    driver::Driver,
    rescue::RESCUE_DISK,
    running::Running,
    space::Space,
    start::DISK,
    types::{Fault, Status},
};
use crate::{
    db::now_ms,
    model::{action::History, instance::InstanceState},
};

/// A disk that has grown by less since the last look is at rest: its guest keeps its log, or its clock.
const AT_REST_BYTES: u64 = 1 << 20;
/// The text that the owner of a paused instance reads.
const WHY: &str = "Paused: the disk of its host is nearly full. The instance goes on by itself as soon as there is room: \
    delete instances or images that nobody needs, or ask the operator to make room.";

impl Driver {
    /// Pauses the machine for its owner, or lets it go on; the order is in the row already.
    pub(super) async fn hold(&mut self, is_held: bool) {
        let told = match &self.running {
            Some(Running { monitor: Some((qmp, _)), .. }) => {
                let word = if is_held { "stop" } else { "cont" };
                qmp.execute(word, json!({})).await.map(drop).map_err(|error| error.to_string())
            }
            _ => Err("QEMU's monitor is out of reach".to_owned()),
        };
        let mut new = self.row.state.clone();
        new.task = None;
        if told.is_ok() {
            (new.status, new.fault) = (if is_held { Status::Paused } else { Status::Active }, None);
        }
        let why = told.err().map(|why| format!("The instance could not be told: {why}. Try again."));
        self.settle(new, History::Ends(why.as_deref())).await;
    }

    /// Pauses the machine, or lets it go on, as there is room for its disk; then the row says which.
    pub(super) async fn mind_space(&mut self) {
        let space = *self.space.borrow_and_update();
        if self.row.state.stands_still() {
            // It writes nothing to its disk, and goes on by an order of its owner alone; the next round looks again.
            return;
        }
        let disk = if self.row.state.rescue.is_some() { RESCUE_DISK } else { DISK };
        let path = self.folder.path().join(disk);
        let Some(running) = &mut self.running else { return };
        let grown = running.growth(&path);
        let should_pause = match space {
            Space::Enough => false,
            Space::Short => running.is_paused || grown > AT_REST_BYTES,
            Space::Used => true,
        };
        if should_pause != running.is_paused {
            // Without a monitor nothing can be told to QEMU; the next round looks for it.
            let Some((qmp, _)) = &running.monitor else { return };
            let id = self.row.id;
            if let Err(error) = qmp.execute(if should_pause { "stop" } else { "cont" }, json!({})).await {
                tracing::warn!(instance.id = %id, %error, "instance {id} can neither be paused nor go on: {error}");
                return;
            }
            running.is_paused = should_pause;
            let now = if should_pause { "is paused, because its host's disk is nearly full" } else { "goes on" };
            tracing::warn!(instance.id = %id, "instance {id} {now}");
        }
        let is_paused = running.is_paused;
        if let Some(new) = shown(&self.row.state, is_paused) {
            // A failure is a conflict, which was logged, or a database that is away.
            let _ = self.write_with(new, History::GoesOn).await;
        }
    }
}

/// The state to write of a machine that runs, where the row says something else; a task that is under way goes first.
fn shown(state: &InstanceState, is_paused: bool) -> Option<InstanceState> {
    let (status, fault) = match (state.status, state.task, is_paused) {
        (Status::Active, None, true) => {
            (Status::Paused, Some(Fault { code: 507, message: WHY.to_owned(), created_ms: now_ms() }))
        }
        (Status::Paused, None, false) if !state.is_held() => (Status::Active, None),
        _ => return None,
    };
    Some(InstanceState { status, fault, ..state.clone() })
}

impl Running {
    /// The bytes by which the disk has grown on its host since the last look.
    fn growth(&mut self, disk: &std::path::Path) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        // One system call about an inode that the kernel has in memory: it needs no thread of its own.
        let now = std::fs::metadata(disk).map_or(0, |found| found.blocks() * 512);
        let before = self.disk_bytes.replace(now).unwrap_or(now);
        now.saturating_sub(before)
    }
}
