//! Guests that boot: the micro guest of `guests/micro.asm`, as raw and as qcow2.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use super::http;

/// The micro guest's boot sector, assembled once.
pub fn micro() -> &'static [u8] {
    static SECTOR: OnceLock<Vec<u8>> = OnceLock::new();
    SECTOR.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/micro.asm");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let binary = folder.path().join("micro.bin");
        let output = Command::new("nasm").args(["-f", "bin", "-o"]).arg(&binary).arg(source).output();
        let output = output.expect("nasm; scripts/install.sh guests installs it");
        assert!(output.status.success(), "nasm: {}", http::shown(&output));
        std::fs::read(binary).expect("micro.bin")
    })
}

/// A raw disk of `size_bytes` that boots the micro guest and carries this label.
pub fn micro_disk(label: &str, size_bytes: usize) -> Vec<u8> {
    assert!(size_bytes >= 4096 && label.len() < 64, "a label fits in 63 bytes, the guest in 8 sectors");
    let mut disk = vec![0; size_bytes];
    disk[..512].copy_from_slice(micro());
    disk[512..512 + label.len()].copy_from_slice(label.as_bytes());
    disk
}

/// A real Linux with an SSH server (`guests/tiny.sh`), made once.
pub fn tiny() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.cache/guests");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/tiny.sh");
    let output = Command::new(script).arg(folder).output().expect("run guests/tiny.sh");
    assert!(output.status.success(), "{script}: {}", http::shown(&output));
    std::fs::read(Path::new(folder).join("tiny.raw")).expect("the guest")
}

/// A disk that only UEFI boots (`guests/uefi.asm`), with sectors of this size.
pub fn uefi_disk(sector_bytes: u32) -> Vec<u8> {
    made_by("uefi.sh", &[&sector_bytes.to_string()])
}

/// A CD that installs the micro guest with this label on the first disk (`guests/installer.asm`).
pub fn installer(label: &str) -> Vec<u8> {
    made_by("installer.sh", &[label])
}

fn made_by(script: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("guest");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(script);
    let output = Command::new(&script).arg(&file).args(arguments).output().expect("run a script of guests/");
    assert!(output.status.success(), "{}: {}", script.display(), http::shown(&output));
    std::fs::read(file).expect("the guest")
}

/// How often this micro guest's disk has been booted.
pub fn boots(disk: &[u8]) -> u16 {
    u16::from_le_bytes([disk[1024], disk[1025]])
}

/// The raw disk inside an image file, as `qemu-img` reads it.
pub fn disk_of(format: &str, file: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (from, to) = (folder.path().join("file"), folder.path().join("disk"));
    std::fs::write(&from, file).expect("write the file");
    qemu_img(&["convert", "-f", format, "-O", "raw"], &[&from, &to]);
    std::fs::read(to).expect("the disk")
}

/// The qcow2 that `qemu-img` makes of a raw disk; options such as `-c` or `-o compat=0.10`.
pub fn qcow2_of(disk: &[u8], options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (from, to) = (folder.path().join("disk"), folder.path().join("file"));
    std::fs::write(&from, disk).expect("write the disk");
    let arguments = [&["convert", "-f", "raw", "-O", "qcow2"], options].concat();
    qemu_img(&arguments, &[&from, &to]);
    std::fs::read(to).expect("the file")
}

/// Runs `qemu-img`; its failure fails the test.
#[track_caller]
pub fn qemu_img(arguments: &[&str], files: &[&Path]) -> Output {
    let output = Command::new("qemu-img").args(arguments).args(files).stdin(Stdio::null()).output();
    let output = output.expect("qemu-img; scripts/install.sh run installs it");
    assert!(output.status.success(), "qemu-img {}: {}", arguments.join(" "), http::shown(&output));
    output
}
