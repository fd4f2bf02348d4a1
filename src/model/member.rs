//! The projects that images are shared with.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{ImageId, ProjectId};

/// The answer of a project to an image that is shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<MemberStatus>)]
pub enum MemberStatus {
    /// Nothing yet.
    Pending,
    /// Taken: the image is among its images.
    Accepted,
    /// Refused: the image is out of its sight.
    Rejected,
}

/// A project that an image is shared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub image: ImageId,
    pub project: ProjectId,
    pub status: MemberStatus,
    pub created_ms: i64,
    pub updated_ms: i64,
}

/// A project that shares with another.
#[derive(Clone, Debug)]
pub struct SharingProject {
    pub id: ProjectId,
    pub name: String,
}

/// An image that a project was offered and does not want. Of its record the project sees no more than this.
#[derive(Clone, Debug)]
pub struct RejectedImage {
    pub image: ImageId,
    pub name: Option<String>,
    pub owner: ProjectId,
    pub rejected_ms: i64,
}
