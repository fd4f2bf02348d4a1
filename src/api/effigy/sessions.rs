//! Where the caller is signed in.

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
    identity::sessions::SignedIn,
};

/// The caller's own sessions.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(super) struct Shown {
    sessions: Vec<One>,
}

/// A sign-in with a password, and all that was exchanged for its token.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct One {
    id: String,
    /// Whether this request is of it.
    is_this: bool,
    #[schema(format = DateTime)]
    began_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// The address that it last asked for a token from; null when it is not known.
    address: Option<String>,
    /// The names of the projects that it is in.
    projects: Vec<String>,
}

/// Lists the caller's own sessions, the newest first.
#[utoipa::path(
    get, path = "/sessions", operation_id = "list_sessions", tag = "sessions",
    responses(
        (status = 200, description = "The sessions that live", body = Shown),
        (status = 403, description = "The caller is an application credential", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn list(Asked { rooms, caller, .. }: Asked) -> Answer<Json<Shown>> {
    let one = |session: SignedIn| One {
        id: session.id,
        is_this: session.is_this,
        began_at: times::seconds_z(session.began_ms),
        expires_at: times::seconds_z(session.expires_ms),
        address: session.address,
        projects: session.projects,
    };
    Ok(Json(Shown { sessions: rooms.identity.sessions(&caller).await?.into_iter().map(one).collect() }))
}

/// Ends one of the caller's own sessions, in every project.
#[utoipa::path(
    delete, path = "/sessions/{session}", operation_id = "end_session", tag = "sessions",
    params(("session" = String, Path, description = "A session's id")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 403, description = "The caller is an application credential", body = ErrorBody),
        (status = 404, description = "The caller has no such session", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn end(Asked { rooms, caller, .. }: Asked, Path(session): Path<String>) -> Answer<StatusCode> {
    rooms.identity.end_session(&caller, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the caller's own sessions but the one of this request.
#[utoipa::path(
    delete, path = "/sessions", operation_id = "end_other_sessions", tag = "sessions",
    responses(
        (status = 204, description = "They have ended"),
        (status = 403, description = "The caller is an application credential", body = ErrorBody),
        Refusals,
    ),
)]
pub(super) async fn end_others(Asked { rooms, caller, .. }: Asked) -> Answer<StatusCode> {
    rooms.identity.end_other_sessions(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
