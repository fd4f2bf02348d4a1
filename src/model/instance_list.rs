//! Lists of instances, as the database is asked for them.

pub use super::Direction;
use super::instance::{InstanceRow, InstancesSeen, Status};
use crate::ids::{ImageId, ProjectId, UserId};

/// The conditions of a page of instances.
#[derive(Clone, Debug)]
pub struct InstancePage {
    pub project: Option<ProjectId>,
    /// Living ones, deleted ones, or both.
    pub seen: InstancesSeen,
    pub changes_since_ms: Option<i64>,
    pub changes_before_ms: Option<i64>,
    pub user: Option<UserId>,
    /// Only those in one of these; empty: in any.
    pub status: Vec<Status>,
    pub image: Option<ImageId>,
    pub key_name: Option<String>,
    pub reservation_id: Option<String>,
    /// The order; the greatest id first among what is equal.
    pub order: Vec<(SortKey, Direction)>,
    pub after: Option<InstanceRow>,
    pub limit: u32,
}

impl InstancePage {
    /// So many of these, the newest first.
    pub fn of(project: Option<ProjectId>, seen: InstancesSeen, limit: u32) -> InstancePage {
        InstancePage {
            project,
            seen,
            changes_since_ms: None,
            changes_before_ms: None,
            user: None,
            status: Vec::new(),
            image: None,
            key_name: None,
            reservation_id: None,
            order: vec![(SortKey::Created, Direction::Descending)],
            after: None,
            limit,
        }
    }
}

/// The columns that sort instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    Created,
    Updated,
    Launched,
    Name,
    Status,
    AccessIpv4,
    AccessIpv6,
    Id,
}
