//! The text in the file: it must describe the file it lies in, and nothing else.

use std::collections::BTreeMap;

use crate::read_at::read_up_to;
use crate::{ReadAt, Rejection, Rule};

use super::header::{Header, SECTOR_BYTES};

pub(super) const REMEDY: &str = "Write the disk into one file: qemu-img convert -f vmdk -O qcow2 OLD NEW, \
    or vmware-vdiskmanager -r OLD -t 0 NEW.";

/// The words that an extent's line begins with.
const ACCESS: [&str; 3] = ["rw", "rdonly", "noaccess"];
/// "There is no parent."
const NO_PARENT: &str = "ffffffff";
/// QEMU looks for a parent in this much, however long the header says that the text is (`block/vmdk.c`, `DESC_SIZE`).
const READ_BY_QEMU_BYTES: u64 = 20 * SECTOR_BYTES;
/// The words of which a text has one each, and which make a text of what they stand in.
const HEADING: &str = "# disk descriptorfile";
const OF_A_TEXT: [&str; 3] = [HEADING, "createtype", "parentfilenamehint"];
/// The code pages, by the names that VMware gives them, in which a backslash is also the second byte of a letter.
const WITH_BACKSLASHES: [&str; 8] =
    ["shift_jis", "sjis", "windows-932", "gbk", "gb18030", "windows-936", "big5", "windows-950"];

/// Judges the text of a file whose header is good.
pub(super) fn check(bytes: &dyn ReadAt, header: &Header) -> Result<(), Rejection> {
    let at = header.descriptor.start;
    let area_bytes = (header.descriptor.end - at) as usize; // At most a megabyte.
    let read = read_up_to(bytes, at, area_bytes.max(READ_BY_QEMU_BYTES as usize));
    let read = read.map_err(|error| Rejection::unread(at, &error))?;
    if read.len() < area_bytes {
        return Err(Rejection::truncated(at + read.len() as u64, "the descriptor is cut off"));
    }
    // The text may be of any code page. A byte is a character here: letters above ASCII stand in names only.
    let read: String = read.iter().map(|byte| char::from(*byte).to_ascii_lowercase()).collect();
    let (text, rest) = read.split_once('\0').unwrap_or((&read, ""));
    let text_bytes = text.chars().count();
    if text_bytes > area_bytes {
        return Err(Rejection::corrupt(at + area_bytes as u64, "the descriptor does not end where the header says"));
    }
    let rest: String = rest.chars().take(area_bytes.saturating_sub(text_bytes + 1)).collect();
    if text.matches(HEADING).count() > 1 || OF_A_TEXT.iter().any(|word| rest.contains(word)) {
        return Err(Rejection::corrupt(at, "the file has a second descriptor behind the first"));
    }
    Lines::read(text, at)?.check(header)
}

/// Whether there is nothing in a line but printable ASCII characters, or other letters too.
fn is_printable(line: &str, with_letters: bool) -> bool {
    line.chars().all(|c| matches!(c, '\t' | '\r' | ' '..='~') || with_letters && c >= '\u{80}')
}

/// The text's lines, in lower case.
struct Lines<'t> {
    at: u64,
    settings: BTreeMap<&'t str, &'t str>,
    extents: Vec<&'t str>,
}

impl<'t> Lines<'t> {
    fn read(text: &'t str, at: u64) -> Result<Self, Rejection> {
        let mut lines = Self { at, settings: BTreeMap::new(), extents: Vec::new() };
        for line in text.split('\n').map(str::trim_ascii) {
            let is_extent = ACCESS.contains(&line.split([' ', '\t']).next().unwrap_or_default());
            if !is_printable(line, is_extent || line.starts_with('#') || line.starts_with("ddb.")) {
                return Err(lines.corrupt("the descriptor has other than printable ASCII characters"));
            }
            match line.split_once('=') {
                _ if line.is_empty() || line.starts_with('#') => {}
                _ if is_extent => lines.extents.push(line),
                // The disk's own settings: geometry, adapter, ids. Nobody opens anything because of them.
                Some((key, _)) if key.starts_with("ddb.") => {}
                Some((key, value)) if !key.contains([' ', '\t', '\r', '"']) => {
                    if lines.settings.insert(key, value.trim_ascii().trim_matches('"')).is_some() {
                        return Err(lines.corrupt("the descriptor has a setting twice"));
                    }
                }
                _ => return Err(lines.corrupt("the descriptor has a line that is neither a setting nor an extent")),
            }
        }
        Ok(lines)
    }

    fn check(&self, header: &Header) -> Result<(), Rejection> {
        let parent = self.settings.get("parentcid").is_some_and(|parent| *parent != NO_PARENT);
        if parent || self.settings.contains_key("parentfilenamehint") {
            return Err(self.foreign("the descriptor names a parent"));
        }
        if self.settings.keys().any(|key| key.starts_with("encryption.")) {
            return Err(Rejection::new(Rule::Encrypted, self.at, "the file is encrypted")
                .with_remedy("Remove the encryption from the machine, and export the disk anew."));
        }
        let expected = if header.compressed { "streamoptimized" } else { "monolithicsparse" };
        match self.settings.get("createtype") {
            Some(kind) if *kind == expected => {}
            Some(kind @ (&"streamoptimized" | &"monolithicsparse")) => {
                return Err(self.corrupt(&format!("the descriptor says {kind}, and the header says {expected}")));
            }
            _ => return Err(self.foreign("the disk is of a kind that lies in other files")),
        }
        match self.extents[..] {
            [extent] => self.check_extent(extent, header.virtual_size_bytes / SECTOR_BYTES),
            [] => Err(self.corrupt("the descriptor names no extent")),
            _ => Err(self.foreign("the disk lies in several files")),
        }
    }

    /// `RW 8192 SPARSE "name.vmdk"`: the file itself, under the name that it had when it was written.
    fn check_extent(&self, extent: &str, sectors: u64) -> Result<(), Rejection> {
        let mut words = extent.splitn(4, [' ', '\t']);
        let (_, size, kind, name) = (words.next(), words.next(), words.next(), words.next());
        if kind != Some("sparse") {
            return Err(self.foreign("the disk's extent is of a kind that lies in another file"));
        }
        if size.and_then(|size| size.parse().ok()) != Some(sectors) {
            return Err(self.corrupt("the descriptor states another size than the header"));
        }
        let name = name.and_then(|name| name.trim_ascii().strip_prefix('"')?.strip_suffix('"'));
        match name.map(|name| self.without_pairs(name)).as_deref() {
            Some(name) if name.contains(['/', '\\', ':', '"']) || matches!(name, "" | "." | "..") => {
                Err(self.foreign("the disk's extent is a path, not the file's own name"))
            }
            Some(_) => Ok(()),
            None => Err(self.corrupt("the descriptor's extent has no name")),
        }
    }

    /// A name without the letters of two bytes, of which the second may look like a separator.
    fn without_pairs(&self, name: &str) -> String {
        let encoding = self.settings.get("encoding").copied().unwrap_or_default();
        if !WITH_BACKSLASHES.contains(&encoding) {
            return name.to_owned();
        }
        let mut letters = name.chars();
        let mut left = String::new();
        while let Some(letter) = letters.next() {
            left.push(letter);
            if letter > '\u{80}' {
                letters.next();
            }
        }
        left
    }

    fn corrupt(&self, message: &str) -> Rejection {
        Rejection::corrupt(self.at, message)
    }

    fn foreign(&self, message: &str) -> Rejection {
        Rejection::new(Rule::ExternalReference, self.at, message).with_remedy(REMEDY)
    }
}
