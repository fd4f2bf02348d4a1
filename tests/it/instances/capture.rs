//! Stopped instances captured into images.

use std::time::{Duration, Instant};

use effigy::{
    Error,
    images::{self, Image},
    instances::{Metadata, Status, TaskState},
};
use futures::StreamExt as _;

use super::world::{PATIENCE, Place, World, wanted};
use crate::support;

/// The image's file, as a client downloads it.
async fn file(world: &World, image: effigy::ids::ImageId) -> Vec<u8> {
    let file = world.images.file(&world.alice, image).await.unwrap().unwrap();
    let pieces: Vec<_> = file.stream(0..file.size_bytes).collect().await;
    pieces.into_iter().flat_map(|piece| piece.unwrap().to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn image_of_a_stopped_instance_is_what_its_guest_wrote_and_boots_on() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("cast").await;
    world.is(id, Status::Active).await;

    let metadata = Metadata::new([("colour".to_owned(), "blue".to_owned())]).unwrap();
    let refused = world.instances.create_image(&world.alice, id, "golden", metadata).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("stop it first")), "{refused}");
    assert_eq!(world.instances.show(&world.alice, id).await.unwrap().status, Status::Active);

    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    let metadata = Metadata::new([("colour".to_owned(), "blue".to_owned())]).unwrap();
    let image = world.instances.create_image(&world.alice, id, "golden", metadata).await.unwrap();
    let made: Image = world.is_ready(image).await;
    let properties = made.properties.as_json();
    for expected in ["\"image_type\":\"snapshot\"", "\"colour\":\"blue\"", "base_image_ref", &id.to_string()] {
        assert!(properties.contains(expected), "{properties}");
    }
    assert_eq!(made.visibility, images::Visibility::Private);

    let disk = world.disk(id).await;
    assert_eq!(support::boots(&disk), 1);
    assert_eq!(support::disk_of("qcow2", &file(&world, image).await), disk, "the file is the guest's disk");

    world.is(id, Status::Shutoff).await;
    let clones: Vec<_> = world.launch(image, 2).await.iter().map(|clone| clone.id).collect();
    world.images.delete(&world.alice, image).await.unwrap();
    for clone in &clones {
        world.console_says(*clone, "cast 0002 OK").await;
    }
    world.clear(&[clones[0], clones[1], id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_is_free_in_the_moment_in_which_its_image_is_active() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("free").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    for round in 0..40 {
        let name = format!("free-{round}");
        // The next capture is ordered as soon as the last image is seen to be active: no 409 may answer it.
        let image = world.instances.create_image(&world.alice, id, &name, Default::default()).await.unwrap();
        let until = Instant::now() + PATIENCE;
        while world.images.show(&world.alice, image).await.unwrap().status != images::Status::Active {
            assert!(Instant::now() < until, "round {round}: image {image} never becomes active");
            tokio::task::yield_now().await;
        }
        let found = world.instances.show(&world.alice, id).await.unwrap();
        assert_eq!((found.status, found.task), (Status::Shutoff, None), "round {round}");
    }
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_cannot_start_while_an_image_is_made_of_it() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("busy").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    // The workers are busy elsewhere, so the capture waits in the queue.
    world.stop_workers().await;
    let image = world.instances.create_image(&world.alice, id, "later", Default::default()).await.unwrap();
    let found = world.instances.show(&world.alice, id).await.unwrap();
    assert_eq!((found.status, found.task), (Status::Shutoff, Some(TaskState::ImageSnapshot)));
    let refused = world.instances.start(&world.alice, id).await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("while an image is being made")), "{refused}");
    let again = world.instances.create_image(&world.alice, id, "twice", Default::default()).await;
    assert!(matches!(again, Err(Error::Conflict(_))));

    // The next service finds both, and the job goes on.
    world.close().await;
    let world = World::open(place.path()).await;
    world.is_ready(image).await;
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "busy 0002 OK").await;
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn image_of_an_instance_that_is_deleted_before_the_job_runs_fails_with_the_reason() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let id = world.booted("lost").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.stop_workers().await;
    let image = world.instances.create_image(&world.alice, id, "lost", Default::default()).await.unwrap();
    world.clear(&[id]).await;
    world.close().await;
    let world = World::open(place.path()).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let found = world.images.show(&world.alice, image).await.unwrap();
        if found.status == images::Status::Queued {
            assert!(found.reason.unwrap().contains("could not be found"));
            break;
        }
        assert!(Instant::now() < until, "image {image} is {}", found.status);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_a_guest_wrote_at_its_first_sector_is_bytes_like_others() {
    let place = Place::new();
    let canary = place.path().join("canary");
    std::fs::write(&canary, b"THE HOST'S SECRET").unwrap();
    let world = World::open(place.path()).await;
    let id = world.booted("header").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;

    // A guest with root can write this to its own disk: a qcow2 header whose backing file is the host's.
    let mut header = support::qcow2_of(&vec![0; 1 << 20], &[]);
    let name = canary.to_str().unwrap().as_bytes();
    header[8..16].copy_from_slice(&512_u64.to_be_bytes());
    header[16..20].copy_from_slice(&(name.len() as u32).to_be_bytes());
    header[512..512 + name.len()].copy_from_slice(name);
    world.write_disk(id, 0, &header[..4096]).await;
    let disk = world.disk(id).await;
    assert!(disk.starts_with(b"QFI\xfb"));

    let image = world.instances.create_image(&world.alice, id, "header", Default::default()).await.unwrap();
    world.is_ready(image).await;
    let file = file(&world, image).await;
    assert_eq!(support::disk_of("qcow2", &file), disk);
    let secret = b"SECRET";
    assert!(!file.windows(secret.len()).any(|window| window == secret));

    // It starts, too: the bytes are the guest's business, and it does not boot from them.
    let clone = world.instances.create(&world.alice, wanted(image, 1)).await.unwrap()[0].id;
    world.is(clone, Status::Active).await;
    world.clear(&[id, clone]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_of_every_kind_is_in_the_image_and_nothing_else_is() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    // A base with data everywhere, and a size that is no whole number of chunks.
    let mut base: Vec<u8> = (0..(3 << 20) + 1536_u32).map(|at| (at / 7 % 251) as u8).collect();
    base[..4096].copy_from_slice(&support::micro_disk("kinds", 4096));
    let image = world.image("kinds", base).await;
    let mut launch = wanted(image, 1);
    launch.flavor = "1".into();
    let id = world.instances.create(&world.alice, launch).await.unwrap()[0].id;
    world.console_says(id, "kinds 0001 OK").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.write_disk(id, 200_000, &[7; 300_000]).await;
    world.zero_disk(id, 1 << 20, 256 << 10).await;
    world.write_disk(id, (1 << 30) - 512, &[9; 512]).await;
    let disk = world.disk(id).await;
    assert_eq!(disk.len(), 1 << 30);

    let image = world.instances.create_image(&world.alice, id, "kinds", Default::default()).await.unwrap();
    world.is_ready(image).await;
    assert!(support::disk_of("qcow2", &file(&world, image).await) == disk, "the image is not the guest's disk");
    world.clear(&[id]).await;
}
