//! Guests outlive the service, whatever ends it.
//!
//! A service that is killed is a runtime that is dropped with everything in it: no task runs to its end, every
//! connection is cut. The tests in `process` show the effect of `kill -9` on the real program.

use std::time::{Duration, Instant};

use effigy::{
    ids::InstanceId,
    instances::{Nic, Status},
};
use tokio::runtime::Runtime;

use super::world::{Place, World, kill, wanted};

/// Runs a service until it is killed in the middle of what it does.
pub(super) fn until_killed<T>(body: impl Future<Output = (World, T)>) -> T {
    let runtime = Runtime::new().unwrap();
    let (world, outcome) = runtime.block_on(body);
    std::mem::forget(world);
    runtime.shutdown_background();
    outcome
}

pub(super) fn run<T>(body: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(body)
}

#[test]
fn guest_goes_on_when_the_service_is_killed_and_is_adopted_with_its_ports() {
    let place = Place::new();
    let (id, pid, addresses) = until_killed(async {
        let world = World::open(place.path()).await;
        let image = world.micro("adopt").await;
        let mut launch = wanted(image, 1);
        launch.nic = Nic::Auto;
        let id = world.instances.create(&world.alice, launch).await.unwrap()[0].id;
        let addresses = world.is(id, Status::Active).await.addresses;
        world.console_says(id, "adopt 0001 OK").await;
        let pid = world.pid(id).unwrap();
        (world, (id, pid, addresses))
    });
    run(async {
        let world = World::open(place.path()).await;
        let found = world.instances.show(&world.alice, id).await.unwrap();
        assert_eq!((found.status, world.pid(id)), (Status::Active, Some(pid)));
        assert_eq!(found.addresses, addresses);
        // The monitor answers again: the guest gets its power button.
        world.instances.stop(&world.alice, id).await.unwrap();
        world.is(id, Status::Shutoff).await;
        world.console_says(id, "MICRO-DOWN").await;
        world.clear(&[id]).await;
    });
}

#[test]
fn guest_reads_its_disk_again_when_the_service_is_back() {
    let place = Place::new();
    let (id, pid) = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("disk").await;
        world.is(id, Status::Active).await;
        let pid = world.pid(id).unwrap();
        (world, (id, pid))
    });
    // Nobody serves the base disk now. The guest boots anew by itself and waits for its first sector.
    run(async { reset_through_the_monitor(&place, id).await });
    std::thread::sleep(Duration::from_secs(2));
    run(async {
        let world = World::open(place.path()).await;
        world.console_says(id, "disk 0002 OK").await;
        assert_eq!(world.pid(id), Some(pid), "the same process all the time");
        world.clear(&[id]).await;
    });
}

#[test]
fn service_that_ends_cleanly_leaves_guests_running_and_says_so() {
    let place = Place::new();
    let ids: Vec<InstanceId> = run(async {
        let world = World::open(place.path()).await;
        let image = world.micro("clean").await;
        let ids: Vec<_> = world.launch(image, 3).await.iter().map(|instance| instance.id).collect();
        // Closed while they are being built: the starts under way come up first.
        world.close().await;
        ids
    });
    run(async {
        let started = Instant::now();
        let world = World::open(place.path()).await;
        for id in &ids {
            world.is(*id, Status::Active).await;
            world.console_says(*id, "clean 0001 OK").await;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        world.clear(&ids).await;
    });
}

#[test]
fn launch_that_was_cut_off_is_finished_and_no_disk_is_ever_opened_twice() {
    for pause_ms in [0, 20, 60, 150, 400] {
        let place = Place::new();
        let id = until_killed(async {
            let world = World::open(place.path()).await;
            let image = world.micro("cut").await;
            let id = world.launch(image, 1).await[0].id;
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            (world, id)
        });
        run(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            world.console_says(id, "cut 0001 OK").await;
            assert_eq!(super::world::guests_below(place.path()).len(), 1);
            world.clear(&[id]).await;
        });
    }
}

#[test]
fn guest_that_died_while_the_service_was_away_is_found_off() {
    let place = Place::new();
    let (id, pid) = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("died").await;
        world.is(id, Status::Active).await;
        let pid = world.pid(id).unwrap();
        (world, (id, pid))
    });
    kill(pid);
    run(async {
        let world = World::open(place.path()).await;
        world.is(id, Status::Shutoff).await;
        world.instances.start(&world.alice, id).await.unwrap();
        world.console_says(id, "died 0002 OK").await;
        world.clear(&[id]).await;
    });
}

#[test]
fn delete_that_was_cut_off_is_finished_and_leaves_nothing() {
    let place = Place::new();
    let ids = until_killed(async {
        let world = World::open(place.path()).await;
        let image = world.micro("gone").await;
        let ids: Vec<_> = world.launch(image, 3).await.iter().map(|instance| instance.id).collect();
        for id in &ids {
            world.is(*id, Status::Active).await;
        }
        for id in &ids {
            world.instances.delete(&world.alice, *id).await.unwrap();
        }
        (world, ids)
    });
    run(async {
        let world = World::open(place.path()).await;
        for id in ids {
            world.is_gone(id).await;
            assert!(!place.path().join("instances").join(id.to_string()).exists());
        }
        assert!(super::world::guests_below(place.path()).is_empty());
    });
}

/// Resets the guest without a service: what its own reboot would do.
async fn reset_through_the_monitor(place: &Place, id: InstanceId) {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let folder = std::fs::File::open(place.path().join("instances").join(id.to_string())).unwrap();
    let path = format!("/proc/self/fd/{}/qmp.sock", std::os::fd::AsRawFd::as_raw_fd(&folder));
    let (read, mut write) = tokio::net::UnixStream::connect(path).await.unwrap().into_split();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await.unwrap();
    for command in ["qmp_capabilities", "system_reset"] {
        write.write_all(format!("{{\"execute\": \"{command}\"}}\n").as_bytes()).await.unwrap();
        lines.next_line().await.unwrap();
    }
}
