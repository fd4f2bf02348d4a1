//! Answers on their way out: headers and the device's own buffers, written together.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::device::{Extent, Part};
use crate::input::Request;
use crate::protocol::*;

/// Buffers written by one system call: 64 of 64 KiB are more than a socket takes at a time.
const SLICES: usize = 64;

/// Headers are cut from blocks of this size.
const HEADERS_BYTES: usize = 4 << 10;

static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

/// The writing side of a connection.
#[derive(Debug)]
pub(crate) struct Output<W> {
    stream: W,
    structured: bool,
    queue: VecDeque<Bytes>,
    /// Bytes in the queue behind which a request ends, and what it counts for.
    ends: VecDeque<(u64, u32)>,
    queued: u64,
    written: u64,
    headers: BytesMut,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(crate) fn new(stream: W, structured: bool) -> Self {
        Self {
            stream,
            structured,
            queue: VecDeque::new(),
            ends: VecDeque::new(),
            queued: 0,
            written: 0,
            headers: BytesMut::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Marks the end of a request's answer; `cost` is given back once it is written.
    pub(crate) fn end(&mut self, cost: u32) {
        self.ends.push_back((self.queued, cost));
    }

    /// Answers a request that has nothing to send.
    pub(crate) fn done(&mut self, request: &Request) {
        if self.structured {
            self.chunk(request, REPLY_FLAG_DONE, REPLY_TYPE_NONE, 0, &[]);
        } else {
            self.simple(request, 0);
        }
    }

    /// Answers with an error.
    pub(crate) fn error(&mut self, request: &Request, code: u32, message: &str) {
        if !self.structured {
            return self.simple(request, code);
        }
        let mut body = BytesMut::with_capacity(6 + message.len());
        body.put_u32(code);
        body.put_u16(message.len() as u16); // Our own words, a line at most.
        body.put_slice(message.as_bytes());
        self.chunk(request, REPLY_FLAG_DONE, REPLY_TYPE_ERROR, 0, &body);
    }

    /// Answers a read.
    pub(crate) fn read(&mut self, request: &Request, parts: Vec<Part>) {
        if !self.structured {
            self.simple(request, 0);
            return parts.into_iter().for_each(|part| self.part(part));
        }
        if parts.is_empty() {
            return self.done(request);
        }
        let whole = request.flags & CMD_FLAG_DF != 0;
        let mut offset = request.offset;
        let mut parts = parts.into_iter().peekable();
        while let Some(first) = parts.next() {
            let mut run = vec![first];
            let mut len = run[0].len();
            while let Some(next) = parts.next_if(|next| whole || same_kind(&run[0], next)) {
                len += next.len();
                run.push(next);
            }
            let last = if parts.peek().is_none() { REPLY_FLAG_DONE } else { 0 };
            let hole = !whole && matches!(run[0], Part::Zeroes(_));
            if hole {
                let mut body = BytesMut::with_capacity(12);
                body.put_u64(offset);
                body.put_u32(len);
                self.chunk(request, last, REPLY_TYPE_OFFSET_HOLE, 0, &body);
            } else {
                self.chunk(request, last, REPLY_TYPE_OFFSET_DATA, len, &offset.to_be_bytes());
                run.into_iter().for_each(|part| self.part(part));
            }
            offset += u64::from(len);
        }
    }

    /// Answers a question for the block status.
    pub(crate) fn status(&mut self, request: &Request, extents: &[Extent]) {
        let mut body = BytesMut::with_capacity(4 + 8 * extents.len());
        body.put_u32(ALLOCATION_CONTEXT);
        for extent in extents {
            body.put_u32(u32::try_from(extent.len).unwrap_or(u32::MAX));
            body.put_u32(if extent.hole { STATE_HOLE | STATE_ZERO } else { 0 });
        }
        self.chunk(request, REPLY_FLAG_DONE, REPLY_TYPE_BLOCK_STATUS, 0, &body);
    }

    /// Writes as much as the stream takes at a time; returns the cost and the number of the
    /// requests whose answers are now written. Nothing is lost when it is dropped before it is
    /// ready.
    pub(crate) async fn write_some(&mut self) -> io::Result<(u64, usize)> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(bytes);
            used += 1;
        }
        let mut written = self.stream.write_vectored(&slices[..used]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += written as u64;
        while let Some(first) = self.queue.front_mut() {
            if written < first.len() {
                bytes::Buf::advance(first, written);
                break;
            }
            written -= first.len();
            self.queue.pop_front();
        }
        let (mut cost, mut requests) = (0, 0);
        while let Some((_, ended)) = self.ends.pop_front_if(|(end, _)| *end <= self.written) {
            cost += u64::from(ended);
            requests += 1;
        }
        Ok((cost, requests))
    }

    /// Closes the stream behind the last answer.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    fn part(&mut self, part: Part) {
        match part {
            Part::Data(bytes) => self.push(bytes),
            Part::Zeroes(len) => {
                let mut left = len as usize;
                while left > 0 {
                    let some = left.min(ZEROES.len());
                    self.push(Bytes::from_static(&ZEROES[..some]));
                    left -= some;
                }
            }
        }
    }

    fn simple(&mut self, request: &Request, code: u32) {
        self.make_room(16);
        self.headers.put_u32(SIMPLE_REPLY_MAGIC);
        self.headers.put_u32(code);
        self.headers.put_u64(request.cookie);
        let header = self.headers.split().freeze();
        self.push(header);
    }

    /// A chunk's header and the beginning of its body; `more` bytes of body are pushed after it.
    fn chunk(&mut self, request: &Request, flags: u16, kind: u16, more: u32, body: &[u8]) {
        self.make_room(20 + body.len());
        self.headers.put_u32(STRUCTURED_REPLY_MAGIC);
        self.headers.put_u16(flags);
        self.headers.put_u16(kind);
        self.headers.put_u64(request.cookie);
        self.headers.put_u32(body.len() as u32 + more); // At most 32 MiB and a few bytes.
        self.headers.put_slice(body);
        let header = self.headers.split().freeze();
        self.push(header);
    }

    fn make_room(&mut self, len: usize) {
        if self.headers.capacity() < len {
            self.headers = BytesMut::with_capacity(len.max(HEADERS_BYTES));
        }
    }

    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queued += bytes.len() as u64;
            self.queue.push_back(bytes);
        }
    }
}

fn same_kind(one: &Part, other: &Part) -> bool {
    matches!((one, other), (Part::Data(_), Part::Data(_)) | (Part::Zeroes(_), Part::Zeroes(_)))
}
