//! The usage of projects over a period: `/os-simple-tenant-usage`.
//!
//! Reckoned from the instances there are and the deleted ones there is still a record of.

use std::collections::BTreeMap;

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{body::flag, link_next, microversion::Microversion, server_view::vm_state};
use crate::{
    api::{
        Rooms,
        caller::Asked,
        error::Answer,
        paging::{Page, Query, begin_after, no_such_marker},
        times,
    },
    db,
    error::{Error, Result},
    identity::{Caller, policy},
    ids::ProjectId,
    instances::{Instance, ListInstances},
};

/// Nova's default: the last four weeks.
const FOUR_WEEKS_MS: i64 = 28 * 24 * 3600 * 1000;

/// `GET /os-simple-tenant-usage`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    policy::administer(&caller, "see the usage of all projects")?;
    let span = Span::read(&query)?;
    let Page { items: all, next } = page(instances(&rooms, &caller, &span, None).await?, &query, version)?;
    let mut by_project: BTreeMap<ProjectId, Vec<Instance>> = BTreeMap::new();
    for instance in all {
        by_project.entry(instance.project_id).or_default().push(instance);
    }
    let is_detailed = query.all("detailed").any(|value| flag(value) == Some(true));
    let usages: Vec<_> =
        by_project.iter().map(|(project, instances)| span.usage(*project, instances, is_detailed)).collect();
    let mut answer = json!({ "tenant_usages": usages });
    let here = format!("{url}/compute/v2.1/os-simple-tenant-usage");
    link_next(&mut answer, "tenant_usages_links", &query, &here, next);
    Ok(Json(answer))
}

/// `GET /os-simple-tenant-usage/{project}`
pub(super) async fn show(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let project: ProjectId = id.parse().map_err(|_| Error::NotFound(format!("There is no project {id}.")))?;
    policy::see_usage(&caller, project, "see another project's usage")?;
    let span = Span::read(&query)?;
    let all = instances(&rooms, &caller, &span, Some(project)).await?;
    let Page { items: all, next } = page(all, &query, version)?;
    let usage = if all.is_empty() { json!({}) } else { span.usage(project, &all, true) };
    let mut answer = json!({ "tenant_usage": usage });
    let here = format!("{url}/compute/v2.1/os-simple-tenant-usage/{id}");
    link_next(&mut answer, "tenant_usage_links", &query, &here, next);
    Ok(Json(answer))
}

/// From 2.40 on the instances come in pages, by their ids; novaclient asks on until a page is empty.
fn page(mut instances: Vec<Instance>, query: &Query, version: Microversion) -> Result<Page<Instance>> {
    if !version.since(40) {
        return Ok(Page { items: instances, next: None });
    }
    let is_it = |instance: &Instance, marker: &str| instance.id.to_string() == marker;
    begin_after(&mut instances, query.one("marker"), is_it, no_such_marker)?;
    Ok(Page::cut(instances, query.limit_of_nova()?, |instance| instance.id.to_string()))
}

/// The instances that exist, and those that changed since the start, deleted ones included.
async fn instances(rooms: &Rooms, caller: &Caller, span: &Span, project: Option<ProjectId>) -> Result<Vec<Instance>> {
    let own = caller.project.as_ref().map(|own| own.id);
    let all_projects = project.is_none() || project != own;
    let present = ListInstances { all_projects, project, ..ListInstances::default() };
    let changed = ListInstances { changes_since_ms: Some(span.start_ms), ..present.clone() };
    let mut all = rooms.instances.list(caller, &present).await?;
    let changed = rooms.instances.list(caller, &changed).await?;
    all.extend(changed.into_iter().filter(|instance| instance.terminated_ms.is_some()));
    all.sort_by_key(|instance| instance.id);
    all.dedup_by_key(|instance| instance.id);
    Ok(all)
}

/// From when to when.
struct Span {
    start_ms: i64,
    stop_ms: i64,
}

impl Span {
    fn read(query: &Query) -> Result<Span> {
        let stop_ms = query.one("end").map(|text| times::parse("end", text)).transpose()?.unwrap_or_else(db::now_ms);
        let start_ms = query.one("start").map(|text| times::parse("start", text)).transpose()?;
        let start_ms = start_ms.unwrap_or(stop_ms - FOUR_WEEKS_MS);
        if start_ms >= stop_ms {
            return Err(Error::Invalid("Invalid start time. The start time cannot occur after the end time.".into()));
        }
        Ok(Span { start_ms, stop_ms })
    }

    fn hours(&self, instance: &Instance) -> f64 {
        let begun = instance.launched_ms.unwrap_or(instance.created_ms).max(self.start_ms);
        // A span may end tomorrow; an instance has not run until then.
        let ended = instance.terminated_ms.unwrap_or_else(db::now_ms).min(self.stop_ms);
        (ended - begun).max(0) as f64 / 3_600_000.0
    }

    fn usage(&self, project: ProjectId, instances: &[Instance], is_detailed: bool) -> Value {
        let sum = |weight: fn(&Instance) -> f64| instances.iter().map(|i| self.hours(i) * weight(i)).sum::<f64>();
        let mut usage = json!({
            "tenant_id": project,
            "start": times::micros(self.start_ms),
            "stop": times::micros(self.stop_ms),
            "total_hours": sum(|_| 1.0),
            "total_vcpus_usage": sum(|instance| f64::from(instance.flavor.vcpus)),
            "total_memory_mb_usage": sum(|instance| instance.flavor.memory_mib as f64),
            "total_local_gb_usage": sum(|instance| instance.flavor.disk_gib as f64),
        });
        if is_detailed {
            usage["server_usages"] = instances.iter().map(|instance| self.one(instance)).collect();
        }
        usage
    }

    fn one(&self, instance: &Instance) -> Value {
        let end_ms = instance.terminated_ms.unwrap_or_else(db::now_ms);
        let begun_ms = instance.launched_ms.unwrap_or(instance.created_ms);
        json!({
            "instance_id": instance.id,
            "name": instance.name,
            "tenant_id": instance.project_id,
            "flavor": instance.flavor.name,
            "vcpus": instance.flavor.vcpus,
            "memory_mb": instance.flavor.memory_mib,
            "local_gb": instance.flavor.disk_gib,
            "hours": self.hours(instance),
            "started_at": times::micros(begun_ms),
            "ended_at": instance.terminated_ms.map(times::micros),
            "state": if instance.terminated_ms.is_some() { "terminated" } else { vm_state(instance.status) },
            "uptime": (end_ms - begun_ms).max(0) / 1000,
        })
    }
}
