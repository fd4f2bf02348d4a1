//! qcow2 files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| effigy_fuzz::judge(disks::Format::Qcow2, &bytes));
