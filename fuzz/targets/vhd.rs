//! VHD files, dynamic: the footer, the header and the block table; and fixed: the footer.
#![no_main]
use disks::Format;
use effigy_fuzz::{Pieces, judge, sum_vhd};

const FILE_BYTES: u64 = 2048 + (512 + (2 << 20)) * 2 + 512;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut dynamic = Pieces::of(FILE_BYTES, &[(0, 512), (512, 1024), (1536, 512)], bytes);
    sum_vhd(&mut dynamic.pieces[0].1, 64);
    sum_vhd(&mut dynamic.pieces[1].1, 36);
    let footer = dynamic.pieces[0].1.clone();
    dynamic.pieces.push((FILE_BYTES - 512, footer.clone()));
    judge(Format::Vhd, &dynamic);
    let at = (4 << 20) - 512;
    judge(Format::Vhd, &Pieces { size_bytes: 4 << 20, pieces: vec![(at, footer)] });
});
