//! `effigy store …` beside a running service.

use std::{os::unix::fs::FileExt as _, time::Duration};

use serde_json::json;

use crate::support::{Effigy, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a command on the store; says whether it succeeded, and what it printed.
fn store(effigy: &Effigy, command: &str) -> (bool, String) {
    let output = effigy.output(&["store", command]);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    noise_of("", len)
}

/// Bytes that do not compress, others for each name.
fn noise_of(name: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn figure(said: &str, name: &str) -> u64 {
    let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {said}"));
    line[name.len()..].split_whitespace().next().and_then(|figure| figure.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_image_gives_its_space_back_while_the_service_runs() {
    let effigy = Effigy::start().await;
    let admin = effigy.admin().await;
    let kept = admin.save_image("kept", "raw", noise(1_000_000)).await;
    let doomed = admin.save_image("doomed", "raw", noise(3_000_000)[1_000_001..].to_vec()).await;
    let (sound, said) = store(&effigy, "check");
    assert!(sound, "{said}");
    let before = figure(&store(&effigy, "stats").1, "stored bytes");
    admin.delete(&format!("/image/v2/images/{doomed}")).await.expect(204);
    let (swept, said) = store(&effigy, "sweep");
    assert!(swept, "{said}");
    let after = figure(&store(&effigy, "stats").1, "stored bytes");
    assert!(before - after >= 1_900_000, "{before} {after} {said}");
    assert_eq!(admin.image(&kept).await["status"], json!("active"));
    assert!(store(&effigy, "check").0);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_named_and_healed_by_the_same_upload() {
    let mut effigy = Effigy::start().await;
    let image = effigy.admin().await.save_image("hurt", "raw", noise(2_000_000)).await;
    effigy.stop().await;
    hurt(&effigy);

    let (sound, said) = store(&effigy, "scrub");
    assert!(!sound && said.contains(&image), "{said}");
    let (sound, said) = store(&effigy, "check");
    assert!(!sound && said.contains(&image), "{said}");
    effigy.run().await;
    effigy.admin().await.save_image("again", "raw", noise(2_000_000)).await;
    let (sound, said) = store(&effigy, "check");
    assert!(sound, "{said}");
}

/// Writes over the middle of the longest segment of a service that does not run.
fn hurt(effigy: &Effigy) {
    let segments = std::fs::read_dir(effigy.data().join("store/segments")).unwrap();
    let longest = segments.map(|file| file.unwrap()).max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(longest.path()).unwrap();
    file.write_all_at(b"not what was saved", 500_000).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn save_over_damage_that_nobody_noticed_heals_it_before_it_is_acknowledged() {
    let mut effigy = Effigy::start().await;
    let first = effigy.admin().await.save_image("first", "raw", noise(2_000_000)).await;
    effigy.stop().await;
    hurt(&effigy);
    effigy.run().await;
    let admin = effigy.admin().await;
    let second = admin.save_image("second", "raw", noise(2_000_000)).await;
    // Killed at once: no later work may be what heals.
    effigy.kill9();
    effigy.run().await;
    for id in [first, second] {
        assert!(admin.download(&id).await.expect(200).body == noise(2_000_000), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_by_readyz_and_the_metrics_until_it_is_healed() {
    let mut effigy = Effigy::start().await;
    effigy.admin().await.save_image("hurt", "raw", noise(2_000_000)).await;
    effigy.stop().await;
    hurt(&effigy);
    store(&effigy, "scrub");
    effigy.run().await;
    let line = r#"effigy_store_damaged_chunks{store="local"} 1"#;
    assert_eq!(effigy.stranger().get("/readyz").await.expect(200).json()["chunks"], "some are damaged");
    assert!(effigy.metrics().await.lines().any(|found| found == line), "{}", effigy.metrics().await);
    effigy.admin().await.save_image("again", "raw", noise(2_000_000)).await;
    eventually("it is healed", PATIENCE, || async {
        let shown = effigy.stranger().get("/readyz").await.expect(200).json();
        (shown["chunks"] == "ok" && !effigy.metrics().await.contains(line)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_that_a_damaged_root_stops_is_told_by_readyz_and_the_metrics() {
    let mut effigy = Effigy::start().await;
    effigy.admin().await.save_image("hurt", "raw", noise(2_000_000)).await;
    effigy.stop().await;
    for segment in std::fs::read_dir(effigy.data().join("store/segments")).unwrap() {
        let path = segment.unwrap().path();
        let length = std::fs::metadata(&path).unwrap().len();
        std::fs::write(&path, vec![0; length as usize]).unwrap();
    }
    // A store with less room than this is swept at once.
    let mut effigy = effigy.with_settings("[store]\nreserve_mib = 1000000000000\n");
    effigy.run_unready().await;
    let line = r#"effigy_store_sweep_stopped{store="local"} 1"#;
    eventually("it is told", PATIENCE, || async { effigy.metrics().await.contains(line).then_some(()) }).await;
    let shown = effigy.stranger().get("/readyz").await.json();
    assert_eq!(shown["sweeping"], "left something undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_service_leaves_a_sound_store() {
    let mut effigy = Effigy::start().await;
    let image = effigy.admin().await.save_image("kept", "raw", noise(1_500_000)).await;
    effigy.kill9();
    let (sound, said) = store(&effigy, "check");
    assert!(sound, "{said}");
    effigy.run().await;
    let admin = effigy.admin().await;
    let file = admin.download(&image).await;
    assert_eq!(file.status, 200);
    admin.delete(&format!("/image/v2/images/{image}")).await.expect(204);
    assert!(store(&effigy, "sweep").0);
    assert_eq!(figure(&store(&effigy, "stats").1, "chunks"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn store_in_another_folder_is_looked_after() {
    let moved = tempfile::tempdir().expect("a folder");
    let folder = moved.path().join("chunks");
    let settings = format!("[stores.local]\nfolder = \"{}\"\n", folder.display());
    let mut effigy = Effigy::with(&settings).await;
    effigy.admin().await.save_image("kept", "raw", noise(1_000_000)).await;
    effigy.stop().await;
    assert!(!effigy.data().join("store").exists());
    for command in ["stats", "check", "sweep", "scrub"] {
        let (succeeded, said) = store(&effigy, command);
        assert!(succeeded, "{command}: {said}");
    }
    assert!(figure(&store(&effigy, "stats").1, "chunks") >= 16);

    std::fs::rename(&folder, moved.path().join("elsewhere")).expect("move the store");
    for command in ["stats", "check", "sweep", "scrub"] {
        let (succeeded, said) = store(&effigy, command);
        assert!(!succeeded && said.contains("is its disk mounted?"), "{command}: {said}");
    }
    assert!(!folder.exists(), "a store that was used before is not made anew");
}

#[test]
fn command_on_a_store_makes_nothing() {
    let empty = Effigy::prepared("");
    let (succeeded, said) = store(&empty, "check");
    let database_is_its_own = std::env::var("EFFIGY_TEST_DATABASE").is_err();
    assert!(!succeeded && (!database_is_its_own || said.contains("--data")), "{said}");
    assert!(!empty.data().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_no_service_has_opened_is_not_made_by_a_command() {
    let mut effigy = Effigy::start().await;
    effigy.stop().await;
    let effigy = effigy.with_settings("[stores.archive]\nfolder = \"archive\"\n");
    let (succeeded, said) = store(&effigy, "stats");
    assert!(!succeeded && said.contains("'archive' is new"), "{said}");
    assert!(!effigy.data().join("archive").exists());
    let output = effigy.output(&["store", "stats", "--store", "local"]);
    assert!(output.status.success());
    let output = effigy.output(&["store", "stats", "--store", "nowhere"]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("no store 'nowhere'"));
}

#[tokio::test]
async fn deleted_content_is_given_back_while_saves_go_on_however_much_room_there_is() {
    const ROUNDS: usize = 6;
    const ROUND_BYTES: usize = 72 << 20;
    let effigy = Effigy::with("[instances]\nenabled = false\n").await;
    let admin = effigy.admin().await;
    let sweeps = || effigy.log().matches("swept the store").count();
    for round in 0..ROUNDS {
        let before = sweeps();
        let image = admin.save_image("passing", "raw", noise_of(&round.to_string(), ROUND_BYTES)).await;
        admin.delete(&format!("/image/v2/images/{image}")).await.expect(204);
        eventually("the store is swept", PATIENCE, || async { (sweeps() > before).then_some(()) }).await;
    }
    let kept_bytes = figure(&store(&effigy, "stats").1, "stored bytes");
    assert!(kept_bytes <= (ROUNDS / 2 * ROUND_BYTES) as u64, "{} MiB are kept", kept_bytes >> 20);
    assert!(store(&effigy, "check").0);
}
