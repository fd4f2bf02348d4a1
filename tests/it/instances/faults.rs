//! When QEMU, or what it needs, fails.

use std::os::unix::fs::PermissionsExt as _;

use effigy::{
    Error,
    instances::{RebootKind, Status},
};

use super::world::{Place, World, guests_below, kill};

#[tokio::test(flavor = "multi_thread")]
async fn killed_qemu_is_noticed_and_the_instance_starts_again() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("kill").await;
    world.is(id, Status::Active).await;
    kill(world.pid(id).unwrap());
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "kill 0002 OK").await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_that_cannot_start_is_a_fault_in_its_own_words_and_can_be_deleted() {
    let place = Place::new();
    let broken = Program::new("echo 'no such machine' >&2; exit 1");
    let world = World::open_with(place.path(), |settings| settings.qemu = broken.file()).await;
    let image = world.micro("broken").await;
    let id = world.launch(image, 1).await[0].id;
    let fault = world.is(id, Status::Error).await.fault.unwrap();
    assert!(fault.message.contains("no such machine"), "{}", fault.message);
    let create = &world.instances.actions(&world.alice, id).await.unwrap()[0];
    assert_eq!((create.action.as_str(), create.result.map(|result| result.into_str())), ("create", Some("Error")));
    assert!(matches!(world.instances.start(&world.alice, id).await, Err(Error::Conflict(_))));
    world.close().await;

    // With a QEMU that works, a hard reboot brings it up.
    let world = World::open(place.path()).await;
    world.instances.reboot(&world.alice, id, RebootKind::Hard).await.unwrap();
    world.console_says(id, "broken 0001 OK").await;
    world.is(id, Status::Active).await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_that_was_cut_off_at_its_disk_goes_on() {
    let place = Place::new();
    let broken = Program::new("exit 1");
    let world = World::open_with(place.path(), |settings| settings.qemu = broken.file()).await;
    let image = world.micro("cut").await;
    let id = world.launch(image, 1).await[0].id;
    world.is(id, Status::Error).await;
    world.close().await;
    // A full disk or a kill between the file and its owner leaves this.
    let disk = place.path().join("instances").join(id.to_string()).join("disk.qcow2");
    std::fs::remove_file(&disk).unwrap();
    std::fs::write(&disk, b"").unwrap();
    std::fs::set_permissions(&disk, std::fs::Permissions::from_mode(0o600)).unwrap();

    let world = World::open(place.path()).await;
    world.instances.reboot(&world.alice, id, RebootKind::Hard).await.unwrap();
    world.console_says(id, "cut 0001 OK").await;
    world.is(id, Status::Active).await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_whose_folder_cannot_be_made_is_in_error_and_the_service_starts() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let image = world.micro("blocked").await;
    let root = place.path().join("instances");
    // A folder that cannot be made, as on a disk with no inode left.
    let made = world.launch(image, 1).await[0].id;
    world.is(made, Status::Active).await;
    world.instances.stop(&world.alice, made).await.unwrap();
    world.is(made, Status::Shutoff).await;
    world.close().await;
    let (folder, aside) = (root.join(made.to_string()), root.join("aside"));
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, b"").unwrap();

    let world = World::open(place.path()).await;
    world.instances.start(&world.alice, made).await.unwrap();
    let fault = world.is(made, Status::Error).await.fault.unwrap();
    assert!(fault.message.contains("folder cannot be made"), "{}", fault.message);
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    world.instances.reboot(&world.alice, made, RebootKind::Hard).await.unwrap();
    world.console_says(made, "blocked 0002 OK").await;
    world.clear(&[made]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_whose_disk_is_gone_says_so_and_never_starts_on_an_empty_one() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("gone").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    let disk = place.path().join("instances").join(id.to_string()).join("disk.qcow2");
    let aside = disk.with_extension("aside");
    std::fs::rename(&disk, &aside).unwrap();

    let refused = world.instances.create_image(&world.alice, id, "of-nothing", Default::default()).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("disk is gone")), "{refused}");
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    let fault = world.is(id, Status::Error).await.fault.unwrap();
    assert!(fault.message.contains("disk is gone"), "{}", fault.message);
    assert!(!disk.exists());

    std::fs::rename(&aside, &disk).unwrap();
    world.instances.reboot(&world.alice, id, RebootKind::Hard).await.unwrap();
    world.console_says(id, "gone 0002 OK").await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_are_paused_while_their_hosts_disk_is_full_and_go_on_when_there_is_room() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let image = world.micro("full").await;
    let id = world.launch(image, 1).await[0].id;
    world.is(id, Status::Active).await;
    world.console_says(id, "full 0001 OK").await;
    world.close().await;

    // A reserve that no disk has is a disk that is full.
    let world = World::open_with(place.path(), |settings| settings.reserve_mib = 1 << 40).await;
    let paused = world.is(id, Status::Paused).await;
    assert!(paused.fault.unwrap().message.contains("disk of its host is nearly full"));
    let refused = world.instances.stop(&world.alice, id).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("goes on by itself")), "{refused}");
    let refused = world.instances.create(&world.alice, super::world::wanted(image, 1)).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("disk of this host is nearly full")), "{refused}");
    world.close().await;

    let world = World::open(place.path()).await;
    let found = world.is(id, Status::Active).await;
    assert!(found.fault.is_none());
    world.instances.stop(&world.alice, id).await.unwrap();
    world.console_says(id, "MICRO-DOWN").await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_whose_qemu_says_nothing_can_be_deleted_and_leaves_no_process() {
    let place = Place::new();
    let silent = Program::new("exec sleep 1000");
    let world = World::open_with(place.path(), |settings| settings.qemu = silent.file()).await;
    let image = world.micro("silent").await;
    let id = world.launch(image, 1).await[0].id;
    crate::support::eventually("a process runs", super::world::PATIENCE, || async {
        guests_below(place.path()).first().map(drop)
    })
    .await;
    world.clear(&[id]).await;
    assert!(guests_below(place.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_is_left_with_its_own_user_and_nothing_else() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("jail").await;
    let pid = world.pid(id).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap_or_default().to_owned()
    };
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
    }
    assert_eq!((field("NoNewPrivs").as_str(), field("Seccomp").as_str()), ("1", "2"));
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max core file size        0")), "{limits}");
    let session = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = session.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, pid.to_string(), "it leads a session of its own");
    if rustix::process::geteuid().is_root() {
        assert!(field("Uid").parse::<u32>().unwrap() >= 900_000);
        assert_eq!(field("Groups"), "");
        is_kept_out(&world, pid, id);
        // This instance has no network, and neither has its QEMU.
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).unwrap();
        assert_ne!(network(&pid.to_string()), network("self"));
    }
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acceleration_is_found_out_once_and_an_instance_runs_under_what_was_found() {
    let place = Place::new();
    let world = World::open_with(place.path(), |settings| settings.accel = effigy::config::Accel::Auto).await;
    let id = world.booted("accel").await;
    let found = world.instances.accel();
    assert!(matches!(found, Some("kvm" | "tcg")), "{found:?}");
    assert_eq!(world.is(id, Status::Active).await.accel.as_deref(), found);
    // It may be at work just now, for the next start.
    let probe = place.path().join("instances/probe");
    crate::support::eventually("the probe leaves nothing", super::world::PATIENCE, || async {
        (!probe.exists()).then_some(())
    })
    .await;
    world.clear(&[id]).await;
}

/// As QEMU's user, tries what QEMU's user must not be able to do.
fn is_kept_out(world: &World, pid: i32, id: effigy::ids::InstanceId) {
    use std::os::unix::fs::MetadataExt as _;
    let user = std::fs::metadata(format!("/proc/{pid}")).unwrap().uid().to_string();
    let own = world.folder.join("instances").join(id.to_string());
    let other = world.folder.join("effigy.db");
    for (what, attempt) in [
        ("read the database", format!("cat {}", other.display())),
        ("list the instances", format!("ls {}", own.parent().unwrap().display())),
        ("make a name in its own folder", "touch x".to_owned()),
        ("replace its monitor's socket", "rm -f qmp.sock".to_owned()),
        ("write what it is told", "echo x > config.img".to_owned()),
    ] {
        let tried = std::process::Command::new("setpriv")
            .args(["--reuid", &user, "--regid", &user, "--clear-groups", "--no-new-privs", "sh", "-c", &attempt])
            .current_dir(&own)
            .output()
            .unwrap();
        assert!(!tried.status.success(), "QEMU's user could {what}");
    }
}

/// A program that stands in for QEMU. Not below the data folder: an instance's user may not pass through that.
struct Program(tempfile::TempDir);

impl Program {
    fn new(script: &str) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("qemu");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        for path in [folder.path(), file.as_path()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Program(folder)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("qemu")
    }
}
