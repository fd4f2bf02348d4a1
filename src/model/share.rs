//! Shares: members with an end, with why, and with a word to them.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{UnknownWord, member::MemberStatus};
use crate::ids::{ImageId, ProjectId};

/// The terms that an image is shared on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// From when on it is shared no more.
    pub expires_ms: Option<i64>,
    /// Why it is shared; for the owner only.
    pub reason: Option<String>,
    /// For the receiver.
    pub note: Option<String>,
}

/// An image's share with one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub project: ProjectId,
    /// The receiver's name, once it has accepted.
    pub project_name: Option<String>,
    pub status: MemberStatus,
    pub terms: Terms,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub launches: i64,
    pub downloads: i64,
}

/// An image that waits for a project's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub image: ImageId,
    pub name: Option<String>,
    /// The project that offers it.
    pub owner: ProjectId,
    pub owner_name: Option<String>,
    pub note: Option<String>,
    pub expires_ms: Option<i64>,
    pub created_ms: i64,
}

/// A step in the life of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<ShareStep>)]
pub enum ShareStep {
    Shared,
    /// Its owner set other terms.
    Changed,
    /// The receiver took its answer back.
    Pending,
    Accepted,
    Rejected,
    /// Its owner ended it.
    Ended,
    /// Its date ended it.
    Expired,
}

impl From<MemberStatus> for ShareStep {
    fn from(status: MemberStatus) -> ShareStep {
        match status {
            MemberStatus::Pending => ShareStep::Pending,
            MemberStatus::Accepted => ShareStep::Accepted,
            MemberStatus::Rejected => ShareStep::Rejected,
        }
    }
}

/// One step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareEvent {
    /// Ids grow with time.
    pub id: String,
    pub image: ImageId,
    /// The image's name at that time.
    pub image_name: Option<String>,
    pub project: ProjectId,
    pub at_ms: i64,
    pub step: ShareStep,
    pub expires_ms: Option<i64>,
    pub reason: Option<String>,
}

/// The use that a receiver has made of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareUse {
    pub image: ImageId,
    pub project: ProjectId,
    pub launches: i64,
    pub downloads: i64,
    pub last_ms: i64,
}

/// The part of the histories that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct HistoryWanted {
    /// Of one image.
    pub image: Option<ImageId>,
    /// With this receiver, as it sees it.
    pub receiver: Option<ProjectId>,
    /// The event that the page begins after.
    pub after: Option<String>,
    pub limit: u32,
}
