//! Rebuilding and resizing, on real guests: they count their boots on their disk, so that a fresh disk begins at 0001.

use std::time::Duration;

use effigy::{
    Error,
    identity::Caller,
    ids::{ImageId, InstanceId},
    instances::{Flavor, Rebuild, Status, flavors::Flavors},
};
use futures::future::join_all;

use super::{
    adoption::{run, until_killed},
    world::{Place, World},
};

/// A rebuild that changes nothing but the disk.
fn from(image: ImageId) -> Rebuild {
    Rebuild { image, changes: Default::default(), metadata: None, key_name: None, user_data: None, files: None }
}

/// A flavor that is larger than the smallest.
async fn flavor(world: &World, id: &str, memory_mib: u64, disk_gib: u64) -> String {
    let flavor = Flavor { id: id.into(), name: id.into(), vcpus: 2, memory_mib, disk_gib, ..Flavor::default() };
    let flavor = Flavor { is_public: true, rxtx_factor: 1.0, ..flavor };
    Flavors::new(world.db.clone()).create(&Caller::operator(), flavor).await.unwrap().id
}

/// The size of a disk, as its file states it.
fn size(world: &World, id: InstanceId) -> u64 {
    let file = std::fs::File::open(world.folder.join("instances").join(id.to_string()).join("disk.qcow2")).unwrap();
    disks::qcow2::virtual_size_bytes(&file).unwrap()
}

async fn stopped(world: &World, label: &str) -> InstanceId {
    let id = world.booted(label).await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_instance_has_a_fresh_disk_of_its_new_image_and_nothing_of_the_old_one() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("old").await;
    let before = world.is(id, Status::Active).await;
    let (old, new) = (before.image.unwrap(), world.micro("new").await);
    world.instances.rebuild(&world.alice, id, from(new)).await.unwrap();
    let text = world.console_says(id, "new 0001 OK").await;
    assert!(!text.contains("old"), "{text}");
    let after = world.is(id, Status::Active).await;
    assert_eq!((after.image, after.image_name.as_str(), after.hostname), (Some(new), "new", before.hostname));
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "new 0002 OK").await;

    // A stopped one stays off, and can be captured before it ever ran.
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.rebuild(&world.alice, id, from(old)).await.unwrap();
    world.is(id, Status::Shutoff).await;
    assert_eq!(world.pid(id), None);
    let image = world.instances.create_image(&world.alice, id, "never ran", Default::default()).await.unwrap();
    world.is_ready(image).await;
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "old 0001 OK").await;
    world.is(id, Status::Active).await;
    let clone = world.launch(image, 1).await[0].id;
    world.console_says(clone, "old 0001 OK").await;
    world.clear(&[id, clone]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_are_rebuilt_one_after_the_other_and_at_once() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let image = world.micro("first").await;
    let ids: Vec<_> = world.launch(image, 10).await.iter().map(|instance| instance.id).collect();
    join_all(ids.iter().map(|id| world.is(*id, Status::Active))).await;
    let second = world.micro("second").await;
    for id in &ids {
        world.instances.rebuild(&world.alice, *id, from(second)).await.unwrap();
        world.console_says(*id, "second 0001 OK").await;
        world.is(*id, Status::Active).await;
    }
    let third = world.micro("third").await;
    let ordered = join_all(ids.iter().map(|id| world.instances.rebuild(&world.alice, *id, from(third)))).await;
    ordered.into_iter().for_each(|answer| answer.unwrap());
    for id in &ids {
        world.console_says(*id, "third 0001 OK").await;
        assert_eq!(world.is(*id, Status::Active).await.image, Some(third));
    }
    world.clear(&ids).await;
}

#[test]
fn rebuild_that_a_kill_cuts_off_at_any_time_ends_on_a_fresh_disk() {
    let place = Place::new();
    let id = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("first").await;
        world.is(id, Status::Active).await;
        (world, id)
    });
    for (round, ms) in [0, 3, 10, 30, 60, 120, 250].into_iter().enumerate() {
        let label = format!("round-{round}");
        let is_off = round % 3 == 2;
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            if is_off {
                world.instances.stop(&world.alice, id).await.unwrap();
                world.is(id, Status::Shutoff).await;
            }
            let image = world.micro(&label).await;
            world.instances.rebuild(&world.alice, id, from(image)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        run(async {
            let world = World::open(place.path()).await;
            if is_off {
                world.is(id, Status::Shutoff).await;
                world.instances.start(&world.alice, id).await.unwrap();
            }
            let text = world.console_says(id, &format!("{label} 0001 OK")).await;
            assert!(!text.contains(&format!("round-{}", round.wrapping_sub(1))), "{text}");
            world.is(id, Status::Active).await;
            world.close().await;
        });
    }
    run(async {
        let world = World::open(place.path()).await;
        world.clear(&[id]).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn resized_instance_runs_with_its_new_flavor_and_keeps_it_when_that_is_confirmed() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("grow").await;
    world.is(id, Status::Active).await;
    let larger = flavor(&world, "larger", 96, 1).await;
    let alice = &world.alice;
    world.instances.resize(alice, id, &larger).await.unwrap();
    world.console_says(id, "grow 0002 OK").await;
    let found = world.is(id, Status::VerifyResize).await;
    assert_eq!((found.flavor.id.as_str(), found.runs), ("larger", true));
    for refused in [
        world.instances.stop(alice, id).await,
        world.instances.resize(alice, id, "42").await,
        world.instances.rebuild(alice, id, from(found.image.unwrap())).await,
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, Error::Conflict(why) if why.contains("confirm or revert")), "{refused}");
    }
    world.instances.confirm_resize(alice, id).await.unwrap();
    let found = world.instances.show(alice, id).await.unwrap();
    assert_eq!((found.status, found.task, found.flavor.id.as_str()), (Status::Active, None, "larger"));
    assert!(matches!(world.instances.confirm_resize(alice, id).await, Err(Error::Conflict(_))));

    // Its image has the disk as it is now, and boots.
    world.instances.stop(alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    assert_eq!(size(&world, id), 1 << 30);
    let image = world.instances.create_image(alice, id, "grown", Default::default()).await.unwrap();
    assert_eq!(world.is_ready(image).await.disk_bytes, Some(1 << 30));
    world.is(id, Status::Shutoff).await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reverted_resize_leaves_the_instance_and_what_it_wrote_as_they_were() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = stopped(&world, "back").await;
    let larger = flavor(&world, "larger", 96, 1).await;
    let alice = &world.alice;
    let before = world.disk(id).await;
    // Nothing ran meanwhile: the disk never grew.
    world.instances.resize(alice, id, &larger).await.unwrap();
    assert!(!world.is(id, Status::VerifyResize).await.runs);
    world.instances.revert_resize(alice, id).await.unwrap();
    let found = world.is(id, Status::Shutoff).await;
    assert_eq!((found.flavor.id.as_str(), world.disk(id).await == before), ("42", true));
    assert_eq!(world.instances.usage(alice).await.unwrap().disk_gib, 1);

    // A confirmed one that is off has the larger disk at once.
    world.instances.resize(alice, id, &larger).await.unwrap();
    world.is(id, Status::VerifyResize).await;
    world.instances.confirm_resize(alice, id).await.unwrap();
    assert_eq!(world.is(id, Status::Shutoff).await.flavor.id, "larger");
    assert_eq!(size(&world, id), 1 << 30);

    // One that ran keeps its disk, with all that was written to it.
    let largest = flavor(&world, "largest", 96, 2).await;
    world.instances.start(alice, id).await.unwrap();
    world.console_says(id, "back 0002 OK").await;
    world.is(id, Status::Active).await;
    world.instances.resize(alice, id, &largest).await.unwrap();
    world.console_says(id, "back 0003 OK").await;
    world.is(id, Status::VerifyResize).await;
    world.instances.revert_resize(alice, id).await.unwrap();
    world.console_says(id, "back 0004 OK").await;
    assert_eq!(world.is(id, Status::Active).await.flavor.id, "larger");
    assert_eq!(world.instances.usage(alice).await.unwrap().disk_gib, 2);
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flavor_that_does_not_fit_is_refused_with_the_reason() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = stopped(&world, "refused").await;
    let alice = &world.alice;
    let larger = flavor(&world, "larger", 96, 3).await;
    world.instances.resize(alice, id, &larger).await.unwrap();
    world.is(id, Status::VerifyResize).await;
    world.instances.confirm_resize(alice, id).await.unwrap();
    for (flavor, word) in [
        ("larger", "must change flavor"),
        ("none", "could not be found"),
        (flavor(&world, "smaller", 96, 2).await.as_str(), "never shrinks"),
        (flavor(&world, "huge", 96, 5000).await.as_str(), "at most"),
    ] {
        let refused = world.instances.resize(alice, id, flavor).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(why) if why.contains(word)), "{refused}");
    }
    let greedy = flavor(&world, "greedy", 1 << 30, 3).await;
    let refused = world.instances.resize(alice, id, &greedy).await.unwrap_err();
    assert!(matches!(&refused, Error::OverQuota(why) if why.contains("ram")), "{refused}");
    let found = world.is(id, Status::Shutoff).await;
    assert_eq!(found.flavor.id, "larger");
    let last = &world.instances.actions(alice, id).await.unwrap()[0];
    assert_eq!(last.action, "confirmResize", "a refused order leaves no trace");
    world.clear(&[id]).await;
}

#[test]
fn resize_that_a_kill_cuts_off_at_any_time_waits_to_be_confirmed() {
    let place = Place::new();
    let id = until_killed(async {
        let world = World::open(place.path()).await;
        let id = world.booted("cut").await;
        world.is(id, Status::Active).await;
        flavor(&world, "larger", 96, 1).await;
        (world, id)
    });
    for (round, ms) in [0, 20, 150, 400].into_iter().enumerate() {
        until_killed(async {
            let world = World::open(place.path()).await;
            world.is(id, Status::Active).await;
            world.instances.resize(&world.alice, id, "larger").await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        until_killed(async {
            let world = World::open(place.path()).await;
            assert_eq!(world.is(id, Status::VerifyResize).await.flavor.id, "larger", "round {round}");
            world.instances.revert_resize(&world.alice, id).await.unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (world, ())
        });
        run(async {
            let world = World::open(place.path()).await;
            assert_eq!(world.is(id, Status::Active).await.flavor.id, "42", "round {round}");
            world.close().await;
        });
    }
    run(async {
        let world = World::open(place.path()).await;
        world.clear(&[id]).await;
    });
}
