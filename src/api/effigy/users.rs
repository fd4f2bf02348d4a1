//! How users come in.

use axum::{Json, extract::Path, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Refusals;
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ErrorBody},
        times,
    },
    identity::arrivals::Arrival,
};

/// How each user comes in.
#[derive(Serialize, ToSchema)]
#[schema(as = Arrivals)]
pub(super) struct Shown {
    users: Vec<Of>,
}

/// How a user comes in.
#[derive(Serialize, ToSchema)]
#[schema(as = UserArrival)]
struct Of {
    user_id: String,
    /// The last sign-in with a password or an application credential; null when none is known.
    last_sign_in_at: Option<String>,
    /// How many addresses the account is locked for, after wrong passwords from them.
    locked_addresses: usize,
    /// When the last of these locks ends.
    locked_until: Option<String>,
}

/// Tells when each user last signed in, and who is locked out.
///
/// The names are at `/identity/v3/users`. For administrators.
#[utoipa::path(
    get, path = "/users", operation_id = "list_arrivals", tag = "administration",
    responses(
        (status = 200, description = "How each user comes in", body = Shown),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    let shown = |one: Arrival| Of {
        user_id: one.user_id,
        last_sign_in_at: one.last_sign_in_ms.map(times::seconds_z),
        locked_addresses: one.locked_addresses,
        locked_until: one.locked_until_ms.map(times::seconds_z),
    };
    Ok(Json(Shown { users: rooms.identity.arrivals(&caller).await?.into_iter().map(shown).collect() }))
}

/// Opens a locked account for every address.
///
/// For administrators.
#[utoipa::path(
    delete, path = "/users/{user}/locks", operation_id = "unlock_user", tag = "administration",
    params(("user" = String, Path, description = "A user's id")),
    responses(
        (status = 204, description = "No lock holds any more"),
        (status = 403, description = "The caller is not an administrator", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn unlock(Asked { rooms, caller, .. }: Asked, Path(user): Path<String>) -> Answer<StatusCode> {
    rooms.identity.unlock(&caller, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
