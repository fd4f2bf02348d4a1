//! Findings: things that should not be in a disk that is copied, each with its place.
//!
//! Every readable volume is looked at: a Linux root as `/`, volumes that its fstab mounts at their place, any other
//! by itself. Of a file that may hold a secret only its place is told, never a byte.

mod accounts;
mod fstab;
mod places;
mod rules;

use std::collections::BTreeSet;

use crate::{
    bound::Bound,
    files::{Files, Kind, printable},
    report::{Finding, Report, WindowsState},
    volumes::{Content, Volume},
    windows,
};
use places::{HOME, Place, SYSTEM, Test};
use rules::Rule;

/// Findings that are told, the highest severity first; whoever has more has enough to do.
const MAX_FINDINGS: usize = 200;
/// How much of a file is read to tell whether it holds a secret: more than a bundle of certificates or a long list of
/// known hosts has.
const LOOK_BYTES: usize = 1 << 20;
/// Homes that are looked into on one volume.
const MAX_HOMES: usize = 200;
/// Below this a system cannot even write its host name and keys.
const LOW_SPACE_BYTES: u64 = 100 << 10;

/// A volume as a system sees it.
struct Tree<'a> {
    files: &'a Files,
    partition: Option<u32>,
    /// Where it is mounted; `None` for a volume that nothing mounts.
    mount: Option<String>,
}

/// Collects findings, each place once.
#[derive(Default)]
struct Seeker {
    findings: Vec<Finding>,
    seen: BTreeSet<(Option<u32>, String, &'static str)>,
    has_more: bool,
}

impl Seeker {
    fn add(&mut self, rule: &'static Rule, partition: Option<u32>, place: &str) {
        if !self.seen.insert((partition, place.to_owned(), rule.id)) {
            return;
        }
        if self.findings.len() >= MAX_FINDINGS {
            self.has_more = true;
            // A finding of a lower severity makes room; without one, this is as good as any that is kept.
            let lowest = self.findings.iter().enumerate().min_by_key(|(_, finding)| finding.severity);
            match lowest.filter(|(_, finding)| finding.severity < rule.severity) {
                Some((index, _)) => drop(self.findings.swap_remove(index)),
                None => return,
            }
        }
        self.findings.push(Finding {
            id: rule.id.to_owned(),
            severity: rule.severity,
            partition,
            place: printable(place, 500),
            why: rule.why.to_owned(),
            remedy: rule.remedy.to_owned(),
        });
    }
}

/// Adds the findings to a report that has everything else. `root`: the volume with the root of a Linux.
pub(crate) fn seek(report: &mut Report, volumes: &[Volume], root: Option<usize>) {
    let mut seeker = Seeker::default();
    let lines = root.and_then(|root| volumes[root].files.as_ref()).map(fstab::lines).unwrap_or_default();
    for (index, volume) in volumes.iter().enumerate() {
        if volume.content == (Content::Swap { is_hibernated: true }) {
            seeker.add(&rules::HIBERNATION, volume.number(), "the swap area");
        }
        let Some(files) = volume.files.as_ref() else { continue };
        let mount = if Some(index) == root { Some("/".to_owned()) } else { fstab::mount_of(&lines, volume) };
        look_at(&mut seeker, &Tree { files, partition: volume.number(), mount });
    }
    for line in &lines {
        if fstab::is_missing(line, volumes) {
            let partition = root.and_then(|root| volumes[root].number());
            seeker.add(&rules::FSTAB_MISSING_DISK, partition, &format!("/etc/fstab: {}", line.device));
        }
    }
    let system = root.map(|root| &volumes[root]).or_else(|| windows::system(volumes).map(|(volume, _)| volume));
    if report.facts.root_free_bytes.known().is_some_and(|bytes| *bytes < LOW_SPACE_BYTES) {
        seeker.add(&rules::LOW_SPACE, system.and_then(Volume::number), "/");
    }
    match report.windows.as_ref().map(|windows| windows.state) {
        Some(WindowsState::NotGeneralized) => {
            seeker.add(&rules::WINDOWS_NOT_GENERALIZED, system.and_then(Volume::number), "/Windows");
        }
        Some(WindowsState::Unknown) => {
            seeker.add(&rules::WINDOWS_UNREADABLE, system.and_then(Volume::number), "/Windows");
        }
        Some(WindowsState::Generalized) | None => {}
    }
    seeker.findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    report.findings = seeker.findings;
    report.has_more_findings = seeker.has_more;
}

fn look_at(seeker: &mut Seeker, tree: &Tree<'_>) {
    for place in SYSTEM {
        if let Some(pattern) = tree.inside(place.0) {
            look_for(seeker, tree, &pattern, place);
        }
    }
    for home in tree.homes() {
        for place in HOME {
            look_for(seeker, tree, &format!("{home}{}", place.0), place);
        }
    }
    if let Some(folder) = tree.inside("/etc") {
        for (rule, place) in accounts::look(tree.files, &folder) {
            seeker.add(rule, tree.partition, &place);
        }
    }
    if windows::is_hibernated(tree.files) {
        seeker.add(&rules::HIBERNATION, tree.partition, "/hiberfil.sys");
    }
}

fn look_for(seeker: &mut Seeker, tree: &Tree<'_>, pattern: &str, (_, test, rule): &'static Place) {
    for path in tree.files.places(pattern) {
        if !holds(tree.files, &path, *test) {
            continue;
        }
        match (test, path.rsplit_once('/')) {
            (Test::Any, Some((folder, _))) => seeker.add(rule, tree.partition, folder),
            _ => seeker.add(rule, tree.partition, &path),
        }
    }
}

fn holds(files: &Files, path: &str, test: Test) -> bool {
    let Ok(stat) = files.stat(path) else { return false };
    if matches!(test, Test::Any | Test::Exists) {
        return true;
    }
    if stat.kind != Kind::File || stat.size_bytes == 0 {
        return false;
    }
    let bytes = files.read(path, 0, LOOK_BYTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let holds = match test {
        Test::HasContent => text.contains(|c: char| !c.is_whitespace()),
        Test::PrivateKey => ["PRIVATE KEY-----", "PuTTY-User-Key-File"].iter().any(|sign| text.contains(sign)),
        Test::Says(words) => {
            let text = text.to_lowercase();
            let mut lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
            lines.any(|line| words.iter().any(|word| line.contains(word)))
        }
        Test::MachineId => !stat.is_link && !["", "uninitialized"].contains(&text.trim()),
        Test::Any | Test::Exists => true,
    };
    // The rest of the file could still hold it.
    if !holds && stat.size_bytes > LOOK_BYTES as u64 {
        files.is_too_long(path, LOOK_BYTES);
    }
    holds
}

impl Tree<'_> {
    /// Where a path of the system lies in this volume; `None` when it lies in another.
    fn inside(&self, path: &str) -> Option<String> {
        match self.mount.as_deref() {
            None | Some("/") => Some(path.to_owned()),
            Some(mount) => path.strip_prefix(mount).filter(|rest| rest.starts_with('/')).map(str::to_owned),
        }
    }

    /// The folders that are somebody's home, or may be.
    fn homes(&self) -> Vec<String> {
        let patterns: &[&str] = match self.mount.as_deref() {
            Some("/") => &["/root", "/home/*"],
            Some("/home") => &["/*"],
            Some("/root") => return vec![String::new()],
            Some(_) => &[],
            None => &["/*", "/home/*", "/Users/*"],
        };
        let mut homes: Vec<String> = patterns.iter().flat_map(|pattern| self.files.places(pattern)).collect();
        homes.retain(|home| self.files.has_folder(home));
        if self.mount.is_none() {
            homes.push(String::new());
        }
        if homes.len() > MAX_HOMES {
            let mount = self.mount.as_deref().unwrap_or("/");
            self.files.meet(Bound::Homes, mount, &format!("has more than the {MAX_HOMES} homes that are looked into"));
            homes.truncate(MAX_HOMES);
        }
        homes
    }
}
