//! The connections: accepts them, bounds them, and ends them cleanly.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http_body_util::BodyExt as _;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use super::peer::Peer;
use crate::identity::share_of;

/// Connections at once; each costs a task and, while idle, about 20 KiB. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// The largest header block: a scoped token, a long marker and a proxy's additions fit several times.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// The largest piece of a body that is held for one connection; large enough that a fast upload costs few wake-ups.
const BUFFER_BYTES: usize = 512 * 1024;
/// This many connections have large buffers. The further ones are a crowd, and each may leave its answer unread: they
/// have smaller ones, here and in the kernel, where a peer that reads nothing would otherwise hold up to 4 MiB
/// (`net.ipv4.tcp_wmem`) and a few thousand of them all that the kernel has for TCP (`tcp_mem`).
const ROOMY_CONNECTIONS: usize = 128;
/// The buffer of one connection among many: one chunk of the store. The kernel doubles it for its own accounts.
const CROWD_BUFFER_BYTES: usize = 64 * 1024;

/// The bounds of the connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many there are at once.
    pub connections: usize,
    /// How many of them one address may have.
    pub per_address: usize,
    /// The addresses that may have any number: proxies, which speak for many.
    pub unlimited: Vec<IpAddr>,
    /// How long a peer may keep us waiting: for the head of its first request or the next one, or by taking nothing.
    pub patience: Duration,
    /// How long those under way may go on after the stop.
    pub grace: Duration,
}

/// How many connections fit into so many open files: a quarter is left to the store, the database and the instances.
/// Without it, a crowd would take the files that the requests of the others need.
pub fn connections(files: u64) -> usize {
    usize::try_from(files - files / 4).unwrap_or(usize::MAX).clamp(1, MAX_CONNECTIONS)
}

/// Serves `router` on `listener` until `stop`; then takes no new connection and gives those under way their grace.
pub async fn listen(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let held = Held::default();
    let (roomy, crowded) = (http(limits.patience, BUFFER_BYTES), http(limits.patience, CROWD_BUFFER_BYTES));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        // The slot comes first: beyond the limit, peers wait in the kernel's queue and cost the service nothing.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                // Out of file descriptors, accept fails at once: without the pause this loop would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = held.place(peer.ip(), &limits) else { continue };
        let is_crowd = limits.connections - slots.available_permits() > ROOMY_CONNECTIONS;
        if let Err(error) = set_options(&stream, is_crowd) {
            tracing::debug!(%peer, %error, "cannot set the options of a connection");
        }
        let http = if is_crowd { &crowded } else { &roomy };
        let stream = Peer::new(stream, limits.patience);
        let connection = connection(http.clone(), stream, peer, router.clone(), stop.clone());
        connections.spawn(async move {
            connection.await;
            drop((slot, place));
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.grace, connections.wait()).await.is_err() {
        tracing::warn!("requests were still under way after {} s; they are cut", limits.grace.as_secs());
    }
}

/// The connections of each address.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address; given back when it is dropped.
struct Place {
    held: Held,
    share: IpAddr,
}

impl Held {
    /// A place for one more connection of this address, if there is one.
    fn place(&self, address: IpAddr, limits: &Limits) -> Option<Place> {
        let share = share_of(Some(address));
        let mut counts = self.counts();
        let count = counts.entry(share).or_default();
        if *count >= limits.per_address && !limits.unlimited.contains(&address.to_canonical()) {
            tracing::debug!(%address, "closing a connection: its address has too many (server.connections_per_address)");
            return None;
        }
        *count += 1;
        Some(Place { held: self.clone(), share })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.held.counts();
        let count = counts.entry(self.share).or_default();
        *count -= 1;
        if *count == 0 {
            counts.remove(&self.share);
        }
    }
}

fn http(patience: Duration, buffer_bytes: usize) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(buffer_bytes)
        .half_close(false);
    http
}

fn set_options(stream: &TcpStream, is_crowd: bool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if is_crowd {
        set_socket_send_buffer_size(stream, CROWD_BUFFER_BYTES)?;
    }
    Ok(())
}

async fn connection(http: http1::Builder, stream: Peer, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(|body| Body::new(body.map_err(axum::Error::new)));
        request.extensions_mut().insert(ConnectInfo(peer));
        async move { router.oneshot(request).await }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            // A request under way ends and its connection takes no other; the grace of `listen` bounds the wait.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_has_so_many_connections_and_a_proxy_any_number() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let limits = Limits {
            connections: 100,
            per_address: 2,
            unlimited: vec![ip("192.0.2.9")],
            patience: Duration::ZERO,
            grace: Duration::ZERO,
        };
        let held = Held::default();
        let mut places: Vec<_> = ["2001:db8::1", "2001:db8::2"].iter().map(|of| held.place(ip(of), &limits)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(held.place(ip("2001:db8::3"), &limits).is_none(), "all addresses of a network are one");
        assert!(held.place(ip("2001:db8:0:1::1"), &limits).is_some());
        places.pop();
        assert!(held.place(ip("2001:db8::3"), &limits).is_some());
        let of_proxy: Vec<_> = (0..5).map(|_| held.place(ip("::ffff:192.0.2.9"), &limits)).collect();
        assert!(of_proxy.iter().all(Option::is_some));
        drop((places, of_proxy));
        assert!(held.counts().is_empty());
    }
}
