//! The projects that images are shared with.

use std::{fmt, str::FromStr};

use super::image::words;
use crate::{
    error::{Error, Result},
    ids::{ImageId, ProjectId},
};

words!(
    /// What a project an image is shared with has made of the offer.
    MemberStatus {
        /// Nothing yet.
        Pending = "pending",
        /// Taken: the image is among its images.
        Accepted = "accepted",
        /// Refused: the image is out of its sight.
        Rejected = "rejected",
    }
);

/// A project that an image is shared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The image.
    pub image: ImageId,
    /// The project.
    pub project: ProjectId,
    /// What the project has made of it.
    pub status: MemberStatus,
    /// Since when.
    pub created_ms: i64,
    /// When the status last changed.
    pub updated_ms: i64,
}
