//! The gate: a file judged by the format somebody declared for it.

use crate::qcow2;
use crate::{Format, ReadAt, Rejection, Rule, detect};

/// What a file must stay within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest disk that a file may hold.
    pub virtual_size_bytes: u64,
}

/// A file that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The declared format, which is the file's.
    pub format: Format,
    /// The size of the disk in the file, a multiple of 512.
    pub virtual_size_bytes: u64,
    /// What the owner should know: things in the file that the disk does not have.
    pub notes: Vec<String>,
}

/// Disks are counted in sectors.
const SECTOR_BYTES: u64 = 512;

/// Judges bytes by the format declared for them.
///
/// # Errors
/// The first rule that the bytes break, or [`Rule::Unreadable`] when they cannot be read.
pub fn check(declared: Format, bytes: &dyn ReadAt, limits: &Limits) -> Result<Checked, Rejection> {
    let found = detect(bytes).map_err(|error| Rejection::unread(0, &error))?;
    match declared {
        Format::Raw => check_raw(&found, bytes, limits),
        Format::Qcow2 => {
            expect_format(declared, &found)?;
            qcow2::check(bytes, limits)
        }
        Format::Vmdk | Format::Vhd | Format::Vhdx | Format::Vdi | Format::Iso => {
            Err(Rejection::new(Rule::BannedFormat, None, format!("the format {declared} is not accepted yet")))
        }
        _ => Err(Rejection::new(Rule::BannedFormat, None, format!("the format {declared} is not accepted"))),
    }
}

fn check_raw(found: &[Format], bytes: &dyn ReadAt, limits: &Limits) -> Result<Checked, Rejection> {
    let mut notes = Vec::new();
    match found {
        [Format::Raw] => {}
        // A container that only its owner can open: stored as it is, never tried.
        [Format::Luks] => notes.push("the disk is an encrypted LUKS volume".to_owned()),
        _ => expect_format(Format::Raw, found)?,
    }
    let size_bytes = bytes.size_bytes();
    let virtual_size_bytes = size_bytes
        .checked_next_multiple_of(SECTOR_BYTES)
        .filter(|size| *size <= limits.virtual_size_bytes)
        .ok_or_else(|| too_large(size_bytes, limits))?;
    if virtual_size_bytes != size_bytes {
        notes.push(format!("{} zero bytes were added to make whole sectors", virtual_size_bytes - size_bytes));
    }
    Ok(Checked { format: Format::Raw, virtual_size_bytes, notes })
}

fn expect_format(declared: Format, found: &[Format]) -> Result<(), Rejection> {
    match found {
        [only] if *only == declared => Ok(()),
        [Format::Raw] => Err(Rejection::new(
            Rule::FormatMismatch,
            0,
            format!("the file is declared {declared} and has no {declared} header"),
        )),
        [only] => {
            Err(Rejection::new(Rule::FormatMismatch, 0, format!("the file is declared {declared} and is {only}"))
                .with_remedy(format!("Declare the format {only}, or convert the file to {declared}.")))
        }
        several => {
            let names: Vec<_> = several.iter().map(|format| format.word()).collect();
            Err(Rejection::new(
                Rule::Polyglot,
                0,
                format!("the file is several formats at a time: {}", names.join(", ")),
            ))
        }
    }
}

pub(crate) fn too_large(size_bytes: u64, limits: &Limits) -> Rejection {
    Rejection::new(
        Rule::TooLarge,
        None,
        format!("the disk has {size_bytes} bytes and at most {} are allowed", limits.virtual_size_bytes),
    )
}
