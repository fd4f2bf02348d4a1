//! VDI files that lie.

use disks::{Format, Rule};

use crate::support::{le32, made, put, refusal, refused_wherever_cut, rule_after};

fn sample() -> Vec<u8> {
    made("vdi", &[])
}

fn after(change: impl FnOnce(&mut Vec<u8>)) -> Rule {
    rule_after(Format::Vdi, &sample(), change)
}

const MAP: usize = 512;

#[test]
fn a_parent_of_a_vdi_is_refused_by_its_type_and_by_its_name() {
    for kind in [3_u32, 4] {
        assert_eq!(after(|file| put(file, 0x4c, kind.to_le_bytes())), Rule::ExternalReference);
    }
    for uuid in [0x1a8, 0x1b8] {
        assert_eq!(after(|file| put(file, uuid + 7, [1])), Rule::ExternalReference);
    }
    assert_eq!(after(|file| put(file, 0x4c, [9])), Rule::UnsupportedFeature);
}

#[test]
fn other_versions_and_blocks_of_a_vdi_are_refused() {
    assert_eq!(after(|file| put(file, 0x44, [0, 0, 0, 0])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 0x178, (2_u32 << 20).to_le_bytes())), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 0x17c, [8])), Rule::UnsupportedFeature);
    assert_eq!(after(|file| put(file, 0x168, 4096_u32.to_le_bytes())), Rule::Corrupt);
}

#[test]
fn a_vdi_map_that_is_not_where_it_can_be_is_refused() {
    let corrupt: &[(usize, u32)] =
        &[(0x154, 0), (0x154, 513), (0x154, 0xffff_fe00), (0x158, 7), (0x180, 3), (0x180, 0)];
    for (at, value) in corrupt {
        let rule = after(|file| put(file, *at, value.to_le_bytes()));
        assert!(matches!(rule, Rule::Corrupt | Rule::Truncated), "{at:#x} {value:#x}: {rule}");
    }
    assert_eq!(after(|file| put(file, MAP, 0x7fff_ffff_u32.to_le_bytes())), Rule::Corrupt);
    assert_eq!(after(|file| put(file, MAP, 4_u32.to_le_bytes())), Rule::Truncated);
    assert_eq!(after(|file| put(file, 0x158, 512_u32.to_le_bytes())), Rule::Corrupt, "data over the map");
    let twice = after(|file| {
        let first = le32(file, MAP);
        put(file, MAP + 4, first.to_le_bytes());
    });
    assert_eq!(twice, Rule::Amplification);
}

#[test]
fn vdi_sizes_up_to_the_largest_number_are_refused_at_once() {
    for bits in 31..64 {
        let rule = after(|file| {
            put(file, 0x170, (1_u64 << bits).to_le_bytes());
            put(file, 0x180, u32::MAX.to_le_bytes());
        });
        assert!(matches!(rule, Rule::TooLarge | Rule::Corrupt | Rule::Truncated), "{bits}: {rule}");
    }
    assert_eq!(after(|file| put(file, 0x170, u64::MAX.to_le_bytes())), Rule::Corrupt);
}

#[test]
fn a_vdi_is_refused_wherever_it_is_cut() {
    refused_wherever_cut(Format::Vdi, &sample(), 0x44);
    assert_eq!(refusal(Format::Vdi, &sample()[..2 << 20]).rule, Rule::Truncated);
}
