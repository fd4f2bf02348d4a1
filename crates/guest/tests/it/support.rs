//! Disks: a folder of files becomes a volume, and a volume a disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use guest::{Limits, Report, Scope};

/// A folder of files to make a volume of.
pub(crate) struct Tree(tempfile::TempDir);

/// The file system of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Ext4,
    Fat,
    Ntfs,
}

/// The partition table around a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    Mbr,
    Gpt,
}

pub(crate) const SYSTEMS: [System; 3] = [System::Ext4, System::Fat, System::Ntfs];
pub(crate) const AROUND: [Around; 3] = [Around::Nothing, Around::Mbr, Around::Gpt];

const MIB: usize = 1 << 20;

impl Tree {
    /// Nothing.
    pub(crate) fn empty() -> Tree {
        Tree(tempfile::tempdir().unwrap())
    }

    /// A Linux that nobody could object to.
    pub(crate) fn linux() -> Tree {
        let tree = Tree::empty();
        tree.file("/etc/os-release", "NAME=Test\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
        tree.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        tree.file("/etc/shadow", "root:*:19000:0:99999:7:::\n");
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = 62;
        tree.file("/bin/sh", elf);
        tree.file("/lib/modules/6.1/modules.builtin", "kernel/drivers/block/virtio_blk.ko\n");
        tree
    }

    /// Writes a file.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Tree {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Makes a link.
    pub(crate) fn link(&self, path: &str, target: &str) -> &Tree {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
        self
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    /// The volume with these files.
    pub(crate) fn volume(&self, system: System) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("volume");
        match system {
            System::Ext4 => {
                run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", &text(self.0.path()), &text(&file), "12M"]);
            }
            System::Fat => {
                run("mkfs.fat", &["-F16", "-C", &text(&file), "12288"]);
                for entry in fs::read_dir(self.0.path()).unwrap() {
                    run("mcopy", &["-s", "-i", &text(&file), &text(&entry.unwrap().path()), "::"]);
                }
            }
            System::Ntfs => run(&script("ntfs.sh"), &[&text(&file), "12M", &text(self.0.path())]),
        }
        fs::read(file).unwrap()
    }

    /// The disk with the volume in it.
    pub(crate) fn disk(&self, system: System, around: Around) -> Vec<u8> {
        wrapped(&self.volume(system), around)
    }
}

/// A disk with this volume as its only partition, or without a table.
pub(crate) fn wrapped(volume: &[u8], around: Around) -> Vec<u8> {
    let label = match around {
        Around::Nothing => return volume.to_vec(),
        Around::Mbr => "dos",
        Around::Gpt => "gpt",
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk");
    let mut disk = vec![0; volume.len() + 3 * MIB];
    fs::write(&file, &disk).unwrap();
    let layout = folder.path().join("layout");
    fs::write(&layout, format!("label: {label}\nstart=2048,size={}\n", volume.len() / 512)).unwrap();
    partition(&file, &layout);
    disk = fs::read(file).unwrap();
    disk[MIB..MIB + volume.len()].copy_from_slice(volume);
    disk
}

/// Writes a table of partitions, as `sfdisk` reads them from a file.
pub(crate) fn partition(disk: &Path, layout: &Path) {
    let mut sfdisk = program("sfdisk");
    let status = sfdisk.arg("-q").arg(disk).stdin(fs::File::open(layout).unwrap()).status().unwrap();
    assert!(status.success(), "sfdisk");
}

/// One of the Windows look-alikes of `guests/windows.sh`.
pub(crate) fn windows(name: &str) -> Vec<u8> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        // Nothing removes it at the end of the run: the next one takes it over.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest-windows");
        let _ = fs::remove_dir_all(&folder);
        run(&script("windows.sh"), &[&text(&folder)]);
        folder
    });
    fs::read(folder.join(name)).unwrap()
}

/// Everything there is to tell of a disk.
pub(crate) fn look(disk: Vec<u8>) -> Report {
    guest::inspect(Box::new(disk), Scope::Everything, Limits::default())
}

/// The findings as `id partition place`, in order.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    let shown = report.findings.iter().map(|finding| {
        let partition = finding.partition.map_or("-".to_owned(), |number| number.to_string());
        format!("{} {partition} {}", finding.id, finding.place)
    });
    shown.collect()
}

fn script(name: &str) -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../guests/").to_owned() + name
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdout(Stdio::null());
    command
}

fn run(name: &str, arguments: &[&str]) {
    let output = program(name).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; scripts/install.sh test installs it"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}
