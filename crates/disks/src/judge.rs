//! The gate: a file judged by the format somebody declared for it.

use crate::flat::Flat;
use crate::{Disk, Format, ReadAt, Rejection, Rule, detect, iso, qcow2, vdi, vhd, vhdx, vmdk, wrapped};

/// The limits that a file must stay within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest disk that a file may hold.
    pub virtual_size_bytes: u64,
}

impl Limits {
    /// Refuses a disk that is larger.
    pub(crate) fn allow(&self, size_bytes: u64) -> Result<(), Rejection> {
        if size_bytes <= self.virtual_size_bytes {
            return Ok(());
        }
        let message = format!("the disk has {size_bytes} bytes and at most {} are allowed", self.virtual_size_bytes);
        Err(Rejection::new(Rule::TooLarge, None, message))
    }
}

/// A file that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The declared format, which is the file's.
    pub format: Format,
    /// The size of the disk in the file, a multiple of 512.
    pub virtual_size_bytes: u64,
    /// Notes for the owner, in sentences: things in the file that the disk does not have, and the like.
    pub notes: Vec<String>,
}

/// Judges bytes by the format declared for them.
///
/// # Errors
/// The first rule that the bytes break, or [`Rule::Unreadable`] when they cannot be read.
pub fn check(declared: Format, bytes: &dyn ReadAt, limits: &Limits) -> Result<Checked, Rejection> {
    let disk = open(declared, bytes, limits)?;
    Ok(Checked { format: declared, virtual_size_bytes: disk.virtual_size_bytes(), notes: disk.notes() })
}

/// Judges bytes as [`check`] does, and gives the disk in them.
///
/// # Errors
/// As [`check`].
pub fn open<'a>(declared: Format, bytes: &'a dyn ReadAt, limits: &Limits) -> Result<Box<dyn Disk + 'a>, Rejection> {
    if !declared.is_accepted() {
        return Err(Rejection::new(Rule::BannedFormat, None, format!("the format {declared} is not accepted")));
    }
    let found = detect(bytes).map_err(|error| Rejection::unread(0, &error))?;
    if found == [Format::Raw] {
        wrapped::refuse(bytes)?;
    }
    let is_luks = declared == Format::Raw && found == [Format::Luks];
    if !is_luks {
        expect_format(declared, &found)?;
    }
    Ok(match declared {
        Format::Qcow2 => Box::new(qcow2::open(bytes, limits)?),
        Format::Vmdk => Box::new(vmdk::open(bytes, limits)?),
        Format::Vhd => vhd::open(bytes, limits)?,
        Format::Vhdx => Box::new(vhdx::open(bytes, limits)?),
        Format::Vdi => Box::new(vdi::open(bytes, limits)?),
        // Nobody walks an ISO's directories: it is stored as it is, and its size is that of its bytes.
        Format::Iso => {
            iso::check(bytes)?;
            Box::new(Flat::open(bytes, limits, false)?)
        }
        _ => Box::new(Flat::open(bytes, limits, is_luks)?),
    })
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
                .with_remedy(mismatch_remedy(declared, *only)))
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

fn mismatch_remedy(declared: Format, found: Format) -> String {
    match found {
        Format::Ova => "Take the disk out of the archive, declare the disk's format, and upload the disk.".to_owned(),
        found if found.is_accepted() => {
            format!("Declare the format {found}, or convert the file to {declared}.")
        }
        found => format!("The format {found} is not accepted: convert the file to {declared}."),
    }
}
