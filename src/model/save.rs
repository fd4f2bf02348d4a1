//! How images come to their bytes: who holds one meanwhile, and what it comes to.

/// Who holds an image while its bytes are saved, and until when unless renewed.
#[derive(Clone, Debug)]
pub struct Lease {
    /// A name nobody else has.
    pub holder: String,
    /// How long without a sign of life.
    pub ms: i64,
}

/// A save under way in one of the stores: what keeps its chunks until a row does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The store's name.
    pub store: String,
    /// The number of its session there.
    pub session: u64,
}

/// What a finished save came to.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// Bytes of the file.
    pub size_bytes: i64,
    /// Bytes of the disk.
    pub disk_bytes: i64,
    /// MD5 of the file, when it is known.
    pub checksum: Option<String>,
    /// SHA-512 of the file, when it is known.
    pub os_hash: Option<String>,
    /// The root of the file's manifest.
    pub file_root: Option<String>,
    /// The root of the disk's manifest.
    pub disk_root: Option<String>,
    /// The version of the rendering, for a file without a manifest.
    pub rendering: Option<i64>,
    /// The version of the rules that judged the file; `None` for what nobody uploaded.
    pub checked_by: Option<i64>,
    /// Compressed bytes of the distinct chunks.
    pub stored_bytes: i64,
    /// The saves that keep them until the image is active, one in each store: none must have ended by then.
    pub holds: Vec<Hold>,
    /// The stores that an import was for and that did not take it, joined by commas.
    pub failed_stores: String,
}

impl Saved {
    /// What the project is charged: the file, once for each store that has it (as Glance counts).
    pub fn charged_bytes(&self) -> i64 {
        self.size_bytes * self.holds.len() as i64
    }

    /// The stores that have it, as [`Image::stores`](super::image::Image::stores) lists them.
    pub fn stores(&self) -> String {
        let mut names: Vec<&str> = self.holds.iter().map(|hold| hold.store.as_str()).collect();
        names.sort_unstable();
        names.join(",")
    }
}

/// A content that waits to be imported.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The root of its manifest.
    pub root: String,
    /// How many bytes it has.
    pub size_bytes: i64,
    /// What keeps it until the row does.
    pub hold: Hold,
}

/// What became of a save's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was made.
    Done,
    /// The image was deleted meanwhile.
    Gone,
    /// The lease lapsed and the image went on without this save.
    Lost,
}
