//! What we map is what QEMU reads.

use disks::qcow2::{Image, Rules};
use disks::{Format, check};

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
        let image = Image::open(&file, Rules::Upload).unwrap();
        assert!(our_disk(&image, &file, &[]) == sample_disk(), "{options:?}");
    }
}
