//! The guest on a disk: bytes in, a report out.
//!
//! ```text
//! Disk ─► Bounded (cache, time, bytes) ─► table ─► volumes ─► files ─┬─► windows | linux ─► facts
//!                                                                    └─► findings
//! ```
//!
//! The bytes are hostile. Every reader is bounded: by the time and the bytes it may take, by how many names, places
//! and findings are looked at, and by how much of a file is read. A report that met one of these bounds, or something
//! that no reader makes sense of, is *incomplete* and names it: nothing that was not looked at counts as clean. A reader
//! that panics is asked nothing more. Nothing is guessed. Nothing is ever written.
//!
//! The report holds no byte of a secret: a finding names a place.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop at the first surprise"))]

mod bound;
mod disk;
mod files;
mod findings;
mod hive;
mod linux;
mod report;
mod table;
mod volumes;
mod windows;

use std::time::{Duration, Instant};

pub use bound::BOUNDS;
pub use disk::Disk;
pub use report::{Boot, Fact, Facts, Family, Finding, Report, Severity, TableKind, Volume, Windows, WindowsState};

use disk::Bounded;
use files::Files;
use table::Table;
use volumes::Content;

/// The version of the rules. It rises when a rule is added or becomes stricter: reports of older rules are made anew.
pub const RULES: u32 = 2;

/// The time and the bytes that one look may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Bytes read from the disk.
    pub read_bytes: u64,
}

impl Default for Limits {
    /// A Debian's disk takes a tenth of a second and some twenty megabytes.
    fn default() -> Limits {
        Limits { time: Duration::from_secs(20), read_bytes: 2 << 30 }
    }
}

/// How much is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only Windows, and whether it is generalised: next to no time on any other disk.
    Windows,
    /// Everything.
    Everything,
}

/// Looks at a disk.
pub fn inspect(disk: Box<dyn Disk>, scope: Scope, limits: Limits) -> Report {
    let disk = Bounded::new(disk, Instant::now() + limits.time, limits.read_bytes);
    let table = table::read(&disk);
    let volumes = volumes::open(&disk, &table);
    let windows = windows::inspect(&volumes);
    let mut report = Report {
        rules: RULES,
        disk_bytes: disk.size_bytes(),
        table: table.kind,
        volumes: Vec::new(),
        facts: unknown_facts("it was not looked for"),
        windows,
        findings: Vec::new(),
        has_more_findings: false,
        incomplete: None,
    };
    if scope == Scope::Everything {
        report.volumes = volumes.iter().map(volumes::Volume::report).collect();
        let boot = boot(&table, &volumes);
        let root = linux::root(&volumes);
        report.facts = match (windows::system(&volumes), root) {
            (Some((_, files)), _) => windows::facts(files, boot),
            (None, Some((_, files))) => linux::facts(files, boot),
            (None, None) => Facts { boot, ..unknown_facts(&unrecognized(&report, &volumes)) },
        };
        findings::seek(&mut report, &volumes, root.map(|(index, _)| index));
    }
    report.incomplete = disk.bounds().told();
    report
}

fn boot(table: &Table, volumes: &[volumes::Volume]) -> Fact<Boot> {
    // A file system without a table around it has a boot sector of its own, which mostly only says that it is none.
    let is_bare = table.kind == TableKind::None && volumes.iter().any(|volume| volume.content != Content::Unknown);
    let has_loader = |files: &Files| !files.places("/EFI/*/*.efi").is_empty();
    let is_fat = |volume: &&volumes::Volume| volume.content == Content::Fat;
    let on_loaders = volumes.iter().filter(is_fat).filter_map(|volume| {
        let is_loader =
            volume.partition.as_ref().is_none_or(|partition| partition.is_efi_system() || table.kind == TableKind::Mbr);
        volume.files.as_ref().filter(|_| is_loader)
    });
    let boot = Boot { bios: table.has_boot_code && !is_bare, uefi: on_loaders.into_iter().any(has_loader) };
    Fact::of(Some(boot).filter(|boot| boot.bios || boot.uefi), "there is neither code for a BIOS nor a loader for UEFI")
}

/// Why no system was recognised.
fn unrecognized(report: &Report, volumes: &[volumes::Volume]) -> String {
    if let Some(windows) = &report.windows {
        return windows.found.clone();
    }
    let problems = volumes.iter().filter_map(|volume| {
        let place = volume.number().map_or("the disk".to_owned(), |number| format!("partition {number}"));
        Some(format!("{place}: {}", volume.problem.as_ref()?))
    });
    let problems: Vec<String> = problems.take(8).collect();
    match problems.is_empty() {
        true => "no volume of it has a system that is known here".to_owned(),
        false => problems.join("; "),
    }
}

fn unknown_facts(why: &str) -> Facts {
    fn unknown<T>(why: &str) -> Fact<T> {
        Fact::Unknown(why.to_owned())
    }
    Facts {
        family: unknown(why),
        distribution: unknown(why),
        version: unknown(why),
        name: unknown(why),
        architecture: unknown(why),
        boot: unknown(why),
        cloud_init: unknown(why),
        guest_agent: unknown(why),
        virtio: unknown(why),
        root_free_bytes: unknown(why),
    }
}
