//! The one claim of an ISO 9660 that is held against its bytes: its volume's size.

use crate::fields::le::{u16_at, u32_at};
use crate::read_at::read_up_to;
use crate::{ReadAt, Rejection, Rule};

/// ECMA-119: volume descriptors begin at sector 16; the primary one has type 1.
const DESCRIPTORS_AT: u64 = 16 * 2048;
const IS_PRIMARY: &[u8] = b"\x01CD001";

/// Refuses a file that ends before its volume: a download that broke off. A volume that is UDF only states no size here.
pub(crate) fn check(bytes: &dyn ReadAt) -> Result<(), Rejection> {
    let read = read_up_to(bytes, DESCRIPTORS_AT, 2048).map_err(|error| Rejection::unread(DESCRIPTORS_AT, &error))?;
    if read.len() < 130 || !read.starts_with(IS_PRIMARY) {
        return Ok(());
    }
    let volume_bytes = u64::from(u32_at(&read, 80)) * u64::from(u16_at(&read, 128));
    if volume_bytes <= bytes.size_bytes() {
        return Ok(());
    }
    let message = format!("the volume has {volume_bytes} bytes, and the file has {}", bytes.size_bytes());
    Err(Rejection::new(Rule::Truncated, DESCRIPTORS_AT + 80, message))
}
