//! Why a file is turned away.

use std::{fmt, io};

/// The rule that a file broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It names another file: a backing file, a data file, an extent, a parent.
    ExternalReference,
    /// The bytes are another format than the declared one.
    FormatMismatch,
    /// The bytes are more than one format at a time.
    Polyglot,
    /// Its tables contradict themselves, the format, or the file.
    Corrupt,
    /// It ends before what it says it holds.
    Truncated,
    /// Its content cannot be read without a key.
    Encrypted,
    /// It needs something of its format that is not offered here.
    UnsupportedFeature,
    /// Its disk is larger than allowed.
    TooLarge,
    /// Few bytes claim to be many: clusters are shared.
    Amplification,
    /// The format is not accepted at all.
    BannedFormat,
    /// The bytes are a disk in a wrapping, or no disk at all: a compressed file, an archive, a web page.
    NotADisk,
    /// The bytes could not be read. No verdict on the file: try again.
    Unreadable,
}

impl Rule {
    /// The rule's name as clients and documents have it.
    pub fn word(self) -> &'static str {
        match self {
            Rule::ExternalReference => "external_reference",
            Rule::FormatMismatch => "format_mismatch",
            Rule::Polyglot => "polyglot",
            Rule::Corrupt => "corrupt",
            Rule::Truncated => "truncated",
            Rule::Encrypted => "encrypted",
            Rule::UnsupportedFeature => "unsupported_feature",
            Rule::TooLarge => "too_large",
            Rule::Amplification => "amplification",
            Rule::BannedFormat => "banned_format",
            Rule::NotADisk => "not_a_disk",
            Rule::Unreadable => "unreadable",
        }
    }

    /// The remedy of a refusal that names none more exact.
    fn remedy(self) -> &'static str {
        match self {
            Rule::ExternalReference => "Write the image into one file: qemu-img convert -O qcow2 OLD NEW.",
            Rule::FormatMismatch => "Declare the format that the file has, or convert the file.",
            Rule::Polyglot => "Convert the image anew from the disk it was made of.",
            Rule::Corrupt => "Check it with qemu-img check, repair or rebuild it, and upload it again.",
            Rule::Truncated => "Compare the file with its source: copy and upload it again.",
            Rule::Encrypted => "Decrypt it first: qemu-img convert into a file without encryption.",
            Rule::UnsupportedFeature => "Convert it: qemu-img convert -O qcow2 OLD NEW.",
            Rule::TooLarge => "Shrink the disk, or ask for a larger limit.",
            Rule::Amplification => "Rebuild it: qemu-img convert -O qcow2 OLD NEW.",
            Rule::BannedFormat => "Convert it to qcow2 or raw and upload that.",
            Rule::NotADisk => "Take the disk out of it, declare the disk's format, and upload the disk.",
            Rule::Unreadable => "Try again later.",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Tables of large blocks take some even for a tiny disk.
const SMALL_FILE_BYTES: u64 = 16 << 20;

/// A refusal: which rule, where in the file, what was found, and what the person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The rule that was broken.
    pub rule: Rule,
    /// Where in the file it was found, in bytes from its start.
    pub offset: Option<u64>,
    /// The fault, in a sentence without anything quoted from the file.
    pub message: String,
    /// A remedy that the person can try.
    pub remedy: String,
}

impl Rejection {
    pub(crate) fn new(rule: Rule, offset: impl Into<Option<u64>>, message: impl Into<String>) -> Self {
        Self { rule, offset: offset.into(), message: message.into(), remedy: rule.remedy().into() }
    }

    pub(crate) fn corrupt(offset: u64, message: impl Into<String>) -> Self {
        Self::new(Rule::Corrupt, offset, message)
    }

    pub(crate) fn truncated(offset: u64, message: impl Into<String>) -> Self {
        Self::new(Rule::Truncated, offset, message)
    }

    /// Something that the file does not have: cut off if it is where the rest of the file would be, else nonsense.
    pub(crate) fn outside(at: u64, what: &str, offset: u64, virtual_size_bytes: u64) -> Self {
        // Twice the disk is more than its blocks and their tables take.
        let longest = virtual_size_bytes.saturating_mul(2).saturating_add(SMALL_FILE_BYTES);
        let message = format!("{what} lies outside the file");
        if offset < longest { Self::truncated(at, message) } else { Self::corrupt(at, message) }
    }

    /// The refusal to inflate an extent that is not compressed.
    pub(crate) fn not_compressed() -> Self {
        Self::new(Rule::Unreadable, None, "the extent is not compressed")
    }

    /// The same refusal, or that of an amplification when it is one.
    pub(crate) fn or_amplification(self, is_one: bool, message: &str) -> Self {
        if is_one { Self::new(Rule::Amplification, self.offset, message) } else { self }
    }

    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// A failed read: an early end is the file's fault, everything else is not.
    pub(crate) fn unread(offset: u64, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::truncated(offset, "the file ends too early"),
            _ => Self::new(Rule::Unreadable, offset, format!("the file could not be read: {error}")),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)?;
        if let Some(offset) = self.offset {
            write!(f, " (at byte {offset})")?;
        }
        write!(f, ". {}", self.remedy)
    }
}

impl std::error::Error for Rejection {}
