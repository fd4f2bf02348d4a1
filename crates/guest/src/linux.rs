//! Linux on a disk: which, and what it brings for a cloud.

use std::collections::HashMap;

use crate::{
    files::{Files, printable},
    report::{Boot, Fact, Facts, Family},
    volumes::Volume,
};

/// os-release has some twenty short lines.
const MAX_OS_RELEASE_BYTES: usize = 16 << 10;
/// The list of drivers that are built into a kernel.
const MAX_BUILTIN_BYTES: usize = 256 << 10;
/// Programs whose header tells the processor; the first that is there.
const PROGRAMS: [&str; 6] =
    ["/bin/busybox", "/usr/bin/bash", "/bin/sh", "/usr/bin/env", "/sbin/init", "/usr/lib/systemd/systemd"];

/// The volume that a Linux's root is on.
pub(crate) fn root(volumes: &[Volume]) -> Option<(usize, &Files)> {
    let files = |index: usize| volumes[index].files.as_ref();
    let is_root = |files: &Files| {
        files.has("/etc/os-release")
            || files.has("/usr/lib/os-release")
            || files.has("/etc/passwd") && (files.has("/bin/sh") || files.has("/usr/bin"))
    };
    (0..volumes.len()).filter_map(|index| Some((index, files(index)?))).find(|(_, files)| is_root(files))
}

/// The facts of a Linux.
pub(crate) fn facts(files: &Files, boot: Fact<Boot>) -> Facts {
    let release = ["/etc/os-release", "/usr/lib/os-release"];
    let release = release.iter().find_map(|path| files.text(path, MAX_OS_RELEASE_BYTES)).unwrap_or_default();
    let release = assignments(&release);
    let word = |name: &str| Fact::of(release.get(name).cloned(), "its os-release does not say");
    let has_any = |paths: &[&str]| Fact::Known(paths.iter().any(|path| files.has(path)));
    Facts {
        family: Fact::Known(Family::Linux),
        distribution: word("ID"),
        version: word("VERSION_ID"),
        name: word("PRETTY_NAME"),
        architecture: Fact::of(architecture(files), "none of the usual programs is there"),
        boot,
        cloud_init: has_any(&["/usr/bin/cloud-init", "/usr/local/bin/cloud-init", "/bin/cloud-init"]),
        guest_agent: has_any(&["/usr/bin/qemu-ga", "/usr/sbin/qemu-ga", "/usr/local/bin/qemu-ga"]),
        virtio: virtio(files),
        root_free_bytes: Fact::of(files.free_bytes(), "its file system does not say"),
    }
}

/// The assignments of a shell-like file.
pub(crate) fn assignments(text: &str) -> HashMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), printable(value.trim_matches(['"', '\'']), 100))).collect()
}

/// The machine of a program, from its header (ELF: `e_machine`).
fn architecture(files: &Files) -> Option<String> {
    let head = PROGRAMS.iter().find_map(|path| {
        let head = files.read(path, 0, 20).ok()?;
        (head.len() == 20 && head.starts_with(b"\x7fELF")).then_some(head)
    })?;
    let machine = match head[5] {
        1 => u16::from_le_bytes([head[18], head[19]]),
        _ => u16::from_be_bytes([head[18], head[19]]),
    };
    let word = match (machine, head[5]) {
        (3, _) => "i686",
        (62, _) => "x86_64",
        (40, _) => "armv7l",
        (183, _) => "aarch64",
        (243, _) => "riscv64",
        (22, _) => "s390x",
        (21, 1) => "ppc64le",
        (21, _) => "ppc64",
        (258, _) => "loongarch64",
        _ => return None,
    };
    Some(word.to_owned())
}

fn virtio(files: &Files) -> Fact<bool> {
    let kernels: Vec<String> =
        ["/lib/modules/*", "/usr/lib/modules/*"].iter().flat_map(|pattern| files.places(pattern)).collect();
    if kernels.is_empty() {
        return Fact::Unknown("it has no folder of kernel modules".into());
    }
    let has = |kernel: &String| {
        let built_in = files.text(&format!("{kernel}/modules.builtin"), MAX_BUILTIN_BYTES).unwrap_or_default();
        built_in.contains("/virtio_blk.ko")
            || !files.places(&format!("{kernel}/kernel/drivers/block/virtio_blk.ko*")).is_empty()
    };
    Fact::Known(kernels.iter().any(has))
}
