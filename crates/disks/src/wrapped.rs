//! Files that hold a disk in a wrapping, or none: they are often uploaded as they were downloaded, declared raw, and
//! would be images that boot nothing.

use std::io;

use crate::read_at::read_up_to;
use crate::{Compression, ReadAt, Rejection, Rule};

const HEAD_BYTES: usize = 1024;
/// A boot sector ends with it, also that of a disk with a GPT.
const BOOT_SIGNATURE: &[u8] = b"\x55\xaa";
const BOOT_SIGNATURE_AT: usize = 510;

/// The wrapping: the bytes that its files begin with, its name, and how the disk is taken out.
const WRAPPINGS: &[(&[u8], &str, &str)] = &[
    (b"LZIP\x01", "compressed with lzip", "lzip -d FILE"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "lz4 -d FILE"),
    (b"PK\x03\x04", "a zip archive", "unzip FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    (b"Rar!\x1a\x07", "a rar archive", "unrar x FILE"),
    (b"MSCF\0\0\0\0", "a cabinet archive", "cabextract FILE"),
    (b"!<arch>\n", "an ar archive", "ar x FILE"),
    (b"070701", "a cpio archive", "cpio -i < FILE"),
];

/// Refuses bytes that begin as a wrapping does and have no boot sector: those of a disk may begin with anything.
pub(crate) fn refuse(bytes: &dyn ReadAt) -> Result<(), Rejection> {
    let head = read_up_to(bytes, 0, HEAD_BYTES).map_err(|error: io::Error| Rejection::unread(0, &error))?;
    if head.get(BOOT_SIGNATURE_AT..).is_some_and(|rest| rest.starts_with(BOOT_SIGNATURE)) {
        return Ok(());
    }
    let refusal = |found: &str| Rejection::new(Rule::NotADisk, 0, format!("the file is {found}"));
    if let Some(compression) = Compression::of_head(&head) {
        let remedy = unpacked_by(&format!("{compression} -d FILE"));
        return Err(refusal(&format!("compressed with {compression}")).with_remedy(remedy));
    }
    if is_bzip2(&head) {
        return Err(refusal("compressed with bzip2").with_remedy(unpacked_by("bzip2 -d FILE")));
    }
    if let Some((_, found, command)) = WRAPPINGS.iter().find(|(magic, _, _)| head.starts_with(magic)) {
        return Err(refusal(found).with_remedy(unpacked_by(command)));
    }
    if is_page(&head) {
        let remedy = "The address led to a page instead of the disk, perhaps one to sign in: look at it in a browser.";
        return Err(refusal("a web page").with_remedy(remedy));
    }
    Ok(())
}

fn unpacked_by(command: &str) -> String {
    format!("Unpack it first ({command}), declare the format of the disk in it, and upload the disk.")
}

/// The magic, a digit, and the first digits of pi or, in a file of nothing, of its square root.
fn is_bzip2(head: &[u8]) -> bool {
    let block = head.get(4..10).unwrap_or_default();
    head.starts_with(b"BZh")
        && head[3..].first().is_some_and(|level| (b'1'..=b'9').contains(level))
        && matches!(block, b"\x31\x41\x59\x26\x53\x59" | b"\x17\x72\x45\x38\x50\x90")
}

fn is_page(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    ["<!doctype html", "<html"]
        .iter()
        .any(|begin| text.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin.as_bytes())))
}
