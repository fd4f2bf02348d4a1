//! The work that the fuzz targets share.
//!
//! Formats with tables far apart get files of a few pieces with zeroes between them: the fuzzer changes the pieces
//! alone. Checksums are corrected, because no change would get past them otherwise.

use std::io;

use disks::{Format, Kind, Limits, ReadAt, check, open};

/// A file of zeroes but for a few pieces.
pub struct Pieces {
    pub size_bytes: u64,
    /// Where each piece is.
    pub pieces: Vec<(u64, Vec<u8>)>,
}

impl Pieces {
    /// The pieces filled from the bytes, one after the other; scripts/fuzz.sh makes seeds the same way.
    pub fn of(size_bytes: u64, places: &[(u64, usize)], mut bytes: &[u8]) -> Self {
        let piece = |(at, len): &(u64, usize)| {
            let (now, later) = bytes.split_at(bytes.len().min(*len));
            bytes = later;
            let mut piece = now.to_vec();
            piece.resize(*len, 0);
            (*at, piece)
        };
        Self { size_bytes, pieces: places.iter().map(piece).collect() }
    }
}

impl ReadAt for Pieces {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size_bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.fill(0);
        for (at, piece) in &self.pieces {
            let (from, to) = (offset.max(*at), end.min(at + piece.len() as u64));
            if from < to {
                let source = &piece[(from - at) as usize..(to - at) as usize];
                buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
            }
        }
        Ok(())
    }
}

/// Judges a file, and reads the map of one that is accepted.
pub fn judge(format: Format, file: &dyn ReadAt) {
    let limits = Limits { virtual_size_bytes: 1 << 42 };
    if check(format, file, &limits).is_err() {
        return;
    }
    let disk = open(format, file, &limits).expect("what was accepted is accepted");
    let (mut at, mut data_bytes, mut inflated) = (0, 0, 0);
    // A terabyte of grains takes a while to say that they are not there.
    for extent in disk.extents().take(10_000) {
        let extent = extent.expect("the tables were walked before");
        assert!(extent.guest_offset == at && extent.len > 0, "extents leave no gap");
        at += extent.len;
        match extent.kind {
            Kind::Zero | Kind::Unallocated => {}
            Kind::Data { file_offset } => {
                data_bytes += extent.len;
                assert!(file_offset + extent.len <= file.size_bytes(), "data lies in the file");
            }
            Kind::Compressed { .. } if inflated < 16 => {
                inflated += 1;
                if let Ok(bytes) = disk.inflate(&extent) {
                    assert_eq!(bytes.len() as u64, extent.len);
                }
            }
            Kind::Compressed { .. } => {}
        }
    }
    assert!(at <= disk.virtual_size_bytes());
    assert!(data_bytes <= file.size_bytes(), "no byte is the disk's twice");
}

/// Sets a VHD's checksum.
pub fn sum_vhd(bytes: &mut [u8], sum_at: usize) {
    bytes[sum_at..sum_at + 4].fill(0);
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[sum_at..sum_at + 4].copy_from_slice(&(!sum).to_be_bytes());
}

/// Sets a VHDX's checksum, of the bytes and as many zeroes as there are to `len`.
pub fn sum_vhdx(bytes: &mut [u8], len: usize) {
    bytes[4..8].fill(0);
    let mut sum = u32::MAX;
    for byte in bytes.iter().copied().chain(std::iter::repeat_n(0, len - bytes.len())) {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    bytes[4..8].copy_from_slice(&(!sum).to_le_bytes());
}
