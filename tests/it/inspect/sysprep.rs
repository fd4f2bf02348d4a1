//! An instance of Windows is captured into an image only when it is generalised.

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::Path};

use disks::qcow2;
use serde_json::{Value, json};

use super::verified;
use crate::support::{Answer, Effigy, Person, linux_disk, micro_disk, windows_disk};

/// Nothing on these disks hears the power button.
const SETTINGS: &str = "[instances]\naccel = \"tcg\"\nstop_grace_secs = 1\n";

/// A stopped instance with this disk.
async fn stopped(person: &Person, name: &str, disk: Vec<u8>) -> String {
    let image = person.save_image(name, "raw", disk).await;
    let instance = person.launched(name, &image).await;
    person.stop(&instance).await;
    instance
}

async fn cast(person: &Person, instance: &str, name: &str, metadata: Value) -> Answer {
    person.act(instance, json!({"createImage": {"name": name, "metadata": metadata}})).await
}

async fn images_called(person: &Person, name: &str) -> usize {
    let list = person.get(&format!("/image/v2/images?name={name}")).await.expect(200).json();
    list["images"].as_array().unwrap().len()
}

#[tokio::test]
async fn windows_is_cast_only_when_it_is_generalised() {
    let effigy = Effigy::with(SETTINGS).await;
    let alice = effigy.people().await.alice;
    for disk in ["complete.raw", "complete-gpt.raw"] {
        let instance = stopped(&alice, disk, windows_disk(disk)).await;
        let refused = cast(&alice, &instance, "refused", json!({})).await.expect(409).text();
        assert!(refused.contains("IMAGE_STATE_COMPLETE") && refused.contains("sysprep /generalize"), "{refused}");
        assert_eq!(images_called(&alice, "refused").await, 0, "something was written");
        // The owner's word is enough, and the image carries it.
        let reason = json!({"effigy_sysprep_reason": "a template for one machine"});
        let id = cast(&alice, &instance, "all-the-same", reason).await.expect(202).string("/image_id");
        let image = alice.image_becomes(&id, "active").await;
        assert_eq!(image["effigy_sysprep_reason"], "a template for one machine");
        assert_eq!(verified(&alice, &id).await["verdict"], "failed");
    }
    for disk in ["generalized.raw", "generalized-gpt.raw"] {
        let instance = stopped(&alice, disk, windows_disk(disk)).await;
        let id = cast(&alice, &instance, disk, json!({})).await.expect(202).string("/image_id");
        alice.image_becomes(&id, "active").await;
        assert_eq!(verified(&alice, &id).await["verdict"], "passed");
    }
}

#[tokio::test]
async fn windows_that_cannot_be_read_is_refused_in_its_own_words() {
    let effigy = Effigy::with(SETTINGS).await;
    let alice = effigy.people().await.alice;
    let mut dirty = windows_disk("generalized.raw");
    for at in (0..dirty.len()).step_by(512) {
        if dirty[at..].starts_with(b"regf") {
            dirty[at + 4] ^= 1;
            dirty[at + 508] ^= 1;
        }
    }
    let mut locked = vec![0; 1 << 20];
    locked[..11].copy_from_slice(b"\xeb\x58\x90-FVE-FS-");
    for (name, disk, words) in [("dirty", dirty, "was not written out"), ("locked", locked, "BitLocker")] {
        let instance = stopped(&alice, name, disk).await;
        let refused = cast(&alice, &instance, "refused", json!({})).await.expect(409).text();
        assert!(refused.contains("It is not known") && refused.contains(words), "{refused}");
        assert_eq!(images_called(&alice, "refused").await, 0);
    }
}

#[tokio::test]
async fn other_disks_are_not_held_up_and_a_warning_is_only_that() {
    let settings = format!("{SETTINGS}[inspect]\nwindows = \"warn\"\n");
    let effigy = Effigy::with(&settings).await;
    let alice = effigy.people().await.alice;
    for (name, disk) in [("micro", micro_disk("micro", 1 << 20)), ("linux", linux_disk(&[]))] {
        let instance = stopped(&alice, name, disk).await;
        let id = cast(&alice, &instance, "cast", json!({})).await.expect(202).string("/image_id");
        let image = alice.image_becomes(&id, "active").await;
        assert!(image["effigy_sysprep_warning"].is_null(), "{image}");
    }
    let instance = stopped(&alice, "windows", windows_disk("complete.raw")).await;
    let id = cast(&alice, &instance, "warned", json!({})).await.expect(202).string("/image_id");
    let warning = alice.image_becomes(&id, "active").await["effigy_sysprep_warning"].to_string();
    assert!(warning.contains("not generalised"), "{warning}");
}

/// The overlay of a guest that zeroed each second cluster behind the first 512 MiB of its disk.
fn scattered(overlay: &Path, size_bytes: u64) {
    /// The clusters of 64 KiB that one table of entries leads to.
    const ENTRIES: usize = 8192;
    const TABLE_BYTES: u64 = 8 * ENTRIES as u64;
    let mut head = qcow2::create_overlay(size_bytes);
    head.resize(head.len().next_multiple_of(TABLE_BYTES as usize), 0);
    let tables_at = head.len() as u64;
    let first_level = u64::from_be_bytes(head[40..48].try_into().unwrap()) as usize;
    // An entry without a place that is said to read as zeroes, and one that the guest never wrote.
    let table: Vec<u8> = (0..ENTRIES).flat_map(|at| (at as u64 % 2).to_be_bytes()).collect();
    let file = OpenOptions::new().write(true).truncate(true).open(overlay).unwrap();
    for at in 1..size_bytes / (ENTRIES as u64 * TABLE_BYTES) {
        let place = tables_at + at * TABLE_BYTES;
        head[first_level + 8 * at as usize..][..8].copy_from_slice(&(place | 1 << 63).to_be_bytes());
        file.write_all_at(&table, place).unwrap();
    }
    file.write_all_at(&head, 0).unwrap();
}

/// The most memory that a process has had at once since this was last asked, in MiB.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[tokio::test]
async fn no_guest_chooses_the_memory_of_the_look_before_its_capture() {
    const SIZE_GIB: u64 = 256;
    let effigy = Effigy::with(SETTINGS).await;
    let alice = effigy.people().await.alice;
    let flavor = json!({"flavor": {"name": "huge", "ram": 64, "vcpus": 1, "disk": SIZE_GIB}});
    let flavor = effigy.admin().await.post("/compute/v2.1/flavors", flavor).await.expect(200).string("/flavor/id");
    let image = alice.save_image("scattered", "raw", windows_disk("complete.raw")).await;
    let launched = alice.launch("scattered", &image, json!({"flavorRef": flavor})).await.expect(202);
    let instance = launched.string("/server/id");
    alice.instance_becomes(&instance, "ACTIVE").await;
    alice.stop(&instance).await;
    scattered(&effigy.data().join("instances").join(&instance).join("disk.qcow2"), SIZE_GIB << 30);
    peak_mib(effigy.pid());
    let before = peak_mib(effigy.pid());
    let refused = cast(&alice, &instance, "refused", json!({})).await.expect(409).text();
    assert!(refused.contains("IMAGE_STATE_COMPLETE"), "{refused}");
    // Its four million runs of clusters would take some 160 MiB.
    let grown = peak_mib(effigy.pid()).saturating_sub(before);
    assert!(grown < 48, "{grown} MiB");
}
