//! Windows' registry hives, read cell by cell: a hive may have a hundred megabytes, and a few values are wanted.
//!
//! Layout: "Windows registry file format specification" (M. Suhanov). A hive whose two sequence numbers differ, or
//! whose first block does not add up, was not written out: what it says may be old, so it is not asked.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::{
    files::{Files, Problem},
    table::le32,
};

/// Cells lie behind the first block.
const FIRST_CELL: u64 = 4096;
const PAGE_BYTES: u64 = 4096;
/// Pages that are kept; a lookup comes back to few.
const KEPT_PAGES: usize = 256;
/// The names of one key that are looked at. `SOFTWARE\Microsoft` has some hundreds.
const MAX_SUBKEYS: usize = 20_000;
/// The longest value that is wanted.
const MAX_VALUE_BYTES: usize = 4096;
/// Lists of lists of keys; Windows makes one level.
const MAX_LIST_DEPTH: u32 = 2;
/// No key: an empty place.
const NOWHERE: u32 = u32::MAX;

/// A hive, open.
pub(crate) struct Hive<'a> {
    files: &'a Files,
    path: String,
    root: u32,
    pages: RefCell<HashMap<u64, Rc<Vec<u8>>>>,
}

fn damaged(what: &str) -> Problem {
    Problem::Broken(format!("the registry hive is damaged: {what}"))
}

impl<'a> Hive<'a> {
    /// Opens a hive that was written out in full.
    pub(crate) fn open(files: &'a Files, path: &str) -> Result<Hive<'a>, Problem> {
        let base = files.read(path, 0, 512)?;
        if base.len() < 512 || !base.starts_with(b"regf") {
            return Err(damaged("it does not begin as one"));
        }
        let sum = base[..508].chunks_exact(4).fold(0, |sum, word| sum ^ le32(word));
        // Two values of the sum are kept for other purposes.
        let sum = if sum == 0 {
            1
        } else if sum == u32::MAX {
            u32::MAX - 1
        } else {
            sum
        };
        if sum != le32(&base[508..]) {
            return Err(damaged("its checksum is wrong"));
        }
        if le32(&base[4..]) != le32(&base[8..]) {
            return Err(Problem::Broken(
                "the registry hive was not written out: its last changes are in its logs".into(),
            ));
        }
        Ok(Hive { files, path: path.to_owned(), root: le32(&base[36..]), pages: RefCell::default() })
    }

    /// The text of a value; `None` when there is no such key or value, or it is no text.
    pub(crate) fn text(&self, key: &str, value: &str) -> Result<Option<String>, Problem> {
        let mut node = self.root;
        for name in key.split('\\') {
            match self.subkey(node, name)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        self.value(node, value)
    }

    fn subkey(&self, node: u32, name: &str) -> Result<Option<u32>, Problem> {
        let key = self.key(node)?;
        if le32(&key[20..]) == 0 {
            return Ok(None);
        }
        let mut left = MAX_SUBKEYS;
        self.in_list(le32(&key[28..]), name, 0, &mut left)
    }

    fn in_list(&self, list: u32, name: &str, depth: u32, left: &mut usize) -> Result<Option<u32>, Problem> {
        let head = self.cell(list, 4)?;
        let count = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let (entry_bytes, is_of_lists) = match &head[..2] {
            b"lf" | b"lh" => (8, false),
            b"li" => (4, false),
            b"ri" if depth < MAX_LIST_DEPTH => (4, true),
            _ => return Err(damaged("a list of keys is none")),
        };
        if count > *left {
            return Err(damaged("a key has more keys than Windows makes"));
        }
        *left -= count;
        let entries = self.cell(list, 4 + count * entry_bytes)?;
        let hash = hash(name);
        for entry in entries[4..].chunks_exact(entry_bytes) {
            let place = le32(entry);
            if is_of_lists {
                if let Some(found) = self.in_list(place, name, depth + 1, left)? {
                    return Ok(Some(found));
                }
            } else if (&head[..2] != b"lh" || le32(&entry[4..]) == hash) && self.is_called(place, name)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn is_called(&self, node: u32, name: &str) -> Result<bool, Problem> {
        let key = self.key(node)?;
        let len = usize::from(u16::from_le_bytes([key[72], key[73]]));
        let is_narrow = key[2] & 0x20 != 0;
        let whole = self.cell(node, 76 + len)?;
        Ok(text_of(&whole[76..], is_narrow).to_lowercase() == name.to_lowercase())
    }

    fn value(&self, node: u32, name: &str) -> Result<Option<String>, Problem> {
        let key = self.key(node)?;
        let count = le32(&key[36..]) as usize;
        if count == 0 || le32(&key[40..]) == NOWHERE {
            return Ok(None);
        }
        if count > MAX_SUBKEYS {
            return Err(damaged("a key has more values than Windows makes"));
        }
        let list = self.cell(le32(&key[40..]), count * 4)?;
        for place in list.chunks_exact(4).map(le32) {
            let head = self.cell(place, 20)?;
            if &head[..2] != b"vk" {
                return Err(damaged("a value is none"));
            }
            let name_bytes = usize::from(u16::from_le_bytes([head[2], head[3]]));
            let whole = self.cell(place, 20 + name_bytes)?;
            if text_of(&whole[20..], head[16] & 1 == 1).to_lowercase() == name.to_lowercase() {
                return self.text_value(&head);
            }
        }
        Ok(None)
    }

    fn text_value(&self, head: &[u8]) -> Result<Option<String>, Problem> {
        // REG_SZ, REG_EXPAND_SZ.
        if !matches!(le32(&head[12..]), 1 | 2) {
            return Ok(None);
        }
        let size = le32(&head[4..]);
        let bytes = match size & 0x8000_0000 {
            0 => self.cell(le32(&head[8..]), (size as usize).min(MAX_VALUE_BYTES))?,
            _ => head[8..12].iter().copied().take((size & 7) as usize).collect(),
        };
        Ok(Some(text_of(&bytes, false).trim_end_matches('\0').to_owned()))
    }

    /// The fixed part of a key.
    fn key(&self, node: u32) -> Result<Vec<u8>, Problem> {
        let key = self.cell(node, 76)?;
        if &key[..2] == b"nk" { Ok(key) } else { Err(damaged("a key is none")) }
    }

    /// The first `len` bytes of a cell that is in use.
    fn cell(&self, place: u32, len: usize) -> Result<Vec<u8>, Problem> {
        let start = FIRST_CELL + u64::from(place);
        let size = self.bytes(start, 4)?;
        let size = i32::from_le_bytes([size[0], size[1], size[2], size[3]]);
        if size >= 0 || (size.unsigned_abs() as usize) < len.saturating_add(4) {
            return Err(damaged("a cell is free or too small"));
        }
        self.bytes(start + 4, len)
    }

    fn bytes(&self, start: u64, len: usize) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = start + bytes.len() as u64;
            let page = self.page(at / PAGE_BYTES)?;
            let within = (at % PAGE_BYTES) as usize;
            let piece = page.get(within..).filter(|piece| !piece.is_empty());
            let piece = piece.ok_or_else(|| damaged("it ends too early"))?;
            bytes.extend_from_slice(&piece[..piece.len().min(len - bytes.len())]);
        }
        Ok(bytes)
    }

    fn page(&self, number: u64) -> Result<Rc<Vec<u8>>, Problem> {
        if let Some(page) = self.pages.borrow().get(&number) {
            return Ok(page.clone());
        }
        let page = Rc::new(self.files.read(&self.path, number * PAGE_BYTES, PAGE_BYTES as usize)?);
        let pages = &mut *self.pages.borrow_mut();
        if pages.len() >= KEPT_PAGES {
            pages.clear();
        }
        pages.insert(number, page.clone());
        Ok(page)
    }
}

/// The hash of `lh` lists.
fn hash(name: &str) -> u32 {
    let units: Vec<u16> = name.to_uppercase().encode_utf16().collect();
    units.iter().fold(0, |hash: u32, unit| hash.wrapping_mul(37).wrapping_add(u32::from(*unit)))
}

fn text_of(bytes: &[u8], is_narrow: bool) -> String {
    if is_narrow {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}
