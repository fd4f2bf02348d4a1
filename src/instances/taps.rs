//! Guests on a bridge of the operator's: their taps, and the rules that hold them to their own address.
//!
//! A tap is made anew by each start of its instance, and outlives the service as the guest does. The rules are a table of
//! this service's own in the kernel's packet filter, written as a whole from what is plugged in: nothing can be left behind in
//! it, and a restart writes it again. They are the kernel's, out of the reach of a guest that takes its QEMU over.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    io,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use serde_json::Value;
use tokio::sync::Mutex;

use super::qemu;
use crate::{
    config,
    ids::{InstanceId, ProjectId},
};

/// The device that opens a tap.
const TUN: &str = "/dev/net/tun";

/// The network card of one guest.
pub(super) struct Tap {
    pub(super) mac: String,
    /// Its one address; `None`: the network's DHCP gives it.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) project: ProjectId,
}

/// The taps that are plugged in.
pub(super) struct Taps {
    /// The name of our table, and the first word on our taps: no other service of this host has it.
    mark: String,
    plugged: Mutex<BTreeMap<InstanceId, Tap>>,
}

impl Taps {
    /// `folder`: that of the instances.
    pub(super) fn new(folder: &Path) -> Taps {
        let digest = openssl::sha::sha256(folder.as_os_str().as_encoded_bytes());
        let mark = digest[..6].iter().fold("effigy_".to_owned(), |mark, byte| format!("{mark}{byte:02x}"));
        Taps { mark, plugged: Mutex::default() }
    }

    /// Makes the tap of a guest, which this user may open, and puts it on the bridge; its name.
    ///
    /// # Errors
    /// In words for the owner and the operator.
    pub(super) async fn plug(
        &self,
        network: &config::Network,
        id: InstanceId,
        tap: Tap,
        user: Option<u32>,
    ) -> io::Result<String> {
        let user = user.ok_or_else(|| io::Error::other("the service is not root"))?;
        if std::fs::metadata(TUN)?.permissions().mode() & 0o006 != 0o006 {
            return Err(io::Error::other(format!("QEMU may not open {TUN}; chmod 0666 {TUN} lets it")));
        }
        let mut plugged = self.plugged.lock().await;
        plugged.insert(id, tap);
        // The rules come before the tap, so that no frame goes by them.
        qemu::packet_filter(&[], &self.rules(network, &plugged)).await?;
        let name = name(id);
        let _ = qemu::host_tool("ip", &["link", "delete", &name], "").await;
        let (mark, bridge) = (&self.mark, &network.bridge);
        let add = format!("tuntap add dev {name} mode tap user {user}\n");
        let up = format!("link set dev {name} alias {mark}/{id} master {bridge} up\n");
        qemu::host_tool("ip", &["-batch", "-"], &(add + &up)).await?;
        Ok(name)
    }

    /// Removes the tap of a guest that is no more, and its rules.
    pub(super) async fn unplug(&self, network: &config::Network, id: InstanceId) {
        let mut plugged = self.plugged.lock().await;
        if plugged.remove(&id).is_some() {
            let _ = qemu::host_tool("ip", &["link", "delete", &name(id)], "").await;
            self.write(network, &plugged).await;
        }
    }

    /// Takes up the taps of the guests that run, writes their rules again, and removes all other taps of ours.
    pub(super) async fn take_up(&self, network: &config::Network, running: impl Iterator<Item = (InstanceId, Tap)>) {
        let mut plugged = self.plugged.lock().await;
        plugged.extend(running);
        self.write(network, &plugged).await;
        let kept: HashSet<String> = plugged.keys().map(|id| name(*id)).collect();
        let links = qemu::host_tool("ip", &["-json", "link"], "").await.unwrap_or_default();
        let links: Vec<Value> = serde_json::from_str(&links).unwrap_or_default();
        let is_ours = |link: &&Value| link["ifalias"].as_str().is_some_and(|alias| alias.starts_with(&self.mark));
        for name in links.iter().filter(is_ours).filter_map(|link| link["ifname"].as_str()) {
            if !kept.contains(name) {
                let _ = qemu::host_tool("ip", &["link", "delete", name], "").await;
            }
        }
    }

    async fn write(&self, network: &config::Network, plugged: &BTreeMap<InstanceId, Tap>) {
        if let Err(error) = qemu::packet_filter(&[], &self.rules(network, plugged)).await {
            tracing::error!("the rules of guests on the bridge '{}' cannot be written: {error}", network.bridge);
        }
    }

    /// Our whole table, in nftables' words.
    fn rules(&self, network: &config::Network, plugged: &BTreeMap<InstanceId, Tap>) -> String {
        let mark = &self.mark;
        let mut rules = format!("add table bridge {mark}\ndelete table bridge {mark}\ntable bridge {mark} {{\n");
        let mut add = |line: String| writeln!(rules, "{line}").expect("a string takes all");
        let mut projects: BTreeMap<ProjectId, Vec<String>> = BTreeMap::new();
        for (id, tap) in plugged {
            let (name, mac) = (name(*id), &tap.mac);
            projects.entry(tap.project).or_default().push(format!("\"{name}\""));
            add(format!(
                "chain from_{name} {{\nether saddr != {mac} drop\nether type {{ 8021q, 8021ad }} drop\nudp sport 67 drop"
            ));
            add(format!("icmpv6 type nd-router-advert drop\nether type arp arp saddr ether != {mac} drop"));
            if let Some(address) = tap.address {
                // Somebody who asks whether an address is free has none yet.
                add(format!(
                    "ether type arp arp saddr ip {{ 0.0.0.0, {address} }} accept\nip saddr {address} accept\ndrop"
                ));
            }
            add("}".into());
        }
        let all: Vec<_> = projects.values().flatten().cloned().collect();
        let from = |name: &String| format!("{name} : jump from_{}", name.trim_matches('"'));
        let guests: Vec<_> = all.iter().map(from).collect();
        let mut between = Vec::new();
        if network.isolate_projects {
            for (project, own) in projects.values().enumerate() {
                add(format!(
                    "chain of_{project} {{\noifname {{ {} }} accept\noifname {{ {} }} drop\n}}",
                    own.join(", "),
                    all.join(", ")
                ));
                between.extend(own.iter().map(|name| format!("{name} : jump of_{project}")));
            }
        }
        for (chain, hook, jumps) in [("guests", "prerouting", guests), ("between", "forward", between)] {
            if !jumps.is_empty() {
                add(format!("chain {chain} {{\ntype filter hook {hook} priority -300; policy accept;"));
                add(format!("iifname vmap {{ {} }}\n}}", jumps.join(", ")));
            }
        }
        add("}".into());
        rules
    }
}

/// The name of an instance's tap: the kernel takes 15 bytes.
fn name(id: InstanceId) -> String {
    format!("ef{:012x}", id.uuid().as_u128() >> 80)
}
