//! `kill -9` of the service, ten times each: during uploads, during captures, under running guests.
//! Nothing acknowledged is lost, jobs finish, guests go on, the store is whole.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Effigy, Person, boots, disk_of, eventually, micro_disk, qcow2_of};

/// How often each is killed.
const KILLS: u32 = 10;
/// An upload's size: long enough under a debug build to be caught anywhere in it.
const UPLOAD_BYTES: usize = 24 << 20;
/// How long a lease of the dead service may keep a row from being taken up.
const LEASE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn kill_during_uploads_loses_nothing_acknowledged() {
    let mut effigy = Effigy::start().await;
    let people = effigy.people().await;
    let mut saved = Vec::new();
    for round in 0..KILLS {
        let mut uploads = Vec::new();
        for n in 0..2 {
            let file = noise(u64::from(round) * 2 + n, UPLOAD_BYTES);
            let image = people.alice.create_image(&format!("upload-{round}-{n}"), json!({})).await;
            let (person, bytes) = (people.alice.clone(), file.clone());
            let path = format!("/image/v2/images/{image}/file");
            let request =
                person.request(reqwest::Method::PUT, &path).header("Content-Type", "application/octet-stream");
            uploads.push((image, file, tokio::spawn(Answer::try_of(request.body(bytes)))));
        }
        // From the first byte to well past the last.
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 120)).await;
        effigy.kill9();
        for (image, file, upload) in uploads {
            let acknowledged = upload.await.expect("the upload's task").is_ok_and(|answer| answer.status == 204);
            saved.push((image, file, acknowledged));
        }
        effigy.run().await;
        effigy.check_store();
    }
    for (image, file, acknowledged) in &saved {
        whole_or_queued(&people.alice, image, file, *acknowledged).await;
    }
    // Every upload that was cut off can be done again.
    for (image, file, _) in &saved {
        if people.alice.image(image).await["status"] == "queued" {
            people.alice.upload(image, file.clone()).await.expect(204);
            whole_or_queued(&people.alice, image, file, true).await;
        }
    }
    effigy.check_store();
}

/// An image is active with just its bytes, or waits for them; the second only if nobody was told otherwise.
async fn whole_or_queued(person: &Person, image: &str, file: &[u8], acknowledged: bool) {
    let what = format!("image {image} at rest");
    let shown = eventually(&what, LEASE, || async {
        let shown = person.image(image).await;
        (shown["status"] != "saving").then_some(shown)
    })
    .await;
    if shown["status"] == "active" {
        let downloaded = person.download(image).await.expect(200);
        assert!(downloaded.body == file, "image {image} has other bytes than were uploaded");
    } else {
        assert_eq!(shown["status"], "queued", "{shown}");
        assert!(!acknowledged, "the upload of image {image} was acknowledged and is lost");
    }
}

#[tokio::test]
async fn kill_during_captures_finishes_them_all_the_same() {
    let mut effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let golden = alice.save_image("golden", "qcow2", qcow2_of(&micro_disk("golden", 128 << 20), &[])).await;
    let instance = alice.launched("server", &golden).await;
    for round in 0..KILLS {
        let booted = round + 1;
        alice.console_says(&instance, &format!("MICRO-READY golden {booted:04x} OK")).await;
        if round % 2 == 0 {
            alice.types(&instance, "f").await;
            let fills = round as usize / 2 + 1;
            eventually("the guest has filled its disk", LEASE, || async {
                (alice.console_log(&instance).await.matches('!').count() == fills).then_some(())
            })
            .await;
        }
        alice.stop(&instance).await;

        let image = alice.cast(&instance, &format!("cast-{round}")).await;
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 25)).await;
        effigy.kill9();
        effigy.run().await;
        alice.image_becomes(&image, "active").await;
        alice.instance_becomes(&instance, "SHUTOFF").await;
        effigy.check_store();

        // The same disk, captured with nobody in the way.
        let again = alice.cast(&instance, &format!("again-{round}")).await;
        alice.image_becomes(&again, "active").await;
        alice.instance_becomes(&instance, "SHUTOFF").await;
        let file = alice.download(&image).await.expect(200).body;
        assert!(file == alice.download(&again).await.expect(200).body, "round {round}: the capture is another disk");
        assert_eq!(u32::from(boots(&disk_of("qcow2", &file))), booted);
        alice.delete(&format!("/image/v2/images/{again}")).await.expect(204);
        alice.start(&instance).await;
    }
    effigy.check_store();
}

#[tokio::test]
async fn kill_under_running_guests_does_not_disturb_them() {
    let mut effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let golden = alice.save_image("golden", "raw", micro_disk("golden", 4 << 20)).await;
    let mut instances = Vec::new();
    for n in 0..3 {
        instances.push(alice.launched(&format!("server-{n}"), &golden).await);
    }
    for instance in &instances {
        alice.console_says(instance, "MICRO-READY golden 0001 OK").await;
    }
    let processes = effigy.guests();
    assert_eq!(processes.len(), instances.len());
    for round in 0..KILLS {
        // The first guest reboots into the outage: it reads its disk while nobody serves it.
        alice.types(&instances[0], "r").await;
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 20)).await;
        effigy.kill9();
        effigy.run().await;
        assert_eq!(effigy.guests(), processes, "the same processes, none started twice");
        for instance in &instances {
            alice.instance_becomes(instance, "ACTIVE").await;
        }
        alice.console_says(&instances[0], &format!("MICRO-READY golden {:04x} OK", round + 2)).await;
    }
    for instance in &instances[1..] {
        alice.types(instance, "w").await;
        let log = alice.console_says(instance, "!").await;
        assert_eq!(log.matches("MICRO-READY").count(), 1, "a guest was rebooted: {log}");
    }
    for instance in &instances {
        alice.delete(&format!("/compute/v2.1/servers/{instance}")).await.expect(204);
    }
    eventually("no guest runs", LEASE, || async { effigy.guests().is_empty().then_some(()) }).await;
    effigy.check_store();
}

/// Bytes that do not compress and differ by seed.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}
