//! The folder of an import: the ids of the images that came, and the bytes of those that are under way.
//!
//! `images` has a line for each id, written before the image is made here. `ID.part` has the first bytes of a file.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::ids::ImageId;

/// The folder, open for one import.
pub(super) struct Folder {
    parts: PathBuf,
    noted: Mutex<(BTreeSet<ImageId>, File)>,
}

impl Folder {
    /// Opens it; `parts` is where the part files are.
    pub(super) fn open(folder: &Path, parts: &Path) -> io::Result<Folder> {
        std::fs::create_dir_all(folder)?;
        std::fs::create_dir_all(parts)?;
        let noted = noted(folder)?;
        let mut list = OpenOptions::new().append(true).create(true).open(list(folder))?;
        // The last line may have been cut short: the next one begins on its own.
        list.write_all(b"\n")?;
        Ok(Folder { parts: parts.to_owned(), noted: Mutex::new((noted, list)) })
    }

    /// Notes that this image comes from Glance. It is on disk before this returns.
    pub(super) fn note(&self, id: ImageId) -> io::Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.0.contains(&id) {
            noted.1.write_all(format!("{id}\n").as_bytes())?;
            noted.1.sync_data()?;
            noted.0.insert(id);
        }
        Ok(())
    }

    /// The file of an image's first bytes.
    pub(super) fn part(&self, id: ImageId) -> PathBuf {
        self.parts.join(format!("{id}.part"))
    }
}

/// The images that came from Glance. None where no import was yet.
pub(super) fn noted(folder: &Path) -> io::Result<BTreeSet<ImageId>> {
    match std::fs::read_to_string(list(folder)) {
        Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn list(folder: &Path) -> PathBuf {
    folder.join("images")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_short_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (ImageId::new(), ImageId::new());
        std::fs::write(list(folder.path()), format!("{first}\n{}", &ImageId::new().to_string()[..20])).unwrap();
        let open = Folder::open(folder.path(), folder.path()).unwrap();
        open.note(second).unwrap();
        open.note(first).unwrap();
        assert_eq!(noted(folder.path()).unwrap(), BTreeSet::from([first, second]));
    }
}
