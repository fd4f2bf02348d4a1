//! A store in a bucket: images and instances live as they do on a folder, through outages and kills.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Bucket, Effigy, Person, eventually, micro_disk};

const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that do not compress.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The settings of a service whose images are in this bucket.
fn in_bucket(bucket: &Bucket) -> String {
    format!("[store]\ndefault = \"s3\"\n{}", bucket.settings("s3", 64))
}

fn store(effigy: &Effigy, command: &[&str]) -> (bool, String) {
    let output = effigy.output(&[&["store"], command].concat());
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn assert_downloads(person: &Person, image: &str, file: &[u8]) {
    let answer = person.download(image).await.expect(200);
    assert!(answer.body[..] == *file, "image {image} is not what was uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn image_and_instance_live_in_a_bucket_and_outlive_the_folder() {
    let bucket = Bucket::start();
    let mut effigy = Effigy::with(&in_bucket(&bucket)).await;
    let admin = effigy.admin().await;
    let file = noise(1, 20_000_000);
    let image = admin.save_image("large", "raw", file.clone()).await;
    assert_eq!(admin.image(&image).await["stores"], json!("s3"));
    assert!(bucket.segments("s3").len() >= 2);
    let disk = admin.save_image("micro", "raw", micro_disk("in a bucket", 1 << 20)).await;
    let instance = admin.launched("one", &disk).await;
    admin.stop(&instance).await;
    let cast = admin.cast(&instance, "cast").await;
    admin.image_becomes(&cast, "active").await;
    admin.delete(&format!("/compute/v2.1/servers/{instance}")).await.expect(204);

    effigy.stop().await;
    std::fs::remove_dir_all(effigy.data().join("s3")).expect("the cache goes with its machine");
    effigy.run().await;
    let admin = effigy.admin().await;
    assert_downloads(&admin, &image, &file).await;
    admin.launched("two", &cast).await;
    let (is_sound, said) = store(&effigy, &["check", "--store", "s3"]);
    assert!(is_sound, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_that_is_away_is_told_and_costs_nothing_that_was_acknowledged() {
    let bucket = Bucket::start();
    let mut effigy = Effigy::with(&in_bucket(&bucket)).await;
    let admin = effigy.admin().await;
    let file = noise(2, 5_000_000);
    let image = admin.save_image("before", "raw", file.clone()).await;
    bucket.cut();
    let lost = admin.create_image("lost", json!({})).await;
    let begun = Instant::now();
    let refused = admin.upload(&lost, noise(3, 5_000_000)).await;
    assert!(refused.status == 503, "{}", refused.text());
    assert!(begun.elapsed() < Duration::from_secs(60), "a refusal took {:?}", begun.elapsed());
    // The next one is told before its bytes are read.
    let next = admin.upload(&lost, noise(3, 5_000_000)).await;
    assert!(next.status == 503 && next.text().contains("does not answer"), "{}", next.text());
    admin.get("/readyz").await.expect(200);
    let host = admin.get("/effigy/v1/host").await.expect(200).json();
    let shown = host["stores"].as_array().expect("stores").iter().find(|store| store["name"] == "s3");
    let shown = &shown.expect("the store")["bucket"];
    assert_eq!((&shown["name"], &shown["is_away"]), (&json!("images"), &json!(true)), "{host}");
    assert_downloads(&admin, &image, &file).await;

    effigy.kill9();
    effigy.run().await;
    let admin = effigy.admin().await;
    assert_downloads(&admin, &image, &file).await;
    bucket.heal();
    let again = noise(3, 5_000_000);
    eventually("the upload is taken again", PATIENCE, async || {
        let record = admin.create_image("again", json!({})).await;
        (admin.upload(&record, again.clone()).await.status == 204).then_some(())
    })
    .await;
    let (is_sound, said) = store(&effigy, &["check", "--store", "s3"]);
    assert!(is_sound, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_images_leave_the_bucket_when_they_were_kept_long_enough() {
    let bucket = Bucket::start();
    let settings = format!("{}keep_removed_hours = 0\n", in_bucket(&bucket));
    let effigy = Effigy::with(&settings).await;
    let admin = effigy.admin().await;
    let kept = noise(4, 1_000_000);
    let image = admin.save_image("kept", "raw", kept.clone()).await;
    for number in 0..4 {
        let doomed = admin.save_image("doomed", "raw", noise(10 + number, 3_000_000)).await;
        admin.delete(&format!("/image/v2/images/{doomed}")).await.expect(204);
    }
    let before = bucket.segments("s3").len();
    let (is_swept, said) = store(&effigy, &["sweep", "--store", "s3"]);
    assert!(is_swept, "{said}");
    let after = bucket.segments("s3").len();
    assert!(after < before, "{before} objects before, {after} after: {said}");
    assert_downloads(&admin, &image, &kept).await;
    let (is_done, said) = store(&effigy, &["orphans", "--store", "s3"]);
    assert!(is_done && said.contains(" 0 orphans"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_images_of_a_folder_move_into_a_bucket_while_the_service_runs() {
    let bucket = Bucket::start();
    let effigy = Effigy::with(&bucket.settings("s3", 64)).await;
    let admin = effigy.admin().await;
    let mut images = Vec::new();
    for number in 0..6 {
        let file = noise(30 + number, 2_000_000);
        images.push((admin.save_image("moves", "raw", file.clone()).await, file));
    }
    let (_, said) = store(&effigy, &["copy", "local", "nowhere"]);
    assert!(said.contains("no store 'nowhere'"), "{said}");
    let (is_moved, said) = store(&effigy, &["copy", "local", "s3", "--move"]);
    assert!(is_moved && said.contains("6 images are in 's3'"), "{said}");
    for (image, file) in &images {
        assert_eq!(admin.image(image).await["stores"], json!("s3"));
        assert_downloads(&admin, image, file).await;
    }
    assert!(store(&effigy, &["sweep", "--store", "local"]).0);
    let (_, said) = store(&effigy, &["stats", "--store", "local"]);
    assert!(said.contains("chunks         0"), "{said}");
    let (is_sound, said) = store(&effigy, &["check", "--store", "s3"]);
    assert!(is_sound, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_of_another_service_is_refused() {
    let bucket = Bucket::start();
    let mut first = Effigy::with(&in_bucket(&bucket)).await;
    first.stop().await;
    let mut second = Effigy::prepared(&in_bucket(&bucket));
    second.launch();
    assert!(!second.ended().await.success());
    assert!(second.log().contains("belongs to another database"), "{}", second.log());
}
