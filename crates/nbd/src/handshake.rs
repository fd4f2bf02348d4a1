//! The handshake: options until the client goes over to transmission or leaves.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Error;
use crate::protocol::*;

/// Clients shake hands within milliseconds.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// The protocol's longest string is 4,096 bytes; an option has at most a name and a few queries.
const MAX_OPTION_BYTES: u32 = 16 << 10;
/// Clients send five or six options.
const MAX_OPTIONS: usize = 64;

const ALLOCATION: &[u8] = b"base:allocation";

/// The extensions that the client and the server agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub structured: bool,
    pub allocation: bool,
}

/// The flags of the one export: read-only, and the same over any number of connections.
fn export_flags(structured: bool) -> u16 {
    let df = if structured { SEND_DF } else { 0 };
    HAS_FLAGS | READ_ONLY | SEND_FLUSH | CAN_MULTI_CONN | SEND_CACHE | df
}

/// Shakes hands; `None` when the client left in peace.
pub(crate) async fn shake<S>(stream: &mut S, name: &str, size_bytes: u64) -> Result<Option<Agreed>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut hello = Vec::with_capacity(18);
    hello.extend_from_slice(&NBDMAGIC.to_be_bytes());
    hello.extend_from_slice(&IHAVEOPT.to_be_bytes());
    hello.extend_from_slice(&(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES).to_be_bytes());
    stream.write_all(&hello).await?;
    let flags = stream.read_u32().await?;
    let known = u32::from(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
    if flags & !known != 0 {
        return Err(Error::Protocol("unknown handshake flags"));
    }
    let mut shake = Shake { stream, name, size_bytes, flags, agreed: Agreed::default() };
    for _ in 0..MAX_OPTIONS {
        match shake.option().await? {
            Next::Option => {}
            Next::Leave => return Ok(None),
            Next::Transmission => return Ok(Some(shake.agreed)),
        }
    }
    Err(Error::Protocol("too many options"))
}

enum Next {
    Option,
    Leave,
    Transmission,
}

struct Shake<'a, S> {
    stream: &'a mut S,
    name: &'a str,
    size_bytes: u64,
    flags: u32,
    agreed: Agreed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shake<'_, S> {
    async fn option(&mut self) -> Result<Next, Error> {
        if self.stream.read_u64().await? != IHAVEOPT {
            return Err(Error::Protocol("an option does not begin like one"));
        }
        let option = self.stream.read_u32().await?;
        let len = self.stream.read_u32().await?;
        if len > MAX_OPTION_BYTES {
            self.reply(option, REP_ERR_TOO_BIG, b"the option is too long").await?;
            return Err(Error::Protocol("an option is too long"));
        }
        let mut data = vec![0; len as usize];
        self.stream.read_exact(&mut data).await?;
        match option {
            OPT_EXPORT_NAME => self.export_name(&data).await,
            OPT_ABORT => {
                // The client need not wait for the answer.
                self.reply(option, REP_ACK, &[]).await.ok();
                Ok(Next::Leave)
            }
            OPT_LIST => self.list(&data).await,
            OPT_INFO | OPT_GO => self.info(option, &data).await,
            OPT_STRUCTURED_REPLY => self.structured_reply(&data).await,
            OPT_LIST_META_CONTEXT | OPT_SET_META_CONTEXT => self.meta_context(option, &data).await,
            _ => {
                self.reply(option, REP_ERR_UNSUP, b"the option is not known").await?;
                Ok(Next::Option)
            }
        }
    }

    async fn export_name(&mut self, data: &[u8]) -> Result<Next, Error> {
        if data != self.name.as_bytes() {
            return Err(Error::UnknownExport);
        }
        let mut answer = self.size_bytes.to_be_bytes().to_vec();
        answer.extend_from_slice(&export_flags(self.agreed.structured).to_be_bytes());
        if self.flags & u32::from(FLAG_NO_ZEROES) == 0 {
            answer.resize(answer.len() + 124, 0);
        }
        self.stream.write_all(&answer).await?;
        self.stream.flush().await?;
        Ok(Next::Transmission)
    }

    async fn list(&mut self, data: &[u8]) -> Result<Next, Error> {
        if !data.is_empty() {
            return self.invalid(OPT_LIST, b"a list takes no data").await;
        }
        let mut entry = (self.name.len() as u32).to_be_bytes().to_vec();
        entry.extend_from_slice(self.name.as_bytes());
        self.reply(OPT_LIST, REP_SERVER, &entry).await?;
        self.reply(OPT_LIST, REP_ACK, &[]).await?;
        Ok(Next::Option)
    }

    async fn info(&mut self, option: u32, data: &[u8]) -> Result<Next, Error> {
        let Some((name, wanted)) = parse_info(data) else {
            return self.invalid(option, b"the request for information is malformed").await;
        };
        if name != self.name.as_bytes() {
            return self.unknown(option).await;
        }
        let mut export = INFO_EXPORT.to_be_bytes().to_vec();
        export.extend_from_slice(&self.size_bytes.to_be_bytes());
        export.extend_from_slice(&export_flags(self.agreed.structured).to_be_bytes());
        self.reply(option, REP_INFO, &export).await?;
        if wanted.contains(&INFO_NAME) {
            let mut info = INFO_NAME.to_be_bytes().to_vec();
            info.extend_from_slice(self.name.as_bytes());
            self.reply(option, REP_INFO, &info).await?;
        }
        if wanted.contains(&INFO_BLOCK_SIZE) {
            let mut info = INFO_BLOCK_SIZE.to_be_bytes().to_vec();
            for size in [1, PREFERRED_READ_BYTES, MAX_READ_BYTES] {
                info.extend_from_slice(&size.to_be_bytes());
            }
            self.reply(option, REP_INFO, &info).await?;
        }
        self.reply(option, REP_ACK, &[]).await?;
        Ok(if option == OPT_GO { Next::Transmission } else { Next::Option })
    }

    async fn structured_reply(&mut self, data: &[u8]) -> Result<Next, Error> {
        if !data.is_empty() {
            return self.invalid(OPT_STRUCTURED_REPLY, b"the option takes no data").await;
        }
        self.agreed.structured = true;
        self.reply(OPT_STRUCTURED_REPLY, REP_ACK, &[]).await?;
        Ok(Next::Option)
    }

    async fn meta_context(&mut self, option: u32, data: &[u8]) -> Result<Next, Error> {
        let sets = option == OPT_SET_META_CONTEXT;
        if sets {
            // A new choice takes the place of the last, also when it fails.
            self.agreed.allocation = false;
        }
        if !self.agreed.structured {
            return self.invalid(option, b"metadata needs structured replies").await;
        }
        let Some((name, queries)) = parse_queries(data) else {
            return self.invalid(option, b"the request for metadata is malformed").await;
        };
        if name != self.name.as_bytes() {
            return self.unknown(option).await;
        }
        let exact = queries.contains(&ALLOCATION);
        let lists = queries.is_empty() || queries.contains(&b"base:".as_slice());
        if exact || (!sets && lists) {
            let id = if sets { ALLOCATION_CONTEXT } else { 0 };
            let mut context = id.to_be_bytes().to_vec();
            context.extend_from_slice(ALLOCATION);
            self.reply(option, REP_META_CONTEXT, &context).await?;
            self.agreed.allocation |= sets;
        }
        self.reply(option, REP_ACK, &[]).await?;
        Ok(Next::Option)
    }

    async fn invalid(&mut self, option: u32, message: &[u8]) -> Result<Next, Error> {
        self.reply(option, REP_ERR_INVALID, message).await?;
        Ok(Next::Option)
    }

    async fn unknown(&mut self, option: u32) -> Result<Next, Error> {
        self.reply(option, REP_ERR_UNKNOWN, b"there is no such export").await?;
        Ok(Next::Option)
    }

    async fn reply(&mut self, option: u32, kind: u32, data: &[u8]) -> Result<(), Error> {
        let mut reply = Vec::with_capacity(20 + data.len());
        reply.extend_from_slice(&REPLY_MAGIC.to_be_bytes());
        reply.extend_from_slice(&option.to_be_bytes());
        reply.extend_from_slice(&kind.to_be_bytes());
        reply.extend_from_slice(&(data.len() as u32).to_be_bytes());
        reply.extend_from_slice(data);
        self.stream.write_all(&reply).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

/// A name, then a count of 16-bit numbers and the numbers.
fn parse_info(data: &[u8]) -> Option<(&[u8], Vec<u16>)> {
    let (name, rest) = parse_string(data)?;
    let (count, rest) = rest.split_first_chunk::<2>()?;
    let wanted: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|raw| u16::from_be_bytes(*raw)).collect();
    let whole = rest.len() == 2 * usize::from(u16::from_be_bytes(*count));
    whole.then_some((name, wanted))
}

/// A name, then a count of strings and the strings.
fn parse_queries(data: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let (name, rest) = parse_string(data)?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut queries = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (query, after) = parse_string(rest)?;
        queries.push(query);
        rest = after;
    }
    rest.is_empty().then_some((name, queries))
}

/// A 32-bit length and so many bytes; then what is left.
fn parse_string(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = data.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}
