//! VMDK, VHD, VHDX and VDI as QEMU writes them: what we map is what QEMU reads.

use disks::{Format, check};
use proptest::prelude::*;

use crate::support::{Folder, LIMITS, disk_in, sample_disk, sample_of};

/// Every way of writing these formats that is accepted: our word, QEMU's driver, its options.
pub(crate) const KINDS: &[(Format, &str, &[&str])] = &[
    (Format::Vmdk, "vmdk", &["-o", "subformat=monolithicSparse"]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=monolithicSparse,zeroed_grain=on"]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=monolithicSparse,compat6=on"]),
    (Format::Vmdk, "vmdk", &["-S", "0", "-o", "subformat=monolithicSparse"]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=streamOptimized"]),
    (Format::Vhd, "vpc", &["-o", "subformat=dynamic"]),
    (Format::Vhd, "vpc", &["-o", "subformat=dynamic,force_size=on"]),
    (Format::Vhd, "vpc", &["-o", "subformat=fixed"]),
    (Format::Vhd, "vpc", &["-o", "subformat=fixed,force_size=on"]),
    (Format::Vhdx, "vhdx", &["-o", "subformat=dynamic"]),
    (Format::Vhdx, "vhdx", &["-o", "subformat=dynamic,block_size=1M,block_state_zero=off"]),
    (Format::Vhdx, "vhdx", &["-o", "subformat=fixed"]),
    (Format::Vdi, "vdi", &[]),
    (Format::Vdi, "vdi", &["-o", "static=on"]),
];

#[test]
fn every_kind_maps_to_the_disk_that_qemu_sees() {
    let folder = Folder::new();
    for (format, driver, options) in KINDS {
        let file = sample_of(&folder, driver, options);
        let checked =
            check(*format, &file, &LIMITS).unwrap_or_else(|refused| panic!("{driver} {options:?}: {refused}"));
        assert!(checked.notes.is_empty(), "{checked:?}");
        let disk = disk_in(*format, &file);
        assert_eq!(disk.len() as u64, checked.virtual_size_bytes);
        assert!(disk == folder.qemu_disk_as(driver, "sample"), "{driver} {options:?}");
        assert!(disk.starts_with(&sample_disk()), "{driver} {options:?}");
    }
}

#[test]
fn disks_that_end_anywhere_map_to_the_end() {
    let folder = Folder::new();
    for (format, driver, options) in KINDS.iter().filter(|kind| !kind.2.contains(&"-S")) {
        // Streams take whole grains only.
        let sectors: &[u64] =
            if options.contains(&"subformat=streamOptimized") { &[128, 1024] } else { &[1, 129, 40_007] };
        for sectors in sectors {
            let size = (sectors * 512).to_string();
            folder.qemu_img(&[&["create", "-q", "-f", driver], *options, &["small", &size]].concat());
            let last = format!("write -P 7 {} 512", (sectors - 1) * 512);
            if *sectors % 128 != 0 {
                folder.qemu_io_as(driver, "small", &[last]);
            }
            let file = folder.read("small");
            check(*format, &file, &LIMITS)
                .unwrap_or_else(|refused| panic!("{driver} {options:?} {sectors}: {refused}"));
            assert!(disk_in(*format, &file) == folder.qemu_disk_as(driver, "small"), "{driver} {options:?} {sectors}");
        }
    }
}

const DISK_SECTORS: u64 = 40_000;

#[test]
fn written_disks_map_to_the_bytes_that_qemu_reads() {
    let folder = Folder::new();
    let kinds = [0, 1, 6, 8, 9, 10, 12].map(|kind| KINDS[kind]);
    let write = (0..DISK_SECTORS).prop_flat_map(|at| (Just(at), 1..=(DISK_SECTORS - at).min(3000), 0..=255_u8));
    let cases = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(kind in 0..kinds.len(), writes in proptest::collection::vec(write, 1..20))| {
        let (format, driver, options) = kinds[kind];
        let size = (DISK_SECTORS * 512).to_string();
        folder.qemu_img(&[&["create", "-q", "-f", driver], options, &["disk", &size]].concat());
        let commands: Vec<_> = writes
            .iter()
            .map(|(at, len, byte)| format!("write -P {byte} {} {}", at * 512, len * 512))
            .collect();
        folder.qemu_io_as(driver, "disk", &commands);
        let file = folder.read("disk");
        let checked = check(format, &file, &LIMITS);
        prop_assert!(checked.is_ok(), "{driver} {options:?}: {}", checked.unwrap_err());
        prop_assert!(disk_in(format, &file) == folder.qemu_disk_as(driver, "disk"), "{driver} {options:?}");
    });
}

#[test]
fn large_and_empty_disks_are_judged_by_their_tables() {
    let folder = Folder::new();
    for (format, driver, options) in KINDS {
        let is_flat = options.iter().any(|option| option.contains("fixed") || option.contains("static"));
        if is_flat || options.contains(&"-S") {
            continue;
        }
        folder.qemu_img(&[&["create", "-q", "-f", driver], *options, &["large", "1T"]].concat());
        let file = folder.read("large");
        let checked =
            check(*format, &file, &LIMITS).unwrap_or_else(|refused| panic!("{driver} {options:?}: {refused}"));
        assert!(checked.virtual_size_bytes >= 1 << 40, "{driver} {options:?}");
        assert_eq!(disks::open(*format, &file, &LIMITS).unwrap().extents().count(), 1);
    }
}
