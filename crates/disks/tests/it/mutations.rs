//! Files broken at random: any verdict will do, as long as there is one, soon, and as long as what
//! is accepted can be read.

use std::time::{Duration, Instant};

use disks::qcow2::{File, Kind, Rules};
use disks::{Format, ReadAt, check};
use proptest::prelude::*;

use crate::support::{Folder, LIMITS, sample};

/// A verdict on a broken file of a few hundred kilobytes; generous, for busy machines.
const SOON: Duration = Duration::from_secs(1);

const KINDS: &[&[&str]] = &[
    &[],
    &["-o", "compat=0.10"],
    &["-c"],
    &["-c", "-o", "compression_type=zstd"],
    &["-o", "extended_l2=on,cluster_size=32k"],
    &["-o", "cluster_size=512"],
    &["-c", "-o", "cluster_size=4k"],
];

/// One change: where (a table or anywhere), and what is written.
#[derive(Debug, Clone)]
struct Change {
    place: Place,
    word: u64,
    len: usize,
}

#[derive(Debug, Clone)]
enum Place {
    Header(usize),
    Table(usize, usize),
    Anywhere(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = prop_oneof![
        (0..128_usize).prop_map(Place::Header),
        (0..3_usize, 0..4096_usize).prop_map(|(table, at)| Place::Table(table, at)),
        any::<usize>().prop_map(Place::Anywhere),
    ];
    let word = prop_oneof![
        any::<u64>(),
        (0..64_u32).prop_map(|bit| 1 << bit),
        (0..64_u64).prop_map(|cluster| cluster << 16),
        (0..64_u64).prop_map(|cluster| cluster << 16 | 1 << 63),
        (0..1_u64 << 20).prop_map(|offset| offset | 1 << 62),
        Just(u64::MAX),
        Just(0),
    ];
    (place, word, 1..=8_usize).prop_map(|(place, word, len)| Change { place, word, len })
}

fn apply(file: &mut [u8], change: &Change) {
    let word = |at: usize| {
        let raw = file.get(at..).and_then(|rest| rest.first_chunk::<8>());
        raw.map_or(0, |raw| u64::from_be_bytes(*raw))
    };
    let l1 = word(40) as usize;
    let l2 = word(l1) as usize & 0xff_ffff_fe00;
    let at = match change.place {
        Place::Header(at) => at,
        Place::Table(0, at) => l1.wrapping_add(at & !7),
        Place::Table(1, at) => l2.wrapping_add(at & !7),
        Place::Table(_, at) => (word(48) as usize).wrapping_add(at & !7),
        Place::Anywhere(at) => at,
    } % file.len();
    let len = change.len.min(file.len() - at);
    file[at..at + len].copy_from_slice(&change.word.to_be_bytes()[8 - len..]);
}

/// Reads what an accepted file has: data in the file, each byte for one place, zeroes elsewhere.
fn read_all(file: &Vec<u8>) {
    let qcow2 = File::open(file, Rules::Upload).unwrap();
    let mut data_bytes = 0;
    for extent in qcow2.extents(0..qcow2.virtual_size_bytes()).take(100_000) {
        let extent = extent.unwrap();
        match extent.kind {
            Kind::Data { file_offset } => {
                data_bytes += extent.len;
                assert!(file_offset + extent.len <= file.size_bytes());
            }
            Kind::Compressed { .. } => {
                if let Ok(cluster) = qcow2.read_compressed(&extent) {
                    assert!(cluster.len() as u64 <= qcow2.cluster_bytes());
                }
            }
            Kind::Unallocated | Kind::Zero => {}
        }
    }
    assert!(data_bytes <= file.size_bytes(), "no byte is the disk's twice");
}

#[test]
fn broken_files_get_a_verdict_soon() {
    let folder = Folder::new();
    let files: Vec<_> = KINDS.iter().map(|options| sample(&folder, options)).collect();
    let cases = ProptestConfig { cases: 8000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(kind in 0..files.len(), changes in proptest::collection::vec(change(), 1..6), cut in 0..2000_usize)| {
        let mut file = files[kind].clone();
        changes.iter().for_each(|change| apply(&mut file, change));
        file.truncate(file.len() - cut.saturating_sub(1000) * (file.len() / 1000));
        let begin = Instant::now();
        let accepted = [Format::Raw, Format::Qcow2, Format::Vmdk].map(|declared| check(declared, &file, &LIMITS).is_ok());
        prop_assert!(begin.elapsed() < SOON, "the verdict took {:?}", begin.elapsed());
        let is_overlay = File::open(&file, Rules::Overlay).is_ok();
        if accepted[1] {
            read_all(&file);
        } else {
            prop_assert!(!is_overlay, "an overlay breaks no rule of uploads");
        }
    });
}
