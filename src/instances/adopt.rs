//! The first step of a driver: it takes its instance up as the last service left it.
//!
//! The row says what should be, the process table what is. Wherever the last service was cut off, one of the two
//! arms below goes on from there; each step may run again.

use super::{
    driver::Driver,
    process::Process,
    running::Running,
    start,
    types::{Status, TaskState},
};

/// The reason for which a machine is off that ran when it was last looked at.
const IS_GONE: &str = "it was running when the service ended, and runs no longer; was the host restarted?";

impl Driver {
    /// Takes the instance up. `pid`: the QEMU process that was found running in its folder.
    pub(super) async fn take_up(&mut self, pid: Option<i32>) {
        let process = pid.and_then(|pid| Process::open(pid).ok().flatten());
        match process {
            Some(process) if self.should_run() => self.adopt(process).await,
            Some(process) => {
                let id = self.row.id;
                tracing::warn!(instance.id = %id, "ending the QEMU process of instance {id}, which should be off");
                process.end().await;
                Process::forget(&self.folder);
                self.go_on().await;
            }
            None => self.go_on().await,
        }
    }

    fn should_run(&self) -> bool {
        match self.row.state.task {
            // A rebuilt one may still run from its old disk.
            Some(
                TaskState::Deleting | TaskState::ImageSnapshot | TaskState::Rebuilding | TaskState::RebuildSpawning,
            ) => false,
            // The row names the system that comes next, and this may be the one before it.
            Some(TaskState::Rescuing | TaskState::Unrescuing) => false,
            Some(_) => true,
            None => match self.row.state.status {
                Status::Active | Status::Paused | Status::Rescue => true,
                Status::VerifyResize => self.row.state.runs_resized(),
                _ => false,
            },
        }
    }

    /// The guest runs and must not notice anything: its disk comes first.
    async fn adopt(&mut self, process: Process) {
        let (id, pid) = (self.row.id, process.pid());
        self.offer_disk_again().await;
        if let Some(facts) = process.facts(&self.folder) {
            (self.row.state.accel, self.row.state.forwards) = (facts.accel, facts.forwards);
        }
        self.running = Some(Running::new(process, None));
        tracing::info!(instance.id = %id, pid, "adopted instance {id}");
        match self.row.state.task {
            Some(TaskState::RebootingHard) => self.quit().await,
            // The memory is whole: it ends; or it was not read whole, and is read anew.
            Some(TaskState::Suspending | TaskState::Resuming) if self.has_memory() => self.quit().await,
            _ => self.find_monitor().await,
        }
    }

    /// An adopted machine greets: it runs as soon as its disk is as durable as a start makes it.
    pub(super) async fn has_come_up(&mut self) {
        if let Err(why) = start::settle(&self.row, &self.folder).await {
            let id = self.row.id;
            tracing::warn!(instance.id = %id, "instance {id} came up, but: {why} Trying again");
            // The next round finds the monitor anew, and comes here.
            if let Some(running) = &mut self.running {
                running.monitor = None;
            }
            return;
        }
        self.is_on(self.row.state.clone()).await;
    }

    /// Nothing runs: goes on with what was being done.
    async fn go_on(&mut self) {
        let state = &self.row.state;
        match (state.status, state.task) {
            (_, Some(TaskState::Deleting)) => self.delete().await,
            (_, Some(TaskState::Rescuing | TaskState::Unrescuing)) => self.carry_on().await,
            (_, Some(TaskState::Shelving)) => self.go_on_without_guest().await,
            (Status::ShelvedOffloaded, None) => self.go_on_shelving().await,
            (_, Some(TaskState::Unshelving)) => self.begin_start().await,
            (Status::Rescue, None) if !state.runs() => {}
            (Status::Build | Status::Reboot, _) | (_, Some(TaskState::PoweringOn | TaskState::Resuming)) => {
                self.begin_start().await;
            }
            (_, Some(TaskState::Suspending)) if self.has_memory() => self.save_has_ended().await,
            (_, Some(TaskState::PoweringOff)) => self.is_off(None).await,
            (Status::Rebuild | Status::Resize, _) => self.carry_on().await,
            (Status::VerifyResize, _) if !state.runs_resized() => {}
            (Status::Active | Status::Paused | Status::VerifyResize | Status::Rescue, _) => {
                self.is_off(Some(IS_GONE)).await;
            }
            (_, Some(TaskState::ImageSnapshot)) => self.end_lost_capture().await,
            _ => {}
        }
    }

    /// The guest of an instance that is being shelved has ended; where no image is made of it, nobody asked for that.
    async fn go_on_without_guest(&mut self) {
        // Nothing, where its image is on its way.
        self.end_lost_capture().await;
        if self.row.state.task.is_none() && self.row.state.runs() {
            return self.is_off(Some(IS_GONE)).await;
        }
        self.go_on_shelving().await;
    }

    /// Frees an instance whose image was never begun, or has no fill that would free it.
    pub(super) async fn end_lost_capture(&mut self) {
        let is_begun = match self.row.state.capture {
            Some(image) => self.is_being_filled(image).await,
            None => Ok(false),
        };
        let ended = match is_begun {
            Ok(true) => return,
            Ok(false) => self.capture_undone("the service ended before the image was made").await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(instance.id = %self.row.id, %error, "cannot end a capture that makes no image");
        }
    }
}
