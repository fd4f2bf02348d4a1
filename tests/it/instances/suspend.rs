//! Suspending, rescuing and shelving, on real guests.

use std::time::Duration;

use effigy::{
    Error,
    ids::InstanceId,
    instances::{Status, TaskState},
};

use super::{
    adoption::{run, until_killed},
    world::{Place, World},
};

fn memory(world: &World, id: InstanceId) -> std::path::PathBuf {
    world.folder.join("instances").join(id.to_string()).join("memory")
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_guest_takes_no_memory_and_goes_on_where_it_stood() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("asleep").await;
    world.is(id, Status::Active).await;
    for round in 0..3 {
        world.instances.suspend(&world.alice, id).await.unwrap();
        let suspended = world.is(id, Status::Suspended).await;
        assert!(!suspended.runs && suspended.fault.is_none(), "round {round}");
        assert_eq!(world.pid(id), None, "round {round}");
        assert_eq!(world.db.instance_memory_in_use(InstanceId::new()).await.unwrap(), 0);
        for refused in [
            world.instances.stop(&world.alice, id).await,
            world.instances.suspend(&world.alice, id).await,
            world.instances.create_image(&world.alice, id, "asleep", Default::default()).await.map(drop),
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(&error, Error::Conflict(why) if why.contains("resume it first")), "{error}");
        }
        world.instances.resume(&world.alice, id).await.unwrap();
        world.is(id, Status::Active).await;
        assert!(!memory(&world, id).exists(), "round {round}");
        // It answers, and it did not boot again.
        let answer = world.types(id, b'w', "!").await;
        assert!(!answer.contains("0002"), "round {round}: {answer}");
    }
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "asleep 0002 OK").await;
    world.is(id, Status::Active).await;

    // Given up, it starts from its disk.
    world.instances.suspend(&world.alice, id).await.unwrap();
    world.is(id, Status::Suspended).await;
    world.instances.reboot(&world.alice, id, effigy::instances::RebootKind::Hard).await.unwrap();
    world.console_says(id, "asleep 0003 OK").await;
    world.is(id, Status::Active).await;
    assert!(!memory(&world, id).exists());
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_cannot_be_read_leaves_the_instance_suspended_and_says_the_way_out() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("torn").await;
    world.is(id, Status::Active).await;
    world.instances.suspend(&world.alice, id).await.unwrap();
    world.is(id, Status::Suspended).await;
    let mut bytes = std::fs::read(memory(&world, id)).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(memory(&world, id), bytes).unwrap();
    world.instances.resume(&world.alice, id).await.unwrap();
    world.is(id, Status::Suspended).await;
    let action = world.instances.actions(&world.alice, id).await.unwrap().remove(0);
    assert_eq!(action.action, "resume");
    assert!(action.message.as_deref().is_some_and(|why| why.contains("Reboot the instance hard")), "{action:?}");
    world.instances.reboot(&world.alice, id, effigy::instances::RebootKind::Hard).await.unwrap();
    world.console_says(id, "torn 0002 OK").await;
    world.is(id, Status::Active).await;
    world.clear(&[id]).await;
}

#[test]
fn suspend_and_resume_that_a_kill_cuts_off_at_any_time_end_with_the_same_guest() {
    let place = Place::new();
    let id = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("kept").await;
        world.is(id, Status::Active).await;
        (world, id)
    });
    for ms in [0, 5, 20, 50, 100, 200, 400] {
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            world.instances.suspend(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Suspended).await;
            assert_eq!(world.pid(id), None);
            world.instances.resume(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        run(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            let answer = world.types(id, b'w', "!").await;
            assert!(!answer.contains("0002"), "after {ms} ms: {answer}");
            world.close().await;
        });
    }
    run(async {
        let world = World::open(place.path()).await;
        world.clear(&[id]).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn rescued_instance_runs_another_system_and_comes_back_with_its_own_disk() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("broken").await;
    world.is(id, Status::Active).await;
    let tool = world.micro("tool").await;
    world.instances.rescue(&world.alice, id, Some(tool)).await.unwrap();
    world.console_says(id, "tool 0001 OK").await;
    let rescued = world.is(id, Status::Rescue).await;
    assert!(rescued.runs);
    // The image may go: the rescue system runs on.
    world.images.delete(&world.alice, tool).await.unwrap();
    for refused in [
        world.instances.stop(&world.alice, id).await,
        world.instances.rescue(&world.alice, id, None).await,
        world.instances.create_image(&world.alice, id, "no", Default::default()).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, Error::Conflict(why) if why.contains("unrescue it first")), "{error}");
    }
    world.instances.unrescue(&world.alice, id).await.unwrap();
    world.console_says(id, "broken 0002 OK").await;
    world.is(id, Status::Active).await;

    // Without an image it is the one that the instance was made of, on a fresh disk; also of one that is off.
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.rescue(&world.alice, id, None).await.unwrap();
    world.is(id, Status::Rescue).await;
    world.console_says_again(id, "broken 0001 OK", 1).await;
    world.instances.unrescue(&world.alice, id).await.unwrap();
    world.console_says(id, "broken 0003 OK").await;
    world.is(id, Status::Active).await;
    world.clear(&[id]).await;
}

#[test]
fn rescue_that_a_kill_cuts_off_at_any_time_ends_in_the_rescue_system_and_leads_back() {
    let place = Place::new();
    let id = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("own").await;
        world.is(id, Status::Active).await;
        (world, id)
    });
    let mut boots = 1;
    let mut said = 1;
    for ms in [0, 20, 100, 300] {
        until_killed(async {
            let world = World::open(place.path()).await;
            let tool = world.micro(&format!("tool-{ms}")).await;
            world.is(id, Status::Active).await;
            world.instances.rescue(&world.alice, id, Some(tool)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        until_killed(async {
            let world = World::open(place.path()).await;
            world.console_says(id, &format!("tool-{ms} 0001 OK")).await;
            world.is(id, Status::Rescue).await;
            world.instances.unrescue(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        run(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            // A start that was cut off after its guest had begun counts too.
            world.console_says_again(id, "own 00", said).await;
            // One that answers has said all of its line.
            let text = world.types(id, b'w', "!").await;
            said = text.matches("own 00").count();
            let counted = (boots + 1..boots + 4).find(|n| text.contains(&format!("own {n:04} OK")));
            boots = counted.unwrap_or_else(|| panic!("after {boots} boots and {ms} ms: {text}"));
            world.close().await;
        });
    }
    run(async {
        let world = World::open(place.path()).await;
        world.clear(&[id]).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn shelved_instance_leaves_its_host_and_comes_back_as_it_was() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("shelf").await;
    let before = world.is(id, Status::Active).await;
    let name = format!("{}-shelved", before.name);
    world.types(id, b'w', "!").await;
    world.instances.shelve(&world.alice, id).await.unwrap();
    let shelved = world.is(id, Status::ShelvedOffloaded).await;
    assert!(!shelved.runs && shelved.host.is_empty());
    assert_eq!((world.pid(id), shelved.image), (None, before.image));
    let folder = world.folder.join("instances").join(id.to_string());
    crate::support::eventually("the disk is gone", Duration::from_secs(60), || async {
        (!folder.join("disk.qcow2").exists()).then_some(())
    })
    .await;
    world.image_named(&name).await.expect("an image is made");
    let error = world.instances.start(&world.alice, id).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(why) if why.contains("unshelve it first")), "{error}");

    world.instances.unshelve(&world.alice, id).await.unwrap();
    world.console_says(id, "shelf 0002 OK").await;
    let after = world.is(id, Status::Active).await;
    assert_eq!((after.hostname, after.image, after.host), (before.hostname, before.image, before.host));
    world.image_is_gone(&name).await;

    // A paused one and a stopped one too; and it comes back where somebody has deleted its image.
    world.instances.pause(&world.alice, id).await.unwrap();
    world.is(id, Status::Paused).await;
    world.instances.shelve(&world.alice, id).await.unwrap();
    world.is(id, Status::ShelvedOffloaded).await;
    let image = world.image_named(&name).await.expect("an image is made");
    world.images.delete(&world.alice, image.id).await.unwrap();
    world.instances.unshelve(&world.alice, id).await.unwrap();
    world.console_says(id, "shelf 0003 OK").await;
    world.is(id, Status::Active).await;

    // Deleted while it is shelved, it takes its image along.
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.shelve(&world.alice, id).await.unwrap();
    world.is(id, Status::ShelvedOffloaded).await;
    world.image_named(&name).await.expect("an image is made");
    world.clear(&[id]).await;
    world.image_is_gone(&name).await;
}

#[test]
fn shelving_that_a_kill_cuts_off_at_any_time_ends_shelved_and_comes_back() {
    let place = Place::new();
    let id = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("shelf").await;
        world.is(id, Status::Active).await;
        (world, id)
    });
    for ms in [0, 30, 150, 400, 800] {
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            world.instances.shelve(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::ShelvedOffloaded).await;
            world.instances.unshelve(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        run(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            world.console_says(id, "shelf 00").await;
            world.image_is_gone("micro-shelved").await;
            world.close().await;
        });
    }
    run(async {
        let world = World::open(place.path()).await;
        world.clear(&[id]).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_whose_image_is_deleted_while_it_is_shelved_stays_where_it_is() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("kept").await;
    let name = format!("{}-shelved", world.is(id, Status::Active).await.name);
    // The guest is hung, so the image waits for it.
    world.types(id, b'p', "p").await;
    world.instances.shelve(&world.alice, id).await.unwrap();
    let image = world.image_named(&name).await.expect("an image is begun");
    world.images.delete(&world.alice, image.id).await.unwrap();
    let stopped = world.is(id, Status::Shutoff).await;
    assert_eq!(stopped.task, None::<TaskState>);
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "kept 0002 OK").await;
    world.is(id, Status::Active).await;
    world.clear(&[id]).await;
}
