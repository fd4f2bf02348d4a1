//! What we write is what QEMU reads, and what it calls clean.

use disks::qcow2::{Image, Rules, create_overlay};

use crate::support::{Folder, our_disk, render, sample_disk};

#[test]
fn a_rendered_disk_is_clean_and_equal() {
    let folder = Folder::new();
    for disk in [sample_disk(), vec![0; 1 << 20], vec![], vec![7; 512], vec![9; 65_536 * 3 + 512]] {
        let file = render(&disk);
        folder.write("rendered.qcow2", &file);
        folder.qemu_img(&["check", "-f", "qcow2", "rendered.qcow2"]);
        assert!(folder.qemu_disk("rendered.qcow2") == disk);
        assert!(our_disk(&Image::open(&file, Rules::Upload).unwrap(), &file, &[]) == disk);
    }
}

#[test]
fn an_overlay_begins_empty_and_clean() {
    let folder = Folder::new();
    for size in [512, 4 << 20, 1 << 40] {
        let file = create_overlay(size);
        folder.write("overlay.qcow2", &file);
        folder.qemu_img(&["check", "-f", "qcow2", "overlay.qcow2"]);
        let image = Image::open(&file, Rules::Overlay).unwrap();
        assert_eq!(image.virtual_size_bytes(), size);
        assert_eq!(image.extents(0..size).count(), 1);
    }
}
