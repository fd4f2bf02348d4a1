//! Which format bytes are, and which are let in as what.

use disks::{Format, Limits, Rule, check, detect};

use crate::support::{Folder, LIMITS, disk_in, sample, sample_disk};

/// The drivers and options that `qemu-img` writes files with, and the format of each file.
const WRITTEN: &[(&str, &[&str], Format)] = &[
    ("qcow2", &[], Format::Qcow2),
    ("qcow2", &["-o", "compat=0.10"], Format::Qcow2),
    ("qcow", &[], Format::Qcow),
    ("vmdk", &["-o", "subformat=monolithicSparse"], Format::Vmdk),
    ("vmdk", &["-o", "subformat=monolithicFlat"], Format::Vmdk),
    ("vmdk", &["-o", "subformat=twoGbMaxExtentSparse"], Format::Vmdk),
    ("vmdk", &["-o", "subformat=streamOptimized"], Format::Vmdk),
    ("vpc", &["-o", "subformat=dynamic,force_size=on"], Format::Vhd),
    ("vpc", &["-o", "subformat=fixed,force_size=on"], Format::Vhd),
    ("vhdx", &[], Format::Vhdx),
    ("vdi", &[], Format::Vdi),
    ("vdi", &["-o", "static=on"], Format::Vdi),
    ("parallels", &[], Format::Parallels),
    ("qed", &[], Format::Qed),
    ("luks", &["--object", "secret,id=s0,data=secret123", "-o", "key-secret=s0,iter-time=10"], Format::Luks),
];

fn written() -> Vec<(Format, Vec<u8>)> {
    let folder = Folder::new();
    folder.write("src.raw", &sample_disk());
    WRITTEN
        .iter()
        .map(|(driver, options, format)| {
            let mut arguments = vec!["convert", "-f", "raw", "-O", driver];
            arguments.extend(*options);
            arguments.extend(["src.raw", "written"]);
            folder.qemu_img(&arguments);
            (*format, folder.read("written"))
        })
        .collect()
}

fn refused(declared: Format, bytes: &[u8]) -> Rule {
    let checked = check(declared, &bytes, &LIMITS);
    checked.map(|checked| panic!("accepted: {checked:?}")).unwrap_err().rule
}

/// A file of zeroes with these bytes at these places.
fn with(len: usize, places: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (at, some) in places {
        bytes[*at..*at + some.len()].copy_from_slice(some);
    }
    bytes
}

#[test]
fn every_format_that_qemu_writes_is_known_by_its_bytes() {
    for (format, bytes) in written() {
        assert_eq!(detect(&bytes).unwrap(), [format]);
    }
}

#[test]
fn a_rich_format_declared_raw_is_a_mismatch_and_luks_is_stored_as_it_is() {
    for (format, bytes) in written() {
        if format == Format::Luks {
            let checked = check(Format::Raw, &bytes, &LIMITS).unwrap();
            assert!(checked.notes[0].contains("LUKS"));
        } else {
            assert_eq!(refused(Format::Raw, &bytes), Rule::FormatMismatch, "{format}");
        }
    }
}

#[test]
fn formats_that_are_not_accepted_are_banned_whatever_the_bytes() {
    for (_, bytes) in written() {
        for declared in Format::ALL.into_iter().filter(|format| !format.is_accepted()) {
            assert_eq!(refused(declared, &bytes), Rule::BannedFormat, "{declared}");
        }
    }
}

#[test]
fn bytes_of_another_format_than_the_declared_one_are_a_mismatch() {
    let written = written();
    for declared in Format::ACCEPTED {
        for (format, bytes) in written.iter().filter(|(format, _)| *format != declared) {
            let may_be_stored = declared == Format::Raw && *format == Format::Luks;
            if !may_be_stored {
                assert_eq!(refused(declared, bytes), Rule::FormatMismatch, "{format} as {declared}");
            }
        }
        if declared != Format::Raw {
            assert_eq!(refused(declared, &sample_disk()), Rule::FormatMismatch);
            assert_eq!(refused(declared, b""), Rule::FormatMismatch);
        }
    }
}

#[test]
fn an_archive_is_no_disk_whatever_it_is_declared() {
    let mut archive = vec![0; 10_240];
    archive[..9].copy_from_slice(b"disk.vmdk");
    archive[257..262].copy_from_slice(b"ustar");
    for declared in Format::ACCEPTED {
        let refused = check(declared, &archive, &LIMITS).unwrap_err();
        assert_eq!(refused.rule, Rule::FormatMismatch);
        assert!(refused.remedy.contains("Take the disk out"), "{refused}");
    }
    assert_eq!(refused(Format::Ova, &archive), Rule::BannedFormat);
}

#[test]
fn a_disk_in_a_wrapping_is_refused_with_its_name_and_the_way_out() {
    let wrapped: [(&[u8], &str, &str); 9] = [
        (b"\x1f\x8b\x08", "gzip", "gzip -d FILE"),
        (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d FILE"),
        (b"\xfd7zXZ\0", "xz", "xz -d FILE"),
        (b"BZh91AY&SY", "bzip2", "bzip2 -d FILE"),
        (b"PK\x03\x04", "a zip archive", "unzip FILE"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
        (b"\n<!DOCTYPE HTML>", "a web page", "look at it in a browser"),
        (b"<html lang=en>", "a web page", "look at it in a browser"),
        (b"\xef\xbb\xbf<Html>", "a web page", "look at it in a browser"),
    ];
    for (begin, word, way_out) in wrapped {
        for declared in Format::ACCEPTED {
            for size in [begin.len(), 4096] {
                let refused = check(declared, &with(size, &[(0, begin)]), &LIMITS).unwrap_err();
                assert_eq!(refused.rule, Rule::NotADisk, "{word} declared {declared}");
                assert!(refused.message.contains(word) && refused.remedy.contains(way_out), "{refused}");
            }
        }
        // A disk may begin with any bytes.
        check(Format::Raw, &with(4096, &[(0, begin), (510, b"\x55\xaa")]), &LIMITS).unwrap();
    }
}

#[test]
fn anything_else_is_raw_partitioned_or_not() {
    let mbr = with(1 << 20, &[(446, b"\x80\x20\x21\x00\x83"), (510, b"\x55\xaa")]);
    let gpt = with(1 << 20, &[(450, b"\xee"), (510, b"\x55\xaa"), (512, b"EFI PART")]);
    for disk in [mbr, gpt, vec![], vec![0; 513], b"#!/bin/sh\necho version=1\n".to_vec(), sample_disk()] {
        let checked = check(Format::Raw, &disk, &LIMITS).unwrap();
        assert_eq!(checked.virtual_size_bytes, (disk.len() as u64).next_multiple_of(512));
        assert_eq!(checked.notes.len(), usize::from(!disk.len().is_multiple_of(512)));
    }
}

#[test]
fn a_file_shorter_than_a_header_is_judged_by_its_magic() {
    let magics: &[(Format, &[u8])] = &[
        (Format::Qcow2, b"QFI\xfb"),
        (Format::Qcow2, b"QFI\xfb\0\0\0\x03"),
        (Format::Qcow, b"QFI\xfb\0\0\0\x01"),
        (Format::Vmdk, b"KDMV"),
        (Format::Vmdk, b"# Disk DescriptorFile"),
        (Format::Vhdx, b"vhdxfile"),
        (Format::Vhd, b"conectix"),
        (Format::Qed, b"QED\0"),
        (Format::Parallels, b"WithoutFreeSpace"),
        (Format::Luks, b"LUKS\xba\xbe"),
    ];
    for (format, magic) in magics {
        assert_eq!(detect(magic).unwrap(), [*format]);
        if *format != Format::Luks {
            assert_eq!(refused(Format::Raw, magic), Rule::FormatMismatch);
        }
    }
    assert_eq!(refused(Format::Qcow2, b"QFI\xfb\0\0\0\x03"), Rule::Truncated);
}

#[test]
fn a_vmdk_text_is_known_in_any_dress() {
    let texts: &[&[u8]] = &[
        b"# Disk DescriptorFile\nversion=1\n",
        b"# disk descriptorfile\r\nVERSION=1\r\n",
        b"#DISK DESCRIPTORFILE\nversion=1",
        b"\n\n   \t# Disk DescriptorFile\n",
        b"\xef\xbb\xbf# Disk DescriptorFile\n",
        b"\0\0\0\0# Disk DescriptorFile\n",
        b"# comment\n# another\n\nversion=1\nCID=1\n",
        b"version = 2\n",
        b"CID=1\ncreateType=\"monolithicFlat\"\n",
        b"CID=1\r\nPARENTFILENAMEHINT=\"/etc/passwd\"\r\n",
    ];
    for text in texts {
        for padding in [0, 512, 70_000] {
            let mut bytes = text.to_vec();
            bytes.resize(bytes.len() + padding, 0);
            assert_eq!(detect(&bytes).unwrap(), [Format::Vmdk], "{}", String::from_utf8_lossy(text));
            assert_eq!(refused(Format::Raw, &bytes), Rule::FormatMismatch);
            assert_eq!(refused(Format::Iso, &bytes), Rule::FormatMismatch);
            assert_eq!(refused(Format::Vmdk, &bytes), Rule::ExternalReference);
        }
    }
}

#[test]
fn an_iso_is_known_with_and_without_a_partition_table() {
    let iso = with(64 << 10, &[(0x8001, b"CD001")]);
    let hybrid = with(64 << 10, &[(0x8001, b"CD001"), (510, b"\x55\xaa")]);
    for bytes in [iso, hybrid] {
        assert_eq!(detect(&bytes).unwrap(), [Format::Iso]);
        assert_eq!(refused(Format::Raw, &bytes), Rule::FormatMismatch);
        let checked = check(Format::Iso, &bytes, &LIMITS).unwrap();
        assert_eq!(checked.virtual_size_bytes, 64 << 10);
    }
}

#[test]
fn an_iso_is_stored_as_it_is_whatever_its_directories_say() {
    // A volume of 2^32 - 1 blocks, a root directory that is its own child, and an end in the middle of a sector.
    let mut iso = with(70_001, &[(0x8000, b"\x01CD001\x01"), (0x8000 + 156, &[34])]);
    iso[0x8000 + 158..][..4].copy_from_slice(&16_u32.to_le_bytes());
    let checked = check(Format::Iso, &iso, &LIMITS).unwrap();
    assert_eq!(checked.virtual_size_bytes, 70_144);
    assert!(disk_in(Format::Iso, &iso).starts_with(&iso));
}

#[test]
fn two_formats_at_a_time_are_a_polyglot_in_every_declaration() {
    let folder = Folder::new();
    let mut file = sample(&folder, &[]);
    let end = file.len();
    file[end - 512..end - 504].copy_from_slice(b"conectix");
    assert_eq!(detect(&file).unwrap(), [Format::Qcow2, Format::Vhd]);
    for declared in Format::ACCEPTED {
        assert_eq!(refused(declared, &file), Rule::Polyglot);
    }
    let both = with(64 << 10, &[(0, b"KDMV"), (0x8001, b"CD001")]);
    assert_eq!(refused(Format::Raw, &both), Rule::Polyglot);
    let luks = with(64 << 10, &[(0, b"LUKS\xba\xbe"), (0x8001, b"CD001")]);
    assert_eq!(refused(Format::Raw, &luks), Rule::Polyglot);
}

#[test]
fn a_disk_larger_than_the_limit_is_refused_by_its_size_alone() {
    let folder = Folder::new();
    let limits = Limits { virtual_size_bytes: (4 << 20) - 1 };
    let refused = |declared, bytes: &[u8]| check(declared, &bytes, &limits).unwrap_err().rule;
    assert_eq!(refused(Format::Raw, &sample_disk()), Rule::TooLarge);
    assert_eq!(refused(Format::Qcow2, &sample(&folder, &[])), Rule::TooLarge);
}

#[test]
fn words_and_formats_are_the_same_thing() {
    for format in Format::ALL {
        assert_eq!(format.word().parse(), Ok(format));
    }
    assert!("QCOW2".parse::<Format>().is_err());
}

#[test]
fn an_iso_that_ends_before_its_volume_is_refused() {
    let volume = |blocks: u32, file_bytes: usize| {
        let mut iso = with(file_bytes, &[(0x8000, b"\x01CD001\x01"), (0x8000 + 128, &[0, 8])]);
        iso[0x8000 + 80..][..4].copy_from_slice(&blocks.to_le_bytes());
        iso
    };
    assert!(check(Format::Iso, &volume(40, 40 * 2048), &LIMITS).is_ok());
    assert!(check(Format::Iso, &volume(40, 41 * 2048), &LIMITS).is_ok(), "padded");
    for cut in [volume(40, 40 * 2048 - 1), volume(u32::MAX, 40 * 2048)] {
        let refused = check(Format::Iso, &cut, &LIMITS).unwrap_err();
        assert_eq!(refused.rule, Rule::Truncated);
        assert!(refused.to_string().contains("the volume has"), "{refused}");
    }
}
