//! An instance of Windows is captured into an image only when it is generalised.

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
