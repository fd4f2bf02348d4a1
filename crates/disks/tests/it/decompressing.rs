//! Compressed files, honest and not.

use std::io::{self, Read, Write as _};
use std::process::{Command, Stdio};

use disks::{Compression, Decoder, Rejection, Rule};

use crate::support::sample_disk;

const ALL: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Xz, Compression::Bzip2];

/// The output of the usual program for bytes that come piece by piece.
fn compressed(compression: Compression, options: &[&str], pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let program = compression.to_string();
    let mut child = Command::new(&program)
        .args(["-c"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed by this test: {error}"));
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).unwrap();
        bytes
    });
    pieces.for_each(|piece| stdin.write_all(&piece).unwrap());
    drop(stdin);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap()
}

fn sample(compression: Compression) -> Vec<u8> {
    compressed(compression, &[], [sample_disk()].into_iter())
}

/// Everything that comes out, or the refusal and how much came before it.
fn decoded(compression: Compression, source: impl Read, limit: u64) -> Result<Vec<u8>, (Rejection, usize)> {
    let mut decoder = Decoder::new(compression, source, limit).unwrap();
    let (mut all, mut buf) = (Vec::new(), vec![0; 100_000]);
    loop {
        match decoder.read(&mut buf) {
            Ok(0) => return Ok(all),
            Ok(len) => all.extend_from_slice(&buf[..len]),
            Err(refused) => {
                assert_eq!(decoder.read(&mut buf), Err(refused.clone()), "what is refused stays refused");
                return Err((refused, all.len()));
            }
        }
    }
}

fn refused(compression: Compression, source: &[u8]) -> Rule {
    decoded(compression, source, 1 << 30).map(|all| panic!("{} bytes", all.len())).unwrap_err().0.rule
}

#[test]
fn compressed_files_come_out_as_they_were() {
    for compression in ALL {
        let file = sample(compression);
        assert_eq!(Compression::of_head(&file), Some(compression));
        assert!(decoded(compression, &file[..], 4 << 20).unwrap() == sample_disk(), "{compression}");
        // Parts that were compressed on their own and put together, as parallel programs write them.
        let parts = [&file[..], &file[..]].concat();
        assert_eq!(decoded(compression, &parts[..], 8 << 20).unwrap().len(), 8 << 20, "{compression}");
        let little = compressed(compression, &[], [b"ab".to_vec()].into_iter());
        assert_eq!(decoded(compression, &little[..], 2).unwrap(), b"ab");
        let nothing = compressed(compression, &[], std::iter::empty());
        assert_eq!(decoded(compression, &nothing[..], 0).unwrap(), b"");
    }
    let long = compressed(Compression::Zstd, &["--long=26"], [sample_disk()].into_iter());
    assert!(decoded(Compression::Zstd, &long[..], 4 << 20).unwrap() == sample_disk());
}

#[test]
fn output_ends_at_its_limit() {
    for compression in ALL {
        let file = sample(compression);
        let (refused, before) = decoded(compression, &file[..], (4 << 20) - 1).unwrap_err();
        assert_eq!(refused.rule, Rule::TooLarge);
        assert!(before < 4 << 20);
    }
}

#[test]
fn compressed_bytes_that_are_cut_or_damaged_never_end_well() {
    for compression in ALL {
        let file = sample(compression);
        for len in [0, 1, 5, 11, 100, file.len() / 2, file.len() - 9, file.len() - 1] {
            let rule = refused(compression, &file[..len]);
            assert!(matches!(rule, Rule::Truncated | Rule::Corrupt), "{compression} cut at {len}: {rule}");
        }
        for at in [3, 60_000, file.len() - 5] {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            let rule = refused(compression, &damaged);
            assert!(matches!(rule, Rule::Truncated | Rule::Corrupt), "{compression} {at}: {rule}");
        }
        let rest = [&file[..], b"and more"].concat();
        let rule = refused(compression, &rest);
        assert!(matches!(rule, Rule::Truncated | Rule::Corrupt), "{compression} with a rest: {rule}");
    }
}

#[test]
fn files_compressed_twice_are_refused() {
    for outer in ALL {
        for inner in ALL {
            let file = compressed(outer, &[], [sample(inner)].into_iter());
            let (refused, before) = decoded(outer, &file[..], 1 << 30).unwrap_err();
            assert_eq!((refused.rule, before), (Rule::UnsupportedFeature, 0), "{inner} in {outer}");
        }
    }
}

#[test]
fn windows_of_more_than_64_mib_are_refused_before_they_are_there() {
    // A frame that states a window of 2 GiB, and a block with a dictionary of 1.5 GiB.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0, 0];
    assert_eq!(refused(Compression::Zstd, &zstd), Rule::UnsupportedFeature);
    let xz = compressed(Compression::Xz, &["--lzma2=dict=128MiB"], [sample_disk()].into_iter());
    assert_eq!(refused(Compression::Xz, &xz), Rule::UnsupportedFeature);
    let xz = compressed(Compression::Xz, &["-9"], [sample_disk()].into_iter());
    assert!(decoded(Compression::Xz, &xz[..], 4 << 20).is_ok());
}

#[test]
fn bombs_are_given_up_by_their_growth() {
    let zeroes = std::iter::repeat_n(vec![0; 16 << 20], 100);
    let bomb = compressed(Compression::Zstd, &[], zeroes);
    let mut decoder = Decoder::new(Compression::Zstd, &bomb[..], 1 << 40).unwrap();
    let (mut buf, mut given) = (vec![0; 1 << 20], 0);
    let refused = loop {
        match decoder.read(&mut buf) {
            Ok(0) => panic!("{} bytes became {given}", bomb.len()),
            Ok(len) => given += len,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.rule, Rule::Amplification);
    assert!((1 << 30..(1 << 30) + 2000 * bomb.len() + (1 << 20)).contains(&given));
}

#[test]
fn a_source_that_fails_is_no_fault_of_the_file() {
    struct Fails(usize);
    impl Read for Fails {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0 {
                0 => Err(io::Error::other("the line is cut")),
                _ => {
                    self.0 -= 1;
                    buf[0] = [0x1f, 0x8b, 8][2 - self.0];
                    Ok(1)
                }
            }
        }
    }
    let (refused, _) = decoded(Compression::Gzip, Fails(3), 1 << 20).unwrap_err();
    assert_eq!(refused.rule, Rule::Unreadable);
}
