//! A whole life, seen from within over `ssh`: memory and disk are the guest's own through each of its turns.

use serde_json::json;

use crate::{
    reach::{TINY, is_root, key, says},
    support::{Effigy, tiny},
};

#[tokio::test(flavor = "multi_thread")]
async fn guest_keeps_its_memory_and_its_disk_through_suspend_kill_shelve_and_rescue() {
    if !is_root() {
        return;
    }
    let mut effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let key = key(&effigy, alice).await;
    let image = alice.save_image("tiny", "raw", tiny()).await;
    let wanted = json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop"});
    let id = alice.launch("patient", &image, wanted).await.expect(202).string("/server/id");
    let address = alice.instance_becomes(&id, "ACTIVE").await["accessIPv4"].as_str().expect("text").to_owned();
    // One file is in memory only, the other one on the disk.
    let marked = "echo kept >/run/mark; echo sick >/root/mark; sync; cat /var/lib/boots";
    assert_eq!(says(&key, &address, marked).await, "1");

    // The service is killed while the guest's memory is a file.
    alice.act(&id, json!({"suspend": null})).await.expect(202);
    alice.instance_becomes(&id, "SUSPENDED").await;
    effigy.kill9();
    assert!(effigy.guests().is_empty(), "a suspended guest has no process");
    effigy.run().await;
    alice.act(&id, json!({"resume": null})).await.expect(202);
    alice.instance_becomes(&id, "ACTIVE").await;
    assert_eq!(says(&key, &address, "cat /run/mark; cat /var/lib/boots").await, "kept\n1");

    // Its disk leaves the host, and comes back.
    alice.act(&id, json!({"shelve": null})).await.expect(202);
    alice.instance_becomes(&id, "SHELVED_OFFLOADED").await;
    alice.act(&id, json!({"unshelve": null})).await.expect(202);
    let back = alice.instance_becomes(&id, "ACTIVE").await;
    assert_eq!(back["accessIPv4"], address);
    assert_eq!(says(&key, &address, "cat /root/mark; cat /run/mark; cat /var/lib/boots").await, "sick\n2");

    // Another system reads the disk and repairs it.
    alice.act(&id, json!({"rescue": {"rescue_image_ref": image}})).await.expect(200);
    alice.instance_becomes(&id, "RESCUE").await;
    let repair = "mount /dev/vdb2 /mnt && cat /mnt/root/mark && echo well >/mnt/root/mark && umount /mnt; \
                  cat /var/lib/boots; ls /root/mark";
    assert_eq!(says(&key, &address, &format!("{repair}; true")).await, "sick\n1", "of the rescue system");
    alice.act(&id, json!({"unrescue": null})).await.expect(202);
    alice.instance_becomes(&id, "ACTIVE").await;
    assert_eq!(says(&key, &address, "cat /root/mark; cat /var/lib/boots").await, "well\n3");
}
