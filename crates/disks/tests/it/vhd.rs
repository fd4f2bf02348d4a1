//! VHD files that lie.

use disks::{Format, Rule, check};

use crate::support::{Folder, LIMITS, disk_in, made, put, refusal, refused_wherever_cut, rule_after};

fn fixed() -> Vec<u8> {
    made("vpc", &["-o", "subformat=fixed,force_size=on"])
}

fn dynamic() -> Vec<u8> {
    made("vpc", &["-o", "subformat=dynamic,force_size=on"])
}

/// Corrects the checksum of the bytes at `at`, which is `sum_at` within them.
fn sum(file: &mut [u8], at: usize, len: usize, sum_at: usize) {
    put(file, at + sum_at, [0; 4]);
    let sum: u32 = file[at..at + len].iter().map(|byte| u32::from(*byte)).sum();
    put(file, at + sum_at, (!sum).to_be_bytes());
}

/// Corrects the checksums of a changed file, and makes the footer what its copy is.
pub(crate) fn mend(file: &mut [u8]) {
    let Some(end) = file.len().checked_sub(512).filter(|end| *end >= 2048) else { return };
    if file.starts_with(b"conectix") {
        sum(file, 0, 512, 64);
        sum(file, 512, 1024, 36);
        file.copy_within(0..512, end);
    } else {
        sum(file, end, 512, 64);
    }
}

/// Changes the footer, and its copy where there is one.
fn footer(file: &mut [u8], at: usize, bytes: &[u8]) {
    let end = file.len() - 512;
    let copy = file.starts_with(b"conectix").then_some(0);
    for start in copy.into_iter().chain([end]) {
        put(file, start + at, bytes);
        sum(file, start, 512, 64);
    }
}

fn header(file: &mut [u8], at: usize, bytes: &[u8]) {
    put(file, 512 + at, bytes);
    sum(file, 512, 1024, 36);
}

const TABLE: usize = 1536;

#[test]
fn a_differencing_vhd_is_refused_and_so_is_a_parent_of_a_dynamic_one() {
    for file in [fixed(), dynamic()] {
        let rule = rule_after(Format::Vhd, &file, |file| footer(file, 60, &[0, 0, 0, 4]));
        assert_eq!(rule, Rule::ExternalReference);
        let rule = rule_after(Format::Vhd, &file, |file| footer(file, 60, &[0, 0, 0, 5]));
        assert_eq!(rule, Rule::UnsupportedFeature);
    }
    for at in [40, 64, 576, 767] {
        let rule = rule_after(Format::Vhd, &dynamic(), |file| header(file, at, b"p"));
        assert_eq!(rule, Rule::ExternalReference, "{at}");
    }
}

#[test]
fn wrong_checksums_and_differing_copies_of_a_vhd_are_corrupt() {
    for file in [fixed(), dynamic()] {
        let end = file.len() - 512;
        assert_eq!(rule_after(Format::Vhd, &file, |file| file[end + 100] ^= 1), Rule::Corrupt);
    }
    assert_eq!(rule_after(Format::Vhd, &dynamic(), |file| file[100] ^= 1), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &dynamic(), |file| file[512 + 800] ^= 1), Rule::Corrupt);
    let other_copy = |file: &mut Vec<u8>| {
        file[69] ^= 1;
        sum(file, 0, 512, 64);
    };
    assert_eq!(rule_after(Format::Vhd, &dynamic(), other_copy), Rule::Corrupt);
    let two_kinds = |file: &mut Vec<u8>| {
        let copy = dynamic()[..512].to_vec();
        put(file, 0, copy);
    };
    assert_eq!(rule_after(Format::Vhd, &fixed(), two_kinds), Rule::Corrupt);
}

#[test]
fn vhd_sizes_that_disagree_are_refused() {
    let size = |file: &mut Vec<u8>, size: u64| footer(file, 48, &size.to_be_bytes());
    assert_eq!(rule_after(Format::Vhd, &fixed(), |file| size(file, (4 << 20) - 512)), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &fixed(), |file| size(file, (4 << 20) + 512)), Rule::Truncated);
    assert_eq!(rule_after(Format::Vhd, &fixed(), |file| size(file, (4 << 20) + 1)), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &dynamic(), |file| size(file, 1 << 30)), Rule::Corrupt);
    // A program that is not known, and a geometry that is another size; and one whose disks are never larger than stated.
    for (creator, cylinders) in [(b"who?", 120), (b"vpc ", 121)] {
        let disagree = |file: &mut Vec<u8>| {
            footer(file, 28, creator);
            footer(file, 56, &[0, cylinders, 4, 17]);
        };
        for file in [fixed(), dynamic()] {
            assert_eq!(rule_after(Format::Vhd, &file, disagree), Rule::UnsupportedFeature);
        }
    }
}

#[test]
fn a_vhd_of_virtualbox_has_the_size_that_is_stated() {
    for mut file in [fixed(), dynamic()] {
        let before = disk_in(Format::Vhd, &file);
        footer(&mut file, 28, b"vbox");
        footer(&mut file, 56, &[0, 120, 4, 17]);
        assert!(disk_in(Format::Vhd, &file) == before);
    }
}

#[test]
fn a_vhd_is_as_large_as_the_readers_of_its_writer_take_it_to_be() {
    let folder = Folder::new();
    for (creator, how) in [("win ", ""), ("wa\0\0", "force_size_calc=current_size,"), ("vpc ", ""), ("vs  ", "")] {
        let mut file = fixed();
        footer(&mut file, 28, creator.as_bytes());
        footer(&mut file, 56, &[0, 120, 4, 17]);
        folder.write("made.vhd", &file);
        let image = format!("driver=vpc,{how}file.filename=made.vhd");
        folder.qemu_img(&["convert", "--image-opts", "-O", "raw", &image, "seen.raw"]);
        assert!(disk_in(Format::Vhd, &file) == folder.read("seen.raw"), "{creator:?}");
    }
}

#[test]
fn a_vhd_table_that_is_not_where_it_can_be_is_refused() {
    let file = dynamic();
    let corrupt: &[(usize, &[u8])] = &[
        (0, b"cxsparsE"),
        (16, &[0; 8]),
        (16, &[0, 0, 0, 0, 0, 0, 2, 0]),
        (16, &[0xff; 8]),
        (28, &[0; 4]),
        (32, &[0, 0, 2, 0]),
        (32, &[0, 0x30, 0, 0]),
        (32, &[0xff; 4]),
    ];
    for (at, bytes) in corrupt {
        let rule = rule_after(Format::Vhd, &file, |file| header(file, *at, bytes));
        assert!(matches!(rule, Rule::Corrupt | Rule::Truncated), "{at} {bytes:?}: {rule}");
    }
    assert_eq!(rule_after(Format::Vhd, &file, |file| footer(file, 16, &[0xff; 8])), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &file, |file| footer(file, 16, &[0; 8])), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &file, |file| put(file, TABLE, [0x7f, 0, 0, 0])), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &file, |file| put(file, TABLE, [0, 0, 0, 0])), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vhd, &file, |file| put(file, TABLE, [0, 0, 0x20, 0])), Rule::Truncated);
    let twice = |file: &mut Vec<u8>| file.copy_within(TABLE..TABLE + 4, TABLE + 4);
    assert_eq!(rule_after(Format::Vhd, &file, twice), Rule::Amplification);
    // A sector further are nearly the same bytes.
    let nearly = |file: &mut Vec<u8>| {
        twice(file);
        file[TABLE + 7] += 1;
        // Room for the block that sticks out.
        let end = file.split_off(file.len() - 512);
        file.resize(file.len() + (4 << 20), 0);
        file.extend(end);
    };
    assert_eq!(rule_after(Format::Vhd, &file, nearly), Rule::Amplification);
}

#[test]
fn vhd_sizes_up_to_the_largest_number_are_refused_at_once() {
    for bits in 31..64 {
        for file in [fixed(), dynamic()] {
            let rule = rule_after(Format::Vhd, &file, |file| footer(file, 48, &(1_u64 << bits).to_be_bytes()));
            assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt | Rule::Truncated), "{bits}: {rule}");
        }
        let rule = rule_after(Format::Vhd, &dynamic(), |file| {
            header(file, 28, &[0xff; 4]);
            footer(file, 48, &(1_u64 << bits).to_be_bytes());
        });
        assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt | Rule::Truncated), "{bits}: {rule}");
    }
}

#[test]
fn a_vhd_is_refused_wherever_it_is_cut() {
    refused_wherever_cut(Format::Vhd, &dynamic(), 8);
    // A fixed one that is cut is not to be told from a raw disk: declared VHD, it has no footer.
    assert_eq!(refusal(Format::Vhd, &fixed()[..4 << 20]).rule, Rule::FormatMismatch);
    let mut old = fixed();
    old.pop();
    assert_eq!(refusal(Format::Vhd, &old).rule, Rule::Truncated);
    assert_eq!(refusal(Format::Raw, &old).rule, Rule::FormatMismatch);
    assert!(check(Format::Vhd, &fixed(), &LIMITS).is_ok());
}
