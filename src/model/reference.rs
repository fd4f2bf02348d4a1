//! The things that rest on an image.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

use super::UnknownWord;
use crate::ids::{ChannelId, ImageId, InstanceId};

/// Things of one kind: some of the project's own, how many it has, and how many others have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting<T> {
    /// Its own, the first by name.
    pub own: Vec<T>,
    pub own_count: i64,
    pub elsewhere: i64,
}

/// An instance that runs from an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingInstance {
    pub id: InstanceId,
    pub name: String,
    pub status: super::instance::Status,
}

/// An image that was made from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingImage {
    pub id: ImageId,
    pub name: Option<String>,
}

/// The channel that an image is a release of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedIn {
    pub channel: ChannelId,
    pub name: String,
    pub number: i64,
    pub is_current: bool,
}

/// A thing that works no more once an image is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantNames)]
#[serde(into = "&'static str")]
#[strum(serialize_all = "lowercase", const_into_str, parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::of::<Broken>)]
pub enum Broken {
    /// Instances go on, and are not rebuilt from it any more.
    Rebuilds,
    /// Those whom it is shared with lose it.
    Shares,
    /// Its release of a channel is gone.
    Release,
    /// The work on its bytes ends.
    Work,
}
