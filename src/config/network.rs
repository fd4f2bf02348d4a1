//! `[instances.network]`: how instances are reached.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// `[instances.network]`: how instances are reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The addresses of this host's loopback of which each instance has one of its own, where its forwarded ports are open.
    pub loopback: Pool,
}

/// The default has room for every instance that a service can run, and is far from what others use of the loopback:
/// 127.0.0.1, 127.0.0.53 (systemd's names) and 127.0.1.1 (Debian's host name).
const LOOPBACK: Pool = Pool { first: Ipv4Addr::new(127, 64, 0, 0), prefix: 10 };

impl Default for Network {
    fn default() -> Network {
        Network { loopback: LOOPBACK }
    }
}

impl Network {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let pool = self.loopback;
        anyhow::ensure!(
            pool.first.octets()[0] == 127 && pool.prefix >= 8 && !pool.has(Ipv4Addr::LOCALHOST),
            "instances.network.loopback is {pool}: it is a network within 127.0.0.0/8 without 127.0.0.1, such as {LOOPBACK}"
        );
        Ok(())
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

    /// Whether an address is one of the network's.
    pub fn has(self, address: Ipv4Addr) -> bool {
        (self.first.to_bits()..=self.last()).contains(&address.to_bits())
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
            assert_eq!(Network { loopback }.check().is_ok(), is_good, "{text}");
        }
    }
}
