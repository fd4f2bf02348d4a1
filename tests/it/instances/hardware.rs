//! The virtual hardware that an image asks for, as its guest meets it.

use effigy::{Error, instances::Status};
use serde_json::json;

use super::world::{Place, World, wanted};
use crate::support;

/// The command line of an instance's QEMU.
fn command_line(world: &World, id: effigy::ids::InstanceId) -> String {
    let bytes = std::fs::read(format!("/proc/{}/cmdline", world.pid(id).unwrap())).unwrap();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_boots_on_every_kind_of_hardware_that_its_image_may_ask_for() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let scsi = |model: &str| json!({"hw_disk_bus": "scsi", "hw_scsi_model": model});
    let kinds = [
        (scsi("lsilogic"), "lsi53c895a,id=scsi0"),
        (scsi("vmpvscsi"), "pvscsi,id=scsi0"),
        (scsi("lsisas1068"), "mptsas1068,id=scsi0"),
        (scsi("lsisas1078"), "megasas,id=scsi0"),
        (json!({"hw_machine_type": "pc-q35-5.2", "hw_disk_bus": "sata", "hw_video_model": "none"}), "-machine q35"),
        (json!({"hw_video_model": "qxl", "hw_input_bus": "usb", "hw_qemu_guest_agent": "yes"}), "vnc/agent.sock"),
        (json!({"hw_video_model": "cirrus", "hw_watchdog_action": "reset", "hw_input_bus": "virtio"}), "i6300esb"),
        (json!({"hw_video_model": "virtio", "hw_cpu_sockets": "1", "hw_time_hpet": "no"}), "1,sockets=1,cores=1"),
        (json!({"hw_video_model": "bochs", "hw_boot_menu": "true", "os_type": "windows"}), "-rtc base=localtime"),
    ];
    for (mut asked, seen) in kinds {
        asked["name"] = json!("kind");
        let image = world.image_with(asked.clone(), support::micro_disk("kind", 1 << 20)).await;
        let id = world.launch(image, 1).await[0].id;
        world.console_says(id, "MICRO-READY kind 0001 OK").await;
        let line = command_line(&world, id);
        assert!(line.contains(seen), "{asked}: {line}");
        world.is(id, Status::Active).await;
        world.clear(&[id]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_is_refused_by_the_name_of_what_this_host_cannot_honour() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    for (name, value) in [("hw_vif_model", "banana"), ("hypervisor_type", "xen"), ("architecture", "aarch64")] {
        let image = world.image_with(json!({"name": "x", name: value}), support::micro_disk("x", 1 << 20)).await;
        let refused = world.instances.create(&world.alice, wanted(image, 1)).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(why) if why.contains(name) && why.contains(value)), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uefi_guest_keeps_its_variables_and_an_image_of_it_boots_without_them() {
    let place = Place::new();
    let world = World::open_with(place.path(), |settings| settings.stop_grace_secs = 1).await;
    let image = world.image_with(json!({"name": "u", "hw_firmware_type": "uefi"}), support::uefi_disk(512)).await;
    let id = world.launch(image, 1).await[0].id;
    world.console_says(id, "UEFI-READY 0001 0200").await;
    world.is(id, Status::Active).await;
    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    world.instances.start(&world.alice, id).await.unwrap();
    world.console_says(id, "UEFI-READY 0002 0200").await;
    world.is(id, Status::Active).await;

    world.instances.stop(&world.alice, id).await.unwrap();
    world.is(id, Status::Shutoff).await;
    let made = world.instances.create_image(&world.alice, id, "made", Default::default()).await.unwrap();
    world.is_ready(made).await;
    let clone = world.launch(made, 1).await[0].id;
    world.console_says(clone, "UEFI-READY 0001 0200").await;
    world.clear(&[id, clone]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_counts_in_large_sectors_boots_as_one_of_them_and_so_does_an_image_of_its_instance() {
    let place = Place::new();
    let world = World::open_with(place.path(), |settings| settings.stop_grace_secs = 1).await;
    for bus in ["virtio", "scsi"] {
        let asked = json!({"name": "4Kn", "hw_firmware_type": "uefi", "hw_disk_bus": bus});
        let image = world.image_with(asked, support::uefi_disk(4096)).await;
        let id = world.launch(image, 1).await[0].id;
        world.console_says(id, "UEFI-READY 0001 1000").await;
        world.is(id, Status::Active).await;
        world.instances.stop(&world.alice, id).await.unwrap();
        world.is(id, Status::Shutoff).await;
        let made = world.instances.create_image(&world.alice, id, "made", Default::default()).await.unwrap();
        world.is_ready(made).await;
        let clone = world.launch(made, 1).await[0].id;
        world.console_says(clone, "UEFI-READY 0001 1000").await;
        world.clear(&[id, clone]).await;
    }
    let asked = json!({"name": "4Kn", "hw_firmware_type": "uefi", "hw_disk_bus": "sata"});
    let image = world.image_with(asked, support::uefi_disk(4096)).await;
    let refused = world.instances.create(&world.alice, wanted(image, 1)).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Invalid(why) if why.contains("hw_disk_bus") && why.contains("4096")),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn secure_boot_starts_nothing_that_is_not_signed() {
    let place = Place::new();
    let world = World::open(place.path()).await;
    let image = world.image_with(json!({"name": "s", "os_secure_boot": "required"}), support::uefi_disk(512)).await;
    let id = world.launch(image, 1).await[0].id;
    let said = world.console_says(id, "No bootable option or device was found").await;
    assert!(said.contains("Security Violation") && !said.contains("UEFI-READY"), "{said}");
    world.clear(&[id]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_is_refused_where_the_host_has_no_firmware_for_it() {
    let place = Place::new();
    let world = World::open_with(place.path(), |settings| settings.firmware = "/nowhere".into()).await;
    for (name, value) in [("hw_firmware_type", "uefi"), ("os_secure_boot", "required")] {
        let image = world.image_with(json!({"name": "x", name: value}), vec![1; 4096]).await;
        let refused = world.instances.create(&world.alice, wanted(image, 1)).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(why) if why.contains(name) && why.contains("ovmf")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cd_installs_on_a_disk_of_its_own_whose_image_boots() {
    let place = Place::new();
    let world = World::open_with(place.path(), |settings| settings.stop_grace_secs = 1).await;
    for (board, bus) in [("pc", "ide"), ("q35", "sata"), ("pc", "scsi")] {
        let iso = json!({"name": "cd", "disk_format": "iso", "hw_machine_type": board, "hw_cdrom_bus": bus});
        let image = world.image_with(iso, support::installer(bus)).await;
        let refused = world.instances.create(&world.alice, wanted(image, 1)).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(why) if why.contains("a flavor with a disk")), "{refused}");

        let launch = effigy::instances::Launch { flavor: "1".into(), ..wanted(image, 1) };
        let id = world.instances.create(&world.alice, launch).await.unwrap()[0].id;
        world.console_says(id, "INSTALLED").await;
        world.is(id, Status::Active).await;
        world.instances.stop(&world.alice, id).await.unwrap();
        world.is(id, Status::Shutoff).await;
        let made = world.instances.create_image(&world.alice, id, "made", Default::default()).await.unwrap();
        world.is_ready(made).await;
        let launch = effigy::instances::Launch { flavor: "1".into(), ..wanted(made, 1) };
        let clone = world.instances.create(&world.alice, launch).await.unwrap()[0].id;
        world.console_says(clone, &format!("MICRO-READY {bus} 0001 OK")).await;
        world.clear(&[id, clone]).await;
    }
}
