//! Lists of images: what somebody asks for, and what somebody sees.
//!
//! A list is a page of what the rules let the caller see (parts, made by `identity::image_policy`), cut down to what
//! the caller asked for ([`ListImages`]). `db` translates both into one statement.

pub use super::Direction;
use super::{
    image::{Image, Visibility},
    member::MemberStatus,
};
use crate::ids::{ImageId, ProjectId};

/// The conditions of a list of images.
#[derive(Clone, Debug, Default)]
pub struct ListImages {
    /// Only of this visibility; without, all but other projects' community images.
    pub visibility: Option<PageVisibility>,
    /// Whether the project has accepted the images shared with it; by default, it has.
    pub membership: Option<Membership>,
    /// Hidden images instead of the others.
    pub hidden: bool,
    pub conditions: Vec<Condition>,
    /// The order, newest first unless something is said; made total by creation and id.
    pub order: Vec<(SortKey, Direction)>,
    pub marker: Option<ImageId>,
    pub limit: u32,
}

/// A page of a list.
#[derive(Debug, Default)]
pub struct ImagePage {
    pub images: Vec<Image>,
    /// Whether there may be a next page. A page ends early where its images are large.
    pub is_more: bool,
}

/// A member status as lists ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// This one.
    Only(MemberStatus),
    /// Pending and accepted. Rejected images are out of sight.
    All,
}

/// A part of what somebody sees. No image is in two parts of one answer, so a list is their union without looking for
/// doubles, and each part is a walk of one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every image there is, of this visibility if one is named.
    Every(Option<Visibility>),
    /// The project's own, of this visibility if one is named.
    Own(ProjectId, Option<Visibility>),
    /// Images of a visibility that opens them to everybody, as this project sees them: its own ones, and other
    /// projects' unless they are held back from being public.
    Open(Visibility, ProjectId),
    /// The same without the project's own.
    OpenOfOthers(Visibility, ProjectId),
    /// Shared images of other projects of which this one is a member in one of these states.
    SharedWith(ProjectId, &'static [MemberStatus]),
}

/// A visibility as lists ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageVisibility {
    /// This one.
    Only(Visibility),
    /// All, community images included.
    All,
    /// The kinds of images, as the viewer's project sees them.
    Kind(Kind),
}

/// The kinds of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Supplied by the provider.
    Public,
    /// Made in the viewer's project, also those it has shared.
    Private,
    /// Shared with the viewer's project by another.
    Shared,
    /// Open to everybody by another project, and not supplied by the provider.
    Community,
}

/// Something that must hold of a listed image.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A column has one of these texts.
    TextIn(TextColumn, Vec<String>),
    Protected(bool),
    /// A number of the image compares in this way with this one.
    Number(NumberColumn, Comparison, i64),
    Tag(String),
    /// The image has this property with this value.
    Property(String, String),
    /// The name or a tag contains this, or the id or the distribution begins with it, in upper or lower case.
    Matches(String),
    /// Its last save failed, or did not.
    Failed(bool),
}

/// A column of text that lists filter by.
#[derive(Clone, Copy, Debug)]
pub enum TextColumn {
    Id,
    Name,
    Status,
    Owner,
    DiskFormat,
    ContainerFormat,
    Checksum,
    OsHash,
    Visibility,
    Verdict,
}

/// A column of numbers that lists filter by.
#[derive(Clone, Copy, Debug)]
pub enum NumberColumn {
    SizeBytes,
    /// How many findings its verification has.
    Problems,
    MinDiskGib,
    MinRamMib,
    /// In milliseconds, compared by the second they fall into, as they are shown.
    CreatedMs,
    /// As above.
    UpdatedMs,
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The columns that order lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    Name,
    Status,
    DiskFormat,
    ContainerFormat,
    SizeBytes,
    Id,
    CreatedMs,
    UpdatedMs,
}
