//! FAT12, FAT16 and FAT32.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use fatfs::{Dir, FileSystem, FsOptions};

use crate::{
    disk::Window,
    files::{Entry, FileReader, Kind, Problem, Stat, bounded},
    table::le32,
};

/// A FAT volume.
pub(super) struct Fat {
    files: FileSystem<Window>,
}

impl Fat {
    pub(super) fn open(window: &Window) -> Result<Fat, Problem> {
        let files = FileSystem::new(window.clone(), FsOptions::new()).map_err(problem)?;
        Ok(Fat { files })
    }

    fn folder(&self, path: &str) -> Result<Dir<'_, Window>, Problem> {
        match path.trim_matches('/') {
            "" => Ok(self.files.root_dir()),
            path => self.files.root_dir().open_dir(path).map_err(problem),
        }
    }
}

/// `LABEL=` and `UUID=` of the volume, as fstab says them.
pub(super) fn names(window: &Window) -> [String; 2] {
    let Some(sector) = window.bytes_at::<512>(0) else { return Default::default() };
    // The extended boot record lies further back on FAT32.
    let record = if &sector[82..87] == b"FAT32" { 67 } else { 39 };
    let serial = le32(&sector[record..]);
    let label = String::from_utf8_lossy(&sector[record + 4..record + 15]).trim_end().to_owned();
    [label, format!("{:04x}-{:04x}", serial >> 16, serial & 0xffff)]
}

impl FileReader for Fat {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Problem> {
        let entries = self.folder(folder)?.iter().map(|entry| {
            let entry = entry?;
            Ok(Entry { name: entry.file_name(), kind: if entry.is_dir() { Kind::Folder } else { Kind::File } })
        });
        bounded(entries).map_err(problem)
    }

    fn stat(&self, path: &str) -> Result<Stat, Problem> {
        let path = path.trim_end_matches('/');
        let Some((folder, name)) = path.rsplit_once('/') else {
            return Ok(Stat { kind: Kind::Folder, size_bytes: 0, is_link: false });
        };
        for entry in self.folder(folder)?.iter() {
            let entry = entry.map_err(problem)?;
            if entry.file_name().eq_ignore_ascii_case(name) || entry.short_file_name().eq_ignore_ascii_case(name) {
                let kind = if entry.is_dir() { Kind::Folder } else { Kind::File };
                return Ok(Stat { kind, size_bytes: entry.len(), is_link: false });
            }
        }
        Err(Problem::Missing)
    }

    fn read(&self, path: &str, offset: u64, max: usize) -> Result<Vec<u8>, Problem> {
        let mut file = self.files.root_dir().open_file(path.trim_start_matches('/')).map_err(problem)?;
        file.seek(SeekFrom::Start(offset)).map_err(problem)?;
        let mut bytes = Vec::new();
        file.take(max as u64).read_to_end(&mut bytes).map_err(problem)?;
        Ok(bytes)
    }

    fn free_bytes(&self) -> Option<u64> {
        let stats = self.files.stats().ok()?;
        u64::from(stats.free_clusters()).checked_mul(stats.cluster_size().into())
    }
}

fn problem(error: io::Error) -> Problem {
    match (error.kind(), error.to_string().as_str()) {
        (io::ErrorKind::NotFound, _) | (_, "Is a directory" | "Not a directory") => Problem::Missing,
        _ => Problem::broken(error),
    }
}
