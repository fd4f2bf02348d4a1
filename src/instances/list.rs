//! Lists of instances: filtered, sorted and paged by key.

use super::{
    Instance, Instances,
    types::{Direction, ListInstances, ListUsed, SortKey, UsedInstance},
};
use crate::{
    db::now_ms,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::{InstanceId, ProjectId},
    model::{
        instance::{InstanceRow, InstancesSeen, Usage},
        instance_list::InstancePage,
    },
};

/// The order when the caller names none.
const NEWEST_FIRST: &[(SortKey, Direction)] = &[(SortKey::Created, Direction::Descending)];
/// Rows that are read at a time where filters are left that SQL does not know.
const BATCH: u32 = 500;
/// Deleted instances that are forgotten in one transaction, so that no writer waits long.
const FORGOTTEN_AT_ONCE: u32 = 500;
const DAY_MS: i64 = 24 * 3_600_000;

impl Instances {
    /// How many instances there are of each status, of every project.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn census(&self) -> Result<Vec<(String, i64)>> {
        self.0.db.instances_by_status().await
    }

    /// Lists instances.
    ///
    /// # Errors
    /// `Forbidden` for what only the admin may list; `Invalid` when the marker is not an instance of the list.
    pub async fn list(&self, caller: &Caller, wanted: &ListInstances) -> Result<Vec<Instance>> {
        self.list_those(caller, wanted, |_| true).await
    }

    /// The same, of those that `admits` lets through. Rows that SQL cannot filter are read in batches, so that
    /// a page takes the memory of a page; one that admits nothing takes that of a batch.
    ///
    /// # Errors
    /// As [`Instances::list`].
    pub async fn list_those(
        &self,
        caller: &Caller,
        wanted: &ListInstances,
        mut admits: impl FnMut(&Instance) -> bool,
    ) -> Result<Vec<Instance>> {
        let mut page = self.page(caller, wanted).await?;
        let limit = wanted.limit.map_or(usize::MAX, |limit| limit as usize);
        page.limit = BATCH.min(wanted.limit.unwrap_or(BATCH)).max(1);
        let mut listed = Vec::new();
        while listed.len() < limit {
            let rows = self.0.db.instance_page(&page).await?;
            let is_last = rows.len() < page.limit as usize;
            page.after = rows.last().cloned();
            for row in rows.into_iter().filter(|row| is_wanted(wanted, row)) {
                let instance = self.view(row)?;
                if admits(&instance) {
                    listed.push(instance);
                }
            }
            if is_last {
                break;
            }
            // The first batch had too few: the next ones need not be as small as the page.
            page.limit = BATCH;
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// Hands over, one by one and by their ids, the instances that were there at some time: those that are, and the
    /// deleted ones that changed since. They are read in batches, so that all of them take the memory of a batch.
    ///
    /// # Errors
    /// `Forbidden` for what the caller may not see; `Invalid` for a marker that is not one of them; `take`'s own.
    pub async fn visit_used(
        &self,
        caller: &Caller,
        wanted: &ListUsed,
        mut take: impl FnMut(UsedInstance) -> Result<()>,
    ) -> Result<()> {
        policy::see_used(caller, wanted.project)?;
        if let Some(marker) = wanted.marker {
            let found = self.0.db.instance(marker).await?.filter(|row| {
                let is_seen = !row.is_deleted() || row.updated_ms >= wanted.since_ms;
                is_seen && wanted.project.is_none_or(|project| row.project_id == project)
            });
            found.ok_or_else(|| no_such_marker(marker))?;
        }
        let mut left = wanted.limit.unwrap_or(u32::MAX);
        let mut after = wanted.marker;
        while left > 0 {
            let limit = BATCH.min(left);
            let batch = self.0.db.used_instances(wanted.project, wanted.since_ms, after, limit).await?;
            let is_last = batch.len() < limit as usize;
            after = batch.last().map(|instance| instance.id);
            batch.into_iter().try_for_each(&mut take)?;
            left = if is_last { 0 } else { left - limit };
        }
        Ok(())
    }

    /// The present usage of a project: the caller's own or, for the admin, any.
    ///
    /// # Errors
    /// `Forbidden` for others.
    pub async fn usage_of(&self, caller: &Caller, project: ProjectId) -> Result<Usage> {
        policy::see_usage(caller, project, "see another project's quotas")?;
        self.0.db.instance_usage(project).await
    }

    /// Forgets the instances that were deleted long ago, and what was done to them. Called by the clock.
    ///
    /// # Errors
    /// `Unavailable` when the database is out of reach.
    pub async fn forget_deleted(&self) -> Result<()> {
        let days = i64::from(self.0.settings.forget_deleted_days);
        let before_ms = now_ms() - days * DAY_MS;
        while self.0.db.forget_instances(before_ms, FORGOTTEN_AT_ONCE).await? == u64::from(FORGOTTEN_AT_ONCE) {}
        Ok(())
    }

    /// The page that the caller asks the database for.
    async fn page(&self, caller: &Caller, wanted: &ListInstances) -> Result<InstancePage> {
        let project = policy::list_instances(caller, wanted.all_projects)?.or(wanted.project);
        if wanted.deleted {
            policy::administer(caller, "list deleted instances")?;
        }
        let seen = match wanted.changes_since_ms {
            _ if wanted.deleted => InstancesSeen::Deleted,
            Some(since) => InstancesSeen::ChangedSince(since),
            None => InstancesSeen::Living,
        };
        let after = match wanted.marker {
            None => None,
            Some(marker) => Some(self.marker(marker, project, seen).await?),
        };
        Ok(InstancePage {
            changes_since_ms: wanted.changes_since_ms,
            changes_before_ms: wanted.changes_before_ms,
            user: wanted.user,
            status: wanted.status.clone(),
            image: wanted.image,
            key_name: wanted.key_name.clone(),
            reservation_id: wanted.reservation_id.clone(),
            order: if wanted.sort.is_empty() { NEWEST_FIRST.to_vec() } else { wanted.sort.clone() },
            after,
            ..InstancePage::of(project, seen, BATCH)
        })
    }

    /// An instance of the list, whatever the filters say: a page may follow one that has changed meanwhile.
    async fn marker(&self, id: InstanceId, project: Option<ProjectId>, seen: InstancesSeen) -> Result<InstanceRow> {
        let found = self.0.db.instance(id).await?.filter(|row| {
            let is_seen = match seen {
                InstancesSeen::Living => !row.is_deleted(),
                InstancesSeen::Deleted => row.is_deleted(),
                InstancesSeen::ChangedSince(since) => row.updated_ms >= since,
            };
            is_seen && project.is_none_or(|project| row.project_id == project)
        });
        found.ok_or_else(|| no_such_marker(id))
    }
}

fn no_such_marker(id: InstanceId) -> Error {
    Error::Invalid(format!("marker [{id}] not found"))
}

/// The filters that SQL cannot apply: patterns, and values within JSON.
fn is_wanted(wanted: &ListInstances, row: &InstanceRow) -> bool {
    let has = |tag: &String| row.tags.contains(tag);
    wanted.name.as_ref().is_none_or(|name| name.is_match(&row.name))
        && wanted.flavor.as_ref().is_none_or(|flavor| row.make.flavor.id == *flavor)
        && wanted.tags.iter().all(has)
        && (wanted.tags_any.is_empty() || wanted.tags_any.iter().any(has))
        && (wanted.not_tags.is_empty() || !wanted.not_tags.iter().all(has))
        && !wanted.not_tags_any.iter().any(has)
}
