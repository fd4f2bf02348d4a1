//! Files in gzip, zstd and xz.
#![no_main]
use disks::{Compression, Decoder};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(compression) = Compression::of_head(bytes) else { return };
    let mut decoder = Decoder::new(compression, bytes, 16 << 20).expect("memory for a decoder");
    let (mut buf, mut given) = (vec![0; 64 << 10], 0);
    while let Ok(len @ 1..) = decoder.read(&mut buf) {
        given += len;
    }
    assert!(given <= 16 << 20, "output ends at its limit");
});
