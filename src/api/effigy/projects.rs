//! The usage of every project.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document::Refusals,
    usage::{Usage, usage},
};
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ErrorBody},
    },
    identity::policy,
    ids::ProjectId,
};

/// The projects that have something.
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
    let rows = rooms.db.usage_by_project().await?;
    let projects = rows.into_iter().map(|row| Of {
        project_id: row.project,
        usage: usage(&rooms.quota, row.images, runs_instances.then_some(row.instances)),
    });
    let projects = projects.collect();
    Ok(Json(Shown { projects, others: usage(&rooms.quota, Default::default(), runs_instances.then(Default::default)) }))
}
