//! VHDX files: the headers, the regions, the block table and the metadata.
#![no_main]
use effigy_fuzz::{Pieces, judge, sum_vhdx};

const PLACES: [(u64, usize); 7] = [
    (0, 64),
    (0x1_0000, 128),
    (0x2_0000, 128),
    (0x3_0000, 256),
    (0x20_0000, 256),
    (0x30_0000, 512),
    (0x31_0000, 128),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = Pieces::of(16 << 20, &PLACES, bytes);
    for header in [1, 2] {
        sum_vhdx(&mut file.pieces[header].1, 4096);
    }
    sum_vhdx(&mut file.pieces[3].1, 64 << 10);
    judge(disks::Format::Vhdx, &file);
});
