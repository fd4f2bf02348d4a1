//! ext2, ext3 and ext4. The journal of a volume that was not unmounted is taken into account, in memory.

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};

use crate::{
    disk::Window,
    files::{Entry, FileReader, Kind, Problem, Stat, bounded},
    table::le32,
};

/// An ext volume.
pub(super) struct Ext {
    files: Ext4,
    free_bytes: Option<u64>,
}

struct Reader(Window);

impl Ext4Read for Reader {
    fn read(&mut self, start: u64, buf: &mut [u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        self.0.read_exact_at(buf, start).map_err(Into::into)
    }
}

impl Ext {
    pub(super) fn open(window: &Window) -> Result<Ext, Problem> {
        let files = Ext4::load(Box::new(Reader(window.clone()))).map_err(problem)?;
        Ok(Ext { files, free_bytes: free_bytes(window) })
    }
}

/// The generation of the file system, by the features that only newer ones have.
pub(super) fn generation(window: &Window) -> &'static str {
    let Some(superblock) = window.bytes_at::<256>(1024) else { return "ext2" };
    let (compatible, incompatible) = (le32(&superblock[92..]), le32(&superblock[96..]));
    match () {
        // Extents, 64 bits, flexible groups: `man 5 ext4`.
        () if incompatible & (0x40 | 0x80 | 0x200) != 0 => "ext4",
        () if compatible & 0x4 != 0 => "ext3",
        () => "ext2",
    }
}

/// `LABEL=` and `UUID=` of the volume, as fstab says them.
pub(super) fn names(window: &Window) -> [String; 2] {
    let Some(superblock) = window.bytes_at::<256>(1024) else { return Default::default() };
    let label = String::from_utf8_lossy(&superblock[120..136]);
    let hex: String = superblock[104..120].iter().map(|byte| format!("{byte:02x}")).collect();
    let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    [label.trim_end_matches('\0').to_owned(), uuid]
}

/// The superblock's count of free blocks, less those that only root may use.
fn free_bytes(window: &Window) -> Option<u64> {
    let superblock = window.bytes_at::<512>(1024)?;
    let block_bytes = 1024_u64.checked_shl(le32(&superblock[24..]))?;
    let is_64_bit = le32(&superblock[96..]) & 0x80 != 0;
    let high = if is_64_bit { u64::from(le32(&superblock[0x158..])) << 32 } else { 0 };
    (u64::from(le32(&superblock[12..])) | high).checked_mul(block_bytes)
}

impl FileReader for Ext {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Problem> {
        let entries = self.files.read_dir(folder).map_err(problem)?.map(|entry| {
            let entry = entry?;
            let kind = match entry.file_type()? {
                FileType::Directory => Kind::Folder,
                FileType::Regular => Kind::File,
                _ => Kind::Other,
            };
            Ok(Entry { name: String::from_utf8_lossy(entry.file_name().as_ref()).into_owned(), kind })
        });
        bounded(entries).map_err(problem)
    }

    fn stat(&self, path: &str) -> Result<Stat, Problem> {
        let is_link = self.files.symlink_metadata(path).map_err(problem)?.is_symlink();
        let metadata = self.files.metadata(path).map_err(problem)?;
        let kind = match metadata.file_type() {
            FileType::Directory => Kind::Folder,
            FileType::Regular => Kind::File,
            _ => Kind::Other,
        };
        Ok(Stat { kind, size_bytes: metadata.len(), is_link })
    }

    fn read(&self, path: &str, offset: u64, max: usize) -> Result<Vec<u8>, Problem> {
        let mut file = self.files.open(path).map_err(problem)?;
        let left = file.metadata().len().saturating_sub(offset).min(max as u64) as usize;
        file.seek_to(offset).map_err(problem)?;
        let mut bytes = vec![0; left];
        let mut done = 0;
        while done < left {
            match file.read_bytes(&mut bytes[done..]).map_err(problem)? {
                0 => break,
                count => done += count,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.free_bytes
    }
}

fn problem(error: Ext4Error) -> Problem {
    match error {
        Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::IsADirectory => Problem::Missing,
        // Links that lead nowhere: no system finds a file there either.
        Ext4Error::TooManySymlinks | Ext4Error::PathTooLong => Problem::Missing,
        other => Problem::broken(other),
    }
}
