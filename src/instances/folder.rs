//! An instance's folder: its disk, its sockets, its log, and who may touch which.
//!
//! ```text
//! DATA/instances/ID/         root, readable by the instance's user; nobody but us makes or removes names in it
//!   disk.qcow2               the overlay                        the instance's user
//!   firmware.vars            its firmware's variables (UEFI)    the instance's user
//!   config.img               the config drive                   ours, readable
//!   console.log console.old  what the serial port said          the instance's user; ours
//!   qmp.sock serial.sock     listening sockets QEMU is handed   ours
//!   nbd.sock                 the base disk                      the instance's user may connect
//!   vnc/vnc.sock             the screen; QEMU makes it          the instance's user
//!   qemu.log                 what QEMU said about itself        ours
//!   memory                   the memory of a suspended guest    ours
//!   memory.sock              where it comes from, meanwhile     the instance's user may connect
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

/// The folder of one instance, whether it is there yet or not.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    owner: Option<u32>,
}

impl Folder {
    /// The folder at `path`. `owner`: the instance's user, where we are root.
    pub(super) fn at(path: PathBuf, owner: Option<u32>) -> Folder {
        Folder { path, owner }
    }

    /// Makes the folder where it is not there. Made by halves, it is made whole by the next call.
    pub(super) fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        if let Some(owner) = self.owner {
            std::os::unix::fs::chown(&self.path, None, Some(owner))?;
            fs::set_permissions(&self.path, Permissions::from_mode(0o750))?;
        }
        let vnc = self.path.join("vnc");
        DirBuilder::new().recursive(true).mode(0o700).create(&vnc)?;
        match self.owner {
            Some(owner) => std::os::unix::fs::chown(&vnc, Some(owner), Some(owner)),
            None => Ok(()),
        }
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

    /// Removes a file; one that is gone already is fine.
    pub(super) fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes a file that QEMU may read and not write. Every start writes it anew, so it need not outlive a power cut.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.write_aside(name, bytes)?;
        if let Some(owner) = self.owner {
            std::os::unix::fs::fchown(&file, None, Some(owner))?;
            file.set_permissions(Permissions::from_mode(0o640))?;
        }
        fs::rename(self.path.join(aside(name)), self.path.join(name))
    }

    /// Writes a file that QEMU may write too, in the place of one that is there. Killed at any call, it leaves what was
    /// there before, or the whole new file: the name is given last. Only [`Folder::settle`] makes it outlive a power cut.
    pub(super) fn write_for_qemu(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.write_aside(name, bytes)?;
        if let Some(owner) = self.owner {
            std::os::unix::fs::fchown(&file, Some(owner), Some(owner))?;
        }
        fs::rename(self.path.join(aside(name)), self.path.join(name))
    }

    /// Makes a new file of ours under a name that nobody reads; [`Folder::keep`] gives it its own.
    pub(super) fn create_aside(&self, name: &str) -> io::Result<File> {
        self.forget(&aside(name))?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path.join(aside(name)))
    }

    /// Gives a file that was made aside, and that is durable, its name for good.
    pub(super) fn keep(&self, name: &str) -> io::Result<()> {
        fs::rename(self.path.join(aside(name)), self.path.join(name))?;
        self.open()?.sync_all()
    }

    /// Removes a file for good, with the one that may be aside: no power cut brings it back.
    pub(super) fn discard(&self, name: &str) -> io::Result<()> {
        self.forget(&aside(name))?;
        if !self.path.join(name).exists() {
            return Ok(());
        }
        self.forget(name)?;
        self.open()?.sync_all()
    }

    /// Makes a file durable: its bytes, its name in the folder, and the folder's own name.
    pub(super) fn settle(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_all()?;
        self.open()?.sync_all()?;
        self.path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    /// Whether a file that QEMU may write is there: the instance's user's, and with at least so many bytes.
    pub(super) fn has_for_qemu(&self, name: &str, least_bytes: u64) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(found) => Ok(found.len() >= least_bytes && self.owner.is_none_or(|owner| found.uid() == owner)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a new file under a name that nobody reads. A leftover of a write that was cut off goes first: it may have
    /// another owner.
    fn write_aside(&self, name: &str, bytes: &[u8]) -> io::Result<File> {
        let file = self.create_aside(name)?;
        io::Write::write_all(&mut &file, bytes)?;
        Ok(file)
    }

    /// A file of ours to append to.
    pub(super) fn appending(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.path.join(name))
    }

    /// Listens on a socket, taking the place of one that is there.
    pub(super) fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let _ = fs::remove_file(self.path.join(name));
        let folder = self.open()?;
        let address = format!("/proc/self/fd/{}/{name}", folder.as_raw_fd());
        let listener = UnixListener::bind(&address)?;
        fs::set_permissions(&address, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// The same, for the instance's QEMU to connect to.
    pub(super) fn listen_for_qemu(&self, name: &str) -> io::Result<UnixListener> {
        let listener = self.listen(name)?;
        if let Some(owner) = self.owner {
            std::os::unix::fs::chown(self.path.join(name), Some(owner), None)?;
        }
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

    fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

fn aside(name: &str) -> String {
    format!("{name}.new")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(path: PathBuf) -> Folder {
        let folder = Folder::at(path, None);
        folder.make().unwrap();
        folder
    }

    #[tokio::test]
    async fn link_in_the_place_of_a_socket_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path().join("a"));
        let _elsewhere = UnixListener::bind(root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), folder.path().join("vnc/vnc.sock")).unwrap();
        assert!(folder.connect("vnc/vnc.sock").await.is_err());
    }

    #[tokio::test]
    async fn socket_is_reached_however_long_the_path_of_the_folder_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path().join("x".repeat(200)));
        let _listener = folder.listen("qmp.sock").unwrap();
        folder.connect("qmp.sock").await.unwrap();
        let mode = fs::metadata(folder.path().join("qmp.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn file_for_qemu_takes_the_place_of_what_a_cut_off_write_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = made(root.path().join("a"));
        fs::write(folder.path().join("disk.qcow2"), b"").unwrap();
        fs::write(folder.path().join("disk.qcow2.new"), b"half").unwrap();
        assert!(!folder.has_for_qemu("disk.qcow2", 5).unwrap());
        folder.write_for_qemu("disk.qcow2", b"whole").unwrap();
        assert!(folder.has_for_qemu("disk.qcow2", 5).unwrap());
        assert_eq!(fs::read(folder.path().join("disk.qcow2")).unwrap(), b"whole");
        assert!(!folder.path().join("disk.qcow2.new").exists());
    }
}
