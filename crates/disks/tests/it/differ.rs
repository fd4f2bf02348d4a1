//! Files broken at random, beside QEMU and Nova's and Glance's inspector.
//!
//! A file that we accept must be the disk that QEMU sees, and nothing that the inspector calls unsafe. QEMU may refuse
//! more than we do, and the inspector looks at little else than headers; neither is shown a file that we refuse.
//!
//! `FUZZ_SECONDS` says how long (5 when it does not); `FUZZ_SEED` where to begin; `OSLO_PYTHON` is a Python that has
//! oslo.utils, and without it only QEMU is asked. `make fuzz` sets all three.

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use disks::{Format, Kind, Rule, check};

use crate::support::{Folder, LIMITS, SOON, made};

/// A format with its driver, how QEMU makes a file of it, and where changes matter.
type Seed = (Format, &'static str, &'static [&'static str], &'static [Range<usize>]);

const SEEDS: &[Seed] = &[
    (Format::Qcow2, "qcow2", &[], &[0..112, 0x10000..0x10010, 0x30000..0x30010, 0x40000..0x40200]),
    (Format::Qcow2, "qcow2", &["-c"], &[0..112, 0x30000..0x30010, 0x40000..0x40200, 0x50000..0x50100]),
    (Format::Qcow2, "qcow2", &["-o", "cluster_size=512"], &[0..112, 512..8192]),
    (Format::Qcow2, "qcow2", &["-o", "extended_l2=on,cluster_size=32k"], &[0..112, 0x18000..0x18010, 0x20000..0x20800]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=monolithicSparse"], &[0..80, 512..900, 0x2a00..0x3600]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=monolithicSparse,zeroed_grain=on"], &[0..80, 0x3400..0x3500]),
    (Format::Vmdk, "vmdk", &["-o", "subformat=streamOptimized"], &[0..80, 512..900, 0x3400..0x3500, 0x10000..0x10020]),
    (Format::Vhd, "vpc", &["-o", "subformat=dynamic,force_size=on"], &[0..88, 512..576, 1536..1552]),
    (Format::Vhd, "vpc", &["-o", "subformat=fixed,force_size=on"], &[0x40_0000..0x40_0040, 0x40_0040..0x40_0058]),
    (
        Format::Vhdx,
        "vhdx",
        &["-o", "block_size=1M"],
        &[
            0x10000..0x10050,
            0x20000..0x20050,
            0x30000..0x30050,
            0x20_0000..0x20_0028,
            0x30_0000..0x30_00c0,
            0x31_0000..0x31_0030,
        ],
    ),
    (Format::Vdi, "vdi", &[], &[0x40..0x58, 0x150..0x1c8, 512..528]),
    (Format::Vdi, "vdi", &["-o", "static=on"], &[0x40..0x58, 0x150..0x1c8, 512..528]),
];

/// Marsaglia's xorshift: the same changes for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Changes a few bytes where they matter, and corrects the checksums that would hide it.
fn change(file: &mut Vec<u8>, seed: &Seed, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let range = seed.3[random.below(seed.3.len())].clone();
        let at = range.start + random.below(range.len());
        let other = range.start + random.below(range.len());
        if at.max(other) + 8 > file.len() {
            continue;
        }
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.next() as u8,
            2 => file[at] = file[at].wrapping_add(1),
            3 => file.copy_within(other & !3..(other & !3) + 4, at & !3),
            4 => file.copy_within(other & !7..(other & !7) + 8, at & !7),
            _ => file[at & !3..(at & !3) + 4].fill([0, 0xff][random.below(2)]),
        }
    }
    if random.below(8) == 0 {
        let keep = file.len() - random.below(file.len() / 2);
        file.truncate(keep);
    }
    if random.below(4) != 0 {
        match seed.0 {
            Format::Vhd => crate::vhd::mend(file),
            Format::Vhdx => crate::vhdx::mend(file),
            _ => {}
        }
    }
}

/// The disk in an accepted file; `None` where its compressed bytes are refused when they are read.
fn disk(format: Format, file: &[u8]) -> Option<Vec<u8>> {
    let image = disks::open(format, &file, &LIMITS).unwrap();
    let mut disk = vec![0; image.virtual_size_bytes() as usize];
    for extent in image.extents().map(Result::unwrap) {
        let target = &mut disk[extent.guest_offset as usize..][..extent.len as usize];
        match extent.kind {
            Kind::Zero | Kind::Unallocated => {}
            Kind::Data { file_offset } => target.copy_from_slice(&file[file_offset as usize..][..target.len()]),
            Kind::Compressed { .. } => target.copy_from_slice(&image.inflate(&extent).ok()?),
        }
    }
    Some(disk)
}

/// oslo.utils' format inspector, asked by a line for each file.
struct Inspector {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

const INSPECTOR: &str = "
import sys
from oslo_utils.imageutils import format_inspector
for line in sys.stdin:
    try:
        found = format_inspector.detect_file_format(line.strip())
        found.safety_check()
        print('safe', found.NAME, flush=True)
    except Exception as e:
        failures = getattr(e, 'failures', None)
        print('unsafe', {k: str(v) for k, v in failures.items()} if failures else repr(e), flush=True)
";

impl Inspector {
    fn start(python: &str) -> Self {
        let mut command = Command::new(python);
        command.args(["-c", INSPECTOR]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (asked, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asked, answers }
    }

    fn judge(&mut self, path: &std::path::Path) -> String {
        writeln!(self.asked, "{}", path.display()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this is the known case that the inspector calls unsafe and we do not: it does not know qcow2's subclusters
/// (bit 4), which QEMU has had since 5.2.
fn is_known(format: Format, file: &[u8], answer: &str) -> bool {
    format == Format::Qcow2 && answer.contains("Unknown QCOW2 features") && file[79] & !0xf == 0x10
}

#[test]
#[allow(clippy::print_stderr, reason = "a run of minutes says how far it came")]
fn accepted_files_are_the_disk_that_qemu_sees_and_none_is_called_unsafe_by_others() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let end = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(5));
    let mut random = Random(number("FUZZ_SEED").unwrap_or(1).max(1));
    let mut inspector = std::env::var("OSLO_PYTHON").ok().map(|python| Inspector::start(&python));
    let folder = Folder::new();
    let (mut judged, mut accepted, mut stricter) = (0, 0, 0);
    while Instant::now() < end {
        let (state, seed) = (random.0, &SEEDS[random.below(SEEDS.len())]);
        let (format, driver, options, _) = seed;
        let mut file = made(driver, options);
        change(&mut file, seed, &mut random);
        let begin = Instant::now();
        let verdict = check(*format, &file, &LIMITS);
        assert!(begin.elapsed() < SOON, "{format} {options:?}, seed {state}: {:?}", begin.elapsed());
        judged += 1;
        let small = |size| size <= 64 << 20;
        match &verdict {
            Err(refused) if refused.rule == Rule::Unreadable => panic!("{format}, seed {state}: {refused}"),
            Ok(checked) if small(checked.virtual_size_bytes) => {}
            _ => continue,
        }
        let Some(ours) = disk(*format, &file) else { continue };
        accepted += 1;
        let path = folder.write("changed", &file);
        match folder.try_qemu_disk(driver, "changed") {
            Some(seen) => assert!(ours == seen, "{format} {options:?}, seed {state}: another disk than QEMU's"),
            None => stricter += 1,
        }
        if let Some(answer) = inspector.as_mut().map(|inspector| inspector.judge(&path)) {
            let is_safe = answer.starts_with("safe") || is_known(*format, &file, &answer);
            assert!(is_safe, "{format} {options:?}, seed {state}: {answer}");
        }
    }
    eprintln!("{judged} files judged, {accepted} accepted, of which QEMU refuses {stricter}");
    assert!(judged > 0);
}
