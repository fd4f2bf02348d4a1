//! The files of a volume, whatever its file system, and how places are looked for in it.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::bound::{self, Bound, Bounds};

/// Names of one folder that are looked at. A cache of packages has some hundreds.
const MAX_ENTRIES: usize = 5000;
/// Places that one pattern may lead to.
const MAX_PLACES: usize = 2000;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it is not there")]
    Missing,
    #[error("{0}")]
    Broken(String),
    #[error("its reader gave up on it: the file system is damaged")]
    Panicked,
}

impl Problem {
    pub(crate) fn broken(error: impl std::fmt::Display) -> Problem {
        // The reader's words may quote what is on the disk.
        Problem::Broken(printable(&error.to_string(), 200))
    }
}

/// The kind of thing that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    /// A link, a device, a socket.
    Other,
}

/// A name in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The kind and size of the thing that a path leads to, links followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) size_bytes: u64,
    /// The path itself is a link.
    pub(crate) is_link: bool,
}

/// A reader of one kind of file system. Paths are absolute within the volume, with `/`; links are followed inside it.
pub(crate) trait FileReader {
    /// The names in a folder; no more than one beyond [`MAX_ENTRIES`].
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Problem>;

    /// The kind and size of the thing that a path leads to.
    fn stat(&self, path: &str) -> Result<Stat, Problem>;

    /// At most `max` bytes of a file from an offset on; fewer only at its end.
    fn read(&self, path: &str, offset: u64, max: usize) -> Result<Vec<u8>, Problem>;

    /// Bytes that are free, where the file system says so.
    fn free_bytes(&self) -> Option<u64>;
}

/// The files of a volume. A thing that is there and cannot be read, or is not read to its end, is noted as a bound.
///
/// A reader may panic on a damaged volume: it is asked nothing more after it has.
pub(crate) struct Files {
    reader: Box<dyn FileReader>,
    has_panicked: Cell<bool>,
    bounds: Bounds,
    partition: Option<u32>,
}

/// Turns a panic of a reader into an answer. A reader that panicked is given up.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Problem::Panicked))
}

impl Files {
    /// # Errors
    /// A file system whose root cannot be listed is none.
    pub(crate) fn new(reader: Box<dyn FileReader>, bounds: Bounds, partition: Option<u32>) -> Result<Files, Problem> {
        guarded(|| reader.list("/"))?;
        Ok(Files { reader, has_panicked: Cell::new(false), bounds, partition })
    }

    /// The names in a folder, up to the bound.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<Entry>, Problem> {
        let mut entries = self.ask(folder, |reader| reader.list(folder))?;
        if entries.len() > MAX_ENTRIES {
            self.meet(Bound::FolderNames, folder, &format!("has more than {MAX_ENTRIES} names"));
            entries.truncate(MAX_ENTRIES);
        }
        Ok(entries)
    }

    /// The kind and size of the thing that a path leads to.
    pub(crate) fn stat(&self, path: &str) -> Result<Stat, Problem> {
        self.ask(path, |reader| reader.stat(path))
    }

    /// At most `max` bytes of a file from an offset on; fewer only at its end.
    pub(crate) fn read(&self, path: &str, offset: u64, max: usize) -> Result<Vec<u8>, Problem> {
        self.ask(path, |reader| reader.read(path, offset, max))
    }

    /// Bytes that are free, where the file system says so.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        self.ask("its count of free space", |reader| Ok(reader.free_bytes())).ok().flatten()
    }

    /// Notes a bound that was met at a path.
    pub(crate) fn meet(&self, bound: Bound, path: &str, what: &str) {
        self.bounds.meet(bound, || format!("{} {what}", bound::place(self.partition, path)));
    }

    /// Whether there is something at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.stat(path).is_ok()
    }

    /// Whether there is a folder at a path.
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        self.stat(path).is_ok_and(|stat| stat.kind == Kind::Folder)
    }

    /// A file as text, up to the bound of `max` bytes; `None` when there is no such file or it cannot be read.
    pub(crate) fn text(&self, path: &str, max: usize) -> Option<String> {
        let mut bytes = self.read(path, 0, max + 1).ok()?;
        if bytes.len() > max {
            self.is_too_long(path, max);
            bytes.truncate(max);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Notes that more of a file would have to be read than is.
    pub(crate) fn is_too_long(&self, path: &str, max: usize) {
        self.meet(Bound::FileBytes, path, &format!("has more than the {max} bytes that are looked at"));
    }

    /// Every path that a pattern leads to, up to the bound; `*` in it stands for any part of one name.
    pub(crate) fn places(&self, pattern: &str) -> Vec<String> {
        let mut places = vec![String::new()];
        let mut parts = pattern.trim_start_matches('/').split('/').peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if !part.contains('*') {
                places.iter_mut().for_each(|place| {
                    place.push('/');
                    place.push_str(part);
                });
                continue;
            }
            let mut deeper = Vec::new();
            for place in &places {
                let folder = if place.is_empty() { "/" } else { place };
                let entries = self.list(folder).unwrap_or_default().into_iter();
                let entries = entries.filter(|entry| matches(part, &entry.name));
                let entries = entries.filter(|entry| is_last || entry.kind != Kind::File);
                deeper.extend(entries.map(|entry| format!("{place}/{}", entry.name)));
            }
            if deeper.len() > MAX_PLACES {
                self.meet(Bound::Places, pattern, &format!("leads to more than {MAX_PLACES} places"));
                deeper.truncate(MAX_PLACES);
            }
            places = deeper;
        }
        places.retain(|place| self.has(place));
        places
    }

    fn ask<T>(&self, path: &str, question: impl FnOnce(&dyn FileReader) -> Result<T, Problem>) -> Result<T, Problem> {
        let answer = match self.has_panicked.get() {
            true => Err(Problem::Panicked),
            false => guarded(|| question(&*self.reader)),
        };
        answer.inspect_err(|problem| {
            self.has_panicked.set(matches!(problem, Problem::Panicked));
            if !matches!(problem, Problem::Missing) && !self.bounds.is_spent() {
                self.meet(Bound::Unreadable, path, &format!("cannot be read: {problem}"));
            }
        })
    }
}

/// Whether a name fits a pattern; case matters nowhere, since some file systems keep none.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// Takes the names of a folder, `.` and `..` apart, up to the first that tells that there are more than the bound.
pub(crate) fn bounded<E>(entries: impl Iterator<Item = Result<Entry, E>>) -> Result<Vec<Entry>, E> {
    let names = entries.filter(|entry| !matches!(entry, Ok(entry) if entry.name == "." || entry.name == ".."));
    names.take(MAX_ENTRIES + 1).collect()
}

/// Text from a disk as it may be shown: without control characters, and not too long.
pub(crate) fn printable(text: &str, max: usize) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().take(max).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name) in
            [("*", "a"), ("id_*", "id_rsa"), ("*.deb", "x.deb"), ("ssh_host_*_key", "ssh_host_rsa_key")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("id_*", "hid_rsa"), ("*.deb", "x.deb.gz"), ("ssh_host_*_key", "ssh_host_rsa_key.pub"), ("a", "b")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn names_cannot_change_a_line() {
        assert_eq!(printable("a\nb\u{202e}c", 10), "a\u{fffd}b\u{fffd}c");
        assert_eq!(printable("abc", 2), "ab");
    }
}
