//! Damaged disks: whatever is changed, there is an answer, in bounded time, and never a crash.

use std::time::{Duration, Instant};

use guest::{Limits, Scope, WindowsState};
use proptest::prelude::*;

use crate::support::{Around, System, Tree, look, windows};

/// Longer than any look at these small disks may take, on a busy machine without optimisation.
const PATIENCE: Duration = Duration::from_secs(60);

/// Places where a change hurts: the table, and wherever something of a file system's own lies.
fn structures(disk: &[u8]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..4096).collect();
    let signs: [&[u8]; 6] = [b"FILE", b"INDX", b"RSTR", b"regf", b"hbin", b"EFI PART"];
    for at in (0..disk.len()).step_by(512) {
        if signs.iter().any(|sign| disk[at..].starts_with(sign)) {
            places.extend(at..at + 512);
        }
    }
    places
}

fn damaged(disk: &[u8], changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let places = structures(disk);
    let mut disk = disk.to_vec();
    for (place, value) in changes {
        disk[places[place.index(places.len())]] = *value;
    }
    disk
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24)
}

fn answers_soon(disk: Vec<u8>) -> guest::Report {
    let began = Instant::now();
    let limits = Limits { time: Duration::from_secs(5), read_bytes: 1 << 30 };
    let report = guest::inspect(Box::new(disk), Scope::Everything, limits);
    assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
    report
}

fn original(name: &str) -> Vec<u8> {
    match name {
        "ext4" => Tree::linux().disk(System::Ext4, Around::Mbr),
        "fat" => {
            let tree = Tree::linux();
            tree.file("/home/ann/.ssh/id_rsa", "x");
            tree.disk(System::Fat, Around::Gpt)
        }
        windows_disk => windows(windows_disk),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_windows_is_never_called_generalized_when_it_is_not(changes in changes()) {
        let report = answers_soon(damaged(&original("complete-gpt.raw"), &changes));
        // A change may hide the whole volume, as one of the table does; it may not make it ready.
        let state = report.windows.map(|windows| windows.state);
        prop_assert_ne!(state, Some(WindowsState::Generalized));
    }

    #[test]
    fn a_damaged_linux_has_an_answer(changes in changes()) {
        answers_soon(damaged(&original("ext4"), &changes));
    }

    #[test]
    fn a_damaged_fat_has_an_answer(changes in changes()) {
        answers_soon(damaged(&original("fat"), &changes));
    }

    #[test]
    fn noise_has_an_answer(noise in prop::collection::vec(any::<u8>(), 0..70_000)) {
        answers_soon(noise);
    }
}

#[test]
fn every_byte_of_a_hives_beginning_matters_to_nobody_but_its_reader() {
    let disk = windows("generalized.raw");
    let hive = (0..disk.len()).step_by(512).find(|at| disk[*at..].starts_with(b"regf")).unwrap();
    for at in (0..512).step_by(7).chain((4096..4400).step_by(5)) {
        let mut disk = disk.clone();
        disk[hive + at] ^= 0xff;
        let state = look(disk).windows.map(|windows| windows.state);
        assert!(matches!(state, Some(WindowsState::Unknown | WindowsState::Generalized)), "byte {at}: {state:?}");
    }
}

#[test]
fn cut_disks_have_an_answer() {
    for name in ["complete-gpt.raw", "ext4", "fat"] {
        let disk = original(name);
        for part in 1..24 {
            answers_soon(disk[..disk.len() * part / 24].to_vec());
        }
    }
}
