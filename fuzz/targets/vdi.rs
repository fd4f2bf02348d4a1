//! VDI files: the header and the map.
#![no_main]
use effigy_fuzz::{Pieces, judge};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    judge(disks::Format::Vdi, &Pieces::of((4 << 20) + 1024, &[(0, 1024)], bytes));
});
