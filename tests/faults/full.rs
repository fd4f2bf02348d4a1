//! The disk is full: by others, by uploads, by files that grow when they are unpacked, by the audit, by guests.

use std::time::Duration;

use serde_json::json;

use crate::{
    Ran,
    plan::Plan,
    support::{Effigy, Small, eventually, micro_disk, qcow2_of},
    work::Work,
};

const PATIENCE: Duration = Duration::from_secs(60);
const RESERVE: u64 = 32 << 20;
const SETTINGS: &str = "[store]\nreserve_mib = 32\n[instances]\nenabled = false\n";

/// Somebody else takes the last byte of the disk at any time under mixed work, and gives it back.
pub async fn by_others(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite(SETTINGS);
    let disk = Small::tmpfs(effigy.data(), "size=400m")?;
    effigy.run().await;
    let work = Work::on(&plan, &effigy).await;
    while plan.goes_on() {
        work.until(async {
            plan.pause(50..500).await;
            disk.fill();
            plan.pause(50..1500).await;
            disk.fill();
            plan.pause(50..500).await;
        })
        .await;
        if plan.number(0..3) == 0 {
            effigy.kill9();
            disk.fill();
            effigy.run_unready().await;
        }
        disk.clear();
        work.holds(&effigy).await;
        // Others who fill the disk faster than that eat all of it, and then no start can write: docs/operations.md.
        eventually("the room set aside is whole again", PATIENCE, || async {
            let files = std::fs::read_dir(effigy.data().join("ballast")).ok()?.count();
            (files == 16).then_some(())
        })
        .await;
    }
    work.end(effigy).await
}

/// Uploads, and compressed files that are small and unpack to much, go on until they are refused: the reserve is kept,
/// and deleting gives everything back.
pub async fn by_saves(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite(SETTINGS);
    let disk = Small::tmpfs(effigy.data(), "size=400m")?;
    effigy.run().await;
    let alice = effigy.people().await.alice;
    while plan.goes_on() {
        let mut images = Vec::new();
        let mut least = u64::MAX;
        loop {
            let is_bomb = plan.number(0..2) == 0;
            let (format, file) = if is_bomb { ("qcow2", bomb(&plan)) } else { ("raw", plan.noise(24 << 20)) };
            let id = alice.create_image("more", json!({"disk_format": format})).await;
            let answer = alice.upload(&id, file).await;
            images.push(id);
            least = least.min(disk.free_bytes());
            if answer.status != 204 {
                assert!(answer.status == 503 && answer.text().contains("reserve"), "{}", answer.text());
                break;
            }
        }
        // The chunks under way when the reserve is reached, and the database, take some of it.
        assert!(least + (16 << 20) >= RESERVE, "{} MiB were left free of {}", least >> 20, RESERVE >> 20);
        for id in images {
            alice.delete(&format!("/image/v2/images/{id}")).await.expect(204);
        }
        assert!(effigy.output(&["store", "sweep"]).status.success());
        eventually("the room is back", PATIENCE, || async { (disk.free_bytes() > 250 << 20).then_some(()) }).await;
        effigy.check_store();
    }
    Ok(())
}

/// A file of few bytes whose disk takes 32 MiB in the store, as it repeats itself at a distance that a chunk does not see.
fn bomb(plan: &Plan) -> Vec<u8> {
    let disk: Vec<u8> = (0..16).flat_map(|_| plan.noise(31_000).repeat(68)[..2 << 20].to_vec()).collect();
    qcow2_of(&disk, &["-c", "-o", "cluster_size=2M,compression_type=zstd"])
}

/// Downloads write the audit of a disk with a few bytes left: they are answered, or told to come back.
pub async fn by_the_audit(plan: Plan) -> Ran {
    let mut effigy = Effigy::prepared_on_sqlite(SETTINGS);
    let disk = Small::tmpfs(effigy.data(), "size=400m")?;
    effigy.run().await;
    let alice = effigy.people().await.alice;
    let image = alice.save_image("read", "raw", plan.noise(1000)).await;
    while plan.goes_on() {
        disk.fill_but(plan.number(0..6 << 20));
        let reads = (0..8).map(|_| async {
            for _ in 0..200 {
                let answer = alice.download(&image).await;
                assert!([200, 503].contains(&answer.status), "{}", answer.text());
                plan.compared();
            }
        });
        futures::future::join_all(reads).await;
        disk.fill();
        eventually("people sign in on a full disk", PATIENCE, || async {
            let answer = effigy.stranger().try_sign_in("alice", crate::support::PASSWORD, Some("web")).await;
            (answer.status == 201).then_some(())
        })
        .await;
        disk.clear();
        eventually("it is ready", PATIENCE, || async {
            (effigy.stranger().get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }
    Ok(())
}

/// Guests write until their host's disk is at its reserve: they are paused, and go on when there is room.
pub async fn by_guests(plan: Plan) -> Ran {
    let settings = "[instances]\naccel = \"tcg\"\nreserve_mib = 128\n[store]\nreserve_mib = 32\n";
    let mut effigy = Effigy::prepared_on_sqlite(settings);
    let disk = Small::ext4(effigy.data(), 700)?;
    effigy.run().await;
    let alice = effigy.people().await.alice;
    let golden = alice.save_image("golden", "raw", micro_disk("golden", 512 << 20)).await;
    let mut guests = Vec::new();
    for name in ["one", "two"] {
        guests.push(alice.launched(name, &golden).await);
    }
    for guest in &guests {
        alice.console_says(guest, "golden 0001 OK").await;
    }
    // Every fill of a guest takes further 16 MiB of its 512.
    let mut fills = 0;
    while plan.goes_on() && fills < 24 {
        let room = plan.number(8..40) << 20;
        disk.fill_but((128 << 20) + room);
        while alice.instance(&guests[0]).await["status"] == "ACTIVE" && fills < 24 {
            // The guest's serial port keeps one letter: the next one waits until the last is done, or the guest paused.
            // It may be paused between the look and the key.
            let is_done = alice.console_log(&guests[0]).await.matches('!').count() == fills;
            fills += usize::from(is_done && alice.types_if_it_runs(&guests[0], "f").await);
            plan.pause(50..200).await;
        }
        alice.instance_becomes(&guests[0], "PAUSED").await;
        assert!(disk.free_bytes() > 64 << 20, "the guest went {} MiB below the reserve", disk.free_bytes() >> 20);
        if plan.number(0..2) == 0 {
            effigy.kill9();
            effigy.run_unready().await;
        }
        disk.clear();
        for guest in &guests {
            alice.instance_becomes(guest, "ACTIVE").await;
        }
        eventually("every fill is done", PATIENCE, || async {
            (alice.console_log(&guests[0]).await.matches('!').count() == fills).then_some(())
        })
        .await;
    }
    drop(effigy);
    Ok(())
}
