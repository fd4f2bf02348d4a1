//! The bytes of a segment: its header, one record for each chunk, and the footer. See
//! `docs/storage-format.md` for the tables.

use std::cell::RefCell;

use bytes::Bytes;
use crc_fast::CrcAlgorithm;

use crate::digest::Digest;
use crate::error::Error;
use crate::index::Location;

/// The length of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 24;
/// The length of a record's header.
pub(crate) const HEADER_BYTES: usize = 52;
/// The length of what ends a sealed segment's file.
pub(crate) const TRAILER_BYTES: usize = 24;
const ENTRY_BYTES: usize = 48;

const SEGMENT_MAGIC: &[u8; 8] = b"EFFIGYSG";
const RECORD_MAGIC: &[u8; 4] = b"EFCK";
const TRAILER_MAGIC: &[u8; 8] = b"EFFIGYFT";
const VERSION: u32 = 1;

/// No chunk is longer: the root of a content of 64 TiB.
pub(crate) const MAX_RAW_BYTES: usize = (8 << 20) + 64;

/// zstd's fastest regular level: 400 MB/s a core in, 1,250 out.
const ZSTD_LEVEL: i32 = 1;

/// The purpose of a chunk; only a rebuild of the index from the segments asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Data = 0,
    Leaf = 1,
    Root = 2,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        [Kind::Data, Kind::Leaf, Kind::Root].into_iter().find(|kind| *kind as u8 == byte)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Plain = 0,
    Zstd = 1,
}

/// A record's header, or its line in the footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) digest: Digest,
    pub(crate) kind: Kind,
    codec: Codec,
    pub(crate) raw_bytes: u32,
    pub(crate) stored_bytes: u32,
}

/// A record's place in its segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) start: u32,
    pub(crate) header: Header,
}

impl Entry {
    pub(crate) fn location(&self, segment: u64) -> Location {
        Location {
            segment,
            start: u64::from(self.start),
            stored_bytes: self.header.stored_bytes,
            raw_bytes: self.header.raw_bytes,
        }
    }

    /// Returns where the next record starts.
    pub(crate) fn end(&self) -> u64 {
        u64::from(self.start) + HEADER_BYTES as u64 + u64::from(self.header.stored_bytes)
    }
}

/// Where the record of this place ends.
pub(crate) fn record_end(location: &Location) -> u64 {
    location.start + HEADER_BYTES as u64 + u64::from(location.stored_bytes)
}

pub(crate) fn segment_header(id: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES as usize);
    bytes.extend(SEGMENT_MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(id.to_le_bytes());
    bytes
}

pub(crate) fn is_segment_header(bytes: &[u8], id: u64) -> bool {
    bytes == segment_header(id)
}

thread_local! {
    // The contexts are hundreds of kilobytes; threads of the blocking pool keep them while they live.
    static ZSTD: RefCell<Zstd> = const { RefCell::new(Zstd { compressor: None, decompressor: None }) };
}

struct Zstd {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
}

impl Zstd {
    fn compress(&mut self, raw: &[u8], out: &mut [u8]) -> Option<usize> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            empty => empty.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).ok()?),
        };
        compressor.compress_to_buffer(raw, out).ok()
    }

    fn decompress(&mut self, stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            empty => empty.insert(zstd::bulk::Decompressor::new().ok()?),
        };
        decompressor.decompress(stored, raw_bytes).ok()
    }
}

/// Appends the record of a chunk to `out`, compressed if that saves a sixteenth, and returns its
/// header.
pub(crate) fn encode(digest: Digest, kind: Kind, raw: &[u8], out: &mut Vec<u8>) -> Header {
    let start = out.len();
    // Compressed bytes that do not fit here are not worth their decompression.
    let room = raw.len() - raw.len() / 16;
    out.resize(start + HEADER_BYTES + room, 0);
    let payload = &mut out[start + HEADER_BYTES..];
    let (codec, stored) = match ZSTD.with_borrow_mut(|zstd| zstd.compress(raw, payload)) {
        Some(stored) => (Codec::Zstd, stored),
        None => (Codec::Plain, raw.len()),
    };
    out.truncate(start + HEADER_BYTES + stored.min(room));
    if codec == Codec::Plain {
        out.truncate(start + HEADER_BYTES);
        out.extend_from_slice(raw);
    }
    let header = Header { digest, kind, codec, raw_bytes: raw.len() as u32, stored_bytes: stored as u32 };
    seal_header(&mut out[start..], &header);
    header
}

/// Writes a header before its payload, and over both the checksum.
fn seal_header(record: &mut [u8], header: &Header) {
    record[..4].copy_from_slice(RECORD_MAGIC);
    record[8] = header.kind as u8;
    record[9] = header.codec as u8;
    record[10..12].fill(0);
    record[12..16].copy_from_slice(&header.raw_bytes.to_le_bytes());
    record[16..20].copy_from_slice(&header.stored_bytes.to_le_bytes());
    record[20..HEADER_BYTES].copy_from_slice(header.digest.as_bytes());
    let crc = crc32c(&record[8..]);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
}

fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Reads a record's header; `Err` says what is wrong with it.
pub(crate) fn parse_header(bytes: &[u8]) -> Result<Header, &'static str> {
    if bytes.len() < HEADER_BYTES || &bytes[..4] != RECORD_MAGIC {
        return Err("no record starts here");
    }
    let header = Header {
        kind: Kind::from_byte(bytes[8]).ok_or("unknown kind of chunk")?,
        codec: match bytes[9] {
            0 => Codec::Plain,
            1 => Codec::Zstd,
            _ => return Err("unknown codec"),
        },
        raw_bytes: u32_at(bytes, 12),
        stored_bytes: u32_at(bytes, 16),
        digest: Digest::from_slice(&bytes[20..HEADER_BYTES]).ok_or("no digest")?,
    };
    if header.raw_bytes as usize > MAX_RAW_BYTES || header.stored_bytes > header.raw_bytes {
        return Err("impossible length");
    }
    Ok(header)
}

/// Takes the chunk out of a whole record, after its checksum and its digest have been compared;
/// `Err` says what is wrong with it.
pub(crate) fn decode(record: &Bytes, digest: Digest) -> Result<Bytes, &'static str> {
    let raw = unpack(record)?;
    match Digest::of(&raw) == digest {
        true => Ok(raw),
        false => Err("the digest differs"),
    }
}

/// Compares a whole record with its chunk, which spares the digest; `Err` says what is wrong with it.
pub(crate) fn compare(record: &Bytes, digest: Digest, chunk: &[u8]) -> Result<(), &'static str> {
    match parse_header(record)?.digest == digest && unpack(record)? == chunk {
        true => Ok(()),
        false => Err("it holds another chunk"),
    }
}

/// Whether these bytes are this record, by its header and checksum.
pub(crate) fn is_whole(record: &[u8], header: &Header) -> bool {
    parse_header(record).is_ok_and(|found| found == *header) && crc32c(&record[8..]) == u32_at(record, 4)
}

fn unpack(record: &Bytes) -> Result<Bytes, &'static str> {
    let header = parse_header(record)?;
    if record.len() != HEADER_BYTES + header.stored_bytes as usize {
        return Err("the record's length is not its row's");
    }
    if crc32c(&record[8..]) != u32_at(record, 4) {
        return Err("the checksum differs");
    }
    let stored = record.slice(HEADER_BYTES..);
    let raw = match header.codec {
        Codec::Plain => stored,
        Codec::Zstd => ZSTD
            .with_borrow_mut(|zstd| zstd.decompress(&stored, header.raw_bytes as usize))
            .map(Bytes::from)
            .ok_or("the payload does not decompress")?,
    };
    if raw.len() != header.raw_bytes as usize {
        return Err("the chunk's length differs");
    }
    Ok(raw)
}

/// Builds what a sealed segment's file ends with.
pub(crate) fn footer(entries: &[Entry], start: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES + TRAILER_BYTES);
    for entry in entries {
        bytes.extend(entry.header.digest.as_bytes());
        bytes.extend(entry.start.to_le_bytes());
        bytes.extend(entry.header.stored_bytes.to_le_bytes());
        bytes.extend(entry.header.raw_bytes.to_le_bytes());
        bytes.extend([entry.header.kind as u8, entry.header.codec as u8, 0, 0]);
    }
    let crc = crc32c(&bytes);
    bytes.extend((entries.len() as u32).to_le_bytes());
    bytes.extend(crc.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend(TRAILER_MAGIC);
    bytes
}

/// Reads from a file's last bytes where its footer starts.
pub(crate) fn parse_trailer(trailer: &[u8]) -> Option<u64> {
    if trailer.len() != TRAILER_BYTES || &trailer[16..] != TRAILER_MAGIC {
        return None;
    }
    trailer[8..16].try_into().ok().map(u64::from_le_bytes)
}

/// Reads a footer, trailer included; `None` if it is not whole.
pub(crate) fn parse_footer(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (entries, trailer) = bytes.split_at_checked(bytes.len().checked_sub(TRAILER_BYTES)?)?;
    parse_trailer(trailer)?;
    let count = u32_at(trailer, 0) as usize;
    if entries.len() != count * ENTRY_BYTES || crc32c(entries) != u32_at(trailer, 4) {
        return None;
    }
    entries.chunks_exact(ENTRY_BYTES).map(parse_entry).collect()
}

fn parse_entry(bytes: &[u8]) -> Option<Entry> {
    let header = Header {
        digest: Digest::from_slice(&bytes[..32])?,
        stored_bytes: u32_at(bytes, 36),
        raw_bytes: u32_at(bytes, 40),
        kind: Kind::from_byte(bytes[44])?,
        codec: if bytes[45] == 0 { Codec::Plain } else { Codec::Zstd },
    };
    Some(Entry { start: u32_at(bytes, 32), header })
}

/// Says that a chunk's stored bytes are not what its digest says.
pub(crate) fn damaged(digest: Digest, location: &Location, reason: &str) -> Error {
    let place = format!("{reason} (segment {:016x} at {})", location.segment, location.start);
    Error::Damaged { digest, reason: place }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_record_gives_back_its_chunk() {
        for raw in [noise(65_536), vec![7; 65_536], b"x".to_vec(), Vec::new()] {
            let mut out = Vec::new();
            let header = encode(Digest::of(&raw), Kind::Data, &raw, &mut out);
            assert_eq!(out.len(), HEADER_BYTES + header.stored_bytes as usize);
            assert_eq!(decode(&Bytes::from(out), header.digest).as_deref(), Ok(&raw[..]));
        }
    }

    #[test]
    fn any_flipped_bit_of_a_record_is_seen() {
        let raw = [noise(512), vec![3; 512]].concat();
        let mut out = Vec::new();
        let header = encode(Digest::of(&raw), Kind::Data, &raw, &mut out);
        for bit in 0..out.len() * 8 {
            let mut bad = out.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&Bytes::from(bad), header.digest).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_footer_is_read_back_and_a_torn_one_is_not() {
        let mut out = Vec::new();
        let header = encode(Digest::of(b"a"), Kind::Leaf, b"a", &mut out);
        let entries = vec![Entry { start: 24, header }; 3];
        let bytes = footer(&entries, 77);
        assert_eq!(parse_trailer(&bytes[bytes.len() - TRAILER_BYTES..]), Some(77));
        assert_eq!(parse_footer(&bytes), Some(entries));
        for cut in 0..bytes.len() {
            assert_eq!(parse_footer(&bytes[..cut]), None);
        }
    }
}
