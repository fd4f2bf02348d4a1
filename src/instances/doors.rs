//! The ports of this host that lead to guests.
//!
//! Each instance has a loopback address of its own, so that its ports are open there under the guest's own numbers. QEMU
//! is no user who may listen on ports below 1024, and a program that listens on all addresses (the host's own SSH server)
//! has the port on these too. So there are three roads: QEMU listens itself; or the packet filter of the kernel
//! leads the port to another one, at which QEMU listens; or the port has another number, and the reason is told.
//! All three are there without this service, while it starts again for example.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
};

use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    qemu,
    types::{Forward, Obstacle},
};
use crate::model::instance::InstanceRow;

/// The first port that everybody may listen on, where the kernel does not say.
const FIRST_UNPRIVILEGED: u16 = 1024;

/// The table of all services of this host: two that lead the same port elsewhere notice each other.
const TABLE: &str = "add table ip effigy_doors
add map ip effigy_doors doors { type ipv4_addr . inet_service : ipv4_addr . inet_service ; }
add chain ip effigy_doors output { type nat hook output priority -100 ; }
flush chain ip effigy_doors output
add rule ip effigy_doors output dnat to ip daddr . tcp dport map @doors
";

/// The doors that the packet filter keeps open.
#[derive(Default)]
pub(super) struct Doors {
    /// Whether there is a packet filter that we may change; found out when it is first needed.
    has_filter: OnceCell<bool>,
}

impl Doors {
    /// Chooses the port of the host for each port of the guest. Those that QEMU listens on stay as they were, where they are
    /// free. `address`: the instance's own.
    pub(super) async fn choose(
        &self,
        address: Option<Ipv4Addr>,
        wanted: &[u16],
        before: &[Forward],
    ) -> io::Result<Vec<Forward>> {
        // All are held until all are chosen, so that no two are the same.
        let mut held = Vec::with_capacity(wanted.len());
        for &guest_port in wanted {
            let old = before.iter().find(|forward| forward.guest_port == guest_port);
            held.push(self.choose_one(address, guest_port, old).await?);
        }
        Ok(held.into_iter().map(|(forward, _)| forward).collect())
    }

    async fn choose_one(
        &self,
        own: Option<Ipv4Addr>,
        guest_port: u16,
        old: Option<&Forward>,
    ) -> io::Result<(Forward, TcpListener)> {
        let address = own.unwrap_or(Ipv4Addr::LOCALHOST);
        let mut forward = Forward { guest_port, address, host_port: guest_port, behind: None, obstacle: None };
        let may_listen = guest_port >= first_unprivileged();
        if own.is_some()
            && may_listen
            && let Ok(listener) = TcpListener::bind((address, guest_port))
        {
            return Ok((forward, listener));
        }
        let kept = old.and_then(|old| TcpListener::bind((address, old.listens())).ok());
        let listener = match kept.filter(|listener| listener.local_addr().is_ok_and(|at| at.port() != guest_port)) {
            Some(listener) => listener,
            None => TcpListener::bind((address, 0))?,
        };
        let port = listener.local_addr()?.port();
        let led = match own {
            None => Err(Obstacle::NoAddress),
            Some(_) if !self.has_filter().await => Err(if may_listen { Obstacle::Taken } else { Obstacle::NoRight }),
            Some(_) => lead((address, guest_port), (address, port)).await,
        };
        match led {
            Ok(()) => forward.behind = Some(port),
            Err(why) => (forward.host_port, forward.obstacle) = (port, Some(why)),
        }
        Ok((forward, listener))
    }

    /// Opens the doors of guests that run once more, as the packet filter may have lost them, and closes those that lead
    /// nowhere.
    pub(super) async fn take_up(&self, rows: &[InstanceRow]) {
        let led = || rows.iter().flat_map(|row| &row.state.forwards).filter(|forward| forward.behind.is_some());
        if led().next().is_none() || !self.has_filter().await {
            return;
        }
        for (from, to) in doors().await.unwrap_or_default() {
            if is_free(to) {
                close(from).await;
            }
        }
        for forward in led().filter(|forward| !is_free((forward.address, forward.listens()))) {
            if lead((forward.address, forward.host_port), (forward.address, forward.listens())).await.is_err() {
                let (address, port) = (forward.address, forward.host_port);
                tracing::warn!("port {port} of {address} leads to another service's instance");
            }
        }
    }

    /// Closes the doors of an instance that is no more.
    pub(super) async fn release(&self, forwards: &[Forward]) {
        for forward in forwards.iter().filter(|forward| forward.behind.is_some()) {
            close((forward.address, forward.host_port)).await;
        }
    }

    async fn has_filter(&self) -> bool {
        let prepare = async || match qemu::packet_filter(&[], TABLE).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!("this host's packet filter leads no ports to guests, which have other numbers: {error}");
                false
            }
        };
        *self.has_filter.get_or_init(prepare).await
    }
}

type Place = (Ipv4Addr, u16);

/// Leads a port to another, unless it leads to a third one that somebody listens on.
async fn lead(from: Place, to: Place) -> Result<(), Obstacle> {
    let add = format!("add element ip effigy_doors doors {{ {} . {} : {} . {} }}\n", from.0, from.1, to.0, to.1);
    let Err(error) = qemu::packet_filter(&[], &add).await else { return Ok(()) };
    let all = doors().await.unwrap_or_default();
    match all.iter().find(|(other, _)| *other == from) {
        Some((_, there)) if *there == to => Ok(()),
        Some((_, there)) if !is_free(*there) => Err(Obstacle::Taken),
        Some(_) => {
            let delete = format!("delete element ip effigy_doors doors {{ {} . {} }}\n", from.0, from.1);
            qemu::packet_filter(&[], &(delete + &add)).await.map(drop).map_err(|_| Obstacle::Taken)
        }
        None => {
            tracing::warn!("this host's packet filter does not lead port {} of {} to a guest: {error}", from.1, from.0);
            Err(Obstacle::NoRight)
        }
    }
}

/// Closes a door; one that is closed already stays so.
async fn close(from: Place) {
    let delete = format!("delete element ip effigy_doors doors {{ {} . {} }}\n", from.0, from.1);
    let _ = qemu::packet_filter(&[], &delete).await;
}

/// The doors of all services of this host, and where each leads.
async fn doors() -> io::Result<Vec<(Place, Place)>> {
    let said = qemu::packet_filter(&["-j"], "list map ip effigy_doors doors\n").await?;
    let said: Value = serde_json::from_str(&said)?;
    let place = |value: &Value| -> Option<Place> {
        let pair = value["concat"].as_array()?;
        Some((pair.first()?.as_str()?.parse().ok()?, pair.get(1)?.as_u64()?.try_into().ok()?))
    };
    let all = said["nftables"].as_array().into_iter().flatten().filter_map(|one| one["map"]["elem"].as_array());
    Ok(all.flatten().filter_map(|pair| Some((place(&pair[0])?, place(&pair[1])?))).collect())
}

/// Whether nobody listens there.
fn is_free(at: Place) -> bool {
    TcpListener::bind(SocketAddrV4::new(at.0, at.1)).is_ok()
}

fn first_unprivileged() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or(FIRST_UNPRIVILEGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_has_the_guests_number_or_the_reason_is_told() {
        let doors = Doors { has_filter: OnceCell::new_with(Some(false)) };
        let address = Ipv4Addr::new(127, 63, 1, 7);
        let own = Some(address);
        let free = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
        let first = doors.choose(own, &[free, 21], &[]).await.unwrap();
        assert_eq!((first[0].host_port, first[0].obstacle), (free, None));
        if first_unprivileged() > 21 {
            assert_eq!(first[1].obstacle, Some(Obstacle::NoRight));
            assert_eq!(doors.choose(own, &[free, 21], &first).await.unwrap(), first, "the port stays");
        }
        let holder = TcpListener::bind((address, free)).unwrap();
        let taken = doors.choose(own, &[free], &first).await.unwrap();
        assert!(taken[0].obstacle == Some(Obstacle::Taken) && taken[0].host_port != free, "{taken:?}");
        drop(holder);
        let none = doors.choose(None, &[free], &[]).await.unwrap();
        assert_eq!((none[0].address, none[0].obstacle), (Ipv4Addr::LOCALHOST, Some(Obstacle::NoAddress)));
    }
}
