//! The files of the store.

use serde_json::json;

use super::{is_clear, service};

#[tokio::test]
async fn a_failed_file_of_the_store_harms_one_upload() {
    let (mut effigy, faults) = service().await;
    let admin = effigy.admin().await;
    let mut kept = Vec::new();
    for (call, outcome) in [("pwrite", "EIO"), ("pwrite", "ENOSPC"), ("sync", "EIO"), ("create", "ENOSPC")] {
        effigy.restart().await;
        let admin = effigy.admin().await;
        let seed = kept.len() as u8;
        let bytes: Vec<u8> = (0..300_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect();
        let id = admin.create_image("hurt", json!({})).await;
        faults.lay(&format!("{call} */segments/* 1 {outcome}"));
        let answer = admin.upload(&id, bytes.clone()).await;
        if answer.status == 204 {
            kept.push((id, bytes.clone()));
        } else {
            is_clear(&answer);
        }
        let fired = faults.fired();
        assert!(!fired.is_empty(), "{call} {outcome} was not met");
        kept.push((admin.save_image("whole", "raw", bytes.clone()).await, bytes));
    }
    faults.lift();
    for (id, bytes) in kept {
        assert!(admin.download(&id).await.expect(200).body == bytes, "{id}");
    }
    effigy.check_store();
}
