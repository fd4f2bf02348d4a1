//! QEMU reads the disk that we rendered, and calls the file clean.

use disks::qcow2::{CLUSTER_BYTES, File, Rendering, Rules, create_overlay};
use proptest::prelude::*;

use crate::support::{Folder, our_disk, render, render_part, rendering, sample_disk};

#[test]
fn a_rendered_disk_is_clean_and_equal() {
    let folder = Folder::new();
    for disk in [sample_disk(), vec![0; 1 << 20], vec![], vec![7; 512], vec![9; 65_536 * 3 + 512]] {
        let file = render(&disk);
        folder.write("rendered.qcow2", &file);
        folder.qemu_img(&["check", "-f", "qcow2", "rendered.qcow2"]);
        assert!(folder.qemu_disk("rendered.qcow2") == disk);
        assert!(our_disk(&File::open(&file, Rules::Upload).unwrap(), &file, &[]) == disk);
    }
}

#[test]
fn an_overlay_begins_empty_and_clean() {
    let folder = Folder::new();
    for size in [512, 4 << 20, 1 << 40] {
        let file = create_overlay(size);
        folder.write("overlay.qcow2", &file);
        folder.qemu_img(&["check", "-f", "qcow2", "overlay.qcow2"]);
        let qcow2 = File::open(&file, Rules::Overlay).unwrap();
        assert_eq!(qcow2.virtual_size_bytes(), size);
        assert_eq!(qcow2.extents(0..size).count(), 1);
    }
}

/// A disk of clusters that are there or not, with an end that fills none.
fn patchwork() -> impl Strategy<Value = Vec<u8>> {
    let clusters = proptest::collection::vec((any::<bool>(), 1..9_usize), 0..20);
    (clusters, 0..128_usize).prop_map(|(runs, sectors)| {
        let mut disk = Vec::new();
        for (index, (data, len)) in runs.into_iter().enumerate() {
            let fill = if data { index as u8 + 1 } else { 0 };
            disk.resize(disk.len() + len * CLUSTER_BYTES as usize, fill);
        }
        disk.resize(disk.len() + sectors * 512, 0xee);
        disk
    })
}

#[test]
fn every_patchwork_is_rendered_clean_and_equal() {
    let folder = Folder::new();
    let cases = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(disk in patchwork())| {
        let file = render(&disk);
        prop_assert!(file == render(&disk), "the same disk gives the same file");
        folder.write("rendered.qcow2", &file);
        folder.qemu_img(&["check", "-q", "-f", "qcow2", "rendered.qcow2"]);
        prop_assert!(folder.qemu_disk("rendered.qcow2") == disk);
        let qcow2 = File::open(&file, Rules::Upload).unwrap();
        prop_assert!(qcow2.notes().is_empty());
        prop_assert!(our_disk(&qcow2, &file, &[]) == disk);
    });
}

#[test]
fn any_part_of_a_rendering_is_that_part_of_the_whole() {
    let cases = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(disk in patchwork(), start in any::<prop::sample::Index>(), end in any::<prop::sample::Index>())| {
        let (whole, rendering) = (render(&disk), rendering(&disk));
        let (start, end) = (start.index(whole.len()), end.index(whole.len()));
        let part = render_part(&rendering, &disk, start as u64..end as u64);
        prop_assert!(part == whole.get(start..end).unwrap_or_default());
    });
}

#[test]
fn a_file_of_a_terabyte_is_laid_out_without_writing_it() {
    // 16,777,216 clusters, 2,048 L2 tables, 513 refcount blocks: more than any one table has room for.
    let rendering = Rendering::new(1 << 40, std::iter::repeat(true));
    assert_eq!(rendering.size_bytes() >> 16, (1 << 24) + 2048 + 513 + 1 + 1 + 1);
    let last: Vec<_> = rendering.pieces(rendering.size_bytes() - 65_536..u64::MAX).collect();
    assert_eq!(last, [disks::qcow2::Piece::Disk { guest_offset: (1 << 40) - 65_536, len: 65_536 }]);
}

#[test]
fn a_rendering_is_the_same_bytes_for_ever() {
    // Files of snapshots have checksums that people keep: whoever changes a byte here must keep this layout beside.
    let fnv = |file: &[u8]| {
        file.iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    };
    assert_eq!(format!("{:016x}", fnv(&render(&sample_disk()))), "324d4635ff240797");
    assert_eq!(format!("{:016x}", fnv(&create_overlay(1 << 40))), "13c1b0949781934d");
}
