//! Whether a Windows is generalised, and everything that makes that unknown.

use guest::{Fact, Family, WindowsState};

use crate::support::{Around, System, Tree, findings, look, windows, wrapped};

fn state(disk: Vec<u8>) -> (WindowsState, String) {
    let windows = look(disk).windows.expect("a Windows");
    (windows.state, windows.found)
}

#[test]
fn sysprep_is_told_from_its_absence() {
    for name in ["generalized.raw", "generalized-gpt.raw"] {
        let report = look(windows(name));
        assert_eq!(report.windows.as_ref().unwrap().state, WindowsState::Generalized, "{name}: {report:?}");
        assert_eq!(findings(&report), [""; 0], "{name}");
    }
    for (name, place) in [("complete.raw", "-"), ("complete-gpt.raw", "2")] {
        let report = look(windows(name));
        assert_eq!(report.windows.as_ref().unwrap().state, WindowsState::NotGeneralized, "{name}: {report:?}");
        assert_eq!(findings(&report), [format!("windows_not_generalized {place} /Windows")]);
    }
}

#[test]
fn the_report_tells_which_windows_it_is() {
    let facts = look(windows("generalized-gpt.raw")).facts;
    assert_eq!(facts.family, Fact::Known(Family::Windows));
    assert_eq!(facts.distribution, Fact::Known("windows".into()));
    assert_eq!(facts.version, Fact::Known("10.0.20348".into()));
    assert_eq!(facts.name, Fact::Known("Windows Server 2022 Datacenter".into()));
}

#[test]
fn a_quick_look_says_the_same() {
    for name in ["generalized.raw", "complete-gpt.raw"] {
        let quick = guest::inspect(Box::new(windows(name)), guest::Scope::Windows, guest::Limits::default());
        assert_eq!(quick.windows, look(windows(name)).windows, "{name}");
    }
    let linux = Tree::linux().volume(System::Ext4);
    let quick = guest::inspect(Box::new(linux), guest::Scope::Windows, guest::Limits::default());
    assert_eq!(quick.windows, None);
}

/// Changes bytes that are found on the disk once or more.
fn replaced(mut disk: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut count = 0;
    for at in 0..disk.len() - from.len() {
        if &disk[at..at + from.len()] == from {
            disk[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0, "nothing to change");
    disk
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn registry_and_state_ini_must_agree() {
    let disk = windows("complete.raw");
    let (state, found) = state(replaced(disk, &wide("IMAGE_STATE_COMPLETE"), &wide("IMAGE_STATE_COMPLETF")));
    assert_eq!(state, WindowsState::Unknown);
    assert!(found.contains("State.ini says IMAGE_STATE_COMPLETE"), "{found}");
}

#[test]
fn a_hive_that_was_not_written_out_is_unknown() {
    let mut disk = windows("generalized.raw");
    let hives: Vec<usize> = (0..disk.len()).step_by(512).filter(|at| disk[*at..].starts_with(b"regf")).collect();
    assert!(hives.len() >= 2, "SYSTEM and SOFTWARE");
    for at in hives {
        disk[at + 4] ^= 0x40; // The first sequence number, and the checksum with it.
        disk[at + 508] ^= 0x40;
    }
    let (state, found) = state(disk);
    assert_eq!(state, WindowsState::Unknown);
    assert!(found.contains("was not written out"), "{found}");
}

#[test]
fn a_hibernated_windows_is_unknown() {
    let tree = Tree::empty();
    tree.file("/Windows/System32/config/SOFTWARE", "regf")
        .file("/hiberfil.sys", [b"hibr".as_slice(), &[0; 5000]].concat());
    let report = look(tree.volume(System::Ntfs));
    let windows = report.windows.clone().unwrap();
    assert_eq!(windows.state, WindowsState::Unknown);
    assert!(windows.found.contains("hibernated"), "{}", windows.found);
    assert_eq!(findings(&report), ["hibernation - /hiberfil.sys", "windows_unreadable - /Windows"]);
}

#[test]
fn a_volume_that_was_not_unmounted_is_unknown() {
    let mut disk = windows("generalized.raw");
    // $Volume's attribute $VOLUME_INFORMATION: version 3.1, and the flag that says dirty.
    let at =
        (0..disk.len() - 12).find(|at| disk[*at..*at + 12] == *b"\0\0\0\0\0\0\0\0\x03\x01\0\0" && at % 8 == 0).unwrap();
    disk[at + 10] = 1;
    let (state, found) = state(disk);
    assert_eq!(state, WindowsState::Unknown);
    assert!(found.contains("dirty"), "{found}");
}

#[test]
fn bitlocker_is_unknown() {
    let mut volume = vec![0; 4 << 20];
    volume[..11].copy_from_slice(b"\xeb\x58\x90-FVE-FS-");
    volume[510..512].copy_from_slice(&[0x55, 0xaa]);
    for around in [Around::Nothing, Around::Mbr, Around::Gpt] {
        let (state, found) = state(wrapped(&volume, around));
        assert_eq!(state, WindowsState::Unknown);
        assert!(found.contains("BitLocker"), "{found}");
    }
}

#[test]
fn an_ntfs_without_windows_is_none() {
    let tree = Tree::empty();
    tree.file("/data/notes.txt", "nothing");
    for around in [Around::Nothing, Around::Mbr, Around::Gpt] {
        let report = look(tree.disk(System::Ntfs, around));
        assert_eq!(report.windows, None);
        assert_eq!(findings(&report), [""; 0]);
    }
}
