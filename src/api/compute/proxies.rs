//! The answers that Nova once gave in other services' names, up to 2.35, for clients that still ask it; and extensions.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{microversion::Microversion, network};
use crate::{
    api::{
        caller::Asked,
        error::{Answer, ApiError},
    },
    error::Error,
    identity::policy,
    ids::ProjectId,
};

/// `GET /os-networks` and `GET /os-tenant-networks`
pub(super) async fn networks(_: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    Ok(Json(json!({ "networks": [network_view()] })))
}

/// `GET /os-networks/{id}` and `GET /os-tenant-networks/{id}`
pub(super) async fn network(_: Asked, version: Microversion, Path(id): Path<String>) -> Answer {
    version.ends(35)?;
    if id != network::ID {
        return Err(Error::NotFound(format!("Network {id} could not be found.")).into());
    }
    Ok(Json(json!({ "network": network_view() })))
}

fn network_view() -> Value {
    json!({
        "id": network::ID,
        "label": network::NAME,
        "cidr": network::CIDR,
        "gateway": network::GATEWAY,
        "dns1": network::NAME_SERVER,
        "project_id": null,
    })
}

/// `GET /os-security-groups`
pub(super) async fn security_groups(Asked { caller, .. }: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    Ok(Json(json!({ "security_groups": [security_group_of(policy::in_a_project(&caller)?)] })))
}

/// `GET /os-security-groups/{id}`
pub(super) async fn security_group(
    Asked { caller, .. }: Asked,
    version: Microversion,
    Path(id): Path<String>,
) -> Answer {
    version.ends(35)?;
    if id != network::SECURITY_GROUP_ID {
        return Err(Error::NotFound(format!("Security group {id} not found.")).into());
    }
    Ok(Json(json!({ "security_group": security_group_of(policy::in_a_project(&caller)?) })))
}

/// The one security group, as it looks to a project.
pub(super) fn security_group_of(project: ProjectId) -> Value {
    json!({
        "id": network::SECURITY_GROUP_ID,
        "name": network::SECURITY_GROUP,
        "description": "The ports that are forwarded come in, everything goes out",
        "tenant_id": project,
        "rules": [],
    })
}

/// `GET /os-floating-ips` and its like, up to 2.35
pub(super) async fn floating_ips(_: Asked, version: Microversion) -> Answer {
    version.ends(35)?;
    Ok(Json(json!({"floating_ips": []})))
}

/// `GET /extensions`: everything is part of the API itself.
pub(super) async fn extensions(_: Asked) -> Json<Value> {
    Json(json!({"extensions": []}))
}

/// `GET /extensions/{alias}`
pub(super) async fn extension(_: Asked, Path(alias): Path<String>) -> ApiError {
    Error::NotFound(format!("There is no extension {alias}.")).into()
}
