//! Raw files and ISO images: the signatures of all formats.
#![no_main]
use disks::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    effigy_fuzz::judge(Format::Raw, &bytes);
    effigy_fuzz::judge(Format::Iso, &bytes);
});
