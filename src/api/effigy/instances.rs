//! Questions about instances and actions on them that the Compute API does not have.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::document::Refusals;
use crate::{
    api::{
        caller::Asked,
        compute::count_servers,
        error::{Answer, ErrorBody},
        paging::Query,
    },
    error::Result,
    identity::policy,
    ids::InstanceId,
};

/// The filters that a count is most often asked with. It takes every filter of the Compute API's list of servers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes; the Compute API's filters are what is read")]
pub(super) struct Filters {
    /// A regular expression that the name matches.
    name: Option<String>,
    /// In this status.
    #[param(example = "SHUTOFF")]
    status: Option<String>,
    /// With all of these tags, separated by commas.
    tags: Option<String>,
    /// Of every project; for administrators.
    all_tenants: Option<bool>,
    /// With `all_tenants`: of this project.
    project_id: Option<String>,
}

/// How many instances there are.
#[derive(Serialize, ToSchema)]
#[schema(as = InstanceCount)]
pub(super) struct Count {
    count: u64,
}

/// Counts instances.
///
/// It takes the filters of the Compute API's list of servers, and counts what that has on all of its pages.
#[utoipa::path(
    get, path = "/instances/count", operation_id = "count_instances", tag = "instances", params(Filters),
    responses(
        (status = 200, description = "How many there are", body = Count),
        (status = 400, description = "A filter that there is not", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn count(Asked { rooms, caller, .. }: Asked, query: Query) -> Answer<Json<Count>> {
    Ok(Json(Count { count: count_servers(&rooms, &caller, &query).await? }))
}

/// The part of an instance that its record in the Compute API has no word for.
#[derive(Serialize, ToSchema)]
#[schema(as = Instance)]
pub(super) struct Shown {
    #[schema(format = Uuid)]
    id: String,
    /// How often its guest has restarted itself since it was switched on, or since this service began to look after it.
    guest_restarts: u32,
}

/// Shows the part of an instance that its record in the Compute API has no word for.
#[utoipa::path(
    get, path = "/instances/{id}", operation_id = "show_instance", tag = "instances",
    params(("id" = String, Path, format = Uuid, description = "An instance's id")),
    responses(
        (status = 200, description = "The instance", body = Shown),
        (status = 404, description = "The caller's project has no such instance", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn show(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<Json<Shown>> {
    let id = instance_id(&id)?;
    Ok(Json(Shown { guest_restarts: rooms.instances.guest_restarts(&caller, id).await?, id: id.to_string() }))
}

/// Switches an instance off without asking its guest, also while that is being asked.
#[utoipa::path(
    post, path = "/instances/{id}/actions/force-off", operation_id = "force_off_instance", tag = "instances",
    params(("id" = String, Path, format = Uuid, description = "An instance's id")),
    responses(
        (status = 202, description = "It is being switched off"),
        (status = 403, description = "The caller may not change the instance", body = ErrorBody),
        (status = 404, description = "The caller's project has no such instance", body = ErrorBody),
        (status = 409, description = "It does not run, or it is locked", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn force_off(Asked { rooms, caller, .. }: Asked, Path(id): Path<String>) -> Answer<StatusCode> {
    rooms.instances.force_off(&caller, instance_id(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}

fn instance_id(id: &str) -> Result<InstanceId> {
    id.parse().map_err(|_| policy::no_such_instance(id))
}
