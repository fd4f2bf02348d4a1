//! Addresses, read strictly: what two programs could read differently is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;

use super::{Reason, reason};

/// The longest address.
const MAX_URL_BYTES: usize = 2048;

/// The address of a file: http or https, a plain host, a port, a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    is_tls: bool,
    host: String,
    port: u16,
    path_and_query: String,
}

impl Address {
    /// Reads an address.
    pub(super) fn read(url: &str) -> Result<Address, Reason> {
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if url.len() > MAX_URL_BYTES || !is_plain {
            return Err(Reason("too long, or with characters that no address has".into()));
        }
        let uri: Uri = url.parse().map_err(reason)?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(Reason("neither http nor https".into())),
        };
        let authority = uri.authority().ok_or_else(|| Reason("no host".into()))?;
        if authority.as_str().contains('@') {
            return Err(Reason("a user in the address".into()));
        }
        let host = authority.host().to_ascii_lowercase();
        let named = authority.as_str().len() > host.len();
        let port = match uri.port_u16() {
            Some(0) => return Err(Reason("port 0".into())),
            Some(port) => port,
            None if named => return Err(Reason("a port that is not a number".into())),
            None if is_tls => 443,
            None => 80,
        };
        if literal(&host).is_none() && !is_name(&host) {
            return Err(Reason("a host that is neither a plain name nor a plain address".into()));
        }
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Address { is_tls, host, port, path_and_query })
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host, in small letters; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as an IP address, when it is one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        literal(&self.host)
    }

    pub(super) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Host and port, as the `Host` header has them.
    pub(super) fn authority(&self) -> String {
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// Where a redirect leads, as a whole address (RFC 3986, 5.2, without dot segments: the server reads those).
    pub(super) fn join(&self, to: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        let has_scheme = to.split_once(':').is_some_and(|(scheme, _)| {
            scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) && !scheme.is_empty()
        });
        if has_scheme {
            return to.to_owned();
        }
        if to.starts_with("//") {
            return format!("{scheme}:{to}");
        }
        let path = self.path_and_query.split('?').next().unwrap_or("/");
        let folder = if to.starts_with('/') { "" } else { path.rsplit_once('/').map_or("/", |(folder, _)| folder) };
        let slash = if to.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{}{folder}{slash}{to}", self.authority())
    }
}

/// The address that a host is, in its one plain form: `127.1`, `0x7f000001` and `0177.0.0.1` are none.
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether this is a name, and nothing that somebody could read as a number.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-')
    };
    let is_number = |label: &str| label.starts_with("0x") || label.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= 253 && host.split('.').all(label) && !host.rsplit('.').next().is_some_and(is_number)
}

/// Whether everybody can reach this address: no network of somebody's own, no address of this machine, nothing that
/// stands for another address (IANA's special-purpose registries).
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], bits: u32| {
        let mask = u32::MAX << (32 - bits);
        ip.to_bits() & mask == u32::from_be_bytes(network) & mask
    };
    let special = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 3),
    ];
    !special.iter().any(|(network, bits)| within(*network, *bits))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Only 2000::/3 is in use; of it 2001::/23 (Teredo and others), documentation and 6to4 lead elsewhere.
    let is_global = (0x2000..0x4000).contains(&first);
    let is_special = (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || first == 0x2002;
    let is_documentation = first == 0x3fff && second < 0x1000;
    is_global && !is_special && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_read() {
        let read = |url: &str| Address::read(url).map_err(|reason| panic!("{url}: {reason:?}")).unwrap();
        let address = read("https://Example.org/a/b.qcow2?x=1");
        assert_eq!((address.host(), address.port(), address.path_and_query()), ("example.org", 443, "/a/b.qcow2?x=1"));
        assert_eq!(read("http://example.org:8080").authority(), "example.org:8080");
        assert_eq!(read("http://93.184.216.34/x").ip(), Some("93.184.216.34".parse().unwrap()));
        assert_eq!(read("http://[2606:2800::1]:80/x").ip(), Some("2606:2800::1".parse().unwrap()));
    }

    #[test]
    fn what_two_programs_could_read_differently_is_refused() {
        for url in [
            "file:///etc/passwd",
            "ftp://example.org/x",
            "//example.org/x",
            "example.org/x",
            "http:///x",
            "http://",
            "http://user@example.org/x",
            "http://user:pass@example.org/x",
            "http://example.org@127.0.0.1/x",
            "http://example.org./x",
            "http://127.0.0.1./x",
            "http://2130706433/x",
            "http://0x7f000001/x",
            "http://0x7f.0.0.1/x",
            "http://0177.0.0.1/x",
            "http://127.1/x",
            "http://127.0.1/x",
            "http://example.123/x",
            "http://example。org/x",
            "http://①②⑦.0.0.1/x",
            "http://exa%6dple.org/x",
            "http://example.org\\@127.0.0.1/x",
            "http://example.org:/x",
            "http://example.org:0/x",
            "http://example.org:99999/x",
            "http://example.org/a b",
            "http://example.org/\r\nHost: evil",
            "http://[::1%25lo]/x",
            "http://[v1.x]/x",
            "http://..example.org/x",
        ] {
            assert!(Address::read(url).is_err(), "{url} was read");
        }
    }

    #[test]
    fn addresses_that_are_somebodys_own_are_not_public() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip} is public");
        }
        for ip in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "1.1.1.1", "2606:4700::1111", "2001:4860::8888"] {
            assert!(is_public(ip.parse().unwrap()), "{ip} is not public");
        }
    }

    #[test]
    fn redirects_lead_where_a_browser_would_go() {
        let at = Address::read("https://example.org/a/b?c").unwrap();
        assert_eq!(at.join("http://other.org/x"), "http://other.org/x");
        assert_eq!(at.join("//other.org/x"), "https://other.org/x");
        assert_eq!(at.join("/x?y"), "https://example.org/x?y");
        assert_eq!(at.join("x"), "https://example.org/a/x");
        assert_eq!(at.join("file:///etc/passwd"), "file:///etc/passwd");
        assert_eq!(Address::read("http://example.org:81").unwrap().join("x"), "http://example.org:81/x");
    }
}
