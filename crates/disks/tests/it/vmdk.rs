//! VMDK files that lie.

use disks::{Format, Kind, Limits, Rule, check};

use crate::support::{Folder, LIMITS, disk_in, le32, made, put, refusal, refused_wherever_cut, rule_after};

fn sparse() -> Vec<u8> {
    made("vmdk", &["-o", "subformat=monolithicSparse"])
}

fn stream() -> Vec<u8> {
    made("vmdk", &["-o", "subformat=streamOptimized"])
}

/// A stream as VMware writes it: the directory's place is in a footer.
fn footed() -> Vec<u8> {
    let mut file = stream();
    let mut footer = file[..512].to_vec();
    put(&mut file, 56, [0xff; 8]);
    let mut marker = [0; 512];
    put(&mut marker, 0, [1]);
    put(&mut marker, 12, [3]);
    file.resize(file.len().next_multiple_of(512), 0);
    file.extend_from_slice(&marker);
    footer.resize(512, 0);
    file.extend_from_slice(&footer);
    file.extend_from_slice(&[0; 512]);
    file
}

fn after(change: impl FnOnce(&mut Vec<u8>)) -> Rule {
    rule_after(Format::Vmdk, &sparse(), change)
}

/// Replaces the descriptor.
fn describe(file: &mut [u8], text: &str) {
    file[512..512 * 21].fill(0);
    put(file, 512, text);
}

fn descriptor(file: &[u8]) -> String {
    let text = &file[512..512 * 21];
    String::from_utf8(text.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
}

/// The rule that a sample breaks after a change of its descriptor.
fn described(change: impl FnOnce(String) -> String) -> Rule {
    after(|file| {
        let text = change(descriptor(file));
        describe(file, &text);
    })
}

/// Where the first grain table of a sample is.
fn table(file: &[u8]) -> usize {
    let directory = le32(file, 56) as usize * 512;
    le32(file, directory) as usize * 512
}

/// Where the table's entries that have a grain are.
fn grains(file: &[u8]) -> Vec<usize> {
    let table = table(file);
    (0..64).map(|index| table + 4 * index).filter(|at| le32(file, *at) != 0).collect()
}

#[test]
fn every_create_type_in_several_files_is_refused() {
    let folder = Folder::new();
    folder.write("src.raw", &crate::support::sample_disk());
    for kind in ["monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] {
        let subformat = format!("subformat={kind}");
        folder.qemu_img(&["convert", "-f", "raw", "-O", "vmdk", "-o", &subformat, "src.raw", "disk.vmdk"]);
        let refused = refusal(Format::Vmdk, &folder.read("disk.vmdk"));
        assert_eq!(refused.rule, Rule::ExternalReference, "{kind}");
        assert!(refused.remedy.contains("one file"), "{refused}");
    }
    // One of the files that the text names: sparse, with no text of its own.
    assert_eq!(refusal(Format::Vmdk, &folder.read("disk-f001.vmdk")).rule, Rule::FormatMismatch);
    folder.qemu_img(&[
        "convert",
        "-f",
        "raw",
        "-O",
        "vmdk",
        "-o",
        "subformat=twoGbMaxExtentSparse",
        "src.raw",
        "two.vmdk",
    ]);
    assert_eq!(refusal(Format::Vmdk, &folder.read("two-s001.vmdk")).rule, Rule::ExternalReference);
    for kind in ["vmfs", "fullDevice", "custom", "vmfsThin", "2GbMaxExtentSparse"] {
        let rule = described(|text| text.replace("monolithicSparse", kind));
        assert_eq!(rule, Rule::ExternalReference, "{kind}");
    }
    assert_eq!(described(|text| text.replace("createType", "kind")), Rule::ExternalReference);
    assert_eq!(described(|text| text.replace("monolithicSparse", "streamOptimized")), Rule::Corrupt);
    assert_eq!(after(|file| put(file, 0, b"COWD")), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 0, b"\xbe\xba\xfe\xca\0\0\0\0")), Rule::UnsupportedFeature);
}

#[test]
fn an_extent_that_is_not_the_file_itself_is_refused() {
    for name in
        ["/etc/passwd", "../other.vmdk", "a/b", "C:\\\\disk.vmdk", "\\\\\\\\host\\\\share", "nbd:host", "", ".", ".."]
    {
        let text = format!(
            "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\nRW 8192 SPARSE \"{name}\"\n"
        );
        assert_eq!(described(|_| text), Rule::ExternalReference, "{name}");
    }
    for extent in ["RW 8192 FLAT \"a.vmdk\" 0", "RW 8192 VMFS \"a.vmdk\"", "RW 8192 ZERO", "NOACCESS 8192 FLAT \"x\" 0"]
    {
        let rule = described(|text| text.replace("RW 8192 SPARSE", &format!("{extent}\n#")));
        assert_eq!(rule, Rule::ExternalReference, "{extent}");
    }
    let two = described(|text| text.replace("RW 8192", "RW 8192 SPARSE \"other.vmdk\"\nRW 8192"));
    assert_eq!(two, Rule::ExternalReference);
    assert_eq!(described(|text| text.replace("RW 8192", "RW 8193")), Rule::Corrupt);
    assert_eq!(described(|text| text.replace("RW 8192", "#")), Rule::Corrupt);
}

#[test]
fn a_parent_of_a_vmdk_is_refused_in_any_case_and_with_any_line_ends() {
    for line in ["parentFileNameHint=\"/etc/passwd\"", "PARENTFILENAMEHINT=\"x\"", "parentfilenamehint=\"\""] {
        for ends in ["\n", "\r\n"] {
            let rule = described(|text| text.replace("# Extent", &format!("{line}\n# Extent")).replace('\n', ends));
            assert_eq!(rule, Rule::ExternalReference, "{line}");
        }
    }
    assert_eq!(described(|text| text.replace("ffffffff", "12345678")), Rule::ExternalReference);
    let mut file = sparse();
    let windows = descriptor(&file).replace('\n', "\r\n").to_uppercase();
    describe(&mut file, &windows);
    assert!(check(Format::Vmdk, &file, &LIMITS).is_ok());
}

#[test]
fn a_descriptor_that_other_readers_may_read_otherwise_is_refused() {
    assert_eq!(described(|text| format!("{text}what is this\n")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}createType = \"vmfs\"\n")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}createType=\"vmfs\"\n")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}a=1\u{1b}[2J\n")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}a=é\n")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}encryption.keySafe=\"x\"\n")), Rule::Encrypted);
    assert_eq!(after(|file| put(file, 28, [0; 8])), Rule::ExternalReference, "the text is in another file");
    assert_eq!(after(|file| put(file, 28, [2])), Rule::Corrupt);
    assert_eq!(after(|file| put(file, 36, [0xff; 8])), Rule::Corrupt);
    assert_eq!(
        after(|file| put(file, 12, [0; 8])),
        Rule::ExternalReference,
        "a disk of nothing is what the text names"
    );
}

/// The sample with another name of its own and an encoding, as bytes.
fn named(encoding: &str, name: &[u8]) -> Vec<u8> {
    let mut file = sparse();
    let text = descriptor(&file).replace("version=1", &format!("version=1\nencoding=\"{encoding}\""));
    let (before, after) = text.split_once("SPARSE \"").unwrap();
    let after = after.split_once('"').unwrap().1;
    let text = [before.as_bytes(), b"SPARSE \"", name, b"\"", after.as_bytes()].concat();
    file[512..512 * 21].fill(0);
    put(&mut file, 512, text);
    file
}

#[test]
fn a_name_may_be_of_any_code_page() {
    for (encoding, name) in [
        ("UTF-8", "\u{d55c}\u{ad6d}\u{c5b4}.vmdk".as_bytes()),
        ("windows-949", b"\xc7\xd1\xb1\xb9.vmdk"),
        ("windows-1252", b"d\xefsk.vmdk"),
        ("Shift_JIS", b"\x95\x5c.vmdk"),
        ("GBK", b"\x81\x5c.vmdk"),
    ] {
        let verdict = check(Format::Vmdk, &named(encoding, name), &LIMITS);
        assert!(verdict.is_ok(), "{encoding}: {verdict:?}");
    }
    for (encoding, name) in [
        ("UTF-8", &b"\x95\x5c.vmdk"[..]),
        ("windows-1252", b"\xef/x"),
        ("Shift_JIS", b"\x95\x5c\x5cx"),
        ("GBK", b"\x81/x/y"),
    ] {
        assert_eq!(refusal(Format::Vmdk, &named(encoding, name)).rule, Rule::ExternalReference, "{encoding}");
    }
}

#[test]
fn a_second_descriptor_behind_the_first_is_refused() {
    let text = descriptor(&sparse());
    assert_eq!(described(|text| format!("{text}{text}")), Rule::Corrupt);
    assert_eq!(described(|text| format!("{text}# Disk DescriptorFile\n")), Rule::Corrupt);
    let behind = |second: &str| after(|file| put(file, 512 * 11, second));
    assert_eq!(behind(&text), Rule::Corrupt);
    assert_eq!(behind("parentFileNameHint=\"/etc/passwd\""), Rule::Corrupt);
    // QEMU reads on where the header says that the text ends.
    let rule = after(|file| {
        let end = 512 + descriptor(file).len();
        file[end..1536].fill(b'\n');
        put(file, 1536, "parentFileNameHint=\"/etc/passwd\"\n");
        put(file, 36, [2]);
    });
    assert_eq!(rule, Rule::Corrupt);
}

#[test]
fn impossible_vmdk_header_fields_are_refused() {
    assert_eq!(after(|file| put(file, 4, [4])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 4, [0])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 10, [1])), Rule::Corrupt, "compressed without an algorithm");
    assert_eq!(after(|file| put(file, 77, [1])), Rule::Corrupt);
    assert_eq!(after(|file| put(file, 77, [2])), Rule::UnsupportedFeature);
    assert_eq!(rule_after(Format::Vmdk, &stream(), |file| put(file, 10, [1])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 72, [1])), Rule::Corrupt, "not closed");
    assert_eq!(after(|file| put(file, 75, b"\n")), Rule::Corrupt, "sent as text");
    for grain in [0_u64, 1, 4, 127, 8192, 1 << 40, u64::MAX] {
        assert_eq!(after(|file| put(file, 20, grain.to_le_bytes())), Rule::Corrupt, "{grain}");
    }
    for entries in [0_u32, 1, 513, u32::MAX] {
        assert_eq!(after(|file| put(file, 44, entries.to_le_bytes())), Rule::Corrupt);
    }
    assert_eq!(after(|file| put(file, 64, [0xff; 8])), Rule::Truncated);
    for bits in 31..64 {
        let rule = after(|file| put(file, 12, (1_u64 << bits).to_le_bytes()));
        assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt | Rule::UnsupportedFeature), "{bits}: {rule}");
    }
    let small = Limits { virtual_size_bytes: 1 << 20 };
    assert_eq!(check(Format::Vmdk, &sparse(), &small).unwrap_err().rule, Rule::TooLarge);
}

#[test]
fn vmdk_tables_and_grains_that_are_not_where_they_can_be_are_refused() {
    let corrupt: &[fn(&mut Vec<u8>)] = &[
        |file| put(file, 56, [0; 8]),
        |file| put(file, 56, [1, 0, 0, 0]),
        |file| put(file, 56, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        |file| put(file, 56, [0xff; 8]),
        |file| {
            let directory = le32(file, 56) as usize * 512;
            put(file, directory, [1, 0, 0, 0]);
        },
        |file| {
            let directory = le32(file, 56) as usize * 512;
            put(file, directory, [0xff; 4]);
        },
        |file| {
            let grain = grains(file)[0];
            put(file, grain, [0xff; 4]);
        },
        |file| {
            let grain = grains(file)[0];
            put(file, grain, [1, 0, 0, 0]);
        },
        |file| {
            let (grain, table) = (grains(file)[0], table(file) / 512);
            put(file, grain, (table as u32 - 3).to_le_bytes());
        },
    ];
    for (index, change) in corrupt.iter().enumerate() {
        assert_eq!(after(change), Rule::Corrupt, "change {index}");
    }
    let twice = |file: &mut Vec<u8>| {
        let places = grains(file);
        file.copy_within(places[0]..places[0] + 4, places[1]);
    };
    assert_eq!(after(twice), Rule::Amplification);
    assert_eq!(rule_after(Format::Vmdk, &stream(), twice), Rule::Amplification);
    let nearly = |file: &mut Vec<u8>| {
        twice(file);
        let other = grains(file)[1];
        file[other] += 1;
    };
    assert_eq!(after(nearly), Rule::Amplification);
}

#[test]
fn one_grain_table_used_twice_is_an_amplification() {
    let folder = Folder::new();
    folder.qemu_img(&["create", "-q", "-f", "vmdk", "-o", "subformat=monolithicSparse", "large.vmdk", "1G"]);
    folder.qemu_io_as("vmdk", "large.vmdk", &["write -P 1 0 64k".to_owned()]);
    let mut file = folder.read("large.vmdk");
    let directory = le32(&file, 56) as usize * 512;
    file.copy_within(directory..directory + 4, directory + 4);
    assert_eq!(refusal(Format::Vmdk, &file).rule, Rule::Amplification);
}

#[test]
fn a_stream_with_a_footer_is_the_disk_that_qemu_sees() {
    let folder = Folder::new();
    let file = footed();
    folder.write("footed.vmdk", &file);
    assert!(disk_in(Format::Vmdk, &file) == folder.qemu_disk_as("vmdk", "footed.vmdk"));
}

#[test]
fn a_footer_that_differs_from_the_header_in_any_field_is_refused() {
    let file = footed();
    let footer = file.len() - 1024;
    for at in (0..512).filter(|at| !(56..64).contains(at)) {
        let rule = rule_after(Format::Vmdk, &file, |file| file[footer + at] ^= 1);
        assert_eq!(rule, Rule::Corrupt, "byte {at}");
    }
    assert_eq!(rule_after(Format::Vmdk, &file, |file| put(file, footer + 56, [0xff; 8])), Rule::Corrupt);
    assert_eq!(rule_after(Format::Vmdk, &file, |file| put(file, footer + 56, [1])), Rule::Corrupt);
    for (at, byte) in [(footer - 512 + 12, 2), (footer - 512 + 8, 1), (footer - 512 + 100, 1), (footer + 512, 1)] {
        assert_eq!(rule_after(Format::Vmdk, &file, |file| file[at] = byte), Rule::Truncated);
    }
    assert_eq!(rule_after(Format::Vmdk, &file, |file| file.truncate(footer)), Rule::Truncated);
    assert_eq!(rule_after(Format::Vmdk, &file, |file| file.push(0)), Rule::Truncated);
}

/// The rule that the first compressed grain breaks when it is inflated after a change of the bytes at its place.
fn inflated_after(change: impl FnOnce(&mut Vec<u8>, usize)) -> Rule {
    let mut file = stream();
    let grain = le32(&file, grains(&file)[0]) as usize * 512;
    change(&mut file, grain);
    let image = disks::open(Format::Vmdk, &file, &LIMITS).unwrap();
    let first = image.extents().map(Result::unwrap).find(|extent| matches!(extent.kind, Kind::Compressed { .. }));
    image.inflate(&first.unwrap()).unwrap_err().rule
}

#[test]
fn compressed_grains_that_lie_are_found_when_the_disk_is_made() {
    assert_eq!(inflated_after(|file, grain| file[grain] ^= 1), Rule::Corrupt, "for another place");
    assert_eq!(inflated_after(|file, grain| put(file, grain + 8, [0; 4])), Rule::Corrupt);
    assert_eq!(inflated_after(|file, grain| put(file, grain + 8, [0xff; 4])), Rule::Corrupt);
    assert_eq!(inflated_after(|file, grain| put(file, grain + 8, [9, 0, 0, 0])), Rule::Corrupt, "cut off");
    assert_eq!(inflated_after(|file, grain| put(file, grain + 14, [0xff; 40])), Rule::Corrupt);
    let wrong_sum = |file: &mut Vec<u8>, grain: usize| {
        let end = grain + 12 + le32(file, grain + 8) as usize;
        file[end - 1] ^= 1;
    };
    assert_eq!(inflated_after(wrong_sum), Rule::Corrupt, "the sum of the bytes is another");
}

#[test]
fn a_vmdk_is_refused_wherever_it_is_cut() {
    refused_wherever_cut(Format::Vmdk, &sparse(), 4);
    // Where a stream's last grain ends is in the grain.
    let mut file = stream();
    let last = grains(&file).into_iter().map(|at| le32(&file, at) as usize * 512).max().unwrap();
    refused_wherever_cut(Format::Vmdk, &file[..last + 512], 4);
    file.truncate(last + 512);
    if let Ok(image) = disks::open(Format::Vmdk, &file, &LIMITS) {
        let broken =
            image.extents().map(Result::unwrap).filter(|extent| matches!(extent.kind, Kind::Compressed { .. }));
        let broken: Vec<_> = broken.filter_map(|extent| image.inflate(&extent).err()).collect();
        assert!(broken.iter().all(|refused| refused.rule == Rule::Truncated), "{broken:?}");
    }
}
