//! Usage and quotas of projects.

/// The quota of a project.
#[derive(Clone, Copy, Debug)]
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

/// The images of one status and visibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagesCounted {
    pub status: String,
    pub visibility: String,
    pub images: i64,
    pub bytes: i64,
}
