//! The address that a request comes from: what strangers may use is shared out by it, and the audit keeps it.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    http::request::Parts,
};

use super::Api;

/// Where proxies tell whom they speak for; each adds the address it was asked from at the end.
const FORWARDED: &str = "x-forwarded-for";

/// The address that a request comes from: of the peer, or of the one that a trusted proxy speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(pub Option<IpAddr>);

impl Client {
    /// The client of a request.
    pub(super) fn of(trusted: &[IpAddr], request: &Request) -> Client {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let lines = request.headers().get_all(FORWARDED).iter().map(|line| line.to_str().unwrap_or_default());
        let told: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        Client(peer.map(|peer| farthest(trusted, peer, &told)))
    }
}

/// Follows what was told from its end, for as long as it was told by a proxy that is trusted: the beginning is the
/// client's own invention.
fn farthest(trusted: &[IpAddr], peer: IpAddr, told: &[&str]) -> IpAddr {
    let mut client = peer;
    for before in told.iter().rev() {
        match before.trim().parse::<IpAddr>() {
            Ok(before) if trusted.contains(&client) => client = before.to_canonical(),
            _ => break,
        }
    }
    client
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Client, Infallible> {
        Ok(parts.extensions.get::<Client>().copied().unwrap_or(Client(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = [ip("127.0.0.1"), ip("10.0.0.2")];
        for (peer, told, client) in [
            ("192.0.2.7", &["198.51.100.1"][..], "192.0.2.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["203.0.113.9", " 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["203.0.113.9", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1", "unknown"], "127.0.0.1"),
            ("127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(farthest(&proxies, ip(peer), told), ip(client), "{peer} {told:?}");
        }
    }
}
