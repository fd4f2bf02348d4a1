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
    rescue::OWN_BASE,
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
        action::{ActionRow, History},
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
    pub(super) export: Option<Vec<ExportHandle>>,
    pub(super) running: Option<Running>,
    starting: Option<JoinHandle<Result<Started, String>>>,
    /// The guest's memory on its way into a file.
    pub(super) saving: Option<JoinHandle<Result<(), String>>>,
    /// When patience with the guest, then with QEMU, ends.
    pub(super) deadline: Option<Instant>,
    /// When a guest that was asked to shut down is switched off.
    pub(super) patience_ends: Instant,
    pub(super) told_to_quit: bool,
    rounds: u32,
}

enum Wake {
    Message(Message),
    Closed,
    Cut,
    Started(Result<Started, String>),
    Saved(Result<(), String>),
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
            saving: None,
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
                Wake::Saved(outcome) => driver.has_saved(outcome).await,
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
            outcome = maybe(self.saving.as_mut()) => match outcome {
                Ok(outcome) => Wake::Saved(outcome),
                // As above.
                Err(end) if end.is_cancelled() => Wake::Cut,
                Err(end) => Wake::Saved(Err(end.to_string())),
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
                    true if written == Written::Perhaps && matches!(order, Order::Capture | Order::Shelve) => {
                        self.end_lost_capture().await
                    }
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
            // Its memory needs room there too.
            Order::Suspend => self.room.disk_has_room()?,
            // It may be that of another image: a rebuild that failed left it, or a start that did.
            Order::Capture | Order::Shelve if state.launched_ms.is_none() => self.lay_fresh_disk().await?,
            // The next image would take the place of its note.
            Order::Shelve => self.drop_shelved_image().await,
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
            Order::Suspend => TaskState::Suspending,
            Order::Resume => TaskState::Resuming,
            Order::Unrescue => TaskState::Unrescuing,
            Order::Shelve => TaskState::Shelving,
            Order::Unshelve => TaskState::Unshelving,
            Order::Capture => TaskState::ImageSnapshot,
            Order::Delete => TaskState::Deleting,
            Order::Rebuild | Order::Rescue | Order::Resize | Order::RevertResize | Order::ConfirmResize => {
                return Err(Error::internal(anyhow::anyhow!("{order:?} is no order of this kind")));
            }
        });
        if matches!(order, Order::Reboot(_)) {
            new.status = Status::Reboot;
        }
        let before = state.clone();
        self.write_with(new, History::Begins(action)).await?;
        if matches!(
            order,
            Order::Start | Order::Resume | Order::Unshelve | Order::Unrescue | Order::Reboot(RebootKind::Hard)
        ) && self.running.is_none()
            && let Err(full) = self.room.host_has_room(&self.row).await
        {
            self.settle(before, History::Ends(Some(&full.to_string()))).await;
            return Err(full);
        }
        Ok(())
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Start | Order::Resume | Order::Unshelve => self.begin_start().await,
            Order::Unrescue => self.carry_on().await,
            Order::Suspend => self.begin_save().await,
            Order::Stop | Order::ForceOff if self.running.is_none() => self.is_off(None).await,
            Order::Stop | Order::Reboot(RebootKind::Soft) => self.ask_to_shut_down().await,
            Order::Reboot(RebootKind::Hard) if self.running.is_none() => self.begin_start().await,
            Order::ForceOff | Order::Reboot(RebootKind::Hard) => self.quit().await,
            Order::Pause => self.hold(true).await,
            Order::Unpause => self.hold(false).await,
            Order::Capture
            | Order::Shelve
            | Order::Rebuild
            | Order::Rescue
            | Order::Resize
            | Order::RevertResize
            | Order::ConfirmResize => {}
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
            Err(error) => {
                let why = format!("The instance's base disk cannot be offered to it: {error}");
                self.has_started(Err(why)).await;
            }
        }
    }

    /// Serves the image's disk to QEMU; of an instance that is rescued, both.
    async fn offer_disk(&mut self) -> Result<()> {
        let own = Place::of(&self.row.make.base_store, &self.row.make.base_root)?;
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || folder.make()).await.map_err(Error::internal)?;
        made.map_err(|error| Error::Unavailable(format!("its folder cannot be made: {error}")))?;
        let offers = match &self.row.state.rescue {
            None => vec![("nbd.sock", own)],
            Some(rescue) => {
                vec![("nbd.sock", Place::of(&rescue.base_store, &rescue.base_root)?), (OWN_BASE, own)]
            }
        };
        let mut exports = Vec::with_capacity(offers.len());
        for (name, base) in offers {
            let path = self.folder.path().join(name);
            exports.push(self.room.exports.serve(self.row.id, &path, self.folder.owner(), &base).await?);
        }
        self.export = Some(exports);
        Ok(())
    }

    /// Serves the image's disk to a QEMU that runs already; it waits for us, so a failure is tried again.
    pub(super) async fn offer_disk_again(&mut self) {
        if self.row.state.task == Some(TaskState::Rescuing) {
            // The row names the disk of the next machine, and this one is about to end.
            return;
        }
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
            // It is gone on with later, or its owner gives it up by a hard reboot.
            Err(why) if self.row.state.is_resuming() && self.has_memory() => self.is_suspended(Some(&why)).await,
            Err(why) if self.row.state.task == Some(TaskState::Unshelving) => self.stays_shelved(&why).await,
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
        self.drop_shelved_image().await;
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
        if self.row.state.shelved.is_some() && self.row.state.task.is_none() {
            self.drop_shelved_image().await;
        }
        let Some(running) = &mut self.running else { return };
        match &running.monitor {
            None => self.find_monitor().await,
            Some((qmp, _))
                if running.waits_for_disk
                    && !running.is_paused
                    && !self.row.state.stands_still()
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
        let is_held = self.row.state.stands_still();
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
            Some(TaskState::Spawning | TaskState::PoweringOn | TaskState::Resuming | TaskState::Unshelving) => {
                self.has_come_up().await;
            }
            // It was told to end, and did not hear it.
            Some(TaskState::Suspending) if self.saving.is_none() && self.has_memory() => self.quit().await,
            Some(TaskState::Suspending) if self.saving.is_none() => self.begin_save().await,
            Some(
                TaskState::PoweringOff | TaskState::Rebooting | TaskState::ResizePrep | TaskState::ResizeReverting,
            ) => self.ask_to_shut_down().await,
            Some(TaskState::Shelving) => {
                // Nothing, where its image is on its way.
                self.end_lost_capture().await;
                self.go_on_shelving().await;
            }
            Some(TaskState::Pausing) => self.hold(true).await,
            Some(TaskState::Unpausing) => self.hold(false).await,
            _ => {}
        }
    }

    // Off.

    async fn has_ended(&mut self) {
        self.deadline = None;
        let Some(running) = self.running.take() else { return };
        Process::forget(&self.folder);
        self.room.clear_bounds();
        let expected = running.has_shut_down().await;
        match self.row.state.task {
            Some(
                TaskState::Rebuilding
                | TaskState::RebuildSpawning
                | TaskState::ResizePrep
                | TaskState::ResizeReverting
                | TaskState::Rescuing
                | TaskState::Unrescuing,
            ) => self.carry_on().await,
            Some(TaskState::Shelving) => self.rests_for_shelving().await,
            Some(TaskState::Rebooting | TaskState::RebootingHard) => self.begin_start().await,
            // Adopted before it had come up, and it did not: this start has a fault to show if that happens again.
            Some(TaskState::Spawning | TaskState::PoweringOn | TaskState::Resuming | TaskState::Unshelving) => {
                self.begin_start().await;
            }
            Some(TaskState::Suspending) => self.save_has_ended().await,
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
        if let Some(saving) = self.saving.take() {
            saving.abort();
        }
        if let Some(running) = self.running.take() {
            running.process.end().await;
            self.room.clear_bounds();
        }
        if let Some(export) = self.export.take() {
            for export in export {
                export.stop().await;
            }
        }
        self.lose_shelved_image().await;
        let path = self.folder.path().to_owned();
        while let Err(error) = remove(&path).await {
            tracing::error!(%error, "cannot remove {}: {error}; trying again", path.display());
            tokio::time::sleep(RETRY).await;
        }
        self.room.doors.release(&self.row.state.forwards).await;
        self.room.taps.unplug(&self.room.settings.network, self.row.id).await;
        let mut new = self.row.state.clone();
        (new.status, new.task, new.terminated_ms) = (Status::Deleted, None, Some(now_ms()));
        new.forwards.clear();
        self.settle(new, History::Ends(None)).await;
        let id = self.row.id;
        tracing::info!(instance.id = %id, "deleted instance {id}");
    }

    /// The service ends; the guest does not.
    async fn leave(mut self) {
        if let Some(saving) = self.saving.take() {
            // QEMU keeps the guest, and the next service begins anew.
            saving.abort();
        }
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
