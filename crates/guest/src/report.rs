//! The report on a disk. It never has a byte of a secret: a finding names the problem, its place and the remedy.

use serde::{Deserialize, Serialize};

/// Everything that was found on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The version of the rules that were applied.
    pub rules: u32,
    /// The size of the disk.
    pub disk_bytes: u64,
    /// How the disk is divided.
    pub table: TableKind,
    /// Its parts with what is in them, in order.
    pub volumes: Vec<Volume>,
    /// The system on it.
    pub facts: Facts,
    /// Windows, where there is one, or where nobody can tell that there is none.
    pub windows: Option<Windows>,
    /// Things that should not be in a disk that is copied.
    pub findings: Vec<Finding>,
    /// There were more findings than are listed; those of the highest severity are.
    pub has_more_findings: bool,
    /// The bounds that the look met, if it met any, each with its name and the way out: what was not found then proves
    /// nothing.
    pub incomplete: Option<String>,
}

/// How a disk is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// Not at all.
    None,
    /// By a master boot record.
    Mbr,
    /// By a GUID partition table.
    Gpt,
}

/// One part of the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Volume {
    /// The partition's number; `None` for a disk without partitions.
    pub partition: Option<u32>,
    /// Where it begins.
    pub offset_bytes: u64,
    /// How large it is.
    pub size_bytes: u64,
    /// The file system or other content, in one word: `ext4`, `ntfs`, `fat`, `swap`, `xfs`, `unknown`, …
    pub content: String,
    /// Bytes that are free in it, where that can be read.
    pub free_bytes: Option<u64>,
    /// Why it could not be read, if it could not.
    pub problem: Option<String>,
}

/// Something that was looked for: what it is, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Fact<T> {
    /// This is it.
    Known(T),
    /// It cannot be told; this is why.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The value, when it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Unknown(_) => None,
        }
    }

    pub(crate) fn of(value: Option<T>, why_not: &str) -> Fact<T> {
        value.map_or_else(|| Fact::Unknown(why_not.to_owned()), Fact::Known)
    }
}

/// A family of systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// How a disk can be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Boot {
    /// There is code for a BIOS.
    pub bios: bool,
    /// There is a loader for UEFI.
    pub uefi: bool,
}

/// The system on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// Its family.
    pub family: Fact<Family>,
    /// Its distribution: `ID` of os-release, or `windows`.
    pub distribution: Fact<String>,
    /// Its version: `VERSION_ID` of os-release, or Windows' version and build.
    pub version: Fact<String>,
    /// Its full name.
    pub name: Fact<String>,
    /// The processor it is for, in OpenStack's words (`x86_64`, `aarch64`, …).
    pub architecture: Fact<String>,
    /// How it can be booted.
    pub boot: Fact<Boot>,
    /// Whether it takes its settings from the cloud at its first boot.
    pub cloud_init: Fact<bool>,
    /// Whether QEMU's guest agent is installed.
    pub guest_agent: Fact<bool>,
    /// Whether it has drivers for virtio disks.
    pub virtio: Fact<bool>,
    /// Free bytes of its root file system.
    pub root_free_bytes: Fact<u64>,
}

/// How far a Windows is from being one that can be copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Windows {
    /// The verdict.
    pub state: WindowsState,
    /// The ground of the verdict, in a sentence.
    pub found: String,
}

/// Whether Sysprep has generalised a Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowsState {
    /// It has.
    Generalized,
    /// It has not.
    NotGeneralized,
    /// That cannot be read.
    Unknown,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// A clone will be confused for a moment.
    Low,
    /// Clones will be mistaken for one another, or something personal is left.
    Medium,
    /// People with the image get access or secrets that are not theirs, or its Windows may not be generalised.
    High,
}

/// Something that should not be in a disk that is copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Its stable name.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The partition it is in; `None` on a disk without partitions.
    pub partition: Option<u32>,
    /// The file, or what else names the place.
    pub place: String,
    /// Why it matters.
    pub why: String,
    /// The remedy.
    pub remedy: String,
}

impl Report {
    /// Whether it is known what system is on the disk, and everything of it could be looked at.
    pub fn is_recognized(&self) -> bool {
        self.facts.family.known().is_some() && self.incomplete.is_none()
    }

    /// The findings that keep an image from being public.
    pub fn high_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::High)
    }
}
