//! Channels and their releases.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::{UnknownWord, image::Image, member::MemberStatus};
use crate::ids::{ChannelId, ImageId, InstanceId, ProjectId, UserId};

/// A name under which a project releases one image after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub project: ProjectId,
    pub name: String,
    /// The number of its latest release.
    pub last_number: i64,
    /// When all of its releases are deprecated.
    pub deprecate_ms: Option<i64>,
    /// When all of its releases are withdrawn.
    pub retire_ms: Option<i64>,
    pub created_ms: i64,
}

/// An image that a channel has, or had, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub number: i64,
    pub image: Image,
    /// The answer of the project that asks to the image, if it is shared with that project.
    pub membership: Option<MemberStatus>,
    /// The release whose place it last took by a promotion.
    pub replaced: Option<i64>,
    /// The name that its image had before.
    pub former_name: Option<String>,
    pub notes: String,
    pub created_ms: i64,
}

/// The ways of a release to become current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "snake_case", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<StepKind>)]
pub enum StepKind {
    Promoted,
    RolledBack,
}

/// One step of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStep {
    pub step: i64,
    pub at_ms: i64,
    pub action: StepKind,
    /// The release that became current.
    pub number: i64,
    /// The one that it took the place of; `None` at the first.
    pub replaced: Option<i64>,
    pub image: ImageId,
    /// Why it was promoted although its verification speaks against it.
    pub reason: Option<String>,
    pub user_id: UserId,
    pub user_name: String,
}

/// A release that becomes current, as one transaction writes it.
#[derive(Clone, Debug)]
pub struct Promotion {
    pub channel: ChannelId,
    pub action: StepKind,
    /// The current release as it was read; `None` where the channel is new.
    pub from: Option<Image>,
    /// The image that becomes current, as it is to be, with the revision that it was read with.
    pub image: Image,
    /// Its name as it was read, for an image that was no release yet.
    pub former_name: Option<String>,
    /// The notes of a new release; `None` leaves them as they are.
    pub notes: Option<String>,
    pub reason: Option<String>,
    pub user_id: UserId,
    pub user_name: String,
    /// The most projects that an image is shared with.
    pub most_members: i64,
    pub now_ms: i64,
}

/// An instance that runs a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseInstance {
    pub id: InstanceId,
    pub name: String,
    pub image: ImageId,
    pub number: i64,
}

/// The part of all channels that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct ChannelsWanted {
    /// The project that asks.
    pub project: Option<ProjectId>,
    /// Whether those of all projects are seen.
    pub all: bool,
    /// The id or the name of one; an open channel of a community image is found by it too.
    pub named: Option<String>,
    /// The name and the id of the channel that the page begins after.
    pub after: Option<(String, ChannelId)>,
    pub limit: u32,
}
