//! QEMU reads the disk that we rendered, and calls the file clean.

use disks::qcow2::{CLUSTER_BYTES, File, Rendering, Rules, create_overlay, grow_overlay, grows_to};
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

#[test]
fn a_grown_overlay_keeps_what_was_written_and_is_clean_and_larger() {
    let folder = Folder::new();
    let tib = 1 << 40;
    for (size, larger) in [(512, 65_536), (1 << 20, 3 << 30), (700 << 20, 5 * tib / 2), (tib, 4 * tib)] {
        let path = folder.write("overlay.qcow2", &create_overlay(size));
        let last = |disk: u64| format!("write -P 7 {} 512", disk - 512);
        folder.qemu_io("overlay.qcow2", &[last(size)]);
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        grow_overlay(&file, larger).unwrap();
        // A second time, and to less: nothing happens.
        let grown = folder.read("overlay.qcow2");
        grow_overlay(&file, larger).unwrap();
        grow_overlay(&file, size).unwrap();
        assert!(folder.read("overlay.qcow2") == grown);
        folder.qemu_img(&["check", "-q", "-f", "qcow2", "overlay.qcow2"]);
        let read = |at: u64, byte: u8| format!("read -P {byte} {at} 512");
        folder.qemu_io(
            "overlay.qcow2",
            &[read(size - 512, 7), read(larger - 512, 0), last(larger), read(larger - 512, 7)],
        );
        folder.qemu_img(&["check", "-q", "-f", "qcow2", "overlay.qcow2"]);
        let bytes = folder.read("overlay.qcow2");
        assert_eq!(File::open(&bytes, Rules::Overlay).unwrap().virtual_size_bytes(), larger);
    }
}

#[test]
fn an_overlay_grows_as_far_as_its_table_has_room_and_no_further() {
    let folder = Folder::new();
    assert_eq!(grows_to(512), 1 << 42);
    assert_eq!(grows_to(1 << 42), 1 << 42);
    let path = folder.write("overlay.qcow2", &create_overlay(1 << 20));
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let before = folder.read("overlay.qcow2");
    assert!(grow_overlay(&file, (1 << 42) + 512).is_err());
    assert!(folder.read("overlay.qcow2") == before);
    grow_overlay(&file, 1 << 42).unwrap();
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
