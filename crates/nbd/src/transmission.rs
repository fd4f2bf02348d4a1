//! Transmission: requests in, answers out, several at a time.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Error;
use crate::device::{Device, Extent, Part};
use crate::handshake::Agreed;
use crate::input::{Input, Request};
use crate::output::Output;
use crate::protocol::*;

/// Bytes of answers that are being read or written at a time: one of the longest reads, or the
/// 32 reads of 1 MiB that keep a socket and two cores busy.
const MAX_IN_FLIGHT_BYTES: u64 = MAX_READ_BYTES as u64;
/// Requests at a time: QEMU sends 16, copying tools up to 64.
const MAX_IN_FLIGHT_REQUESTS: usize = 256;
/// How much of an answer to a question for the block status is sent: extents of 8 bytes.
const MAX_EXTENTS: usize = 8 << 10;
/// The bytes that a request without data counts for.
const LEAST_COST: u32 = 4 << 10;
/// How long answers may take to be written once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves requests until the client leaves, breaks the protocol, or `stop` is cancelled.
pub(crate) async fn run<S, D>(stream: S, agreed: Agreed, device: Arc<D>, stop: CancellationToken) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Device,
{
    let (read_half, write_half) = tokio::io::split(stream);
    let mut input = Input::new(read_half);
    let mut output = Output::new(write_half, agreed.structured);
    let outcome = {
        let mut exchange = Exchange::default();
        let served = exchange.serve(&mut input, &mut output, agreed, &device, &stop);
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(STOP_TIMEOUT).await;
        };
        tokio::select! {
            outcome = served => outcome,
            () = late => Ok(()),
        }
    };
    output.shutdown().await.ok(); // The client may be gone.
    outcome
}

/// The requests under way on one connection.
#[derive(Debug, Default)]
struct Exchange {
    in_flight_bytes: u64,
    in_flight_requests: usize,
    /// No more requests are taken: the client said goodbye or the server stops.
    closing: bool,
    failure: Option<Error>,
}

impl Exchange {
    async fn serve<R, W, D>(
        &mut self,
        input: &mut Input<R>,
        output: &mut Output<W>,
        agreed: Agreed,
        device: &Arc<D>,
        stop: &CancellationToken,
    ) -> Result<(), Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
        D: Device,
    {
        let mut work = FuturesUnordered::new();
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut next: Option<Request> = None;
        loop {
            if let Some(request) = next.take_if(|request| self.has_room(cost(request))) {
                self.in_flight_bytes += u64::from(cost(&request));
                self.in_flight_requests += 1;
                match refuse(&request, agreed, device.size_bytes()) {
                    Some((code, message)) => {
                        output.error(&request, code, message);
                        output.end(cost(&request));
                    }
                    None => work.push(answer(Arc::clone(device), request)),
                }
            }
            if self.closing && next.is_none() && work.is_empty() && output.is_empty() {
                return self.failure.take().map_or(Ok(()), Err);
            }
            tokio::select! {
                biased;
                () = &mut stopped, if !self.closing => self.closing = true,
                request = input.next(), if !self.closing && next.is_none() => match request {
                    Ok(Some(request)) if request.kind != CMD_DISC => next = Some(request),
                    Ok(_) => self.closing = true,
                    Err(error) => (self.closing, self.failure) = (true, Some(error)),
                },
                Some((request, answer)) = work.next() => give(output, &request, answer),
                written = output.write_some(), if !output.is_empty() => {
                    let (bytes, requests) = written?;
                    self.in_flight_bytes -= bytes;
                    self.in_flight_requests -= requests;
                }
            }
        }
    }

    fn has_room(&self, cost: u32) -> bool {
        self.in_flight_requests < MAX_IN_FLIGHT_REQUESTS
            && self.in_flight_bytes + u64::from(cost) <= MAX_IN_FLIGHT_BYTES
    }
}

/// The bytes that a request holds in memory while it is in flight.
fn cost(request: &Request) -> u32 {
    let bytes = if request.kind == CMD_READ { request.len } else { 0 };
    bytes.clamp(LEAST_COST, MAX_READ_BYTES)
}

/// Judges a request by its header: why it cannot be answered, if so.
fn refuse(request: &Request, agreed: Agreed, size_bytes: u64) -> Option<(u32, &'static str)> {
    let allowed_flags = match request.kind {
        CMD_READ if agreed.structured => CMD_FLAG_DF,
        CMD_BLOCK_STATUS => CMD_FLAG_REQ_ONE,
        CMD_WRITE | CMD_TRIM | CMD_WRITE_ZEROES => {
            return Some((EPERM, "the export is read-only"));
        }
        _ => 0,
    };
    let in_disk = request.offset.checked_add(u64::from(request.len)).is_some_and(|end| end <= size_bytes);
    let problem = match request.kind {
        CMD_READ if request.len > MAX_READ_BYTES => "the read is longer than 32 MiB",
        CMD_READ | CMD_CACHE | CMD_BLOCK_STATUS if !in_disk => "the range lies behind the disk's end",
        CMD_BLOCK_STATUS if !agreed.allocation => "no metadata was agreed on",
        CMD_BLOCK_STATUS if request.len == 0 => "an empty range has no status",
        CMD_READ | CMD_CACHE | CMD_BLOCK_STATUS | CMD_FLUSH => {
            return (request.flags & !allowed_flags != 0).then_some((EINVAL, "unknown flags"));
        }
        _ => "the command is not known",
    };
    Some((EINVAL, problem))
}

enum Answer {
    Read(Vec<Part>),
    Status(Vec<Extent>),
    Nothing,
    Failed,
}

async fn answer<D: Device>(device: Arc<D>, request: Request) -> (Request, Answer) {
    let answer = match request.kind {
        CMD_READ if request.len > 0 => {
            let read = device.read(request.offset, request.len).await;
            read.and_then(|parts| whole(parts, request.len)).map(Answer::Read)
        }
        CMD_BLOCK_STATUS => {
            let told = device.extents(request.offset, request.len).await;
            told.and_then(|extents| usable(extents, &request)).map(Answer::Status)
        }
        // There is nothing to flush; what is worth caching, the device knows better.
        _ => Ok(Answer::Nothing),
    };
    let answer = answer.unwrap_or_else(|error| {
        let (offset, len) = (request.offset, request.len);
        warn!(offset, len, %error, "could not read {len} bytes at {offset}: {error}");
        Answer::Failed
    });
    (request, answer)
}

/// Checks a device's word: a wrong length would put every later answer out of step.
fn whole(parts: Vec<Part>, len: u32) -> std::io::Result<Vec<Part>> {
    let sum: u64 = parts.iter().map(|part| u64::from(part.len())).sum();
    if sum == u64::from(len) {
        return Ok(parts);
    }
    Err(std::io::Error::other(format!("the device gave {sum} bytes for {len}")))
}

/// Cuts extents to what was asked for and merges neighbours of a kind.
fn usable(extents: Vec<Extent>, request: &Request) -> std::io::Result<Vec<Extent>> {
    let most = if request.flags & CMD_FLAG_REQ_ONE != 0 { 1 } else { MAX_EXTENTS };
    let mut left = u64::from(request.len);
    let mut merged: Vec<Extent> = Vec::new();
    for extent in extents {
        let len = extent.len.min(left);
        left -= len;
        if len == 0 {
            break;
        }
        let full = merged.len() == most;
        match merged.last_mut() {
            Some(last) if last.hole == extent.hole => last.len += len,
            _ if full => break,
            _ => merged.push(Extent { len, hole: extent.hole }),
        }
    }
    if merged.is_empty() {
        return Err(std::io::Error::other("the device told of no extent"));
    }
    Ok(merged)
}

fn give<W: AsyncWrite + Unpin>(output: &mut Output<W>, request: &Request, answer: Answer) {
    match answer {
        Answer::Read(parts) => output.read(request, parts),
        Answer::Status(extents) => output.status(request, &extents),
        Answer::Nothing => output.done(request),
        Answer::Failed => output.error(request, EIO, "the bytes could not be read"),
    }
    output.end(cost(request));
}
