//! An instance's life: launched, stopped, started, rebooted, deleted.

use std::time::{Duration, Instant};

use effigy::{
    Error,
    instances::{ConsoleKind, Nic, RebootKind, Status, TaskState},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{PATIENCE, Place, World, wanted};

#[tokio::test(flavor = "multi_thread")]
async fn instance_boots_stops_by_the_power_button_and_counts_its_second_start() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let image = world.micro("life").await;
    let made = world.launch(image, 1).await;
    assert_eq!((made[0].status, made[0].task), (Status::Build, Some(TaskState::Spawning)));
    let id = made[0].id;
    let found = world.is(id, Status::Active).await;
    assert_eq!(found.accel.as_deref(), Some("tcg"));
    assert!(found.launched_ms.is_some() && found.addresses.is_none());
    world.console_says(id, "MICRO-READY life 0001 OK").await;

    assert!(matches!(world.instances.start(&world.alice, id).await, Err(Error::Conflict(_))));
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    let text = world.console_says(id, "MICRO-DOWN").await;
    assert_eq!(text.matches("MICRO-READY").count(), 1, "the guest was asked, not switched off");
    assert_eq!(world.pid(id), None);

    world.instances.start(&world.alice, id).await.unwrap();
    world.is(id, Status::Active).await;
    world.console_says(id, "MICRO-READY life 0002 OK").await;

    let actions = world.instances.actions(&world.alice, id).await.unwrap();
    let done: Vec<_> = actions.iter().map(|a| (a.action.as_str(), a.result.map(|r| r.into_str()))).collect();
    assert_eq!(done, [("start", Some("Success")), ("stop", Some("Success")), ("create", Some("Success"))]);
    world.clear(&[id]).await;
    assert!(!folder.path().join("instances").join(id.to_string()).exists());
    assert_eq!(world.pid(id), None);
    assert_eq!(world.instances.actions(&world.alice, id).await.unwrap()[0].action, "delete");
}

#[tokio::test(flavor = "multi_thread")]
async fn soft_and_hard_reboots_boot_again_and_a_reset_by_the_guest_too() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let id = world.booted("again").await;
    world.is(id, Status::Active).await;
    world.instances.reboot(&world.alice, id, RebootKind::Soft).await.unwrap();
    world.console_says(id, "again 0002 OK").await;
    world.is(id, Status::Active).await;
    world.instances.reboot(&world.alice, id, RebootKind::Hard).await.unwrap();
    world.console_says(id, "again 0003 OK").await;
    world.is(id, Status::Active).await;

    let pid = world.pid(id);
    type_in(&world, id, b"r").await;
    world.console_says(id, "again 0004 OK").await;
    assert_eq!(world.pid(id), pid, "a guest's own reset stays in its QEMU");
    assert!(world.instances.guest_restarts(&world.alice, id).await.unwrap() > 0, "and is counted");
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_that_hangs_is_switched_off_after_the_grace_period() {
    let folder = Place::new();
    let world = World::open_with(folder.path(), |settings| settings.stop_grace_secs = 1).await;
    let id = world.booted("hang").await;
    world.is(id, Status::Active).await;
    type_in(&world, id, b"p").await;
    world.console_says(id, "OK\r\np").await;
    world.instances.stop(&world.alice, id).await.unwrap();
    let found = world.instances.show(&world.alice, id).await.unwrap();
    assert_eq!((found.status, found.task), (Status::Active, Some(TaskState::PoweringOff)));
    world.is(id, Status::Shutoff).await;
    assert_eq!(world.pid(id), None);
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_that_does_not_hear_the_button_at_first_is_asked_again() {
    let folder = Place::new();
    let world = World::open_with(folder.path(), |settings| settings.stop_grace_secs = 600).await;
    let id = world.booted("deaf").await;
    world.is(id, Status::Active).await;
    type_in(&world, id, b"z").await;
    world.console_says(id, "OK\r\nz").await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.console_says(id, "MICRO-DOWN").await;
    world.is(id, Status::Shutoff).await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_that_shuts_itself_down_is_seen_to_be_off() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let id = world.booted("off").await;
    world.is(id, Status::Active).await;
    type_in(&world, id, b"o").await;
    world.is(id, Status::Shutoff).await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_of_one_call_are_numbered_and_have_addresses_of_their_own() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let image = world.micro("clone").await;
    let mut launch = wanted(image, 3);
    launch.nic = Nic::Auto;
    let made = world.instances.create(&world.alice, launch).await.unwrap();
    let names: Vec<_> = made.iter().map(|i| (i.name.as_str(), i.hostname.as_str(), i.launch_index)).collect();
    assert_eq!(names, [("micro-1", "micro-1", 0), ("micro-2", "micro-2", 1), ("micro-3", "micro-3", 2)]);
    let ids: Vec<_> = made.iter().map(|instance| instance.id).collect();
    let (mut ports, mut macs) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    for id in &ids {
        let addresses = world.is(*id, Status::Active).await.addresses.unwrap();
        assert_eq!((addresses.fixed_ip, addresses.forwards[0].guest_port), ("10.0.2.15".parse().ok(), 22));
        ports.insert((addresses.floating_ip, addresses.forwards[0].host_port));
        macs.insert(addresses.mac);
        world.console_says(*id, "clone 0001 OK").await;
    }
    assert_eq!((ports.len(), macs.len()), (3, 3));

    let before = world.instances.show(&world.alice, ids[0]).await.unwrap().addresses;
    world.instances.stop(&world.alice, ids[0]).await.unwrap();
    world.is(ids[0], Status::Shutoff).await;
    world.instances.start(&world.alice, ids[0]).await.unwrap();
    assert_eq!(world.is(ids[0], Status::Active).await.addresses, before, "address and port stay");
    world.clear(&ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_over_the_quota_or_the_hosts_memory_launches_nothing() {
    let folder = Place::new();
    let world = World::open_with(folder.path(), |settings| settings.memory_mib = Some(130)).await;
    let image = world.micro("full").await;
    let refused = world.instances.create(&world.alice, wanted(image, 3)).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("130 MiB")), "{refused}");
    assert!(world.instances.list(&world.alice, &Default::default()).await.unwrap().is_empty());

    let some = effigy::instances::Launch { max_count: 5, ..wanted(image, 1) };
    let ids: Vec<_> = world.instances.create(&world.alice, some).await.unwrap().iter().map(|i| i.id).collect();
    assert_eq!(ids.len(), 2, "as many as fit, when fewer will do");
    for id in &ids {
        world.is(*id, Status::Active).await;
    }
    world.clear(&ids).await;

    let refused = world.instances.create(&world.alice, wanted(image, 201)).await.unwrap_err();
    assert!(matches!(&refused, Error::OverQuota(why) if why.contains("instances")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_deleted_while_it_is_being_built() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let image = world.micro("early").await;
    let ids: Vec<_> = world.launch(image, 4).await.iter().map(|instance| instance.id).collect();
    world.clear(&ids).await;
    for id in ids {
        assert_eq!(world.pid(id), None);
        assert!(!folder.path().join("instances").join(id.to_string()).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn console_token_opens_the_console_and_dies_with_its_instance() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let id = world.booted("token").await;
    world.is(id, Status::Active).await;
    let vnc = world.instances.remote_console(&world.alice, id, ConsoleKind::Vnc).await.unwrap();
    let mut screen = open(&world, &vnc.token).await.unwrap();
    let mut hello = [0; 12];
    screen.read_exact(&mut hello).await.unwrap();
    assert!(hello.starts_with(b"RFB 003."));

    let serial = world.instances.remote_console(&world.alice, id, ConsoleKind::Serial).await.unwrap();
    let mut first = open(&world, &serial.token).await.unwrap();
    let mut second = open(&world, &serial.token).await.unwrap();
    assert_eq!(first.read(&mut [0; 8]).await.unwrap(), 0, "who comes later takes the place");
    second.write_all(b"x").await.unwrap();
    let mut echo = [0; 1];
    tokio::time::timeout(PATIENCE, second.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"x");

    world.clear(&[id]).await;
    for token in [vnc.token, serial.token] {
        assert!(matches!(world.instances.console_of(&token), Err(Error::NotFound(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_costs_the_same_for_a_disk_of_a_gibibyte_and_of_a_tebibyte() {
    let folder = Place::new();
    let world = World::open(folder.path()).await;
    let image = world.micro("lazy").await;
    let mut large = wanted(image, 1);
    large.flavor = "4".into();
    let started = Instant::now();
    let id = world.instances.create(&world.alice, large).await.unwrap()[0].id;
    world.is(id, Status::Active).await;
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    world.console_says(id, "lazy 0001 OK").await;
    let overlay = folder.path().join("instances").join(id.to_string()).join("disk.qcow2");
    let bytes = std::fs::metadata(overlay).unwrap().len();
    assert!(bytes < 1 << 20, "the overlay of 80 GiB with one changed cluster has {bytes} bytes");
    world.clear(&[id]).await;
}

async fn open(world: &World, token: &str) -> std::io::Result<tokio::net::UnixStream> {
    let ticket = world.instances.console_of(token).map_err(std::io::Error::other)?;
    world.instances.open_console(&world.alice, &ticket).await.map_err(std::io::Error::other)
}

/// Types into the guest's serial console.
async fn type_in(world: &World, id: effigy::ids::InstanceId, keys: &[u8]) {
    let token = world.instances.remote_console(&world.alice, id, ConsoleKind::Serial).await.unwrap();
    let mut serial = open(world, &token.token).await.unwrap();
    serial.write_all(keys).await.unwrap();
    // Closing would drop what QEMU has not read yet.
    tokio::time::sleep(Duration::from_millis(200)).await;
}
