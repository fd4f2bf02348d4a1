//! The bounds of a look. Code that meets one notes it here, and the report is *incomplete*: in a gate, a thing that was
//! not looked at did not pass.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::files::printable;

/// Characters of a place that are told.
const MAX_PLACE_CHARS: usize = 200;

macro_rules! bounds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $remedy:literal;)+) => {
        /// A bound that a look can meet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Bound {
            $($(#[$doc])* $variant,)+
        }

        /// The names of all bounds, as reports tell them.
        pub const BOUNDS: &[&str] = &[$($name),+];

        impl Bound {
            /// Its name, and the way out.
            fn words(self) -> (&'static str, &'static str) {
                match self {
                    $(Bound::$variant => ($name, $remedy),)+
                }
            }
        }
    };
}

bounds! {
    /// The time of one look.
    Time = "time", "verify the image again when the service has less to do; repair its file systems if that does not help";
    /// The bytes that one look reads.
    ReadBytes = "read_bytes", "remove files that nobody needs, and repair the file systems";
    /// The parts of a disk, and the links between them.
    Partitions = "partitions", "make a partition table that is whole and has fewer partitions";
    /// The names of a folder.
    FolderNames = "folder_names", "remove names from the folder";
    /// The places that a pattern leads to.
    Places = "places", "remove files from those folders";
    /// The homes on a volume.
    Homes = "homes", "remove homes that nobody needs";
    /// The bytes of a file.
    FileBytes = "file_bytes", "remove the file, or make it shorter";
    /// The lines of fstab.
    FstabLines = "fstab_lines", "remove lines from it";
    /// The password hashes that are tried.
    PasswordHashes = "password_hashes", "lock accounts (passwd -l NAME)";
    /// The kinds and costs of hashes that are tried.
    HashKind = "hash_kind", "lock the account (passwd -l NAME), or set its password anew with sha512crypt or yescrypt at their usual cost";
    /// The files that a reader makes sense of.
    Unreadable = "unreadable", "remove it, or store it neither encrypted nor compressed and repair the file system";
}

/// The bounds that a look has met so far. Cheap to clone: all clones are of one look.
#[derive(Clone, Default)]
pub(crate) struct Bounds(Rc<RefCell<BTreeMap<Bound, String>>>);

impl Bounds {
    /// Notes that a bound was met. The first time counts: the report tells one place for each bound.
    pub(crate) fn meet(&self, bound: Bound, told: impl FnOnce() -> String) {
        self.0.borrow_mut().entry(bound).or_insert_with(|| printable(&told(), MAX_PLACE_CHARS * 2));
    }

    /// Whether there is nothing left to read with, so that every further read fails for this reason.
    pub(crate) fn is_spent(&self) -> bool {
        let met = self.0.borrow();
        met.contains_key(&Bound::Time) || met.contains_key(&Bound::ReadBytes)
    }

    /// The bounds that were met, each with its name and the way out; `None` when everything was looked at.
    pub(crate) fn told(&self) -> Option<String> {
        let met = self.0.borrow();
        let told = met.iter().map(|(bound, told)| {
            let (name, remedy) = bound.words();
            format!("{told} ({name}: {remedy})")
        });
        (!met.is_empty()).then(|| told.collect::<Vec<_>>().join("; "))
    }
}

/// A place as a bound tells it.
pub(crate) fn place(partition: Option<u32>, path: &str) -> String {
    let path = printable(path, MAX_PLACE_CHARS);
    partition.map_or_else(|| path.clone(), |number| format!("partition {number}, {path}"))
}
