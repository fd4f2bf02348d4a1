//! The threads of the background: for jobs, and for the requests of a crowd.
//!
//! Where the processors do not suffice for all, the kernel gives the background a tenth of the time that the other threads
//! get, and those begin at once when they have something to do. So a project that uses every processor keeps nobody else
//! waiting for one; where nobody else wants them, the background has them all.
//!
//! A thread of the background starts others at its own priority: the threads that read SQLite for it
//! ([`crate::db`]), and the processes that look into disks. Guests must not be started from it: they would keep it for life.

use std::cell::Cell;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Handle, Runtime};

/// How nice the threads are (`man 7 sched`): a weight of 110 beside the usual 1024.
const NICE: i32 = 10;

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// The threads; they end when this is dropped, each after what it does at that moment.
#[derive(Debug)]
pub struct Background(Option<Runtime>);

impl Background {
    /// Starts as many workers as there are processors.
    ///
    /// # Errors
    /// The system has no threads for them.
    pub fn start() -> std::io::Result<Background> {
        let begin = || {
            // The thread alone: on Linux a nice value is a thread's. Where it cannot be set, the threads are like others.
            let _ = setpriority_process(None, NICE);
            IS_HERE.set(true);
        };
        let runtime =
            Builder::new_multi_thread().enable_all().thread_name("background").on_thread_start(begin).build()?;
        Ok(Background(Some(runtime)))
    }

    /// The way to give it work.
    pub fn handle(&self) -> Handle {
        self.0.as_ref().expect("it is there until the drop").handle().clone()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Waiting for blocking work is not allowed in a runtime, and this is dropped in one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether the calling thread is one of the background.
pub fn is_here() -> bool {
    IS_HERE.get()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn threads_and_those_that_they_start_are_nicer_and_no_others() {
        let background = Background::start().unwrap();
        let nice = || (is_here(), getpriority_process(None).unwrap());
        let started = || std::thread::spawn(|| getpriority_process(None).unwrap()).join().unwrap();
        let own = getpriority_process(None).unwrap();
        assert_eq!(background.handle().spawn(async move { nice() }).await.unwrap(), (true, NICE));
        assert_eq!(
            background.handle().spawn_blocking(move || (nice(), started())).await.unwrap(),
            ((true, NICE), NICE)
        );
        assert_eq!(nice(), (false, own));
    }
}
