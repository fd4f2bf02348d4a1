//! An instance's folder: its disk, its sockets, its log, and who may touch which.
//!
//! ```text
//! DATA/instances/ID/         root, readable by the instance's user; nobody but us makes or removes names in it
//!   disk.qcow2               the overlay                        the instance's user
//!   config.img               the config drive                   ours, readable
//!   console.log console.old  what the serial port said          the instance's user; ours
//!   qmp.sock serial.sock     listening sockets QEMU is handed   ours
//!   nbd.sock                 the base disk                      the instance's user may connect
//!   vnc/vnc.sock             the screen; QEMU makes it          the instance's user
//!   qemu.log                 what QEMU said about itself        ours
//!   process                  its pid and start time             ours
//!   kernel initramfs         only in a run of the cleaner        ours, readable
//! ```
//!
//! QEMU gets names relative to this folder (its working directory) because its user cannot pass through `DATA`.
//! We name sockets through `/proc/self/fd`, because a socket's path has at most 107 bytes.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use tokio::net::UnixStream;

/// The folder of one instance, open.
pub(super) struct Folder {
    path: PathBuf,
    fd: File,
    owner: Option<u32>,
}

impl Folder {
    /// Makes the folder where it is not there, and opens it. `owner`: the instance's user, where we are root.
    pub(super) fn open(path: &Path, owner: Option<u32>) -> io::Result<Folder> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let fd = File::open(path)?;
        let folder = Folder { path: path.to_owned(), fd, owner };
        if let Some(owner) = owner {
            std::os::unix::fs::chown(path, None, Some(owner))?;
            fs::set_permissions(path, Permissions::from_mode(0o750))?;
        }
        let vnc = path.join("vnc");
        DirBuilder::new().recursive(true).mode(0o700).create(&vnc)?;
        folder.give(&vnc)?;
        Ok(folder)
    }

    /// The folder as it is, if it is there.
    pub(super) fn at(path: &Path, owner: Option<u32>) -> io::Result<Folder> {
        Ok(Folder { path: path.to_owned(), fd: File::open(path)?, owner })
    }

    /// Makes the folder of all instances' folders: only we may enter.
    pub(super) fn make_root(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The user its QEMU runs as, where we are root.
    pub(super) fn owner(&self) -> Option<u32> {
        self.owner
    }

    /// Removes it with everything in it; one that is gone already is fine.
    pub(super) fn remove(path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Writes a file whole, by a rename, and makes it durable. QEMU may read it, not write it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}.new")));
        fs::write(&new, bytes)?;
        if let Some(owner) = self.owner {
            std::os::unix::fs::chown(&new, None, Some(owner))?;
            fs::set_permissions(&new, Permissions::from_mode(0o640))?;
        }
        fs::rename(&new, &path)
    }

    /// Writes a file that QEMU may write too, unless it is there.
    pub(super) fn write_for_qemu(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => other?,
        };
        io::Write::write_all(&mut &file, bytes)?;
        self.give(&path)
    }

    /// A file of ours to append to.
    pub(super) fn appending(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.path.join(name))
    }

    /// Listens on a socket, taking the place of one that is there.
    pub(super) fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let _ = fs::remove_file(self.path.join(name));
        let address = self.address(name);
        let listener = UnixListener::bind(&address)?;
        fs::set_permissions(&address, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Connects to a socket of this folder.
    ///
    /// The folder `vnc` belongs to the instance's user, so what lies there may have been put there by a guest that
    /// broke out of QEMU: it must be a socket, no link, and that user's.
    pub(super) async fn connect(&self, name: &str) -> io::Result<UnixStream> {
        let flags = (OFlags::PATH | OFlags::NOFOLLOW).bits() as i32;
        let socket = OpenOptions::new().read(true).custom_flags(flags).open(self.path.join(name))?;
        let found = socket.metadata()?;
        let ours = rustix::process::geteuid().as_raw();
        if !found.file_type().is_socket() || ![Some(ours), self.owner].contains(&Some(found.uid())) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{name} is not a socket of this instance"),
            ));
        }
        UnixStream::connect(format!("/proc/self/fd/{}", socket.as_raw_fd())).await
    }

    fn address(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.fd.as_raw_fd()))
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        match self.owner {
            Some(owner) => std::os::unix::fs::chown(path, Some(owner), Some(owner)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn link_in_the_place_of_a_socket_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("a"), None).unwrap();
        let _elsewhere = UnixListener::bind(root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), folder.path().join("vnc/vnc.sock")).unwrap();
        assert!(folder.connect("vnc/vnc.sock").await.is_err());
    }

    #[tokio::test]
    async fn socket_is_reached_however_long_the_path_of_the_folder_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(&root.path().join("x".repeat(200)), None).unwrap();
        let _listener = folder.listen("qmp.sock").unwrap();
        folder.connect("qmp.sock").await.unwrap();
        let mode = fs::metadata(folder.path().join("qmp.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
