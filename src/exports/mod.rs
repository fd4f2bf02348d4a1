//! Disks offered over NBD: a unix socket for each running instance, and the image's disk behind it.
//!
//! - A socket belongs to one instance, offers one read-only disk under the name [`NAME`], and only the instance's
//!   user may connect to it. A digest is a name, never a right: the caller of [`Exports::serve`] has asked for the
//!   image as the instance's owner.
//! - A socket is renamed into place when it listens. After the service died and came back, serving the same instance
//!   again replaces what the dead one left, and QEMU's `reconnect-delay` finds it.
//! - A read that fails is tried again for a while, then answered with EIO: QEMU stops the guest and nothing false
//!   is ever served.
//! - Nothing here knows callers: the door is for the instances room only, not for requests.
//!
//! ```text
//! serve ─► listening ─► connection (nbd::serve) ─► Disk ─► chunks::Reader
//!              │ last handle dropped, stop(), or another disk served for the instance
//!              ▼
//!           closed, socket removed
//! ```

mod disk;
mod socket;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{net::UnixListener, sync::Semaphore, task::JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info, warn};

use crate::{
    error::{Error, Result},
    ids::InstanceId,
    stores::{Place, Stores},
};
use disk::Disk;
use socket::Socket;

/// The export's name on every socket.
pub const NAME: &str = "disk";

/// QEMU opens one connection, and another one while the last is still being closed. Each may hold 32 MiB of answers.
const CONNECTIONS: usize = 4;

/// Accepting fails when the process has no more files; they come back as others close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Disks offered over NBD. Cheap to clone.
#[derive(Clone)]
pub struct Exports(Arc<Inner>);

struct Inner {
    stores: Stores,
    /// By socket: an instance may have several disks.
    running: Mutex<HashMap<PathBuf, Weak<Running>>>,
}

/// One export, as long as a handle to it lives.
struct Running {
    place: Place,
    stop: CancellationToken,
    /// Closed when the last connection has ended and the socket is gone.
    ended: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// Keeps an export going; dropping the last one for an instance closes it.
#[derive(Clone)]
pub struct ExportHandle(Arc<Running>);

impl Exports {
    /// Offers nothing yet.
    pub fn new(stores: Stores) -> Exports {
        Exports(Arc::new(Inner { stores, running: Mutex::default() }))
    }

    /// Offers a disk to an instance's QEMU on a socket at `path`; `owner`: the user that may connect, where we are
    /// root. Serving the same disk at the same place again gives another handle to what runs; another disk or place
    /// takes the last one's.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer now, `Internal` when it has no such content or the socket cannot be
    /// made.
    pub async fn serve(
        &self,
        instance: InstanceId,
        path: &Path,
        owner: Option<u32>,
        place: &Place,
    ) -> Result<ExportHandle> {
        if let Some(same) = self.running(path).filter(|running| running.place == *place) {
            return Ok(ExportHandle(same));
        }
        let store = self.0.stores.holding(place)?;
        let reader = store.chunks.reader(place.root).await?;
        if let Some(last) = self.running(path) {
            last.stop.cancel();
            last.ended.cancelled().await;
        }
        let socket = Socket::bind(path, owner)
            .map_err(|error| Error::internal(anyhow::anyhow!("cannot listen on {}: {error}", path.display())))?;
        let stop = CancellationToken::new();
        let running = Arc::new(Running {
            place: place.clone(),
            stop: stop.clone(),
            ended: CancellationToken::new(),
            _stop_on_drop: stop.clone().drop_guard(),
        });
        self.lock().insert(path.to_owned(), Arc::downgrade(&running));
        tokio::spawn(accept(instance, socket, Arc::new(Disk::new(reader)), stop, running.ended.clone()));
        info!(instance.id = %instance, root = %place.root, store = place.store, "serving the disk of instance {instance}");
        Ok(ExportHandle(running))
    }

    fn running(&self, path: &Path) -> Option<Arc<Running>> {
        let mut running = self.lock();
        running.retain(|_, export| export.strong_count() > 0);
        running.get(path)?.upgrade().filter(|export| !export.stop.is_cancelled())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Weak<Running>>> {
        // Nothing panics while it is held, and a map is whole after every step.
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExportHandle {
    /// Closes the export, even while others have a handle to it: answers what was asked, then removes the socket.
    pub async fn stop(self) {
        self.0.stop.cancel();
        self.0.ended.cancelled().await;
    }
}

/// Takes connections until `stop`, then waits for them.
async fn accept(
    instance: InstanceId,
    socket: Socket,
    disk: Arc<Disk>,
    stop: CancellationToken,
    ended: CancellationToken,
) {
    // The guard also fires when the runtime drops this task: `stop` must not wait for ever.
    let _ended = ended.drop_guard();
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            // Reaps ended connections, so that the set does not grow with every reconnection.
            Some(_) = connections.join_next() => continue,
            stream = next(socket.listener()) => stream,
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            warn!(instance.id = %instance, "instance {instance} opened too many connections to its disk");
            continue;
        };
        let (disk, stop) = (Arc::clone(&disk), stop.clone());
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = nbd::serve(stream, NAME, disk, stop).await {
                debug!(instance.id = %instance, %error, "a connection to the disk ended: {error}");
            }
        });
    }
    socket.remove();
    while connections.join_next().await.is_some() {}
}

async fn next(listener: &UnixListener) -> tokio::net::UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                socket::widen(&stream);
                return stream;
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection to a disk");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
