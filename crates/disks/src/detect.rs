//! Which formats some bytes carry the signature of.

use std::io;

use crate::read_at::read_up_to;
use crate::{Format, ReadAt, qcow2};

/// How much of a file's start is looked at: ISO 9660's descriptors lie at 32 KiB, a text
/// descriptor may be padded by anything up to its size.
const HEAD_BYTES: usize = 64 * 1024;

/// A VHD's footer is its last 512 bytes, or its last 511 when written by old versions of
/// Microsoft's tools.
const FOOTER_BYTES: u64 = 512;

/// The volume descriptors of ISO 9660 begin at sector 16; the set is rarely longer than four.
const ISO_DESCRIPTORS: std::ops::Range<usize> = 16..24;
const ISO_SECTOR_BYTES: usize = 2048;

/// Lists every format whose signature these bytes carry, or only [`Format::Raw`].
///
/// A file shorter than a whole header counts by its magic. Partition tables are raw.
pub fn detect(bytes: &dyn ReadAt) -> io::Result<Vec<Format>> {
    let head = read_up_to(bytes, 0, HEAD_BYTES)?;
    let mut found: Vec<Format> = MAGICS
        .iter()
        .filter(|(_, offset, magic)| head.get(*offset..).is_some_and(|rest| rest.starts_with(magic)))
        .map(|(format, _, _)| *format)
        .collect();
    if let Some(rest) = head.strip_prefix(qcow2::MAGIC) {
        // Versions share the magic; QEMU's docs/interop/qcow2.rst knows 2 and 3.
        found.push(if rest.starts_with(&[0, 0, 0, 1]) { Format::Qcow } else { Format::Qcow2 });
    }
    if has_vhd_footer(bytes)? {
        found.push(Format::Vhd);
    }
    if is_vmdk_text(&head) {
        found.push(Format::Vmdk);
    }
    if has_iso_descriptor(&head) {
        found.push(Format::Iso);
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        found.push(Format::Raw);
    }
    Ok(found)
}

/// Signatures at fixed places: format, offset, bytes.
const MAGICS: &[(Format, usize, &[u8])] = &[
    // VMware Virtual Disks 5.0: sparse extents; COWD is the older ESX one.
    (Format::Vmdk, 0, b"KDMV"),
    (Format::Vmdk, 0, b"COWD"),
    // Space-efficient sparse extents: u64 0xcafebabe, little endian.
    (Format::Vmdk, 0, b"\xbe\xba\xfe\xca\0\0\0\0"),
    // Microsoft's VHD specification: a dynamic disk begins with a copy of its footer.
    (Format::Vhd, 0, b"conectix"),
    (Format::Vhdx, 0, b"vhdxfile"),
    // VirtualBox VDICore.h: u32 0xbeda107f, little endian, after 64 bytes of text.
    (Format::Vdi, 0x40, b"\x7f\x10\xda\xbe"),
    (Format::Qed, 0, b"QED\0"),
    (Format::Parallels, 0, b"WithoutFreeSpace"),
    (Format::Parallels, 0, b"WithouFreSpacExt"),
    (Format::Luks, 0, b"LUKS\xba\xbe"),
    // POSIX and GNU tar: what an OVA is, and what should never be taken for a disk.
    (Format::Ova, 257, b"ustar"),
    // A LUKS2 volume whose first header is damaged still opens by its second.
    (Format::Luks, 0x4000, b"SKUL\xba\xbe"),
];

fn has_vhd_footer(bytes: &dyn ReadAt) -> io::Result<bool> {
    let size_bytes = bytes.size_bytes();
    for footer_bytes in [FOOTER_BYTES, FOOTER_BYTES - 1] {
        let Some(offset) = size_bytes.checked_sub(footer_bytes) else {
            continue;
        };
        if read_up_to(bytes, offset, 8)? == b"conectix" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_iso_descriptor(head: &[u8]) -> bool {
    ISO_DESCRIPTORS
        .map(|sector| sector * ISO_SECTOR_BYTES + 1)
        .any(|offset| head.get(offset..offset + 5).is_some_and(|id| id == b"CD001" || id == b"BEA01"))
}

/// Tells whether a text begins here that any reader would take for a VMDK descriptor.
///
/// QEMU skips comments and blank lines and wants `version=`; other tools look for the comment
/// `# Disk DescriptorFile`; case, line ends and padding differ between them. Take them all.
fn is_vmdk_text(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = text.iter().position(|byte| !matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c));
    let Some(start) = start else { return false };
    let text = &text[start..];
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let text = text[..end].to_ascii_lowercase();
    let mut first = true;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            if comment.trim_ascii().starts_with(b"disk descriptorfile") {
                return true;
            }
            continue;
        }
        let key = line.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        let is_setting = line.contains(&b'=');
        if is_setting && (first && key == b"version" || key == b"createtype" || key == b"parentfilenamehint") {
            return true;
        }
        first = false;
    }
    false
}
