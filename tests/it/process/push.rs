//! `effigy push` and `effigy pull` beside a running service: whole, cut on the way, and refused.

use std::{
    fs::{read, write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    glance::fake::{Fault, Glance},
    support::{Effigy, Line, PASSWORD, Person, Small, eventually, shown},
};

const PATIENCE: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;

/// Bytes that do not compress, another sequence for each seed.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// The commands of Alice in her project *web*.
struct Alice<'a> {
    effigy: &'a Effigy,
    url: String,
}

impl Alice<'_> {
    fn at(effigy: &Effigy) -> Alice<'_> {
        Alice { effigy, url: effigy.url().to_owned() }
    }

    /// The same by a line that the test holds.
    fn by<'a>(effigy: &'a Effigy, line: &Line) -> Alice<'a> {
        Alice { effigy, url: format!("http://{}", line.address) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.effigy.command(arguments);
        command
            .env("OS_AUTH_URL", self.effigy.at("/identity/v3"))
            .env("OS_USERNAME", "alice")
            .env("OS_PASSWORD", PASSWORD)
            .env("OS_PROJECT_NAME", "web")
            .env("OS_IMAGE_ENDPOINT_OVERRIDE", format!("{}/image", self.url))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end beside this test.
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().expect("run the program")).await.unwrap()
    }

    /// The image's id that a command prints, and all else that it says.
    #[track_caller]
    fn id(output: &Output) -> (String, String) {
        assert!(output.status.success(), "{}", shown(output));
        let id = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(id.trim_end().parse::<uuid::Uuid>().is_ok() && id.ends_with('\n'), "{}", shown(output));
        (id.trim_end().to_owned(), String::from_utf8(output.stderr.clone()).unwrap())
    }

    async fn push(&self, arguments: &[&str]) -> (String, String) {
        Self::id(&self.run(&[&["push"], arguments].concat()).await)
    }

    async fn pull(&self, arguments: &[&str]) -> (String, String) {
        Self::id(&self.run(&[&["pull"], arguments].concat()).await)
    }

    /// Runs a command that is refused in these words.
    async fn refused(&self, arguments: &[&str], words: &str) {
        let output = self.run(arguments).await;
        let said = shown(&output);
        assert!(output.status.code() == Some(1) && output.stdout.is_empty() && said.contains(words), "{words}: {said}");
    }

    fn starts(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run the program")
    }
}

async fn ends(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().expect("wait")).await.unwrap()
}

/// A file of the test's own.
fn file(effigy: &Effigy, name: &str, bytes: &[u8]) -> PathBuf {
    let path = effigy.scratch().join(name);
    write(&path, bytes).unwrap();
    path
}

/// The files beside a target, the target among them, whose names begin with its name.
fn beside(target: &Path) -> Vec<String> {
    let name = target.file_name().unwrap().to_str().unwrap();
    let files = std::fs::read_dir(target.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name());
    files.filter_map(|file| file.into_string().ok()).filter(|file| file.starts_with(name)).collect()
}

async fn images(person: &Person) -> usize {
    person.get("/image/v2/images").await.expect(200).json()["images"].as_array().unwrap().len()
}

/// The size of the one part file beside a target.
fn part_bytes(target: &Path) -> Option<u64> {
    let part = beside(target).into_iter().find(|file| file.ends_with(".part"))?;
    std::fs::metadata(target.with_file_name(part)).ok().map(|metadata| metadata.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_pushed_with_what_the_flags_say_and_pulled_the_same() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let command = Alice::at(&effigy);
    let bytes = noise("a", 9 * MIB + 123);
    let disk = file(&effigy, "golden.raw", &bytes);
    let disk = disk.to_str().unwrap();
    let words = ["--tag", "b", "--tag", "a", "--property", "hw_disk_bus=scsi", "--property", "note=x=y"];
    let more = ["--min-disk", "3", "--min-ram", "256", "--visibility", "private"];
    let (id, said) = command.push(&[&[disk], &words[..], &more].concat()).await;
    assert_eq!(said, "all is sent; the service saves it\n", "and no bar, since nobody looks");
    let image = alice.image(&id).await;
    for (name, value) in [
        ("name", json!("golden")),
        ("status", json!("active")),
        ("disk_format", json!("raw")),
        ("tags", json!(["a", "b"])),
        ("hw_disk_bus", json!("scsi")),
        ("note", json!("x=y")),
        ("min_disk", json!(3)),
        ("min_ram", json!(256)),
        ("visibility", json!("private")),
    ] {
        assert_eq!(image[name], value, "{name}");
    }
    let target = effigy.scratch().join("out.raw");
    for name in ["golden", &id] {
        let (pulled, said) = command.pull(&[name, target.to_str().unwrap()]).await;
        assert_eq!((pulled, said), (id.clone(), String::new()));
        assert!(read(&target).unwrap() == bytes);
        assert_eq!(beside(&target), ["out.raw"], "no part is left");
        std::fs::remove_file(&target).unwrap();
    }

    // The same command again makes no second image; another one does.
    let (again, said) = command.push(&[&[disk], &words[..], &more].concat()).await;
    assert!(again == id && said.contains("is this file already"), "{said}");
    let (other, _) = command.push(&[disk, "--name", "other"]).await;
    let (tagged, _) = command.push(&[disk, "--tag", "c"]).await;
    assert!(other != id && tagged != id && tagged != other);
    assert_eq!(alice.image(&other).await["name"], "other");
    effigy.check_store();
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_file_is_pushed_with_the_format_of_its_disk() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let command = Alice::at(&effigy);
    let bytes = noise("a", 2 * MIB);
    let packed = file(&effigy, "disk.raw.zst", &zstd::encode_all(&bytes[..], 1).unwrap());
    let packed = packed.to_str().unwrap();
    command.refused(&["push", packed], "say the format of the disk in it with --disk-format").await;
    let (id, _) = command.push(&[packed, "--disk-format", "raw"]).await;
    let image = alice.image(&id).await;
    assert_eq!((&image["name"], &image["container_format"]), (&json!("disk"), &json!("bare")));
    assert!(alice.download(&id).await.expect(200).body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_that_is_killed_or_stopped_goes_on_with_the_same_bytes_only() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let bytes = noise("a", 24 * MIB);
    let disk = file(&effigy, "disk.raw", &bytes);
    let name = disk.to_str().unwrap();
    let line = Line::to(&effigy, 9 * MIB, usize::MAX).await;
    let mut child = Alice::by(&effigy, &line).starts(&["push", name]);
    line.holds().await;
    child.kill().unwrap();
    ends(child).await;
    drop(line);
    let begun = alice.get("/image/v2/images").await.expect(200).string("/images/0/id");

    // Again, and stopped by a person.
    let line = Line::to(&effigy, 5 * MIB, usize::MAX).await;
    let child = Alice::by(&effigy, &line).starts(&["push", name]);
    line.holds().await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = ends(child).await;
    let said = shown(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("goes on from byte") && said.contains("the same command sends the rest"), "{said}");

    // A file of the same name, size and time is another file.
    let time = std::fs::metadata(&disk).unwrap().modified().unwrap();
    let other = noise("b", 24 * MIB);
    write(&disk, &other).unwrap();
    std::fs::File::options().write(true).open(&disk).unwrap().set_modified(time).unwrap();
    let command = Alice::at(&effigy);
    let (second, said) = command.push(&[name]).await;
    assert!(second != begun && !said.contains("goes on"), "{said}");
    assert!(alice.download(&second).await.expect(200).body == other);

    // The first one's bytes, wherever they lie and whatever their time is.
    write(&disk, &bytes).unwrap();
    let moved = effigy.scratch().join("moved.raw");
    std::fs::rename(&disk, &moved).unwrap();
    let (first, said) = command.push(&[moved.to_str().unwrap(), "--name", "disk"]).await;
    let from = said.lines().find_map(|line| line.strip_prefix("goes on from byte ")).expect("it goes on");
    assert!(from.parse::<usize>().unwrap() >= 4 * MIB && first == begun, "{said}");
    assert!(alice.download(&first).await.expect(200).body == bytes);
    effigy.check_store();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_that_is_killed_while_the_service_saves_is_the_same_image_afterwards() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let disk = file(&effigy, "disk.raw", &noise("a", 24 * MIB));
    let name = disk.to_str().unwrap();
    let command = Alice::at(&effigy);
    let mut child = command.starts(&["push", name]);
    let image = eventually("all is sent", PATIENCE, || async {
        let list = alice.get("/image/v2/images").await.expect(200).json();
        let image = list["images"].get(0)?;
        ["importing", "active"].contains(&image["status"].as_str()?).then(|| image["id"].as_str().unwrap().to_owned())
    })
    .await;
    child.kill().unwrap();
    ends(child).await;
    let (id, said) = command.push(&[name]).await;
    assert!(id == image && said.contains("is this file already"), "{said}");
    assert_eq!(alice.image(&id).await["status"], "active");
    assert_eq!(images(&alice).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_does_not_go_on_with_the_upload_of_another_project() {
    let effigy = Effigy::start().await;
    effigy.people().await;
    let disk = file(&effigy, "disk.raw", &noise("a", 12 * MIB));
    let name = disk.to_str().unwrap();
    let line = Line::to(&effigy, 6 * MIB, usize::MAX).await;
    let mut child = Alice::by(&effigy, &line).starts(&["push", name]);
    line.holds().await;
    child.kill().unwrap();
    ends(child).await;
    drop(line);
    let admin = effigy.admin().await;
    let begun = admin.get("/image/v2/images").await.expect(200).string("/images/0/id");
    let mut command = Alice::at(&effigy).command(&["push", name]);
    let password = effigy.admin_password();
    let output =
        command.env("OS_USERNAME", "admin").env("OS_PASSWORD", password).env("OS_PROJECT_NAME", "admin").output();
    let (id, said) = Alice::id(&output.unwrap());
    assert!(id != begun && !said.contains("goes on"), "{said}");
    assert_eq!(admin.image(&id).await["owner"], admin.project_id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn push_and_pull_go_on_by_themselves_after_the_service_was_killed() {
    let mut effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let bytes = noise("a", 20 * MIB);
    let disk = file(&effigy, "disk.raw", &bytes);
    let line = Line::to(&effigy, 9 * MIB, usize::MAX).await;
    let child = Alice::by(&effigy, &line).starts(&["push", disk.to_str().unwrap()]);
    line.holds().await;
    effigy.kill9();
    line.let_go();
    effigy.run().await;
    let output = ends(child).await;
    let (id, said) = Alice::id(&output);
    assert!(said.contains("waits: the service is out of reach"), "{said}");
    assert!(alice.download(&id).await.expect(200).body == bytes);

    let target = effigy.scratch().join("out.raw");
    let line = Line::to(&effigy, usize::MAX, 9 * MIB).await;
    let child = Alice::by(&effigy, &line).starts(&["pull", &id, target.to_str().unwrap()]);
    line.holds().await;
    effigy.kill9();
    line.let_go();
    effigy.run().await;
    let (_, said) = Alice::id(&ends(child).await);
    assert!(said.contains("waits: the file breaks off"), "{said}");
    assert!(read(&target).unwrap() == bytes);
    effigy.check_store();
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_that_is_killed_or_stopped_goes_on_and_shows_no_file_before() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let bytes = noise("a", 20 * MIB);
    let id = alice.save_image("disk", "raw", bytes.clone()).await;
    let target = effigy.scratch().join("out.raw");
    let pull = ["pull", "disk", target.to_str().unwrap()];
    let line = Line::to(&effigy, usize::MAX, 6 * MIB).await;
    let mut child = Alice::by(&effigy, &line).starts(&pull);
    line.holds().await;
    // A second one at the same time does not write into the same file.
    Alice::at(&effigy).refused(&pull, "another command fetches this image").await;
    eventually("a part", PATIENCE, || async { part_bytes(&target).filter(|bytes| *bytes > 0) }).await;
    child.kill().unwrap();
    ends(child).await;
    let first = part_bytes(&target).expect("a part");
    assert!(!target.exists());

    let line = Line::to(&effigy, usize::MAX, 6 * MIB).await;
    let child = Alice::by(&effigy, &line).starts(&pull);
    eventually("more of it", PATIENCE, || async { part_bytes(&target).filter(|bytes| *bytes > first) }).await;
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = ends(child).await;
    let said = shown(&output);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains(&format!("goes on from byte {first}\n")) && said.contains("kept beside the file"), "{said}");
    let second = part_bytes(&target).expect("a part");
    assert!(!target.exists());

    // A power cut may leave other bytes than came: they are found out, and the file comes anew.
    let part = target.with_file_name(format!("out.raw.{id}.part"));
    let mut kept = read(&part).unwrap();
    kept[1000..2000].fill(0);
    write(&part, &kept).unwrap();
    let (_, said) = Alice::at(&effigy).pull(&pull[1..]).await;
    assert!(said.contains(&format!("goes on from byte {second}\n")) && said.contains("fetched anew"), "{said}");
    assert!(read(&target).unwrap() == bytes);
    assert_eq!(beside(&target), ["out.raw"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn part_of_another_image_is_not_gone_on_with() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let (old, new) = (noise("old", 6 * MIB), noise("new", 5 * MIB));
    let first = alice.save_image("disk", "raw", old).await;
    let target = effigy.scratch().join("out.raw");
    let pull = ["pull", "disk", target.to_str().unwrap()];
    let line = Line::to(&effigy, usize::MAX, 2 * MIB).await;
    let mut child = Alice::by(&effigy, &line).starts(&pull);
    eventually("a part", PATIENCE, || async { part_bytes(&target).filter(|bytes| *bytes > 0) }).await;
    child.kill().unwrap();
    ends(child).await;
    alice.delete(&format!("/image/v2/images/{first}")).await.expect(204);
    let second = alice.save_image("disk", "raw", new.clone()).await;
    let (id, said) = Alice::at(&effigy).pull(&pull[1..]).await;
    assert!(id == second && said.is_empty(), "{said}");
    assert!(read(&target).unwrap() == new);
    // One that is longer than its image's file.
    let longer = effigy.scratch().join("longer.raw");
    write(longer.with_file_name(format!("longer.raw.{id}.part")), noise("x", 7 * MIB)).unwrap();
    Alice::at(&effigy).pull(&["disk", longer.to_str().unwrap()]).await;
    assert!(read(&longer).unwrap() == new);
}

#[tokio::test(flavor = "multi_thread")]
async fn pulled_file_of_another_digest_is_refused_and_one_that_breaks_off_is_asked_for_again() {
    let glance = Glance::start().await;
    let effigy = Effigy::prepared("");
    let bytes = noise("a", 300_000);
    let wrong = glance.image("wrong", &bytes, json!({"os_hash_value": "00"}));
    let sound = glance.image("sound", &bytes, json!({}));
    let old = glance.image("old", &bytes, json!({"os_hash_algo": null, "os_hash_value": null}));
    let target = effigy.scratch().join("out.raw");
    let pull = |image: &str| {
        let mut command = effigy.command(&["pull", image, target.to_str().unwrap()]);
        command.envs(glance.variables()).output().expect("run the program")
    };
    let output = pull(&wrong);
    let said = shown(&output);
    assert!(!output.status.success() && said.contains(&format!("not those of image {wrong}")), "{said}");
    assert!(beside(&target).is_empty(), "nothing is left");
    glance.fails(&sound, &[Fault::Breaks(100_000), Fault::Answers(503), Fault::KnowsNoRanges]);
    Alice::id(&pull("sound"));
    assert_eq!(glance.asked(&sound), [0, 100_000, 100_000]);
    assert!(read(&target).unwrap() == bytes);
    std::fs::remove_file(&target).unwrap();
    // An image of an old Glance has an MD5 only.
    Alice::id(&pull(&old));
    assert!(read(&target).unwrap() == bytes);
    std::fs::remove_file(&target).unwrap();
    glance.fails(&sound, &[Fault::Answers(403)]);
    assert!(shown(&pull(&sound)).contains("the service answers 403"));
    assert!(beside(&target).is_empty());

    // It takes no file in parts, and says so before it makes anything.
    let disk = file(&effigy, "disk.raw", &bytes);
    let mut command = effigy.command(&["push", disk.to_str().unwrap()]);
    let said = shown(&command.envs(glance.variables()).output().unwrap());
    assert!(said.contains("is not an Effigy"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pulled_file_waits_for_a_digest_that_is_still_computed() {
    let glance = Glance::start().await;
    let effigy = Effigy::prepared("");
    let bytes = noise("a", 300_000);
    let none = json!({"checksum": null, "os_hash_algo": null, "os_hash_value": null});
    let image = glance.image("new", &bytes, none);
    let target = effigy.scratch().join("out.raw");
    let mut command = effigy.command(&["pull", "new", target.to_str().unwrap()]);
    command.envs(glance.variables()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    eventually("all of it", PATIENCE, || async { part_bytes(&target).filter(|len| *len == 300_000) }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!target.exists(), "nobody knows yet whether it is whole");
    let sha512 = openssl::hash::hash(openssl::hash::MessageDigest::sha512(), &bytes).unwrap();
    let sha512: String = sha512.iter().map(|byte| format!("{byte:02x}")).collect();
    glance.change(&image, json!({"os_hash_algo": "sha512", "os_hash_value": sha512}));
    let (_, said) = Alice::id(&ends(child).await);
    assert!(said.contains("waits: the service is still computing the digest"), "{said}");
    assert!(read(&target).unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_over_and_no_image_is_guessed() {
    let effigy = Effigy::start().await;
    let people = effigy.people().await;
    let alice = people.alice;
    let bytes = noise("a", 100_000);
    let only = alice.save_image("only", "raw", bytes.clone()).await;
    let twins =
        [alice.save_image("twin", "raw", bytes.clone()).await, alice.save_image("twin", "raw", noise("b", 5000)).await];
    let empty = alice.create_image("empty", json!({})).await;
    let hidden = people.bob.save_image("hidden", "raw", noise("c", 5000)).await;
    let command = Alice::at(&effigy);
    let mine = file(&effigy, "mine.raw", b"mine");
    let mine = mine.to_str().unwrap();
    command.refused(&["pull", "only", mine], "mine.raw is there already: --force replaces it").await;
    assert_eq!(read(mine).unwrap(), b"mine");
    command.pull(&["only", mine, "--force"]).await;
    assert!(read(mine).unwrap() == bytes);
    let folder = effigy.scratch().to_str().unwrap();
    command.refused(&["pull", "only", folder, "--force"], "is a folder").await;
    let link = effigy.scratch().join("link");
    std::os::unix::fs::symlink(mine, &link).unwrap();
    command.refused(&["pull", "only", link.to_str().unwrap(), "--force"], "is not a plain file").await;
    command.refused(&["pull", "only", &format!("{folder}/no/such.raw")], "cannot write").await;

    let target = effigy.scratch().join("new.raw");
    let target = target.to_str().unwrap();
    for twin in &twins {
        command.refused(&["pull", "twin", target], twin).await;
    }
    command.refused(&["pull", "twin", target], "name the one that you mean by its id").await;
    command.refused(&["pull", "none", target], "there is no image 'none' that you see").await;
    command.refused(&["pull", "in:only,twin", target], "there is no image 'in:only,twin' that you see").await;
    command.refused(&["pull", &hidden, target], &format!("there is no image '{hidden}' that you see")).await;
    command.refused(&["pull", &empty, target], "is queued and has no file yet").await;
    assert!(!Path::new(target).exists());
    let (pulled, _) = command.pull(&[&only, target]).await;
    assert_eq!(pulled, only);
}

#[tokio::test(flavor = "multi_thread")]
async fn push_that_is_refused_says_why_and_leaves_no_image() {
    let effigy = Effigy::with("[quota]\nimage_bytes = 10000000\n").await;
    let people = effigy.people().await;
    let alice = people.alice;
    let command = Alice::at(&effigy);
    let disk = file(&effigy, "disk.raw", &noise("a", 11 * MIB));
    let disk = disk.to_str().unwrap();
    command.refused(&["push", disk], "413").await;
    let small = file(&effigy, "small.raw", &noise("a", 70_000));
    let small = small.to_str().unwrap();
    command.refused(&["push", small, "--store", "none"], "the service does not take the file").await;
    command.refused(&["push", small, "--disk-format", "qcow2"], "the service refuses the file").await;
    command.refused(&["push", small, "--disk-format", "ami"], "ami").await;
    assert_eq!(images(&alice).await, 0);
    command.refused(&["push", effigy.scratch().to_str().unwrap()], "is not a file with bytes in it").await;
    command.refused(&["push", "/no/such/file"], "cannot read /no/such/file").await;

    let said = |variables: &[(&str, &str)]| {
        let mut command = command.command(&["push", small]);
        shown(&command.envs(variables.iter().copied()).output().unwrap())
    };
    let wrong = said(&[("OS_PASSWORD", "wrong horse")]);
    assert!(wrong.contains("Keystone refuses the sign-in (401") && wrong.contains("the password"), "{wrong}");
    let reader = said(&[("OS_USERNAME", "rita")]);
    assert!(reader.contains("the service answers 403"), "{reader}");
    let token = said(&[("OS_TOKEN", "over")]);
    assert!(token.contains("run it again with another"), "{token}");
    let nobody = said(&[("OS_IMAGE_ENDPOINT_OVERRIDE", "http://127.0.0.1:9/image")]);
    assert!(nobody.contains("the service is out of reach"), "{nobody}");
    assert_eq!(images(&alice).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_changed_while_it_is_sent_makes_no_image() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let disk = file(&effigy, "disk.raw", &noise("a", 24 * MIB));
    let name = disk.to_str().unwrap();
    let line = Line::to(&effigy, 9 * MIB, usize::MAX).await;
    let child = Alice::by(&effigy, &line).starts(&["push", name]);
    line.holds().await;
    let other = noise("b", 24 * MIB);
    write(&disk, &other).unwrap();
    line.let_go();
    let output = ends(child).await;
    let said = shown(&output);
    assert!(!output.status.success() && said.contains("was changed while it was sent: push it again"), "{said}");
    assert!(said.contains("is deleted again"), "{said}");
    assert_eq!(images(&alice).await, 0);
    let (id, _) = Alice::at(&effigy).push(&[name]).await;
    assert!(alice.download(&id).await.expect(200).body == other);
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_without_room_says_so_before_it_begins() {
    let effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    alice.save_image("disk", "raw", noise("a", 3 * MIB)).await;
    let folder = effigy.scratch().join("small");
    // Only where this machine lets this user mount.
    let Ok(_small) = Small::tmpfs(folder.clone(), "size=1m") else { return };
    let target = folder.join("out.raw");
    Alice::at(&effigy)
        .refused(&["pull", "disk", target.to_str().unwrap()], "make room, or name a file elsewhere")
        .await;
    assert!(beside(&target).is_empty());
}
