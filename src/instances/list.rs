//! Lists of instances: filtered, sorted and paged by key.

use std::cmp::Ordering;

use super::{
    Instances,
    room::Room,
    types::{Direction, ListInstances, SortKey},
};
use crate::{
    error::{Error, Result},
    identity::{Caller, policy},
    model::instance::{InstanceRow, InstancesSeen},
};

/// The order when nobody says one.
const NEWEST_FIRST: &[(SortKey, Direction)] = &[(SortKey::Created, Direction::Descending)];

impl Instances {
    /// How many instances there are of each status, of every project.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn census(&self) -> Result<Vec<(String, i64)>> {
        self.0.db.instances_by_status().await
    }
}

impl Room {
    /// Lists, as the door says. A project's instances are bounded by its quota, so they are filtered here; those of all
    /// projects, which only the admin lists, are filtered here too.
    pub(super) async fn list(&self, caller: &Caller, wanted: &ListInstances) -> Result<Vec<InstanceRow>> {
        let project = policy::list_instances(caller, wanted.all_projects)?.or(wanted.project);
        if wanted.deleted {
            policy::administer(caller, "list deleted instances")?;
        }
        let seen = match wanted.changes_since_ms {
            _ if wanted.deleted => InstancesSeen::Deleted,
            Some(since) => InstancesSeen::ChangedSince(since),
            None => InstancesSeen::Living,
        };
        let mut rows = self.db.instances(project, seen).await?;
        let order = if wanted.sort.is_empty() { NEWEST_FIRST } else { &wanted.sort };
        rows.sort_by(|a, b| compare(order, a, b));
        if let Some(marker) = wanted.marker {
            // Sought before filtering: a page may follow one that has changed meanwhile.
            let at = rows.iter().position(|row| row.id == marker);
            let at = at.ok_or_else(|| Error::Invalid(format!("marker [{marker}] not found")))?;
            rows.drain(..=at);
        }
        rows.retain(|row| is_wanted(wanted, row));
        rows.truncate(wanted.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok(rows)
    }
}

fn is_wanted(wanted: &ListInstances, row: &InstanceRow) -> bool {
    let flavor_id = || {
        let flavor: Option<super::Flavor> = serde_json::from_str(&row.make.flavor).ok();
        flavor.map(|flavor| flavor.id)
    };
    let has = |tag: &String| row.tags.contains(tag);
    wanted.user.is_none_or(|user| row.user_id == user)
        && wanted.name.as_ref().is_none_or(|name| name.is_match(&row.name))
        && (wanted.status.is_empty() || wanted.status.contains(&row.state.status))
        && wanted.image.is_none_or(|image| row.make.image == image)
        && wanted.flavor.as_ref().is_none_or(|flavor| flavor_id().as_ref() == Some(flavor))
        && wanted.key_name.as_ref().is_none_or(|name| row.make.key_name.as_ref() == Some(name))
        && wanted.reservation_id.as_ref().is_none_or(|id| row.make.reservation_id == *id)
        && wanted.changes_since_ms.is_none_or(|since| row.updated_ms >= since)
        && wanted.changes_before_ms.is_none_or(|before| row.updated_ms <= before)
        && wanted.tags.iter().all(has)
        && (wanted.tags_any.is_empty() || wanted.tags_any.iter().any(has))
        && (wanted.not_tags.is_empty() || !wanted.not_tags.iter().all(has))
        && !wanted.not_tags_any.iter().any(has)
}

fn compare(order: &[(SortKey, Direction)], a: &InstanceRow, b: &InstanceRow) -> Ordering {
    let one = |(key, direction): &(SortKey, Direction)| {
        let found = match key {
            SortKey::Created => a.created_ms.cmp(&b.created_ms),
            SortKey::Updated => a.updated_ms.cmp(&b.updated_ms),
            SortKey::Launched => a.state.launched_ms.cmp(&b.state.launched_ms),
            SortKey::Name => a.name.cmp(&b.name),
            SortKey::Status => a.state.status.into_str().cmp(b.state.status.into_str()),
            SortKey::Id => a.id.cmp(&b.id),
        };
        if *direction == Direction::Descending { found.reverse() } else { found }
    };
    // The id settles what is equal, so that pages never overlap.
    order.iter().map(one).find(|found| found.is_ne()).unwrap_or_else(|| b.id.cmp(&a.id))
}
