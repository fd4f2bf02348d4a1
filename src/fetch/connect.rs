//! A connection to an address that was judged, and to no other.

use std::{net::SocketAddr, pin::Pin};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{Address, Reason, address::is_public, reason};
use crate::tls;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl Stream for TcpStream {}
impl Stream for tokio_rustls::client::TlsStream<TcpStream> {}

/// Connects to the address's host. The addresses that are judged here are the ones that are connected to: nothing
/// resolves the name again.
pub(super) async fn connect(address: &Address, may_be_private: bool) -> Result<TokioIo<Pin<Box<dyn Stream>>>, Reason> {
    let resolved = resolve(address).await?;
    let judged = judge(resolved, may_be_private)?;
    let tcp = first_of(&judged).await?;
    if !address.is_tls() {
        return Ok(TokioIo::new(Box::pin(tcp)));
    }
    let name = ServerName::try_from(address.host().trim_matches(['[', ']']).to_owned()).map_err(reason)?;
    let tls = TlsConnector::from(tls::of_the_system()).connect(name, tcp).await.map_err(reason)?;
    Ok(TokioIo::new(Box::pin(tls)))
}

async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Reason> {
    match address.ip() {
        Some(ip) => Ok(vec![SocketAddr::new(ip, address.port())]),
        None => Ok(tokio::net::lookup_host((address.host(), address.port())).await.map_err(reason)?.collect()),
    }
}

/// All of a name's addresses must be public: of a mixed answer none is trusted.
fn judge(resolved: Vec<SocketAddr>, may_be_private: bool) -> Result<Vec<SocketAddr>, Reason> {
    match resolved.iter().find(|socket| !may_be_private && !is_public(socket.ip())) {
        Some(private) => Err(Reason(format!("it is at {}, which is not public", private.ip()))),
        None if resolved.is_empty() => Err(Reason("it is at no address".into())),
        None => Ok(resolved),
    }
}

async fn first_of(judged: &[SocketAddr]) -> Result<TcpStream, Reason> {
    let mut last = Reason("it is at no address".into());
    for socket in judged {
        match TcpStream::connect(socket).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = reason(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_name_with_one_private_address_none_is_connected_to() {
        let sockets = |ips: &[&str]| ips.iter().map(|ip| format!("{ip}:80").parse().unwrap()).collect::<Vec<_>>();
        assert!(judge(sockets(&["93.184.216.34", "127.0.0.1"]), false).is_err());
        assert!(judge(sockets(&["[::ffff:10.0.0.1]"]), false).is_err());
        assert!(judge(sockets(&[]), true).is_err());
        let public = sockets(&["93.184.216.34", "[2606:4700::1111]"]);
        assert_eq!(judge(public.clone(), false).unwrap(), public, "what was judged is what is connected to");
        assert!(judge(sockets(&["127.0.0.1"]), true).is_ok());
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_resolved_and_refused() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://localhost:{}/x", listener.local_addr().unwrap().port());
        let address = Address::read(&url).unwrap();
        assert!(connect(&address, false).await.is_err());
        let refused = listener.accept().expect_err("a packet was sent");
        assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    }
}
