//! An NBD server over anything that can be read at an offset.
//!
//! The protocol is the one of the NBD project's `doc/proto.md`: the fixed newstyle handshake,
//! structured replies, `base:allocation`. A server offers one read-only export under one name.
//!
//! One task serves one connection. It reads requests, lets the [`Device`] answer several at a
//! time, and writes the answers in the order they come, straight from the device's buffers:
//!
//! ```text
//! socket -> Input -> Request -> Device::read -> Output -> socket
//!                      |  in flight: at most 32 MiB and 256 requests  |
//! ```
//!
//! A client that breaks the protocol is disconnected; a request that only asks for the impossible
//! is answered with an error. Nothing a client sends is allocated for beyond named limits.

mod device;
mod error;
mod handshake;
mod input;
mod output;
mod protocol;
mod transmission;

pub use device::{Device, Extent, Part};
pub use error::Error;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// Serves one connection until the client leaves or `stop` is cancelled; `name` is the only
/// export there is.
///
/// After `stop`, requests that were taken are still answered, within two seconds.
///
/// # Errors
/// The client broke the protocol, was too slow to shake hands, or the stream failed.
pub async fn serve<S, D>(mut stream: S, name: &str, device: Arc<D>, stop: CancellationToken) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Device,
{
    let shake = handshake::shake(&mut stream, name, device.size_bytes());
    let agreed = tokio::select! {
        agreed = tokio::time::timeout(handshake::TIMEOUT, shake) => agreed.map_err(|_| Error::Slow)??,
        () = stop.cancelled() => return Ok(()),
    };
    match agreed {
        Some(agreed) => transmission::run(stream, agreed, device, stop).await,
        None => Ok(()),
    }
}
