//! Each finding, planted: found, at its place, and nothing else.

use crate::support::{AROUND, Around, SYSTEMS, System, Tree, findings, look};

/// The id of the finding, the place of the file, and the file's text.
type Plant = (&'static str, &'static str, &'static str);

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ==\n-----END OPENSSH PRIVATE KEY-----\n";
const CANARY: &str = "secret-canary";

/// The plants that any file system can hold.
const PLANTS: &[Plant] = &[
    ("ssh_host_key", "/etc/ssh/ssh_host_ed25519_key", KEY),
    ("authorized_key", "/home/ann/.ssh/authorized_keys", "ssh-ed25519 AAAA secret-canary\n"),
    ("private_key", "/home/ann/.ssh/id_ed25519", KEY),
    ("private_key", "/home/ann/server.pem", KEY),
    ("private_key", "/etc/ssl/private/site.key", KEY),
    ("token", "/home/ann/.aws/credentials", "[default]\naws_secret_access_key = secret-canary\n"),
    ("token", "/home/ann/.docker/config.json", "{\"auths\": {\"r\": {\"auth\": \"secret-canary\"}}}"),
    ("token", "/home/ann/.kube/config", "users:\n- user:\n    token: secret-canary\n"),
    ("token", "/home/ann/.config/openstack/clouds.yaml", "auth:\n  password: secret-canary\n"),
    ("token", "/home/ann/.netrc", "machine m login l password secret-canary\n"),
    ("token", "/home/ann/.git-credentials", "https://ann:secret-canary@example.org\n"),
    ("shell_history", "/home/ann/.bash_history", "mysql -psecret-canary\n"),
    ("machine_id", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("cloud_init_state", "/var/lib/cloud/data/instance-id", "i-1\n"),
    ("dhcp_lease", "/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n"),
    (
        "network_secret",
        "/etc/NetworkManager/system-connections/home.nmconnection",
        "[wifi-security]\npsk=secret-canary\n",
    ),
    ("network_secret", "/etc/wireguard/wg0.conf", "PrivateKey = secret-canary\n"),
];

fn expected(id: &str, place: &str, around: Around) -> Vec<String> {
    let partition = if around == Around::Nothing { "-" } else { "1" };
    vec![format!("{id} {partition} {place}")]
}

#[test]
fn each_is_found_at_its_place_and_nothing_else() {
    for (n, (id, place, content)) in PLANTS.iter().enumerate() {
        // Every plant on ext4; the others turn by turn, so that each file system meets each kind of table.
        let tree = Tree::linux();
        tree.file(place, content);
        let around = AROUND[n % 3];
        let report = look(tree.disk(System::Ext4, around));
        assert_eq!(findings(&report), expected(id, place, around), "{place} on ext4, {around:?}");
        assert!(!serde_json::to_string(&report).unwrap().contains(CANARY), "{place}: the secret is in the report");
        let tree = Tree::empty();
        tree.file(place, content);
        for system in [System::Fat, System::Ntfs] {
            let around = AROUND[(n + 1) % 3];
            let report = look(tree.disk(system, around));
            assert_eq!(findings(&report), expected(id, place, around), "{place} on {system:?}, {around:?}");
        }
    }
}

#[test]
fn all_together_are_all_found() {
    for system in SYSTEMS {
        let tree = Tree::empty();
        for (_, place, content) in PLANTS {
            tree.file(place, content);
        }
        let report = look(tree.disk(system, Around::Gpt));
        assert_eq!(report.findings.len(), PLANTS.len(), "{system:?}: {:?}", findings(&report));
    }
}

#[test]
fn windows_homes_are_looked_into() {
    let tree = Tree::empty();
    let history = "/Users/ann/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt";
    tree.file(history, "net use secret-canary\n").file("/Users/ann/.ssh/id_rsa", KEY);
    tree.file("/ProgramData/ssh/ssh_host_rsa_key", KEY);
    let found = findings(&look(tree.volume(System::Ntfs)));
    let expected = [
        "private_key - /Users/ann/.ssh/id_rsa".to_owned(),
        "ssh_host_key - /ProgramData/ssh/ssh_host_rsa_key".to_owned(),
        format!("shell_history - {history}"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn passwords_that_open_a_system_are_found() {
    // `openssl passwd -6 -salt saltsalt password`, and one that nobody has the password of.
    let sha = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    let unknown = "$6$saltsalt$aFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
    let cases = [
        ("root:x:0:0::/:/bin/sh", "root::1::::::", "root_password - /etc/shadow: root"),
        ("root::0:0::/:/bin/sh", "root:*:1::::::", "root_password - /etc/passwd: root"),
        ("root:x:0:0::/:/bin/sh", &format!("root:{sha}:1::::::"), "root_password - /etc/shadow: root"),
        ("ann:x:1000:0::/:/bin/sh", &format!("ann:{sha}:1::::::"), "weak_password - /etc/shadow: ann"),
        ("root:x:0:0::/:/bin/sh", &format!("root:{unknown}:1::::::"), "password_hash - /etc/shadow: root"),
        ("root:x:0:0::/:/bin/sh", &format!("root:!{sha}:1::::::"), "password_hash - /etc/shadow: root"),
        ("root:x:0:0::/:/bin/sh", "root:$6$rounds=999999999$a$b:1::::::", "password_hash - /etc/shadow: root"),
    ];
    for (passwd, shadow, expected) in cases {
        let tree = Tree::linux();
        tree.file("/etc/passwd", passwd).file("/etc/shadow", shadow);
        let report = look(tree.volume(System::Ext4));
        assert_eq!(findings(&report), [expected]);
        assert!(!serde_json::to_string(&report).unwrap().contains("saltsalt"), "a hash is in the report");
    }
}

#[test]
fn harmless_files_are_no_findings() {
    let tree = Tree::linux();
    tree.file("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA\n").file("/etc/ssh/ssh_host_rsa_key", "");
    tree.file("/etc/machine-id", "uninitialized\n").link("/var/lib/dbus/machine-id", "/etc/machine-id");
    tree.file("/root/.bash_history", "").file("/root/.docker/config.json", "{\"auths\": {}}");
    tree.file("/etc/NetworkManager/system-connections/a", "[wifi]\n# psk=old\n")
        .file("/root/.ssh/known_hosts", "a b\n");
    assert_eq!(findings(&look(tree.volume(System::Ext4))), [""; 0]);
}

#[test]
fn lines_for_absent_disks_are_found() {
    let tree = Tree::linux();
    let lines = [
        "UUID=11111111-2222-3333-4444-555555555555 /data ext4 defaults 0 2",
        "/dev/vda1 / ext4 defaults 0 1",
        "/dev/vdb1 /more ext4 defaults 0 2",
        "LABEL=spare /spare ext4 nofail 0 2",
        "tmpfs /tmp tmpfs defaults 0 0",
        "/dev/sr0 /cdrom iso9660 noauto 0 0",
    ];
    tree.file("/etc/fstab", lines.join("\n"));
    let found = findings(&look(tree.disk(System::Ext4, Around::Mbr)));
    let uuid = "fstab_missing_disk 1 /etc/fstab: UUID=11111111-2222-3333-4444-555555555555";
    assert_eq!(found, [uuid, "fstab_missing_disk 1 /etc/fstab: /dev/vdb1"]);
}

#[test]
fn a_full_root_and_a_package_cache_are_found() {
    let tree = Tree::linux();
    tree.file("/var/cache/apt/archives/a.deb", "!<arch>\n").file("/var/cache/apt/archives/b.deb", "!<arch>\n");
    assert_eq!(findings(&look(tree.volume(System::Ext4))), ["package_cache - /var/cache/apt/archives"]);
    // Ten megabytes and more in twelve, less what the file system needs for itself.
    let mut blocks = tree.volume(System::Ext4);
    blocks[1024 + 12..1024 + 16].copy_from_slice(&20_u32.to_le_bytes());
    let found = findings(&look(without_checksum(blocks)));
    assert!(found.contains(&"low_space - /".to_owned()), "{found:?}");
}

/// The superblock's own checksum (CRC-32C), made anew.
fn without_checksum(mut disk: Vec<u8>) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in &disk[1024..1024 + 1020] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    disk[1024 + 1020..1024 + 1024].copy_from_slice(&crc.to_le_bytes());
    disk
}

#[test]
fn a_sleeping_system_is_found() {
    let mut swap = vec![0; 1 << 20];
    swap[4086..4096].copy_from_slice(b"S1SUSPEND\0");
    let found = findings(&look(crate::support::wrapped(&swap, Around::Mbr)));
    assert_eq!(found, ["hibernation 1 the swap area"]);
}
