//! The kinds of jobs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ImageId, InstanceId},
    model::job::Lane,
};

/// The work of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Captures a stopped instance's disk into an image that was begun for it.
    // Rows of earlier versions have the old word.
    #[serde(alias = "snapshot")]
    Capture {
        image: ImageId,
        instance: InstanceId,
        /// Where the image is one of the instance's backups.
        #[serde(default)]
        backup: Option<Backup>,
    },
    /// Makes an image of bytes that are staged or elsewhere.
    Import {
        image: ImageId,
        source: Source,
        /// The stores they are for, the first of them first; none in rows from before stores had names.
        #[serde(default)]
        stores: Vec<String>,
        /// Whether it fails when one of the stores cannot take them.
        #[serde(default)]
        all_must_succeed: bool,
    },
    /// Copies an image to further stores.
    Copy {
        image: ImageId,
        /// The stores.
        stores: Vec<String>,
        /// Whether none of them is to have it when one cannot take it.
        all_must_succeed: bool,
    },
    /// Computes the checksums of an image's rendered file.
    Checksum { image: ImageId },
    /// Fills an image that was begun as a cleaned copy of another.
    #[serde(alias = "generalize")]
    Clean {
        /// The copy.
        image: ImageId,
        /// The image it is a copy of.
        source: ImageId,
    },
    /// Looks into an image, and states what is there.
    Verify { image: ImageId },
    /// Deletes chunks that nothing refers to.
    Sweep,
    /// Reads chunks again and verifies them.
    Scrub,
}

impl Work {
    pub(super) fn lane(&self) -> Lane {
        match self {
            Work::Capture { .. } | Work::Verify { .. } => Lane::Front,
            Work::Import { .. } | Work::Copy { .. } => Lane::Import,
            Work::Clean { .. } => Lane::Clean,
            Work::Checksum { .. } | Work::Sweep | Work::Scrub => Lane::Back,
        }
    }

    /// The name of the verification of an image.
    pub fn verification_of(image: ImageId) -> String {
        format!("verify {image}")
    }

    /// The name under which at most one waits or runs.
    pub(super) fn once(&self) -> Option<String> {
        match self {
            Work::Capture { image, .. } => Some(format!("capture {image}")),
            // The image's row says which of its imports is at work.
            Work::Import { .. } | Work::Copy { .. } => None,
            Work::Checksum { image } => Some(format!("checksum {image}")),
            Work::Clean { image, .. } => Some(format!("clean {image}")),
            Work::Verify { image } => Some(Work::verification_of(*image)),
            Work::Sweep => Some("sweep".into()),
            Work::Scrub => Some("scrub".into()),
        }
    }
}

/// One of the backups of an instance, of which the oldest go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Its kind, in the caller's words (`daily`): each kind rotates by itself.
    pub kind: String,
    /// How many of its kind are kept, with this one.
    pub rotation: u32,
}

/// Where an import's bytes come from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// They are staged.
    Staged,
    /// They are at an address.
    Web {
        /// The address.
        uri: String,
    },
    /// They are an image's of another image service in the catalog.
    Glance {
        /// The region it is in.
        region: String,
        /// The interface of its endpoint.
        interface: String,
        /// The image there.
        image: ImageId,
        /// The address that the operator gave this service, which the catalog's own entries begin with. The one that a
        /// request came to is its sender's word, and the token must not follow it.
        #[serde(default)]
        base: Option<String>,
    },
}

impl fmt::Debug for Source {
    /// Without the address: what is after its question mark may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Staged => "glance-direct",
            Source::Web { .. } => "web-download",
            Source::Glance { .. } => "glance-download",
        })
    }
}
