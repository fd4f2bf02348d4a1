//! Requests, one after the other, from whatever pieces the stream gives.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Error;
use crate::protocol::{CMD_WRITE, MAX_READ_BYTES, REQUEST_MAGIC};

const REQUEST_BYTES: usize = 28;

/// Room for many small requests at a time; payloads of refused writes pass through it.
const BUFFER_BYTES: usize = 16 << 10;

/// A request's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub flags: u16,
    pub kind: u16,
    pub cookie: u64,
    pub offset: u64,
    pub len: u32,
}

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Input<R> {
    stream: R,
    buffer: BytesMut,
    /// A write whose payload is still to be thrown away.
    refused: Option<(Request, usize)>,
}

impl<R: AsyncRead + Unpin> Input<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(BUFFER_BYTES), refused: None }
    }

    /// The next request, a write's payload thrown away; `None` when the client hung up between
    /// two. Nothing is lost when it is dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Result<Option<Request>, Error> {
        loop {
            if let Some(request) = self.take()? {
                return Ok(Some(request));
            }
            self.buffer.reserve(BUFFER_BYTES.saturating_sub(self.buffer.len()));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                let between = self.buffer.is_empty() && self.refused.is_none();
                return if between { Ok(None) } else { Err(Error::Protocol("the connection ended amid a request")) };
            }
        }
    }

    fn take(&mut self) -> Result<Option<Request>, Error> {
        if self.refused.is_none() {
            if self.buffer.len() < REQUEST_BYTES {
                return Ok(None);
            }
            let request = parse(&mut self.buffer)?;
            if request.kind != CMD_WRITE {
                return Ok(Some(request));
            }
            if request.len > MAX_READ_BYTES {
                return Err(Error::Protocol("a write is too long"));
            }
            self.refused = Some((request, request.len as usize));
        }
        let Some((request, left)) = &mut self.refused else { return Ok(None) };
        let thrown = self.buffer.len().min(*left);
        self.buffer.advance(thrown);
        *left -= thrown;
        if *left > 0 {
            return Ok(None);
        }
        let request = *request;
        self.refused = None;
        Ok(Some(request))
    }
}

fn parse(buffer: &mut BytesMut) -> Result<Request, Error> {
    if buffer.get_u32() != REQUEST_MAGIC {
        return Err(Error::Protocol("a request does not begin like one"));
    }
    Ok(Request {
        flags: buffer.get_u16(),
        kind: buffer.get_u16(),
        cookie: buffer.get_u64(),
        offset: buffer.get_u64(),
        len: buffer.get_u32(),
    })
}
