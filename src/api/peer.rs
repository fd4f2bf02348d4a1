//! The stream to one peer, which is given up once the peer takes too little of what it is sent.
//!
//! A peer that reads nothing would otherwise hold a connection, the piece of a file that waits for it and the kernel's
//! buffer for ever. Only time in which the peer keeps us waiting counts. It has an allowance of such time; every byte
//! that it takes buys some back:
//!
//! ```text
//! full (server.patience_secs) --- waiting ---> less --- waiting ---> none: the connection is reset
//!              ^                                |
//!              +--- 1 s for each 1024 bytes ----+
//! ```
//!
//! The part that reads it judges what a peer *sends*: the header block by hyper, a small body by [`super::body`], an
//! image's file by `images`. Only they know whether the peer is awaited.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// A peer that takes this much is never given up: what the slowest upload must bring by default, too.
const MIN_BYTES_A_SECOND: u64 = 1024;

/// A peer's stream.
pub(super) struct Peer {
    stream: TcpStream,
    allowance: Allowance,
    /// Runs out no later than the allowance. It is armed again when it has, not at every wait: a fast download waits
    /// thousands of times a second.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How much longer a peer may keep us waiting.
struct Allowance {
    full: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
}

impl Peer {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Peer {
        Peer { stream, allowance: Allowance::new(patience), timer: None }
    }

    /// Passes on what became of a write.
    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.allowance.earn(Instant::now(), *written.as_ref().unwrap_or(&0));
            return Poll::Ready(written);
        }
        let end = self.allowance.end(Instant::now());
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                break;
            }
            timer.as_mut().reset(end);
        }
        // With a reset the kernel, too, forgets what the peer did not take; otherwise it would offer it for minutes.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes too little of what it is sent")))
    }
}

impl Allowance {
    fn new(full: Duration) -> Allowance {
        Allowance { full, left: full, waiting_since: None }
    }

    /// The peer keeps us waiting: when its allowance ends, unless it takes something before.
    fn end(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.left
    }

    /// The peer took these bytes.
    fn earn(&mut self, now: Instant, bytes: usize) {
        let waited = self.waiting_since.take().map_or(Duration::ZERO, |since| now - since);
        let earned = Duration::from_micros(bytes as u64 * 1_000_000 / MIN_BYTES_A_SECOND);
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.full);
    }
}

impl AsyncRead for Peer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a peer that takes so many bytes after each wait of 10 s still has an allowance after 100 of them.
    fn is_kept(bytes: usize) -> bool {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(Duration::from_secs(60));
        (0..100).all(|_| {
            let end = allowance.end(now);
            now += Duration::from_secs(10);
            allowance.earn(now, bytes);
            now < end
        })
    }

    #[test]
    fn a_steady_peer_is_kept_and_a_slow_one_is_not() {
        assert!(is_kept(10 * 1024));
        assert!(!is_kept(9 * 1024));
        assert!(!is_kept(10));
    }

    #[test]
    fn time_between_answers_costs_nothing_and_nothing_is_saved_up() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(Duration::from_secs(60));
        allowance.earn(now, 1 << 30);
        now += Duration::from_secs(3600);
        assert_eq!(allowance.end(now), now + Duration::from_secs(60));
    }
}
