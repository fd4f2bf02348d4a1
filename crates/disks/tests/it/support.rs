//! Disks and images made by QEMU's own tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use disks::qcow2::{CLUSTER_BYTES, File, Kind, Piece, Rendering};
use disks::{Format, Limits, ReadAt, Rejection, Rule};
use tempfile::TempDir;

/// More than any disk of these tests has.
pub(crate) const LIMITS: Limits = Limits { virtual_size_bytes: 1 << 44 };

/// A temporary folder and the tools that work in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `qemu-img` in the folder; it must succeed.
    pub(crate) fn qemu_img(&self, arguments: &[&str]) -> String {
        self.run("qemu-img", arguments)
    }

    /// Runs `qemu-io` commands on a qcow2 file in the folder.
    pub(crate) fn qemu_io(&self, file: &str, commands: &[String]) {
        self.io(&["-f", "qcow2"], file, commands);
    }

    /// Runs `qemu-io` commands on an image that says itself what it is.
    pub(crate) fn qemu_io_on(&self, image: &str, commands: &[String]) {
        self.io(&[], image, commands);
    }

    /// Runs `qemu-io` commands on a file in the folder that is of this driver.
    pub(crate) fn qemu_io_as(&self, driver: &str, file: &str, commands: &[String]) {
        self.io(&["-f", driver], file, commands);
    }

    fn io(&self, options: &[&str], image: &str, commands: &[String]) {
        let mut arguments = [&["-d", "unmap"], options].concat();
        for command in commands {
            arguments.extend(["-c", command]);
        }
        arguments.push(image);
        let said = self.run("qemu-io", &arguments);
        assert!(!said.contains("failed"), "{commands:?}: {said}");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let run = || {
            let output = Command::new(program).args(arguments).current_dir(self.0.path()).output();
            output.unwrap_or_else(|error| panic!("{program} is needed by these tests: {error}"))
        };
        let mut output = run();
        // LUKS times the CPU first, and gives up on a busy machine.
        for _ in 0..9 {
            if String::from_utf8_lossy(&output.stderr).contains("accurate CPU usage") {
                output = run();
            }
        }
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The disk in a qcow2 file as QEMU sees it.
    pub(crate) fn qemu_disk(&self, name: &str) -> Vec<u8> {
        self.qemu_disk_as("qcow2", name)
    }

    /// The same of a file that may be broken: `None` when QEMU refuses it.
    pub(crate) fn try_qemu_disk(&self, driver: &str, name: &str) -> Option<Vec<u8>> {
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", driver, "-O", "raw", name, "qemu-disk.raw"]).current_dir(self.0.path());
        command.output().unwrap().status.success().then(|| self.read("qemu-disk.raw"))
    }

    /// The disk in a file of another driver as QEMU sees it.
    pub(crate) fn qemu_disk_as(&self, driver: &str, name: &str) -> Vec<u8> {
        self.qemu_img(&["convert", "-f", driver, "-O", "raw", name, "qemu-disk.raw"]);
        self.read("qemu-disk.raw")
    }
}

/// The disk in a qcow2 file as our mapping has it; unallocated clusters read from `base`.
pub(crate) fn our_disk(qcow2: &File<'_>, file: &dyn ReadAt, base: &[u8]) -> Vec<u8> {
    let mut disk = vec![0; qcow2.virtual_size_bytes() as usize];
    let mut expected = 0;
    for extent in qcow2.extents(0..u64::MAX) {
        let extent = extent.unwrap();
        assert_eq!(extent.guest_offset, expected, "extents leave no gap");
        expected += extent.len;
        let start = extent.guest_offset as usize;
        let target = &mut disk[start..expected as usize];
        match extent.kind {
            Kind::Zero => {}
            Kind::Unallocated => {
                let have = base.get(start..).unwrap_or_default();
                let len = have.len().min(target.len());
                target[..len].copy_from_slice(&have[..len]);
            }
            Kind::Data { file_offset } => file.read_exact_at(target, file_offset).unwrap(),
            Kind::Compressed { .. } => {
                let cluster = qcow2.read_compressed(&extent).unwrap();
                let within = start % qcow2.cluster_bytes() as usize;
                target.copy_from_slice(&cluster[within..][..target.len()]);
            }
        }
    }
    assert_eq!(expected, qcow2.virtual_size_bytes());
    disk
}

/// The disk in an accepted file of any format.
pub(crate) fn disk_in(format: Format, file: &dyn ReadAt) -> Vec<u8> {
    let image = disks::open(format, file, &LIMITS).unwrap_or_else(|refused| panic!("{format}: {refused}"));
    let mut disk = vec![0; image.virtual_size_bytes() as usize];
    let mut expected = 0;
    for extent in image.extents() {
        let extent = extent.unwrap();
        assert_eq!(extent.guest_offset, expected, "extents leave no gap");
        expected += extent.len;
        let target = &mut disk[extent.guest_offset as usize..expected as usize];
        match extent.kind {
            Kind::Zero | Kind::Unallocated => {}
            Kind::Data { file_offset } => file.read_exact_at(target, file_offset).unwrap(),
            Kind::Compressed { .. } => target.copy_from_slice(&image.inflate(&extent).unwrap()),
        }
    }
    assert_eq!(expected, image.virtual_size_bytes());
    disk
}

/// A verdict takes less than this, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_millis(500);

/// Why a file is refused; it must be, and soon.
pub(crate) fn refusal(format: Format, file: &[u8]) -> Rejection {
    let begin = Instant::now();
    let verdict = disks::check(format, &file, &LIMITS);
    assert!(begin.elapsed() < SOON, "the verdict took {:?}", begin.elapsed());
    verdict.map(|checked| panic!("accepted: {checked:?}")).unwrap_err()
}

/// A sample by its driver and options; QEMU makes each once.
pub(crate) fn made(driver: &str, options: &[&str]) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("{driver} {}", options.join(" "));
    made.entry(name).or_insert_with(|| sample_of(&Folder::new(), driver, options)).clone()
}

/// The rule that a sample breaks after a change.
pub(crate) fn rule_after(format: Format, file: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Rule {
    let mut file = file.to_vec();
    change(&mut file);
    refusal(format, &file).rule
}

/// Writes bytes into a file.
pub(crate) fn put(file: &mut [u8], at: usize, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The little-endian number of four bytes at a place of a file.
pub(crate) fn le32(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

/// The file is refused wherever it is cut; as cut off or as nonsense.
pub(crate) fn refused_wherever_cut(format: Format, file: &[u8], least: usize) {
    for len in (least..file.len()).step_by(file.len() / 61).chain([file.len() - 1]) {
        let rule = refusal(format, &file[..len]).rule;
        assert!(matches!(rule, Rule::Truncated | Rule::Corrupt), "{format} cut at {len}: {rule}");
    }
}

/// The whole file of a disk's rendering.
pub(crate) fn render(disk: &[u8]) -> Vec<u8> {
    let rendering = rendering(disk);
    let file = render_part(&rendering, disk, 0..rendering.size_bytes());
    assert_eq!(file.len() as u64, rendering.size_bytes());
    file
}

pub(crate) fn rendering(disk: &[u8]) -> Rendering {
    let clusters = disk.chunks(CLUSTER_BYTES as usize);
    Rendering::new(disk.len() as u64, clusters.map(|cluster| cluster.iter().any(|byte| *byte != 0)))
}

pub(crate) fn render_part(rendering: &Rendering, disk: &[u8], range: std::ops::Range<u64>) -> Vec<u8> {
    let mut file = Vec::new();
    for piece in rendering.pieces(range) {
        match piece {
            Piece::Bytes(bytes) => file.extend_from_slice(&bytes),
            Piece::Zeroes(len) => file.resize(file.len() + len as usize, 0),
            Piece::Disk { guest_offset, len } => {
                file.extend_from_slice(&disk[guest_offset as usize..][..len as usize]);
            }
        }
    }
    file
}

/// A disk of 4 MiB with most kinds of content: a label, random bytes with an odd end, a cluster
/// that compresses, half a cluster, and a last sector.
pub(crate) fn sample_disk() -> Vec<u8> {
    let mut disk = vec![0; 4 << 20];
    disk[512..521].copy_from_slice(b"zoo-label");
    let mut state = 7_u64;
    for byte in &mut disk[65_536..165_536] {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 33) as u8;
    }
    disk[1 << 20..][..65_536].fill(b'A');
    disk[2 << 20..][..4096].fill(b'B');
    let end = disk.len();
    disk[end - 512..].fill(b'E');
    disk
}

/// A qcow2 file that QEMU made of [`sample_disk`].
pub(crate) fn sample(folder: &Folder, options: &[&str]) -> Vec<u8> {
    let file = sample_of(folder, "qcow2", options);
    folder.write("sample.qcow2", &file);
    file
}

/// A file named `sample` that QEMU made of [`sample_disk`] in another format.
pub(crate) fn sample_of(folder: &Folder, driver: &str, options: &[&str]) -> Vec<u8> {
    folder.write("src.raw", &sample_disk());
    folder.qemu_img(&[&["convert", "-f", "raw", "-O", driver], options, &["src.raw", "sample"]].concat());
    folder.read("sample")
}
