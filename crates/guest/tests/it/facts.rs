//! The facts that are told of a Linux, and of disks with none.

use guest::{Boot, Fact, Family, TableKind};

use crate::support::{AROUND, Around, System, Tree, findings, look, wrapped};

#[test]
fn a_clean_linux_is_recognized_and_has_no_findings() {
    for around in AROUND {
        let report = look(Tree::linux().disk(System::Ext4, around));
        let facts = &report.facts;
        assert!(report.is_recognized(), "{around:?}: {report:?}");
        assert_eq!(facts.family, Fact::Known(Family::Linux));
        assert_eq!(facts.distribution, Fact::Known("debian".into()));
        assert_eq!(facts.version, Fact::Known("12".into()));
        assert_eq!(facts.architecture, Fact::Known("x86_64".into()));
        assert_eq!(facts.virtio, Fact::Known(true));
        assert_eq!((&facts.cloud_init, &facts.guest_agent), (&Fact::Known(false), &Fact::Known(false)));
        assert!(facts.root_free_bytes.known().is_some_and(|free| *free > 1 << 20), "{facts:?}");
        assert_eq!(report.volumes[0].content, "ext4");
        assert_eq!(findings(&report), [""; 0], "{around:?}");
        assert_eq!(report.windows, None);
    }
}

#[test]
fn links_are_followed_inside_the_volume_only() {
    let tree = Tree::linux();
    std::fs::remove_file(tree_path(&tree)).unwrap();
    tree.file("/usr/lib/os-release", "ID=alpine\n").link("/etc/os-release", "../usr/lib/os-release");
    tree.link("/usr/bin/cloud-init", "/../../../../../../../../bin/sh");
    let report = look(tree.volume(System::Ext4));
    assert_eq!(report.facts.distribution, Fact::Known("alpine".into()));
    assert_eq!(report.facts.cloud_init, Fact::Known(true));
}

fn tree_path(tree: &Tree) -> std::path::PathBuf {
    tree.path("/etc/os-release")
}

#[test]
fn how_a_disk_boots_is_told() {
    let mut disk = Tree::linux().disk(System::Ext4, Around::Mbr);
    assert!(matches!(look(disk.clone()).facts.boot, Fact::Unknown(_)));
    disk[0] = 0xfa;
    assert_eq!(look(disk).facts.boot, Fact::Known(Boot { bios: true, uefi: false }));
    let tree = Tree::empty();
    tree.file("/EFI/BOOT/BOOTX64.EFI", "MZ");
    let boot = look(tree.disk(System::Fat, Around::Mbr)).facts.boot;
    assert_eq!(boot, Fact::Known(Boot { bios: false, uefi: true }));
}

#[test]
fn unread_volumes_are_unknown_and_say_why() {
    let mut xfs = vec![0; 4 << 20];
    xfs[..4].copy_from_slice(b"XFSB");
    let report = look(wrapped(&xfs, Around::Gpt));
    assert!(!report.is_recognized());
    let Fact::Unknown(why) = &report.facts.family else { panic!("{report:?}") };
    assert!(why.contains("partition 1: xfs is not read here"), "{why}");
    let report = look(vec![0; 1 << 20]);
    assert_eq!(report.table, TableKind::None);
    assert!(!report.is_recognized() && report.windows.is_none());
    assert!(!look(Vec::new()).is_recognized());
}

#[test]
fn a_damaged_table_falls_back_to_its_backup_and_then_is_said() {
    let mut disk = Tree::linux().disk(System::Ext4, Around::Gpt);
    disk[512..600].fill(0);
    assert!(look(disk.clone()).is_recognized());
    let end = disk.len();
    disk[end - 512..].fill(0);
    let report = look(disk);
    assert!(!report.is_recognized());
    assert!(report.incomplete.unwrap().contains("damaged"));
}

#[test]
fn a_look_that_takes_too_much_is_cut_short() {
    let disk = Tree::linux().volume(System::Ext4);
    let limits = guest::Limits { read_bytes: 100_000, ..guest::Limits::default() };
    let report = guest::inspect(Box::new(disk), guest::Scope::Everything, limits);
    assert!(report.incomplete.is_some() && !report.is_recognized(), "{report:?}");
}
