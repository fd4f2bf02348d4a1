//! The files of the database.

use serde_json::json;

use super::{is_clear, service};

/// Makes images until the fault has been met, and 20 more; answers the ids that were acknowledged.
async fn make_through(rule: &str) -> usize {
    let (mut effigy, faults) = service().await;
    let admin = effigy.admin().await;
    let (call, file, outcome) = {
        let words: Vec<&str> = rule.split(' ').collect();
        (words[0], words[1], words[2])
    };
    faults.lay(&format!("{call} */{file} 1 {outcome}"));
    let (mut kept, mut failed, mut left) = (Vec::new(), 0, 20);
    // A checkpoint writes the file itself only after some hundred changes.
    for number in 0..600 {
        let body = json!({"name": format!("image {number}"), "disk_format": "raw", "container_format": "bare"});
        let answer = admin.post("/image/v2/images", body).await;
        match answer.status {
            201 => kept.push(answer.string("/id")),
            _ => {
                is_clear(&answer);
                failed += 1;
            }
        }
        if !faults.fired().is_empty() {
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    assert_eq!(faults.fired().lines().count(), 1, "{rule}: {} images", kept.len());
    assert!(failed <= 1, "{rule}: {failed} requests failed for one fault");
    faults.lift();
    effigy.restart().await;
    for id in kept {
        effigy.admin().await.get(&format!("/image/v2/images/{id}")).await.expect(200);
    }
    failed
}

#[tokio::test]
async fn a_failed_write_harms_one_request() {
    for outcome in ["EIO", "ENOSPC", "SHORT"] {
        make_through(&format!("pwrite effigy.db-wal {outcome}")).await;
    }
}

#[tokio::test]
async fn a_failed_sync_harms_one_request() {
    make_through("sync effigy.db-wal EIO").await;
}

#[tokio::test]
async fn a_failed_checkpoint_harms_one_request() {
    for (call, outcome) in [("pwrite", "ENOSPC"), ("sync", "EIO")] {
        make_through(&format!("{call} effigy.db {outcome}")).await;
    }
}
