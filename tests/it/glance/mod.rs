//! `effigy import-glance`: the images of a Glance brought over, with a small Glance in the test.
//!
//! `make import-glance` does the same with a real one.

pub mod fake;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use self::fake::{Fault, Glance};
use crate::support::{Effigy, eventually, shown};

const MIB: u64 = 1 << 20;
/// The settings under which any project may be a member.
const SHARING: &str = "[sharing]\nscope = \"any\"\n";

/// Bytes that do not compress, another sequence for each seed.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn command(effigy: &Effigy, glance: &Glance, more: &[&str]) -> Command {
    let mut command = effigy.command(&[&["import-glance"], more].concat());
    command.envs(glance.variables()).stdin(Stdio::null());
    command
}

/// Runs the import to its end; whether all is the same, and everything that it said.
fn import(effigy: &Effigy, glance: &Glance, more: &[&str]) -> (bool, String) {
    let output = command(effigy, glance, more).output().expect("run the program");
    (output.status.success(), shown(&output))
}

/// The same, and nothing differs.
#[track_caller]
fn import_all(effigy: &Effigy, glance: &Glance) -> String {
    let (is_same, said) = import(effigy, glance, &[]);
    assert!(is_same && said.contains("nothing differs"), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn every_image_comes_over_as_it_is_in_glance() {
    let glance = Glance::start().await;
    let bytes = noise("golden", 300_000);
    let said = json!({
        "visibility": "public", "protected": true, "os_hidden": true, "min_disk": 2, "min_ram": 512,
        "tags": ["linux", "golden"], "hw_disk_bus": "scsi", "os_glance_failed_import": "", "owner": "0a1b2c",
    });
    let golden = glance.image("golden", &bytes, said);
    let withheld = glance.image("withheld", &noise("withheld", 70_000), json!({"status": "deactivated"}));
    let open = glance.image("open", &noise("open", 10_000), json!({"visibility": "community", "name": null}));
    let shared = glance.image("shared", &noise("shared", 10_000), json!({}));
    glance.share(&shared, &[("batch", "accepted"), ("other", "rejected"), ("third", "pending")]);
    let empty = glance.without_bytes("empty", "queued");
    let killed = glance.without_bytes("killed", "killed");
    let coming = glance.without_bytes("coming", "saving");

    let mut effigy = Effigy::prepared(SHARING);
    let (is_same, said) = import(&effigy, &glance, &[]);
    assert!(!is_same && said.contains("1 difference\n"), "{said}");
    assert!(said.contains(&format!("waits     {coming}  coming:")), "{said}");
    assert!(said.contains(&format!("left out  {killed}  killed:")), "{said}");
    assert!(said.contains(&format!("held      {golden}  golden: it is public")), "{said}");
    glance.delete(&coming);

    effigy.run().await;
    let admin = effigy.admin().await;
    let record = admin.image(&golden).await;
    let expected = json!({
        "name": "golden", "status": "active", "visibility": "public", "protected": true, "os_hidden": true, "min_disk": 2,
        "min_ram": 512, "tags": ["golden", "linux"], "hw_disk_bus": "scsi", "owner": "0a1b2c", "size": 300_000,
        "created_at": "2020-01-01T00:00:00Z", "disk_format": "raw", "container_format": "bare",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!(record.get("os_glance_failed_import"), None, "of Glance's own import, not of people");
    assert_eq!(admin.download(&golden).await.expect(200).body, bytes);
    assert_eq!(admin.image(&withheld).await["status"], "deactivated");
    assert_eq!(admin.image(&open).await["name"], Value::Null);
    assert_eq!(admin.image(&empty).await["status"], "queued");
    admin.get(&format!("/image/v2/images/{killed}")).await.expect(404);
    let members = admin.get(&format!("/image/v2/images/{shared}/members")).await.expect(200).json();
    let mut answers: Vec<_> =
        members["members"].as_array().unwrap().iter().map(|one| (&one["member_id"], &one["status"])).collect();
    answers.sort_by_key(|(project, _)| project.to_string());
    let expected =
        [["batch", "accepted"], ["other", "rejected"], ["third", "pending"]].map(|pair| pair.map(Value::from));
    assert_eq!(answers, expected.each_ref().map(|[project, status]| (project, status)));

    // Beside the service, too, and whatever it has found inside the images since.
    let (is_same, said) = import(&effigy, &glance, &["--verify"]);
    assert!(is_same && said.contains("nothing differs"), "{said}");
    effigy.check_store();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_image_that_comes_over_is_an_event_of_the_audit() {
    let glance = Glance::start().await;
    let images = ["a", "b"].map(|name| glance.image(name, &noise(name, 5_000), json!({"owner": "0a1b2c"})));
    let mut effigy = Effigy::prepared(SHARING);
    import_all(&effigy, &glance);
    import_all(&effigy, &glance);
    effigy.run().await;
    let said = effigy.admin().await.get("/effigy/v1/audit?action=image.adopt").await.expect(200).json();
    let events = said["events"].as_array().unwrap();
    let mut targets: Vec<_> = events.iter().map(|event| event["target_id"].as_str().unwrap()).collect();
    targets.sort_unstable();
    let mut expected: Vec<_> = images.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(targets, expected, "one for each, and none for the run that found nothing to do");
    assert_eq!([&events[0]["user_name"], &events[0]["project_id"]], [&json!("operator"), &json!("0a1b2c")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_where_it_was() {
    let mut glance = Glance::start().await;
    let images: Vec<String> =
        (0..5).map(|n| glance.image(&format!("i{n}"), &noise(&n.to_string(), 3_000_000), json!({}))).collect();
    glance.fails(&images[1], &[Fault::Holds(2_500_000)]);
    glance.fails(&images[3], &[Fault::Holds(2_500_000)]);
    let mut effigy = Effigy::prepared(SHARING);
    for held in 1..=2 {
        let mut child = command(&effigy, &glance, &["--at-once", "1"]).stderr(Stdio::null()).spawn().unwrap();
        glance.holds(held).await;
        let part = effigy.data().join(format!("import-glance/{}.part", images[2 * held - 1]));
        eventually("a mebibyte is in the part file", Duration::from_secs(60), || async {
            std::fs::metadata(&part).is_ok_and(|about| about.len() >= MIB).then_some(())
        })
        .await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = import_all(&effigy, &glance);
    assert!(said.contains("5 images in Glance: 2 brought now"), "{said}");
    for (n, id) in images.iter().enumerate() {
        let asked = glance.asked(id);
        match n {
            1 | 3 => assert!(asked.len() == 2 && asked[1] as u64 >= MIB, "i{n} was asked for from {asked:?}"),
            _ => assert_eq!(asked, [0], "i{n} was asked for once"),
        }
    }
    let folder = std::fs::read_dir(effigy.data().join("import-glance")).unwrap();
    let left: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["images"], "no part file is left");
    effigy.run().await;
    let listed = effigy.admin().await.get("/image/v2/images?sort=created_at:asc").await.expect(200).json();
    let names: Vec<_> = listed["images"].as_array().unwrap().iter().map(|image| image["name"].clone()).collect();
    assert_eq!(names, ["i0", "i1", "i2", "i3", "i4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_is_fetched_from_there() {
    let glance = Glance::start().await;
    let bytes = noise("broken", 400_000);
    let broken = glance.image("broken", &bytes, json!({}));
    glance.fails(&broken, &[Fault::Breaks(100_000), Fault::Answers(503), Fault::Breaks(50_000), Fault::KnowsNoRanges]);
    let effigy = Effigy::prepared(SHARING);
    import_all(&effigy, &glance);
    assert_eq!(glance.asked(&broken), [0, 100_000, 100_000, 150_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_glance_come_over_when_it_is_run_again() {
    let glance = Glance::start().await;
    let image = glance.image("old", &noise("a", 10_000), json!({"gone": "1", "kept": "1", "tags": ["x"]}));
    let withheld = glance.image("withheld", &noise("b", 10_000), json!({"status": "deactivated"}));
    let late = glance.without_bytes("late", "queued");
    let deleted = glance.image("deleted", &noise("c", 10_000), json!({"protected": true}));
    glance.share(&image, &[("batch", "pending"), ("other", "accepted")]);
    let mut effigy = Effigy::prepared(SHARING);
    import_all(&effigy, &glance);
    assert!(import_all(&effigy, &glance).contains("0 brought now (0 bytes), 0 brought up to date"));
    effigy.run().await;
    let own = effigy.admin().await.save_image("made here", "raw", noise("own", 10_000)).await;
    effigy.stop().await;

    glance.change(&image, json!({"name": "new", "gone": null, "kept": "2", "tags": ["y"], "owner": "other-project"}));
    glance.change(&image, json!({"min_ram": 64, "os_hidden": true}));
    glance.share(&image, &[("batch", "accepted"), ("third", "rejected")]);
    glance.change(&withheld, json!({"status": "active"}));
    let bytes = noise("late", 20_000);
    glance.fill(&late, &bytes);
    glance.image("made since", &noise("d", 10_000), json!({}));
    glance.delete(&deleted);
    let (is_same, said) = import(&effigy, &glance, &["--verify"]);
    assert!(!is_same && said.contains("5 differences"), "{said}");
    assert!(said.contains("name: \"new\" there, \"old\" here") && said.contains("members: batch accepted"), "{said}");
    let (is_same, said) = import(&effigy, &glance, &[]);
    assert!(!is_same && said.contains("2 brought now") && said.contains("2 brought up to date"), "{said}");
    assert!(said.contains(&format!("gone      {deleted}  deleted:")) && said.contains("1 difference\n"), "{said}");
    let (is_same, said) = import(&effigy, &glance, &["--delete"]);
    assert!(is_same && said.contains(&format!("deleted   {deleted}")), "{said}");

    effigy.run().await;
    let admin = effigy.admin().await;
    let record = admin.image(&image).await;
    let shown = ["name", "kept", "tags", "owner"].map(|name| &record[name]);
    assert_eq!(shown, [&json!("new"), &json!("2"), &json!(["y"]), &json!("other-project")]);
    assert_eq!(record.get("gone"), None);
    assert_eq!(admin.download(&late).await.expect(200).body, bytes);
    admin.get(&format!("/image/v2/images/{deleted}")).await.expect(404);
    assert_eq!(admin.image(&own).await["status"], "active", "an image that never was in Glance");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_come_is_told_and_keeps_no_other_from_coming() {
    let glance = Glance::start().await;
    let rotten = glance.image("rotten", &noise("a", 10_000), json!({"checksum": "00000000000000000000000000000000"}));
    let ami = glance.image("ami", &noise("b", 10_000), json!({"disk_format": "ami", "container_format": "ami"}));
    let nobodys = glance.image("nobodys", &noise("c", 10_000), json!({"owner": null}));
    let lost = glance.image("lost", &noise("d", 10_000), json!({}));
    glance.fails(&lost, &[Fault::Answers(404)]);
    let other_hash = json!({"os_hash_algo": "sha256", "os_hash_value": "ff"});
    let other = glance.image("other hash", &noise("e", 10_000), other_hash);
    let fine = glance.image("fine", &noise("f", 10_000), json!({}));
    let effigy = Effigy::prepared(SHARING);
    let (is_same, said) = import(&effigy, &glance, &[]);
    assert!(!is_same && said.contains("5 differences") && said.contains("1 brought now"), "{said}");
    let told = |id: &str, words: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("differs   {id}")));
        assert!(line.is_some_and(|line| line.contains(words)), "{id}: {words}: {said}");
    };
    told(&rotten, "which is not as declared");
    told(&ami, "The container format ami is not accepted");
    told(&nobodys, "set its owner there");
    told(&lost, "Glance answers 404");
    told(&other, "the os_hash_value of its bytes is");
    assert!(glance.asked(&ami).is_empty(), "nothing is fetched that would be refused");
    assert!(said.contains(&format!("{fine}  fine: 9.8 KiB")), "{said}");
    // The next run tries again, and Glance has been mended.
    glance.change(&rotten, json!({"checksum": null, "os_hash_algo": null, "os_hash_value": null}));
    glance.change(&other, json!({"os_hash_algo": "sha3-no-such"}));
    glance.change(&nobodys, json!({"owner": "web"}));
    glance.delete(&ami);
    let (is_same, said) = import(&effigy, &glance, &["--delete"]);
    assert!(is_same && said.contains("4 brought now"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_by_the_list_of_another_glance() {
    let (glance, other) = (Glance::start().await, Glance::start().await);
    let image = glance.image("ours", &noise("a", 10_000), json!({}));
    other.image("theirs", &noise("b", 10_000), json!({}));
    let mut effigy = Effigy::prepared(SHARING);
    import_all(&effigy, &glance);
    let (is_same, said) = import(&effigy, &other, &["--delete"]);
    assert!(!is_same && said.contains("none of the images that came is in this Glance"), "{said}");
    effigy.run().await;
    assert_eq!(effigy.admin().await.image(&image).await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_members_that_only_keystone_knows_are_kept() {
    let glance = Glance::start().await;
    let owner = "f".repeat(64);
    let image = glance.image("ours", &noise("a", 10_000), json!({"owner": owner}));
    glance.share(&image, &[("ldap-project", "accepted")]);
    // Nobody answers there, and nobody is asked.
    let settings = "[identity]\nmode = \"keystone\"\n[instances]\nenabled = false\n[keystone]\nauth_url = \"http://127.0.0.1:9\"\n\
                    username = \"effigy\"\npassword = \"effigypw\"\n";
    let effigy = Effigy::prepared(&format!("{settings}{SHARING}"));
    import_all(&effigy, &glance);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_bind_no_image_that_comes_from_glance() {
    let mut effigy = Effigy::with(&format!("{SHARING}[quota]\nimages = 1\nimage_bytes = 5000\n")).await;
    let alice = effigy.people().await.alice;
    let quota = format!("/effigy/v1/projects/{}/quota", alice.project_id);
    effigy.admin().await.put(&quota, json!({"images": 0, "image_bytes": 0})).await.expect(204);
    effigy.stop().await;
    let glance = Glance::start().await;
    for (name, owner) in [("a", "web"), ("b", "web"), ("c", &*alice.project_id), ("d", &*alice.project_id)] {
        glance.image(name, &noise(name, 10_000), json!({"owner": owner}));
    }
    import_all(&effigy, &glance);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_shared_images_come_as_their_projects_own() {
    let glance = Glance::start().await;
    let image = glance.image("ours", &noise("a", 10_000), json!({}));
    glance.share(&image, &[("batch", "accepted")]);
    let mut effigy = Effigy::prepared("[sharing]\nscope = \"off\"\n");
    import_all(&effigy, &glance);
    effigy.run().await;
    assert_eq!(effigy.admin().await.image(&image).await["visibility"], "private");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_over_is_renewed() {
    let glance = Glance::start().await;
    let first = glance.image("first", &noise("a", 10_000), json!({}));
    glance.image("second", &noise("b", 10_000), json!({}));
    glance.fails(&first, &[Fault::Answers(401)]);
    let effigy = Effigy::prepared(SHARING);
    import_all(&effigy, &glance);
    assert_eq!(glance.asked(&first), [0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_begin_says_why() {
    let glance = Glance::start().await;
    glance.image("one", &noise("a", 1000), json!({}));
    let mut effigy = Effigy::prepared_on_sqlite(SHARING);
    let refused = |said: (bool, String), words: &str| assert!(!said.0 && said.1.contains(words), "{words}: {}", said.1);
    refused(import(&effigy, &glance, &["--verify"]), "there is no database");
    let said = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = effigy.command(&[&["import-glance"], more].concat());
        let output = command.envs(variables.iter().copied()).output().expect("run the program");
        (output.status.success(), shown(&output))
    };
    refused(said(&[], &[]), "say which cloud it is: --os-cloud");
    refused(said(&["--os-cloud", "old"], &[]), "there is no clouds.yaml");
    refused(said(&["--token", "member", "--glance", &glance.url()], &[]), "the token is not an admin's");
    refused(said(&["--token", "over", "--glance", &glance.url()], &[]), "run it again with another");
    let wrong =
        glance.variables().map(|(name, value)| if name == "OS_PASSWORD" { (name, "x".into()) } else { (name, value) });
    let wrong: Vec<_> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    refused(said(&[], &wrong), "Keystone refuses the sign-in (401");
    let elsewhere = glance.variables();
    let mut elsewhere: Vec<_> = elsewhere.iter().map(|(name, value)| (*name, value.as_str())).collect();
    elsewhere.push(("OS_REGION_NAME", "Two"));
    refused(said(&[], &elsewhere), "no image service with the interface public in the region Two");
    effigy.run().await;
    refused(import(&effigy, &glance, &[]), "another effigy serves the data folder");
}
