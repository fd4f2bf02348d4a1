//! The usage of every project, and its limits.

use std::collections::BTreeMap;

use axum::{Json, extract::Path, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    document::Refusals,
    usage::{Usage, usage},
};
use crate::{
    api::{
        body::JsonBody,
        caller::Asked,
        error::{Answer, ErrorBody},
        rooms::with_own,
    },
    error::{Error, Result},
    identity::policy,
    ids::ProjectId,
    model::usage::OwnLimits,
};

/// The projects that have something, or limits of their own.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectUsages)]
pub(super) struct Shown {
    projects: Vec<Of>,
    /// The usage of any other project: nothing, beside its limits.
    others: Usage,
}

/// A project and its usage.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageOfProject)]
struct Of {
    #[schema(value_type = String)]
    project_id: ProjectId,
    usage: Usage,
    /// Its limits that stand in the place of the deployment's; null when it has none.
    own: Option<Own>,
}

/// Tells what each project uses of its quotas.
///
/// A project whose record is gone is listed too, while something of it is left. For administrators.
#[utoipa::path(
    get, path = "/projects", operation_id = "list_usage", tag = "administration",
    responses(
        (status = 200, description = "The usage of every project that has something", body = Shown),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    policy::administer(&caller, "see the usage of every project")?;
    let runs_instances = rooms.instances.are_enabled();
    let mut own: BTreeMap<_, _> = rooms.db.own_limits_by_project().await?.into_iter().collect();
    let mut projects = Vec::new();
    for row in rooms.db.usage_by_project().await? {
        let limits = own.remove(&row.project);
        let quota = with_own(&rooms.quota, limits.unwrap_or_default());
        let used = usage(&quota, row.images, runs_instances.then_some(row.instances));
        projects.push(Of { project_id: row.project, usage: used, own: limits.map(Own::from) });
    }
    // Those that have limits of their own, and nothing that counts yet.
    for (project_id, limits) in own {
        let quota = with_own(&rooms.quota, limits);
        let used = usage(&quota, Default::default(), runs_instances.then(Default::default));
        projects.push(Of { project_id, usage: used, own: Some(limits.into()) });
    }
    Ok(Json(Shown { projects, others: usage(&rooms.quota, Default::default(), runs_instances.then(Default::default)) }))
}

/// The limits of a project that stand in the place of the deployment's; null, or left out: the deployment's holds.
#[derive(Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = OwnLimits)]
pub(super) struct Own {
    #[schema(required = false)]
    images: Option<u64>,
    #[schema(required = false)]
    image_bytes: Option<u64>,
    #[schema(required = false)]
    uploads: Option<u64>,
    #[schema(required = false)]
    staged_bytes: Option<u64>,
    #[schema(required = false)]
    instances: Option<u64>,
    #[schema(required = false)]
    vcpus: Option<u64>,
    #[schema(required = false)]
    memory_mib: Option<u64>,
    #[schema(required = false)]
    disk_gib: Option<u64>,
}

/// Gives a project limits of its own.
///
/// They stand in the place of the deployment's from the next request on; what is there stays. Limits that are left out are
/// the deployment's again. For administrators.
#[utoipa::path(
    put, path = "/projects/{project}/quota", operation_id = "set_quota", tag = "administration",
    params(("project" = String, Path, description = "A project's id")),
    request_body(content = Own),
    responses(
        (status = 204, description = "The limits hold"),
        (status = 400, description = "A limit that there is not, or that is too large", body = ErrorBody),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        (status = 404, description = "There is no such project", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn set_quota(
    Asked { rooms, caller, .. }: Asked,
    Path(project): Path<String>,
    JsonBody(wanted): JsonBody<Own>,
) -> Answer<StatusCode> {
    policy::administer(&caller, "set the quota of a project")?;
    let project: ProjectId =
        project.parse().map_err(|_| Error::Invalid(format!("'{project}' is not the id of a project")))?;
    let wanted = OwnLimits::try_from(wanted)?;
    if !rooms.may_be_a_project(project).await? {
        return Err(Error::NotFound(format!("There is no project {project}.")).into());
    }
    rooms.db.change_own_limits(&project, |own| *own = wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl TryFrom<Own> for OwnLimits {
    type Error = Error;

    fn try_from(own: Own) -> Result<OwnLimits> {
        let limit = |limit: Option<u64>| {
            let too_large =
                |_| Error::Invalid(format!("a limit is {} at most; leave it out for the usual one", i64::MAX));
            limit.map(i64::try_from).transpose().map_err(too_large)
        };
        Ok(OwnLimits {
            images: limit(own.images)?,
            image_bytes: limit(own.image_bytes)?,
            uploads: limit(own.uploads)?,
            staged_bytes: limit(own.staged_bytes)?,
            instances: limit(own.instances)?,
            vcpus: limit(own.vcpus)?,
            memory_mib: limit(own.memory_mib)?,
            disk_gib: limit(own.disk_gib)?,
        })
    }
}

impl From<OwnLimits> for Own {
    fn from(own: OwnLimits) -> Own {
        let limit = |limit: Option<i64>| limit.and_then(|limit| limit.try_into().ok());
        Own {
            images: limit(own.images),
            image_bytes: limit(own.image_bytes),
            uploads: limit(own.uploads),
            staged_bytes: limit(own.staged_bytes),
            instances: limit(own.instances),
            vcpus: limit(own.vcpus),
            memory_mib: limit(own.memory_mib),
            disk_gib: limit(own.disk_gib),
        }
    }
}
