//! Guests on a bridge of the operator's, in a network of the test's own: it needs root, and touches nothing of the host's.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::json;

use crate::{
    reach::{BOOT, TINY, is_root, key, says, ssh},
    support::{Effigy, People, eventually, shown, tiny},
};

/// The variable that says that a test runs in a network of its own.
const INSIDE: &str = "BRIDGE_TEST_IS_INSIDE";

/// Runs a test of this program again, in a network and with devices of its own.
fn runs_apart(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    if !is_root() {
        return true;
    }
    // It is made of packages that are fetched, and in there is no way out.
    tiny();
    // `/dev/net/tun` as udev makes it, for this test alone.
    let script =
        "ip link set lo up && mount -t tmpfs tmpfs /dev/net && mknod -m 0666 /dev/net/tun c 10 200 && exec \"$@\"";
    let mut again = Command::new("unshare");
    again.args(["--net", "--mount", "sh", "-c", script, "sh"]).arg(std::env::current_exe().expect("this program"));
    let output = again.args(["--exact", name, "--nocapture"]).env(INSIDE, "1").stdin(Stdio::null()).output();
    let output = output.expect("unshare");
    assert!(output.status.success(), "{}", shown(&output));
    true
}

fn run(words: &str) -> Output {
    Command::new("sh").args(["-c", words]).stdin(Stdio::null()).output().expect("sh")
}

fn does(words: &str) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words}: {}", shown(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const SETTINGS: &str = "[instances]\naccel = \"tcg\"\n[instances.network]\nmode = \"bridge\"\nbridge = \"lan\"\n";

/// Three guests on the bridge: two of Alice's and one of Bob's.
struct Lan {
    effigy: Effigy,
    people: People,
    key: PathBuf,
    /// The ids and addresses.
    guests: Vec<(String, String)>,
}

impl Lan {
    async fn new() -> Lan {
        does("ip link add lan type bridge && ip addr add 10.9.0.1/24 dev lan && ip link set lan up");
        let pool = "subnet = \"10.9.0.0/24\"\npool = \"10.9.0.128/25\"\ngateway = \"10.9.0.1\"\nname_servers = [\"10.9.0.1\"]\n";
        let effigy = Effigy::with(&format!("{SETTINGS}{pool}")).await;
        let people = effigy.people().await;
        let key = key(&effigy, &people.alice).await;
        let public = std::fs::read_to_string(key.with_extension("pub")).expect("the public half");
        let keypair = json!({"keypair": {"name": "laptop", "public_key": public.trim()}});
        people.bob.post("/compute/v2.1/os-keypairs", keypair).await.expect(200);
        let mut guests = Vec::new();
        for (person, name) in [(&people.alice, "one"), (&people.alice, "two"), (&people.bob, "three")] {
            let image = person.save_image("tiny", "raw", tiny()).await;
            let wanted = json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop"});
            let id = person.launch(name, &image, wanted).await.expect(202).string("/server/id");
            let server = person.instance_becomes(&id, "ACTIVE").await;
            let address = server["accessIPv4"].as_str().expect("text").to_owned();
            let listed = &server["addresses"]["default"];
            assert_eq!((listed[0]["addr"].as_str(), listed[1].is_null()), (Some(address.as_str()), true), "{listed}");
            guests.push((id, address));
        }
        Lan { effigy, people, key, guests }
    }

    /// The address of a guest.
    fn at(&self, guest: usize) -> &str {
        &self.guests[guest].1
    }

    /// The answer of a command in a guest, when it is up.
    async fn says(&self, guest: usize, words: &str) -> String {
        says(&self.key, self.at(guest), words).await
    }

    /// Whether a guest reaches an address.
    async fn reaches(&self, guest: usize, to: &str) -> bool {
        self.says(guest, &format!("ping -c 1 -W 5 {to} >/dev/null && echo yes || echo no")).await == "yes"
    }

    /// Its first reaches the second, which is of the same project, and not the third.
    async fn is_kept_apart(&self, when: &str) {
        assert!(self.reaches(0, self.at(1)).await, "guests of one project, {when}");
        assert!(!self.reaches(0, self.at(2)).await, "guests of two projects, {when}");
    }

    /// Neither another address nor that of another card leaves the first guest, which comes back by itself.
    async fn holds_to_its_address(&self) {
        let other = "ip addr add 10.9.0.77/24 dev eth0; ping -I 10.9.0.77 -c 2 -W 2 10.9.0.1 >/dev/null && echo yes || echo no; \
            ip addr del 10.9.0.77/24 dev eth0";
        assert_eq!(self.says(0, other).await, "no", "another address");
        let card = "mac=$(cat /sys/class/net/eth0/address); (sleep 1; ip link set eth0 down; \
            ip link set eth0 address 02:00:00:00:00:07; ip link set eth0 up; \
            ping -c 2 -W 2 10.9.0.1 >/dev/null && echo yes >/tmp/said || echo no >/tmp/said; \
            ip link set eth0 down; ip link set eth0 address $mac; ip link set eth0 up) >/dev/null 2>&1 &";
        self.says(0, card).await;
        let said = eventually("the guest is back", BOOT, || async {
            let output = ssh(&self.key, self.at(0), "cat /tmp/said");
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        });
        assert_eq!(said.await, "no", "another card's address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_on_a_bridge_are_reached_hold_to_their_address_and_see_no_other_project() {
    if runs_apart("bridge::guests_on_a_bridge_are_reached_hold_to_their_address_and_see_no_other_project") {
        return;
    }
    let mut lan = Lan::new().await;
    assert_eq!([lan.at(0), lan.at(1), lan.at(2)], ["10.9.0.129", "10.9.0.130", "10.9.0.131"]);
    for guest in 0..3 {
        lan.says(guest, "hostname").await;
    }
    assert!(lan.reaches(2, "10.9.0.1").await && !lan.reaches(2, lan.at(0)).await, "out, and not to the other project");
    lan.is_kept_apart("as they run").await;
    lan.holds_to_its_address().await;

    // The rules hold while no service runs; a restart writes them again, and clears away a tap that is no instance's.
    lan.effigy.kill9();
    lan.is_kept_apart("while no service runs").await;
    let table = does("nft list tables bridge").split_whitespace().last().expect("our table").to_owned();
    does(&format!("nft delete table bridge {table} && ip tuntap add dev efstale mode tap"));
    does(&format!("ip link set dev efstale alias {table}/none"));
    lan.effigy.run().await;
    lan.is_kept_apart("after a restart").await;
    assert!(!run("ip link show efstale").status.success(), "a tap of no instance is left");

    // A stop and a start keep the address; a delete takes tap and rules along.
    let (alice, id) = (lan.people.alice.clone(), lan.guests[0].0.clone());
    alice.stop(&id).await;
    alice.start(&id).await;
    assert_eq!(lan.says(0, "cat /var/lib/boots").await, "2");
    lan.is_kept_apart("after a start").await;
    alice.delete(&format!("/compute/v2.1/servers/{id}")).await.expect(204);
    eventually("the instance is gone", BOOT, || async {
        (alice.get(&format!("/compute/v2.1/servers/{id}")).await.status == 404).then_some(())
    })
    .await;
    assert_eq!(does("ip -o link show master lan").lines().count(), 2);
    assert!(!does("nft list ruleset bridge").contains(lan.at(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_on_a_bridge_takes_its_address_from_the_networks_own_dhcp() {
    if runs_apart("bridge::guest_on_a_bridge_takes_its_address_from_the_networks_own_dhcp") {
        return;
    }
    does("ip link add lan type bridge && ip addr add 10.9.0.1/24 dev lan && ip link set lan up");
    let effigy = Effigy::with(SETTINGS).await;
    let people = effigy.people().await;
    let key = key(&effigy, &people.alice).await;
    let leases = effigy.scratch().join("leases");
    let mut dhcp = Command::new("dnsmasq")
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=lan", "--user=root"])
        .args(["--dhcp-range=10.9.0.50,10.9.0.60", "--pid-file", "--log-facility=/dev/null"])
        .arg(format!("--dhcp-leasefile={}", leases.display()))
        .stdin(Stdio::null())
        .spawn()
        .expect("dnsmasq; scripts/install.sh test installs it");
    let image = people.alice.save_image("tiny", "raw", tiny()).await;
    let wanted = json!({"flavorRef": TINY, "networks": "auto", "key_name": "laptop"});
    let id = people.alice.launch("one", &image, wanted).await.expect(202).string("/server/id");
    let server = people.alice.instance_becomes(&id, "ACTIVE").await;
    assert_eq!(
        (&server["addresses"], &server["accessIPv4"]),
        (&json!({"default": []}), &json!("")),
        "nobody knows yet"
    );
    let port = people.alice.get("/network/v2.0/ports").await.expect(200).json()["ports"][0].clone();
    let mac = port["mac_address"].as_str().expect("text");
    let address = eventually("the guest has asked for its address", BOOT, || async {
        let all = std::fs::read_to_string(&leases).unwrap_or_default();
        let line = all.lines().find(|line| line.contains(mac))?.to_owned();
        Some(line.split(' ').nth(2)?.to_owned())
    })
    .await;
    assert_eq!(says(&key, &address, "hostname").await, "one");
    // The subnet is that network's own affair.
    let network = people.alice.get("/network/v2.0/networks").await.expect(200).json()["networks"][0].clone();
    assert_eq!(network["subnets"], json!([]));
    dhcp.kill().expect("end dnsmasq");
    dhcp.wait().expect("end dnsmasq");
}
