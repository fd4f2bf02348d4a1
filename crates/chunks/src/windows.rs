//! Windows that streams share: who reads what another reads now, or has just read, takes it from there.
//!
//! Many who read one content at the same time (hosts that launch one image) soon keep pace: the first
//! reads and verifies, the rest catch up meanwhile. A stream alone loses nothing by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use crate::digest::Digest;
use crate::error::Error;

/// As much as two streams read ahead.
const KEPT: usize = 8;
/// For how long; then they are memory that nobody comes back for.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// The chunks of a window, once they are read.
type Window = Shared<BoxFuture<'static, Result<Arc<[Bytes]>, Error>>>;
/// The root of a content, and where in it the window begins.
type Key = (Digest, u64);

/// The last windows that were begun.
#[derive(Default)]
pub(crate) struct Windows(Mutex<VecDeque<(Key, Instant, Window)>>);

impl Windows {
    /// Takes a window from whoever reads it, or reads it.
    pub(crate) async fn take(
        &self,
        key: Key,
        read: impl Future<Output = Result<Vec<Bytes>, Error>> + Send + 'static,
    ) -> Result<Arc<[Bytes]>, Error> {
        let window = self.begin(key, read);
        let taken = window.clone().await;
        if taken.is_err() {
            // The next reader that asks tries again.
            self.lock().retain(|(_, _, kept)| !kept.ptr_eq(&window));
        }
        taken
    }

    fn begin(&self, key: Key, read: impl Future<Output = Result<Vec<Bytes>, Error>> + Send + 'static) -> Window {
        let mut windows = self.lock();
        if let Some((_, _, window)) = windows.iter().find(|(kept, ..)| *kept == key) {
            return window.clone();
        }
        if windows.len() == KEPT {
            windows.pop_front();
        }
        // A task of its own, so that it goes on when the stream that began it is dropped.
        let read = tokio::spawn(read);
        let window = async move { read.await?.map(Arc::from) }.boxed().shared();
        windows.push_back((key, Instant::now(), window.clone()));
        window
    }

    /// Lets go of what nobody came for.
    pub(crate) fn tidy(&self) {
        self.lock().retain(|(_, begun, _)| begun.elapsed() < KEPT_FOR);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Key, Instant, Window)>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn read(
        count: &Arc<AtomicUsize>,
        outcome: Result<Vec<Bytes>, Error>,
    ) -> BoxFuture<'static, Result<Vec<Bytes>, Error>> {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            outcome
        }
        .boxed()
    }

    #[tokio::test]
    async fn window_is_read_once_for_all_who_want_it_and_failures_are_tried_again() {
        let (windows, count) = (Windows::default(), Arc::new(AtomicUsize::new(0)));
        let key = (Digest::of(b"root"), 0);
        let failed = futures::join!(
            windows.take(key, read(&count, Err(Error::Closed))),
            windows.take(key, read(&count, Err(Error::Closed)))
        );
        assert!(failed.0.is_err() && failed.1.is_err());
        assert_eq!(count.swap(0, Ordering::Relaxed), 1);
        let piece = || Ok(vec![Bytes::from_static(b"chunk")]);
        let taken = futures::join!(windows.take(key, read(&count, piece())), windows.take(key, read(&count, piece())));
        assert!(taken.0.unwrap()[0] == taken.1.unwrap()[0]);
        assert_eq!(count.swap(0, Ordering::Relaxed), 1);
        for offset in 1..=KEPT as u64 {
            windows.take((key.0, offset), read(&count, piece())).await.unwrap();
        }
        windows.take(key, read(&count, piece())).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), KEPT + 1, "the oldest was let go");
    }
}
