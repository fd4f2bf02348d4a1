//! A guest is reached: `ssh` at port 22 of its own address, and an image that Packer builds so.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::support::{Effigy, Person, eventually, shown, tiny};

/// How long a guest may take until its SSH server answers, under emulation on a busy machine.
pub(crate) const BOOT: Duration = Duration::from_secs(240);

/// The id of `m1.tiny`: the smallest that tiny runs in.
pub(crate) const TINY: &str = "1";

/// A key of the test's own, in its folder, and as a key pair of this person.
pub(crate) async fn key(effigy: &Effigy, person: &Person) -> PathBuf {
    let key = effigy.scratch().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).output();
    let made = made.expect("ssh-keygen; scripts/install.sh test installs it");
    assert!(made.status.success(), "{}", shown(&made));
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("the public half");
    let keypair = json!({"name": "laptop", "public_key": public.trim()});
    person.post("/compute/v2.1/os-keypairs", json!({ "keypair": keypair })).await.expect(200);
    key
}

/// Whether the test is root; where it is not, it says that it does not run.
pub(crate) fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        #[allow(clippy::print_stderr, reason = "who reads the tests' log must know")]
        {
            eprintln!("NOT RUN: low ports, taps and packet filters need root");
        }
    }
    is_root
}

/// Runs a command in a guest, at port 22 of this address.
pub(crate) fn ssh(key: &Path, address: &str, words: &str) -> Output {
    let mut ssh = Command::new("ssh");
    // A program of the test's, with nobody's known hosts and nobody's agent.
    ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "IdentitiesOnly=yes"]);
    ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
    ssh.arg("-i").arg(key).arg(format!("root@{address}")).arg(words);
    ssh.stdin(Stdio::null()).output().expect("ssh; scripts/install.sh test installs it")
}

/// The answer of a command in a guest, when its SSH server is up.
pub(crate) async fn says(key: &Path, address: &str, words: &str) -> String {
    let attempt = || async {
        let (key, address, words) = (key.to_owned(), address.to_owned(), words.to_owned());
        let output = tokio::task::spawn_blocking(move || ssh(&key, &address, &words)).await.expect("ssh");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    eventually(&format!("{address} answers to ssh"), BOOT, attempt).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_reaches_three_guests_at_port_22_of_addresses_that_last_as_long_as_they() {
    if !is_root() {
        return;
    }
    // The host's own SSH server, which has port 22 of every address; where the host has one, it is that.
    let _sshd = std::net::TcpListener::bind("0.0.0.0:22");
    let mut effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let key = key(&effigy, alice).await;
    let image = alice.save_image("tiny", "raw", tiny()).await;
    let wanted = json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop", "min_count": 3, "max_count": 3});
    alice.launch("web", &image, wanted).await.expect(202);
    let mut guests = Vec::new();
    for name in ["web-1", "web-2", "web-3"] {
        let found = alice.get(&format!("/compute/v2.1/servers?name={name}")).await.expect(200);
        let id = found.string("/servers/0/id");
        let address = alice.instance_becomes(&id, "ACTIVE").await["accessIPv4"].as_str().expect("text").to_owned();
        guests.push((id, name, address));
    }
    for (_, name, address) in &guests {
        assert_eq!(says(&key, address, "hostname").await, *name);
    }

    // A killed service changes nothing, also where the packet filter was emptied meanwhile.
    effigy.kill9();
    for (_, name, address) in &guests {
        assert_eq!(says(&key, address, "hostname").await, *name, "while no service runs");
    }
    let (_, name, address) = &guests[0];
    let door = format!("{{ {address} . 22 }}");
    let emptied = Command::new("nft").args(["delete", "element", "ip", "effigy_doors", "doors", &door]).status();
    assert!(emptied.expect("nft").success() && !ssh(&key, address, "hostname").status.success(), "the door is shut");
    effigy.run().await;
    assert_eq!(says(&key, address, "hostname").await, *name, "the door is open again");
    for (id, _, address) in &guests {
        assert_eq!(alice.instance(id).await["accessIPv4"], *address);
    }

    // It stays the same machine at the same address over a stop and a start.
    let (id, name, address) = &guests[1];
    alice.stop(id).await;
    assert!(!ssh(&key, address, "hostname").status.success(), "a guest that is off answers");
    alice.start(id).await;
    assert_eq!(says(&key, address, "hostname; cat /var/lib/boots").await, format!("{name}\n2"));

    // A deleted one's address is free, for the next.
    let (id, _, address) = &guests[2];
    alice.delete(&format!("/compute/v2.1/servers/{id}")).await.expect(204);
    eventually("the instance is gone", BOOT, || async {
        (alice.get(&format!("/compute/v2.1/servers/{id}")).await.status == 404).then_some(())
    })
    .await;
    let doors = Command::new("nft").args(["list", "map", "ip", "effigy_doors", "doors"]).output().expect("nft");
    assert!(!String::from_utf8_lossy(&doors.stdout).contains(address.as_str()), "{}", shown(&doors));
    let wanted = json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop"});
    let next = alice.launch("next", &image, wanted).await.expect(202).string("/server/id");
    assert_eq!(alice.instance_becomes(&next, "ACTIVE").await["accessIPv4"], *address);
    assert_eq!(says(&key, address, "hostname").await, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn packer_builds_an_image_over_ssh() {
    if !is_root() {
        return;
    }
    let effigy = Effigy::with("[instances]\naccel = \"tcg\"\n").await;
    let people = effigy.people().await;
    let alice = &people.alice;
    let image = alice.save_image("tiny", "raw", tiny()).await;
    let template = effigy.scratch().join("tiny.json");
    let builder = json!({
        "type": "openstack",
        "identity_endpoint": effigy.at("/identity/v3"), "region": "RegionOne",
        "username": "alice", "password": crate::support::PASSWORD, "domain_name": "Default", "tenant_name": "web",
        "image_name": "built", "source_image": image, "flavor": "m1.tiny",
        "ssh_username": "root", "ssh_timeout": "5m",
        // Its key, ed25519 of the test's, is the only one that it offers.
        "ssh_keypair_name": "laptop", "ssh_private_key_file": key(&effigy, alice).await,
    });
    let provisioner = json!({"type": "shell", "inline": ["echo built by $(hostname) >/etc/built", "sync"]});
    std::fs::write(&template, json!({"builders": [builder], "provisioners": [provisioner]}).to_string())
        .expect("write");
    let mut packer = Command::new("packer");
    packer.args(["build", "-color=false"]).arg(&template).env("CHECKPOINT_DISABLE", "1").env("HOME", effigy.scratch());
    packer.env("PACKER_LOG", "1").env("PACKER_LOG_PATH", effigy.scratch().join("packer.log"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OS_")) {
        packer.env_remove(name);
    }
    let output = tokio::task::spawn_blocking(move || packer.stdin(Stdio::null()).output()).await.expect("packer");
    let output = output.expect("packer; scripts/install.sh test installs it");
    assert!(output.status.success(), "{}", shown(&output));
    // Its machine is gone, its image boots, and what was done over ssh is in it.
    let found = alice.get("/image/v2/images?name=built").await.expect(200);
    let built = found.string("/images/0/id");
    alice.image_becomes(&built, "active").await;
    let launched = alice
        .launch("check", &built, json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop"}))
        .await
        .expect(202);
    let id = launched.string("/server/id");
    let address = alice.instance_becomes(&id, "ACTIVE").await["accessIPv4"].as_str().expect("text").to_owned();
    let port = alice.get(&format!("/network/v2.0/ports?device_id={id}")).await.expect(200).json();
    assert_eq!(port["ports"][0]["effigy:forwards"][0]["host"], format!("{address}:22"), "{port}");
    let said = says(&effigy.scratch().join("key"), &address, "cat /etc/built; cat /var/lib/boots").await;
    assert!(said.starts_with("built by ") && said.ends_with("\n2"), "{said}");
}
