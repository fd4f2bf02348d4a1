//! The bytes that a client sends, and the patience there is for it.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::{Instant, timeout};

use super::Declared;
use crate::error::{Error, Result};

/// Bytes that travel through a save as one message: every frame on its own would cost more in wake-ups than in work.
pub(in crate::images) type Piece = Arc<Vec<Bytes>>;

/// A piece is closed at this size, and when no more has arrived.
const PIECE_BYTES: usize = 512 * 1024;
/// A refused body is read on for this long and this far: many clients read no answer before they have sent
/// everything, and would report a broken pipe instead of our reason.
const DRAIN_TIME: Duration = Duration::from_secs(3);
const DRAIN_BYTES: usize = 64 << 20;

/// A request's body.
pub(super) struct Body {
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>,
    origin: Origin,
    rate: Rate,
    received: u64,
}

/// Where bytes come from, for the words of what went wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Client,
    /// Why a source broke off is not said: it could tell of a network that is not the caller's to look into.
    Source,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Client => "upload",
            Origin::Source => "source",
        })
    }
}

/// How fast bytes must come.
#[derive(Clone, Copy, Debug)]
pub(in crate::images) struct Pace {
    pub(in crate::images) min_bytes_a_second: u64,
    /// How long nothing may come, and over how much time of waiting the rate is measured.
    pub(in crate::images) window: Duration,
    /// How long bytes are waited for in all. Each MiB that came adds a second: who sends much may take long, and nobody
    /// keeps a place for good by sending just fast enough.
    pub(in crate::images) total: Duration,
}

/// How fast a client sends. Only waiting for it counts, not the time in which we were busy.
struct Rate {
    pace: Pace,
    /// Time spent waiting, and the bytes that came in it, since the rate was last judged.
    waited: Duration,
    came: u64,
    /// The time spent waiting since the beginning.
    waited_in_all: Duration,
}

impl Body {
    pub(super) fn new<S, E>(stream: S, pace: Pace) -> Body
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display,
    {
        // Asked again after its end, when the last piece came with it.
        let stream = stream.map(|bytes| bytes.map_err(|error| error.to_string())).fuse();
        let rate = Rate { pace, waited: Duration::ZERO, came: 0, waited_in_all: Duration::ZERO };
        Body { stream: Box::pin(stream), origin: Origin::Client, rate, received: 0 }
    }

    /// Bytes that an import reads from where they are.
    pub(super) fn of_source<S, E>(stream: S, pace: Pace) -> Body
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: fmt::Display,
    {
        Body { origin: Origin::Source, ..Body::new(stream, pace) }
    }

    /// The next piece: what has arrived, once something has.
    ///
    /// # Errors
    /// `Invalid` when the body breaks off or comes too slowly.
    pub(super) async fn next_piece(&mut self) -> Result<Option<Piece>> {
        let began = Instant::now();
        let first = timeout(self.rate.pace.window, self.stream.next()).await.map_err(|_| self.too_slow())?;
        let waited = began.elapsed();
        let Some(first) = first else { return Ok(None) };
        let mut piece = vec![self.whole(first)?];
        let mut size = piece[0].len();
        while size < PIECE_BYTES {
            let Some(Some(more)) = self.stream.next().now_or_never() else { break };
            let more = self.whole(more)?;
            size += more.len();
            piece.push(more);
        }
        self.received += size as u64;
        if !self.rate.is_enough(waited, size as u64) {
            return Err(self.too_slow());
        }
        if self.rate.is_over(self.received) {
            return Err(self.too_long());
        }
        Ok(Some(Arc::new(piece)))
    }

    /// Reads the rest of a body that was refused, unless its client waits to be asked for it.
    pub(super) async fn drain_after<T>(&mut self, taken: &Result<T>, declared: &Declared) {
        if taken.is_err() && !declared.waits_to_be_asked {
            self.drain().await;
        }
    }

    /// Reads on for a moment without keeping anything.
    async fn drain(&mut self) {
        let drained = async {
            let mut left = DRAIN_BYTES;
            while let Some(Ok(bytes)) = self.stream.next().await {
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    break;
                }
            }
        };
        let _ = timeout(DRAIN_TIME, drained).await;
    }

    fn whole(&self, bytes: Result<Bytes, String>) -> Result<Bytes> {
        let received = self.received;
        bytes.map_err(|error| match self.origin {
            Origin::Client => {
                Error::Invalid(format!("the upload broke off after {received} bytes: {error}; send it again"))
            }
            Origin::Source => {
                tracing::info!("a source broke off after {received} bytes: {error}");
                Error::Invalid(format!("the source broke off after {received} bytes; import it again"))
            }
        })
    }

    fn too_slow(&self) -> Error {
        Error::Invalid(format!(
            "the {} was slower than {} bytes a second and was ended after {} bytes",
            self.origin, self.rate.pace.min_bytes_a_second, self.received
        ))
    }

    fn too_long(&self) -> Error {
        Error::Invalid(format!(
            "the {} took longer than {} seconds (images.upload_timeout_secs) and one more for each MiB, and was ended \
             after {} bytes: use a faster line, or ask the operator for more time",
            self.origin,
            self.rate.pace.total.as_secs(),
            self.received
        ))
    }
}

impl Rate {
    /// Counts these bytes and the time waited for them; judges once a window of waiting is full.
    fn is_enough(&mut self, waited: Duration, bytes: u64) -> bool {
        self.waited += waited;
        self.waited_in_all += waited;
        self.came += bytes;
        if self.waited < self.pace.window {
            return true;
        }
        let is_enough = self.came >= self.pace.min_bytes_a_second.saturating_mul(self.waited.as_secs());
        (self.waited, self.came) = (Duration::ZERO, 0);
        is_enough
    }

    /// Whether more time was spent waiting than there is for so many bytes.
    fn is_over(&self, received: u64) -> bool {
        self.waited_in_all > self.pace.total.saturating_add(Duration::from_secs(received >> 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { min_bytes_a_second: 1, window: Duration::from_secs(60), total: Duration::from_secs(1000) };

    fn frames(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let frames: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect();
        futures::stream::iter(frames)
    }

    #[tokio::test]
    async fn small_frames_travel_together() {
        let mut body = Body::new(frames(&[1000; 1000]), PACE);
        let first = body.next_piece().await.unwrap().unwrap();
        assert_eq!(first.len(), 525, "frames in a piece of 512 KiB");
        let mut rest = 0;
        while let Some(piece) = body.next_piece().await.unwrap() {
            rest += piece.len();
        }
        assert_eq!(rest, 475);
    }

    #[test]
    fn a_slow_client_is_given_up_and_a_steady_one_is_not() {
        let judge = |bytes: u64| {
            let mut rate = Rate { pace: PACE, waited: Duration::ZERO, came: 0, waited_in_all: Duration::ZERO };
            (0..100).all(|_| rate.is_enough(Duration::from_secs(10), bytes))
        };
        assert!(!judge(9));
        assert!(judge(10));
    }

    #[test]
    fn time_for_a_body_grows_with_its_bytes() {
        let ends_after = |bytes_a_second: u64| {
            let mut rate = Rate { pace: PACE, waited: Duration::ZERO, came: 0, waited_in_all: Duration::ZERO };
            (1..100_000).find(|seconds| {
                rate.is_enough(Duration::from_secs(1), bytes_a_second);
                rate.is_over(seconds * bytes_a_second)
            })
        };
        assert_eq!(ends_after(1024), Some(1001));
        assert_eq!(ends_after(512 << 10), Some(2001));
        assert_eq!(ends_after(1 << 20), None);
    }
}
