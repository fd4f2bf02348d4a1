//! The one layer of compression that a file may be wrapped in: gzip, zstd, xz or bzip2.
//!
//! A [`Decoder`] reads compressed bytes from any source and gives the file's, a buffer at a time. It holds one window,
//! stops at the output's limit, gives up a file that grows or takes time out of all proportion, and refuses one that is
//! compressed twice, whatever the bytes say.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::{Rejection, Rule};

/// The window that a decoder may hold: that of `xz -9` (2^26). `zstd -19` needs an eighth of it, bzip2 a seventieth.
const WINDOW_LOG: u32 = 26;
/// The memory that xz needs beside its window, in KiB. It admits no larger window: the next is half as large again.
const XZ_OVERHEAD_KIB: u32 = 1024;
/// Any input may give so many bytes, because disks are mostly empty; each byte of it allows [`MAX_RATIO`] more. Deflate
/// reaches 1,032, xz and zstd many thousands, all with nothing but zeroes.
const FREE_OUTPUT_BYTES: u64 = 1 << 30;
const MAX_RATIO: u64 = 2000;
/// A minute, and a second more for each megabyte: the slowest honest decoder is fifty times as fast.
const FREE_TIME: Duration = Duration::from_secs(60);
const LEAST_BYTES_PER_SECOND: u64 = 1 << 20;
/// Enough to know a compression by.
const HEAD_BYTES: usize = 6;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The `.xz` format.
    Xz,
    /// The `.bz2` format.
    Bzip2,
}

impl Compression {
    /// The compression whose signature a file that begins like this has; six bytes are enough.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// A file out of its compressed bytes. It blocks as long as its source does, and uses the CPU: not for async threads.
pub struct Decoder<R: Read> {
    inner: Inner<R>,
    meter: Arc<Meter>,
    output_limit: u64,
    given: u64,
    began: Instant,
    /// The first bytes, which are looked at before they are given away.
    head: Vec<u8>,
    head_given: usize,
    looked: bool,
    /// The refusal, which every later read repeats.
    refused: Option<Rejection>,
}

enum Inner<R: Read> {
    Gzip(Box<MultiGzDecoder<BufReader<Metered<R>>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Metered<R>>>>),
    Xz(Box<XzReader<BufReader<Metered<R>>>>),
    Bzip2(Box<MultiBzDecoder<BufReader<Metered<R>>>>),
}

impl<R: Read> Decoder<R> {
    /// A decoder that gives `output_limit` bytes at most.
    ///
    /// # Errors
    /// [`Rule::Unreadable`] when there is no memory for it.
    pub fn new(compression: Compression, source: R, output_limit: u64) -> Result<Self, Rejection> {
        let meter = Arc::new(Meter::default());
        let source = BufReader::with_capacity(64 << 10, Metered { source, meter: meter.clone() });
        let inner = match compression {
            Compression::Gzip => Inner::Gzip(Box::new(MultiGzDecoder::new(source))),
            Compression::Zstd => {
                let unread = |error| Rejection::unread(0, &error);
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(unread)?;
                decoder.window_log_max(WINDOW_LOG).map_err(unread)?;
                Inner::Zstd(Box::new(decoder))
            }
            Compression::Xz => {
                let limit_kib = (1 << (WINDOW_LOG - 10)) + XZ_OVERHEAD_KIB;
                Inner::Xz(Box::new(XzReader::new_mem_limit(source, true, limit_kib)))
            }
            Compression::Bzip2 => Inner::Bzip2(Box::new(MultiBzDecoder::new(source))),
        };
        Ok(Self {
            inner,
            meter,
            output_limit,
            given: 0,
            began: Instant::now(),
            head: Vec::new(),
            head_given: 0,
            looked: false,
            refused: None,
        })
    }

    /// How many compressed bytes were read so far.
    pub fn input_bytes(&self) -> u64 {
        self.meter.bytes.load(Relaxed)
    }

    /// Fills some of `buf`; 0 is the end of the file, and then the compressed bytes were whole.
    ///
    /// # Errors
    /// `too_large`, `amplification`, `corrupt`, `truncated`, `unsupported_feature` (compressed twice, or with too large
    /// a window), or [`Rule::Unreadable`] when the source failed.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, Rejection> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        self.next(buf).inspect_err(|refused| self.refused = Some(refused.clone()))
    }

    fn next(&mut self, buf: &mut [u8]) -> Result<usize, Rejection> {
        if !self.looked {
            self.look()?;
        }
        let left = &self.head[self.head_given..];
        if !left.is_empty() {
            let len = left.len().min(buf.len());
            buf[..len].copy_from_slice(&left[..len]);
            self.head_given += len;
            return Ok(len);
        }
        self.decode(buf)
    }

    /// Decodes the first bytes and refuses another layer.
    fn look(&mut self) -> Result<(), Rejection> {
        let mut head = [0; HEAD_BYTES];
        let mut len = 0;
        while len < HEAD_BYTES {
            match self.decode(&mut head[len..])? {
                0 => break,
                more => len += more,
            }
        }
        self.looked = true;
        self.head = head[..len].to_vec();
        match Compression::of_head(&self.head) {
            Some(nested) => {
                let message = format!("the file is compressed twice: there is {nested} inside");
                Err(Rejection::new(Rule::UnsupportedFeature, 0, message)
                    .with_remedy("Decompress it once, and send that."))
            }
            None => Ok(()),
        }
    }

    fn decode(&mut self, buf: &mut [u8]) -> Result<usize, Rejection> {
        let read = match &mut self.inner {
            Inner::Gzip(decoder) => decoder.read(buf),
            Inner::Zstd(decoder) => decoder.read(buf),
            Inner::Xz(decoder) => decoder.read(buf),
            Inner::Bzip2(decoder) => decoder.read(buf),
        };
        let len = read.map_err(|error| self.refusal(&error))?;
        if len == 0 && self.input_bytes() == 0 {
            return Err(Rejection::truncated(0, "there are no compressed bytes"));
        }
        self.given += len as u64;
        if self.given > self.output_limit {
            let message = format!("the file has more than the {} bytes that are allowed", self.output_limit);
            return Err(Rejection::new(Rule::TooLarge, self.input_bytes(), message));
        }
        let allowed = self.input_bytes().saturating_mul(MAX_RATIO).saturating_add(FREE_OUTPUT_BYTES);
        if self.given > allowed {
            return Err(amplified(self.input_bytes(), "the compressed bytes grow out of all proportion"));
        }
        self.check_time()?;
        Ok(len)
    }

    fn check_time(&self) -> Result<(), Rejection> {
        let waited = Duration::from_nanos(self.meter.waited_nanos.load(Relaxed));
        let bytes = self.given.saturating_add(self.input_bytes());
        let allowed = FREE_TIME + Duration::from_secs(bytes / LEAST_BYTES_PER_SECOND);
        match self.began.elapsed().saturating_sub(waited) > allowed {
            true => Err(amplified(self.input_bytes(), "the compressed bytes take time out of all proportion")),
            false => Ok(()),
        }
    }

    /// The refusal of the file that follows from a decoder's failure.
    fn refusal(&self, error: &io::Error) -> Rejection {
        let at = self.input_bytes();
        if self.meter.failed.load(Relaxed) {
            return Rejection::new(Rule::Unreadable, at, format!("the file could not be read: {error}"));
        }
        // zstd has no kind for it.
        let needs_memory = error.kind() == io::ErrorKind::OutOfMemory || error.to_string().contains("too much memory");
        match error.kind() {
            _ if needs_memory => Rejection::new(Rule::UnsupportedFeature, at, "the window is larger than 64 MiB")
                .with_remedy("Compress it anew with a smaller window, or send it as it is."),
            io::ErrorKind::UnexpectedEof => Rejection::truncated(at, "the compressed bytes end too early"),
            _ => Rejection::corrupt(at, "the compressed bytes cannot be decoded")
                .with_remedy("Compress it anew, or send it as it is."),
        }
    }
}

fn amplified(at: u64, message: &str) -> Rejection {
    Rejection::new(Rule::Amplification, at, message)
        .with_remedy("Decompress it, convert it (qemu-img convert -O qcow2 OLD NEW), and send that.")
}

impl<R: Read> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("given", &self.given).field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// The bytes that the source gave, the time it was waited for, and whether it failed.
#[derive(Debug, Default)]
struct Meter {
    bytes: AtomicU64,
    waited_nanos: AtomicU64,
    failed: AtomicBool,
}

struct Metered<R> {
    source: R,
    meter: Arc<Meter>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let read = self.source.read(buf);
        let waited = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.meter.waited_nanos.fetch_add(waited, Relaxed);
        match &read {
            Ok(len) => {
                self.meter.bytes.fetch_add(*len as u64, Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.meter.failed.store(true, Relaxed),
        }
        read
    }
}
