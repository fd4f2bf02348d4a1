//! A listening unix socket that replaces the file at its path.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _},
            net::UnixListener as StdListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::net::sockopt;
use tokio::net::{UnixListener, UnixStream};

/// The buffer that one answer of 1 MiB needs to be written without waiting for its reader; the kernel doubles it for
/// its own use, and holds it only while it is full.
const SEND_BUFFER_BYTES: usize = 2 << 20;

/// A listening socket and its place.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens at `path`; only `owner`, or else our own user, may connect.
    ///
    /// The socket is made beside its place and renamed into it, so that a client finds the old one or the new one,
    /// never none and never one it may not open.
    pub(super) fn bind(path: &Path, owner: Option<u32>) -> io::Result<Socket> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket needs a folder and a name"));
        };
        let mut fresh = OsString::from(".");
        fresh.push(name);
        fresh.push(".new");
        let fresh_path = folder.join(&fresh);
        remove_if_there(&fresh_path)?;
        // A socket's path has at most 107 bytes; the folder's may be longer, so it goes by its descriptor.
        let folder = File::open(folder)?;
        let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(&fresh);
        let listener = StdListener::bind(short)?;
        // Between bind and here the folder's own permissions protect it.
        fs::set_permissions(&fresh_path, Permissions::from_mode(0o600))?;
        if let Some(owner) = owner {
            std::os::unix::fs::chown(&fresh_path, Some(owner), None)?;
        }
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        fs::rename(&fresh_path, path)?;
        let inode = fs::symlink_metadata(path)?.ino();
        Ok(Socket { listener, path: path.to_owned(), inode })
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Removes the socket, unless another one has taken its place.
    pub(super) fn remove(&self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode);
        if ours && let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(%error, "cannot remove {}", self.path.display());
        }
    }
}

/// Lets a whole answer into the socket's buffer: each time it is full, two processes take turns.
pub(super) fn widen(stream: &UnixStream) {
    // Forcing it needs a privilege; without it, the system's limit applies.
    if sockopt::set_socket_send_buffer_size_force(stream, SEND_BUFFER_BYTES).is_err() {
        sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES).ok();
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
