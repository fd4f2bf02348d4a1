//! The usage of projects over a period: `/os-simple-tenant-usage`.
//!
//! Reckoned from the instances there are and the deleted ones there is still a record of.

use std::collections::BTreeMap;

use axum::{Json, extract::Path};
use serde::Serialize;
use serde_json::{Value, json};

use super::{body::flag, link_next, microversion::Microversion, server_view::vm_state};
use crate::{
    api::{
        Rooms,
        caller::Asked,
        error::Answer,
        paging::{Page, Query, no_such_marker},
        times,
    },
    db,
    error::{Error, Result},
    identity::Caller,
    ids::ProjectId,
    instances::{ListUsed, UsedInstance},
};

/// Nova's default: the last four weeks.
const FOUR_WEEKS_MS: i64 = 28 * 24 * 3600 * 1000;

/// Instances that one answer tells of each by itself where there are no pages (before 2.40).
const MAX_TOLD: usize = 10_000;

/// `GET /os-simple-tenant-usage`
pub(super) async fn list(Asked { rooms, caller, url }: Asked, version: Microversion, query: Query) -> Answer {
    let is_detailed = query.all("detailed").any(|value| flag(value) == Some(true));
    let used = Used { span: Span::read(&query)?, is_detailed, projects: BTreeMap::new(), told: 0 };
    let (used, next) = used.filled(&rooms, &caller, None, version, &query).await?;
    let mut answer = json!({ "tenant_usages": used.projects.into_values().collect::<Vec<_>>() });
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
    let used = Used { span: Span::read(&query)?, is_detailed: true, projects: BTreeMap::new(), told: 0 };
    let (mut used, next) = used.filled(&rooms, &caller, Some(project), version, &query).await?;
    let usage = used.projects.remove(&project);
    let mut answer = json!({ "tenant_usage": usage.map_or_else(|| json!({}), |usage| json!(usage)) });
    let here = format!("{url}/compute/v2.1/os-simple-tenant-usage/{id}");
    link_next(&mut answer, "tenant_usage_links", &query, &here, next);
    Ok(Json(answer))
}

/// The usage of projects, added up from one instance after another.
struct Used {
    span: Span,
    /// Whether each instance is told by itself.
    is_detailed: bool,
    projects: BTreeMap<ProjectId, ProjectUsage>,
    told: usize,
}

/// The usage of a project.
#[derive(Serialize)]
struct ProjectUsage {
    tenant_id: ProjectId,
    start: String,
    stop: String,
    total_hours: f64,
    total_vcpus_usage: f64,
    total_memory_mb_usage: f64,
    total_local_gb_usage: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_usages: Option<Vec<Value>>,
}

impl Used {
    /// Adds what is asked for, and tells the marker of the next page. From 2.40 on the instances come in pages, by their
    /// ids; novaclient asks on until a page is empty.
    async fn filled(
        mut self,
        rooms: &Rooms,
        caller: &Caller,
        project: Option<ProjectId>,
        version: Microversion,
        query: &Query,
    ) -> Result<(Used, Option<String>)> {
        let mut wanted = ListUsed { project, since_ms: self.span.start_us / 1000, marker: None, limit: None };
        if !version.since(40) {
            rooms.instances.visit_used(caller, &wanted, |instance| self.add(&instance)).await?;
            return Ok((self, None));
        }
        let limit = query.limit_of_nova()?;
        let marker = query.one("marker").map(|marker| marker.parse().map_err(|_| no_such_marker(marker)));
        wanted.marker = marker.transpose()?;
        wanted.limit = Some(limit as u32 + 1);
        let mut page = Vec::new();
        let take = |instance| {
            page.push(instance);
            Ok(())
        };
        rooms.instances.visit_used(caller, &wanted, take).await?;
        let page = Page::cut(page, limit, |instance| instance.id.to_string());
        page.items.iter().try_for_each(|instance| self.add(instance))?;
        Ok((self, page.next))
    }

    fn add(&mut self, instance: &UsedInstance) -> Result<()> {
        let (span, hours) = (&self.span, self.span.hours(instance));
        let usage = self.projects.entry(instance.project_id).or_insert_with(|| ProjectUsage {
            tenant_id: instance.project_id,
            start: times::of_us(span.start_us),
            stop: times::of_us(span.stop_us),
            total_hours: 0.0,
            total_vcpus_usage: 0.0,
            total_memory_mb_usage: 0.0,
            total_local_gb_usage: 0.0,
            server_usages: self.is_detailed.then(Vec::new),
        });
        usage.total_hours += hours;
        usage.total_vcpus_usage += hours * f64::from(instance.flavor.vcpus);
        usage.total_memory_mb_usage += hours * instance.flavor.memory_mib as f64;
        usage.total_local_gb_usage += hours * instance.flavor.disk_gib as f64;
        if let Some(told) = &mut usage.server_usages {
            self.told += 1;
            if self.told > MAX_TOLD {
                return Err(Error::Invalid(format!(
                    "This usage is of more than {MAX_TOLD} instances: ask for it in pages, with microversion 2.40 or \
                     later, or for a shorter time."
                )));
            }
            told.push(span.one(instance, hours));
        }
        Ok(())
    }
}

/// From when to when.
struct Span {
    start_us: i64,
    stop_us: i64,
}

impl Span {
    fn read(query: &Query) -> Result<Span> {
        query.only(&["start", "end", "detailed", "limit", "marker"])?;
        let time = |name: &str| query.one(name).map(|text| times::parse_us(name, text)).transpose();
        let stop_us = time("end")?.unwrap_or_else(|| db::now_ms() * 1000);
        let start_us = time("start")?.unwrap_or(stop_us - FOUR_WEEKS_MS * 1000);
        if start_us >= stop_us {
            return Err(Error::Invalid("Invalid start time. The start time cannot occur after the end time.".into()));
        }
        Ok(Span { start_us, stop_us })
    }

    fn hours(&self, instance: &UsedInstance) -> f64 {
        let begun = instance.launched_ms.unwrap_or(instance.created_ms).max(self.start_us / 1000);
        // A span may end tomorrow; an instance has not run until then.
        let ended = instance.terminated_ms.unwrap_or_else(db::now_ms).min(self.stop_us / 1000);
        (ended - begun).max(0) as f64 / 3_600_000.0
    }

    fn one(&self, instance: &UsedInstance, hours: f64) -> Value {
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
            "hours": hours,
            "started_at": times::micros(begun_ms),
            "ended_at": instance.terminated_ms.map(times::micros),
            "state": if instance.terminated_ms.is_some() { "terminated" } else { vm_state(instance.status) },
            "uptime": (end_ms - begun_ms).max(0) / 1000,
        })
    }
}
