//! The readers of a disk's content: partition tables, file systems, registries.
//!
//! The input is a list of changes to one of the disks in the folder `$FUZZ_DISKS`, which are made of what the readers
//! read: (sector among those that are not zero, place in it, length, bytes). A reader that panics is no finding, for
//! the crate answers *unknown* then; one that takes too long, or too much memory, or finds no end is.
#![no_main]

use std::{fs, io, path::Path, rc::Rc, sync::OnceLock, time::Duration};

use guest::{Disk, Limits, Scope, inspect};

const SECTOR_BYTES: usize = 512;
/// As the service reads it from the process that looks.
const MAX_REPORT_BYTES: usize = 1 << 20;

/// A disk as it was made, and the sectors of it that hold something.
struct Base {
    bytes: Vec<u8>,
    sectors: Vec<usize>,
}

static BASES: OnceLock<Vec<Base>> = OnceLock::new();

fn bases() -> Vec<Base> {
    // The fuzzer's own hook ends the process at a panic, also at one that is caught.
    std::panic::set_hook(Box::new(|_| {}));
    let folder = std::env::var("FUZZ_DISKS").expect("FUZZ_DISKS names a folder of disks");
    let mut paths: Vec<_> = fs::read_dir(Path::new(&folder)).expect("the folder").map(|at| at.unwrap().path()).collect();
    paths.sort();
    let base = |path| {
        let bytes = fs::read(path).expect("a disk");
        let is_used = |at: &usize| bytes[at * SECTOR_BYTES..].iter().take(SECTOR_BYTES).any(|byte| *byte != 0);
        let sectors = (0..bytes.len() / SECTOR_BYTES).filter(is_used).collect();
        Base { bytes, sectors }
    };
    paths.into_iter().map(base).collect()
}

/// A base with changes over it.
struct Changed {
    base: &'static Base,
    changes: Rc<Vec<(usize, Vec<u8>)>>,
}

impl Changed {
    fn of(bases: &'static [Base], input: &[u8]) -> Option<Changed> {
        let (choice, mut rest) = input.split_first()?;
        let base = &bases[usize::from(*choice) % bases.len()];
        let mut changes = Vec::new();
        while let [sector_low, sector_high, place, head, more @ ..] = rest {
            let sector = base.sectors[usize::from(u16::from_le_bytes([*sector_low, *sector_high])) % base.sectors.len()];
            // Fields are aligned, mostly: the place counts pairs of bytes.
            let at = sector * SECTOR_BYTES + usize::from(*place) * 2;
            let len = (usize::from(*head) % 16 + 1).min(more.len()).min(base.bytes.len() - at);
            let (bytes, later) = more.split_at(len);
            changes.push((at, bytes.to_vec()));
            rest = later;
        }
        Some(Changed { base, changes: Rc::new(changes) })
    }
}

impl Disk for Changed {
    fn size_bytes(&self) -> u64 {
        self.base.bytes.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let start = offset as usize;
        buf.copy_from_slice(&self.base.bytes[start..start + buf.len()]);
        for (at, bytes) in self.changes.iter() {
            let (from, to) = (start.max(*at), (start + buf.len()).min(at + bytes.len()));
            if from < to {
                buf[from - start..to - start].copy_from_slice(&bytes[from - at..to - at]);
            }
        }
        Ok(())
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(disk) = Changed::of(BASES.get_or_init(bases), input) else { return };
    let limits = Limits { time: Duration::from_secs(2), read_bytes: 64 << 20 };
    let report = inspect(Box::new(disk), Scope::Everything, limits);
    let text = serde_json::to_vec(&report).expect("a report is JSON");
    assert!(text.len() <= MAX_REPORT_BYTES, "a report has an end");
});
