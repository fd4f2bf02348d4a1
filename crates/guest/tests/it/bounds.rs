//! For each bound one disk just behind it, of which the report is incomplete and names the bound, and one just within,
//! which is looked at whole.

use guest::{BOUNDS, Report};

use crate::support::{Around, System, Tree, findings, look, wrapped};

/// `openssl passwd -6 -salt saltsalt password`.
const WEAK: &str = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
/// The same with another first letter: nobody has its password.
const STRONG: &str =
    "$6$saltsalt$aFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nYQ==\n";

/// A bound and a way to come near it: a disk with this many of what it counts.
type Case = (&'static str, usize, fn(usize) -> Vec<u8>);

const CASES: [Case; 8] = [
    ("folder_names", 5000, with_names),
    ("places", 2000, with_places),
    ("homes", 200, with_homes),
    ("file_bytes", 1 << 20, |bytes| with_file("/root/notes.pem", " ".repeat(bytes))),
    ("file_bytes", 256 << 10, |bytes| with_file("/etc/passwd", "#".repeat(bytes))),
    ("fstab_lines", 200, |lines| with_file("/etc/fstab", "tmpfs /tmp tmpfs\n".repeat(lines))),
    ("password_hashes", 8, |hashes| with_accounts(&vec![STRONG; hashes])),
    ("partitions", 64, with_logical_partitions),
];

fn with_file(path: &str, content: String) -> Vec<u8> {
    let tree = Tree::linux();
    tree.file(path, content);
    tree.volume(System::Ext4)
}

/// This many names in a folder, all of one file.
fn named(folder: &str, name: &str, count: usize) -> Vec<u8> {
    let tree = Tree::linux();
    let first = format!("{folder}/{name}0");
    tree.file(&first, "nothing");
    for n in 1..count {
        std::fs::hard_link(tree.path(&first), tree.path(&format!("{folder}/{name}{n}"))).unwrap();
    }
    tree.volume(System::Ext4)
}

fn with_names(count: usize) -> Vec<u8> {
    named("/etc/ssh", "n", count)
}

fn with_places(count: usize) -> Vec<u8> {
    named("/etc/ssh", "authorized_keys", count)
}

/// `/root` is one of them.
fn with_homes(count: usize) -> Vec<u8> {
    let tree = Tree::linux();
    std::fs::create_dir_all(tree.path("/root")).unwrap();
    for n in 1..count {
        std::fs::create_dir_all(tree.path(&format!("/home/u{n}"))).unwrap();
    }
    tree.volume(System::Ext4)
}

fn with_accounts(hashes: &[&str]) -> Vec<u8> {
    let tree = Tree::linux();
    let passwd = hashes.iter().enumerate().map(|(n, _)| format!("u{n}:x:{}:0::/:/bin/sh\n", 1000 + n));
    let shadow = hashes.iter().enumerate().map(|(n, hash)| format!("u{n}:{hash}:1::::::\n"));
    tree.file("/etc/passwd", passwd.collect::<String>()).file("/etc/shadow", shadow.collect::<String>());
    tree.volume(System::Ext4)
}

/// A Linux in the first partition, and a chain of logical ones behind it.
fn with_logical_partitions(count: usize) -> Vec<u8> {
    let mut disk = wrapped(&Tree::linux().volume(System::Ext4), Around::Mbr);
    let first = disk.len() / 512;
    disk.resize(disk.len() + count * 1024, 0);
    entry(&mut disk, 0, 1, 0x05, first, count * 2);
    for n in 0..count {
        let link = first + n * 2;
        disk[link * 512 + 510..link * 512 + 512].copy_from_slice(&[0x55, 0xaa]);
        entry(&mut disk, link, 0, 0x83, 1, 1);
        if n + 1 < count {
            entry(&mut disk, link, 1, 0x05, (n + 1) * 2, 2);
        }
    }
    disk
}

/// Writes an entry of the table in a sector.
fn entry(disk: &mut [u8], sector: usize, number: usize, kind: u8, start: usize, sectors: usize) {
    let at = sector * 512 + 446 + number * 16;
    disk[at + 4] = kind;
    disk[at + 8..at + 12].copy_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    disk[at + 12..at + 16].copy_from_slice(&u32::try_from(sectors).unwrap().to_le_bytes());
}

/// Holds a report to be incomplete for this bound, and for no other.
fn names_only(report: &Report, bound: &str) {
    let why = report.incomplete.as_deref().unwrap_or_else(|| panic!("{bound} was met in silence"));
    for name in BOUNDS {
        assert_eq!(why.contains(&format!("({name}: ")), *name == bound, "{name}: {why}");
    }
    assert!(!report.is_recognized());
}

#[test]
fn a_disk_just_within_a_bound_is_looked_at_whole() {
    for (bound, count, disk) in CASES {
        assert_eq!(look(disk(count)).incomplete, None, "{bound}");
    }
}

#[test]
fn a_disk_just_behind_a_bound_is_incomplete_and_names_it() {
    for (bound, count, disk) in CASES {
        names_only(&look(disk(count + 1)), bound);
    }
}

#[test]
fn time_and_bytes_that_run_out_are_named() {
    let disk = || Box::new(Tree::linux().volume(System::Ext4));
    let limits = guest::Limits { time: std::time::Duration::ZERO, ..guest::Limits::default() };
    names_only(&guest::inspect(disk(), guest::Scope::Everything, limits), "time");
    let limits = guest::Limits { read_bytes: 100_000, ..guest::Limits::default() };
    names_only(&guest::inspect(disk(), guest::Scope::Everything, limits), "read_bytes");
}

#[test]
fn a_chain_of_partitions_that_goes_back_is_named() {
    let mut disk = with_logical_partitions(3);
    let first = disk.len() / 512 - 6;
    entry(&mut disk, first + 4, 1, 0x05, 2, 2);
    names_only(&look(disk), "partitions");
}

#[test]
fn more_partitions_than_are_looked_at_are_named() {
    // 129 entries of one sector each, at the end of a disk whose table has room for them.
    let folder = tempfile::tempdir().unwrap();
    let (file, layout) = (folder.path().join("disk"), folder.path().join("layout"));
    let disk = |count: usize| {
        std::fs::write(&file, vec![0; 4 << 20]).unwrap();
        let lines: String = (0..count).map(|n| format!("start={},size=1\n", 2048 + n)).collect();
        std::fs::write(&layout, format!("label: gpt\ntable-length: 256\nsector-size: 512\n{lines}")).unwrap();
        crate::support::partition(&file, &layout);
        std::fs::read(&file).unwrap()
    };
    assert_eq!(look(disk(128)).incomplete, None);
    names_only(&look(disk(129)), "partitions");
}

#[test]
fn a_hash_that_is_not_tried_is_named() {
    let cases = [
        "$6$rounds=999999999$saltsalt$b",
        "$1$saltsalt$vGj6D6oSBVGMMqEbDOPKA0",
        "$2b$12$KIXQbqZJzVYx5r8rj4Lz7uJm7rQ8l1cYb0Zb4l1v6mY2H0X9b1c2e",
        "$y$j9X$saltsalt$aaaa",
        "abJnggxhB/yWI",
        "_J9..rasmBYk8r9AiWNc",
    ];
    for hash in cases {
        let report = look(with_accounts(&[hash]));
        names_only(&report, "hash_kind");
        assert_eq!(findings(&report), ["password_hash - /etc/shadow: u0"], "{hash}");
    }
    for field in ["*", "!", "!!", "*LK*", "!$1$saltsalt$vGj6D6oSBVGMMqEbDOPKA0"] {
        assert_eq!(look(with_accounts(&[field])).incomplete, None, "{field}");
    }
}

#[test]
fn roots_password_is_tried_before_all_others() {
    let tree = Tree::linux();
    let others: Vec<String> = (0..20).map(|n| format!("u{n}:{STRONG}:{}:0::/:/bin/sh\n", 1000 + n)).collect();
    tree.file("/etc/passwd", format!("{}root:{WEAK}:00:0::/:/bin/sh\n", others.concat()));
    let report = look(tree.volume(System::Ext4));
    assert_eq!(findings(&report)[0], "root_password - /etc/passwd: root");
    names_only(&report, "password_hashes");
}

#[test]
fn findings_of_high_severity_are_kept_before_others() {
    let tree = Tree::linux();
    for n in 0..200 {
        tree.file(&format!("/var/lib/cloud/instances/i-{n:03}/x"), "");
    }
    let whole = look(tree.volume(System::Ext4));
    assert_eq!((whole.findings.len(), whole.has_more_findings), (200, false));
    // The homes are looked into after all that.
    tree.file("/root/.ssh/id_ed25519", KEY).file("/etc/shadow", format!("root:{WEAK}:1::::::\n"));
    let report = look(tree.volume(System::Ext4));
    assert_eq!((report.findings.len(), report.has_more_findings), (200, true));
    let high: Vec<_> = report.high_findings().map(|finding| finding.id.as_str()).collect();
    assert_eq!(high, ["private_key", "root_password"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let tree = Tree::empty();
    tree.file("/home/ann/.ssh/id_rsa", KEY.repeat(2000));
    let mut disk = tree.volume(System::Ntfs);
    assert_eq!(look(disk.clone()).incomplete, None);
    // The flag of compression, in the head of the file's unnamed data: type 0x80, not resident, no name.
    let heads: Vec<usize> = (0..disk.len() - 16)
        .step_by(8)
        .filter(|at| disk[*at..*at + 4] == [0x80, 0, 0, 0] && disk[*at + 8..*at + 10] == [1, 0])
        .collect();
    for at in heads {
        let last_vcn = u64::from_le_bytes(disk[at + 24..at + 32].try_into().unwrap());
        let size = u64::from_le_bytes(disk[at + 48..at + 56].try_into().unwrap());
        if last_vcn < 1000 && size == (KEY.len() * 2000) as u64 {
            disk[at + 12] |= 1;
        }
    }
    let report = look(disk);
    assert_eq!(findings(&report), [""; 0]);
    names_only(&report, "unreadable");
    assert!(report.incomplete.unwrap().contains("/home/ann/.ssh/id_rsa"));
}
