//! A driver has its guest shut down, and ends a QEMU whose guest does not.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{driver::Driver, running::Running};
use crate::{
    db::now_ms,
    model::action::{ActionResult, ActionRow},
};

/// How long after a guest was asked to shut down it is asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(10);
/// How long QEMU may take to quit when told to; then it is killed.
const QUIT: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) async fn ask_to_shut_down(&mut self) {
        self.patience_ends = Instant::now() + self.room.stop_grace();
        self.told_to_quit = false;
        self.press_button().await;
    }

    /// Asks the guest to shut down, and again in a while: one that still starts does not hear the button, and forgets that
    /// it was pressed. Nova asks as often (`nova/compute/manager.py`, `_clean_shutdown`).
    async fn press_button(&mut self) {
        self.deadline = Some(self.patience_ends.min(Instant::now() + ASKED_AGAIN));
        if let Some(Running { monitor: Some((qmp, _)), .. }) = &self.running {
            // A guest that cannot be asked is switched off when its time is up.
            let _ = qmp.execute("system_powerdown", json!({})).await;
        }
    }

    /// The guest has not shut down yet, or QEMU did not quit.
    pub(super) async fn lose_patience(&mut self) {
        if self.told_to_quit {
            self.deadline = None;
            if let Some(running) = &self.running {
                running.process.kill();
            }
        } else if Instant::now() < self.patience_ends {
            self.press_button().await;
        } else {
            let id = self.row.id;
            tracing::info!(instance.id = %id, "instance {id} did not shut down in time and is switched off");
            self.quit().await;
        }
    }

    /// Ends QEMU without asking the guest; it writes its disk's tables first.
    pub(super) async fn quit(&mut self) {
        self.deadline = Some(Instant::now() + QUIT);
        self.told_to_quit = true;
        match &self.running {
            // A monitor that closes is QEMU quitting.
            Some(Running { monitor: Some((qmp, _)), .. }) => drop(qmp.send("quit").await),
            Some(running) => running.process.kill(),
            None => {}
        }
    }

    /// The entry in the history for something that nobody asked for; it is the owner's.
    pub(super) fn happened(&self, action: &str, why: &str) -> ActionRow {
        let now = now_ms();
        ActionRow {
            id: uuid::Uuid::new_v4().to_string(),
            action: action.to_owned(),
            instance_id: self.row.id,
            request_id: format!("req-{}", uuid::Uuid::new_v4()),
            user_id: self.row.user_id,
            project_id: self.row.project_id,
            start_ms: now,
            finish_ms: Some(now),
            result: Some(ActionResult::Error),
            message: Some(why.to_owned()),
        }
    }
}
