//! The task that owns one instance: only this task writes the instance's state.
//!
//! ```text
//! orders ─► mailbox ─┐
//! QEMU's events ─────┤
//! QEMU's end ────────┼─► one loop ─► one step at a time ─► the row
//! a start's outcome ─┤
//! the deadline ──────┘
//! ```
//!
//! Long waits (for a start, for a guest that shuts down) happen in the loop, never in a step,
//! so a delete is taken at any time. A state is in the row before anybody is told of it.

use std::{future::Future, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{
    capture::{CaptureStep, Turn},
    console,
    folder::Folder,
    process::Process,
    qemu::Accel,
    qmp::Event,
    remake::Remake,
    room::Room,
    row::{RETRY, Written},
    running::Running,
    space::Space,
    start::{self, Started},
    state::{Order, legal},
    types::{Fault, RebootKind, Status, TaskState},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    exports::ExportHandle,
    ids::ImageId,
    model::{
        action::{ActionResult, ActionRow, History},
        instance::{InstanceRow, InstanceState},
    },
    stores::Place,
};

/// Orders that wait for a driver in the middle of a step; steps are short.
pub(super) const MAILBOX: usize = 16;
/// How often a running machine is looked after: its log trimmed, a lost monitor found again.
const ROUND: Duration = Duration::from_secs(1);
/// Every so many rounds a guest that waits for its disk is told to go on.
const ROUNDS_BETWEEN_NUDGES: u32 = 5;
/// How long after a guest was asked to shut down it is asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(10);
/// How long QEMU may take to quit when told to; then it is killed.
const QUIT: Duration = Duration::from_secs(5);

/// A message to a driver.
pub(super) enum Message {
    /// Do something; the answer is whether it begins.
    Order { order: Order, action: Box<ActionRow>, reply: oneshot::Sender<Result<()>> },
    /// Make another of it; the answer is whether it begins.
    Remake { remake: Remake, action: Box<ActionRow>, reply: oneshot::Sender<Result<()>> },
    /// A step of the capture into this image is to be written together with what it is a step of.
    Capture { image: ImageId, step: CaptureStep, reply: oneshot::Sender<Result<Turn>> },
    /// How often has the guest restarted itself?
    GuestRestarts { reply: oneshot::Sender<Result<u32>> },
    /// No image was begun of what was ordered.
    CaptureUndone { failure: String, reply: oneshot::Sender<Result<()>> },
}

/// The owner of one instance.
pub(super) struct Driver {
    pub(super) room: Arc<Room>,
    pub(super) row: InstanceRow,
    pub(super) folder: Arc<Folder>,
    mailbox: mpsc::Receiver<Message>,
    pub(super) space: watch::Receiver<Space>,
    pub(super) export: Option<ExportHandle>,
    pub(super) running: Option<Running>,
    starting: Option<JoinHandle<Result<Started, String>>>,
    /// When patience with the guest, then with QEMU, ends.
    deadline: Option<Instant>,
    /// When a guest that was asked to shut down is switched off.
    patience_ends: Instant,
    told_to_quit: bool,
    rounds: u32,
}

enum Wake {
    Message(Message),
    Closed,
    Cut,
    Started(Result<Started, String>),
    Event(Option<Event>),
    Ended,
    Deadline,
    Space,
    Round,
}

impl Driver {
    /// The driver of this row. `pid`: the QEMU process that was found running for it.
    pub(super) async fn run(
        room: Arc<Room>,
        row: InstanceRow,
        folder: Folder,
        mailbox: mpsc::Receiver<Message>,
        pid: Option<i32>,
    ) {
        let mut driver = Driver {
            space: room.space.clone(),
            room,
            row,
            folder: Arc::new(folder),
            mailbox,
            export: None,
            running: None,
            starting: None,
            deadline: None,
            patience_ends: Instant::now(),
            told_to_quit: false,
            rounds: 0,
        };
        driver.take_up(pid).await;
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while driver.row.state.status != Status::Deleted {
            match driver.next(&mut rounds).await {
                Wake::Message(message) => driver.receive(message).await,
                Wake::Closed => return driver.leave().await,
                Wake::Cut => return,
                Wake::Started(outcome) => driver.has_started(outcome).await,
                Wake::Event(event) => driver.notice(event),
                Wake::Ended => driver.has_ended().await,
                Wake::Deadline => driver.lose_patience().await,
                Wake::Space => driver.mind_space().await,
                Wake::Round => driver.look_after().await,
            }
        }
    }

    async fn next(&mut self, rounds: &mut Interval) -> Wake {
        let (process, monitor) = match &mut self.running {
            Some(running) => (Some(&running.process), running.monitor.as_mut()),
            None => (None, None),
        };
        let is_running = process.is_some();
        tokio::select! {
            // In this order: the end of QEMU is seen before an order that supposes it to run.
            biased;
            event = maybe(monitor.map(|(_, events)| events.recv())) => Wake::Event(event),
            () = maybe(process.map(Process::ended)) => Wake::Ended,
            outcome = maybe(self.starting.as_mut()) => match outcome {
                Ok(outcome) => Wake::Started(outcome),
                // The runtime is ending, and this task next; the row says where to go on.
                Err(end) if end.is_cancelled() => Wake::Cut,
                Err(end) => Wake::Started(Err(end.to_string())),
            },
            message = self.mailbox.recv() => message.map_or(Wake::Closed, Wake::Message),
            () = maybe(self.deadline.map(tokio::time::sleep_until)) => Wake::Deadline,
            Ok(()) = self.space.changed(), if is_running => Wake::Space,
            _ = rounds.tick(), if is_running => Wake::Round,
        }
    }

    async fn receive(&mut self, message: Message) {
        match message {
            Message::Order { order, action, reply } => {
                let before = self.row.state.clone();
                let answer = self.obey(order, &action).await;
                let written = Written::by(&answer);
                // The client may have gone; the step counts all the same.
                let _ = reply.send(answer);
                match self.is_taken(written, &before).await {
                    // Nobody was told that it may begin an image.
                    true if written == Written::Perhaps && order == Order::Capture => self.end_lost_capture().await,
                    true => self.carry_out(order).await,
                    false => {}
                }
            }
            Message::Remake { remake, action, reply } => {
                let before = self.row.state.clone();
                let answer = self.take_remake(remake, &action).await;
                let written = Written::by(&answer);
                // As above.
                let _ = reply.send(answer);
                if self.is_taken(written, &before).await {
                    self.carry_on().await;
                }
            }
            Message::Capture { image, step, reply } => self.take_turn(image, &step, reply).await,
            Message::GuestRestarts { reply } => {
                // The client may have gone.
                let _ = reply.send(Ok(self.running.as_ref().map_or(0, |running| running.guest_restarts)));
            }
            Message::CaptureUndone { failure, reply } => {
                // An image that was begun all the same has a job, which frees the instance.
                let undone = match self.row.state.capture {
                    Some(_) => Ok(()),
                    None => self.capture_undone(&failure).await,
                };
                let _ = reply.send(undone);
            }
        }
    }

    /// Writes down that an order is taken, if it is legal.
    async fn obey(&mut self, order: Order, action: &ActionRow) -> Result<()> {
        let state = &self.row.state;
        legal(order, state, self.row.id)?;
        match order {
            Order::Delete if state.task == Some(TaskState::Deleting) => return Ok(()),
            Order::ConfirmResize => return self.confirm_resize(action).await,
            // It may be that of another image: a rebuild that failed left it, or a start that did.
            Order::Capture if state.launched_ms.is_none() => self.lay_fresh_disk().await?,
            _ => {}
        }
        let state = &self.row.state;
        let mut new = state.clone();
        new.task = Some(match order {
            Order::Start => TaskState::PoweringOn,
            Order::Stop | Order::ForceOff => TaskState::PoweringOff,
            Order::Reboot(RebootKind::Soft) => TaskState::Rebooting,
            Order::Reboot(RebootKind::Hard) => TaskState::RebootingHard,
            Order::Pause => TaskState::Pausing,
            Order::Unpause => TaskState::Unpausing,
            Order::Capture => TaskState::ImageSnapshot,
            Order::Delete => TaskState::Deleting,
            Order::Rebuild | Order::Resize | Order::RevertResize | Order::ConfirmResize => {
                return Err(Error::internal(anyhow::anyhow!("{order:?} is no order of this kind")));
            }
        });
        if matches!(order, Order::Reboot(_)) {
            new.status = Status::Reboot;
        }
        let before = state.clone();
        self.write_with(new, History::Begins(action)).await?;
        if matches!(order, Order::Start | Order::Reboot(RebootKind::Hard))
            && self.running.is_none()
            && let Err(full) = self.room.host_has_room(&self.row).await
        {
            self.settle(before, History::Ends(Some(&full.to_string()))).await;
            return Err(full);
        }
        Ok(())
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Start => self.begin_start().await,
            Order::Stop | Order::ForceOff if self.running.is_none() => self.is_off(None).await,
            Order::Stop | Order::Reboot(RebootKind::Soft) => self.ask_to_shut_down().await,
            Order::Reboot(RebootKind::Hard) if self.running.is_none() => self.begin_start().await,
            Order::ForceOff | Order::Reboot(RebootKind::Hard) => self.quit().await,
            Order::Pause => self.hold(true).await,
            Order::Unpause => self.hold(false).await,
            Order::Capture | Order::Rebuild | Order::Resize | Order::RevertResize | Order::ConfirmResize => {}
            Order::Delete => self.delete().await,
        }
    }

    // Running.

    /// Begins to bring the machine up; the loop takes the outcome.
    pub(super) async fn begin_start(&mut self) {
        self.deadline = None;
        self.told_to_quit = false;
        match self.offer_disk().await {
            Ok(()) => {
                let (room, row, folder) = (self.room.clone(), Arc::new(self.row.clone()), self.folder.clone());
                self.starting = Some(tokio::spawn(start::start(room, row, folder)));
            }
            Err(error) => self.has_failed(&format!("The instance's base disk cannot be offered to it: {error}")).await,
        }
    }

    /// Serves the image's disk to QEMU.
    async fn offer_disk(&mut self) -> Result<()> {
        let base = Place::of(&self.row.make.base_store, &self.row.make.base_root)?;
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || folder.make()).await.map_err(Error::internal)?;
        made.map_err(|error| Error::Unavailable(format!("its folder cannot be made: {error}")))?;
        let path = self.folder.path().join("nbd.sock");
        self.export = Some(self.room.exports.serve(self.row.id, &path, self.folder.owner(), &base).await?);
        Ok(())
    }

    /// Serves the image's disk to a QEMU that runs already; it waits for us, so a failure is tried again.
    pub(super) async fn offer_disk_again(&mut self) {
        if let Err(error) = self.offer_disk().await {
            let id = self.row.id;
            tracing::error!(instance.id = %id, "the base disk of instance {id} cannot be offered: {error}; trying again");
        }
    }

    async fn has_started(&mut self, outcome: Result<Started, String>) {
        self.starting = None;
        match outcome {
            Ok(started) => {
                let (accel, forwards) = (started.accel, started.forwards);
                self.running = Some(Running::new(started.process.claim(), Some((started.qmp, started.events))));
                let mut new = self.row.state.clone();
                (new.accel, new.forwards) = (Some(accel.into_str().to_owned()), forwards);
                self.is_on(new).await;
            }
            Err(why) => self.has_failed(&why).await,
        }
    }

    /// The machine runs and nothing is being done to it any more.
    pub(super) async fn is_on(&mut self, mut new: InstanceState) {
        new.at_rest(true);
        new.launched_ms.get_or_insert_with(now_ms);
        self.settle(new, History::Ends(None)).await;
        let (id, accel) = (self.row.id, self.row.state.accel.as_deref().unwrap_or(Accel::Tcg.into_str()));
        tracing::info!(instance.id = %id, accel, "instance {id} runs");
    }

    fn notice(&mut self, event: Option<Event>) {
        let (id, Some(running)) = (self.row.id, &mut self.running) else { return };
        let Some(event) = event else {
            running.monitor = None;
            return;
        };
        match event.event.as_str() {
            "SHUTDOWN" => running.guest_shut_down = true,
            "RESET" => {
                running.was_reset();
                tracing::debug!(instance.id = %id, "instance {id} reset itself");
            }
            "BLOCK_IO_ERROR" if !running.waits_for_disk => {
                running.waits_for_disk = true;
                let reason = event.data["reason"].as_str().unwrap_or("unknown");
                tracing::warn!(
                    instance.id = %id, reason,
                    "instance {id} is paused because its disk cannot be read or written ({reason}); it goes on by itself"
                );
            }
            "RESUME" => running.waits_for_disk = false,
            _ => {}
        }
    }

    /// The regular care for a machine that runs.
    async fn look_after(&mut self) {
        self.rounds = self.rounds.wrapping_add(1);
        let folder = self.folder.clone();
        let trimmed = tokio::task::spawn_blocking(move || console::trim(folder.path())).await;
        if let Ok(Err(error)) = trimmed {
            let id = self.row.id;
            tracing::warn!(instance.id = %id, %error, "cannot trim the console log of instance {id}: {error}");
        }
        if self.export.is_none() && self.running.is_some() {
            self.offer_disk_again().await;
        }
        self.mind_space().await;
        let Some(running) = &mut self.running else { return };
        match &running.monitor {
            None => self.find_monitor().await,
            Some((qmp, _))
                if running.waits_for_disk
                    && !running.is_paused
                    && !self.row.state.is_held()
                    && self.rounds.is_multiple_of(ROUNDS_BETWEEN_NUDGES) =>
            {
                running.waits_for_disk = false;
                // Refused or unanswered: the next error of the disk, or the next round, tells.
                let _ = qmp.execute("cont", json!({})).await;
            }
            Some(_) => {}
        }
    }

    /// Connects to the monitor of a process that was found running, or whose connection was lost.
    pub(super) async fn find_monitor(&mut self) {
        let is_held = self.row.state.is_held();
        let Some(running) = &mut self.running else { return };
        // A QEMU that has ended greets nobody: its end is waited for beside the greeting.
        let found = tokio::select! {
            found = tokio::time::timeout(ROUND, start::greet(&self.folder, is_held)) => found,
            () = running.process.ended() => return,
        };
        let Ok(Ok(monitor)) = found else { return };
        running.monitor = Some(monitor);
        // Greeted, it goes on: what pauses it is looked at anew.
        running.is_paused = false;
        match self.row.state.task {
            Some(TaskState::Spawning | TaskState::PoweringOn) => self.has_come_up().await,
            Some(
                TaskState::PoweringOff | TaskState::Rebooting | TaskState::ResizePrep | TaskState::ResizeReverting,
            ) => self.ask_to_shut_down().await,
            Some(TaskState::Pausing) => self.hold(true).await,
            Some(TaskState::Unpausing) => self.hold(false).await,
            _ => {}
        }
    }

    // Shutting down.

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
    async fn lose_patience(&mut self) {
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

    async fn has_ended(&mut self) {
        self.deadline = None;
        let Some(running) = self.running.take() else { return };
        Process::forget(&self.folder);
        self.room.clear_bounds();
        let expected = running.has_shut_down().await;
        match self.row.state.task {
            Some(
                TaskState::Rebuilding | TaskState::RebuildSpawning | TaskState::ResizePrep | TaskState::ResizeReverting,
            ) => self.carry_on().await,
            Some(TaskState::Rebooting | TaskState::RebootingHard) => self.begin_start().await,
            // Adopted before it had come up, and it did not: this start has a fault to show if that happens again.
            Some(TaskState::Spawning | TaskState::PoweringOn) => self.begin_start().await,
            Some(TaskState::PoweringOff) => self.is_off(None).await,
            _ if expected => self.is_off(None).await,
            _ => {
                let words = console::last_words(self.folder.path());
                self.is_off(Some(&format!("QEMU ended unexpectedly; its last words: {words}"))).await;
            }
        }
    }

    /// The machine is off; `surprise`: nobody asked for that.
    pub(super) async fn is_off(&mut self, surprise: Option<&str>) {
        let id = self.row.id;
        match surprise {
            None => tracing::info!(instance.id = %id, "instance {id} is off"),
            Some(why) => tracing::warn!(instance.id = %id, "instance {id} is off: {why}"),
        }
        self.room.consoles.end(id);
        self.export = None;
        let mut new = self.row.state.clone();
        new.at_rest(false);
        let Some(why) = surprise else { return self.settle(new, History::Ends(None)).await };
        new.fault = Some(Fault { code: 500, message: why.to_owned(), created_ms: now_ms() });
        let happened = self.happened("stop", why);
        self.settle(new, History::Happens(&happened)).await;
    }

    /// The entry in the history for something that nobody asked for; it is the owner's.
    fn happened(&self, action: &str, why: &str) -> ActionRow {
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

    pub(super) async fn has_failed(&mut self, why: &str) {
        let id = self.row.id;
        tracing::error!(instance.id = %id, "instance {id} cannot run: {why}");
        self.room.consoles.end(id);
        self.export = None;
        let mut new = self.row.state.clone();
        if new.task == Some(TaskState::ResizeReverting) {
            new.resized_from = None;
        }
        (new.status, new.task) = (Status::Error, None);
        new.fault = Some(Fault { code: 500, message: why.to_owned(), created_ms: now_ms() });
        self.settle(new, History::Ends(Some(why))).await;
    }

    // Ending.

    pub(super) async fn delete(&mut self) {
        self.room.consoles.end(self.row.id);
        if let Some(starting) = self.starting.take() {
            // A process that the start has made ends when the start is dropped.
            starting.abort();
            if let Ok(Ok(started)) = starting.await {
                self.running = Some(Running::new(started.process.claim(), None));
            }
        }
        if let Some(running) = self.running.take() {
            running.process.end().await;
            self.room.clear_bounds();
        }
        if let Some(export) = self.export.take() {
            export.stop().await;
        }
        let path = self.folder.path().to_owned();
        while let Err(error) = remove(&path).await {
            tracing::error!(%error, "cannot remove {}: {error}; trying again", path.display());
            tokio::time::sleep(RETRY).await;
        }
        self.room.ports.release(self.row.id);
        let mut new = self.row.state.clone();
        (new.status, new.task, new.terminated_ms) = (Status::Deleted, None, Some(now_ms()));
        new.forwards.clear();
        self.settle(new, History::Ends(None)).await;
        let id = self.row.id;
        tracing::info!(instance.id = %id, "deleted instance {id}");
    }

    /// The service ends; the guest does not.
    async fn leave(mut self) {
        // A start under way is let come up, so that nothing is left half-made; its process goes on.
        if let Some(starting) = self.starting.take()
            && let Ok(outcome) = starting.await
        {
            self.has_started(outcome).await;
        }
    }
}

/// Removes a folder off the async threads: an overlay may have gigabytes.
async fn remove(path: &std::path::Path) -> std::io::Result<()> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || Folder::remove(&path)).await.map_err(std::io::Error::other)?
}

/// The future, or one that never ends.
async fn maybe<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
