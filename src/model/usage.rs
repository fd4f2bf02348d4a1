//! Usage and quotas of projects.

use super::instance::Usage;
use crate::{error::Error, ids::ProjectId};

/// The quota of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub images: i64,
    /// Bytes of files.
    pub bytes: i64,
    /// Uploads at once.
    pub uploads: i64,
    /// Bytes that are staged or being imported.
    pub staged_bytes: i64,
}

impl Limits {
    /// No limit at all, for what gives back or what only an admin does.
    pub const NONE: Limits = Limits { images: i64::MAX, bytes: i64::MAX, uploads: i64::MAX, staged_bytes: i64::MAX };

    /// The refusal of more bytes, an image or an upload, which names the limit that was in the way.
    pub fn in_the_way_of(&self, used: ImageUsage, more_bytes: i64) -> Error {
        Error::OverQuota(if used.bytes.saturating_add(more_bytes) > self.bytes {
            format!(
                "the project's images use {} of its {} bytes, and this needs {more_bytes} more; \
                 delete images, or ask for a larger quota",
                used.bytes, self.bytes
            )
        } else if used.images >= self.images {
            format!("the project has all of its {} images; delete some, or ask for a larger quota", self.images)
        } else {
            format!("the project has all of its {} uploads under way; wait for one to end", self.uploads)
        })
    }

    /// The refusal of more staged bytes.
    pub fn too_much_staged(&self) -> Error {
        Error::OverQuota(format!(
            "the project may have {} bytes staged or being imported at a time; import or delete what is staged first",
            self.staged_bytes
        ))
    }
}

/// The limits of a project that stand in the place of the deployment's, by the names of its settings. `None`: the
/// deployment's holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnLimits {
    pub images: Option<i64>,
    pub image_bytes: Option<i64>,
    pub uploads: Option<i64>,
    pub staged_bytes: Option<i64>,
    pub instances: Option<i64>,
    pub vcpus: Option<i64>,
    pub memory_mib: Option<i64>,
    pub disk_gib: Option<i64>,
}

impl OwnLimits {
    /// The limits of images and their bytes.
    pub fn of_images(self, usual: Limits) -> Limits {
        Limits {
            images: self.images.unwrap_or(usual.images),
            bytes: self.image_bytes.unwrap_or(usual.bytes),
            uploads: self.uploads.unwrap_or(usual.uploads),
            staged_bytes: self.staged_bytes.unwrap_or(usual.staged_bytes),
        }
    }

    /// The limits of instances.
    pub fn of_instances(self, usual: Usage) -> Usage {
        let limit = |own: Option<i64>, usual: u64| own.and_then(|own| own.try_into().ok()).unwrap_or(usual);
        Usage {
            instances: limit(self.instances, usual.instances),
            vcpus: limit(self.vcpus, usual.vcpus),
            memory_mib: limit(self.memory_mib, usual.memory_mib),
            disk_gib: limit(self.disk_gib, usual.disk_gib),
        }
    }
}

/// The usage of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageUsage {
    pub images: i64,
    /// Bytes of files and reservations.
    pub bytes: i64,
    pub uploads: i64,
    /// Of the bytes, those that are staged or being imported.
    pub staged_bytes: i64,
}

/// The usage of a project, of images and of instances.
#[derive(Clone, Debug)]
pub struct ProjectUsage {
    pub project: ProjectId,
    pub images: ImageUsage,
    pub instances: Usage,
}

/// The images of one status and visibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagesCounted {
    pub status: String,
    pub visibility: String,
    pub images: i64,
    pub bytes: i64,
}
