//! Small file systems of their own, in the place of a data folder: filled to the last byte, or cut off as a power cut does.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use super::http;

/// A file system, mounted for as long as this lives.
pub struct Small {
    folder: PathBuf,
    /// The device of an ext4: a file that outlives a power cut.
    device: Option<PathBuf>,
}

impl Small {
    /// A file system in memory.
    ///
    /// # Errors
    /// Why this machine, or this user, mounts none.
    pub fn tmpfs(folder: PathBuf, options: &str) -> Result<Small, String> {
        std::fs::create_dir_all(&folder).expect("a folder");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&folder))?;
        Ok(Small { folder, device: None })
    }

    /// An ext4 on a file beside the folder.
    ///
    /// # Errors
    /// As [`Small::tmpfs`].
    pub fn ext4(folder: PathBuf, mib: u64) -> Result<Small, String> {
        std::fs::create_dir_all(&folder).expect("a folder");
        let device = folder.with_extension("ext4");
        File::create(&device).and_then(|file| file.set_len(mib << 20)).expect("a device");
        let path = std::env::var("PATH").unwrap_or_default();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&device).env("PATH", format!("{path}:/usr/sbin:/sbin")))?;
        let small = Small { folder, device: Some(device) };
        small.mount()?;
        Ok(small)
    }

    /// Cuts the power of the disk: from here on nothing is written, and what was not synced is lost.
    ///
    /// # Errors
    /// Why this machine cannot.
    pub fn cut_power(&self) -> Result<(), String> {
        // FS_IOC_SHUTDOWN with FS_SHUTDOWN_FLAGS_NOLOGFLUSH; a call that Rust offers as unsafe code alone.
        let ioctl = "import fcntl, os, struct, sys\n\
                     fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run(Command::new("python3").args(["-c", ioctl]).arg(&self.folder))
    }

    /// Mounts it again after a power cut, as the next boot does: its journal is replayed. Nobody may use it any more.
    pub fn boot(&self) {
        run(Command::new("umount").arg(&self.folder)).expect("the file system is not in use");
        self.mount().expect("mounts again");
    }

    fn mount(&self) -> Result<(), String> {
        let device = self.device.as_ref().expect("only an ext4 has a device");
        run(Command::new("mount").args(["-o", "loop"]).arg(device).arg(&self.folder))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The free bytes.
    pub fn free_bytes(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.folder).expect("a file system");
        found.f_bavail * found.f_frsize
    }

    /// Takes every byte that is left.
    pub fn fill(&self) {
        self.fill_but(0);
    }

    /// Takes bytes until at most so many are left.
    pub fn fill_but(&self, left: u64) {
        let mut file = File::options().create(true).append(true).open(self.folder.join("filler")).expect("a file");
        for piece in [1 << 20, 4096] {
            while self.free_bytes() >= left + piece && file.write_all(&vec![1; piece as usize]).is_ok() {}
        }
        while left == 0 && file.write_all(&[1; 4096]).is_ok() {}
    }

    /// Takes every inode that is left.
    pub fn fill_with_files(&self) {
        std::fs::create_dir_all(self.folder.join("fillers")).ok();
        let mut n = 0;
        while File::create(self.folder.join(format!("fillers/{n}"))).is_ok() {
            n += 1;
        }
    }

    /// Gives back all that the fillers took.
    pub fn clear(&self) {
        std::fs::remove_file(self.folder.join("filler")).ok();
        std::fs::remove_dir_all(self.folder.join("fillers")).ok();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The service may be about to end still: the mount goes when the last file in it is closed.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", http::shown(&output))) }
}
