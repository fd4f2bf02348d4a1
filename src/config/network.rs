//! `[instances.network]`: how instances are reached.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// `[instances.network]`: how instances are reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Each guest's own network made by QEMU, or one of the operator's.
    pub mode: Mode,
    /// The addresses of this host's loopback of which each instance has one of its own, where its forwarded ports are open.
    pub loopback: Pool,
    /// With `mode = "bridge"`: the bridge of this host that guests' network cards are put on.
    pub bridge: String,
    /// The network behind the bridge; needed for `pool`.
    pub subnet: Option<Pool>,
    /// The part of `subnet` of which each instance has an address; `None`: the network's own DHCP gives them.
    pub pool: Option<Pool>,
    /// The way out of `subnet`, told to guests with their address.
    pub gateway: Option<Ipv4Addr>,
    /// The name servers that guests are told with their address.
    pub name_servers: Vec<Ipv4Addr>,
    /// Whether guests of two projects are kept apart on the bridge.
    pub isolate_projects: bool,
}

/// The network that guests are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A network of its own for each guest, made by QEMU, with forwarded ports.
    #[default]
    User,
    /// The network behind a bridge of this host.
    Bridge,
}

/// The kernel's bound on the name of a network interface.
const MAX_INTERFACE_CHARS: usize = 15;

/// The default has room for every instance that a service can run, and is far from what others use of the loopback:
/// 127.0.0.1, 127.0.0.53 (systemd's names) and 127.0.1.1 (Debian's host name).
const LOOPBACK: Pool = Pool { first: Ipv4Addr::new(127, 64, 0, 0), prefix: 10 };

impl Default for Network {
    fn default() -> Network {
        Network {
            mode: Mode::User,
            loopback: LOOPBACK,
            bridge: "br0".into(),
            subnet: None,
            pool: None,
            gateway: None,
            name_servers: Vec::new(),
            isolate_projects: true,
        }
    }
}

impl Network {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let pool = self.loopback;
        anyhow::ensure!(
            pool.first.octets()[0] == 127 && pool.prefix >= 8 && !pool.has(Ipv4Addr::LOCALHOST),
            "instances.network.loopback is {pool}: it is a network within 127.0.0.0/8 without 127.0.0.1, such as {LOOPBACK}"
        );
        let is_char = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let name = &self.bridge;
        anyhow::ensure!(
            (1..=MAX_INTERFACE_CHARS).contains(&name.len()) && name.chars().all(is_char),
            "instances.network.bridge is '{name}': the name of a bridge has 1 to {MAX_INTERFACE_CHARS} letters, digits, '_', '.' and '-'"
        );
        let (Some(subnet), Some(pool)) = (self.subnet, self.pool) else {
            let is_none = self.subnet.is_none() && self.pool.is_none() && self.gateway.is_none();
            anyhow::ensure!(
                is_none && self.name_servers.is_empty(),
                "instances.network: pool and subnet are set both or neither, and gateway and name_servers only with them"
            );
            return Ok(());
        };
        anyhow::ensure!(self.mode == Mode::Bridge, "instances.network.pool is for mode = \"bridge\" only");
        anyhow::ensure!(
            subnet.has(pool.first) && subnet.prefix <= pool.prefix,
            "instances.network.pool is {pool}, which is no part of the subnet {subnet}"
        );
        let is_apart = self.gateway.is_none_or(|gateway| subnet.has(gateway) && !pool.has(gateway));
        anyhow::ensure!(is_apart, "instances.network.gateway is in the subnet {subnet}, and not in the pool {pool}");
        Ok(())
    }

    /// The addresses that guests have of this service on the bridge; `None`: others give them, or there is no bridge.
    pub fn fixed(&self) -> Option<(Pool, Pool)> {
        self.subnet.zip(self.pool)
    }
}

/// Addresses next to each other, as a network is written: `127.64.0.0/10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool {
    first: Ipv4Addr,
    prefix: u8,
}

impl Pool {
    /// The address with this number, from 0; `None` behind the last. The first and the last of the network are no host's.
    pub fn get(self, number: u32) -> Option<Ipv4Addr> {
        let address = number.checked_add(1)?.checked_add(self.first.to_bits())?;
        (address < self.last()).then(|| Ipv4Addr::from_bits(address))
    }

    /// The first and the last address that [`Pool::get`] gives.
    pub fn ends(self) -> (Ipv4Addr, Ipv4Addr) {
        (Ipv4Addr::from_bits(self.first.to_bits() + 1), Ipv4Addr::from_bits(self.last() - 1))
    }

    /// Whether an address is one of the network's.
    pub fn has(self, address: Ipv4Addr) -> bool {
        (self.first.to_bits()..=self.last()).contains(&address.to_bits())
    }

    /// Its mask, as in 255.255.255.0.
    pub fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(!u32::MAX.checked_shr(self.prefix.into()).unwrap_or_default())
    }

    fn last(self) -> u32 {
        self.first.to_bits() | u32::MAX.checked_shr(self.prefix.into()).unwrap_or_default()
    }
}

impl TryFrom<String> for Pool {
    type Error = String;

    fn try_from(text: String) -> Result<Pool, String> {
        let parts = text.split_once('/').and_then(|(first, prefix)| Some((first.parse().ok()?, prefix.parse().ok()?)));
        let pool = parts.map(|(first, prefix): (Ipv4Addr, u8)| Pool { first, prefix });
        let is_whole = |pool: &Pool| {
            pool.prefix <= 30
                && pool.first.to_bits() & u32::MAX.checked_shr(pool.prefix.into()).unwrap_or_default() == 0
        };
        let why = || format!("'{text}' is not a network of IPv4 with two addresses or more, such as 127.64.0.0/10");
        pool.filter(is_whole).ok_or_else(why)
    }
}

impl From<Pool> for String {
    fn from(pool: Pool) -> String {
        pool.to_string()
    }
}

impl std::fmt::Display for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_gives_each_number_an_address_until_it_ends() {
        let pool = Pool::try_from("127.1.2.0/30".to_owned()).expect("a pool");
        let all: Vec<_> = (0..4).map(|number| pool.get(number).map(|address| address.to_string())).collect();
        assert_eq!(all, [Some("127.1.2.1".into()), Some("127.1.2.2".into()), None, None]);
        assert_eq!(LOOPBACK.get(u32::MAX), None);
        for wrong in ["127.1.2.1/30", "127.1.2.0", "127.1.2.0/31", "::/8", "127.1.2.0/33"] {
            assert!(Pool::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_pool_lies_in_the_loopback_and_leaves_the_hosts_own_address() {
        for (text, is_good) in
            [("127.64.0.0/10", true), ("127.0.0.0/8", false), ("10.0.0.0/24", false), ("126.0.0.0/7", false)]
        {
            let loopback = Pool::try_from(text.to_owned()).expect("a pool");
            assert_eq!(Network { loopback, ..Network::default() }.check().is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn pool_of_a_bridge_lies_in_its_subnet_and_leaves_the_gateway() {
        let check = |mode, subnet: Option<&str>, pool: &str, gateway: &str| {
            let pool_of = |text: &str| Pool::try_from(text.to_owned()).expect("a pool");
            let (subnet, pool) = (subnet.map(pool_of), Some(pool_of(pool)));
            let gateway = Some(gateway.parse().expect("an address"));
            Network { mode, subnet, pool, gateway, ..Network::default() }.check().is_ok()
        };
        let subnet = Some("10.9.0.0/24");
        assert!(check(Mode::Bridge, subnet, "10.9.0.128/25", "10.9.0.1"));
        assert!(!check(Mode::User, subnet, "10.9.0.128/25", "10.9.0.1"), "for a bridge only");
        assert!(!check(Mode::Bridge, None, "10.9.0.128/25", "10.9.0.1"), "without its subnet");
        assert!(!check(Mode::Bridge, subnet, "10.9.1.0/25", "10.9.0.1"), "another network");
        assert!(!check(Mode::Bridge, subnet, "10.9.0.0/25", "10.9.0.1"), "the gateway's own");
        let bridge = "no bridge".to_owned();
        assert!(Network { bridge, ..Network::default() }.check().is_err());
    }
}
