//! The connections: accepts them, bounds them, and ends them cleanly.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http_body_util::BodyExt as _;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// Connections at once; each costs a task and, while idle, a few KiB. Further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// A client has this long to send a whole header block, so that slow ones do not hold connections.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// The largest header block: a scoped token, a long marker and a proxy's additions fit several times.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// The largest piece of a body handed on at once; large enough that a fast upload costs few wake-ups.
const READ_BYTES: usize = 512 * 1024;

/// Serves `router` on `listener` until `stop`; then takes no new connection and gives those under way `grace`.
pub async fn listen(listener: TcpListener, router: Router, stop: CancellationToken, grace: Duration) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(READ_BYTES)
        .half_close(false);
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = connection(http.clone(), stream, peer, router.clone(), stop.clone());
        connections.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(grace, connections.wait()).await.is_err() {
        tracing::warn!("requests were still under way after {} s; they are cut", grace.as_secs());
    }
}

async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
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
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
