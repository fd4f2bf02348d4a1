//! Lists that clients ask for and that are truly empty here.

use axum::Json;

use super::{
    super::{caller::Asked, error::Answer},
    lists::Unread,
};

fn none(name: &str, unread: Unread, known: &'static [&'static str]) -> Answer {
    Ok(Json(unread.knowing(known)?.shown(name, Vec::<String>::new(), |id| id, |id| id.as_str().into())))
}

/// `GET /v3/registered_limits`
pub(super) async fn registered_limits(_: Asked, unread: Unread) -> Answer {
    none("registered_limits", unread, &["service_id", "region_id", "resource_name"])
}

/// `GET /v3/limits`
pub(super) async fn limits(_: Asked, unread: Unread) -> Answer {
    none("limits", unread, &["service_id", "region_id", "resource_name", "project_id", "domain_id"])
}

/// `GET /v3/credentials`
pub(super) async fn credentials(_: Asked, unread: Unread) -> Answer {
    none("credentials", unread, &["user_id", "type"])
}

/// `GET /v3/policies`
pub(super) async fn policies(_: Asked, unread: Unread) -> Answer {
    none("policies", unread, &["type"])
}
