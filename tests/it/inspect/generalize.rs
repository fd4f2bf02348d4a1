//! A cleaned copy of an image: what is cured, what is not, and what is left alone. By real guests under emulation.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use super::{SECRET, findings, verified};
use crate::support::{Effigy, People, Person, cleaner, disk_of, eventually, linux_disk, micro_disk, windows_disk};

/// How long a cleaning may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);

/// The rules whose findings are cured.
const CURED: [&str; 5] = ["ssh_host_key", "shell_history", "machine_id", "cloud_init_state", "dhcp_lease"];

/// The secrets that must not be found in the free space of a copy either.
const CANARIES: [&str; 3] = ["host-key-canary", "history-canary", "user-data-canary"];

fn settings() -> String {
    format!("[instances]\naccel = \"tcg\"\n[inspect]\ncleaner = \"{}\"\n", cleaner().display())
}

/// A disk with one of everything that is cured, and a private key, which is not.
fn careless_disk() -> Vec<u8> {
    linux_disk(&[
        SECRET,
        ("/etc/ssh/ssh_host_ed25519_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nhost-key-canary\n"),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@builder\n"),
        ("/etc/ssh/sshd_config", "PermitRootLogin no\n"),
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n"),
        ("/var/lib/dhcp/dhclient.eth0.leases", "lease { fixed-address 10.0.0.5; }\n"),
        ("/root/.bash_history", "mysql -phistory-canary\n"),
        ("/home/builder of images/.zsh_history", "ls\n"),
        ("/home/builder/.local/share/fish/fish_history", "- cmd: ls\n"),
        ("/home/builder/notes", "keep me\n"),
        ("/var/lib/cloud/instances/i-1/user-data.txt", "password: user-data-canary\n"),
        ("/var/lib/cloud/data/instance-id", "i-1\n"),
        ("/var/lib/cloud/seed/nocloud/meta-data", "keep me\n"),
        ("/var/log/cloud-init-output.log", "user-data-canary\n"),
    ])
}

async fn generalize(person: &Person, id: &str, body: Value) -> String {
    person.post(&format!("/effigy/v1/images/{id}/generalize"), body).await.expect(202).string("/image/id")
}

async fn becomes_active(person: &Person, id: &str) -> Value {
    eventually(&format!("image {id} active"), PATIENCE, || async {
        let shown = person.image(id).await;
        assert_ne!(shown["status"], "queued", "the cleaning failed: {shown}");
        (shown["status"] == "active").then_some(shown)
    })
    .await
}

/// The disk in the file of an image, checked.
async fn clean_disk(effigy: &Effigy, person: &Person, id: &str) -> Vec<u8> {
    let disk = disk_of("qcow2", &person.download(id).await.expect(200).body);
    let file = effigy.scratch().join(format!("{id}.raw"));
    std::fs::write(&file, &disk).unwrap();
    let check = tool("e2fsck").arg("-fn").arg(&file).output().expect("e2fsck");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    disk
}

/// A tool of e2fsprogs, wherever it is.
fn tool(name: &str) -> Command {
    let places = ["/sbin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
    Command::new(places.iter().find(|path| path.exists()).cloned().unwrap_or_else(|| name.into()))
}

/// The content of a file on a disk.
fn cat(disk: &[u8], path: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk");
    std::fs::write(&file, disk).unwrap();
    let output = tool("debugfs").args(["-R", &format!("cat \"{path}\"")]).arg(&file).output().expect("debugfs");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn holds(disk: &[u8], text: &str) -> bool {
    disk.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[tokio::test]
async fn copy_has_lost_only_its_curable_findings() {
    let effigy = Effigy::with(&settings()).await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let disk = careless_disk();
    let source = alice.create_image("careless", json!({"hw_disk_bus": "scsi", "min_ram": 64})).await;
    alice.upload(&source, disk.clone()).await.expect(204);
    let before = findings(&verified(alice, &source).await);
    for rule in CURED.iter().chain(&["private_key"]) {
        assert!(before.contains(&(*rule).to_owned()), "{rule} is not in {before:?}");
    }

    let path = format!("/effigy/v1/images/{source}/generalize");
    people.bob.post(&path, json!({})).await.expect(404);
    people.rita.post(&path, json!({})).await.expect(403);
    alice.post(&path, json!({"nmae": "x"})).await.expect(400);
    let reason = json!([{"op": "add", "path": "/effigy_public_reason", "value": "a sample"}]);
    people.admin.patch_image(&source, reason).await.expect(200);
    let copy = generalize(alice, &source, json!({})).await;
    assert_eq!(alice.image(&copy).await["status"], "saving");
    let shown = becomes_active(alice, &copy).await;
    assert_eq!((&shown["name"], &shown["visibility"]), (&json!("careless (generalised)"), &json!("private")));
    assert_eq!((&shown["base_image_ref"], &shown["hw_disk_bus"]), (&json!(source), &json!("scsi")));
    assert!(shown["effigy_public_reason"].is_null(), "a reason is one image's own");
    assert_eq!((&shown["min_ram"], &shown["owner"]), (&json!(64), &json!(alice.project_id)));

    assert_eq!(findings(&verified(alice, &copy).await), ["private_key"], "cured too little or too much");
    let cleaned = clean_disk(&effigy, alice, &copy).await;
    for canary in CANARIES {
        assert!(holds(&disk, canary) && !holds(&cleaned, canary), "{canary}");
    }
    assert_eq!(cat(&cleaned, "/home/builder/notes").lines().next(), Some("keep me"));
    assert_eq!(cat(&cleaned, "/var/lib/cloud/seed/nocloud/meta-data").lines().next(), Some("keep me"));
    assert!(cat(&cleaned, "/etc/ssh/ssh_host_ed25519_key.pub").contains("not found"));
    assert!(!cat(&cleaned, "/etc/machine-id").contains("not found"), "it is empty, and there");

    assert!(alice.download(&source).await.expect(200).body == disk, "the source was changed");
    let storage = alice.get(&format!("/effigy/v1/images/{copy}/storage")).await.expect(200).json();
    let unique = storage["storage"]["unique_bytes"].as_u64().unwrap();
    assert!(unique < 1 << 20, "{storage}");
    let audit = people.admin.get("/effigy/v1/audit?action=image.generalize").await.expect(200).json();
    assert_eq!(audit["events"][0]["target_id"], json!(format!("{source}/{copy}")), "{audit}");
    assert!(effigy.guests().is_empty());
    assert_eq!(folders(&effigy), 0, "the guest's folder is left");
}

fn folders(effigy: &Effigy) -> usize {
    let entries = std::fs::read_dir(effigy.data().join("instances")).unwrap().flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}

#[tokio::test]
async fn image_that_cannot_be_cleaned_is_refused_with_the_reason() {
    let mut effigy = Effigy::with(&settings()).await;
    let alice = effigy.people().await.alice;
    let path = |id: &str| format!("/effigy/v1/images/{id}/generalize");
    let refused = async |id: &str| alice.post(&path(id), json!({})).await.expect(409).text();

    let queued = alice.create_image("queued", json!({})).await;
    assert!(refused(&queued).await.contains("nothing to copy"));
    let windows = alice.save_image("windows", "raw", windows_disk("generalized.raw")).await;
    let micro = alice.save_image("micro", "raw", micro_disk("micro", 1 << 20)).await;
    let linux = alice.save_image("linux", "raw", linux_disk(&[])).await;
    for id in [&windows, &micro, &linux] {
        verified(&alice, id).await;
    }
    assert!(refused(&windows).await.contains("sysprep"));
    assert!(refused(&micro).await.contains("unknown"));
    alice.post(&path(&linux), json!({"name": "x".repeat(256)})).await.expect(400);
    let images = alice.get("/image/v2/images").await.expect(200).json()["images"].as_array().unwrap().len();
    assert_eq!(images, 4, "something was written");

    effigy.restart_with("").await;
    let without = refused(&linux).await;
    assert!(without.contains("guests/cleaner.sh") && without.contains("inspect.cleaner"), "{without}");
    let empty = effigy.scratch().display().to_string();
    effigy.restart_with(&format!("[inspect]\ncleaner = \"{empty}\"\n")).await;
    assert!(refused(&linux).await.contains("has no kernel"));
}

/// The disk after these commands of debugfs.
fn altered(disk: &[u8], commands: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (file, script) = (folder.path().join("disk"), folder.path().join("script"));
    std::fs::write(&file, disk).unwrap();
    std::fs::write(&script, commands).unwrap();
    let output = tool("debugfs").arg("-w").arg("-f").arg(script).arg(&file).output().expect("debugfs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(file).unwrap()
}

#[tokio::test]
async fn links_on_the_disk_lead_nowhere() {
    let effigy = Effigy::with(&settings()).await;
    let alice = effigy.people().await.alice;
    let samples = ["/keep/ssh_host_rsa_key", "/keep/.bash_history", "/keep/cloud/instances/i-1/user-data"];
    let mut files: Vec<(&str, &str)> = samples.iter().map(|path| (*path, "a sample\n")).collect();
    files.push(("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"));
    let links = "mkdir /home\nmkdir /var\nmkdir /var/lib\nsymlink /etc/ssh /keep\nsymlink /home/eve ../keep\n\
                 symlink /root /keep\nsymlink /var/lib/cloud ../../keep/cloud\nsymlink /var/lib/dhcp /\n";
    let disk = altered(&linux_disk(&files), links);
    let source = alice.save_image("links", "raw", disk).await;
    assert!(findings(&verified(&alice, &source).await).contains(&"machine_id".to_owned()));
    let copy = generalize(&alice, &source, json!({"name": "copy"})).await;
    assert_eq!(becomes_active(&alice, &copy).await["name"], "copy");
    let cleaned = clean_disk(&effigy, &alice, &copy).await;
    for sample in samples {
        assert_eq!(cat(&cleaned, sample).lines().next(), Some("a sample"), "{sample}");
    }
    assert!(!findings(&verified(&alice, &copy).await).contains(&"machine_id".to_owned()));
}

#[tokio::test]
async fn damaged_file_system_makes_no_copy_and_says_so() {
    let effigy = Effigy::with(&settings()).await;
    let alice = effigy.people().await.alice;
    // A file that says that it is a folder; once the file system says itself that something is wrong, once it does not.
    for (name, more) in [("known", "set_super_value state 2\n"), ("unknown", "")] {
        let disk = linux_disk(&[("/etc/wrong", "no folder\n")]);
        let disk = altered(&disk, &format!("set_inode_field /etc/wrong mode 040755\n{more}"));
        let source = alice.save_image(name, "raw", disk).await;
        verified(&alice, &source).await;
        let copy = generalize(&alice, &source, json!({})).await;
        let reason = eventually("the cleaning fails", PATIENCE, || async {
            let shown = alice.get("/effigy/v1/images?status=queued").await.expect(200).json();
            let images = shown["images"].as_array().unwrap().clone();
            let image = images.iter().find(|image| image["id"] == json!(copy))?;
            image["effigy"]["reason"].as_str().map(str::to_owned)
        })
        .await;
        assert!(reason.contains("mend it with e2fsck"), "{name}: {reason}");
    }
    assert!(effigy.guests().is_empty() && folders(&effigy) == 0);
    effigy.check_store();
}

#[tokio::test]
async fn cleaning_cut_off_by_a_crash_leaves_no_guest_and_begins_anew() {
    let mut effigy = Effigy::with(&settings()).await;
    let alice = effigy.people().await.alice;
    let source = alice.save_image("careless", "raw", careless_disk()).await;
    verified(&alice, &source).await;
    let copy = generalize(&alice, &source, json!({})).await;
    // A process that is not QEMU yet is not yet tied to the service's life; one left at that moment ends at the next start.
    let first = eventually("QEMU runs", PATIENCE, || async { effigy.guests().into_iter().find(is_qemu) }).await;
    effigy.kill9();
    eventually("the guest has ended", Duration::from_secs(20), || async {
        (!Path::new(&format!("/proc/{first}/cwd")).exists()).then_some(())
    })
    .await;
    effigy.run().await;
    becomes_active(&alice, &copy).await;
    assert_eq!(findings(&verified(&alice, &copy).await), ["private_key"]);
    clean_disk(&effigy, &alice, &copy).await;
    // A service that is stopped takes its guest with it, and the next one begins anew.
    let copy = generalize(&alice, &source, json!({})).await;
    eventually("the guest runs", PATIENCE, || async { effigy.guests().first().copied() }).await;
    effigy.stop().await;
    assert!(effigy.guests().is_empty() && folders(&effigy) == 0);
    effigy.run().await;
    becomes_active(&alice, &copy).await;
    // A copy that is deleted while it is made takes its guest with it.
    let unwanted = generalize(&alice, &source, json!({})).await;
    eventually("the guest runs", PATIENCE, || async { effigy.guests().first().copied() }).await;
    alice.delete(&format!("/image/v2/images/{unwanted}")).await.expect(204);
    eventually("no guest and no folder", Duration::from_secs(30), || async {
        (effigy.guests().is_empty() && folders(&effigy) == 0).then_some(())
    })
    .await;
    effigy.check_store();
}

fn is_qemu(id: &u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{id}/exe")).unwrap_or_default();
    program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("qemu"))
}

/// A GPT disk with these volumes, each in a partition of its own.
fn partitioned(volumes: &[Vec<u8>]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (file, table) = (folder.path().join("disk"), folder.path().join("table"));
    let mut disk = vec![0; (volumes.len() + 2) * VOLUME_BYTES];
    let mut lines = "label: gpt\n".to_owned();
    for (index, volume) in volumes.iter().enumerate() {
        let at = (index + 1) * VOLUME_BYTES;
        disk[at..at + volume.len()].copy_from_slice(volume);
        // The numbers have gaps, as those of disks that were changed have.
        lines += &format!("disk{} : start={}, size={}\n", 2 * index + 1, at / 512, VOLUME_BYTES / 512);
    }
    std::fs::write(&file, &disk).unwrap();
    std::fs::write(&table, lines).unwrap();
    let output = tool("sfdisk").arg("-q").arg(&file).stdin(std::fs::File::open(table).unwrap()).output();
    let output = output.expect("sfdisk");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(file).unwrap()
}

const VOLUME_BYTES: usize = 8 << 20;

#[tokio::test]
async fn system_on_several_partitions_is_cleaned_on_each_for_every_reader() {
    let effigy = Effigy::with(&settings()).await;
    let People { alice, bob, .. } = effigy.people().await;
    let root = linux_disk(&[
        ("/etc/fstab", "/dev/vda3 /home ext4 defaults 0 2\n/dev/vda5 /var ext4 defaults 0 2\n"),
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ]);
    let home = volume(&[("alice/.bash_history", "history-canary\n"), ("alice/notes", "keep me\n")]);
    let var = volume(&[
        ("lib/dhcp/dhclient.leases", "lease\n"),
        ("lib/cloud/instances/i-1/user-data.txt", "user-data-canary\n"),
        ("log/cloud-init.log", "user-data-canary\n"),
    ]);
    let source = alice.save_image("parts", "raw", partitioned(&[root, home, var])).await;
    let before = findings(&verified(&alice, &source).await);
    for rule in ["shell_history", "machine_id", "cloud_init_state", "dhcp_lease"] {
        assert!(before.contains(&rule.to_owned()), "{rule} is not in {before:?}");
    }
    bob.post(&format!("/effigy/v1/images/{source}/generalize"), json!({})).await.expect(404);
    alice
        .patch_image(&source, json!([{"op": "replace", "path": "/visibility", "value": "community"}]))
        .await
        .expect(200);
    let copy = generalize(&bob, &source, json!({})).await;
    assert_eq!(becomes_active(&bob, &copy).await["owner"], json!(bob.project_id));
    alice.get(&format!("/image/v2/images/{copy}")).await.expect(404);
    assert_eq!(findings(&verified(&bob, &copy).await), Vec::<String>::new());
    let disk = disk_of("qcow2", &bob.download(&copy).await.expect(200).body);
    assert!(!CANARIES.iter().any(|canary| holds(&disk, canary)) && holds(&disk, "keep me"));
}

/// A volume with these files alone.
fn volume(files: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (tree, file) = (folder.path().join("tree"), folder.path().join("volume"));
    for (path, content) in files {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let made = tool("mke2fs").args(["-q", "-F", "-t", "ext4", "-d"]).arg(&tree).arg(&file).arg("8M").output();
    assert!(made.expect("mke2fs").status.success());
    std::fs::read(file).unwrap()
}
