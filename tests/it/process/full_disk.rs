//! A file system of its own that others fill to the last byte, or the last inode: what frees room goes on.

use std::{fs::File, io::Read as _, time::Duration};

use reqwest::{Body, Method};
use serde_json::json;

use crate::support::{Answer, Effigy, Person, Small, eventually, micro_disk, qcow2_of};

const PATIENCE: Duration = Duration::from_secs(60);

/// A file system of this kind in the place of the data folder; `None` where this user may mount nothing.
fn mounted(effigy: &Effigy, options: &str) -> Option<Small> {
    let small = Small::tmpfs(effigy.data(), options);
    #[allow(clippy::print_stderr, reason = "the test is less than its name")]
    small.inspect_err(|why| eprintln!("NOT RUN: a small file system cannot be mounted here; root can: {why}")).ok()
}

fn has_ballast(small: &Small) -> bool {
    std::fs::read_dir(small.folder().join("ballast")).is_ok_and(|files| files.count() == 16)
}

fn random(count: usize) -> Vec<u8> {
    let mut random = vec![0; count];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).expect("random bytes");
    random
}

async fn ballast_is_there(small: &Small) {
    eventually("room is set aside", PATIENCE, || async { has_ballast(small).then_some(()) }).await;
}

/// A service on a small file system with an image of 40 MiB, and its ballast.
async fn on_a_small_disk(options: &str) -> Option<(Small, Effigy, String)> {
    let mut effigy = Effigy::prepared_on_sqlite("[store]\nreserve_mib = 8\n[instances]\nenabled = false\n");
    let small = mounted(&effigy, options)?;
    effigy.run().await;
    let image = effigy.admin().await.save_image("large", "raw", random(40 << 20)).await;
    ballast_is_there(&small).await;
    Some((small, effigy, image))
}

#[tokio::test]
async fn full_disk_is_emptied_by_a_delete() {
    let Some((small, mut effigy, image)) = on_a_small_disk("size=300m").await else { return };
    let admin = effigy.admin().await;
    small.fill();
    // Room for the delete comes within a second or two; until then the answer says to try again.
    eventually("the image is deleted", PATIENCE, || async {
        let answer = admin.delete(&format!("/image/v2/images/{image}")).await;
        assert!([204, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 204).then_some(())
    })
    .await;
    let events = admin.get("/effigy/v1/audit?action=image.delete").await.expect(200).text();
    assert!(events.contains(&image), "{events}");
    // A start, a sign-in and a sweep on a disk that is full again.
    small.fill();
    effigy.kill9();
    small.fill();
    effigy.run_unready().await;
    effigy.admin().await.get("/image/v2/images").await.expect(200);
    assert_eq!(effigy.stop().await.code(), Some(0));
    small.fill();
    let swept = effigy.command(&["store", "sweep"]).output().expect("the command");
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    small.clear();
    effigy.run().await;
    ballast_is_there(&small).await;
}

#[tokio::test]
async fn last_inodes_are_set_aside_too() {
    let Some((small, mut effigy, image)) = on_a_small_disk("size=300m,nr_inodes=400").await else { return };
    let admin = effigy.admin().await;
    small.fill_with_files();
    eventually("the image is deleted", PATIENCE, || async {
        (admin.delete(&format!("/image/v2/images/{image}")).await.status == 204).then_some(())
    })
    .await;
    // The end takes files away, and the start needs as many.
    effigy.stop().await;
    small.fill_with_files();
    effigy.run_unready().await;
    effigy.admin().await.get("/image/v2/images").await.expect(200);
    small.clear();
    ballast_is_there(&small).await;
}

#[tokio::test]
async fn service_is_well_again_after_all_its_ballast_was_eaten() {
    let Some((small, effigy, _)) = on_a_small_disk("size=300m").await else { return };
    let admin = effigy.admin().await;
    eventually("nothing is left", PATIENCE, || async {
        small.fill();
        let left = std::fs::read_dir(small.folder().join("ballast")).expect("the folder").count();
        (left == 0).then_some(())
    })
    .await;
    small.clear();
    ballast_is_there(&small).await;
    admin.save_image("after", "raw", random(1 << 20)).await;
}

#[tokio::test]
async fn file_that_unpacks_to_much_is_refused_before_it_takes_the_reserve() {
    let mut effigy = Effigy::prepared_on_sqlite("[store]\nreserve_mib = 100\n[instances]\nenabled = false\n");
    let Some(small) = mounted(&effigy, "size=200m") else { return };
    effigy.run().await;
    let admin = effigy.admin().await;
    // It repeats itself after 31,000 bytes, twice in a chunk and 67 times in a cluster: 4 MiB in the file, beside 10 of
    // tables, and 120 in the store.
    let disk: Vec<u8> = (0..128).flat_map(|_| random(31_000).repeat(68)[..2 << 20].to_vec()).collect();
    let file = qcow2_of(&disk, &["-c", "-o", "cluster_size=2M,compression_type=zstd"]);
    assert!(file.len() < 16 << 20);
    let id = admin.create_image("bomb", json!({"disk_format": "qcow2"})).await;
    let refused = admin.upload(&id, file).await.expect(503);
    assert!(refused.text().contains("store.reserve_mib"), "{}", refused.text());
    // The database writes on, the chunks do not.
    assert!(small.free_bytes() >= 92 << 20, "{} MiB are free", small.free_bytes() >> 20);
    assert_eq!(admin.image(&id).await["status"], "queued");
}

/// An upload that takes long: it began before all that is saved and deleted beside it.
async fn steady_upload(admin: &Person) -> tokio::task::JoinHandle<()> {
    let id = admin.create_image("steady", json!({})).await;
    let pieces = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Some((Ok::<_, std::io::Error>(random(20_000)), ()))
    });
    let request = admin.request(Method::PUT, &format!("/image/v2/images/{id}/file"));
    let request = request.header("Content-Type", "application/octet-stream").body(Body::wrap_stream(pieces));
    let upload = tokio::spawn(async move {
        let ended = Answer::try_of(request).await;
        panic!("the steady upload ended: {:?}", ended.map(|answer| answer.text()));
    });
    admin.image_becomes(&id, "saving").await;
    upload
}

#[tokio::test]
async fn saving_and_deleting_again_and_again_never_fills_the_store() {
    let mut effigy = Effigy::prepared_on_sqlite("[store]\nreserve_mib = 16\n[instances]\nenabled = false\n");
    let Some(small) = mounted(&effigy, "size=160m") else { return };
    effigy.run().await;
    let admin = effigy.admin().await;
    let steady = steady_upload(&admin).await;
    for _ in 0..5 {
        // Not to the last byte: that would end the steady upload, too.
        eventually("room for one", PATIENCE, || async { (small.free_bytes() > 60 << 20).then_some(()) }).await;
        let id = admin.save_image("passing", "raw", random(40 << 20)).await;
        admin.delete(&format!("/image/v2/images/{id}")).await.expect(204);
    }
    assert!(!steady.is_finished(), "the upload beside it goes on");
}

#[tokio::test]
async fn guest_that_fills_the_disk_is_paused_says_so_and_goes_on_when_there_is_room() {
    let settings = "[instances]\naccel = \"tcg\"\nreserve_mib = 96\n[store]\nreserve_mib = 8\n";
    let mut effigy = Effigy::prepared_on_sqlite(settings);
    let Some(small) = mounted(&effigy, "size=400m") else { return };
    effigy.run().await;
    let admin = effigy.admin().await;
    let golden = admin.save_image("golden", "raw", micro_disk("golden", 256 << 20)).await;
    let guest = admin.launched("writer", &golden).await;
    admin.console_says(&guest, "golden 0001 OK").await;
    small.fill_but(100 << 20);
    admin.types(&guest, "f").await;
    let paused = admin.instance_becomes(&guest, "PAUSED").await;
    assert!(paused["fault"]["message"].as_str().is_some_and(|why| why.contains("nearly full")), "{paused}");
    assert!(small.free_bytes() > 48 << 20, "{} MiB are free", small.free_bytes() >> 20);
    small.clear();
    let shown = admin.instance_becomes(&guest, "ACTIVE").await;
    assert!(shown["fault"].is_null(), "{shown}");
    admin.console_says(&guest, "!").await;
}
