//! What can be done with an instance that the Compute API has no word for.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use crate::{
    api::{Api, caller::Authenticated, error::ApiError},
    identity::policy,
};

/// `POST /instances/{id}/actions/force-off`: switches it off without asking the guest, also while it is being asked.
pub(super) async fn force_off(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = id.parse().map_err(|_| policy::no_such_instance(&id))?;
    api.instances.force_off(&caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}
