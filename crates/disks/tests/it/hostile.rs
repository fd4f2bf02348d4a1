//! Files that lie: every rule of qcow2, broken on purpose.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use disks::qcow2::{File, Rules, create_overlay};
use disks::{Format, Rejection, Rule, check};

use crate::support::{Folder, LIMITS, our_disk, sample, sample_disk};

const CLUSTER: u64 = 65_536;

/// A verdict takes less than this, on a busy machine too.
const SOON: Duration = Duration::from_millis(500);

fn u64_at(file: &[u8], at: u64) -> u64 {
    u64::from_be_bytes(file[at as usize..at as usize + 8].try_into().unwrap())
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
}

fn put64(file: &mut [u8], at: u64, value: u64) {
    put(file, at, &value.to_be_bytes());
}

/// Puts at one place what another has, changed.
fn copy64(file: &mut [u8], at: u64, from: u64, change: impl Fn(u64) -> u64) {
    put64(file, at, change(u64_at(file, from)));
}

fn change64(file: &mut [u8], at: u64, change: impl Fn(u64) -> u64) {
    copy64(file, at, at, change);
}

fn put32(file: &mut [u8], at: u64, value: u32) {
    put(file, at, &value.to_be_bytes());
}

/// Where the L1 table, the first L2 table and the second data entry of a sample are.
struct Places {
    l1: u64,
    l2: u64,
    refcount_table: u64,
    /// An L2 entry that has a data cluster.
    entry: u64,
    /// Another one.
    other: u64,
}

const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

fn places(file: &[u8]) -> Places {
    let l1 = u64_at(file, 40);
    let l2 = u64_at(file, l1) & OFFSET;
    let mut used = (0..64).map(|index| l2 + 8 * index).filter(|at| u64_at(file, *at) != 0);
    let (entry, other) = (used.next().unwrap(), used.next().unwrap());
    Places { l1, l2, refcount_table: u64_at(file, 48), entry, other }
}

fn verdict(file: &[u8]) -> Result<disks::Checked, Rejection> {
    let begin = Instant::now();
    let verdict = check(Format::Qcow2, &file, &LIMITS);
    assert!(begin.elapsed() < SOON, "the verdict took {:?}", begin.elapsed());
    verdict
}

fn refused(file: &[u8]) -> Rule {
    verdict(file).map(|checked| panic!("accepted: {checked:?}")).unwrap_err().rule
}

/// A sample by its options; QEMU makes each once.
fn made(options: &[&str]) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(options.join(" ")).or_insert_with(|| sample(&Folder::new(), options)).clone()
}

/// The rule that a sample breaks after a change.
fn after(options: &[&str], change: impl FnOnce(&mut Vec<u8>, Places)) -> Rule {
    let mut file = made(options);
    let places = places(&file);
    change(&mut file, places);
    refused(&file)
}

#[test]
fn a_backing_file_is_refused_whatever_its_name() {
    let folder = Folder::new();
    folder.write("base.raw", &sample_disk());
    let json = r#"json:{"driver":"nbd","server":{"type":"inet","host":"127.0.0.1","port":"1"}}"#;
    for name in ["base.raw", "/etc/passwd", "/proc/self/fd/3", json, "nbd://127.0.0.1:1/x", "./over.qcow2"] {
        folder.qemu_img(&["create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", "raw", "over.qcow2", "4M"]);
        let file = folder.read("over.qcow2");
        assert_eq!(refused(&file), Rule::ExternalReference, "{name}");
        // In any declared format, and by whichever of its two marks.
        assert_eq!(check(Format::Raw, &file, &LIMITS).unwrap_err().rule, Rule::FormatMismatch);
        let mut without_name = file.clone();
        put64(&mut without_name, 8, 0);
        assert_eq!(refused(&without_name), Rule::ExternalReference, "{name}");
        assert!(File::open(&file, Rules::Overlay).is_err());
    }
}

#[test]
fn a_data_file_is_refused_by_its_bit_or_its_extension() {
    let folder = Folder::new();
    folder.qemu_img(&["create", "-q", "-f", "qcow2", "-o", "data_file=d.bin,data_file_raw=on", "ext.qcow2", "4M"]);
    let file = folder.read("ext.qcow2");
    assert_eq!(refused(&file), Rule::ExternalReference);
    let mut without_bit = file.clone();
    put64(&mut without_bit, 72, 0);
    assert_eq!(refused(&without_bit), Rule::ExternalReference);
    assert_eq!(after(&[], |file, _| put64(file, 72, 1 << 2)), Rule::ExternalReference);
}

#[test]
fn encryption_is_refused_by_its_method_or_its_extension() {
    let secret = ["--object", "secret,id=s0,data=secret123", "-o"];
    for format in
        ["encrypt.format=luks,encrypt.key-secret=s0,encrypt.iter-time=10", "encrypt.format=aes,encrypt.key-secret=s0"]
    {
        let options = [&secret[..], &[format]].concat();
        let mut file = made(&options);
        assert_eq!(refused(&file), Rule::Encrypted);
        if format.contains("luks") {
            put32(&mut file, 32, 0);
            assert_eq!(refused(&file), Rule::Encrypted);
        }
    }
    assert_eq!(after(&[], |file, _| put32(file, 32, 7)), Rule::Encrypted);
}

#[test]
fn unknown_incompatible_bits_are_refused_and_other_unknown_bits_are_not() {
    for bit in 5..64 {
        assert_eq!(after(&[], |file, _| put64(file, 72, 1 << bit)), Rule::UnsupportedFeature);
    }
    let mut file = made(&[]);
    put64(&mut file, 80, u64::MAX);
    put64(&mut file, 88, u64::MAX);
    assert!(verdict(&file).is_ok());
    assert_eq!(after(&[], |file, _| put32(file, 4, 4)), Rule::UnsupportedFeature);
}

#[test]
fn corrupt_images_are_refused() {
    assert_eq!(after(&[], |file, _| put64(file, 72, 2)), Rule::Corrupt);
}

#[test]
fn impossible_header_fields_are_refused() {
    let fields: &[(u64, &[u8])] = &[
        (20, &[0, 0, 0, 8]),
        (20, &[0, 0, 0, 22]),
        (20, &[0xff; 4]),
        (36, &[0; 4]),
        (36, &[0xff; 4]),
        (40, &[0; 8]),
        (40, &[0, 0, 0, 0, 0, 3, 0, 8]),
        (40, &[0xff; 8]),
        (48, &[0; 8]),
        (48, &[0, 0, 0, 0, 0, 1, 2, 0]),
        (48, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]),
        (56, &[0; 4]),
        (56, &[0xff; 4]),
        (60, &[0xff; 4]),
        (96, &[0, 0, 0, 7]),
        (96, &[0xff; 4]),
        (100, &[0; 4]),
        (100, &[0, 0, 0, 103]),
        (100, &[0xff; 4]),
        (104, &[1]),
    ];
    for (at, bytes) in fields {
        let rule = after(&[], |file, _| put(file, *at, bytes));
        assert!(matches!(rule, Rule::Corrupt | Rule::Truncated), "{at} {bytes:?}: {rule}");
    }
    assert_eq!(after(&["-c", "-o", "compression_type=zstd"], |file, _| file[104] = 0), Rule::Corrupt);
    assert_eq!(after(&["-c", "-o", "compression_type=zstd"], |file, _| file[104] = 9), Rule::UnsupportedFeature);
}

#[test]
fn sizes_up_to_the_largest_number_are_refused_at_once() {
    for bits in 31..64 {
        let rule = after(&[], |file, _| put64(file, 24, 1 << bits));
        assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt), "{bits}: {rule}");
    }
    let rule = after(&[], |file, _| put64(file, 24, u64::MAX - 511));
    assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt), "{rule}");
}

#[test]
fn tables_that_are_not_where_they_can_be_are_corrupt() {
    let corrupt: &[fn(&mut Vec<u8>, Places)] = &[
        // Behind the file's end, far out.
        |file, at| put64(file, at.l1, 1 << 50 | 1 << 63),
        |file, at| put64(file, at.entry, 1 << 50 | 1 << 63),
        |file, at| put64(file, at.refcount_table, 1 << 50),
        // Not aligned.
        |file, at| put64(file, at.l1, (at.l2 + 512) | 1 << 63),
        |file, at| change64(file, at.entry, |word| word + 512),
        |file, at| change64(file, at.refcount_table, |word| word + 512),
        // Reserved bits.
        |file, at| put64(file, at.l1, at.l2 | 1),
        |file, at| put64(file, at.l1, at.l2 | 1 << 60),
        |file, at| change64(file, at.entry, |word| word | 2),
        |file, at| change64(file, at.entry, |word| word | 1 << 57),
        |file, at| change64(file, at.refcount_table, |word| word | 1),
        // Over one another.
        |file, at| put64(file, at.l1, at.l1 | 1 << 63),
        |file, at| put64(file, at.l1, at.refcount_table | 1 << 63),
        |file, at| put64(file, at.entry, at.l1 | 1 << 63),
        |file, at| put64(file, at.entry, at.l2 | 1 << 63),
        |file, at| put64(file, at.entry, at.refcount_table | 1 << 63),
        |file, at| put64(file, 40, at.refcount_table),
        |file, at| put64(file, 48, at.l1),
        // In circles.
        |file, at| put64(file, at.refcount_table, at.refcount_table),
        |file, at| copy64(file, at.refcount_table + 8, at.refcount_table, |word| word),
        |file, at| put64(file, at.refcount_table, at.l2),
    ];
    for (index, change) in corrupt.iter().enumerate() {
        assert_eq!(after(&[], change), Rule::Corrupt, "change {index}");
    }
}

#[test]
fn the_zero_flag_of_version_2_is_a_reserved_bit() {
    let set = |file: &mut Vec<u8>, at: Places| change64(file, at.entry, |word| word | 1);
    assert_eq!(after(&["-o", "compat=0.10"], set), Rule::Corrupt);
    let mut file = made(&[]);
    let at = places(&file);
    set(&mut file, at);
    assert!(verdict(&file).is_ok());
}

#[test]
fn shared_clusters_are_an_amplification() {
    let share = |file: &mut Vec<u8>, at: Places| copy64(file, at.other, at.entry, |word| word);
    assert_eq!(after(&[], share), Rule::Amplification);
    assert_eq!(after(&["-c"], share), Rule::Amplification);
    assert_eq!(after(&["-c", "-o", "compression_type=zstd"], share), Rule::Amplification);
    // A byte further is the same bytes, too.
    assert_eq!(
        after(&["-c", "-o", "cluster_size=2M"], |file, at| copy64(file, at.other, at.entry, |word| word + 1)),
        Rule::Amplification
    );
}

#[test]
fn a_bomb_of_one_cluster_or_one_table_is_an_amplification() {
    // 512 GiB from 10 MiB: every entry names the same cluster, or every L1 entry the same table.
    let folder = Folder::new();
    folder.qemu_img(&["create", "-q", "-f", "qcow2", "bomb.qcow2", "512G"]);
    folder.qemu_io("bomb.qcow2", &["write -P 1 0 64k".to_owned()]);
    let file = folder.read("bomb.qcow2");
    let (l1, l2) = (u64_at(&file, 40), u64_at(&file, u64_at(&file, 40)) & OFFSET);
    let entry = u64_at(&file, l2);
    let mut tables = file.clone();
    (1..1024).for_each(|index| put64(&mut tables, l1 + 8 * index, l2));
    assert_eq!(refused(&tables), Rule::Amplification);
    let mut clusters = file;
    (1..8192).for_each(|index| put64(&mut clusters, l2 + 8 * index, entry));
    assert_eq!(refused(&clusters), Rule::Amplification);
}

#[test]
fn compressed_bytes_that_overlap_tables_or_clusters_are_corrupt() {
    let compressed = |host: u64, sectors: u64| 1 << 62 | sectors << 54 | host;
    for options in [&[][..], &["-c"]] {
        for place in
            [|at: &Places| at.l1 + 8, |at: &Places| at.l2 + 100, |at: &Places| at.refcount_table + 1, |_: &Places| 200]
        {
            let rule = after(options, |file, at| put64(file, at.entry, compressed(place(&at), 3)));
            assert_eq!(rule, Rule::Corrupt, "{options:?}");
        }
    }
    let over_data = |file: &mut Vec<u8>, at: Places| {
        let data = u64_at(file, at.other) & OFFSET;
        put64(file, at.entry, compressed(data + 5, 1));
    };
    // Whichever of the two comes first, the bytes would be the disk's twice.
    assert_eq!(after(&[], over_data), Rule::Amplification);
    assert_eq!(after(&[], |file, at| put64(file, at.entry, compressed(0, 1))), Rule::Corrupt);
    let outside = compressed((1 << 54) - 1, 255);
    assert_eq!(after(&["-c"], |file, at| put64(file, at.entry, outside)), Rule::Corrupt);
    let copied = |file: &mut Vec<u8>, at: Places| change64(file, at.entry, |word| word | 1 << 63);
    assert_eq!(after(&["-c"], copied), Rule::Corrupt);
}

#[test]
fn subclusters_that_contradict_themselves_are_corrupt() {
    let options = ["-o", "extended_l2=on,cluster_size=128k"];
    let both = |file: &mut Vec<u8>, at: Places| put64(file, at.l2 + 8, u64::MAX);
    assert_eq!(after(&options, both), Rule::Corrupt);
    let no_cluster = |file: &mut Vec<u8>, at: Places| {
        put64(file, at.l2, 0);
        put64(file, at.l2 + 8, 1);
    };
    assert_eq!(after(&options, no_cluster), Rule::Corrupt);
    let zero_flag = |file: &mut Vec<u8>, at: Places| change64(file, at.l2, |word| word | 1);
    assert_eq!(after(&options, zero_flag), Rule::Corrupt);
    assert_eq!(after(&[], |file, _| put64(file, 72, 1 << 4)), Rule::Corrupt);
}

#[test]
fn truncated_files_are_refused_wherever_they_are_cut() {
    for options in [&[][..], &["-c"], &["-o", "compat=0.10"], &["-o", "cluster_size=512"], &["-o", "extended_l2=on"]] {
        let file = made(options);
        let step = file.len() / 97;
        for len in (8..file.len() - 600).step_by(step).chain([72, 100, 104, 512]) {
            let cut = &file[..len];
            let rule = refused(cut);
            assert!(matches!(rule, Rule::Truncated | Rule::Corrupt), "{options:?} at {len}: {rule}");
        }
    }
    let file = made(&[]);
    assert_eq!(refused(&file[..200_000]), Rule::Truncated);
}

#[test]
fn snapshots_bitmaps_and_trailing_bytes_are_dropped_and_told_of() {
    let folder = Folder::new();
    sample(&folder, &[]);
    folder.qemu_img(&["snapshot", "-c", "first", "sample.qcow2"]);
    folder.qemu_io("sample.qcow2", &["write -P 9 0 1M".to_owned()]);
    folder.qemu_img(&["snapshot", "-c", "second", "sample.qcow2"]);
    folder.qemu_img(&["bitmap", "--add", "sample.qcow2", "b0"]);
    let file = folder.read("sample.qcow2");
    let checked = verdict(&file).unwrap();
    assert_eq!(checked.notes, ["2 internal snapshots are not part of the disk", "1 bitmaps are not part of the disk"]);
    let qcow2 = File::open(&file, Rules::Upload).unwrap();
    assert!(our_disk(&qcow2, &file, &[]) == folder.qemu_disk("sample.qcow2"));

    let mut trailed = made(&[]);
    trailed.extend_from_slice(&[7; 5000]);
    let checked = verdict(&trailed).unwrap();
    assert_eq!(checked.notes, ["5000 bytes at the file's end are not part of the disk"]);
}

#[test]
fn snapshot_tables_that_lie_are_refused() {
    let folder = Folder::new();
    sample(&folder, &[]);
    folder.qemu_img(&["snapshot", "-c", "first", "sample.qcow2"]);
    let file = folder.read("sample.qcow2");
    let table = u64_at(&file, 64);
    let changes: &[(u64, u64)] =
        &[(table, 1 << 60), (table, 8), (table, 0), (table + 32, u64::MAX), (64, 1 << 60), (64, 8), (64, CLUSTER)];
    for (at, value) in changes {
        let mut file = file.clone();
        put64(&mut file, *at, *value);
        let rule = refused(&file);
        assert!(matches!(rule, Rule::Corrupt | Rule::Truncated), "{at} {value}: {rule}");
    }
}

#[test]
fn header_extensions_are_read_to_their_end_and_no_further() {
    // Unknown ones are passed over; one that leaves the header is refused.
    let mut file = made(&[]);
    let start = u64::from(u32::from_be_bytes(file[100..104].try_into().unwrap()));
    put(&mut file, start, &[0xab, 0xcd, 0, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0]);
    put(&mut file, start + 16, &[0; 8]);
    assert!(verdict(&file).is_ok());
    put32(&mut file, start + 4, u32::MAX);
    assert_eq!(refused(&file), Rule::Corrupt);
    // A data file's name behind many unknown ones is found.
    let mut file = made(&[]);
    let mut at = start;
    while at + 64 < CLUSTER {
        put(&mut file, at, &[0xab, 0xcd, 0, 1, 0, 0, 0, 0]);
        at += 8;
    }
    assert!(verdict(&file).is_ok());
    put(&mut file, at - 800, b"DATA\0\0\0\x01x");
    assert_eq!(refused(&file), Rule::ExternalReference);
}

#[test]
fn an_overlay_is_of_our_own_form_or_refused() {
    let empty = create_overlay(4 << 20);
    assert!(File::open(&empty, Rules::Overlay).is_ok());
    let folder = Folder::new();
    for options in [
        &["-o", "compat=0.10"][..],
        &["-o", "cluster_size=4k"],
        &["-o", "extended_l2=on"],
        &["-c"],
        &["-c", "-o", "compression_type=zstd"],
    ] {
        let file = sample(&folder, options);
        assert!(File::open(&file, Rules::Overlay).is_err(), "{options:?}");
    }
    let plain = sample(&folder, &[]);
    assert!(File::open(&plain, Rules::Overlay).is_ok());
    folder.qemu_img(&["snapshot", "-c", "first", "sample.qcow2"]);
    assert!(File::open(&folder.read("sample.qcow2"), Rules::Overlay).is_err());
}

#[test]
fn compressed_clusters_that_do_not_inflate_to_a_cluster_are_corrupt() {
    for options in [&["-c"][..], &["-c", "-o", "compression_type=zstd"]] {
        let mut file = made(options);
        let at = places(&file);
        let host = u64_at(&file, at.entry) & ((1 << 54) - 1);
        put(&mut file, host, &[0xff; 40]);
        assert!(verdict(&file).is_ok(), "the gate does not inflate");
        let qcow2 = File::open(&file, Rules::Upload).unwrap();
        let first = qcow2.extents(0..CLUSTER).next().unwrap().unwrap();
        assert_eq!(qcow2.read_compressed(&first).unwrap_err().rule, Rule::Corrupt);
    }
}
