//! The names of disk formats.

use std::fmt;
use std::str::FromStr;

/// A disk format, by the word OpenStack's `disk_format` has for it where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// The disk's bytes themselves, with or without a partition table.
    Raw,
    /// QEMU's format, versions 2 and 3.
    Qcow2,
    /// QEMU's format, version 1.
    Qcow,
    /// VMware's format: a sparse file or a text that names other files.
    Vmdk,
    /// Microsoft's older format, with a footer.
    Vhd,
    /// Microsoft's newer format.
    Vhdx,
    /// VirtualBox's format.
    Vdi,
    /// An ISO 9660 file system.
    Iso,
    /// QEMU's retired "enhanced disk".
    Qed,
    /// Parallels' format, which OpenStack calls `ploop`.
    Parallels,
    /// An encrypted LUKS volume.
    Luks,
    /// An archive with an appliance in it.
    Ova,
    /// An Amazon machine image.
    Ami,
    /// An Amazon ramdisk.
    Ari,
    /// An Amazon kernel.
    Aki,
}

/// A word that names no disk format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a disk format")]
pub struct UnknownFormat(String);

impl Format {
    /// Every format there is a word for.
    pub const ALL: [Format; 15] = [
        Format::Raw,
        Format::Qcow2,
        Format::Qcow,
        Format::Vmdk,
        Format::Vhd,
        Format::Vhdx,
        Format::Vdi,
        Format::Iso,
        Format::Qed,
        Format::Parallels,
        Format::Luks,
        Format::Ova,
        Format::Ami,
        Format::Ari,
        Format::Aki,
    ];

    /// The formats that files may have.
    pub const ACCEPTED: [Format; 7] =
        [Format::Raw, Format::Qcow2, Format::Vmdk, Format::Vhd, Format::Vhdx, Format::Vdi, Format::Iso];

    /// Whether files of it are let in at all.
    pub fn is_accepted(self) -> bool {
        Self::ACCEPTED.contains(&self)
    }

    /// The word for it in OpenStack's `disk_format`, or its common name.
    pub fn word(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Qcow => "qcow",
            Format::Vmdk => "vmdk",
            Format::Vhd => "vhd",
            Format::Vhdx => "vhdx",
            Format::Vdi => "vdi",
            Format::Iso => "iso",
            Format::Qed => "qed",
            Format::Parallels => "ploop",
            Format::Luks => "luks",
            Format::Ova => "ova",
            Format::Ami => "ami",
            Format::Ari => "ari",
            Format::Aki => "aki",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.word() == word)
            .ok_or_else(|| UnknownFormat(word.chars().take(64).collect()))
    }
}
