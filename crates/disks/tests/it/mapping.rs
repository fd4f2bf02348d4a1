//! Our map of a file gives the bytes that QEMU reads.

use disks::qcow2::{Extent, File, Kind, Rules, create_overlay};
use disks::{Format, check};
use proptest::prelude::*;

use crate::support::{Folder, LIMITS, our_disk, sample, sample_disk};

/// Every way of writing a qcow2 file that is accepted.
const KINDS: &[&[&str]] = &[
    &[],
    &["-o", "compat=0.10"],
    &["-c"],
    &["-c", "-W", "-m", "16"],
    &["-c", "-o", "compat=0.10"],
    &["-c", "-o", "compression_type=zstd"],
    &["-c", "-o", "compression_type=zstd,cluster_size=2M"],
    &["-c", "-o", "cluster_size=512"],
    &["-o", "extended_l2=on,cluster_size=128k"],
    &["-o", "extended_l2=on,cluster_size=16k"],
    &["-c", "-o", "extended_l2=on,cluster_size=32k,compression_type=zstd"],
    &["-o", "cluster_size=512"],
    &["-o", "cluster_size=4k"],
    &["-o", "cluster_size=2M"],
    &["-o", "lazy_refcounts=on"],
    &["-o", "refcount_bits=1"],
    &["-o", "refcount_bits=64"],
    &["-o", "preallocation=metadata"],
    &["-o", "preallocation=falloc"],
    &["-o", "preallocation=full"],
    &["-o", "extended_l2=on,preallocation=metadata"],
    &["-S", "0"],
];

#[test]
fn every_kind_of_qcow2_maps_to_the_disk_that_qemu_sees() {
    let folder = Folder::new();
    for options in KINDS {
        let file = sample(&folder, options);
        let checked =
            check(Format::Qcow2, &file, &LIMITS).unwrap_or_else(|rejection| panic!("{options:?}: {rejection}"));
        assert_eq!(checked.virtual_size_bytes, 4 << 20);
        let qcow2 = File::open(&file, Rules::Upload).unwrap();
        assert!(our_disk(&qcow2, &file, &[]) == sample_disk(), "{options:?}");
    }
}

#[test]
fn disks_that_end_anywhere_map_to_the_end() {
    let folder = Folder::new();
    for sectors in [1, 3, 127, 128, 129, 1000, 40_007] {
        for options in ["cluster_size=64k", "cluster_size=512", "cluster_size=2M", "extended_l2=on,cluster_size=16k"] {
            let size = (sectors * 512).to_string();
            folder.qemu_img(&["create", "-q", "-f", "qcow2", "-o", options, "small.qcow2", &size]);
            let last = format!("write -P 7 {} 512", (sectors - 1) * 512);
            folder.qemu_io("small.qcow2", &[last]);
            let file = folder.read("small.qcow2");
            let checked = check(Format::Qcow2, &file, &LIMITS).unwrap_or_else(|refused| panic!("{options}: {refused}"));
            assert_eq!(checked.virtual_size_bytes, sectors * 512);
            let qcow2 = File::open(&file, Rules::Upload).unwrap();
            assert!(our_disk(&qcow2, &file, &[]) == folder.qemu_disk("small.qcow2"), "{sectors} {options}");
        }
    }
}

/// A guest's write: data, explicit zeroes, or a discard; in sectors.
#[derive(Debug, Clone)]
enum Write {
    Data { at: u64, len: u64, byte: u8 },
    Compressed { at: u64, byte: u8 },
    Zeroes { at: u64, len: u64, unmap: bool },
    Discard { at: u64, len: u64 },
}

const DISK_SECTORS: u64 = 4096 + 5;

fn write(compressed: bool) -> impl Strategy<Value = Write> {
    let place = (0..DISK_SECTORS).prop_flat_map(|at| (Just(at), 1..=(DISK_SECTORS - at).min(600)));
    prop_oneof![
        4 => (place.clone(), 1..=255_u8).prop_map(|((at, len), byte)| Write::Data { at, len, byte }),
        u32::from(compressed) => (0..32_u64, 1..=255_u8).prop_map(|(cluster, byte)| Write::Compressed { at: cluster * 128, byte }),
        2 => (place.clone(), any::<bool>()).prop_map(|((at, len), unmap)| Write::Zeroes { at, len, unmap }),
        1 => place.prop_map(|(at, len)| Write::Discard { at, len }),
    ]
}

fn commands(writes: &[Write]) -> Vec<String> {
    let command = |write: &Write| match *write {
        Write::Data { at, len, byte } => format!("write -P {byte} {}  {}", at * 512, len * 512),
        Write::Compressed { at, byte } => format!("write -c -P {byte} {} 65536", at * 512),
        Write::Zeroes { at, len, unmap: false } => format!("write -z {} {}", at * 512, len * 512),
        Write::Zeroes { at, len, unmap: true } => format!("write -z -u {} {}", at * 512, len * 512),
        Write::Discard { at, len } => format!("discard {} {}", at * 512, len * 512),
    };
    writes.iter().map(command).collect()
}

fn few_cases() -> ProptestConfig {
    // Each case starts QEMU's tools three times.
    ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn written_disks_map_to_the_bytes_that_qemu_reads() {
    let folder = Folder::new();
    let options = [
        "cluster_size=64k",
        "cluster_size=4k",
        "extended_l2=on,cluster_size=32k",
        "compat=0.10",
        "compression_type=zstd",
    ];
    proptest!(few_cases(), |(kind in 0..options.len(), writes in proptest::collection::vec(write(true), 1..30))| {
        let size = (DISK_SECTORS * 512).to_string();
        folder.qemu_img(&["create", "-q", "-f", "qcow2", "-o", options[kind], "disk.qcow2", &size]);
        // Compressed writes want whole clusters of 64 KiB that nothing was written to.
        let (mut compressed, rest): (Vec<_>, Vec<_>) =
            writes.into_iter().partition(|write| matches!(write, Write::Compressed { .. }));
        let mut seen = std::collections::HashSet::new();
        compressed.retain(|write| matches!(write, Write::Compressed { at, .. } if seen.insert(*at)));
        if !matches!(kind, 0 | 3 | 4) {
            compressed.clear();
        }
        let writes = [compressed, rest].concat();
        folder.qemu_io("disk.qcow2", &commands(&writes));
        let file = folder.read("disk.qcow2");
        check(Format::Qcow2, &file, &LIMITS).unwrap_or_else(|refused| panic!("{refused}"));
        let qcow2 = File::open(&file, Rules::Upload).unwrap();
        prop_assert!(our_disk(&qcow2, &file, &[]) == folder.qemu_disk("disk.qcow2"));
    });
}

#[test]
fn an_overlay_over_its_base_maps_to_what_its_guest_sees() {
    let folder = Folder::new();
    let mut base = sample_disk();
    base.truncate(DISK_SECTORS as usize * 512);
    folder.write("base.raw", &base);
    proptest!(few_cases(), |(writes in proptest::collection::vec(write(false), 1..30))| {
        folder.write("overlay.qcow2", &create_overlay(DISK_SECTORS * 512));
        let guest = r#"json:{"driver":"qcow2","discard":"unmap","detect-zeroes":"unmap","file":{"driver":"file","filename":"overlay.qcow2"},"backing":{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}}"#;
        folder.qemu_io_on(guest, &commands(&writes));
        folder.qemu_img(&["convert", "-O", "raw", guest, "seen.raw"]);
        let file = folder.read("overlay.qcow2");
        let qcow2 = File::open(&file, Rules::Overlay).unwrap_or_else(|refused| panic!("{refused}"));
        prop_assert!(our_disk(&qcow2, &file, &base) == folder.read("seen.raw"));
    });
}

#[test]
fn extents_of_a_part_are_the_parts_of_the_extents() {
    let folder = Folder::new();
    let cut = |extent: &Extent, start: u64, end: u64| {
        let from = extent.guest_offset.max(start);
        let to = (extent.guest_offset + extent.len).min(end);
        let kind = match extent.kind {
            Kind::Data { file_offset } => {
                Kind::Data { file_offset: file_offset + from.saturating_sub(extent.guest_offset) }
            }
            kind => kind,
        };
        (from < to).then(|| Extent { guest_offset: from, len: to - from, kind })
    };
    for options in [&[][..], &["-c"], &["-o", "extended_l2=on,cluster_size=32k"], &["-o", "cluster_size=512"]] {
        let file = sample(&folder, options);
        let qcow2 = File::open(&file, Rules::Upload).unwrap();
        let all: Vec<_> = qcow2.extents(0..u64::MAX).map(Result::unwrap).collect();
        proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }, |(start in 0..5_000_000_u64, len in 0..3_000_000_u64)| {
            let part: Vec<_> = qcow2.extents(start..start + len).map(Result::unwrap).collect();
            let expected: Vec<_> = all.iter().filter_map(|extent| cut(extent, start, start + len)).collect();
            prop_assert_eq!(part, expected);
        });
    }
}

#[test]
fn a_file_that_was_not_closed_is_the_disk_that_qemu_reads() {
    let folder = Folder::new();
    let mut file = sample(&folder, &["-o", "lazy_refcounts=on"]);
    file[79] |= 1; // incompatible_features: dirty.
    folder.write("dirty.qcow2", &file);
    let opened = File::open(&file, Rules::Upload).unwrap();
    assert!(opened.notes()[0].contains("not closed cleanly"), "{:?}", opened.notes());
    assert!(our_disk(&opened, &file, &[]) == folder.qemu_disk("dirty.qcow2"));
    assert!(File::open(&file, Rules::Overlay).is_err(), "no overlay of ours is left so");
}

#[test]
fn a_disk_that_ends_within_a_sector_is_cut_as_qemu_cuts_it() {
    let folder = Folder::new();
    let mut file = sample(&folder, &[]);
    file[24..32].copy_from_slice(&((4_u64 << 20) - 100).to_be_bytes());
    folder.write("odd.qcow2", &file);
    let opened = File::open(&file, Rules::Upload).unwrap();
    assert_eq!(opened.virtual_size_bytes(), (4 << 20) - 512);
    assert!(opened.notes()[0].contains("412 bytes"), "{:?}", opened.notes());
    assert!(our_disk(&opened, &file, &[]) == folder.qemu_disk("odd.qcow2"));
}
