//! NTFS.

use std::{cell::RefCell, io::SeekFrom};

use ntfs::{
    KnownNtfsFileRecordNumber, Ntfs, NtfsAttributeFlags, NtfsError, NtfsFile, NtfsReadSeek as _,
    indexes::NtfsFileNameIndex,
    structured_values::{NtfsFileNamespace, NtfsVolumeFlags},
};

use crate::{
    disk::Window,
    files::{Entry, FileReader, Kind, Problem, Stat, bounded},
    table::le64,
};

/// Bytes of the bitmap of clusters that are counted at a time.
const BITMAP_BYTES: usize = 64 << 10;
/// The largest bitmap that is counted: a disk of 1 TiB with clusters of 4 KiB.
const MAX_BITMAP_BYTES: usize = 32 << 20;

/// An NTFS volume.
pub(super) struct Nt {
    files: Ntfs,
    reader: RefCell<Window>,
}

impl Nt {
    pub(super) fn open(window: &Window) -> Result<Nt, Problem> {
        let mut reader = window.clone();
        let mut files = Ntfs::new(&mut reader).map_err(problem)?;
        files.read_upcase_table(&mut reader).map_err(problem)?;
        Ok(Nt { files, reader: RefCell::new(reader) })
    }

    /// Why writes of the volume's system may be missing in it, if so.
    pub(super) fn unfinished(&self) -> Result<Option<&'static str>, Problem> {
        let reader = &mut *self.reader.borrow_mut();
        let flags = self.files.volume_info(reader).map_err(problem)?.flags();
        if flags.contains(NtfsVolumeFlags::IS_DIRTY) {
            return Ok(Some("the volume is marked as dirty"));
        }
        let log = self.files.file(reader, KnownNtfsFileRecordNumber::LogFile as u64).map_err(problem)?;
        let page = read(&log, reader, 0, 4096)?;
        Ok(Some("the volume was not unmounted: its log has changes that are not in its files")
            .filter(|_| is_in_use(&page)))
    }

    fn file(&self, reader: &mut Window, path: &str) -> Result<NtfsFile<'_>, Problem> {
        let mut file = self.files.root_directory(reader).map_err(problem)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if !file.is_directory() {
                return Err(Problem::Missing);
            }
            let index = file.directory_index(reader).map_err(problem)?;
            let mut finder = index.finder();
            let found = NtfsFileNameIndex::find(&mut finder, &self.files, reader, name);
            let reference = found.ok_or(Problem::Missing)?.map_err(problem)?.file_reference();
            file = reference.to_file(&self.files, reader).map_err(problem)?;
        }
        Ok(file)
    }
}

/// The state of `$LogFile`: its restart page says whether a client still had it open (ntfs-3g: `logfile.c`,
/// `ntfs_is_logfile_clean`). A log that was never used, or emptied by a repair, is all ones or zeroes.
fn is_in_use(page: &[u8]) -> bool {
    if !page.starts_with(b"RSTR") || page.len() < 64 {
        return false;
    }
    let le16 = |at: usize| page.get(at..at + 2).map_or(0xffff, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let area = usize::from(le16(24));
    let (in_use, flags) = (le16(area + 12), le16(area + 14));
    in_use != 0xffff && flags & 0x0002 == 0
}

/// `LABEL=` (unknown here) and `UUID=` of the volume.
pub(super) fn names(window: &Window) -> [String; 2] {
    let serial = window.bytes_at::<8>(72).map_or(0, |bytes| le64(&bytes));
    [String::new(), format!("{serial:016x}")]
}

fn read(file: &NtfsFile<'_>, reader: &mut Window, offset: u64, max: usize) -> Result<Vec<u8>, Problem> {
    let data = file.data(reader, "").ok_or(Problem::Missing)?.map_err(problem)?;
    let attribute = data.to_attribute().map_err(problem)?;
    if attribute.flags().intersects(NtfsAttributeFlags::COMPRESSED | NtfsAttributeFlags::ENCRYPTED) {
        return Err(Problem::Broken("a file is compressed or encrypted by NTFS".into()));
    }
    let mut value = attribute.value(reader).map_err(problem)?;
    let left = value.len().saturating_sub(offset).min(max as u64) as usize;
    value.seek(reader, SeekFrom::Start(offset)).map_err(problem)?;
    let mut bytes = vec![0; left];
    value.read_exact(reader, &mut bytes).map_err(problem)?;
    Ok(bytes)
}

impl FileReader for Nt {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Problem> {
        let reader = &mut *self.reader.borrow_mut();
        let folder = self.file(reader, folder)?;
        if !folder.is_directory() {
            return Err(Problem::Missing);
        }
        let index = folder.directory_index(reader).map_err(problem)?;
        let mut entries = index.entries();
        let names = std::iter::from_fn(|| {
            loop {
                let name = match entries.next(reader)?.and_then(|entry| entry.key().transpose()) {
                    Ok(name) => name?,
                    Err(error) => return Some(Err(error)),
                };
                // The short twin of a long name.
                if name.namespace() != NtfsFileNamespace::Dos {
                    let kind = if name.is_directory() { Kind::Folder } else { Kind::File };
                    return Some(Ok(Entry { name: name.name().to_string_lossy(), kind }));
                }
            }
        });
        bounded(names).map_err(problem)
    }

    fn stat(&self, path: &str) -> Result<Stat, Problem> {
        let reader = &mut *self.reader.borrow_mut();
        let file = self.file(reader, path)?;
        if file.is_directory() {
            return Ok(Stat { kind: Kind::Folder, size_bytes: 0, is_link: false });
        }
        let size_bytes = match file.data(reader, "") {
            Some(data) => data.and_then(|data| Ok(data.to_attribute()?.value_length())).map_err(problem)?,
            None => 0,
        };
        Ok(Stat { kind: Kind::File, size_bytes, is_link: false })
    }

    fn read(&self, path: &str, offset: u64, max: usize) -> Result<Vec<u8>, Problem> {
        let reader = &mut *self.reader.borrow_mut();
        read(&self.file(reader, path)?, reader, offset, max)
    }

    fn free_bytes(&self) -> Option<u64> {
        let reader = &mut *self.reader.borrow_mut();
        let bitmap = self.files.file(reader, KnownNtfsFileRecordNumber::Bitmap as u64).ok()?;
        let clusters = self.files.size() / u64::from(self.files.cluster_size());
        let bytes = usize::try_from(clusters.div_ceil(8)).ok().filter(|bytes| *bytes <= MAX_BITMAP_BYTES)?;
        let mut used = 0_u64;
        for at in (0..bytes).step_by(BITMAP_BYTES) {
            let part = read(&bitmap, reader, at as u64, BITMAP_BYTES.min(bytes - at)).ok()?;
            used += part.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        }
        clusters.saturating_sub(used).checked_mul(self.files.cluster_size().into())
    }
}

fn problem(error: NtfsError) -> Problem {
    match error {
        NtfsError::NotADirectory { .. } => Problem::Missing,
        other => Problem::broken(other),
    }
}
