//! Actions on an instance that the Compute API does not have.

use axum::{extract::Path, http::StatusCode};

use super::document::Refusals;
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ErrorBody},
    },
    identity::policy,
};

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
    let id = id.parse().map_err(|_| policy::no_such_instance(&id))?;
    rooms.instances.force_off(&caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}
