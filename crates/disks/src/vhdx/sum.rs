//! CRC-32C, as VHDX has it over its headers and tables.

use crate::Rejection;
use crate::fields::le::u32_at;

/// Castagnoli's polynomial, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

fn crc32c(pieces: &[&[u8]]) -> u32 {
    let bytes = pieces.iter().flat_map(|piece| piece.iter());
    !bytes.fold(u32::MAX, |sum, byte| sum >> 8 ^ TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize])
}

/// Tells whether the sum at byte 4 is that of all bytes, its own counted as zeroes.
pub(super) fn is_right(bytes: &[u8]) -> bool {
    crc32c(&[&bytes[..4], &[0; 4], &bytes[8..]]) == u32_at(bytes, 4)
}

/// Refuses bytes whose sum is wrong; they lie at `at`.
pub(super) fn check(bytes: &[u8], at: u64, what: &str) -> Result<(), Rejection> {
    match is_right(bytes) {
        true => Ok(()),
        false => Err(Rejection::corrupt(at + 4, format!("the checksum of {what} is wrong"))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc32c_is_the_one_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(super::crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(super::crc32c(&[b"1234", b"56789"]), 0xe306_9283);
    }
}
