//! Content that is refused: the rule is named, and nothing is left behind.

use serde_json::json;

use super::{bytes, usage};
use crate::support::{Effigy, People};

/// A qcow2 header (version 3) of a 1 MiB disk without anything in it, and with whatever `change` makes of it.
fn qcow2(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut file = disks::qcow2::create_overlay(1 << 20);
    change(&mut file);
    file
}

#[tokio::test]
async fn refused_content_names_the_rule_and_leaves_the_image_queued() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let with_backing = qcow2(|file| {
        let name = b"/etc/passwd";
        let at = 4096_u64;
        file[at as usize..at as usize + name.len()].copy_from_slice(name);
        file[8..16].copy_from_slice(&at.to_be_bytes());
        file[16..20].copy_from_slice(&(name.len() as u32).to_be_bytes());
    });
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("qcow2", with_backing.clone(), "external_reference"),
        ("raw", qcow2(|_| {}), "format_mismatch"),
        ("raw", with_backing, "format_mismatch"),
        ("qcow2", bytes(1, 4096), "format_mismatch"),
        ("qcow2", qcow2(|file| file.truncate(1000)), "truncated"),
        ("qcow2", qcow2(|file| file[32..36].copy_from_slice(&1_u32.to_be_bytes())), "encrypted"),
        ("qcow2", Vec::new(), "format_mismatch"),
        ("vmdk", bytes(1, 4096), "format_mismatch"),
        ("vhd", bytes(1, 4096), "format_mismatch"),
        ("vhdx", bytes(1, 4096), "format_mismatch"),
        ("vdi", bytes(1, 4096), "format_mismatch"),
        ("iso", bytes(1, 4096), "format_mismatch"),
        // A magic number without a header.
        ("vmdk", b"KDMV".to_vec(), "truncated"),
        ("vhdx", b"vhdxfile".to_vec(), "truncated"),
        ("raw", b"KDMV".to_vec(), "format_mismatch"),
        ("ploop", bytes(1, 4096), "banned_format"),
        ("ami", bytes(1, 4096), "banned_format"),
    ];
    for (format, file, rule) in cases {
        let id = alice.create_image("bad", json!({"disk_format": format})).await;
        let answer = alice.upload(&id, file).await;
        assert_eq!(answer.status, 415, "{format}, {rule}: {}", answer.text());
        assert!(answer.text().contains(&format!("(rule: {rule})")), "{format}, {rule}: {}", answer.text());
        assert_eq!(alice.image(&id).await["status"], "queued", "{format}, {rule}");
        assert_eq!(usage(&alice).await.1, 0, "{format}, {rule}");
        alice.download(&id).await.expect(204);
    }
    for container in ["ova", "docker"] {
        let id = alice.create_image("bad", json!({"container_format": container})).await;
        alice.upload(&id, bytes(1, 512)).await.expect(415);
    }
}

#[tokio::test]
async fn image_is_saved_after_a_refusal_with_the_right_format() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = qcow2(|_| {});
    let id = alice.create_image("a", json!({"disk_format": "raw"})).await;
    alice.upload(&id, file.clone()).await.expect(415);
    let extras = alice.get(&format!("/effigy/v1/images/{id}")).await.expect(200).json();
    assert!(extras["effigy"]["reason"].as_str().is_some_and(|reason| reason.contains("format_mismatch")), "{extras}");
    alice.patch_image(&id, json!([{"op": "replace", "path": "/disk_format", "value": "qcow2"}])).await.expect(200);

    alice.upload(&id, file.clone()).await.expect(204);

    let image = alice.image(&id).await;
    assert_eq!((image["size"].as_u64(), image["virtual_size"].as_u64()), (Some(file.len() as u64), Some(1 << 20)));
    assert!(alice.download(&id).await.expect(200).body == file);
}
