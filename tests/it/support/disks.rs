//! Disks with something inside: a small Linux, clean or not, and Windows look-alikes.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use super::http;

/// A disk with an ext4 of a small Linux, and these files in it.
pub fn linux_disk(more: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tree = folder.path().join("tree");
    let clean = [
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
        ("bin/sh", "#!"),
    ];
    for (path, content) in clean.iter().chain(more) {
        let path = tree.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
        std::fs::write(path, content).expect("write a file");
    }
    let file = folder.path().join("disk");
    run(Command::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(&tree).arg(&file).arg("8M"));
    std::fs::read(file).expect("the disk")
}

/// One of the disks of `guests/windows.sh`.
pub fn windows_disk(name: &str) -> Vec<u8> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = fresh_folder("windows");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/windows.sh");
        run(Command::new(script).arg(&folder));
        folder
    });
    std::fs::read(folder.join(name)).expect("a disk")
}

/// The folder of the cleaner, which `guests/cleaner.sh` makes once.
pub fn cleaner() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = project.join(".cache/guests/cleaner");
        run(Command::new(project.join("guests/cleaner.sh")).arg(&folder));
        folder
    })
}

/// An empty folder for what all tests of a run share: nothing removes it at the end of the run, so it lies in `target`
/// and the next run takes it over.
pub fn fresh_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn run(command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    let command = command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/install.sh test installs what is missing"));
    assert!(output.status.success(), "{command:?}: {}", http::shown(&output));
}
