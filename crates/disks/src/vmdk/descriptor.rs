//! The text in the file: it must describe the file it lies in, and nothing else.

use std::collections::BTreeMap;

use crate::{ReadAt, Rejection, Rule};

use super::header::{Header, SECTOR_BYTES};

pub(super) const REMEDY: &str = "Write the disk into one file: qemu-img convert -f vmdk -O qcow2 OLD NEW, \
    or vmware-vdiskmanager -r OLD -t 0 NEW.";

/// The words that an extent's line begins with.
const ACCESS: [&str; 3] = ["rw", "rdonly", "noaccess"];
/// "There is no parent."
const NO_PARENT: &str = "ffffffff";

/// Judges the text of a file whose header is good.
pub(super) fn check(bytes: &dyn ReadAt, header: &Header) -> Result<(), Rejection> {
    let at = header.descriptor.start;
    let mut text = vec![0; (header.descriptor.end - at) as usize]; // At most a megabyte.
    bytes.read_exact_at(&mut text, at).map_err(|error| Rejection::unread(at, &error))?;
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if let Some(odd) = text[..end].iter().position(|byte| !printable(byte)) {
        return Err(Rejection::corrupt(at + odd as u64, "the descriptor has other than printable ASCII characters"));
    }
    let text = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    Lines::read(&text, at)?.check(header)
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
        for line in text.split('\n').map(str::trim) {
            let is_extent = ACCESS.contains(&line.split([' ', '\t']).next().unwrap_or_default());
            match line.split_once('=') {
                _ if line.is_empty() || line.starts_with('#') => {}
                _ if is_extent => lines.extents.push(line),
                // The disk's own settings: geometry, adapter, ids. Nobody opens anything because of them.
                Some((key, _)) if key.starts_with("ddb.") => {}
                Some((key, value)) if !key.contains([' ', '\t', '\r', '"']) => {
                    if lines.settings.insert(key, value.trim().trim_matches('"')).is_some() {
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
        let name = name.and_then(|name| name.trim().strip_prefix('"')?.strip_suffix('"'));
        match name {
            Some(name) if name.contains(['/', '\\', ':', '"']) || matches!(name, "" | "." | "..") => {
                Err(self.foreign("the disk's extent is a path, not the file's own name"))
            }
            Some(_) => Ok(()),
            None => Err(self.corrupt("the descriptor's extent has no name")),
        }
    }

    fn corrupt(&self, message: &str) -> Rejection {
        Rejection::corrupt(self.at, message)
    }

    fn foreign(&self, message: &str) -> Rejection {
        Rejection::new(Rule::ExternalReference, self.at, message).with_remedy(REMEDY)
    }
}
