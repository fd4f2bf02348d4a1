//! Numbers at places in a header.

/// Big-endian numbers: qcow2, VHD.
pub(crate) mod be {
    use super::word;

    pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
        u16::from_be_bytes(word(bytes, at))
    }

    pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(word(bytes, at))
    }

    pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_be_bytes(word(bytes, at))
    }
}

/// Little-endian numbers: VMDK, VHDX, VDI, ISO 9660.
pub(crate) mod le {
    use super::word;

    pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(word(bytes, at))
    }

    pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(word(bytes, at))
    }

    pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(word(bytes, at))
    }
}

/// The caller knows how long its header is.
fn word<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut word = [0; N];
    word.copy_from_slice(&bytes[at..at + N]);
    word
}
